//! Steps that run a tool and understand what it says: size of a tree, MSBuild, cppcheck, Sphinx, pylint,
//! robocopy; and the command on the master.

use super::*;

/// A command that said this and ended so.
fn ended(rc: i64, stdout: &str, stderr: &str) -> Answer {
    let (stdout, stderr) = (stdout.to_owned(), stderr.to_owned());
    Ok(StepAnswer::Ran(Ran { rc, stdout, stderr, ..Ran::default() }))
}

/// What the step's page says.
fn summary(text: &str) -> String {
    format!("SetSummary {{ text: {text:?} }}")
}

#[test]
fn master_shell_command_runs_on_the_master_without_a_timeout() {
    let step =
        "ci.steps.master_shell_command { command = { 'prune', 7, false }, workdir = 'artifacts',
        max_time = 60, interrupt_signal = 'TERM', log_environ = false, env = { A = 'b' } }";
    play(step, vec![exit(0)]).expect(Results::Success, &["on the master: prune 7"]);
    play(step, vec![exit(3)]).expect(Results::Failure, &["on the master: prune 7"]);
    let killed = Ok(StepAnswer::Ran(Ran {
        rc: 0,
        failure_reason: Some("timeout".to_owned()),
        ..Ran::default()
    }));
    play(step, vec![killed]).expect(Results::Failure, &["on the master: prune 7"]);

    let command = |step: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let loaded = load_steps(Mount::Local, "", step).await;
            first_command(&loaded).await
        })
    };
    let told = command(step);
    assert!(told.on_master);
    assert_eq!(
        (told.workdir.as_str(), told.timeout, told.max_time),
        ("artifacts", None, Some(60.0))
    );
    assert_eq!((told.interrupt_signal.as_str(), told.log_environ), ("TERM", false));
    let plain = command("ci.steps.master_shell_command { command = 'x', timeout = 5 }");
    assert_eq!((plain.workdir.as_str(), plain.timeout, plain.use_pty), ("", Some(5.0), false));
    assert!(command("ci.steps.shell { command = 'x', use_pty = true }").use_pty);
    assert!(command("ci.steps.master_shell_command { command = 'x', use_pty = true }").use_pty);
}

/// The first command that the first step asks for.
async fn first_command(loaded: &Loaded) -> halide_ci::model::command::ShellCommand {
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
        let wish = inbox.recv().await.unwrap();
        let _ = wish.answer.send(exit(0));
        let StepRequest::Run { command, .. } = wish.request else { panic!("{:?}", wish.request) };
        *command
    };
    let (results, command) = tokio::join!(loaded.scripts.run_step(run), serve);
    results.unwrap();
    command
}

#[test]
fn tree_size_becomes_a_property() {
    let du = "du -s -k . >";
    let set = "set tree-size-KiB=1234 by treesize";
    play("ci.steps.tree_size {}", vec![ended(0, "1234\t.\n", ""), done(), done()])
        .expect(Results::Success, &[du, set, &summary("treesize 1234 KiB")]);
    play("ci.steps.tree_size {}", vec![ended(0, "what\n", ""), done()])
        .expect(Results::Warnings, &[du, &summary("tree size unknown")]);
    play("ci.steps.tree_size {}", vec![ended(1, "", "du: no\n")]).expect(Results::Failure, &[du]);
}

/// A step whose command says something and ends: its command's line, its result, and what it counts.
#[track_caller]
fn finds(
    step: &str,
    ended: Answer,
    line: &str,
    results: Results,
    counts: &[(&str, i64)],
    said: &str,
) {
    let (mut answers, mut asked) = (vec![ended], vec![line.to_owned()]);
    for (name, count) in counts {
        asked.extend([format!("counted {name}"), format!("count {name}={count}")]);
        answers.extend([Ok(StepAnswer::Value(Json::Null)), done()]);
    }
    if !said.is_empty() {
        asked.push(summary(said));
        answers.push(done());
    }
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    play(step, answers).expect(results, &asked);
}

#[test]
fn msbuild_counts_warnings_and_errors() {
    let step = "ci.steps.msbuild { projectfile = 'a.sln', platform = 'x64', project = 'lib',
        properties = { Z = true, A = 1 }, defines = { 'X', 'Y=2' }, extra_args = { '/v:m' } }";
    let line = "msbuild a.sln /nologo /maxcpucount /clp:NoSummary /t:lib:Rebuild \
                /p:Configuration=release /p:Platform=x64 /p:A=1 /p:Z=true \
                /p:DefineConstants=X;Y=2 /v:m";
    let noisy = "a.cpp(3,1): warning C4101: 'x': unreferenced\r\nb.cpp(9): warning C4996: old\r\n";
    finds(step, ended(0, noisy, ""), line, Results::Warnings, &[("warnings", 2)], "s: 2 warnings");
    let broken = format!(
        "{noisy}c.cpp(1): fatal error C1083: no such file\r\nMSBUILD : error MSB1009: none\r\n"
    );
    let counts = [("errors", 2), ("warnings", 2)];
    let said = "s: 2 errors, 2 warnings";
    finds(step, ended(1, &broken, ""), line, Results::Failure, &counts, said);
    finds(
        "ci.steps.msbuild { projectfile = 'a.sln', mode = 'clean', config = 'debug', msbuild = 'm' }",
        ended(0, "no warning here\n", ""),
        "m a.sln /nologo /maxcpucount /clp:NoSummary /t:Clean /p:Configuration=debug",
        Results::Success,
        &[],
        "",
    );
    finds(
        "ci.steps.msbuild { projectfile = 'a.sln', mode = 'build', project = 'lib' }",
        ended(1, "", ""),
        "msbuild a.sln /nologo /maxcpucount /clp:NoSummary /t:lib /p:Configuration=release",
        Results::Failure,
        &[],
        "",
    );
}

