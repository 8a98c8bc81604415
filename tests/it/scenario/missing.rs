//! Workers that stay away: told once, and once when they are back, whatever the master does between.

use serde_json::Value as Json;

use super::{FARM, World, story};

/// The farm with a worker that is missed after ten minutes, another after an hour, and a server that
/// is told.
fn farm(timeout: &str) -> String {
    let w1 = r#"password = "secret-of-w1", max_builds = 2"#;
    let config = FARM.replace(
        w1,
        &format!(
            r#"{w1}, missing_timeout = {timeout}, notify_on_missing = {{ "ann@example.org" }}"#
        ),
    );
    let start = config.find("c.reporters = {").unwrap();
    let reporters = r#"c.reporters = { ci.reporters.http { url = "https://example.org/inbox", generators = {
        ci.generators.worker_missing { workers = { "w1" } },
        ci.generators.worker_missing { message_formatter = ci.formatters.missing_worker {
            subject = "{{ event }}", template = "{{ worker.name }} {{ worker.away_for }}" } } } } }
      return c
    "#;
    format!("{}{reporters}", &config[..start])
}

/// What arrived, in a few words.
fn told(world: &World) -> Vec<String> {
    let words = |message: &Json| match message["body"].as_str() {
        Some(body) => format!("{} {body}", message["subject"].as_str().unwrap_or("?")),
        None => {
            let (worker, event) = (&message["worker"], message["event"].as_str().unwrap_or("?"));
            let notify = worker["notify"][0].as_str().unwrap_or("?");
            format!("{event}: {} for {notify}", worker["name"].as_str().unwrap_or("?"))
        }
    };
    let mut told: Vec<String> = world.github.inbox().iter().map(words).collect();
    told.sort();
    told
}

#[test]
fn a_worker_that_stays_away_is_told_once_and_its_return_once() {
    story(&farm("600"), async |world: &mut World| {
        world.connect("w1").await;
        world.connect("w2").await;
        world.pass(10_000).await;
        assert_eq!(told(world), [""; 0], "who is there is not missed");
        world.cut("w1").await;
        world.pass(595).await;
        assert_eq!(told(world), [""; 0]);
        world.pass(10).await;
        let missing = ["worker_missing w1 600", "worker_missing: w1 for ann@example.org"];
        assert_eq!(told(world), missing);
        world.crash().await;
        world.start().await;
        world.connect("w2").await;
        world.pass(5000).await;
        assert_eq!(told(world), missing, "the next life knows that it was told");
        world.connect("w1").await;
        world.pass(5).await;
        assert_eq!(
            told(world),
            [
                "worker_missing w1 600",
                "worker_missing: w1 for ann@example.org",
                "worker_returned w1 5605",
                "worker_returned: w1 for ann@example.org"
            ]
        );
        world.pass(5000).await;
        assert_eq!(told(world).len(), 4);
    });
}

#[test]
fn an_absence_goes_on_over_restarts_and_a_master_that_was_away_is_patient() {
    story(&farm("600"), async |world: &mut World| {
        world.connect("w1").await;
        world.connect("w2").await;
        world.pass(10).await;
        world.cut("w1").await;
        world.pass(400).await;
        world.stop().await;
        world.pass(5000).await;
        world.start().await;
        world.pass(60).await;
        assert_eq!(told(world), [""; 0], "it may connect again now that the master is back");
        world.pass(70).await;
        assert_eq!(told(world).len(), 2, "600 s are long over: {:?}", told(world));
        // The other one was lost with the master, an hour ago at its next start.
        world.pass(3400).await;
        assert_eq!(told(world).len(), 2);
        world.pass(200).await;
        assert_eq!(told(world).len(), 3);
        assert_eq!(told(world)[1], "worker_missing w2 3600");
        world.connect("w1").await;
        world.connect("w2").await;
        world.settle().await;
    });
}

#[test]
fn a_reload_changes_the_patience_and_forgets_who_was_removed() {
    story(&farm("600"), async |world: &mut World| {
        world.connect("w2").await;
        world.pass(500).await;
        world.reload(&farm("0")).await.unwrap();
        world.pass(5000).await;
        assert_eq!(told(world), [""; 0], "0 is never");
        let without =
            farm("600").replace(r#"ci.worker { name = "w1""#, r#"ci.worker { name = "w3""#);
        let without =
            without.replace(r#""w1", "w2""#, r#""w2""#).replace(r#"workers = { "w1" }"#, "");
        world.reload(&without).await.unwrap();
        world.pass(500).await;
        world.reload(&farm("600")).await.unwrap();
        world.pass(590).await;
        assert_eq!(told(world), [""; 0], "it counts from when it came back into the configuration");
        world.pass(20).await;
        assert_eq!(told(world).len(), 2);
        assert_eq!(world.rows("select name from workers where missing_told = 1", 1).await, ["w1"]);
        world.settle().await;
    });
}
