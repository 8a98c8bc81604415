//! Reloads while builds run.

use super::{FARM, World, all_steps, story};
use crate::sim::hand::shell;

#[test]
fn a_build_keeps_the_configuration_it_began_with() {
    let config = |word: &str| {
        let value = format!(r#"command = {{ "make", function() return "{word}" end }}"#);
        FARM.replace(r#"command = { "make", "test" }"#, &value)
    };
    story(&config("old"), async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(100), shell("make old"), shell("make clean")]);
        world.push("main", "a1").await;
        world.pass(5).await;
        let reloaded = world.reload(&config("new")).await.unwrap();
        assert_eq!(reloaded.changes, ["~ builder linux: step 2 \"Test\": command"]);
        world.settle().await;
        w1.expect([shell("make"), shell("make new"), shell("make clean")]);
        world.push("main", "a2").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success", "linux/2 w1 success"]);
    });
}

#[test]
fn a_broken_configuration_changes_nothing_and_is_recorded_with_its_place() {
    story(FARM, async |world: &mut World| {
        let error =
            world.reload(&FARM.replace("halt_on_failure", "halt_on_falure")).await.unwrap_err();
        assert!(error.contains("master.lua:11"), "{error}");
        assert!(error.contains("halt_on_failure"), "{error}");
        let recorded =
            world.rows("select error from generations where state = 'rejected'", 1).await;
        assert!(recorded[0].contains("master.lua:11"));
        world.connect("w1").await.expect(all_steps());
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
    });
}

#[test]
fn a_removed_builder_keeps_its_requests_until_it_comes_back() {
    story(FARM, async |world: &mut World| {
        world.push("main", "a1").await;
        world.pass(2).await;
        let renamed = FARM.replace("\"linux\"", "\"other\"");
        let reloaded = world.reload(&renamed).await.unwrap();
        assert!(reloaded.changes.contains(&"+ builder other".to_owned()), "{reloaded:?}");
        assert!(reloaded.changes.contains(&"- builder linux".to_owned()), "{reloaded:?}");
        let w1 = world.connect("w1").await;
        world.settle().await;
        assert_eq!(world.builds().await, [""; 0]);
        w1.expect(all_steps());
        world.reload(FARM).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
    });
}

#[test]
fn a_worker_that_is_removed_is_let_go_after_its_last_build() {
    story(FARM, async |world: &mut World| {
        let w2 = world.connect("w2").await;
        let without = FARM
            .replace(r#"ci.worker { name = "w2", password = "secret-of-w2", max_builds = 2 },"#, "")
            .replace(r#", "w2" }"#, " }");
        w2.expect(all_steps().map(|step| step.takes(10)));
        world.push("main", "a1").await;
        world.pass(5).await;
        world.reload(&without).await.unwrap();
        world.pass(5).await;
        assert!(!w2.is_closed(), "its build goes on");
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w2 success"]);
        assert!(w2.is_closed());
    });
}
