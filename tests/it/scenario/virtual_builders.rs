//! Builds that are filed under builders that their properties make up.

use halide_ci::base::id::BuildId;

use super::locks::force;
use super::{FARM, World, all_steps, story};

const PROPERTIES: &str = r#"name = "force", builders = { "linux" }, properties = {
  ci.parameters.fixed { name = "virtual_builder_name", default = "linux of ann" },
  ci.parameters.fixed { name = "virtual_builder_description", default = "What ann tries" },
  ci.parameters.fixed { name = "virtual_builder_tags", default = { "ann" } },
}"#;

#[test]
fn builds_are_filed_under_the_builder_that_their_properties_name() {
    let config = FARM.replace(
        r#"name = "main", builders"#,
        r#"name = "main", properties = {
    virtual_builder_name = "main line", virtual_builder_tags = { "trunk" },
  }, builders"#,
    );
    assert_ne!(config, FARM);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect(all_steps()).expect(all_steps()).expect(all_steps());
        world.push("main", "a1").await;
        world.settle().await;
        force(world, "a2", "by hand").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["main line/1 w1 success", "linux/1 w1 success"]);
        let shown = "select name, tags, position from builders order by id";
        let expected = [r#"linux [] 0"#, r#"main line ["trunk","_virtual_"] -2"#];
        assert_eq!(world.rows(shown, 3).await, expected);
        // The request is the real builder's, and so is what the worker does.
        let names =
            "select distinct b.name from buildrequests r join builders b on b.id = r.builder_id";
        assert_eq!(world.rows(names, 1).await, ["linux"]);
        let property =
            "select value from build_properties where build_id = 1 and name = 'buildername'";
        assert_eq!(world.rows(property, 1).await, ["\"linux\""]);
        assert_eq!(world.github.statuses("halide/Halide", "a1")["ci/linux"], "success");
        let url = &world.github.history("halide/Halide", "a1")[0].target_url;
        assert!(url.ends_with("/builders/2/builds/1"), "{url}");
        // A rebuild asks the real builder again, and is filed as its properties say.
        world.engine().rebuild(BuildId(1), "operator".to_owned()).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await[2], "main line/2 w1 success");
        world.crash().await;
        world.start().await;
        assert_eq!(world.rows(shown, 3).await, expected, "it outlives a restart");
    });
}

#[test]
fn a_virtual_builder_waits_as_its_real_one_does_and_survives_a_crash() {
    let config = FARM.replace(r#"name = "force", builders = { "linux" }"#, PROPERTIES.trim());
    story(&config, async |world: &mut World| {
        world.connect("w1").await.dawdle(20);
        force_by_form(world).await;
        force_by_form(world).await;
        world.pass(5).await;
        // One build of a builder on a worker, whatever it is called.
        let at_once = "select count(*) from builds where complete_at is null";
        assert_eq!(world.int(at_once).await, 1);
        world.crash().await;
        world.start().await;
        world.connect("w1").await.obey();
        world.settle().await;
        let builds = world.builds().await;
        assert_eq!(builds[0], "linux of ann/1 w1 retry");
        assert!(
            builds[1..].iter().all(|b| b.starts_with("linux of ann/") && b.ends_with("success"))
        );
        let results = world.requests().await;
        assert!(results.iter().all(Option::is_some), "{results:?}");
    });
}

/// As the form is filled in: with the fixed properties.
async fn force_by_form(world: &World) {
    let generation = world.engine().generation();
    let (scheduler, form) = halide_ci::api::forces::find(&generation.config, "force").unwrap();
    let builders = vec!["linux".to_owned()];
    let values = serde_json::Map::new();
    let validation = &generation.config.validation;
    let user = Some("ann");
    let wish =
        halide_ci::api::forces::fill_in(scheduler, form, builders, &values, validation, user);
    let mut wish = wish.unwrap();
    // Two that are alike would be one.
    wish.sourcestamps[0].revision =
        Some(format!("r{}", world.int("select count(*) from buildsets").await));
    world.engine().force(wish).await.unwrap();
}

#[test]
fn nobodys_properties_file_builds_under_a_configured_builder() {
    let config = FARM
        .replace(
            r#"name = "main", builders"#,
            r#"name = "main", properties = { virtual_builder_name = "other" }, builders"#,
        )
        .replace(
            "c.builders = {",
            r#"c.builders = {
  ci.builder { name = "other", workers = { "w2" }, factory = f },"#,
        )
        .replace(
            r#"name = "force", builders = { "linux" }"#,
            r#"name = "force", builders = { "linux", "other" }"#,
        );
    story(&config, async |world: &mut World| {
        world.connect("w1").await.expect(all_steps());
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
    });
}
