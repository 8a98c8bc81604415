//! Keys of the configuration that are felt far from it: how long logs get, and what a change links to.

use halide_ci::base::id::BuildId;

use super::deciding::shop;
use super::{FARM, World, story};
use crate::sim::hand::shell;

#[test]
fn a_log_that_is_too_long_is_cut_and_its_end_is_kept() {
    let limits = "c.log_max_size = 20\nc.log_max_tail_size = 12\nc.url =";
    let config = FARM.replace("c.url =", limits);
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        let make = (1..=9).fold(shell("make"), |make, n| make.prints(&format!("line {n}\n")));
        w1.expect([make, shell("make test").prints("short\n"), shell("make clean")]);
        world.push("main", "a1").await;
        world.settle().await;
        assert_eq!(
            world.log(BuildId(1), "Build", "stdio").await,
            [
                "line 1",
                "line 2",
                "line 3",
                "The log is cut here: it is longer than 20 bytes.",
                "31 bytes are left out; the last 12 follow.",
                "ne 8",
                "line 9",
            ]
        );
        assert_eq!(world.log(BuildId(1), "Test", "stdio").await, ["short"]);
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
    });
}

#[test]
fn a_change_without_a_link_gets_one() {
    let hook = r#"github = ci.hooks.github { secret = "secret-of-the-hook",
      on_push = function(event, default)
        local changes = default(event)
        if event.branch ~= "linked" then changes[1].revlink = nil end
        return changes
      end }"#;
    let revlink = r#"c.revlink = function(revision, repository)
      ci.sleep(1)
      if revision == "b2" then return nil end
      if revision == "b3" then return 7 end
      if revision == "b4" then error "boom" end
      return "https://code.example.org/" .. repository:match "[^/]+$" .. "/" .. revision
    end"#;
    let stock = r#"github = ci.hooks.github { secret = "secret-of-the-hook" }"#;
    let config = shop(&[]).replace(stock, hook);
    assert!(config.contains("on_push"));
    story(&config, async |world: &mut World| {
        let links = "select revision || ' ' || ifnull(revlink, '-') from changes order by id";
        world.push("main", "a1").await;
        world.settle().await;
        let page = "a1 https://github.com/halide/Halide/commit/a1";
        assert_eq!(world.rows(links, 1).await, [page], "known forges need no function");
        world
            .reload(&config.replace("--[[c]]\nreturn", &format!("{revlink}\nreturn")))
            .await
            .unwrap();
        for sha in ["b1", "b2", "b3", "b4"] {
            world.push("main", sha).await;
            world.settle().await;
        }
        world.push("linked", "b5").await;
        world.settle().await;
        assert_eq!(
            world.rows(links, 1).await[1..],
            [
                "b1 https://code.example.org/Halide/b1",
                "b2 -",
                "b3 -",
                "b4 -",
                "b5 https://github.com/halide/Halide/commit/b5",
            ],
            "a change is never lost for want of a link"
        );
    });
}
