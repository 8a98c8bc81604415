//! SIGKILL of the master at random moments, under load: whatever was acknowledged ends in exactly
//! one accepted result.

use std::collections::BTreeMap;
use std::time::Duration;

use halide_ci::base::random::Random;

use super::farm::Farm;

const PROGRAM: &str = env!("CARGO_BIN_EXE_halide-ci");

#[test]
fn every_acknowledged_push_ends_in_one_result_over_twenty_kills() {
    let steps = r#"ci.steps.shell { name = "One", command = { "true" } },
        ci.steps.shell { name = "Two", command = { "sleep", "0.05" } }"#;
    let mut farm = Farm::new(PROGRAM, &Farm::builder("b", steps));
    farm.start_master();
    farm.start_worker();
    let random = Random::system();
    let mut acknowledged = Vec::new();
    let mut pushes = 0;
    for kill in 0..20 {
        // Fifty pushes over twenty lives, the kills between and during them.
        while pushes < (kill + 1) * 50 / 20 {
            pushes += 1;
            let (guid, status) = farm.push("b");
            if status == Some(200) {
                acknowledged.push(guid);
            }
        }
        std::thread::sleep(Duration::from_millis(random.below(120) as u64));
        farm.kill_master();
        farm.start_master();
    }
    assert_eq!(pushes, 50);
    assert!(acknowledged.len() >= 45, "{} of 50 were acknowledged", acknowledged.len());
    let requests = farm.wait_for("every request's result", |farm| {
        let requests = farm.rows("buildrequests", "buildrequests")?;
        let done = requests.iter().all(|r| r["complete"] == true);
        (requests.len() >= acknowledged.len() && done).then_some(requests)
    });
    let revisions: BTreeMap<String, usize> = requests.iter().fold(BTreeMap::new(), |mut all, r| {
        let set = farm.rows(&format!("buildsets/{}", r["buildsetid"]), "buildsets").unwrap();
        let revision = set[0]["sourcestamps"][0]["revision"].as_str().unwrap().to_owned();
        *all.entry(revision).or_default() += 1;
        all
    });
    for guid in &acknowledged {
        let revision = format!("{guid:0>40}");
        assert_eq!(revisions.get(&revision), Some(&1), "{guid} was acknowledged");
    }
    for request in &requests {
        let id = &request["buildrequestid"];
        assert_eq!(request["results"], 0, "request {id}");
        let builds = farm.rows(&format!("builds?buildrequestid={id}"), "builds").unwrap();
        let accepted = builds.iter().filter(|b| b["results"] != 5).count();
        assert_eq!(accepted, 1, "request {id}: {builds:?}");
    }
}

#[test]
fn a_killed_workers_command_is_gone_before_its_retry_begins() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    // The first attempt stays; a later one ends at once if it is alone in the directory.
    let line = format!(
        "test -s {0} && exec sh -c 'grep -q ^State:.[RSD] /proc/$(cat {0})/status 2>/dev/null && exit 9; exit 0'; \
         echo $$ > {0}; sleep 60; :",
        pids.display()
    );
    let steps = format!(r#"ci.steps.shell {{ command = "{line}" }}"#);
    let mut farm = Farm::new(PROGRAM, &Farm::builder("b", &steps));
    farm.start_master();
    farm.start_worker();
    farm.push("b");
    farm.wait_for("the command", |_| std::fs::read_to_string(&pids).ok().filter(|p| p.len() > 1));
    farm.kill_worker();
    farm.wait_for("the loss", |farm| {
        farm.rows("builds?results=5", "builds").filter(|builds| !builds.is_empty())
    });
    farm.start_worker();
    let request = farm.wait_for("the retry", |farm| {
        farm.rows("buildrequests?complete=true", "buildrequests")?.into_iter().next()
    });
    assert_eq!(request["results"], 0, "the old command was still alive");
}
