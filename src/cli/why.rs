//! `why`: what a build request waits for, asked of the running master.

use std::path::PathBuf;

use serde_json::Value as Json;

use super::control::{self, Order};
use super::failure::Failure;
use super::place::Place;
use super::{stop, terminal};

/// Say why a build request is not built yet, or what became of a change.
///
/// One line for each thing in the way: workers that are away, paused, quarantined or busy and with
/// what, locks and who holds them, requests that come first, functions of the configuration that
/// said no. The number of a request stands on its page and in the data API (buildrequestid). With
/// `--change`, what every scheduler made of the change, and until when it waits with it.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples: halide-ci why 17 master\n          \
                        halide-ci why --change 4 master")]
pub(super) struct Args {
    /// The number of the request.
    #[arg(value_name = "ID", required_unless_present = "change")]
    request: Option<String>,
    /// The number of a change (changeid).
    #[arg(long, value_name = "ID")]
    change: Option<i64>,
    /// The base directory.
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print {"state": "waiting", "reasons": [{"kind": ..., "text": ...}]} as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let (order, dir) = args.read()?;
    let place = Place::master(&dir)?;
    stop::running(&place)?;
    let told = control::order(&place, &order)?;
    if args.json {
        terminal::say(&told.to_string());
        return Ok(());
    }
    let lines = match order {
        Order::Why { request: Some(request), .. } => lines(request, &told),
        _ => verdicts(args.change.unwrap_or_default(), &told),
    };
    lines.iter().for_each(|line| terminal::say(line));
    Ok(())
}

impl Args {
    /// What is asked, and whom. With `--change` the first word is the directory.
    fn read(&self) -> Result<(Order, PathBuf), Failure> {
        let default = || PathBuf::from("master");
        if self.change.is_some() {
            let given = self.request.as_ref().map(PathBuf::from);
            if let (Some(first), Some(_)) = (&self.request, &self.dir) {
                return Err(Failure::usage(format!(
                    "`--change` takes the place of the request {first}: leave one of them out."
                )));
            }
            let order = Order::Why { request: None, change: self.change };
            return Ok((order, given.unwrap_or_else(default)));
        }
        let given = self.request.as_deref().unwrap_or_default();
        let request: i64 = given
            .parse()
            .map_err(|_| Failure::usage(format!("{given:?} is not the number of a request.")))?;
        let order = Order::Why { request: Some(request), change: None };
        Ok((order, self.dir.clone().unwrap_or_else(default)))
    }
}

fn verdicts(change: i64, told: &Json) -> Vec<String> {
    let line = |verdict: &Json| {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let (scheduler, words) = (text(&verdict["scheduler"]), text(&verdict["verdict"]));
        match verdict["waits"]["text"].as_str() {
            Some(waits) => format!("  {scheduler}: {words}; it {waits}"),
            None => format!("  {scheduler}: {words}"),
        }
    };
    let lines: Vec<String> = told["verdicts"].as_array().into_iter().flatten().map(line).collect();
    let head = match lines.is_empty() {
        true => format!("Change {change} was seen by no scheduler."),
        false => format!("Of change {change} the schedulers say"),
    };
    std::iter::once(head).chain(lines).collect()
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

    #[test]
    fn what_schedulers_made_of_a_change_is_told_in_lines() {
        let told = json!({ "verdicts": [
            { "scheduler": "main", "verdict": "refused: branch", "waits": null },
            { "scheduler": "pulls", "verdict": "taken", "waits": { "text": "is off" } },
        ] });
        let said = verdicts(4, &told);
        let expected = [
            "Of change 4 the schedulers say",
            "  main: refused: branch",
            "  pulls: taken; it is off",
        ];
        assert_eq!(said, expected);
        assert_eq!(verdicts(4, &json!({})), ["Change 4 was seen by no scheduler."]);
    }

    #[test]
    fn a_request_or_a_change_is_asked_about_and_not_both() {
        use clap::Parser as _;
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let read = |words: &[&str]| {
            let words = std::iter::once("why").chain(words.iter().copied());
            Line::try_parse_from(words).ok().and_then(|line| line.args.read().ok())
        };
        let request = Order::Why { request: Some(7), change: None };
        assert_eq!(read(&["7"]), Some((request.clone(), "master".into())));
        assert_eq!(read(&["7", "there"]), Some((request, "there".into())));
        let change = Order::Why { request: None, change: Some(4) };
        assert_eq!(read(&["--change", "4"]), Some((change.clone(), "master".into())));
        assert_eq!(read(&["--change", "4", "there"]), Some((change, "there".into())));
        assert_eq!(read(&["--change", "4", "7", "there"]), None);
        assert_eq!(read(&["seven"]), None);
        assert_eq!(read(&[]), None);
    }
}
