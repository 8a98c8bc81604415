//! Functions of the configuration that decide which build starts next, and where: in effect, waiting,
//! failing, slow, talking nonsense, and overtaken by what happens while they are asked.

use halide_ci::base::id::RequestId;
use halide_ci::base::results::Results;
use halide_ci::engine::input::Force;
use serde_json::json;

use super::{World, story};
use crate::sim::hand::shell;

/// The configuration of these stories; see the marks in it.
pub(super) const SHOP: &str = include_str!("../sim/shop.lua");

/// The shop with the text `put` at each `mark`.
pub(super) fn shop(put: &[(&str, &str)]) -> String {
    put.iter().fold(SHOP.to_owned(), |text, (mark, put)| {
        let mark = format!("--[[{mark}]]");
        assert!(text.contains(&mark), "{mark}");
        // The last one: `c` is a builder's mark and the end's.
        let at = if put.starts_with("c.") { text.rfind(&mark) } else { text.find(&mark) };
        let at = at.unwrap();
        format!("{}{put}{}", &text[..at], &text[at + mark.len()..])
    })
}

/// Forces a build of `builder` with the property `n`.
pub(super) async fn force(world: &World, builder: &str, n: i64) -> RequestId {
    force_with(world, builder, &[("n", json!(n))]).await
}

async fn force_with(
    world: &World,
    builder: &str,
    properties: &[(&str, serde_json::Value)],
) -> RequestId {
    let force = Force {
        scheduler: "force".to_owned(),
        builders: vec![builder.to_owned()],
        reason: "a story".to_owned(),
        owner: "operator".to_owned(),
        properties: properties.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect(),
        ..Force::default()
    };
    world.engine().force(force).await.unwrap().requests[0].1
}

/// What is said beside the requests that were made: who holds each, and what failed.
pub(super) async fn notes(world: &World) -> Vec<String> {
    world.rows("select held_by, trouble from buildrequests order by id", 2).await
}

/// The values of the property `n` of the builds, in their order.
pub(super) async fn built(world: &World) -> Vec<String> {
    let sql = "select d.name || p.value from builds b join builders d on d.id = b.builder_id \
         join build_properties p on p.build_id = b.id and p.name = 'n' order by b.id";
    world.rows(sql, 1).await
}

const BY_IMPORTANCE: &str = "c.prioritize_builders = function(builders)
  return ci.list.sorted(builders, function(b) return -b.data.importance end)
end";

#[test]
fn builders_get_their_turn_in_the_order_that_a_function_gives() {
    story(&shop(&[("c", BY_IMPORTANCE)]), async |world: &mut World| {
        for builder in ["a", "b", "c"] {
            force(world, builder, 1).await;
        }
        world.connect("w1").await.obey();
        world.settle().await;
        assert_eq!(built(world).await, ["c1", "b1", "a1"]);
    });
}

#[test]
fn a_function_that_orders_builders_may_wait_and_sees_the_oldest_request_first() {
    let config = shop(&[(
        "c",
        "c.prioritize_builders = function(builders)
           ci.sleep(0.5)
           local names = ci.list.map(builders, function(b) return b.name .. b:pending() end)
           print('line: ' .. table.concat(names, ' '))
           local out = {}
           for i = #builders, 1, -1 do out[#out + 1] = builders[i].name end
           return out
         end",
    )]);
    story(&config, async |world: &mut World| {
        for (builder, n) in [("b", 1), ("a", 1), ("b", 2), ("c", 1)] {
            force(world, builder, n).await;
            world.pass(1).await;
        }
        world.connect("w1").await.obey();
        world.pass(5).await;
        assert_eq!(built(world).await, ["c1", "a1", "b1", "b2"]);
    });
}

#[test]
fn a_builder_that_is_left_out_waits_until_the_function_lets_it() {
    let config = shop(&[(
        "c",
        "c.prioritize_builders = function(builders)
           local busy = ci.list.find(builders, function(b) return b.name ~= 'a' end)
           return ci.list.filter(builders, function(b) return b.name ~= 'a' or not busy end)
         end",
    )]);
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make b").takes(60), shell("make c").takes(60), shell("make a")]);
        for builder in ["b", "a", "c"] {
            force(world, builder, 1).await;
        }
        world.connect("w2").await;
        world.cut("w2").await;
        world.pass(30).await;
        assert_eq!(built(world).await, ["b1"]);
        world.pass(60).await;
        assert_eq!(built(world).await, ["b1", "c1"]);
        world.settle().await;
        assert_eq!(built(world).await, ["b1", "c1", "a1"]);
    });
}

