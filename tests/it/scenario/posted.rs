//! A change that somebody posts: what the hook's functions make of it, and what becomes of it.

use halide_ci::engine::input::Delivered;
use halide_ci::model::delivery::NewDelivery;
use serde_json::{Value as Json, json};

use super::{FARM, World, story};

fn farm(options: &str) -> String {
    FARM.replace(
        "github = ci.hooks.github",
        &format!("base = ci.hooks.base {{ secret = 'secret-of-base', {options} }}, github = ci.hooks.github"),
    )
}

async fn post(world: &World, guid: &str, change: Json) -> Delivered {
    let delivery = NewDelivery {
        dialect: "base".to_owned(),
        guid: guid.to_owned(),
        event: "change".to_owned(),
        line: "r p main".to_owned(),
        headers: Default::default(),
        body: change.to_string().into_bytes(),
        head: None,
    };
    world.engine().deliver(delivery).await.unwrap()
}

const CHANGES: &str = "select author, codebase, category from changes order by id";

#[test]
fn a_posted_change_is_built_once_though_the_master_dies() {
    story(&farm("codebase = 'halide'"), async |world: &mut World| {
        let change = json!({ "author": "ann", "branch": "main", "revision": "abc" });
        post(world, "k", change.clone()).await;
        world.crash().await;
        world.start().await;
        let again = post(world, "k", change).await;
        assert!(matches!(again, Delivered::Duplicate(_)), "{again:?}");
        let hand = world.connect("w1").await;
        hand.obey();
        world.settle().await;
        assert_eq!(world.rows(CHANGES, 3).await, ["ann halide -"]);
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
        post(world, "l", json!({ "author": "ben", "codebase": "own" })).await;
        world.settle().await;
        assert_eq!(world.rows(CHANGES, 3).await[1], "ben own -");
    });
}

#[test]
fn functions_say_the_codebase_and_what_a_posted_change_means() {
    let options = "codebase = function(change) return 'of ' .. change.author end, on_event = function(change)\n\
                   if change.author == 'nobody' then return nil end\n\
                   if change.author == 'twice' then return { change, change } end\n\
                   if change.author == 'wrong' then return { author = 5 } end\n\
                   change.category = 'posted' return change end";
    story(&farm(options), async |world: &mut World| {
        for author in ["ann", "nobody", "twice", "wrong"] {
            post(world, author, json!({ "author": author, "files": [] })).await;
        }
        world.settle().await;
        let changes = ["ann of ann posted", "twice of twice -", "twice of twice -"];
        assert_eq!(world.rows(CHANGES, 3).await, changes);
        let verdicts = world.rows("select state, verdict from deliveries order by id", 2).await;
        assert!(verdicts[1].starts_with("handled 0 changes from the function at"), "{verdicts:?}");
        assert!(verdicts[3].contains("failed") && verdicts[3].contains("is wrong"), "{verdicts:?}");
    });
}
