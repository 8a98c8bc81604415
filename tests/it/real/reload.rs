//! Reloads of a real master: a verb, a signal, the data API, the page and a saved file give the same
//! answer and load once; a rehearsal changes nothing; and however a file is saved, only what was
//! meant takes effect.

#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};

use super::farm::Farm;

/// What a reload answered: the lines of what changed, or the error.
type Answer = Result<Vec<String>, String>;

/// Goes through a door.
type Door = fn(&Farm) -> Answer;

const PROGRAM: &str = env!("CARGO_BIN_EXE_halide-ci");
const TAKEN: &str = "The configuration was loaded afresh";
const REFUSED: &str = "The configuration was not taken; the old one goes on:\n";

fn farm() -> (Farm, String) {
    let builder = Farm::builder("b", r#"ci.steps.shell { name = "Say", command = "echo one" }"#);
    let mut farm = Farm::new(PROGRAM, &builder);
    farm.start_master();
    let text = std::fs::read_to_string(farm.path("master/master.lua")).unwrap();
    (farm, text)
}

/// Saves as a careful editor does.
fn save(farm: &Farm, name: &str, text: &str) {
    std::fs::write(farm.path("next"), text).unwrap();
    std::fs::rename(farm.path("next"), farm.path(&format!("master/{name}"))).unwrap();
}

/// The lines that the log has since it had `before` bytes, once there is an answer in it.
fn logged(farm: &Farm, before: usize) -> String {
    farm.wait_for("the answer in the log", |farm| {
        let log = farm.master_log()[before..].to_owned();
        (log.contains(TAKEN) || log.contains(REFUSED)).then_some(log)
    })
}

/// The answer that the log has.
fn told(log: &str) -> Answer {
    // Lines of a message begin without a time.
    let message = |text: &str| -> Vec<String> {
        let is_new = |line: &str| line.starts_with("20") && line.contains("Z ");
        text.lines().take_while(|line| !is_new(line)).map(str::to_owned).collect()
    };
    match log.split_once(REFUSED) {
        Some((_, text)) => Err(message(text).join("\n")),
        None => Ok(message(log.split_once(&format!("{TAKEN}:\n")).map_or("", |(_, text)| text))),
    }
}

fn by_verb(farm: &Farm, more: &[&str]) -> Answer {
    let output = Command::new(PROGRAM)
        .args(["reload", "--json"])
        .args(more)
        .arg(farm.path("master"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let answer: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{text}"));
    let is_error = answer.get("error").is_some();
    assert_eq!(output.status.code(), Some(i32::from(is_error)), "{answer}");
    of_json(&answer)
}

fn of_json(answer: &Json) -> Answer {
    match answer["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(serde_json::from_value(answer["changes"].clone()).unwrap()),
    }
}

fn by_signal(farm: &Farm) -> Answer {
    let before = farm.master_log().len();
    let pid = Pid::from_raw(i32::try_from(farm.master_pid()).unwrap()).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
    told(&logged(farm, before))
}

fn by_api(farm: &Farm, params: &Json) -> Answer {
    let order = json!({ "jsonrpc": "2.0", "id": 1, "method": "reload", "params": params });
    let json = "Content-Type: application/json";
    let (status, body) = farm.post("/api/v2/masters/1", &[json], &order.to_string()).unwrap();
    let answer: Json = serde_json::from_str(&body).unwrap();
    assert_eq!(status == 200, answer.get("result").is_some(), "{answer}");
    match answer["error"]["message"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => of_json(&answer["result"]),
    }
}

/// The page leads to the configuration's page, which tells the newest reload; or shows the error.
fn by_page(farm: &Farm) -> Answer {
    let headers =
        ["Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: same-origin"];
    let (status, body) = farm.post("/configuration/reload", &headers, "").unwrap();
    let pre = |html: &str| -> String {
        let (_, rest) = html.split_once("<pre class=\"words").unwrap_or_default();
        let (_, rest) = rest.split_once('>').unwrap_or_default();
        let text = rest.split("</pre>").next().unwrap_or_default();
        let mut out = String::new();
        for part in text.split('<') {
            // What follows the end of a tag is text.
            out.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        }
        out.replace("&quot;", "\"").replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")
    };
    if status == 303 {
        let (_, page) = farm.get("/configuration").unwrap();
        return Ok(pre(&page).lines().map(str::to_owned).collect());
    }
    assert_eq!(status, 400);
    Err(pre(&body))
}

#[test]
fn five_doors_give_one_answer_and_load_once() {
    let (farm, good) = farm();
    let changed =
        good.replace("echo one", "echo two").replace("c.protocols", "c.title = 'T'\nc.protocols");
    let broken = good.replace("collapse_requests", "collapse_request");
    // A save has no one who waits: its answer is in the log.
    let doors: [(&str, Option<Door>); 5] = [
        ("the verb", Some(|farm| by_verb(farm, &[]))),
        ("the signal", Some(by_signal)),
        ("the data API", Some(|farm| by_api(farm, &json!({})))),
        ("the page", Some(by_page)),
        ("the save", None),
    ];
    let differences =
        vec!["~ title".to_owned(), r#"~ builder b: step 1 "Say": command"#.to_owned()];
    let mut errors = Vec::new();
    for (name, door) in doors {
        for (text, wanted) in [(&changed, Some(&differences)), (&good, None), (&broken, None)] {
            let before = farm.master_log().len();
            save(&farm, "master.lua", text);
            let answer = door.map_or_else(|| told(&logged(&farm, before)), |door| door(&farm));
            match (&answer, wanted) {
                (Ok(lines), Some(wanted)) => assert_eq!(lines, wanted, "{name}"),
                (Ok(lines), None) => assert_eq!(lines.len(), 2, "{name}: back"),
                (Err(error), _) => {
                    assert!(text.contains("collapse_request "), "{name}: {error}");
                    errors.push(error.clone());
                }
            }
            // The save is noticed too; it must not load what was loaded already.
            std::thread::sleep(Duration::from_millis(300));
            let log = farm.master_log()[before..].to_owned();
            let loads = log.matches(TAKEN).count() + log.matches(REFUSED).count();
            assert_eq!(loads, 1, "{name}: {log}");
            assert_eq!(told(&log), answer, "{name}: the log says the same");
        }
        // Until a good one comes, the page shows the error.
        let (_, page) = farm.get("/configuration").unwrap();
        assert!(page.contains("The newest configuration was refused"), "{page}");
        save(&farm, "master.lua", &good);
        let _ = by_verb(&farm, &[]);
        let (_, page) = farm.get("/configuration").unwrap();
        assert!(!page.contains("The newest configuration was refused"), "{page}");
    }
    assert_eq!(errors.len(), doors.len());
    let [first, others @ ..] = errors.as_slice() else { panic!() };
    assert!(first.contains("master.lua:") && first.contains("Did you mean"), "{first}");
    assert!(others.iter().all(|error| error == first), "{errors:#?}");
}

#[test]
fn a_dry_run_tells_the_same_and_changes_nothing() {
    let (farm, good) = farm();
    let is_there = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        farm.master_log().contains("serves as process")
    });
    assert!(is_there, "the start is logged");
    let log = farm.master_log();
    let next = farm.path("next.lua");
    let next = next.to_str().unwrap();
    let of_next = |text: &str| {
        std::fs::write(next, text).unwrap();
        by_verb(&farm, &["--dry-run", "--config", next])
    };
    assert_eq!(
        of_next(&good.replace("c.url", "c.title = 'T' c.url")),
        Ok(vec!["~ title".to_owned()])
    );
    let error = of_next("return {").unwrap_err();
    assert!(error.starts_with("next.lua:1: "), "{error}");
    let error = of_next(&good.replace("c.url", "c.db = { url = 'sqlite:///x.sqlite' }\nc.url"))
        .unwrap_err();
    assert!(error.starts_with("next.lua:3: c.db has changed"), "{error}");
    assert_eq!(by_verb(&farm, &["--dry-run"]), Ok(Vec::new()));
    assert_eq!(by_api(&farm, &json!({ "dry_run": true })), Ok(Vec::new()));
    assert_eq!(farm.master_log(), log, "nothing was done");
    let without = Command::new(PROGRAM).args(["reload", "--config", next]).output().unwrap();
    assert_eq!(without.status.code(), Some(2));
}

/// Every title that took effect.
fn titles(farm: &Farm) -> Vec<String> {
    let (_, page) = farm.get("/").unwrap();
    let (_, rest) = page.split_once("<title>").unwrap();
    vec![rest.split("</title>").next().unwrap().to_owned()]
}

#[test]
fn a_tree_that_is_checked_out_takes_effect_as_a_whole() {
    let (farm, good) = farm();
    // The main file and thirty modules, which must all be of one state.
    let tree = |state: u32| -> Vec<(String, String)> {
        let check = "local n for i = 1, 30 do local m = require('part' .. i) n = n or m \
                     if m ~= n then c.title = 'mixed' end end c.title = c.title or 'state ' .. n\n";
        let main = good.replace("return c", &format!("{check}return c"));
        let parts = (1..=30).map(|i| (format!("part{i}.lua"), format!("return {state}")));
        parts.chain([("master.lua".to_owned(), main)]).collect()
    };
    let mut seen = Vec::new();
    for state in 1..=4 {
        for (name, text) in tree(state) {
            std::fs::write(farm.path(&format!("master/{name}")), text).unwrap();
            if seen.last() != titles(&farm).last() {
                seen.extend(titles(&farm));
            }
            // Slower than a checkout, so that there are states between two.
            std::thread::sleep(Duration::from_millis(20));
        }
        farm.wait_for("the new state", |farm| {
            titles(farm)[0].contains(&format!("state {state}")).then_some(())
        });
    }
    assert!(seen.iter().all(|title| !title.contains("mixed")), "{seen:?}");
    assert!(!farm.master_log().contains(REFUSED), "{}", farm.master_log());
}

#[test]
fn what_changes_no_text_loads_nothing() {
    let (farm, good) = farm();
    // The page answers before this is written.
    farm.wait_for("its first words", |farm| {
        farm.master_log().contains(" serves as ").then_some(())
    });
    let log = farm.master_log();
    let file = farm.path("master/master.lua");
    for mode in [0o640, 0o600] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        std::thread::sleep(Duration::from_millis(500));
    }
    // Touched, and saved as it was.
    std::fs::File::options().append(true).open(&file).unwrap().set_modified(UNIX_EPOCH).unwrap();
    save(&farm, "master.lua", &good);
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(farm.master_log(), log);
}

#[test]
fn a_file_that_is_gone_for_a_second_is_told_and_taken_when_it_is_back() {
    let (farm, good) = farm();
    let before = farm.master_log().len();
    std::fs::remove_file(farm.path("master/master.lua")).unwrap();
    let error = told(&logged(&farm, before)).unwrap_err();
    assert!(error.contains("does not exist"), "{error}");
    let (_, page) = farm.get("/configuration").unwrap();
    assert!(page.contains("The newest configuration was refused"), "{page}");
    std::thread::sleep(Duration::from_secs(1));
    let before = farm.master_log().len();
    std::fs::write(farm.path("master/master.lua"), good.replace("c.url", "c.title = 'T' c.url"))
        .unwrap();
    assert_eq!(told(&logged(&farm, before)), Ok(vec!["~ title".to_owned()]));
    assert!(titles(&farm)[0].contains('T'));
}
