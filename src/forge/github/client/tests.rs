//! The client's manners, against a transport that answers from a list and notes what it was asked.

use std::collections::VecDeque;

use super::*;
use crate::base::results::Results;
use crate::forge::github::reading::{self, INCOMPLETE};
use crate::forge::github::status::State;
use crate::forge::github::stock::{sample, stock};
use crate::http::{Answer, ErrorKind, Future, HttpError, Transport};

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<String>>,
}

impl Transport for Script {
    fn send(&self, request: Request) -> Future<'_, Result<Answer, HttpError>> {
        self.asked.lock().unwrap().push(format!("{} {}", request.method, request.url));
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move {
            answer.ok_or_else(|| HttpError::new(ErrorKind::Unreachable, "Nobody is there."))
        })
    }
}

fn answer(status: u16, headers: &[(&str, &str)], json: &Json) -> Answer {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Answer { status, headers, body: json.to_string().into_bytes() }
}

fn client(answers: Vec<Answer>) -> (Client, Arc<Script>, Clock) {
    let script = Arc::new(Script { answers: Mutex::new(answers.into()), ..Script::default() });
    let clock = Clock::simulated(Timestamp::from_secs(1_700_000_000));
    let http = http::Client::with_transport(script.clone());
    let token = Some(Secret::new("t0ken"));
    (Client::new(http, "https://api.github.com/", token, clock), script, clock)
}

fn status() -> Status {
    let state = State::of(Results::Success);
    Status::new(state, "Build done.", "http://ci/".to_owned(), "buildbot/x".to_owned()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_question_is_repeated_until_it_is_answered() {
    let bad = || answer(502, &[], &Json::Null);
    let (client, script, clock) =
        client(vec![bad(), bad(), answer(200, &[], &serde_json::json!(1))]);
    let start = clock.now();
    let got = client.get("/x", &[("head", "a:b c")]).await.unwrap();
    assert_eq!((got.status, got.json), (200, Json::from(1)));
    assert_eq!(clock.now().since(start), Duration::from_secs(3));
    assert_eq!(script.asked.lock().unwrap()[2], "GET https://api.github.com/x?head=a%3Ab%20c");
}

#[tokio::test(start_paused = true)]
async fn a_question_without_answer_ends_with_the_reason() {
    let (client, script, clock) = client(vec![]);
    let start = clock.now();
    assert_eq!(client.get("/x", &[]).await.unwrap_err().message, "Nobody is there.");
    assert!(clock.now().since(start) <= Duration::from_secs(30));
    assert!(script.asked.lock().unwrap().len() > 3);
}

#[tokio::test(start_paused = true)]
async fn retry_after_silences_every_clone() {
    let busy = answer(503, &[("retry-after", "20")], &Json::Null);
    let (client, script, clock) = client(vec![busy, answer(201, &[], &Json::Null)]);
    let error = client.set_status("o/n", "abc", &status()).await.unwrap_err();
    let at = clock.now() + Duration::from_secs(20);
    assert_eq!((error.is_final, error.retry_at), (false, Some(at)));
    let again = client.clone().set_status("o/n", "abc", &status()).await.unwrap_err();
    assert_eq!(again.retry_at, Some(at));
    assert_eq!(script.asked.lock().unwrap().len(), 1, "no request during the silence");
    clock.sleep_until(at).await;
    client.set_status("o/n", "abc", &status()).await.unwrap();
    assert_eq!(
        script.asked.lock().unwrap()[1],
        "POST https://api.github.com/repos/o/n/statuses/abc"
    );
}

#[tokio::test(start_paused = true)]
async fn a_used_up_rate_limit_is_waited_for() {
    let reset = "1700000900";
    let headers = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset)];
    let (client, _, _) = client(vec![answer(403, &headers, &Json::Null)]);
    let error = client.get("/x", &[]).await.unwrap_err();
    assert_eq!(error.retry_at, Some(Timestamp::from_secs(1_700_000_900)));
    assert!(!error.is_final);
}

