//! `status`: whether a master or a worker runs, and how it stands.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::control::{self, Order};
use super::failure::Failure;
use super::place::{Place, Role};
use super::{stop, terminal};
use crate::base::text::duration;

/// Say whether a master or a worker runs, and how it stands.
///
/// A configuration that was refused at the last reload is told with its errors. Exit status 3 when
/// it does not run.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: halide-ci status --json master")]
pub(super) struct Args {
    /// The base directory.
    #[arg(default_value = "master")]
    dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let place = Place::find(&args.dir)?;
    let pid = stop::running(&place)?;
    let status = match place.role {
        Role::Worker => json!({ "role": "worker", "pid": pid }),
        Role::Master => control::order(&place, &Order::Status)?,
    };
    if args.json {
        terminal::say(&status.to_string());
    } else {
        lines(&place, &status).iter().for_each(|line| terminal::say(line));
    }
    Ok(())
}

fn lines(place: &Place, status: &Json) -> Vec<String> {
    let mut out = vec![format!("The {place} runs as process {}.", status["pid"])];
    if place.role == Role::Worker {
        return out;
    }
    if status["draining"] == true {
        out.push("  stopping  when the running builds have ended".to_owned());
    }
    let number = |name: &str| status[name].as_u64().unwrap_or(0);
    let text = |name: &str| status[name].as_str().unwrap_or("none").to_owned();
    let up = duration(Duration::from_secs(number("uptime")));
    out.push(format!("  up        {up}, version {}", text("version")));
    out.push(format!("  web       {}", text("web")));
    out.push(format!(
        "  workers   {} of {} connected, on {}",
        number("workers_connected"),
        number("workers_configured"),
        text("worker_port")
    ));
    out.push(format!(
        "  builds    {} running, {} waiting",
        number("builds_running"),
        number("requests_waiting")
    ));
    out.push(format!("  statuses  {} waiting to be sent", number("statuses_waiting")));
    out.push(format!("  config    generation {}", number("generation")));
    if let Some(error) = status["refused"].as_str() {
        out.push("  refused   the newest configuration; the one before it goes on:".to_owned());
        out.extend(error.lines().map(|line| format!("    {line}")));
    }
    out
}
