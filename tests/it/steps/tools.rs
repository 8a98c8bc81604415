//! The steps that run tools: which command each one makes of its options, and what it makes of the
//! command's end.

use super::*;

/// A step that runs one command: its line, and that the exit code is the result.
#[track_caller]
fn runs(step: &str, command: &str) {
    play(step, vec![exit(0)]).expect(Results::Success, &[command]);
    play(step, vec![exit(1)]).expect(Results::Failure, &[command]);
}

fn ran(rc: i64, stdout: &str, stderr: &str) -> Answer {
    let (stdout, stderr) = (stdout.to_owned(), stderr.to_owned());
    Ok(StepAnswer::Ran(Ran { rc, stdout, stderr, ..Ran::default() }))
}

#[test]
fn build_tools_get_their_options_in_order() {
    runs("ci.steps.configure {}", "./configure");
    runs("ci.steps.configure { command = './configure --x' }", "sh ./configure --x");
    runs("ci.steps.test {}", "make test");
    runs("ci.steps.test { command = { 'go', 'test' } }", "go test");
    runs("ci.steps.make {}", "make");
    runs(
        "ci.steps.make { make = 'gmake', directory = 'src', file = 'M', jobs = 4, options = { '-k' },
                         variables = { CC = 'clang', B = 1 }, targets = { 'all', false, 'check' } }",
        "gmake -C src -f M -j 4 -k B=1 CC=clang all check",
    );
    runs("ci.steps.ninja { targets = 'install' }", "ninja install");
    runs(
        "ci.steps.ninja { directory = 'out', jobs = 2, keep_going = 0, options = { '-v' } }",
        "ninja -C out -j 2 -k 0 -v",
    );
    runs("ci.steps.pytest {}", "python3 -m pytest");
    runs(
        "ci.steps.pytest { python = 'python', markers = 'not slow', keywords = 'io', jobs = 3,
                           options = { '-q' }, paths = { 'tests', 'more' } }",
        "python -m pytest -m not slow -k io -n 3 -q tests more",
    );
}

#[test]
fn cmake_keeps_the_order_of_a_list_and_sorts_a_map() {
    runs(
        "ci.steps.cmake { generator = 'Ninja', path = '/s', definitions = { 'Z=1', false, 'A:PATH=/x' },
                          options = { '-Wdev' } }",
        "cmake -G Ninja /s -DZ=1 -DA:PATH=/x -Wdev",
    );
    runs(
        "ci.steps.cmake { cmake = 'cmake3', path = '.', build_dir = 'out',
                          definitions = { Z = 1, A = true, M = false, T = 'x y' } }",
        "cmake3 -B out . -DA=ON -DM=OFF -DT=x y -DZ=1",
    );
    runs("ci.steps.cmake { preset = 'ci' }", "cmake --preset ci");
    runs("ci.steps.cmake_build {}", "cmake --build .");
    runs(
        "ci.steps.cmake_build { preset = 'ci', jobs = 8 }",
        "cmake --build --preset ci --parallel 8",
    );
    runs(
        "ci.steps.cmake_build { build_dir = 'out', config = 'Release', targets = { 'a', 'b' },
                                options = { '-k', 0 } }",
        "cmake --build out --config Release --target a b -- -k 0",
    );
}

#[test]
fn ctest_joins_what_may_match() {
    runs("ci.steps.ctest {}", "ctest --output-on-failure");
    runs(
        "ci.steps.ctest { preset = 'ci', build_config = 'Release', labels = { 'a', 'b' }, jobs = 2,
                          exclude_tests = 'slow', output_on_failure = false, options = { '-V' } }",
        "ctest --preset ci --build-config Release --label-regex a|b --exclude-regex slow --parallel 2 -V",
    );
    runs(
        "ci.steps.ctest { labels = {}, exclude_labels = { 'x' }, tests = { 'y' } }",
        "ctest --output-on-failure --label-exclude x --tests-regex y",
    );
}

#[test]
fn cargo_puts_its_own_options_before_those_of_what_it_runs() {
    runs("ci.steps.cargo { command = 'test' }", "cargo test");
    runs(
        "ci.steps.cargo { toolchain = 'nightly', command = { 'clippy', '--all-targets' }, locked = true,
                          packages = { 'a', 'b' }, features = { 'x', 'y' }, default_features = false,
                          release = true, target = 't', manifest_path = 'm', jobs = 3,
                          arguments = { '-D', 'warnings' } }",
        "cargo +nightly clippy --all-targets --package a --package b --features x,y --no-default-features \
         --release --target t --locked --manifest-path m --jobs 3 -- -D warnings",
    );
    runs(
        "ci.steps.cargo { command = 'build', features = 'all', profile = 'ci' }",
        "cargo build --all-features --profile ci",
    );
}

