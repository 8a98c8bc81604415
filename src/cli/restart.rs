//! `restart`: stop, if it runs, and start.

use std::path::PathBuf;

use super::failure::Failure;
use super::pidfile::{self, Found};
use super::place::Place;
use super::{start, stop};

/// Stop a master or a worker, if it runs, and start it again.
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
    place.config(args.config.as_deref())?;
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
