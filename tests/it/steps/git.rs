//! The steps of git: what they ask of the worker, in which order, and what they never ask.

use super::*;

const HEX: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn git_clones_fetches_and_checks_out_where_nothing_is_there() {
    let played = play_stamps(
        "ci.steps.git { repo = 'file:///r.git', branch = 'main' }",
        &[],
        vec![is_there(false), done(), exit(0), exit(0), exit(0), says(&format!("{HEX}\n")), done()],
    );
    played.expect(
        Results::Success,
        &[
            "stat /w/b/build/.git",
            "RemoveDirectory { paths: [\"/w/b/build\"], timeout: None }",
            "git clone --no-checkout --progress -- file:///r.git .",
            "git fetch --force --progress -- file:///r.git main",
            "git checkout --force --detach FETCH_HEAD --",
            "git rev-parse HEAD >",
            &format!("set got_revision=\"{HEX}\" by Git"),
        ],
    );
}

#[test]
fn git_needs_no_network_for_a_commit_that_is_there() {
    let played = play_stamps(
        "ci.steps.git { repo = 'r', codebase = 'halide' }",
        &[("llvm", "x", None), ("halide", "main", Some(HEX))],
        vec![
            is_there(true),
            exit(0),
            is_there(false),
            exit(0),
            says(HEX),
            Ok(StepAnswer::Value(json!({ "llvm": "abc" }))),
            done(),
        ],
    );
    played.expect(
        Results::Success,
        &[
            "stat /w/b/build/.git",
            &format!("git rev-parse --verify --quiet {HEX}^{{commit}}"),
            "stat /w/b/build/.git/info/sparse-checkout",
            &format!("git checkout --force --detach {HEX} --"),
            "git rev-parse HEAD >",
            "GetProperty { name: \"got_revision\" }",
            &format!("set got_revision={{\"halide\":\"{HEX}\",\"llvm\":\"abc\"}} by Git"),
        ],
    );
}

#[test]
fn git_full_fresh_cleans_and_a_failing_fetch_ends_the_step() {
    let step = "ci.steps.git { repo = 'r', mode = 'full', submodules = true }";
    let answers = vec![
        is_there(true),
        exit(0),
        is_there(false),
        exit(0),
        exit(0),
        exit(0),
        exit(0),
        exit(0),
        says(HEX),
        done(),
    ];
    let played = play(step, answers);
    assert_eq!(
        played.asked[1..8],
        [
            "git fetch --force --progress -- r HEAD",
            "stat /w/b/build/.git/info/sparse-checkout",
            "git checkout --force --detach FETCH_HEAD --",
            "git submodule sync --recursive",
            "git submodule update --init --recursive --force",
            "git clean -f -f -d -x",
            "git submodule foreach --recursive git clean -f -f -d -x",
        ]
    );
    assert_eq!(played.results.unwrap(), Some(Results::Success));
    // Nothing lies there that a killed git would have left: it is not tried again.
    let mut answers = vec![is_there(true), exit(128)];
    answers.extend((0..5).map(|_| files(&[])));
    let played = play(step, answers);
    assert_eq!(played.asked[..3][1..], ["git fetch --force --progress -- r HEAD", &glob("*.lock")]);
    assert_eq!(played.results.unwrap(), Some(Results::Failure));
}

fn files(paths: &[&str]) -> Answer {
    Ok(StepAnswer::Files(paths.iter().map(|path| (*path).to_owned()).collect()))
}

fn glob(pattern: &str) -> String {
    format!("Glob {{ path: \"/w/b/build/.git/{pattern}\" }}")
}

#[test]
fn locks_that_a_killed_git_left_are_removed_and_the_checkout_is_tried_again() {
    let step = "ci.steps.git { repo = 'r' }";
    let mut answers = vec![is_there(true), exit(0), is_there(false), exit(128)];
    answers.push(files(&["/w/b/build/.git/index.lock"]));
    answers.extend((0..4).map(|_| files(&[])));
    answers.extend([done(), exit(0), is_there(false), exit(0), says(HEX), done()]);
    let played = play(step, answers);
    assert_eq!(played.asked[9], "RemoveFile { path: \"/w/b/build/.git/index.lock\" }");
    assert_eq!(played.asked[10], "git fetch --force --progress -- r HEAD");
    assert_eq!(played.results.unwrap(), Some(Results::Success));
}

