//! Pollers: what is new becomes changes, once, over crashes, restarts and reloads; and what goes wrong
//! is said and tried again.

use std::time::Duration;

use super::{FARM, World, story};

/// The farm with a scheduler that takes everything, and this change source.
fn farm(source: &str) -> String {
    let (head, rest) = FARM.split_once("c.schedulers = {").unwrap();
    let (_, tail) = rest.split_once("\n}\n").unwrap();
    format!(
        "{head}c.schedulers = {{ ci.schedulers.any_branch {{ name = 'any', builders = {{ 'linux' }}, \
         tree_stable_timer = 1e6 }} }}\nc.change_sources = {{ {source} }}\n{tail}"
    )
}

fn git(options: &str) -> String {
    farm(&format!("ci.change_sources.git_poller {{ repo = 'file:///r', {options} }}"))
}

const CHANGES: &str = "select revision, branch from changes order by id";
const STATE: &str = "select name, error from change_sources";

/// Story of a poller: nothing is built, so what is held does not matter in the end.
fn poll(config: &str, told: impl AsyncFnOnce(&mut World)) {
    story(config, async |world: &mut World| {
        told(world).await;
        world.git.hang(false);
        world.reload(&farm("")).await.unwrap();
        let calm = farm("").replace("tree_stable_timer = 1e6", "tree_stable_timer = 0.1");
        world.connect("w1").await.obey();
        world.reload(&calm).await.unwrap();
        world.settle().await;
    });
}

#[test]
fn new_commits_become_changes_once_whatever_dies_in_between() {
    poll(&git("branches = true, category = 'git', project = 'p'"), async |world: &mut World| {
        world.git.commit("main", "a1");
        world.pass(599).await;
        assert_eq!(world.git.looks().0, 0, "not at launch");
        world.pass(2).await;
        assert_eq!(world.rows(CHANGES, 2).await, [""; 0], "what was there is not new");
        world.git.commit("main", "a2");
        world.git.commit("main", "a3");
        world.pass(601).await;
        assert_eq!(world.rows(CHANGES, 2).await, ["a2 main", "a3 main"]);
        let shape = "select author, committer, category, project, repository, files, \
                     cast(when_timestamp / 1000000 as text), comments from changes limit 1";
        assert_eq!(
            world.rows(shape, 8).await,
            ["Ann <ann@example.org> Ben <ben@example.org> git p file:///r [\"src/a2.cpp\"] \
              1767000000 Commit a2"]
        );
        world.git.commit("main", "a4");
        world.crash().await;
        world.git.commit("main", "a5");
        world.start().await;
        world.pass(601).await;
        assert_eq!(world.rows(CHANGES, 2).await.len(), 4);
        world.stop().await;
        world.start().await;
        world.pass(1300).await;
        let all = ["a2 main", "a3 main", "a4 main", "a5 main"];
        assert_eq!(world.rows(CHANGES, 2).await, all);
    });
}

#[test]
fn a_look_and_what_it_found_are_one_commit() {
    // However soon after the look the master dies, every commit is a change exactly once.
    for after in [0, 1, 2, 5] {
        poll(&git("poll_at_launch = true, poll_interval = 5"), async |world: &mut World| {
            world.git.commit("main", "a1");
            world.pass(6).await;
            world.git.commit("main", "a2");
            world.engine().look(Vec::new()).await.unwrap();
            for _ in 0..after {
                tokio::task::yield_now().await;
            }
            world.crash().await;
            world.start().await;
            world.pass(30).await;
            assert_eq!(world.rows(CHANGES, 2).await, ["a2 main"], "after {after}");
        });
    }
}

#[test]
fn branches_come_go_and_are_moved_by_force() {
    poll(&git("branches = { 'main', 'release/*' }"), async |world: &mut World| {
        world.git.commit("main", "a1");
        world.git.commit("main", "a2");
        world.pass(601).await;
        // A branch of its own begins where another one is.
        world.git.point("release/1", "a1");
        world.git.commit("release/1", "r1");
        world.git.commit("topic", "t1");
        world.pass(601).await;
        assert_eq!(world.rows(CHANGES, 2).await, ["r1 release/1"]);
        // By force: what is not known yet is new, and moving back is nothing new.
        world.git.point("main", "a1");
        world.git.commit("main", "b2");
        world.pass(601).await;
        world.git.point("main", "a1");
        world.pass(601).await;
        assert_eq!(world.rows(CHANGES, 2).await, ["r1 release/1", "b2 main"]);
        world.git.delete("release/1");
        world.pass(601).await;
        assert_eq!(world.int("select count(*) from source_heads").await, 2);
        // What somebody else's branch had is new where it is watched.
        world.git.point("main", "t1");
        world.pass(601).await;
        assert_eq!(world.rows(CHANGES, 2).await.last().unwrap(), "t1 main");
    });
}

#[test]
fn a_push_without_commits_counts_where_it_is_wanted() {
    let config = git("branches = true, build_pushes_with_no_commits = true, poll_interval = 10");
    poll(&config, async |world: &mut World| {
        world.git.commit("main", "a1");
        world.pass(11).await;
        world.git.point("copy", "a1");
        world.pass(11).await;
        assert_eq!(world.rows(CHANGES, 2).await, ["a1 copy"]);
        world.pass(50).await;
        assert_eq!(world.rows(CHANGES, 2).await.len(), 1);
    });
}