#[test]
fn why_a_request_waits_is_said_beside_it() {
    let config = shop(&[
        ("a", "can_start_build = function() return false end"),
        ("b", "next_build = function() end"),
        ("c", "next_worker = function() return nil end"),
    ]);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.obey();
        world.connect("w2").await.obey();
        for builder in ["a", "b", "c"] {
            force(world, builder, 1).await;
        }
        world.settle().await;
        let said = notes(world).await;
        assert!(
            said[0].starts_with("can_start_build (master.lua:18), which said no to w"),
            "{said:?}"
        );
        assert_eq!(said[1], "next_build (master.lua:19), which chose none of 1 request -");
        assert!(
            said[2].starts_with("next_worker (master.lua:20), which chose none of w"),
            "{said:?}"
        );
        assert_eq!(world.builds().await, [""; 0]);
        // Another configuration, another answer.
        world.reload(&shop(&[])).await.unwrap();
        world.settle().await;
        assert_eq!(notes(world).await, ["- -"; 3]);
        assert_eq!(world.requests().await, [Some(Results::Success); 3]);
    });
}

#[test]
fn what_failed_is_said_and_the_engine_decides_by_itself() {
    let config = shop(&[
        ("a", "next_worker = function() error('no idea') end"),
        ("b", "next_build = function() return 'nonsense' end"),
        ("c", "next_worker = function(_, workers) return { workers[1] } end"),
        ("c", "c.prioritize_builders = function(builders) table.sort(builders, 1) end"),
    ]);
    story(&config, async |world: &mut World| {
        for builder in ["a", "b", "c"] {
            force(world, builder, 1).await;
        }
        world.connect("w1").await.obey();
        world.settle().await;
        assert_eq!(built(world).await, ["a1", "b1", "c1"], "the oldest request first");
        let said = notes(world).await;
        assert!(said[0].contains("next_worker failed: master.lua:18: no idea"), "{said:?}");
        let nonsense = "next_build (master.lua:19) returned \"nonsense\"; it must return one of the \
             requests it was given, or nil";
        assert!(said[1].contains(nonsense), "{said:?}");
        assert!(said[2].contains("next_worker (master.lua:20) returned a list"), "{said:?}");
        assert!(said.iter().all(|s| s.starts_with("- ")), "nobody holds what was built: {said:?}");
    });
}

#[test]
fn a_function_without_a_result_is_told_what_it_must_return() {
    let config = shop(&[(
        "c",
        "c.prioritize_builders = function(builders) table.sort(builders, function(x, y) return x.name < y.name end) end",
    )]);
    story(&config, async |world: &mut World| {
        force(world, "a", 1).await;
        world.connect("w1").await.expect([shell("make a").takes(30)]);
        world.pass(1).await;
        force(world, "b", 1).await;
        force(world, "c", 1).await;
        world.connect("w2").await.obey();
        world.settle().await;
        let said = notes(world).await;
        let expected = "prioritize_builders (master.lua:27) returned nothing; it must return a list of \
             builders or of their names";
        assert!(said[0].contains(expected), "{said:?}");
        assert_eq!(world.requests().await, [Some(Results::Success); 3]);
    });
}

#[test]
fn a_slow_function_delays_its_own_builds_and_then_is_overruled() {
    let config =
        shop(&[("a", "next_worker = function(_, workers) ci.sleep(3600) return workers[1] end")]);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.dawdle(1).obey();
        world.connect("w2").await.dawdle(1).obey();
        force(world, "a", 1).await;
        force(world, "b", 1).await;
        world.pass(1).await;
        assert_eq!(built(world).await, [""; 0], "both workers are offered to a");
        world.pass(2).await;
        assert_eq!(built(world).await, ["b1"], "for two seconds");
        world.settle().await;
        world.pass(15).await;
        world.settle().await;
        assert_eq!(built(world).await, ["b1", "a1"]);
        let said = notes(world).await;
        let expected = "next_worker (master.lua:18) has not answered for 10 s";
        assert!(said[0].contains(expected), "{said:?}");
    });
}

#[test]
fn a_slow_order_of_builders_holds_up_the_farm_for_two_seconds_only() {
    let config =
        shop(&[("c", "c.prioritize_builders = function(builders) ci.sleep(3600) return {} end")]);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.obey();
        force(world, "b", 1).await;
        force(world, "a", 1).await;
        world.pass(1).await;
        assert_eq!(built(world).await, [""; 0]);
        world.settle().await;
        world.pass(20).await;
        assert_eq!(built(world).await, ["b1", "a1"]);
        world.pass(60).await;
    });
}

#[test]
fn a_function_that_computes_forever_is_stopped_and_overruled() {
    let config = shop(&[
        ("a", "next_build = function() while true do end end"),
        ("c", "c.limits = { cpu_seconds = 0.02 }"),
    ]);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.obey();
        force(world, "a", 1).await;
        world.settle().await;
        assert_eq!(built(world).await, ["a1"]);
        let said = notes(world).await;
        assert!(
            said[0].contains("next_build failed: master.lua:18: computed for more"),
            "{said:?}"
        );
    });
}