#[test]
fn what_cannot_be_used_is_made_anew_if_that_is_wanted_but_once() {
    let step = "ci.steps.git { repo = 'r', clobber_on_failure = true }";
    let mut answers = vec![is_there(true), exit(128)];
    answers.extend((0..5).map(|_| files(&[])));
    answers.extend([done(), exit(128)]);
    let played = play(step, answers);
    let clone = "git clone --no-checkout --progress -- r .";
    assert_eq!(played.asked.last().unwrap(), clone);
    assert_eq!(played.results.unwrap(), Some(Results::Failure));
}

#[test]
fn a_checkout_that_is_not_the_wanted_commit_is_a_failure() {
    let other = HEX.replace('0', "f");
    let answers = vec![is_there(true), exit(0), is_there(false), exit(0), says(&other)];
    let stamps = [("", "main", Some(HEX))];
    let played = play_stamps("ci.steps.git { repo = 'r' }", &stamps, answers);
    played.expect_failure(&format!("the checkout is at {other}, and {HEX} was wanted."));
}

#[test]
fn keys_and_passwords_are_files_for_the_time_of_the_step_and_in_no_command() {
    let step = "ci.steps.git { repo = 'https://me@git.example.org/r.git', auth_user = 'bot', auth_password = 'p@ss',
        ssh_private_key = 'KEY', ssh_host_key = 'ssh-ed25519 AAAA', port = 2222 }";
    let mut answers = vec![done(), done(), done(), is_there(true), exit(128)];
    answers.extend((0..5).map(|_| files(&[])));
    let played = play(step, answers);
    let file = |name: &str, text: &str| {
        let path = format!("/w/b/.step-1-{name}");
        format!("WriteFile {{ path: {path:?}, data: b{text:?}, mode: Some(384), temporary: true }}")
    };
    assert_eq!(played.asked[0], file("key", "KEY\n"));
    assert_eq!(played.asked[1], file("hosts", "* ssh-ed25519 AAAA\n"));
    assert_eq!(played.asked[2], file("credentials", "https://bot:p%40ss@git.example.org\n"));
    let fetch = "git -c credential.helper= -c credential.helper=store --file='/w/b/.step-1-credentials' \
                 fetch --force --progress -- https://me@git.example.org/r.git HEAD";
    assert_eq!(played.asked[4], fetch);
    assert_eq!(played.results.unwrap(), Some(Results::Failure));
}

#[test]
fn addresses_that_git_would_take_for_something_else_are_refused() {
    for repo in ["-x", "--upload-pack=evil", "ext::sh -c evil", "fd::7", "a\nb", ""] {
        let step =
            format!("ci.steps.git {{ repo = ci.interpolate({repo:?} .. '%(prop:none:-)s') }}");
        let played = play(&step, vec![]);
        assert_eq!(played.asked, Vec::<String>::new(), "{repo}");
        played.expect_failure("`repo` ");
    }
}

#[test]
fn github_takes_the_tip_of_a_merge_ref_and_git_takes_the_revision() {
    let stamps = [("", "refs/pull/7/merge", Some(HEX))];
    let played = play_stamps(
        "ci.steps.github { repo = 'r' }",
        &stamps,
        vec![is_there(true), exit(0), is_there(false), exit(0), says(HEX), done()],
    );
    assert_eq!(played.asked[1], "git fetch --force --progress -- r refs/pull/7/merge");
    assert_eq!(played.asked[3], "git checkout --force --detach FETCH_HEAD --");
    let played = play_stamps(
        "ci.steps.git { repo = 'r' }",
        &stamps,
        vec![is_there(true), exit(1), exit(0), is_there(false), exit(0), says(HEX), done()],
    );
    assert_eq!(played.asked[4], format!("git checkout --force --detach {HEX} --"));
}

#[test]
fn hostile_branches_and_revisions_never_reach_git() {
    for branch in [
        "--upload-pack=evil",
        "-x",
        "a b",
        "a:b",
        "+main",
        "a..b",
        "x@{1}",
        "a~1",
        "a\nb",
        "/x",
        "a^",
        "x/",
    ] {
        let stamps = [("", branch, None)];
        let played = play_stamps("ci.steps.git { repo = 'r' }", &stamps, vec![]);
        assert_eq!(played.asked, Vec::<String>::new(), "{branch}");
        played.expect_failure("is not a name that git can fetch");
    }
    for revision in ["--output=x", "HEAD~1", "main", "12345; rm", "refs/heads/-x y"] {
        let stamps = [("", "main", Some(revision))];
        let played = play_stamps("ci.steps.git { repo = 'r' }", &stamps, vec![]);
        played.expect_failure("is neither a commit's hash nor a full ref");
    }
}
