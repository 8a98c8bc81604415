//! Random stories: pushes, pull requests, lost workers, stops, crashes and reloads in an order that
//! a seed decides. Whatever happens, in the end every request has one result and GitHub shows what
//! the database says. A story that fails names its seed.

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
    for seed in 1..=STORIES {
        let told = std::panic::catch_unwind(|| {
            Setting { seed, ..Setting::new(FARM) }.tell(async |world: &mut World| {
                let random = Random::seeded(seed.wrapping_mul(7_919));
                for n in 0..ACTIONS {
                    act(world, &random, n).await;
                    world.pass(random.below(90) as u64).await;
                }
                come_to_rest(world).await;
                check(world).await;
            })
        });
        assert!(told.is_ok(), "the story of seed {seed} failed");
    }
}

async fn act(world: &mut World, random: &Random, n: usize) {
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
            _ => drop(world.reload(&format!("{FARM}\n-- {n}")).await.unwrap()),
        },
    }
}

async fn come_to_rest(world: &mut World) {
    world.github.fault(Fault::None);
    for worker in ["w1", "w2"] {
        world.connect(worker).await.obey();
    }
    world.settle().await;
}

async fn check(world: &World) {
    let requests = world.requests().await;
    assert!(requests.iter().all(Option::is_some), "{requests:?}");
    let twice = "select count(*) from (select request_id from builds where results <> 5 \
         group by request_id having count(*) > 1)";
    assert_eq!(world.int(twice).await, 0, "a request with two verdicts");
    let unread = "select count(*) from deliveries where state <> 'handled'";
    assert_eq!(world.int(unread).await, 0, "a delivery that nobody read");
    let completions = world.transcript().matches("event RequestCompleted").count();
    assert_eq!(completions, requests.len(), "a result that was announced twice or never");
    let open = "select (select count(*) from steps where complete_at is null) \
         + (select count(*) from buildsets where complete_at is null)";
    assert_eq!(world.int(open).await, 0, "something was left open");
    statuses_agree(world).await;
}

/// What GitHub shows of each commit is what its newest build says.
async fn statuses_agree(world: &World) {
    let newest = "select p.value, cast(b.results as text) from builds b \
         join build_properties p on p.build_id = b.id and p.name = 'revision' \
         where b.id = (select max(o.id) from builds o \
           join build_properties q on q.build_id = o.id and q.name = 'revision' \
           where q.value = p.value) order by b.id";
    for row in world.rows(newest, 2).await {
        let (sha, code) = row.split_once(' ').unwrap();
        let results = Results::from_code(code.parse().unwrap()).unwrap();
        let shown = world.github.statuses(REPOSITORY, sha.trim_matches('"'));
        let wanted = match results {
            Results::Success | Results::Warnings | Results::Skipped => "success",
            Results::Failure => "failure",
            Results::Exception | Results::Cancelled => "error",
            Results::Retry => "pending",
        };
        assert_eq!(shown["ci/linux"], wanted, "{sha}: {results:?}");
    }
}
