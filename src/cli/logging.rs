//! The program's own log: to standard error, which is the terminal, systemd's journal or the log
//! file of a process in the background. `HALIDE_CI_LOG` filters it (`debug`, `halide_ci::wire=trace`).

use tracing_subscriber::EnvFilter;

use super::terminal;

/// Starts logging for the rest of the process.
pub(super) fn start() {
    let chosen = std::env::var_os("HALIDE_CI_LOG").and_then(|v| v.into_string().ok());
    let filter = EnvFilter::new(chosen.as_deref().unwrap_or("info,hyper=warn,reqwest=warn"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(terminal::has_colour())
        .with_target(false)
        .with_writer(std::io::stderr)
        .finish();
    // Only a second call in the same process fails, and then the first one counts.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Prints warnings alone, without time and level: for verbs that end at once.
pub(super) fn start_quietly() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_target(false)
        .with_level(false)
        .without_time()
        .with_writer(std::io::stderr)
        .finish();
    // As above.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
