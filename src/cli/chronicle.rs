//! What happens, told in the master's log: deliveries, changes, workers that come, builds that begin
//! and end. It listens to the announcements and reads the rows, so the engine knows nothing of it.

use tokio::sync::broadcast::error::RecvError;

use crate::base::text::shorten;
use crate::engine::Engine;
use crate::engine::tasks::Tasks;
use crate::model::event::Event;
use crate::store::{self, Conn, chronicle};

/// The longest line, in characters.
const LONGEST: usize = 500;

/// Tells from now on, until the process ends.
pub(super) fn begin(engine: Engine, tasks: &Tasks) {
    let mut events = engine.subscribe();
    let token = tasks.token();
    tasks.spawn("chronicle", async move {
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                () = token.cancelled() => return,
            };
            match event {
                Ok(event) => tell(&engine, event).await,
                Err(RecvError::Lagged(n)) => tracing::info!("{n} events are not in this log."),
                Err(RecvError::Closed) => return,
            }
        }
    });
}

async fn tell(engine: &Engine, event: Event) {
    match engine.store().read(move |conn| line(conn, &event)).await {
        Ok(Some(line)) => tracing::info!("{}", shorten(&plain(&line), LONGEST)),
        Ok(None) => {}
        Err(error) => tracing::warn!("An event is not in this log: {error}."),
    }
}

/// The line for an event; none = the log says nothing of it.
fn line(conn: &Conn<'_>, event: &Event) -> store::Result<Option<String>> {
    Ok(Some(match event {
        Event::DeliveryHandled { delivery } => chronicle::delivery(conn, *delivery)?,
        Event::ChangeAdded { change } => chronicle::change(conn, *change)?,
        Event::WorkerConnected { worker } => {
            format!("The worker {} is connected.", chronicle::worker(conn, *worker)?)
        }
        Event::WorkerMissing { worker } => {
            format!(
                "The worker {} is missing: it has been away for longer than its missing_timeout.",
                chronicle::worker(conn, *worker)?
            )
        }
        Event::BuildStarted { build, .. } => {
            format!("{} began.", chronicle::build(conn, *build)?.0)
        }
        Event::BuildFinished { build, results, .. } => {
            let (build, text) = chronicle::build(conn, *build)?;
            ending(&build, results.word(), &text)
        }
        _ => return Ok(None),
    }))
}

fn ending(build: &str, word: &str, text: &str) -> String {
    // Most texts have the word already.
    if text.contains(word) {
        format!("{build} ended: {text}.")
    } else {
        format!("{build} ended with {word}: {text}.")
    }
}

/// On one line, and without what steers a terminal: branches and authors come from outside.
fn plain(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_build_says_its_result_once() {
        let ended = |word, text| ending("Build b/1 on w", word, text);
        assert_eq!(ended("retry", "retry: lost"), "Build b/1 on w ended: retry: lost.");
        assert_eq!(ended("warnings", "make"), "Build b/1 on w ended with warnings: make.");
    }

    #[test]
    fn what_comes_from_outside_can_neither_break_a_line_nor_steer_a_terminal() {
        assert_eq!(plain("main\n2026 ERROR \u{1b}[31mforged"), "main 2026 ERROR  [31mforged");
    }
}
