//! Shows a build in the terminal while it runs: its steps, their output, their results.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::base::id::{LogId, RequestId, StepId};
use crate::base::results::Results;
use crate::base::text::duration;
use crate::cli::terminal::say;
use crate::engine::Engine;
use crate::model::event::Event;
use crate::model::log::Stream;
use crate::store::{builds, frames, steps, triggers};

/// Follows the builds of one builder, of which only one runs.
pub(super) struct Follower {
    engine: Engine,
    events: Receiver<Event>,
    /// How many steps a build has.
    steps: usize,
    /// Where its pages are.
    page: Option<String>,
    has_colour: bool,
    /// Lines shown of each log.
    shown: BTreeMap<LogId, i64>,
}

impl Follower {
    pub(super) fn new(engine: Engine, builder: &str, page: Option<String>) -> Self {
        let config = engine.generation().config.builder(builder).map(|b| b.steps.len());
        let events = engine.subscribe();
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let has_colour = std::io::stdout().is_terminal() && !no_colour;
        let steps = config.unwrap_or(0);
        Self { engine, events, steps, page, has_colour, shown: BTreeMap::new() }
    }

    /// Waits for an event.
    pub(super) async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Option<Event> {
        loop {
            match self.events.recv().await {
                Ok(event) if wanted(&event) => return Some(event),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Shows the first build until it ends.
    pub(super) async fn build(&mut self) -> Results {
        loop {
            match self.events.recv().await {
                Ok(event) => {
                    if let Some(results) = self.show(event).await {
                        return results;
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Results::Exception,
            }
        }
    }

    /// Shows every attempt at a request until it has its result.
    pub(super) async fn request(&mut self, request: RequestId) -> Results {
        loop {
            let ended = match self.events.recv().await {
                Ok(Event::RequestCompleted { request: ended, results, .. }) if ended == request => {
                    Some(results)
                }
                Ok(event) => {
                    self.show(event).await;
                    None
                }
                // A slow terminal misses events; the end must not be among them.
                Err(RecvError::Lagged(_)) => {
                    let read =
                        self.engine.store().read(move |conn| triggers::results(conn, request));
                    read.await.ok().flatten()
                }
                Err(RecvError::Closed) => Some(Results::Exception),
            };
            if let Some(results) = ended {
                return results;
            }
        }
    }

    /// Shows an event; the result of a build that ends with it.
    async fn show(&mut self, event: Event) -> Option<Results> {
        match event {
            Event::BuildStarted { builder, number, .. } => {
                if let Some(page) = &self.page {
                    say(&format!("Build   {page}builders/{builder}/builds/{number}\n"));
                }
            }
            Event::StepStarted { step, .. } => self.step_began(step).await,
            Event::LogAppended { log, step: _, num_lines } => self.lines(log, num_lines).await,
            Event::LogFinished { log, .. } => self.lines(log, i64::MAX).await,
            Event::StepFinished { step, results, .. } => self.step_ended(step, results).await,
            Event::BuildFinished { build, results, .. } => {
                let times = self.engine.store().read(move |conn| builds::times(conn, build)).await;
                let took = match times {
                    Ok(Some((from, Some(to)))) => format!(" in {}", duration(to.since(from))),
                    _ => String::new(),
                };
                let text = format!("{}{took}", sentence(results));
                say(&format!("\n{}", self.paint(results, &text)));
                return Some(results);
            }
            _ => {}
        }
        None
    }

    async fn step_began(&self, step: StepId) {
        if let Ok(shown) = self.engine.store().read(move |conn| steps::shown(conn, step)).await {
            let of = self.steps;
            say(&self.style("1", &format!("▸ {}/{of} {}", shown.number, shown.name)));
        }
    }

    async fn step_ended(&self, step: StepId, results: Results) {
        let Ok(shown) = self.engine.store().read(move |conn| steps::shown(conn, step)).await else {
            return;
        };
        let took = match (shown.started_at, shown.complete_at) {
            (Some(from), Some(to)) => duration(to.since(from)),
            _ => String::new(),
        };
        let mark = if results.is_good() { "✓" } else { "✗" };
        say(&self.paint(results, &format!("{mark} {}  {}  {took}", shown.name, shown.text)));
    }

    /// Shows the lines that a log has and the terminal has not.
    async fn lines(&mut self, log: LogId, until: i64) {
        let from = self.shown.get(&log).copied().unwrap_or(0);
        let read = move |conn: &crate::store::Conn<'_>| {
            frames::lines(conn, log, from, until.saturating_sub(from), until == i64::MAX)
        };
        let Ok(lines) = self.engine.store().read_logs(read).await else { return };
        self.shown.insert(log, from + i64::try_from(lines.len()).unwrap_or(0));
        for line in lines.iter().filter(|l| l.stream != Stream::Header) {
            say(&format!("{} {}", self.style("2", "│"), plain(&line.text)));
        }
    }

    fn paint(&self, results: Results, text: &str) -> String {
        self.style(if results.is_good() { "32" } else { "31" }, text)
    }

    fn style(&self, code: &str, text: &str) -> String {
        if self.has_colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn sentence(results: Results) -> &'static str {
    match results {
        Results::Success | Results::Skipped => "The build is a success",
        Results::Warnings => "The build ended with warnings",
        Results::Failure => "The build failed",
        Results::Exception => "The build could not be carried out",
        Results::Retry => "The attempt ended; the build is tried again",
        Results::Cancelled => "The build was cancelled",
    }
}

/// Without control characters: a log shall not steer the terminal. Of a line that was written over,
/// as progress is, the last version.
fn plain(text: &str) -> String {
    let text = text.trim_end_matches('\r').rsplit('\r').next().unwrap_or(text);
    text.chars().filter(|c| !c.is_control() || *c == '\t').collect()
}