#[test]
fn cppcheck_fails_by_errors_and_warns_by_everything_else() {
    let step = "ci.steps.cppcheck { source = { 'src', 'inc' }, enable = { 'style', 'warning' },
        inconclusive = true, extra_args = { '-j', 2 } }";
    let line = "cppcheck --enable=style,warning --inconclusive -j 2 src inc";
    finds(step, ended(0, "Checking a.c ...\n", ""), line, Results::Success, &[], "");
    let style = "a.c:3:5: style: Unused variable [unusedVariable]\n[b.c:3]: (performance) slow\n";
    let counts = [("cppcheck-performance", 1), ("cppcheck-style", 1)];
    let said = "s: 1 performance, 1 style";
    finds(step, ended(0, "", style), line, Results::Warnings, &counts, said);
    let error = "a.c:3:5: error: Null pointer [nullPointer]\na.c:3:5: note: here\n";
    let counts = [("cppcheck-error", 1)];
    finds(step, ended(0, "", error), line, Results::Failure, &counts, "s: 1 error");
    let plain = "ci.steps.cppcheck {}";
    finds(plain, ended(1, "", ""), "cppcheck .", Results::Failure, &[], "");
}

#[test]
fn sphinx_counts_its_warnings() {
    let step = "ci.steps.sphinx { sphinx_builddir = 'out', sphinx_sourcedir = 'doc', sphinx_builder = 'html',
        tags = { 'a', 'b' }, defines = { version = '1.2', nitpicky = true }, mode = 'full', strict_warnings = true }";
    let line = "sphinx-build -b html -t a -t b -D nitpicky=1 -D version=1.2 -E -W doc out";
    finds(step, ended(0, "building\n", ""), line, Results::Success, &[], "");
    let told = "doc/a.rst:3: WARNING: undefined label\ndoc/b.rst: WARNING: not in any toctree\n";
    let counts = [("warnings", 2)];
    finds(step, ended(0, "", told), line, Results::Warnings, &counts, "s: 2 warnings");
    let plain = "ci.steps.sphinx { sphinx_builddir = 'out' }";
    finds(plain, ended(2, "", ""), "sphinx-build . out", Results::Failure, &[], "");
}

#[test]
fn pylint_is_judged_by_the_bits_of_its_exit_code() {
    let step = "ci.steps.pylint { command = 'pylint pkg' }";
    let line = "sh pylint pkg";
    finds(step, ended(0, "rated at 10.00/10\n", ""), line, Results::Success, &[], "");
    let style = "a.py:1:0: C0114: Missing module docstring (missing-module-docstring)\n\
                 a.py:2: [W0611(unused-import), ] Unused import os\n";
    let counts = [("pylint-convention", 1), ("pylint-warning", 1)];
    let said = "s: 1 convention, 1 warning";
    finds(step, ended(20, style, ""), line, Results::Warnings, &counts, said);
    let error = "a.py:3:1: E0602: Undefined variable\n";
    let counts = [("pylint-error", 1)];
    finds(step, ended(2, error, ""), line, Results::Failure, &counts, "s: 1 error");
    for rc in [1, 32, 36, 64, 127, -1] {
        finds(step, ended(rc, "", ""), line, Results::Failure, &[], "");
    }
}

#[test]
fn robocopy_tells_success_by_its_own_numbers() {
    let step = "ci.steps.robocopy { source = 'a', destination = 'b', files = { '*.exe' }, recursive = true,
        mirror = true, exclude_files = { 'x', 'y' }, exclude_dirs = { '.git' }, verbose = true, custom_opts = { '/R:2' } }";
    let line = "robocopy a b *.exe /E /MIR /XF x y /XD .git /V /TS /FP /NP /R:2";
    for (rc, results) in [
        (0, Results::Success),
        (1, Results::Success),
        (3, Results::Success),
        (4, Results::Warnings),
        (7, Results::Warnings),
        (8, Results::Failure),
        (16, Results::Failure),
    ] {
        play(step, vec![exit(rc)]).expect(results, &[line]);
    }
    play("ci.steps.robocopy { source = 'a', destination = 'b', move = true }", vec![exit(1)])
        .expect(Results::Success, &["robocopy a b /MOVE /NP"]);
}
