//! `upgrade-master`: makes or migrates the database that the configuration names. `start` does the
//! same; this verb does it while nobody waits.

use std::path::PathBuf;

use super::checkconfig;
use super::failure::Failure;
use super::pidfile::PidFile;
use super::place::Place;
use super::terminal;
use crate::server;

/// Make or migrate a master's database, with a backup of the old one.
///
/// The master must not be running. `start` does the same.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: halide-ci upgrade-master master")]
pub(super) struct Args {
    /// The base directory.
    #[arg(default_value = "master")]
    dir: PathBuf,
    /// The configuration [default: DIR/master.lua, else master.lua beside DIR].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let place = Place::master(&args.dir)?;
    let file = place.config(args.config.as_deref())?;
    let (_pid_file, _) = PidFile::take(&place)?;
    let config = checkconfig::read(&file, &place.dir)?;
    let opened = server::open_store(&config, &place.dir)
        .map_err(|error| Failure::failed(error.to_string()))?;
    let migrated = opened.migrated;
    terminal::say(&match (migrated.from, migrated.to) {
        (0, to) => format!("The {place} has a new database, schema {to}."),
        (from, to) if from == to => format!("The {place} is up to date, schema {to}."),
        (from, to) => format!("The {place} was migrated from schema {from} to {to}."),
    });
    if let Some(backup) = migrated.backup {
        terminal::say(&format!("The old database is kept as {}.", backup.display()));
    }
    Ok(())
}
