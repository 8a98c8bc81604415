//! The GitHub client against the fake GitHub, over loopback and in process.

use std::time::Duration;

use halide_ci::base::clock::{Clock, Timestamp};
use halide_ci::base::secret::Secret;
use halide_ci::forge::github::client::{Client, Patience};
use halide_ci::forge::github::status::{State, Status};
use halide_ci::http;

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
