//! The start, which is the same after a stop, a crash and the first installation: attempts that
//! were under way end as retry and their requests wait again; what was unfinished becomes the
//! mirror. Running it twice changes nothing more.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Notify, broadcast, mpsc, watch};

use crate::base::clock::{Clock, Timestamp};
use crate::base::id::{BuildsetId, LogId};
use crate::base::random::Random;
use crate::base::results::Results;
use crate::engine::act::Outcome;
use crate::engine::beat::{Beat, Env, Observer, Turn};
use crate::engine::input::NewGeneration;
use crate::engine::intake::Intake;
use crate::engine::output::{LogLoop, LogWriter};
use crate::engine::planner::Planner;
use crate::engine::ports::OnMaster;
use crate::engine::schedule::branch::Held;
use crate::engine::state::{Builder, Scheduler, State};
use crate::engine::tasks::Tasks;
use crate::engine::{Engine, Generation, Sabotage, Shared};
use crate::model::build::Build;
use crate::model::config::Config;
use crate::model::request::RequestState;
use crate::model::telling::Kind;
use crate::store::blobs::Blobs;
use crate::store::{
    Opened, Result, builders, builds, buildsets, changes, frames, generations, logs, requests,
    steps, workers,
};

/// What the engine is made of.
pub struct Parts {
    /// The database.
    pub opened: Opened,
    /// The first configuration.
    pub generation: NewGeneration,
    /// `host:basedir`.
    pub master_name: String,
    /// Where uploads without an absolute path go; none = a rehearsal, which takes every upload and
    /// throws it away.
    pub base_dir: Option<std::path::PathBuf>,
    /// Runs programs on this machine.
    pub on_master: OnMaster,
    /// Where artifacts are kept; none = they are taken and thrown away, as in a rehearsal.
    pub artifacts: Option<Arc<Blobs>>,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Where tasks are spawned.
    pub tasks: Tasks,
    /// Sees everything; for simulations.
    pub observer: Option<Observer>,
    /// Defences that a test switches off.
    pub sabotage: Sabotage,
}

/// A recovered engine: its handle, and the loops that its owner must run.
pub struct Started {
    /// The handle.
    pub engine: Engine,
    /// Decides; see [`Beat::serve`].
    pub beat: Beat,
    /// Writes logs.
    pub log_loop: LogLoop,
    /// Reads deliveries.
    pub intake: Intake,
    /// Tells scripted schedulers.
    pub planner: Planner,
}

/// Recovers the state and makes an engine of it.
///
/// # Errors
/// When the database refuses.
pub fn start(parts: Parts) -> Result<Started> {
    let Parts { mut opened, generation, clock, random, tasks, .. } = parts;
    let now = clock.now();
    let empty = Config { db_url: generation.generation.config.db_url.clone(), ..Config::default() };
    let placeholder = Arc::new(Generation::new(empty, generation.generation.scripts.clone()));
    let (inputs, receiver) = mpsc::channel(4096);
    let (events, _) = broadcast::channel(4096);
    let (shown, shown_receiver) = watch::channel(placeholder.clone());
    let extents = log_extents(&mut opened)?;
    let engine = Engine(Arc::new(Shared {
        inputs,
        generation: shown_receiver,
        events: events.clone(),
        store: opened.store,
        artifacts: parts.artifacts,
        clock,
        random: random.clone(),
    }));
    let (log_writer, log_loop) = LogWriter::new(opened.logs, engine.clone());
    let (intake, planner) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let env = Env {
        engine: engine.clone(),
        clock,
        random,
        tasks,
        logs: log_writer,
        base_dir: parts.base_dir,
        on_master: parts.on_master,
        sabotage: parts.sabotage,
        observer: parts.observer,
        intake: intake.clone(),
        planner: planner.clone(),
        generation: shown,
        events,
    };
    let mut writer = opened.state;
    let master_name = parts.master_name;
    let (state, acts) = writer.transaction(|conn| {
        let master = generations::master(conn, &master_name, now)?;
        let mut state = State::new(master, placeholder, now);
        let mut turn = Turn { conn, state: &mut state, env: &env, now, out: Outcome::default() };
        let (ended, complete) = turn.end_attempts(&extents)?;
        turn.load_unfinished()?;
        turn.activate(generation, &[])?;
        turn.load_held()?;
        for (build, results) in ended {
            let (builder, request) = (build.builder, build.request);
            turn.report(Kind::BuildFinished, builder, request, Some(build.id), Some(results))?;
        }
        for (buildset, results) in complete {
            turn.tell_of_buildset(buildset)?;
            turn.report_buildset(buildset, results)?;
        }
        turn.cancel_rests()?;
        turn.end_forsaken()?;
        let acts = turn.out.acts;
        Ok((state, acts))
    })?;
    env.generation.send_replace(state.generation.clone());
    let beat =
        Beat { inputs: receiver, writer, state, env, deadline: Some(Timestamp(0)), turns: 0 };
    acts.into_iter().for_each(|act| beat.act(act));
    // Deliveries that a crash left unread are read first.
    intake.notify_one();
    let planner = Planner::new(engine.clone(), planner);
    Ok(Started { intake: Intake::new(engine.clone(), intake), planner, engine, beat, log_loop })
}