#[test]
fn a_builder_chooses_its_worker_by_what_the_configuration_and_the_worker_say() {
    let choose = "next_worker = function(builder, workers, request)
      assert(builder.name == 'a' and builder:pending() == 1 and builder:running() == 0)
      assert(request.properties.n == 1 and request.builder == builder and request.reason ~= '')
      local fastest = ci.list.sorted(workers, function(w) return -w.data.speed end)[1]
      assert(fastest.info.numcpus == 4 and fastest:running() == 0)
      return fastest
    end";
    story(&shop(&[("a", choose)]), async |world: &mut World| {
        world.connect("w1").await.obey();
        world.connect("w2").await.obey();
        force(world, "a", 1).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["a/1 w2 success"]);
        assert_eq!(notes(world).await, ["- -"]);
    });
}

#[test]
fn builders_without_a_function_of_their_own_use_that_of_the_configuration() {
    let config = shop(&[
        ("a", "next_worker = function(_, workers) return 'w1' end"),
        ("c", "c.select_next_worker = function(_, workers) return 'w2' end"),
    ]);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.obey();
        world.connect("w2").await.obey();
        for builder in ["a", "b", "c"] {
            force(world, builder, 1).await;
            world.settle().await;
        }
        assert_eq!(world.builds().await, ["a/1 w1 success", "b/1 w2 success", "c/1 w2 success"]);
    });
}

#[test]
fn a_builder_chooses_its_next_request() {
    let choose = "next_build = function(builder, requests)
      return ci.list.sorted(requests, function(r) return -r.properties.n end)[1]
    end";
    story(&shop(&[("a", choose)]), async |world: &mut World| {
        for n in [2, 3, 1] {
            force(world, "a", n).await;
        }
        world.connect("w1").await.obey();
        world.settle().await;
        assert_eq!(built(world).await, ["a3", "a2", "a1"]);
    });
}

#[test]
fn a_request_that_nobody_wants_now_starts_when_another_comes() {
    let choose = "next_build = function(builder, requests) return requests[2] and requests[1] end";
    story(&shop(&[("a", choose)]), async |world: &mut World| {
        world.connect("w1").await.obey();
        force(world, "a", 1).await;
        world.settle().await;
        assert_eq!(built(world).await, [""; 0]);
        force(world, "a", 2).await;
        world.settle().await;
        assert_eq!(built(world).await, ["a1"]);
        let said = notes(world).await;
        assert_eq!(said[1], "next_build (master.lua:18), which chose none of 1 request -");
    });
}

#[test]
fn a_veto_sends_a_build_to_another_worker_and_is_heard_again_after_a_minute() {
    let veto = "can_start_build = function(builder, worker, request)
      return worker.name == 'w2' and os.time() % 86400 >= 100
    end";
    story(&shop(&[("a", veto)]), async |world: &mut World| {
        world.connect("w1").await.obey();
        world.connect("w2").await.obey();
        force(world, "a", 1).await;
        world.pass(90).await;
        assert_eq!(built(world).await, [""; 0]);
        let said = notes(world).await;
        assert!(said[0].contains("said no to w") && said[0].contains("w1"), "{said:?}");
        world.pass(60).await;
        assert_eq!(world.builds().await, ["a/1 w2 success"], "nothing has happened but time");
    });
}

#[test]
fn a_request_that_names_its_worker_is_built_there() {
    let config = shop(&[("a", "can_start_build = ci.enforce_chosen_worker")]);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.obey();
        let named = |name: &str| [("workername", json!(name)), ("n", json!(1))];
        force_with(world, "a", &named("w2")).await;
        world.settle().await;
        assert_eq!(world.builds().await, [""; 0]);
        world.connect("w2").await.obey();
        world.settle().await;
        force_with(world, "a", &named("w1")).await;
        world.settle().await;
        force_with(world, "a", &named("")).await;
        world.settle().await;
        let builds = world.builds().await;
        assert_eq!(builds[..2], ["a/1 w2 success", "a/2 w1 success"]);
        assert_eq!(builds.len(), 3);
    });
}

#[test]
fn a_request_that_is_cancelled_while_it_is_asked_about_is_not_built() {
    let config =
        shop(&[("a", "next_worker = function(_, workers) ci.sleep(1) return workers[1] end")]);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.obey();
        let one = force(world, "a", 1).await;
        force(world, "a", 2).await;
        world.engine().cancel(one, "a whim".to_owned()).await.unwrap();
        world.settle().await;
        world.pass(5).await;
        world.settle().await;
        assert_eq!(built(world).await, ["a2"]);
        assert_eq!(world.requests().await, [Some(Results::Cancelled), Some(Results::Success)]);
    });
}

