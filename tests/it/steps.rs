//! The shipped steps against a scripted desk: given what a step asks for, answer; the sequence of
//! questions is the test. No engine and no worker are involved.

use std::collections::BTreeMap;
use std::sync::Arc;

use halide_ci::base::results::Results;
use halide_ci::engine::desk::{Desk, DeskError, Output, Ran, StepAnswer, StepRequest};
use halide_ci::engine::ports::{ScriptError, StepRun, StepValue};
use halide_ci::engine::render::render;
use halide_ci::model::build::BuildView;
use halide_ci::model::command::{Argument, CommandLine, FileStat};
use halide_ci::model::config::StepOption;
use halide_ci::model::log::Stream;
use halide_ci::model::sourcestamp::Sourcestamp;
use halide_ci::model::step::StepView;
use halide_ci::script::load::{Loaded, Mount};
use serde_json::{Value as Json, json};

use crate::scripts::load_steps;

mod artifacts;
mod files;
mod findings;
mod flow;
mod git;
mod tools;

type Answer = Result<StepAnswer, DeskError>;

/// What came of a step, and what it asked for, a line each.
struct Played {
    results: Result<Option<Results>, ScriptError>,
    asked: Vec<String>,
}

/// A request in one line.
fn line(request: &StepRequest) -> String {
    match request {
        StepRequest::Run { command, collect, .. } => {
            let words = match &command.command {
                CommandLine::Shell(text) => format!("sh {text}"),
                CommandLine::Argv(argv) => argv
                    .iter()
                    .map(|a| match a {
                        Argument::Plain(text) => text.as_str(),
                        Argument::Obfuscated(_, shown) => shown.as_str(),
                    })
                    .collect::<Vec<_>>()
                    .join(" "),
            };
            let place = if command.on_master { "on the master: " } else { "" };
            format!("{place}{words}{}", if *collect { " >" } else { "" })
        }
        StepRequest::SetProperty { name, value, source } => {
            format!("set {name}={value} by {source}")
        }
        StepRequest::SetStatistic { name, value } => format!("count {name}={value}"),
        StepRequest::GetStatistic { name } => format!("counted {name}"),
        StepRequest::Stat { path } => format!("stat {path}"),
        other => format!("{other:?}"),
    }
}

fn done() -> Answer {
    Ok(StepAnswer::Done)
}

fn exit(rc: i64) -> Answer {
    Ok(StepAnswer::Ran(Ran { rc, ..Ran::default() }))
}

fn says(stdout: &str) -> Answer {
    Ok(StepAnswer::Ran(Ran { stdout: stdout.to_owned(), ..Ran::default() }))
}

fn is_there(yes: bool) -> Answer {
    Ok(StepAnswer::Stat(yes.then_some(FileStat { mode: 0o040_755, size: 0, mtime: 0 })))
}

/// Loads `step` and plays it for a build of `stamps`, answering from `answers`.
fn play_stamps(step: &str, stamps: &[(&str, &str, Option<&str>)], answers: Vec<Answer>) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let loaded = load_steps(Mount::Local, "", step).await;
        let stamp = |(codebase, branch, revision): &(&str, &str, Option<&str>)| Sourcestamp {
            codebase: (*codebase).to_owned(),
            branch: Some((*branch).to_owned()),
            revision: revision.map(str::to_owned),
            ..Sourcestamp::default()
        };
        let build = BuildView {
            builder: "b".to_owned(),
            builddir: "/w/b".to_owned(),
            sourcestamps: Arc::new(stamps.iter().map(stamp).collect()),
            ..BuildView::default()
        };
        play_loaded(&loaded, build, answers).await
    })
}

fn play(step: &str, answers: Vec<Answer>) -> Played {
    play_stamps(step, &[], answers)
}

