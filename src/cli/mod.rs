//! The command line: one verb, one file. The doc comment on each verb's `Args` is its help text.
//! Exit status: 0 done, 1 the thing asked about failed, 2 wrong usage, 3 not reachable.

mod artifact;
mod checkconfig;
mod chronicle;
mod control;
mod create_master;
mod create_worker;
mod demo;
mod explain;
pub mod failure;
mod follow;
mod furnish;
mod herald;
mod logging;
mod order;
mod pidfile;
mod place;
mod reload;
mod remote;
mod restart;
mod run;
mod sendchange;
mod serve;
mod start;
mod status;
mod stop;
mod surroundings;
mod terminal;
mod test;
mod trying;
mod types;
mod upgrade_master;
mod why;

use std::process::ExitCode;

use clap::Parser as _;

use failure::Failure;

/// A continuous-integration engine programmed in Lua: master, worker and client in one binary.
#[derive(Debug, clap::Parser)]
#[command(name = "halide-ci", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Demo(demo::Args),
    CreateMaster(create_master::Args),
    CreateWorker(create_worker::Args),
    UpgradeMaster(upgrade_master::Args),
    Start(start::Args),
    Stop(stop::Args),
    Restart(restart::Args),
    Status(status::Args),
    Reload(reload::Args),
    Checkconfig(checkconfig::Args),
    Explain(explain::Args),
    Run(Box<run::Args>),
    Test(test::Args),
    Types(types::Args),
    Why(why::Args),
    Sendchange(Box<sendchange::Args>),
    Try(Box<trying::Args>),
    Artifact(Box<artifact::Args>),
}

/// Does what the command line says; the result is the process's exit status.
#[must_use]
pub fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(()) => match terminal::unwritten() {
            None => ExitCode::SUCCESS,
            Some(why) => {
                terminal::fail(&format!("Standard output cannot be written: {why}."));
                ExitCode::FAILURE
            }
        },
        Err(failure) => {
            // A process that has told its failure elsewhere leaves the text empty.
            if !failure.message.is_empty() {
                terminal::fail(&failure.to_string());
            }
            failure.code()
        }
    }
}

fn run(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Demo(args) => demo::run(&args),
        Verb::CreateMaster(args) => create_master::run(&args),
        Verb::CreateWorker(args) => create_worker::run(&args),
        Verb::UpgradeMaster(args) => upgrade_master::run(&args),
        Verb::Start(args) => start::run(&args),
        Verb::Stop(args) => stop::run(&args),
        Verb::Restart(args) => restart::run(&args),
        Verb::Status(args) => status::run(&args),
        Verb::Reload(args) => reload::run(&args),
        Verb::Checkconfig(args) => checkconfig::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Run(args) => run::run(&args),
        Verb::Test(args) => test::run(&args),
        Verb::Types(args) => types::run(&args),
        Verb::Why(args) => why::run(&args),
        Verb::Sendchange(args) => sendchange::run(&args),
        Verb::Try(args) => trying::run(&args),
        Verb::Artifact(args) => artifact::run(&args),
    }
}
