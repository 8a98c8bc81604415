//! What must hold after every random story, read from the rows, from the fake GitHub and from what
//! the fake workers said; never from the engine's own counters. The names are those of the
//! invariants: I1 what was acknowledged is there, I2 one result, I3 one attempt at a time, I4 logs
//! are what workers said, I5 everything ends, I6 GitHub shows what is stored, I7 recovery changes
//! nothing twice, I8 nothing piles up, I9 nobody changes what is not theirs.

use std::collections::{BTreeMap, BTreeSet};

use halide_ci::base::results::Results;

use super::acts::Told;
use crate::sim::payload::REPOSITORY;
use crate::sim::world::World;

/// Everything that can be read when the world is at rest.
pub(super) async fn check(world: &World, told: &Told) {
    acknowledged(world, told).await;
    one_result(world).await;
    one_attempt_at_a_time(world).await;
    families(world).await;
    logs(world).await;
    statuses(world).await;
    nothing_piles_up(world).await;
    locks(world).await;
}

/// I1: every delivery, force and stop that was answered is a row, and a stop lasts.
async fn acknowledged(world: &World, told: &Told) {
    let stored: BTreeSet<String> =
        world.rows("select guid from deliveries", 1).await.into_iter().collect();
    for guid in &told.deliveries {
        assert!(stored.contains(guid), "I1: the delivery {guid} was acknowledged and is gone");
    }
    let twice =
        "select count(*) from (select 1 from changes group by revision having count(*) > 1)";
    assert_eq!(world.int(twice).await, 0, "I2: a change that was taken twice");
    let requests = world.int("select count(*) from buildrequests").await;
    for request in &told.requests {
        assert!(request.0 <= requests, "I1: request {request} was answered and is gone");
    }
    for (build, at) in &told.stops {
        let later = format!(
            "select count(*) from builds b join builds s on s.request_id = b.request_id \
             where s.id = {build} and b.id > s.id and s.started_at <= {at} \
             and (s.complete_at is null or s.complete_at >= {at})"
        );
        assert_eq!(world.int(&later).await, 0, "I1: build {build} was stopped and tried again");
    }
}

/// I2: each request has one result, and it was announced once.
async fn one_result(world: &World) {
    let requests = world.requests().await;
    assert!(requests.iter().all(Option::is_some), "I5: a request that never ends: {requests:?}");
    let twice = "select count(*) from (select request_id from builds where results <> 5 \
         group by request_id having count(*) > 1)";
    assert_eq!(world.int(twice).await, 0, "I2: a request with two verdicts");
    let other = "select count(*) from buildrequests r join builds b on b.request_id = r.id \
         where b.results <> 5 and b.results <> r.results";
    assert_eq!(world.int(other).await, 0, "I2: a request with a result that is not its build's");
    let transcript = world.transcript();
    let completed: Vec<&str> = transcript
        .lines()
        .filter_map(|l| l.split_once("event RequestCompleted "))
        .map(|l| l.1)
        .collect();
    let distinct: BTreeSet<_> = completed.iter().filter_map(|l| l.split(',').next()).collect();
    assert_eq!(distinct.len(), completed.len(), "I2: a result that was announced twice");
}

/// I2, I9: whatever happens to a release, its parts are built once, and not when it is over.
async fn families(world: &World) {
    let twice = "select count(*) from (select p.request_id from buildsets s \
         join builds p on p.id = s.parent_build_id where s.results <> 6 \
         group by p.request_id, s.scheduler_id having count(*) > 1)";
    assert_eq!(world.int(twice).await, 0, "I2: a release with its parts twice");
    let orphans = "select count(*) from builds b join buildrequests q on q.id = b.request_id \
         join buildsets s on s.id = q.buildset_id join builds p on p.id = s.parent_build_id \
         join buildrequests r on r.id = p.request_id \
         where q.waited_for = 1 and b.started_at > r.complete_at";
    assert_eq!(world.int(orphans).await, 0, "I9: a part of a release that was over");
    let hasty = "select count(*) from builds p join steps t on t.build_id = p.id \
         join buildsets s on s.parent_build_id = p.id \
         where t.name = 'trigger' and t.results = 0 and s.complete_at > t.complete_at";
    assert_eq!(world.int(hasty).await, 0, "I2: a release that did not wait");
}

/// I3: attempts at one request follow each other, and a worker has never more builds than it takes.
async fn one_attempt_at_a_time(world: &World) {
    let beside = "select count(*) from builds a join builds b on a.request_id = b.request_id \
         where a.id < b.id and a.complete_at > b.started_at";
    assert_eq!(world.int(beside).await, 0, "I3: two attempts at once");
    for (worker, most) in [("w1", 2), ("w2", 1), ("w3", 3)] {
        let holds = world
            .rows(
                &format!(
                    "select b.started_at, b.complete_at from builds b \
                     join workers w on w.id = b.worker_id where w.name = '{worker}'"
                ),
                2,
            )
            .await;
        let spans: Vec<(i64, i64)> = holds.iter().map(|row| span(row)).collect();
        for (start, _) in &spans {
            let at_once = spans.iter().filter(|(s, e)| s <= start && start < e).count();
            assert!(at_once <= most, "I8: {worker} has {at_once} builds at once");
        }
    }
}

