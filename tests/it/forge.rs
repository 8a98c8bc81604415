//! The GitHub client against the fake GitHub, over loopback and in process.

use std::time::Duration;

use halide_ci::base::clock::{Clock, Timestamp};
use halide_ci::base::secret::Secret;
use halide_ci::forge::github::client::{Client, Patience};
use halide_ci::forge::github::reading::{INCOMPLETE, complete};
use halide_ci::forge::github::status::{State, Status};
use halide_ci::forge::github::stock::{Needs, Stock};
use halide_ci::http;
use halide_ci::model::change::NewChange;
use halide_ci::model::config::GithubHook;

use crate::sim::fake_github::{FakeGithub, Fault};

const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

fn halide() -> FakeGithub {
    let github = FakeGithub::new();
    github.commit("halide/Halide", SHA, "Faster blur");
    github
}

fn simulated(github: &FakeGithub, token: Option<&str>) -> (Client, Clock) {
    let clock = Clock::simulated(Timestamp::from_secs(1_700_000_000));
    let token = token.map(Secret::new);
    (Client::new(github.client(), "https://api.github.com", token, clock), clock)
}

fn status(state: State) -> Status {
    let url = "http://ci.example/builders/1/builds/2".to_owned();
    Status::new(state, "Build done.", url, "buildbot/linux".to_owned()).unwrap()
}

#[tokio::test]
async fn statuses_travel_over_a_real_socket() {
    let github = halide();
    github.require_token("t0ken");
    let api = format!("http://{}", github.listen().await);
    let token = Some(Secret::new("t0ken"));
    let client = Client::new(http::Client::new(), &api, token, Clock::system());
    client.set_status("halide/Halide", SHA, &status(State::Pending)).await.unwrap();
    client.set_status("halide/Halide", SHA, &status(State::Success)).await.unwrap();
    let history = github.history("halide/Halide", SHA);
    assert_eq!(history.len(), 2);
    assert_eq!(history[1].target_url, "http://ci.example/builders/1/builds/2");
    assert_eq!(github.statuses("halide/Halide", SHA)["buildbot/linux"], "success");
    let stranger = Client::new(http::Client::new(), &api, None, Clock::system());
    let error = stranger.set_status("halide/Halide", SHA, &status(State::Error)).await.unwrap_err();
    assert_eq!(error.message, "GitHub answers 401: Bad credentials.");
}

#[tokio::test]
async fn a_reply_lost_on_the_wire_is_an_error_that_may_be_repeated() {
    let github = halide();
    github.fault(Fault::ReplyLost);
    let api = format!("http://{}", github.listen().await);
    let client = Client::new(http::Client::new(), &api, None, Clock::system());
    let error = client.set_status("halide/Halide", SHA, &status(State::Success)).await.unwrap_err();
    assert!(!error.is_final, "{error}");
    assert_eq!(github.statuses("halide/Halide", SHA)["buildbot/linux"], "success");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_commit_is_refused_for_good() {
    let (client, _) = simulated(&halide(), None);
    let error = client.set_status("halide/Halide", "0000", &status(State::Success)).await;
    let error = error.unwrap_err();
    assert!(error.is_final);
    assert_eq!(error.message, "GitHub answers 422: No commit found for SHA: 0000.");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_github_costs_thirty_seconds_a_request() {
    let github = halide();
    github.fault(Fault::Hang);
    let (client, clock) = simulated(&github, None);
    let start = clock.now();
    let error = client.set_status("halide/Halide", SHA, &status(State::Success)).await.unwrap_err();
    assert!(!error.is_final);
    assert_eq!(clock.now().since(start), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_question_outlives_a_short_rate_limit() {
    let github = halide();
    github.fault(Fault::Limited(1_700_000_120));
    let (client, clock) = simulated(&github, None);
    let path = format!("/repos/halide/Halide/commits/{SHA}");
    let asked = client.get_patiently(&path, &[], Patience::DELIVERY);
    let healed = async {
        clock.sleep_until(Timestamp::from_secs(1_700_000_119)).await;
        github.fault(Fault::None);
    };
    let (answer, ()) = tokio::join!(asked, healed);
    assert_eq!(answer.unwrap().json["commit"]["message"], "Faster blur");
    assert_eq!(github.requests().len(), 2, "nothing was asked during the limit");
}

fn hook() -> GithubHook {
    GithubHook {
        secret: Secret::new("webhook"),
        allow_sha1: false,
        codebase: None,
        property_whitelist: Vec::new(),
        skips: vec![r"\[ *skip *ci *\]".parse().unwrap()],
        api: "https://api.github.com".to_owned(),
        pullrequest_ref: "merge".to_owned(),
        token: None,
        reconcile: None,
        cancel_on_close: true,
        on_push: None,
        on_pull_request: None,
        on_event: None,
    }
}

fn pull_request() -> Stock {
    let needs = Needs { repository: "halide/Halide".to_owned(), number: 7, sha: SHA.to_owned() };
    Stock { changes: vec![NewChange::default()], needs: Some(needs), ..Stock::default() }
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_gets_its_files_also_after_a_short_outage() {
    let github = halide();
    let files: Vec<String> = (0..250).map(|i| format!("src/{i}.cpp")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    github.pull_request("halide/Halide", 7, &files);
    github.rename("halide/Halide", 7, "old.cpp", "new.cpp");
    github.fault(Fault::Outage);
    let (client, clock) = simulated(&github, None);
    let start = clock.now();
    let hook = hook();
    let healed = async {
        clock.sleep_until(start + Duration::from_secs(100)).await;
        github.fault(Fault::None);
    };
    let (reading, ()) = tokio::join!(complete(&hook, &client, pull_request()), healed);
    assert_eq!(reading.changes[0].files.len(), 252);
    assert_eq!(reading.changes[0].files[250..], ["new.cpp", "old.cpp"]);
    assert!(!reading.changes[0].properties.contains_key(INCOMPLETE));
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_that_github_denies_goes_on_without_files_at_once() {
    let (client, clock) = simulated(&halide(), None);
    let start = clock.now();
    let reading = complete(&hook(), &client, pull_request()).await;
    assert_eq!(clock.now(), start, "a 404 is final");
    let missing = reading.changes[0].properties[INCOMPLETE].as_str().unwrap();
    assert!(missing.contains("GitHub answers 404"), "{missing}");
}
