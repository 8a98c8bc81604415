//! Random stories: pushes, pull requests, lost workers, stops, crashes and reloads in an order that
//! a seed decides. Whatever happens, in the end every request has one result and GitHub shows what
//! the database says. A story that fails names its seed.

use std::collections::BTreeSet;

use halide_ci::base::id::{BuildId, RequestId};
use halide_ci::base::random::Random;
use halide_ci::base::results::Results;

use super::{FARM, Setting, World};
use crate::sim::fake_github::Fault;
use crate::sim::payload::REPOSITORY;

/// How many stories are told.
const STORIES: u64 = 40;
/// How much happens in each.
const ACTIONS: usize = 40;

#[test]
fn whatever_happens_every_request_ends_in_one_result() {
    tell(FARM);
}

/// Functions that decide whatever there is to decide, and now and then wait, raise, or say no or
/// nonsense.
const MOODY: &str = r#"
local n = 0
local function moody(default)
  return function(...)
    n = n + 1
    if n % 5 == 0 then ci.sleep(n % 3 == 0 and 30 or 1) end
    if n % 7 == 0 then error "not now" end
    if n % 11 == 0 then return 42 end
    if n % 13 == 0 then return nil end
    return default(...)
  end
end
c.prioritize_builders = moody(function(builders) return builders end)
c.codebase_generator = function(change) ci.sleep(#change.revision % 3) return "" end
"#;

/// The farm with them.
fn moody() -> String {
    let functions = r#"name = "linux", next_worker = moody(function(_, workers) return workers[#workers] end),
  next_build = moody(function(_, requests) return requests[#requests] end),
  can_start_build = moody(function(_, worker) return worker:running() < 2 end),
  collapse_requests = moody(function(_, older, newer) return older:can_be_collapsed(newer) end),
  do_build_if = moody(function(build) return build.number % 9 ~= 0 end),"#;
    let scheduler = r#"name = "main", builders = moody(function() return "linux" end),
  priority = moody(function(_, changes) return #changes end),"#;
    FARM.replace("c.builders = {", &format!("{MOODY}c.builders = {{"))
        .replace(r#"name = "linux","#, functions)
        .replace(r#"name = "main", builders = { "linux" },"#, scheduler)
}

#[test]
fn whatever_functions_decide_every_request_ends_in_one_result() {
    let config = moody();
    assert_eq!(config.matches("moody(").count(), 9);
    let told = tell(&config);
    let times = |what: &str| told.iter().map(|story| story.matches(what).count()).sum::<usize>();
    for (what, least) in [
        ("act ask for the order of", 100),
        ("act ask what linux builds next", 100),
        ("act ask what gives way", 10),
        ("act ask what scheduler main makes", 100),
        ("which chose none of", 1),
        ("Err(\"builders failed: master.lua:", 10),
        ("has not answered for 10 s", 1),
    ] {
        assert!(times(what) >= least, "{what}: {}", times(what));
    }
}

fn tell(config: &str) -> Vec<String> {
    let tell = |seed: u64| {
        let told: std::thread::Result<String> = std::panic::catch_unwind(|| {
            Setting { seed, ..Setting::new(config) }.tell(async |world: &mut World| {
                let random = Random::seeded(seed.wrapping_mul(7_919));
                for n in 0..ACTIONS {
                    act(world, &random, n, config).await;
                    world.pass(random.below(90) as u64).await;
                }
                come_to_rest(world).await;
                check(world).await;
            })
        });
        told.unwrap_or_else(|_| panic!("the story of seed {seed} failed"))
    };
    (1..=STORIES).map(tell).collect()
}

async fn act(world: &mut World, random: &Random, n: usize, config: &str) {
    let sha = format!("sha{n}");
    let worker = ["w1", "w2"][random.below(2)];
    let build = BuildId(1 + random.below(6) as i64);
    match random.below(16) {
        0..=3 => drop(world.push("main", &sha).await),
        4 | 5 => drop(world.pull_request("synchronize", random.below(2) as i64, &sha).await),
        6 => drop(world.pull_request("closed", random.below(2) as i64, &sha).await),
        7..=9 => drop(world.connect(worker).await.dawdle(random.below(100) as u64)),
        10 => world.cut_if_there(worker).await,
        // Whether there is such a build is up to the story.
        11 => drop(world.engine().stop_build(build, "a whim".to_owned()).await),
        12 => drop(world.engine().rebuild(build, "operator".to_owned()).await),
        13 => {
            let request = RequestId(1 + random.below(6) as i64);
            drop(world.engine().cancel(request, "a whim".to_owned()).await);
        }
        14 => {
            let fault = [Fault::None, Fault::Outage, Fault::ReplyLost, Fault::Busy(90)];
            world.github.fault(fault[random.below(4)].clone());
        }
        _ => match random.below(3) {
            0 => {
                world.stop().await;
                world.start().await;
            }
            1 => {
                world.crash().await;
                world.start().await;
            }
            _ => drop(world.reload(&format!("{config}\n-- {n}")).await.unwrap()),
        },
    }
}

async fn come_to_rest(world: &mut World) {
    world.github.fault(Fault::None);
    for worker in ["w1", "w2"] {
        world.connect(worker).await.obey();
    }
    world.settle().await;
    // What functions hold back they let go sooner or later.
    for _ in 0..1_000 {
        if world.requests().await.iter().all(Option::is_some) {
            break;
        }
        world.pass(30).await;
        world.settle().await;
    }
}

async fn check(world: &World) {
    let requests = world.requests().await;
    assert!(requests.iter().all(Option::is_some), "{requests:?}");
    let twice = "select count(*) from (select request_id from builds where results <> 5 \
         group by request_id having count(*) > 1)";
    assert_eq!(world.int(twice).await, 0, "a request with two verdicts");
    let unread = "select count(*) from deliveries where state <> 'handled'";
    assert_eq!(world.int(unread).await, 0, "a delivery that nobody read");
    let transcript = world.transcript();
    let completed: Vec<&str> = transcript
        .lines()
        .filter_map(|l| l.split_once("event RequestCompleted "))
        .map(|l| l.1)
        .collect();
    let distinct: BTreeSet<_> = completed.iter().filter_map(|l| l.split(',').next()).collect();
    assert_eq!(distinct.len(), completed.len(), "a result that was announced twice");
    let open = "select (select count(*) from steps where complete_at is null) \
         + (select count(*) from buildsets where complete_at is null)";
    assert_eq!(world.int(open).await, 0, "something was left open");
    statuses_agree(world).await;
}

/// GitHub shows of each commit what was told of it last, and of each request that anything was told
/// of, its result was told last.
async fn statuses_agree(world: &World) {
    let untold = "select count(*) from buildrequests r where r.results <> coalesce((select o.results \
         from outbox o where o.request_id = r.id order by o.id desc limit 1), r.results)";
    assert_eq!(world.int(untold).await, 0, "a request whose end was not told");
    let newest = "select s.revision, cast(o.results as text) from outbox o \
         join buildrequests r on r.id = o.request_id \
         join buildset_sourcestamps b on b.buildset_id = r.buildset_id \
         join sourcestamps s on s.id = b.sourcestamp_id \
         where o.id = (select max(p.id) from outbox p \
           join buildrequests q on q.id = p.request_id \
           join buildset_sourcestamps c on c.buildset_id = q.buildset_id \
           where c.sourcestamp_id = s.id) order by o.id";
    for row in world.rows(newest, 2).await {
        let (sha, code) = row.split_once(' ').unwrap();
        let results = Results::from_code(code.parse().unwrap()).unwrap();
        let shown = world.github.statuses(REPOSITORY, sha);
        let wanted = match results {
            Results::Success | Results::Warnings | Results::Skipped => "success",
            Results::Failure => "failure",
            Results::Exception | Results::Cancelled => "error",
            Results::Retry => "pending",
        };
        assert_eq!(shown["ci/linux"], wanted, "{sha}: {results:?}");
    }
}
