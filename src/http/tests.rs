//! The client's limits, over real sockets on loopback and over a transport of the test.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A server that gives `answers` one per connection, then none.
async fn server(answers: Vec<String>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's own server")]
    tokio::spawn(async move {
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _ = socket.read(&mut buffer).await.unwrap();
            socket.write_all(answer.as_bytes()).await.unwrap();
            socket.shutdown().await.unwrap();
        }
    });
    format!("http://{address}")
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn an_answer_comes_with_status_headers_and_body() {
    let url = server(vec![answer("418 Teapot", "X-Kind: short\r\n", "stout")]).await;
    let answer = Client::new().get(&url, &[]).await.unwrap();
    assert_eq!((answer.status, answer.header("x-kind")), (418, Some("short")));
    assert_eq!(answer.text(), "stout");
}

#[tokio::test]
async fn a_larger_answer_than_allowed_is_refused() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\nabcdefgh\r\n0\r\n\r\n";
    let url = server(vec![answer("200 OK", "", "abcdefgh"), chunked.to_owned()]).await;
    for _ in 0..2 {
        let request = Request { max_body: 7, ..Request::new("GET", &url) };
        let error = Client::new().request(request).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooLarge, "{error}");
    }
}

#[tokio::test]
async fn redirects_are_followed_within_a_server_only() {
    let url = server(vec![
        answer("302 Found", "location: /there\r\n", ""),
        answer("200 OK", "", "there"),
        answer("302 Found", "location: http://127.0.0.1:1/secret\r\n", ""),
        answer("301 Moved", "location: /there\r\n", "moved"),
    ])
    .await;
    let client = Client::new();
    assert_eq!(client.get(&url, &[]).await.unwrap().text(), "there");
    let error = client.get(&url, &[]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Redirected, "{error}");
    let posted = client.post(&url, &[], &Json::Null).await.unwrap();
    assert_eq!(posted.status, 301, "a POST never turns into a GET");
}

#[tokio::test]
async fn nobody_there_is_said_in_a_sentence() {
    let error = Client::new().get("http://127.0.0.1:1/x?token=abc", &[]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.starts_with("http://127.0.0.1:1 cannot be reached: "), "{error}");
    assert!(!error.message.contains("abc"), "{error}");
    let error = Client::new().get("ftp://x/", &[]).await.unwrap_err();
    assert_eq!(error.message, "\"ftp://x/\" is not an http or https URL.");
}

struct Hanging;

impl Transport for Hanging {
    fn send(&self, _: Request) -> Future<'_, Result<Answer, HttpError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_is_given_up_after_the_limit() {
    let client = Client::with_transport(Arc::new(Hanging));
    let start = tokio::time::Instant::now();
    let error = client.get("http://hang.example/", &[]).await.unwrap_err();
    assert_eq!(error.message, "http://hang.example did not answer within 30 s.");
    assert_eq!(start.elapsed(), Duration::from_secs(30));
}
