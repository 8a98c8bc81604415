//! Steps that need no worker: requests to a server (a real one, on this machine), a condition, a
//! renderable in a log, a pause.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::*;

/// A server that gives one answer; its port, and what it was asked.
fn server(answer: &'static str) -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut block = [0; 4096];
        loop {
            let n = socket.read(&mut block).unwrap();
            asked.extend_from_slice(&block[..n]);
            let text = String::from_utf8_lossy(&asked).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
                if body.len() >= length.map_or(0, |n| n.parse().unwrap()) {
                    socket.write_all(answer.as_bytes()).unwrap();
                    return text;
                }
            }
            assert!(n > 0, "{text}");
        }
    });
    (port, asked)
}

/// The texts that were written to a log, the answers' own date left out.
fn written(played: &Played, log: &str) -> String {
    let start = format!("WriteLog {{ name: {log:?}, ");
    let lines = played.asked.iter().filter(|line| line.starts_with(&start));
    lines.cloned().collect::<Vec<_>>().join("\n")
}

#[test]
fn a_request_and_its_answer_are_logged_without_proofs() {
    let (port, asked) = server(
        "HTTP/1.1 201 Created\r\nx-secret: deep\r\nx-id: 7\r\ncontent-length: 4\r\n\r\ndone",
    );
    let step = format!(
        "ci.steps.http {{ method = 'patch', url = 'http://127.0.0.1:{port}/builds?a=1', params = {{ b = 'x y' }},
           json = {{ state = 'done' }}, headers = {{ ['X-Token'] = 'T0K', ['X-Plain'] = 5 }}, cookies = {{ sid = 'C00' }},
           auth = {{ user = 'u', password = 'p' }}, hide_request_headers = {{ 'x-token' }},
           hide_response_headers = {{ 'X-Secret' }}, timeout = 20 }}"
    );
    let played = play(&step, (0..6).map(|_| done()).collect());
    let asked = asked.join().unwrap().to_lowercase();
    assert!(asked.starts_with("patch /builds?a=1&b=x%20y http/1.1\r\n"), "{asked}");
    assert!(asked.contains("x-token: t0k\r\n") && asked.contains("cookie: sid=c00\r\n"), "{asked}");
    assert!(asked.contains("authorization: basic dtpw\r\n"), "{asked}");
    assert!(asked.ends_with("{\"state\":\"done\"}"), "{asked}");
    let log = written(&played, "stdio");
    for shown in ["PATCH http://127.0.0.1", "X-Plain: 5", "X-Token: <hidden>", "cookie: <hidden>"] {
        assert!(log.contains(shown), "{shown}: {log}");
    }
    assert!(log.contains("status 201") && log.contains("x-id: 7"), "{log}");
    assert!(log.contains("x-secret: <hidden>"), "{log}");
    for hidden in ["T0K", "C00", "deep", "a=1", "x%20y"] {
        assert!(!log.contains(hidden), "{hidden}: {log}");
    }
    assert!(written(&played, "content").contains("text: \"done\""));
    let said = format!("SetSummary {{ text: \"PATCH http://127.0.0.1:{port}/builds: 201\" }}");
    assert_eq!(played.asked.last(), Some(&said));
    assert_eq!(played.results.unwrap(), Some(Results::Success));
}

#[test]
fn a_status_from_400_is_a_failure_and_so_is_no_answer() {
    for (status, results) in [("302 Found", Results::Success), ("404 Not Found", Results::Failure)]
    {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let (port, asked) = server(answer.leak());
        let step = format!("ci.steps.head {{ url = 'http://127.0.0.1:{port}/' }}");
        let played = play(&step, (0..4).map(|_| done()).collect());
        assert!(asked.join().unwrap().starts_with("HEAD / "));
        assert_eq!(played.results.unwrap(), Some(results), "{status}");
    }
    // Nobody listens at a port that was free just now.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let step = format!("ci.steps.get {{ url = 'http://user:word@127.0.0.1:{port}/' }}");
    let played = play(&step, vec![done(), done()]);
    assert!(!written(&played, "stdio").contains("word"));
    played.expect_failure("cannot be reached");
}

#[test]
fn every_method_has_its_step() {
    for (name, what) in [
        ("get", ""),
        ("post", "form = { a = 'b c' }"),
        ("put", "body = 'text'"),
        ("delete", ""),
        ("options", ""),
    ] {
        let (port, asked) = server("HTTP/1.1 204 No Content\r\n\r\n");
        let step = format!("ci.steps.{name} {{ url = 'http://127.0.0.1:{port}/x', {what} }}");
        let played = play(&step, (0..4).map(|_| done()).collect());
        assert_eq!(played.results.unwrap(), Some(Results::Success), "{name}");
        let asked = asked.join().unwrap();
        assert!(asked.starts_with(&format!("{} /x ", name.to_uppercase())), "{asked}");
        let body = asked.split_once("\r\n\r\n").unwrap().1;
        let sent = [("post", "a=b%20c"), ("put", "text")].into_iter().find(|(of, _)| *of == name);
        assert_eq!(body, sent.map_or("", |(_, body)| body), "{name}");
    }
}

#[test]
fn assert_fails_unless_it_is_true() {
    for (check, is_true) in [
        ("'x'", true),
        ("0", true),
        ("function(build) return build.builder.name == 'b' end", true),
        ("false", false),
        ("ci.null", false),
        ("ci.property 'missing'", false),
        ("function() end", false),
    ] {
        let played = play(&format!("ci.steps.assert {{ check = {check} }}"), vec![]);
        match is_true {
            true => played.expect(Results::Success, &[]),
            false => played.expect_failure("is not true"),
        }
    }
}

#[test]
fn a_renderable_is_written_into_a_log() {
    for (content, text) in [
        ("ci.interpolate 'at %(prop:x:-nowhere)s'", "at nowhere\\n"),
        (
            "function(build) return { a = { 1, 'x' }, b = build.builder.name } end",
            "{\\\"a\\\":[1,\\\"x\\\"],\\\"b\\\":\\\"b\\\"}\\n",
        ),
    ] {
        let step = format!("ci.steps.log_renderable {{ content = {content} }}");
        let log = format!("WriteLog {{ name: \"output\", stream: Stdout, text: \"{text}\" }}");
        let opened = "AddLog { name: \"output\", kind: Text }";
        play(&step, vec![done(), done()]).expect(Results::Success, &[opened, &log]);
    }
}

#[test]
fn sleep_takes_its_time() {
    let clock = halide_ci::base::clock::Clock::system();
    let began = clock.now();
    play("ci.steps.sleep { seconds = 0.2 }", vec![]).expect(Results::Success, &[]);
    assert!(clock.now().since(began) >= std::time::Duration::from_millis(200));
}
