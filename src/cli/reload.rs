//! `reload`: the running master loads its configuration afresh.

use std::path::PathBuf;

use super::control::{self, Order};
use super::failure::Failure;
use super::place::Place;
use super::{stop, terminal};

/// Load master.lua afresh into the running master.
///
/// Prints what changed. A configuration with errors changes nothing: the old one stays.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: halide-ci reload master")]
pub(super) struct Args {
    /// The base directory.
    #[arg(default_value = "master")]
    dir: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let place = Place::master(&args.dir)?;
    stop::running(&place)?;
    let answer = control::order(&place, &Order::Reload)
        .map_err(|failure| failure.hint("The old configuration stays in effect."))?;
    let changes = answer["changes"].as_array().map_or(&[][..], Vec::as_slice);
    if changes.is_empty() {
        terminal::say("Nothing changed.");
    }
    changes.iter().filter_map(|c| c.as_str()).for_each(terminal::say);
    Ok(())
}