/// Builds and buildsets that ended, and how.
type Ends = (Vec<(Build, Results)>, Vec<(BuildsetId, Results)>);

/// How much is stored of each log that is not complete.
fn log_extents(opened: &mut Opened) -> Result<BTreeMap<LogId, (i64, i64)>> {
    let open = opened.state.transaction(|conn| logs::open(conn, None))?;
    opened.logs.transaction(|conn| {
        open.iter()
            .map(|(log, _)| {
                let (_, lines, bytes) = frames::extent(conn, *log)?;
                let open_line = frames::has_open_line(conn, *log)?;
                Ok((*log, (lines + i64::from(open_line), bytes)))
            })
            .collect()
    })
}

impl Turn<'_> {
    /// Ends what was under way; returns the builds that it ended and the buildsets that are complete
    /// by it, of which is told once there is a configuration to tell whom.
    fn end_attempts(&mut self, extents: &BTreeMap<LogId, (i64, i64)>) -> Result<Ends> {
        const WHY: &str = "retry: the master was restarted";
        let (mut ended, mut complete) = (Vec::new(), Vec::new());
        workers::all_away(self.conn, self.now)?;
        for (build, stop_reason) in builds::unfinished(self.conn)? {
            let (results, text) = match &stop_reason {
                None => (Results::Retry, WHY.to_owned()),
                Some(reason) => (Results::Cancelled, format!("cancelled ({reason})")),
            };
            builds::finish(self.conn, build.id, results, &text, self.now)?;
            steps::finish_open(self.conn, build.id, results, &text, self.now)?;
            steps::commands_lost(self.conn, build.id)?;
            if results == Results::Retry {
                requests::unclaim(self.conn, build.request, false)?;
            } else {
                let set = requests::complete(self.conn, build.request, results, None, self.now)?;
                if let Some(results) = buildsets::complete_if_done(self.conn, set, self.now)? {
                    complete.push((set, results));
                }
            }
            ended.push((build, results));
        }
        for (log, (lines, bytes)) in extents {
            logs::grew(self.conn, *log, *lines, *bytes, true)?;
        }
        Ok((ended, complete))
    }

    fn load_unfinished(&mut self) -> Result<()> {
        for (id, name) in builders::names(self.conn)? {
            self.state.builders.insert(
                id,
                Builder { name, is_configured: false, place: 0, workers: Vec::new(), running: 0 },
            );
        }
        requests::forget_notes(self.conn)?;
        for request in requests::unfinished(self.conn)? {
            // A claim without an open build is a claim of nobody.
            if matches!(request.state, RequestState::Claimed(_)) {
                requests::unclaim(self.conn, request.id, false)?;
            }
            self.state.enqueue(crate::model::request::Request {
                state: RequestState::Waiting,
                ..request
            });
        }
        Ok(())
    }

    /// Changes that schedulers still wait with; also of schedulers that are gone for now.
    fn load_held(&mut self) -> Result<()> {
        for (scheduler, important, change) in changes::held(self.conn)? {
            let entry = self.state.schedulers.entry(scheduler).or_insert_with(|| Scheduler {
                name: String::new(),
                is_enabled: false,
                is_configured: false,
                held: Vec::new(),
                fired_at: None,
            });
            entry.held.push(Held { change, important });
        }
        Ok(())
    }
}
