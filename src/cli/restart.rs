//! `restart`: stop, if it runs, and start; but first see whether it would start.

use std::path::PathBuf;

use super::failure::Failure;
use super::pidfile::{self, Found};
use super::place::Place;
use super::{checkconfig, start, stop};

/// Stop a master or a worker, if it runs, and start it again.
///
/// The configuration is checked first: one with errors stops nothing.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: halide-ci restart master")]
pub(super) struct Args {
    /// The base directory.
    #[arg(default_value = "master")]
    dir: PathBuf,
    /// Wait until the running builds have ended (masters only).
    #[arg(long)]
    drain: bool,
    /// The configuration [default: DIR/master.lua, else master.lua beside DIR].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let place = Place::find(&args.dir)?;
    // A configuration that would not start must not stop what runs.
    checkconfig::check(&place, args.config.as_deref())?;
    if matches!(pidfile::look(&place), Found::Running(_)) {
        stop::stop(&place, args.drain)?;
    }
    start::run(&start::Args {
        dir: args.dir.clone(),
        config: args.config.clone(),
        foreground: false,
        detached: false,
    })
}