#[test]
fn functions_choose_the_branches_and_the_category_and_their_errors_lose_nothing() {
    let options = "branches = function(ref) return ref ~= 'refs/heads/secret' end, poll_interval = 10,\n\
                   category = function(change) return change.branch .. '!' end";
    poll(&git(options), async |world: &mut World| {
        world.git.commit("main", "a1");
        world.pass(11).await;
        world.git.commit("main", "a2");
        world.git.commit("secret", "s1");
        world.reload(&git(&options.replace("'!'", "nil"))).await.unwrap();
        world.pass(11).await;
        let state = world.rows(STATE, 2).await;
        assert!(state[0].contains("attempt to concatenate a nil value"), "{state:?}");
        assert_eq!(world.rows(CHANGES, 2).await, [""; 0]);
        world.reload(&git(options)).await.unwrap();
        world.pass(11).await;
        assert_eq!(world.rows("select revision, category from changes", 2).await, ["a2 main!"]);
        assert_eq!(world.rows(STATE, 2).await, ["file:///r -"]);
    });
}

#[test]
fn a_failure_is_said_and_tried_again_and_there_are_never_two_looks_at_once() {
    poll(&git("poll_interval = 10"), async |world: &mut World| {
        world.git.commit("main", "a1");
        world.pass(11).await;
        world.git.fault(Some("git fetch failed: no route to host"));
        world.git.commit("main", "a2");
        world.pass(11).await;
        let state = "file:///r git fetch failed: no route to host";
        assert_eq!(world.rows(STATE, 2).await, [state]);
        world.git.fault(None);
        world.git.hang(true);
        world.pass(30).await;
        let looks = world.git.looks();
        for _ in 0..3 {
            world.engine().look(vec!["file:///r".to_owned()]).await.unwrap();
        }
        world.pass(300).await;
        assert_eq!(world.git.looks(), (looks.0, 1), "one hangs: no other begins");
        // A restart ends it; what was wanted in the meantime is done at once.
        world.crash().await;
        world.git.hang(false);
        world.start().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(world.rows(CHANGES, 2).await, ["a2 main"]);
        assert_eq!(world.int("select wanted from change_sources").await, 0);
    });
}

#[test]
fn another_repository_under_the_same_name_begins_anew() {
    let of = |repo: &str| {
        farm(&format!(
            "ci.change_sources.git_poller {{ name = 'n', repo = '{repo}', poll_interval = 10 }}"
        ))
    };
    poll(&of("file:///a"), async |world: &mut World| {
        world.git.commit("main", "a1");
        world.pass(11).await;
        world.git.commit("main", "a2");
        let told = world.reload(&of("file:///b")).await.unwrap();
        assert_eq!(told.changes, ["~ change source n: repo"]);
        world.pass(11).await;
        assert_eq!(world.rows(CHANGES, 2).await, [""; 0]);
        let gone = world.reload(&farm("")).await.unwrap();
        assert_eq!(gone.changes, ["- change source n"]);
        world.git.commit("main", "a3");
        world.pass(60).await;
        assert_eq!(world.rows(CHANGES, 2).await, [""; 0]);
        let unknown = world.engine().look(vec!["n".to_owned()]).await.unwrap_err();
        assert!(unknown.to_string().contains("no change source named \"n\""), "{unknown}");
    });
}

#[test]
fn open_pull_requests_are_changes_once_for_each_head() {
    let config = farm(
        "ci.change_sources.github_pull_request_poller { owner = 'halide', repo = 'Halide', branches = { 'main' }, \
         poll_interval = 10, magic_link = true, category = 'pull', github_property_whitelist = { 'github.title' }, \
         pull_request_filter = function(pull_request) return pull_request.number ~= 9 end }",
    );
    poll(&config, async |world: &mut World| {
        world.silent_pull_request("opened", 7, "p1");
        world.silent_pull_request("opened", 9, "x1");
        world.pass(11).await;
        assert_eq!(world.rows(CHANGES, 2).await, ["p1 refs/pull/7/merge"]);
        let shape = "select author, category, project, repository, files, properties from changes";
        assert_eq!(
            world.rows(shape, 6).await,
            [
                "contributor pull halide/Halide https://github.com/halide/Halide.git [\"src/IR.cpp\"] \
              {\"github.title\":\"Simplify\",\"pullrequesturl\":\"https://github.com/halide/Halide/pull/7\"}"
            ]
        );
        world.crash().await;
        world.start().await;
        world.pass(60).await;
        assert_eq!(world.rows(CHANGES, 2).await.len(), 1);
        world.silent_pull_request("synchronize", 7, "p2");
        world.pass(11).await;
        assert_eq!(world.rows(CHANGES, 2).await[1..], ["p2 refs/pull/7/merge"]);
        world.silent_pull_request("closed", 7, "p2");
        world.pass(11).await;
        assert_eq!(world.int("select count(*) from source_heads").await, 1);
        world.github.fault(crate::sim::fake_github::Fault::Hang);
        world.pass(600).await;
        assert!(world.rows(STATE, 2).await[0].contains("did not answer"), "{}", world.transcript());
        world.github.fault(crate::sim::fake_github::Fault::None);
        world.pass(30).await;
        assert_eq!(world.rows(STATE, 2).await, ["halide/Halide -"]);
    });
}
