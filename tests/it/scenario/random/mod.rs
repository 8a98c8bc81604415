//! Random stories: pushes, pull requests, lost workers, stops, crashes, commits that fail and reloads
//! in an order that a seed decides. Whatever happens, the invariants hold in the end. A story that
//! fails names its seed; `HALIDE_CI_SEED=N` tells that one again, with everything that happened.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the seed of a story comes from the environment, and a long run says what it did"
)]

mod acts;
mod invariants;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use halide_ci::base::random::Random;
use halide_ci::engine::Sabotage;

use super::{Setting, World};
use acts::{Story, WORKERS};

/// The farm of these stories.
const TOWN: &str = include_str!("town.lua");
/// How much happens in each.
const ACTS: usize = 60;
/// How many stories an ordinary run of the tests tells of each kind.
const STORIES: u64 = 12;
/// How many builds a long run tells of.
const MANY: usize = 20_000;

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

/// The town with them.
fn moody() -> String {
    let functions = r#"name = "linux", next_worker = moody(function(_, workers) return workers[#workers] end),
  next_build = moody(function(_, requests) return requests[#requests] end),
  can_start_build = moody(function(_, worker) return worker:running() < 2 end),
  collapse_requests = moody(function(_, older, newer) return older:can_be_collapsed(newer) end),
  do_build_if = moody(function(build) return build.number % 9 ~= 0 end),"#;
    let scheduler = r#"name = "pulls", builders = moody(function() return "linux" end),
  priority = moody(function(_, changes) return #changes end),"#;
    TOWN.replace("c.builders = {", &format!("{MOODY}c.builders = {{"))
        .replace(r#"name = "linux","#, functions)
        .replace(r#"name = "pulls", builders = { "linux" },"#, scheduler)
}

/// A story that was told to its end.
struct Telling {
    transcript: String,
    builds: usize,
}

/// Tells the story of `seed`.
fn tell(config: &str, seed: u64, sabotage: Sabotage) -> Telling {
    let mut builds = 0;
    let transcript =
        Setting { seed, sabotage, ..Setting::new(config) }.tell(async |world: &mut World| {
            let random = Random::seeded(seed.wrapping_mul(7_919));
            let mut story = Story::new(world, random, config);
            for worker in &WORKERS[..2] {
                story.connect_to_live(worker).await;
            }
            for _ in 0..ACTS {
                story.act().await;
                let pause = story.random.below(90) as u64;
                story.world.pass(pause).await;
            }
            story.come_to_rest().await;
            invariants::check(story.world, &story.told).await;
            let before = invariants::rows(story.world).await;
            for _ in 0..2 {
                story.world.crash().await;
                story.world.start().await;
                let after = invariants::rows(story.world).await;
                assert_eq!(before, after, "I7: recovery changed what was at rest");
            }
            let all = story.world.int("select count(*) from builds").await;
            builds = usize::try_from(all).unwrap();
        });
    Telling { transcript, builds }
}

/// Tells the stories of `seeds`, on all cores, until there were `enough` builds; all that were told.
fn tell_many(config: &str, seeds: std::ops::RangeInclusive<u64>, enough: usize) -> Vec<Telling> {
    let (next, builds) = (AtomicU64::new(*seeds.start()), AtomicUsize::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let tell_some = || {
        let mut told = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !seeds.contains(&seed) || builds.load(Ordering::Relaxed) >= enough {
                return told;
            }
            let one = catch_unwind(|| tell(config, seed, Sabotage::default()));
            let one = one.unwrap_or_else(|_| panic!("the story of seed {seed} failed"));
            builds.fetch_add(one.builds, Ordering::Relaxed);
            told.push(one);
        }
    };
    std::thread::scope(|scope| {
        let tellers: Vec<_> = (0..threads).map(|_| scope.spawn(tell_some)).collect();
        let told = tellers.into_iter().map(|t| t.join().expect("see above"));
        told.flatten().collect()
    })
}

#[test]
fn whatever_happens_the_invariants_hold() {
    tell_many(TOWN, 1..=STORIES, usize::MAX);
}

#[test]
fn whatever_functions_decide_the_invariants_hold() {
    let config = moody();
    assert_eq!(config.matches("moody(").count(), 9);
    let told = tell_many(&config, 1..=STORIES, usize::MAX);
    let times =
        |what: &str| told.iter().map(|told| told.transcript.matches(what).count()).sum::<usize>();
    for (what, least) in [
        ("act ask for the order of", 100),
        ("act ask what linux builds next", 100),
        ("act ask what gives way", 5),
        ("act ask what scheduler pulls makes", 20),
        ("which chose none of", 1),
        ("Err(\"builders failed: master.lua:", 2),
    ] {
        assert!(times(what) >= least, "{what}: {}", times(what));
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for config in [TOWN.to_owned(), moody()] {
        let one = tell(&config, 5, Sabotage::default()).transcript;
        let other = tell(&config, 5, Sabotage::default()).transcript;
        let differs = one.lines().zip(other.lines()).find(|(a, b)| a != b);
        assert_eq!(differs, None);
        assert_eq!(one.len(), other.len());
    }
}

/// As many builds as a farm has in a month; with `HALIDE_CI_SEED`, only that story, and all of it.
#[test]
#[ignore = "takes minutes"]
fn twenty_thousand_builds_keep_the_invariants() {
    if let Some(seed) = std::env::var("HALIDE_CI_SEED").ok().and_then(|s| s.parse().ok()) {
        for config in [TOWN.to_owned(), moody()] {
            println!("{}", tell(&config, seed, Sabotage::default()).transcript);
        }
        return;
    }
    let began = std::time::Instant::now();
    let mut builds = 0;
    for config in [TOWN.to_owned(), moody()] {
        let told = tell_many(&config, 1_000..=u64::MAX, MANY / 2);
        builds += told.iter().map(|t| t.builds).sum::<usize>();
    }
    println!("{builds} builds, every invariant, in {:.0} s", began.elapsed().as_secs_f64());
    assert!(builds >= MANY);
}

/// The first seed whose story notices that a defence is off.
fn noticed_at(sabotage: Sabotage) -> Option<u64> {
    (1..=40).find(|seed| catch_unwind(AssertUnwindSafe(|| tell(TOWN, *seed, sabotage))).is_err())
}

#[test]
fn a_defence_that_is_off_is_noticed() {
    let all_on = Sabotage::default();
    for (what, sabotage) in [
        ("locks", Sabotage { no_locks: true, ..all_on }),
        ("the fence", Sabotage { no_fence: true, ..all_on }),
        ("stops as rows", Sabotage { forget_stops: true, ..all_on }),
        ("the outbox", Sabotage { tell_later: true, ..all_on }),
        ("adoption", Sabotage { no_adoption: true, ..all_on }),
        ("deduplication", Sabotage { no_deduplication: true, ..all_on }),
    ] {
        let seed = noticed_at(sabotage);
        println!("{what}: noticed by seed {seed:?}");
        assert!(seed.is_some(), "no story notices that {what} is off");
    }
}
