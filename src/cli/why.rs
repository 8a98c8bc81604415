//! `why`: what a build request waits for, asked of the running master.

use std::path::PathBuf;

use serde_json::Value as Json;

use super::control::{self, Order};
use super::failure::Failure;
use super::place::Place;
use super::{stop, terminal};

/// Say why a build request is not built yet.
///
/// One line for each thing in the way: workers that are away, paused or busy and with what, locks and
/// who holds them, requests that come first, functions of the configuration that said no. The
/// number of a request stands on its page and in the data API (buildrequestid).
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: halide-ci why 17 master")]
pub(super) struct Args {
    /// The number of the request.
    #[arg(value_name = "ID")]
    request: i64,
    /// The base directory.
    #[arg(default_value = "master")]
    dir: PathBuf,
    /// Print {"state": "waiting", "reasons": [{"kind": ..., "text": ...}]} as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let place = Place::master(&args.dir)?;
    stop::running(&place)?;
    let why = control::order(&place, &Order::Why { request: args.request })?;
    if args.json {
        terminal::say(&why.to_string());
    } else {
        lines(args.request, &why).iter().for_each(|line| terminal::say(line));
    }
    Ok(())
}

fn lines(request: i64, why: &Json) -> Vec<String> {
    let reasons: Vec<&str> = why["reasons"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|r| r["text"].as_str())
        .collect();
    let build = format!(
        "{} #{}",
        why["build"]["builder"].as_str().unwrap_or_default(),
        why["build"]["number"]
    );
    let head = match (why["state"] == "building", reasons.is_empty()) {
        (true, true) => format!("Request {request} is being built: {build}."),
        (true, false) => format!("Request {request} is being built: {build}, which waits because"),
        (false, _) => format!("Request {request} waits because"),
    };
    std::iter::once(head).chain(reasons.iter().map(|reason| format!("  {reason}"))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_built_and_what_waits_is_told_in_lines() {
        let waits = json!({ "state": "waiting", "reasons": [{ "text": "worker w1 is paused" }] });
        assert_eq!(lines(3, &waits), ["Request 3 waits because", "  worker w1 is paused"]);
        let build = json!({ "builder": "linux", "number": 7 });
        let runs = json!({ "state": "building", "build": build, "reasons": [] });
        assert_eq!(lines(3, &runs), ["Request 3 is being built: linux #7."]);
    }
}