async fn play_loaded(loaded: &Loaded, build: BuildView, answers: Vec<Answer>) -> Played {
    let config = &loaded.config.builders[0].steps[0];
    let view = Arc::new(build.clone());
    let mut options = BTreeMap::new();
    for (name, option) in &config.options {
        let value = match option {
            StepOption::Function(callback) => StepValue::Function(callback.clone()),
            StepOption::Value(value) => {
                StepValue::Json(render(value, &view, loaded.scripts.as_ref()).await.unwrap())
            }
        };
        options.insert(name.clone(), value);
    }
    let (desk, mut inbox) = Desk::new();
    let view = StepView {
        build,
        name: "s".to_owned(),
        number: 1,
        place: 0,
        workdir: "/w/b/build".to_owned(),
    };
    let run = StepRun { run: config.run.clone(), view, options, desk };
    let mut asked = Vec::new();
    let serve = async {
        let mut answers = answers.into_iter();
        while let Some(wish) = inbox.recv().await {
            asked.push(line(&wish.request));
            let answer = answers.next().unwrap_or_else(|| panic!("unexpected: {asked:#?}"));
            if let (StepRequest::Run { lines: Some(lines), .. }, Ok(StepAnswer::Ran(ran))) =
                (&wish.request, &answer)
            {
                let said = [(Stream::Stdout, &ran.stdout), (Stream::Stderr, &ran.stderr)];
                for (stream, text) in said {
                    let said = Output { stream, data: text.clone().into(), line: Some(1) };
                    lines.send(said).await.unwrap();
                }
            }
            let _ = wish.answer.send(answer);
        }
        answers.len()
    };
    let (results, left) = tokio::join!(loaded.scripts.run_step(run), serve);
    assert_eq!(left, 0, "answers nobody asked for; {results:?}");
    Played { results, asked }
}

impl Played {
    #[track_caller]
    fn expect(self, results: Results, asked: &[&str]) {
        assert_eq!(self.asked, asked);
        assert_eq!(self.results.unwrap().unwrap_or(Results::Success), results);
    }

    #[track_caller]
    fn expect_failure(self, message: &str) {
        let error = self.results.unwrap_err();
        assert!(error.message.contains(message), "{error}");
        assert!(error.is_failure, "{error}");
    }
}

#[test]
fn shell_runs_its_command_and_the_exit_code_is_the_result() {
    let step = "ci.steps.shell { command = { 'ninja', '-j', 4, { '-v', false } } }";
    play(step, vec![exit(0)]).expect(Results::Success, &["ninja -j 4 -v"]);
    play(step, vec![exit(2)]).expect(Results::Failure, &["ninja -j 4 -v"]);
    play("ci.steps.shell { command = 'a && b' }", vec![exit(1)])
        .expect(Results::Failure, &["sh a && b"]);
    let decoded =
        "ci.steps.shell { command = 'x', decode_rc = { [0] = 'success', [77] = 'skipped' } }";
    play(decoded, vec![exit(77)]).expect(Results::Skipped, &["sh x"]);
    play(decoded, vec![exit(1)]).expect(Results::Failure, &["sh x"]);
}

#[test]
fn what_a_function_renders_is_flattened_and_checked_before_the_step_runs() {
    let step = "ci.steps.shell { command = { 'a', function() return { 'b', { 3 } } end, function() end } }";
    play(step, vec![exit(0)]).expect(Results::Success, &["a b 3"]);
    let wrong = play("ci.steps.shell { command = function() return {{ a = 1 }} end }", vec![]);
    assert!(wrong.results.unwrap_err().message.contains("option `command` of the step \"s\""));
}

#[test]
fn a_commands_options_are_the_steps_unless_told_otherwise() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let before = "local two = ci.step_type { name = 'two', run = function(step)
            step:run { command = 'one' }
            step:run { command = 'two', timeout = 5, env = { B = ci.null, L = { 'x', 'y' } },
                       workdir = '/else', want_stdout = false, log = 'other', interrupt_signal = 'SIGINT' }
        end }";
        let steps = "two { timeout = ci.null, max_time = 9.5, env = { A = 1 }, log_environ = false }";
        let loaded = load_steps(Mount::Local, before, steps).await;
        let config = &loaded.config.builders[0].steps[0];
        let mut options = BTreeMap::new();
        for (name, option) in &config.options {
            let StepOption::Value(value) = option else { panic!("a function") };
            options.insert(name.clone(), StepValue::Json(value.as_constant().unwrap().clone()));
        }
        let (desk, mut inbox) = Desk::new();
        let view = StepView { workdir: "/w/b/build".to_owned(), ..StepView::default() };
        let run = StepRun { run: config.run.clone(), view, options, desk };
        let serve = async {
            let mut seen = Vec::new();
            while let Some(wish) = inbox.recv().await {
                let StepRequest::Run { command, log, .. } = wish.request else { panic!("no run") };
                seen.push((command, log));
                let _ = wish.answer.send(exit(0));
            }
            seen
        };
        let (results, seen) = tokio::join!(loaded.scripts.run_step(run), serve);
        assert_eq!(results.unwrap(), None);
        let (one, log) = &seen[0];
        assert_eq!((one.timeout, one.max_time, log.as_deref()), (None, Some(9.5), None));
        assert_eq!((one.workdir.as_str(), one.log_environ), ("/w/b/build", false));
        assert_eq!(one.env, BTreeMap::from([("A".to_owned(), json!("1"))]));
        let (two, log) = &seen[1];
        assert_eq!((two.timeout, two.workdir.as_str(), log.as_deref()), (Some(5.0), "/else", Some("other")));
        assert_eq!(two.env["L"], json!(["x", "y"]));
        assert_eq!((two.env.get("B"), two.env.get("A")), (Some(&Json::Null), None));
        assert_eq!((two.want_stdout, two.interrupt_signal.as_str()), (false, "INT"));
    });
}