fn span(row: &str) -> (i64, i64) {
    let (start, end) = row.split_once(' ').unwrap();
    (start.parse().unwrap(), end.parse().unwrap())
}

/// I4, I9: each log of a command is a beginning of what one command of the build's worker said, and
/// all of it where the command came to its end.
async fn logs(world: &World) {
    let mut lines_of = BTreeMap::new();
    for hand in world.hands() {
        for saying in hand.sayings() {
            lines_of.insert(saying.number, (hand.name().to_owned(), saying.lines));
        }
    }
    let logs = "select l.id, w.name, coalesce(s.results, -1) from logs l \
         join steps s on s.id = l.step_id join builds b on b.id = s.build_id \
         join workers w on w.id = b.worker_id where l.slug = 'stdio'";
    let mut seen = BTreeSet::new();
    for row in world.rows(logs, 3).await {
        let fields: Vec<&str> = row.split(' ').collect();
        let (worker, results) = (fields[1], fields[2]);
        let lines = world.lines(fields[0].parse().unwrap()).await;
        let said: Vec<&str> =
            lines.iter().map(String::as_str).filter(|l| l.starts_with("saying ")).collect();
        let Some(first) = said.first() else { continue };
        let number: usize = first.split(' ').nth(1).unwrap().parse().unwrap();
        let (speaker, all) = &lines_of[&number];
        assert_eq!(speaker, worker, "I9: a worker wrote into another one's log");
        assert!(seen.insert(number), "I4: what saying {number} said is in two logs");
        for (i, line) in said.iter().enumerate() {
            assert_eq!(*line, format!("saying {number} line {i}"), "I4: a log with a gap");
        }
        if ["0", "2"].contains(&results) {
            assert_eq!(said.len(), *all, "I4: the end of saying {number} is missing");
        }
    }
}

/// I6: GitHub shows of each commit what was told of it last, and of each request that anything was
/// told of, its result was told last.
async fn statuses(world: &World) {
    let untold = "select count(*) from buildrequests r \
         where exists (select 1 from builds b where b.request_id = r.id) \
         and coalesce((select o.results from outbox o where o.request_id = r.id \
           order by o.id desc limit 1), -1) <> r.results";
    assert_eq!(world.int(untold).await, 0, "I6: a request whose end was not told");
    let newest = "select s.revision, g.name, cast(o.results as text) from outbox o \
         join buildrequests r on r.id = o.request_id join builders g on g.id = r.builder_id \
         join buildset_sourcestamps b on b.buildset_id = r.buildset_id \
         join sourcestamps s on s.id = b.sourcestamp_id \
         where s.revision is not null and o.id = (select max(p.id) from outbox p \
           join buildrequests q on q.id = p.request_id \
           join buildset_sourcestamps c on c.buildset_id = q.buildset_id \
           join sourcestamps t on t.id = c.sourcestamp_id \
           where t.revision = s.revision and q.builder_id = r.builder_id) order by o.id";
    for row in world.rows(newest, 3).await {
        let fields: Vec<&str> = row.split(' ').collect();
        let results = Results::from_code(fields[2].parse().unwrap()).unwrap();
        let shown = world.github.statuses(REPOSITORY, fields[0]);
        let wanted = match results {
            Results::Success | Results::Warnings | Results::Skipped => "success",
            Results::Failure => "failure",
            Results::Exception | Results::Cancelled => "error",
            Results::Retry => "pending",
        };
        let context = format!("ci/{}", fields[1]);
        assert_eq!(shown.get(&context).map(String::as_str), Some(wanted), "I6: {row}");
    }
}

/// I5, I8: nothing is left open, and nothing waits for ever.
async fn nothing_piles_up(world: &World) {
    for (what, sql) in [
        ("delivery unread", "select count(*) from deliveries where state <> 'handled'"),
        ("step open", "select count(*) from steps where complete_at is null"),
        ("buildset open", "select count(*) from buildsets where complete_at is null"),
        ("log open", "select count(*) from logs where complete = 0"),
        ("command open", "select count(*) from commands where state = 'sent'"),
        ("message unsent", "select count(*) from outbox where state = 'waiting'"),
        ("word for a scheduler", "select count(*) from scheduler_events"),
    ] {
        assert_eq!(world.int(sql).await, 0, "I8: {what}");
    }
}

/// How a lock is held: by how many, or alone.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Shared(i64),
    Alone,
}

/// A lock that was held: from, to, how, and how many may hold it by the holder's configuration.
#[derive(Debug)]
struct Hold {
    who: String,
    start: i64,
    end: i64,
    mode: Mode,
    most: i64,
}