#[test]
fn a_sequence_goes_on_until_a_command_halts_it_and_counts_what_counts() {
    let sequence = |flags: &str, codes: &[i64]| {
        let step = format!(
            "ci.steps.shell_sequence {{ decode_rc = {{ [0] = 'success', [3] = 'warnings', [4] = 'exception' }},
               commands = {{ {{ command = {{ 'a' }}, log = 'first', {flags} }}, {{ command = 'b | c' }} }} }}"
        );
        let played = play(&step, codes.iter().map(|rc| exit(*rc)).collect());
        (played.results.unwrap().unwrap(), played.asked)
    };
    let both = ["a".to_owned(), "sh b | c".to_owned()];
    for (flags, codes, results) in [
        ("", &[0, 0][..], Results::Success),
        ("", &[1, 0], Results::Failure),
        ("flunk_on_failure = false", &[1, 0], Results::Success),
        ("flunk_on_failure = false, warn_on_failure = true", &[1, 0], Results::Warnings),
        ("flunk_on_failure = false, warn_on_failure = true", &[1, 1], Results::Failure),
        ("", &[3, 0], Results::Success),
        ("warn_on_warnings = true", &[3, 0], Results::Warnings),
        ("flunk_on_warnings = true", &[3, 0], Results::Failure),
        ("halt_on_failure = true", &[1], Results::Failure),
        ("halt_on_failure = true, flunk_on_failure = false", &[1], Results::Success),
        ("", &[4], Results::Exception),
    ] {
        let (actual, asked) = sequence(flags, codes);
        assert_eq!(
            (actual, asked.as_slice()),
            (results, &both[..codes.len()]),
            "{flags} {codes:?}"
        );
    }
}

#[test]
fn what_a_command_prints_becomes_a_property() {
    let step = |options: &str| {
        format!(
            "ci.steps.set_property_from_command {{ name = 'v', command = {{ 'v' }}, {options} }}"
        )
    };
    let asked = |options: &str, answer: Answer, rest: usize| {
        let mut answers = vec![answer];
        answers.extend((0..rest).map(|_| done()));
        play(&step(options), answers)
    };
    let lines = |values: &str, log: &str, summary: &str| {
        [
            "v >".to_owned(),
            format!(
                "SetProperties {{ values: {{{values}}}, source: \"SetPropertyFromCommand Step\" }}"
            ),
            "AddLog { name: \"property changes\", kind: Text }".to_owned(),
            format!("WriteLog {{ name: \"property changes\", stream: Stdout, text: {log:?} }}"),
            format!("SetSummary {{ text: {summary:?} }}"),
        ]
    };
    let text = |text: &str| format!("\"version\": String({text:?})");
    let set = "property 'version' set";
    for (options, expected) in [
        ("", "1.2"),
        ("strip = false,", " 1.2\n"),
        ("include_stderr = true,", "1.2\nnoise"),
        ("include_stdout = false,", ""),
    ] {
        let played =
            asked(&format!("{options} property = 'version'"), ran(0, " 1.2\n", "noise"), 4);
        let log = format!("version: {}\n", serde_json::to_string(expected).unwrap());
        assert_eq!(played.asked, lines(&text(expected), &log, set), "{options}");
        assert_eq!(played.results.unwrap(), Some(Results::Success));
    }
    // Half an answer is none.
    let played = asked("property = 'version'", ran(1, "1.2", ""), 0);
    assert_eq!(played.results.unwrap(), Some(Results::Failure));

    let extract = "extract = function(rc, out, err) return { rc = rc, all = { out, err } } end";
    let played = asked(extract, ran(7, "o", "e"), 4);
    assert_eq!(played.results.unwrap(), Some(Results::Failure));
    let log = "all: [\"o\",\"e\"]\nrc: 7\n";
    let values = r#""all": Array [String("o"), String("e")], "rc": Number(7)"#;
    assert_eq!(played.asked, lines(values, log, "2 properties set"));
    let played = asked("extract = function() return 'x' end", ran(0, "", ""), 0);
    let error = played.results.unwrap_err().message;
    assert!(error.contains("`extract` must return a table of properties"), "{error}");
}