#[test]
fn a_worker_that_goes_while_it_is_being_chosen_is_not_used() {
    let config =
        shop(&[("a", "next_worker = function(_, workers) ci.sleep(1) return workers[1] end")]);
    story(&config, async |world: &mut World| {
        world.connect("w1").await.obey();
        force(world, "a", 1).await;
        world.cut("w1").await;
        world.pass(5).await;
        assert_eq!(world.builds().await, [""; 0]);
        world.connect("w2").await.obey();
        world.pass(5).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["a/1 w2 success"]);
    });
}

#[test]
fn answers_that_always_come_too_late_are_overruled() {
    let config =
        shop(&[("a", "next_worker = function(_, workers) ci.sleep(5) return workers[1] end")]);
    story(&config, async |world: &mut World| {
        // Whatever a is offered, b has taken it before a's function answers.
        world.connect("w1").await.dawdle(1).obey();
        force(world, "a", 1).await;
        for n in 1..=60 {
            force(world, "b", n).await;
        }
        world.settle().await;
        world.pass(20).await;
        world.settle().await;
        let built = built(world).await;
        let at = built.iter().position(|b| b == "a1").unwrap();
        assert!(at < 40, "a was built after {at} others");
    });
}

#[test]
fn a_reload_asks_the_new_functions() {
    let answer = |worker: &str, seconds: u32| {
        shop(&[(
            "a",
            &format!("next_worker = function() ci.sleep({seconds}) return '{worker}' end"),
        )])
    };
    story(&answer("w1", 8), async |world: &mut World| {
        world.connect("w1").await.obey();
        world.connect("w2").await.obey();
        force(world, "a", 1).await;
        world.pass(1).await;
        world.reload(&answer("w2", 1)).await.unwrap();
        world.pass(5).await;
        assert_eq!(world.builds().await, ["a/1 w2 success"]);
        world.pass(20).await;
        assert_eq!(world.builds().await, ["a/1 w2 success"], "the old answer is of no interest");
    });
}

#[test]
fn a_question_that_a_crash_cuts_off_is_asked_again() {
    let config = shop(&[
        ("a", "next_worker = function() ci.sleep(1) return 'w2' end"),
        ("c", BY_IMPORTANCE),
    ]);
    story(&config, async |world: &mut World| {
        world.connect("w1").await;
        world.connect("w2").await;
        force(world, "a", 1).await;
        world.pass(0).await;
        world.crash().await;
        world.start().await;
        world.connect("w1").await.obey();
        world.connect("w2").await.obey();
        world.settle().await;
        world.pass(3).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["a/1 w2 success"]);
    });
}

#[test]
fn objects_are_the_same_tables_read_only_and_know_the_present_only_while_they_are_asked_about() {
    let config = shop(&[
        ("a", "next_worker = function(builder, workers, request)
           seen.builder, seen.worker = builder, workers[1]
           assert(builder == c.builders[1] and workers[1].data == c.workers[1].data)
           for _, change in ipairs {
             function() builder.name = 'x' end,
             function() workers[1].info = {} end,
             function() request.priority = 9 end,
             function() request.properties.n = 9 end,
           } do assert(not pcall(change)) end
           local ok, err = pcall(function() return request.nonsense end)
           assert(not ok and tostring(err):find('there is no field `nonsense` here', 1, true), err)
           return workers[1]
         end, do_build_if = function(build)
           assert(build.builder == seen.builder)
           assert(seen.worker.info == nil)
           local ok, err = pcall(seen.builder.pending, seen.builder)
           assert(not ok and tostring(err):find('builder:pending() is known inside functions', 1, true), err)
           return true
         end"),
    ])
    .replace("local c = ci.config()", "local c = ci.config()\nlocal seen = {}");
    story(&config, async |world: &mut World| {
        world.connect("w1").await.obey();
        force(world, "a", 1).await;
        world.settle().await;
        let said = (world.builds().await, notes(world).await);
        let texts = world.rows("select state_string from builds", 1).await;
        assert_eq!(said.0, ["a/1 w1 success"], "{texts:?} {said:?}");
        assert_eq!(said.1, ["- -"]);
    });
}

#[test]
fn the_same_seed_asks_and_decides_the_same() {
    let tell = || {
        let config = shop(&[
            ("a", "next_worker = function(_, workers) return workers[#workers] end"),
            ("b", "can_start_build = function() return true end"),
            ("c", BY_IMPORTANCE),
        ]);
        story(&config, async |world: &mut World| {
            world.connect("w1").await.dawdle(3).obey();
            world.connect("w2").await.dawdle(5).obey();
            for n in 0..5 {
                for builder in ["a", "b", "c"] {
                    force(world, builder, n).await;
                }
            }
            world.settle().await;
        })
    };
    assert_eq!(tell(), tell());
}
