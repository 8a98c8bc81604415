//! The program's own log: to standard error, which is the terminal, systemd's journal or the log
//! file of a process in the background. `HALIDE_CI_LOG` filters it (`debug`, `halide_ci::wire=trace`).

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use super::terminal;

/// What verbs show that end at once: what goes wrong, unless a verdict says it, and what the
/// configuration itself says.
const QUIET: &str = "warn,hyper=error,reqwest=error,halide_ci::engine::intake::told=off,\
    halide_ci::script::native=info,halide_ci::script::library=info";

/// Starts logging for the rest of the process.
pub(super) fn start() {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter("info,hyper=warn,reqwest=warn"))
        .with_ansi(terminal::has_colour())
        .with_target(false)
        .with_writer(std::io::stderr)
        .finish();
    // Only a second call in the same process fails, and then the first one counts.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Shows warnings and what the configuration prints, a line each with its place: for verbs that end
/// at once. A `print` is looked for where the file is tried out, not only in a master's log.
pub(super) fn start_quietly() {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(QUIET))
        .event_format(Plain)
        .with_writer(std::io::stderr)
        .finish();
    // As above.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

fn filter(default: &str) -> EnvFilter {
    let chosen = std::env::var_os("HALIDE_CI_LOG").and_then(|v| v.into_string().ok());
    EnvFilter::new(chosen.as_deref().unwrap_or(default))
}

/// A line as people write it: `master.lua:3: words`; what else is known stands behind.
struct Plain;

/// What an event says.
#[derive(Default)]
struct Said {
    site: Option<String>,
    words: String,
    rest: String,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let name = field.name();
        // Writing to a text cannot fail.
        let _ = match name {
            "message" => write!(self.words, "{value:?}"),
            "site" => {
                self.site = Some(format!("{value:?}"));
                Ok(())
            }
            "error" => write!(self.rest, ": {value:?}"),
            _ => write!(self.rest, " ({name} {value:?})"),
        };
    }
}

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        if let Some(site) = &said.site {
            write!(out, "{site}: ")?;
        }
        writeln!(out, "{}{}", said.words, said.rest)
    }
}