#[test]
fn properties_are_set_with_buildbots_sources() {
    play("ci.steps.set_property { property = 'a', value = { 1, 'x' } }", vec![done()])
        .expect(Results::Success, &["set a=[1,\"x\"] by SetProperty Step"]);
    let played =
        play("ci.steps.set_properties { properties = { a = ci.null, b = 2.0 } }", vec![done()]);
    assert_eq!(
        played.asked,
        [
            "SetProperties { values: {\"a\": Null, \"b\": Number(2)}, source: \"SetProperties Step\" }"
        ]
    );
}

#[test]
fn directories_and_files_ask_the_desk_and_their_errors_are_failures() {
    play("ci.steps.make_directory { dir = '/x' }", vec![done()])
        .expect(Results::Success, &["MakeDirectory { path: \"/x\" }"]);
    play("ci.steps.remove_directory { dir = { '/x', '/y' }, timeout = 7 }", vec![done()]).expect(
        Results::Success,
        &["RemoveDirectory { paths: [\"/x\", \"/y\"], timeout: Some(7.0) }"],
    );
    let refused = Err(DeskError::Failed("no room on the disk".to_owned()));
    play("ci.steps.make_directory { dir = '/x' }", vec![refused])
        .expect_failure("no room on the disk");
    let upload =
        "ci.steps.file_upload { workersrc = 'a.tgz', masterdest = 'out/a.tgz', mode = '0644',
                    url = 'http://x/a.tgz' }";
    play(upload, vec![done(), done()]).expect(
        Results::Success,
        &[
            "UploadFile { workersrc: \"/w/b/build/a.tgz\", masterdest: \"out/a.tgz\", \
             mode: Some(420), max_size: None, block_size: 262144, keep_stamp: false }",
            "AddUrl { name: \"a.tgz\", url: \"http://x/a.tgz\" }",
        ],
    );
}

#[test]
fn a_stopped_step_cannot_go_on() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let before = "local stubborn = ci.step_type { name = 'stubborn', run = function(step)
            while true do pcall(step.run, step, { command = 'x' }) end end }";
        let loaded = load_steps(Mount::Local, before, "stubborn {}").await;
        let build = BuildView::default();
        let played = play_loaded(&loaded, build, vec![exit(0), Err(DeskError::Stopped)]).await;
        assert_eq!(played.asked, ["sh x", "sh x"]);
        assert_eq!(played.results.unwrap_err().message, "the step was stopped");
    });
}

#[test]
fn a_step_of_ones_own_reads_like_a_script() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let before = "local own = ci.step_type { name = 'own', options = { label = 'string', f = 'function?' },
          run = function(step, o)
            local log = step:add_log('notes', 'text')
            log:stdout(o.label .. o.f('!'))
            log:finish()
            step:set_summary 'looked'
            local files = step:glob '*.xml'
            if #files ~= 1 then step:fail('expected one report, found ' .. #files) end
          end }";
        let steps = "own { label = ci.interpolate '%(prop:x:-none)s', f = function(s) return s .. s end }";
        let loaded = load_steps(Mount::Local, before, steps).await;
        let answers = vec![done(), done(), done(), done(), Ok(StepAnswer::Files(vec![]))];
        let played = play_loaded(&loaded, BuildView::default(), answers).await;
        assert_eq!(
            played.asked,
            [
                "AddLog { name: \"notes\", kind: Text }",
                "WriteLog { name: \"notes\", stream: Stdout, text: \"none!!\" }",
                "FinishLog { name: \"notes\" }",
                "SetSummary { text: \"looked\" }",
                "Glob { path: \"*.xml\" }",
            ]
        );
        played.expect_failure("expected one report, found 0");
    });
}