#[tokio::test(start_paused = true)]
async fn a_secondary_limit_without_headers_means_a_minute() {
    let json = serde_json::json!({ "message": "You have exceeded a secondary rate limit." });
    let (client, _, clock) = client(vec![answer(403, &[], &json)]);
    let error = client.get("/x", &[]).await.unwrap_err();
    assert_eq!(error.retry_at, Some(clock.now() + Duration::from_secs(60)));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_commit_is_final_and_a_bad_token_is_not() {
    let json = serde_json::json!({ "message": "No commit found for SHA: abc",
                                   "errors": [{ "message": "context is too long" }] });
    let denied = serde_json::json!({ "message": "Bad credentials" });
    let (client, _, _) = client(vec![answer(422, &[], &json), answer(401, &[], &denied)]);
    let error = client.set_status("o/n", "abc", &status()).await.unwrap_err();
    assert!(error.is_final);
    assert_eq!(
        error.message,
        "GitHub answers 422: No commit found for SHA: abc (context is too long)."
    );
    let error = client.set_status("o/n", "abc", &status()).await.unwrap_err();
    assert!(!error.is_final);
    assert_eq!(error.message, "GitHub answers 401: Bad credentials.");
}

#[test]
fn retry_after_may_be_a_date() {
    let now = Timestamp::from_secs(0);
    let at = retry_after("Wed, 15 Nov 2023 06:13:20 GMT", now);
    assert_eq!(at, Some(Timestamp::from_secs(1_700_028_800)));
    assert_eq!(retry_after("soon", now), None);
}

fn opened() -> (GithubHookAndStock, Answer) {
    let hook = sample::hook();
    let facts =
        crate::forge::github::payload::facts("pull_request", &sample::pull_request("opened"));
    let stock = stock(&hook, &facts.unwrap());
    let commit = answer(200, &[], &serde_json::json!({ "commit": { "message": "Fine" } }));
    ((hook, stock), commit)
}

type GithubHookAndStock = (crate::model::config::GithubHook, crate::forge::github::stock::Stock);

#[tokio::test(start_paused = true)]
async fn all_pages_of_files_are_read_with_both_names_of_a_rename() {
    let ((hook, stock), commit) = opened();
    let page: Vec<Json> =
        (0..100).map(|i| serde_json::json!({ "filename": format!("f{i}") })).collect();
    let last = serde_json::json!([{ "filename": "new", "previous_filename": "old" }]);
    let answers = vec![commit, answer(200, &[], &Json::Array(page)), answer(200, &[], &last)];
    let (client, script, _) = client(answers);
    let reading = reading::complete(&hook, &client, stock).await;
    assert_eq!(reading.changes[0].files.len(), 102);
    assert_eq!(reading.changes[0].files[100..], ["new", "old"]);
    assert_eq!(reading.changes[0].properties.get(INCOMPLETE), None);
    let asked = script.asked.lock().unwrap();
    assert_eq!(asked[0], "GET https://api.github.com/repos/halide/Halide/commits/dddd");
    assert_eq!(
        asked[2],
        "GET https://api.github.com/repos/halide/Halide/pulls/7/files?per_page=100&page=2"
    );
}

#[tokio::test(start_paused = true)]
async fn a_head_commit_that_says_skip_drops_the_pull_request() {
    let ((hook, stock), _) = opened();
    let commit = serde_json::json!({ "commit": { "message": "wip [skip ci]" } });
    let (client, _, _) = client(vec![answer(200, &[], &commit)]);
    let reading = reading::complete(&hook, &client, stock).await;
    assert_eq!(reading.changes, []);
    assert!(reading.verdict.contains("says to skip"), "{}", reading.verdict);
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_goes_on_without_its_files_when_github_stays_away() {
    let ((hook, stock), commit) = opened();
    let (client, _, clock) = client(vec![commit]);
    let start = clock.now();
    let reading = reading::complete(&hook, &client, stock).await;
    let [change] = &*reading.changes else { panic!("{reading:?}") };
    assert_eq!(change.files, [""; 0]);
    assert_eq!(change.properties[INCOMPLETE], "The list of files is unknown: Nobody is there.");
    assert!(reading.verdict.ends_with("The list of files is unknown: Nobody is there."));
    let waited = clock.now().since(start);
    assert!(waited > Duration::from_secs(200) && waited <= Duration::from_secs(300), "{waited:?}");
}
