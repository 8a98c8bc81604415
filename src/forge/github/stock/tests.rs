//! The rules, one promise a test.

use serde_json::{Value as Json, json};

use super::sample::{commit, hook, pull_request, push};
use super::*;
use crate::forge::github::payload::facts;

fn of(event: &str, payload: &Json) -> Stock {
    stock(&hook(), &facts(event, payload).unwrap())
}

fn revisions(stock: &Stock) -> Vec<&str> {
    stock.changes.iter().filter_map(|c| c.revision.as_deref()).collect()
}

#[test]
fn a_push_makes_one_change_per_commit() {
    let stock = of("push", &push());
    assert_eq!(revisions(&stock), ["bbbb", "cccc"]);
    assert_eq!(stock.answer(), "2 change found");
    let change = &stock.changes[0];
    assert_eq!(change.author, "Ada <ada@example.org>");
    assert_eq!(change.committer.as_deref(), Some("GitHub <noreply@github.com>"));
    assert_eq!(change.comments, "First");
    assert_eq!(change.files, ["src/New.cpp", "README.md", "src/Old.cpp"]);
    assert_eq!(change.when_timestamp, Some(1_717_136_130));
    assert_eq!(change.branch.as_deref(), Some("main"));
    assert_eq!(change.category, None);
    assert_eq!(change.revlink.as_deref(), Some("https://github.com/halide/Halide/commit/bbbb"));
    assert_eq!(change.repository, "https://github.com/halide/Halide");
    assert_eq!(change.project, "halide/Halide");
    assert_eq!(
        change.properties,
        [("github_distinct".to_owned(), json!(true)), ("event".to_owned(), json!("push"))].into()
    );
    assert_eq!(stock.needs, None);
}

#[test]
fn a_new_branch_makes_one_change_for_its_head() {
    let mut payload = push();
    payload["created"] = json!(true);
    assert_eq!(revisions(&of("push", &payload)), ["cccc"]);
    payload["head_commit"] = Json::Null;
    let stock = of("push", &payload);
    assert_eq!(stock.changes, []);
    assert_eq!(stock.answer(), "no change found");
}

#[test]
fn a_tag_has_the_category_tag() {
    let mut payload = push();
    payload["ref"] = json!("refs/tags/v1");
    payload["created"] = json!(true);
    let stock = of("push", &payload);
    assert_eq!(stock.changes[0].branch.as_deref(), Some("v1"));
    assert_eq!(stock.changes[0].category.as_deref(), Some("tag"));
}

#[test]
fn deleted_and_foreign_refs_make_nothing() {
    let mut payload = push();
    payload["deleted"] = json!(true);
    payload["head_commit"] = Json::Null;
    payload["commits"] = json!([]);
    assert_eq!(of("push", &payload).verdict, "refs/heads/main was deleted.");
    let mut payload = push();
    payload["ref"] = json!("refs/notes/x");
    assert_eq!(of("push", &payload).verdict, "refs/notes/x is neither a branch nor a tag.");
}

#[test]
fn a_long_push_does_not_lose_its_head() {
    let mut payload = push();
    payload["head_commit"] = commit("eeee", "The 21st");
    assert_eq!(revisions(&of("push", &payload)), ["bbbb", "cccc", "eeee"]);
}

#[test]
fn a_forced_push_back_does_not_lose_its_head() {
    let mut payload = push();
    payload["forced"] = json!(true);
    payload["commits"] = json!([]);
    assert_eq!(revisions(&of("push", &payload)), ["cccc"]);
}

#[test]
fn a_head_commit_that_says_skip_makes_nothing() {
    for (message, changes) in
        [("x [skip ci]", 0), ("[ ci  skip ] x", 0), ("[skip it]", 2), ("skip ci", 2)]
    {
        let mut payload = push();
        payload["head_commit"]["message"] = json!(message);
        assert_eq!(of("push", &payload).changes.len(), changes, "{message}");
    }
    // The message of an earlier commit does not count.
    let mut payload = push();
    payload["commits"][0]["message"] = json!("[skip ci]");
    assert_eq!(of("push", &payload).changes.len(), 2);
}

