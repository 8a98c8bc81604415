//! `reload`: the running master loads its configuration afresh.

use std::path::PathBuf;

use serde_json::json;

use super::control::{self, Order};
use super::failure::{Failure, Kind};
use super::place::Place;
use super::{stop, terminal};

/// Load master.lua afresh into the running master.
///
/// Prints what changed, a line each: + came, - went, ~ changed. A configuration with errors changes
/// nothing: the old one stays.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples: halide-ci reload master\n          \
                        halide-ci reload --dry-run --config new-master.lua")]
pub(super) struct Args {
    /// The base directory.
    #[arg(default_value = "master")]
    dir: PathBuf,
    /// Only print what would change.
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: what would change if this file were the configuration.
    #[arg(long, value_name = "FILE", requires = "dry_run")]
    config: Option<PathBuf>,
    /// Print {"changes": [...]} or {"error": "..."} as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let place = Place::master(&args.dir)?;
    stop::running(&place)?;
    let config = match &args.config {
        // The master has another working directory.
        Some(file) => Some(std::path::absolute(file).map_err(|error| {
            Failure::failed(format!("{} cannot be found: {error}.", file.display()))
        })?),
        None => None,
    };
    let order = Order::Reload { dry_run: args.dry_run, config };
    let answer = match control::order(&place, &order) {
        Ok(answer) => answer,
        Err(failure) if failure.kind == Kind::Failed => {
            if args.json {
                terminal::say(&json!({ "error": failure.message }).to_string());
            }
            return Err(match args.dry_run {
                true => failure,
                false => failure.hint("The old configuration stays in effect."),
            });
        }
        Err(failure) => return Err(failure),
    };
    if args.json {
        terminal::say(&answer.to_string());
        return Ok(());
    }
    let changes = answer["changes"].as_array().map_or(&[][..], Vec::as_slice);
    if changes.is_empty() {
        let would = if args.dry_run { "would change" } else { "changed" };
        terminal::say(&format!("Nothing {would}."));
    }
    changes.iter().filter_map(|c| c.as_str()).for_each(terminal::say);
    Ok(())
}
