//! What people want of workers, schedulers and requests: pauses, ends, switches, priorities; and
//! quarantines, which the engine decides by itself. All of it outlives crashes and reloads.

use halide_ci::base::id::{RequestId, SchedulerId, WorkerId};
use halide_ci::engine::Refusal;
use halide_ci::engine::input::WorkerOrder;

use super::why::why;
use super::{FARM, World, all_steps, story};
use crate::scenario::locks::force;
use crate::sim::hand::{Expected, shell};

const W1: WorkerId = WorkerId(1);
const W2: WorkerId = WorkerId(2);

async fn order(world: &World, worker: WorkerId, order: WorkerOrder) {
    world.engine().order_worker(worker, order).await.unwrap();
}

fn pause(reason: &str) -> WorkerOrder {
    WorkerOrder::Pause(reason.to_owned())
}

/// The farm with one worker.
fn lonely() -> String {
    FARM.replace("workers = { \"w1\", \"w2\" }", "workers = { \"w1\" }")
}

const STANDING: &str =
    "select paused, coalesce(pause_reason, '-'), graceful from workers where id = 1";

#[test]
fn a_paused_worker_ends_what_it_builds_and_gets_nothing_new_until_it_is_unpaused() {
    story(&lonely(), async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10), shell("make test"), shell("make clean")]);
        force(world, "a1", "a1").await;
        world.pass(1).await;
        order(world, W1, pause("the disk is changed")).await;
        force(world, "a2", "a2").await;
        world.pass(60).await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
        let told = ["worker w1 is paused: the disk is changed"];
        assert_eq!(why(world, 2).await, told);
        world.crash().await;
        world.start().await;
        world.connect("w1").await.expect(all_steps());
        world.reload(&lonely().replace("Build", "Make")).await.unwrap();
        world.pass(60).await;
        assert_eq!(why(world, 2).await, told);
        assert_eq!(world.rows(STANDING, 3).await, ["1 the disk is changed 0"]);
        order(world, W1, WorkerOrder::Unpause).await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success", "linux/2 w1 success"]);
        assert_eq!(world.rows(STANDING, 3).await, ["0 - 0"]);
    });
}

#[test]
fn a_graceful_stop_waits_for_the_running_build_also_over_a_restart_of_the_master() {
    story(&lonely(), async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10), shell("make test"), shell("make clean")]);
        force(world, "a1", "a1").await;
        world.pass(1).await;
        order(world, W1, WorkerOrder::Stop).await;
        force(world, "a2", "a2").await;
        assert!(!w1.is_closed());
        assert_eq!(why(world, 2).await, ["worker w1 takes no new builds before it shuts down"]);
        world.pass(60).await;
        assert!(w1.is_closed(), "it was told to end when its build had ended");
        assert_eq!(world.builds().await, ["linux/1 w1 success"]);
        world.cut("w1").await;
        world.pass(1).await;
        assert_eq!(world.rows(STANDING, 3).await, ["0 - 0"], "it has done what it was told");
        // Whoever starts it again wants it to build.
        world.connect("w1").await.expect([shell("make").takes(10)]);
        world.pass(5).await;
        order(world, W1, WorkerOrder::Stop).await;
        world.crash().await;
        world.start().await;
        let back = world.connect("w1").await;
        world.pass(5).await;
        assert!(back.is_closed(), "it came back because the master was away, not to build");
        world.cut("w1").await;
        world.connect("w1").await.expect(all_steps());
        world.settle().await;
        let unknown = world.engine().order_worker(WorkerId(9), WorkerOrder::Stop).await;
        assert!(matches!(unknown, Err(Refusal::Missing(_))), "{unknown:?}");
        let away = world.engine().order_worker(W2, WorkerOrder::Kill).await;
        assert!(matches!(away, Err(Refusal::Invalid(_))), "{away:?}");
    });
}