#[test]
fn an_empty_list_of_skips_never_skips() {
    let mut payload = push();
    payload["head_commit"]["message"] = json!("[skip ci]");
    let hook = GithubHook { skips: Vec::new(), ..hook() };
    assert_eq!(stock(&hook, &facts("push", &payload).unwrap()).changes.len(), 2);
}

#[test]
fn a_pull_request_makes_one_change() {
    let stock = of("pull_request", &pull_request("opened"));
    let [change] = &*stock.changes else { panic!("{stock:?}") };
    assert_eq!(change.branch.as_deref(), Some("refs/pull/7/merge"));
    assert_eq!(change.revision.as_deref(), Some("dddd"));
    assert_eq!(change.category.as_deref(), Some("pull"));
    assert_eq!(change.author, "contributor");
    assert_eq!(change.comments, "GitHub Pull Request #7 (3 commits)\nFaster blur\nIt is faster.");
    assert_eq!(change.when_timestamp, Some(1_717_136_130));
    assert_eq!(change.project, "halide/Halide");
    assert_eq!(change.revlink.as_deref(), Some("https://github.com/halide/Halide/pull/7"));
    assert_eq!(change.properties["basename"], "main");
    assert_eq!(change.properties["pullrequesturl"], "https://github.com/halide/Halide/pull/7");
    assert_eq!(change.properties["event"], "pull_request");
    let needs = Needs { repository: "halide/Halide".to_owned(), number: 7, sha: "dddd".to_owned() };
    assert_eq!(stock.needs, Some(needs));
}

#[test]
fn only_three_actions_make_changes() {
    let counts = ["opened", "reopened", "synchronize", "labeled", "review_requested", "edited"]
        .map(|action| of("pull_request", &pull_request(action)).changes.len());
    assert_eq!(counts, [1, 1, 1, 0, 0, 0]);
}

#[test]
fn one_commit_is_singular_and_an_empty_body_adds_no_line() {
    let mut payload = pull_request("opened");
    payload["pull_request"]["commits"] = json!(1);
    payload["pull_request"]["body"] = Json::Null;
    let stock = of("pull_request", &payload);
    assert_eq!(stock.changes[0].comments, "GitHub Pull Request #7 (1 commit)\nFaster blur");
}

#[test]
fn a_closed_pull_request_cancels_its_builds() {
    let facts = facts("pull_request", &pull_request("closed")).unwrap();
    let closed = stock(&hook(), &facts);
    assert_eq!(closed.changes, []);
    assert_eq!(closed.cancels[0].branch, "refs/pull/7/merge");
    assert_eq!(closed.cancels[0].project, "halide/Halide");
    let kept = stock(&GithubHook { cancel_on_close: false, ..hook() }, &facts);
    assert_eq!(kept.cancels, []);
}

#[test]
fn what_a_callback_sets_in_the_facts_counts() {
    let mut facts = facts("pull_request", &pull_request("review_requested")).unwrap();
    facts.action = Some("synchronize".to_owned());
    facts.base_branch = Some("release".to_owned());
    let stock = stock(&hook(), &facts);
    assert_eq!(stock.changes[0].properties["basename"], "release");
}

#[test]
fn whitelisted_fields_become_properties() {
    let hook = GithubHook {
        property_whitelist: vec!["github.base.ref".to_owned(), "github.ref".to_owned()],
        codebase: Some(Codebase::Fixed("halide".to_owned())),
        ..hook()
    };
    let pull = stock(&hook, &facts("pull_request", &pull_request("opened")).unwrap());
    assert_eq!(pull.changes[0].properties["github.base.ref"], "main");
    assert_eq!(pull.changes[0].codebase, "halide");
    let push = stock(&hook, &facts("push", &push()).unwrap());
    assert_eq!(push.changes[0].properties["github.ref"], "refs/heads/main");
}

#[test]
fn other_events_make_nothing_and_say_so() {
    assert_eq!(of("ping", &json!({})).answer(), "no change found");
    assert_eq!(of("star", &json!({})).verdict, "The event star makes no changes.");
}