/// Nobody ever held a lock beside somebody who excludes them: by the rows of builds and steps, and
/// by what the configuration says they take.
async fn locks(world: &World) {
    let mut held: BTreeMap<String, Vec<Hold>> = BTreeMap::new();
    let mut add = |lock: &str, worker: &str, who: &str, times: (i64, i64), mode, most| {
        let key = if lock == "perf" { format!("perf on {worker}") } else { lock.to_owned() };
        let hold = Hold { who: who.to_owned(), start: times.0, end: times.1, mode, most };
        held.entry(key).or_default().push(hold);
    };
    let shared_by = |generation: &str, worker: &str| match (worker, generation) {
        ("w3", _) => 3,
        (_, generation) => generation.parse().unwrap(),
    };
    // The count of the lock is written in the text of the generation; see `acts::edited`.
    let count = "(select substr(f.content, instr(f.content, 'max_count = ') + 12, 1) \
         from generation_files g join files f on f.sha256 = g.sha256 \
         where g.generation_id = b.generation_id and g.path like '%master.lua')";
    let builds = format!(
        "select b.started_at, b.complete_at, r.name, b.number, w.name, {count} from builds b \
         join builders r on r.id = b.builder_id join workers w on w.id = b.worker_id"
    );
    for row in world.rows(&builds, 6).await {
        let f: Vec<&str> = row.split(' ').collect();
        let times = (f[0].parse().unwrap(), f[1].parse().unwrap());
        let (builder, worker, most) = (f[2], f[4], shared_by(f[5], f[4]));
        let who = format!("{builder} #{}", f[3]);
        match builder {
            "mac" => add("perf", worker, &who, times, Mode::Shared(1), most),
            "llvm" => add("perf", worker, &who, times, Mode::Alone, most),
            "pack" => add("publish", worker, &who, times, Mode::Alone, 1),
            "left" => add("a", worker, &who, times, Mode::Alone, 1),
            "right" => add("b", worker, &who, times, Mode::Alone, 1),
            _ => {}
        }
    }
    let steps = format!(
        "select s.locks_acquired_at, s.complete_at, r.name, b.number, w.name, {count}, s.name \
         from steps s join builds b on b.id = s.build_id join builders r on r.id = b.builder_id \
         join workers w on w.id = b.worker_id where s.locks_acquired_at is not null"
    );
    for row in world.rows(&steps, 7).await {
        let f: Vec<&str> = row.split(' ').collect();
        let times = (f[0].parse().unwrap(), f[1].parse().unwrap());
        let (builder, worker, most) = (f[2], f[4], shared_by(f[5], f[4]));
        let who = format!("{builder} #{} {}", f[3], f[6]);
        match (builder, f[6]) {
            ("linux", "Build") | ("mac", "Test") => {
                add("perf", worker, &who, times, Mode::Shared(1), most);
            }
            ("linux", "Test") => add("perf", worker, &who, times, Mode::Alone, most),
            ("pack", "Build") => add("perf", worker, &who, times, Mode::Shared(2), most),
            ("left", "Test") => add("b", worker, &who, times, Mode::Alone, 1),
            ("right", "Test") => add("a", worker, &who, times, Mode::Alone, 1),
            _ => panic!("{who} holds a lock that is not in the model"),
        }
    }
    for (lock, holds) in held {
        for new in holds.iter().filter(|h| h.start < h.end) {
            let others = holds.iter().filter(|h| h.start <= new.start && new.start < h.end);
            let others: Vec<&Hold> = others.filter(|h| h.who != new.who).collect();
            let alone = others.iter().any(|h| h.mode == Mode::Alone);
            let counts = |h: &Hold| if let Mode::Shared(n) = h.mode { n } else { 0 };
            let used: i64 = others.iter().map(|h| counts(h)).sum();
            let fits = match new.mode {
                Mode::Alone => others.is_empty(),
                // Holders of one moment are each measured by their own configuration.
                Mode::Shared(n) => !alone && (used + n <= new.most.max(others_most(&others))),
            };
            assert!(fits, "{lock}: {new:?} beside {others:?}");
        }
    }
}

fn others_most(others: &[&Hold]) -> i64 {
    others.iter().map(|h| h.most).max().unwrap_or(0)
}

/// I7: the rows that recovery may not change once the world is at rest.
pub(super) async fn rows(world: &World) -> Vec<String> {
    let mut out = Vec::new();
    for (sql, columns) in [
        (
            "select 'request', id, attempts, results, complete_at, ended_because from buildrequests",
            6,
        ),
        ("select 'build', id, results, state_string, complete_at from builds", 5),
        ("select 'step', id, results, state_string, complete_at from steps", 5),
        ("select 'set', id, results, complete_at from buildsets", 4),
        ("select 'log', id, num_lines, num_bytes, complete from logs", 5),
        ("select 'message', id, state, attempts, results from outbox", 5),
        ("select 'delivery', id, state, verdict from deliveries", 4),
        ("select 'held', scheduler_id, change_id, important from scheduler_changes", 4),
    ] {
        out.extend(world.rows(sql, columns).await);
    }
    out
}