#[test]
fn a_stop_that_is_not_carried_out_can_be_taken_back_and_a_kill_does_not_wait() {
    story(&lonely(), async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([shell("make").takes(10), shell("make test"), shell("make clean")]);
        force(world, "a1", "a1").await;
        world.pass(1).await;
        order(world, W1, WorkerOrder::Stop).await;
        order(world, W1, WorkerOrder::Unpause).await;
        world.settle().await;
        assert!(!w1.is_closed());
        w1.expect([shell("make").takes(10)]);
        force(world, "a2", "a2").await;
        world.pass(1).await;
        order(world, W1, WorkerOrder::Kill).await;
        assert!(w1.is_closed());
        world.cut("w1").await;
        world.connect("w1").await.expect(all_steps());
        world.settle().await;
        let builds = ["linux/1 w1 success", "linux/2 w1 retry", "linux/3 w1 success"];
        assert_eq!(world.builds().await, builds);
    });
}

#[test]
fn a_scheduler_that_is_off_takes_nothing_and_keeps_what_it_holds() {
    story(FARM, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.obey();
        world.pull_request("opened", 7, "p1").await;
        world.pass(10).await;
        for scheduler in [1, 2, 3] {
            world.engine().switch_scheduler(SchedulerId(scheduler), false).await.unwrap();
        }
        world.push("main", "a1").await;
        world.pass(1000).await;
        let verdicts = world.rows("select verdicts from changes order by id", 1).await;
        assert!(verdicts[0].contains(r#""pulls":"taken""#), "{verdicts:?}");
        assert!(verdicts[1].contains(r#""main":"refused: the scheduler is off""#), "{verdicts:?}");
        assert!(verdicts[1].contains(r#""pulls":"refused: category"#), "{verdicts:?}");
        assert_eq!(world.builds().await, [""; 0]);
        world.crash().await;
        world.start().await;
        world.connect("w1").await.obey();
        world.reload(&FARM.replace("Build", "Make")).await.unwrap();
        world.pass(1000).await;
        assert_eq!(world.builds().await, [""; 0]);
        let enabled = "select group_concat(enabled, '') from schedulers";
        assert_eq!(world.rows(enabled, 1).await, ["000"]);
        world.engine().switch_scheduler(SchedulerId(2), true).await.unwrap();
        world.engine().switch_scheduler(SchedulerId(1), true).await.unwrap();
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 success"], "the pull request it held");
        let unknown = world.engine().switch_scheduler(SchedulerId(9), true).await;
        assert!(matches!(unknown, Err(Refusal::Missing(_))), "{unknown:?}");
    });
}

#[test]
fn another_priority_reorders_the_queue_at_once_and_for_good() {
    story(&lonely(), async |world: &mut World| {
        for sha in ["a1", "a2", "a3"] {
            force(world, sha, sha).await;
        }
        assert_eq!(
            why(world, 3).await[0],
            "2 requests of the same builder come first, the next is 1"
        );
        world.engine().set_priority(RequestId(3), 7).await.unwrap();
        assert_eq!(why(world, 3).await, ["worker w1 is not connected"]);
        assert_eq!(why(world, 1).await[0], "request 3 of the same builder comes first");
        world.engine().set_priority(RequestId(1), -1).await.unwrap();
        world.crash().await;
        world.start().await;
        assert_eq!(
            why(world, 1).await[0],
            "2 requests of the same builder come first, the next is 3"
        );
        world.connect("w1").await.obey();
        world.settle().await;
        let order =
            "select r.id from builds b join buildrequests r on r.id = b.request_id order by b.id";
        assert_eq!(world.rows(order, 1).await, ["3", "2", "1"]);
        let late = world.engine().set_priority(RequestId(1), 5).await;
        assert!(matches!(late, Err(Refusal::Invalid(_))), "{late:?}");
        let unknown = world.engine().set_priority(RequestId(9), 5).await;
        assert!(matches!(unknown, Err(Refusal::Missing(_))), "{unknown:?}");
    });
}

/// A command that a worker with a full disk cannot start.
fn full() -> Expected {
    shell("make").breaks("no space left on device")
}

#[test]
fn a_worker_whose_builds_go_wrong_gets_none_for_a_while_which_doubles() {
    story(&lonely(), async |world: &mut World| {
        let w1 = world.connect("w1").await;
        let until = "select (quarantined_until - (select max(complete_at) from builds)) / 1000000, \
             quarantine_failures from workers where id = 1";
        for (n, seconds) in [(1, 10), (2, 20), (3, 40)] {
            w1.expect([full(), shell("make clean")]);
            force(world, &format!("a{n}"), &format!("a{n}")).await;
            world.pass(2).await;
            assert_eq!(world.rows(until, 2).await, [format!("{seconds} {n}")]);
            if n < 3 {
                world.pass(seconds).await;
            }
        }
        force(world, "a4", "a4").await;
        let told = why(world, 4).await;
        assert!(told[0].starts_with("worker w1 is quarantined until 2026-01-01 00:"), "{told:?}");
        assert!(told[0].contains("because of shell: no space left on device"), "{told:?}");
        world.crash().await;
        world.start().await;
        world.reload(&lonely().replace("Test", "Check")).await.unwrap();
        let w1 = world.connect("w1").await;
        assert_eq!(why(world, 4).await, told, "a restart changes nothing of it");
        w1.obey();
        world.pass(60).await;
        assert_eq!(world.builds().await.len(), 4, "it is over, and the request is built");
        assert_eq!(world.rows(until, 2).await, ["- 0"], "a good build ends the row of failures");
    });
}

#[test]
fn unpausing_ends_a_quarantine_and_what_is_not_the_workers_fault_begins_none() {
    story(&lonely(), async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.expect([full()]).obey();
        force(world, "a1", "a1").await;
        world.pass(2).await;
        force(world, "a2", "a2").await;
        world.pass(2).await;
        assert_eq!(world.builds().await, ["linux/1 w1 exception"]);
        order(world, W1, WorkerOrder::Unpause).await;
        world.settle().await;
        assert_eq!(world.builds().await.len(), 2);
    });
    let broken = lonely().replace("command = { \"make\" }", "command = function() error 'no' end");
    story(&broken, async |world: &mut World| {
        world.connect("w1").await.obey();
        force(world, "a1", "a1").await;
        world.settle().await;
        assert_eq!(world.builds().await, ["linux/1 w1 exception"]);
        assert_eq!(world.int("select quarantine_failures from workers where id = 1").await, 0);
    });
}

#[test]
fn a_worker_may_build_the_same_builder_several_times_each_in_its_own_directory() {
    let twice = lonely().replace("factory = f }", "factory = f, max_builds_per_worker = 2 }");
    let config = twice.replace("max_builds = 2", "max_builds = 4");
    story(&config, async |world: &mut World| {
        let w1 = world.connect("w1").await;
        w1.dawdle(10);
        for sha in ["a1", "a2", "a3"] {
            force(world, sha, sha).await;
        }
        world.pass(1).await;
        assert_eq!(w1.running().len(), 2);
        let told = "worker w1 builds this builder's linux #1, linux #2 and takes at most 2 builds of it at once";
        assert_eq!(why(world, 3).await, [told]);
        let dirs = "select value from build_properties where name = 'builddir' order by build_id";
        assert_eq!(world.rows(dirs, 1).await, ["\"/w/w1/linux\"", "\"/w/w1/linux@2\""]);
        world.settle().await;
        assert_eq!(world.builds().await.len(), 3);
    });
}

#[test]
fn processes_that_take_a_name_from_each_other_get_no_builds() {
    story(&lonely(), async |world: &mut World| {
        for n in 0..3 {
            world.join("w1", Some(["one", "two"][n % 2])).await.unwrap();
            world.pass(40).await;
        }
        let failures = "select quarantine_failures from workers where id = 1";
        assert_eq!(world.int(failures).await, 0, "now and then a machine is replaced");
        world.pass(60).await;
        for n in 0..3 {
            world.join("w1", Some(["two", "one"][n % 2])).await.unwrap().obey();
            world.pass(5).await;
        }
        force(world, "a1", "a1").await;
        let told = why(world, 1).await;
        let told_what = told[0].contains("3 times within a minute another process connected");
        assert!(told_what && told[0].contains("a name of its own"), "{told:?}");
        // One that only connects again is no other.
        world.pass(60).await;
        for _ in 0..4 {
            world.join("w1", Some("two")).await.unwrap().obey();
        }
        world.settle().await;
        assert_eq!(world.builds().await.last().map(String::as_str), Some("linux/1 w1 success"));
    });
}
