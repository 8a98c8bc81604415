//! The steps of git: what they ask of the worker, in which order, and what they never ask.

use halide_ci::model::property::Properties;

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

/// Plays a source step for a build with these properties.
fn play_with(
    step: &str,
    stamp: Sourcestamp,
    properties: &[(&str, Json)],
    answers: Vec<Answer>,
) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let loaded = load_steps(Mount::Local, "", step).await;
        let property =
            |(name, value): &(&str, Json)| ((*name).to_owned(), (value.clone(), "test".to_owned()));
        let all = Properties(properties.iter().map(property).collect());
        let build = BuildView {
            builder: "b".to_owned(),
            builddir: "/w/b".to_owned(),
            sourcestamps: Arc::new(vec![stamp]),
            properties: all,
            ..BuildView::default()
        };
        play_loaded(&loaded, build, answers).await
    })
}

fn on_main() -> Sourcestamp {
    Sourcestamp {
        branch: Some("main".to_owned()),
        revision: Some(HEX.to_owned()),
        ..Sourcestamp::default()
    }
}

/// What the step fetches, when it has a checkout.
fn fetched(step: &str, stamp: Sourcestamp, properties: &[(&str, Json)], before: usize) -> String {
    let mut answers: Vec<Answer> = (0..before).map(|_| done()).collect();
    answers.extend([is_there(true), exit(1), exit(128)]);
    answers.extend((0..5).map(|_| files(&[])));
    play_with(step, stamp, properties, answers).asked[before + 2].clone()
}

#[test]
fn gitlab_fetches_the_source_branch_of_a_merge_request_from_where_it_is() {
    let step = "ci.steps.gitlab { repo = 'https://lab.example.org/o/r.git' }";
    let merge = |source: i64| {
        [
            ("target_branch", json!("main")),
            ("source_branch", json!("topic")),
            ("source_project_id", json!(source)),
            ("target_project_id", json!(7)),
            ("source_repository", json!("https://lab.example.org/fork/r.git")),
            ("source_git_ssh_url", json!("git@lab.example.org:fork/r.git")),
            ("target_git_ssh_url", json!("git@lab.example.org:o/r.git")),
        ]
    };
    let fetch = "git fetch --force --progress --";
    let own = format!("{fetch} https://lab.example.org/o/r.git");
    assert_eq!(fetched(step, on_main(), &[], 0), format!("{own} main"));
    assert_eq!(fetched(step, on_main(), &merge(7), 0), format!("{own} topic"));
    let fork = format!("{fetch} https://lab.example.org/fork/r.git topic");
    assert_eq!(fetched(step, on_main(), &merge(8), 0), fork);
    let ssh = "ci.steps.gitlab { repo = 'git@lab.example.org:o/r.git' }";
    let fork = format!("{fetch} git@lab.example.org:fork/r.git topic");
    assert_eq!(fetched(ssh, on_main(), &merge(8), 0), fork);
    // Another codebase of the same build is no merge request.
    let other = Sourcestamp { codebase: "tools".to_owned(), ..on_main() };
    let step =
        "ci.steps.gitlab { repo = 'https://lab.example.org/o/tools.git', codebase = 'tools' }";
    let own = format!("{fetch} https://lab.example.org/o/tools.git main");
    assert_eq!(fetched(step, other, &merge(8), 0), own);
}

#[test]
fn a_fork_is_no_way_to_run_commands() {
    let fork = |url: Json| {
        [
            ("target_branch", json!("main")),
            ("source_branch", json!("topic")),
            ("source_project_id", json!(1)),
            ("source_repository", url),
        ]
    };
    let step = "ci.steps.gitlab { repo = 'https://lab.example.org/o/r.git' }";
    for (url, said) in [
        (json!("ext::sh -c evil"), "names a remote helper of git"),
        (json!("--upload-pack=evil"), "begins with a dash"),
        (json!(null), "the property `source_repository` does not say which"),
    ] {
        let played = play_with(step, on_main(), &fork(url), vec![]);
        assert_eq!(played.asked, Vec::<String>::new());
        played.expect_failure(said);
    }
}

#[test]
fn gerrit_fetches_the_change_under_review() {
    let step = "ci.steps.gerrit { repo = 'r' }";
    let fetch = "git fetch --force --progress -- r";
    assert_eq!(fetched(step, on_main(), &[], 0), format!("{fetch} main"));
    let event = [("event.patchSet.ref", json!("refs/changes/34/1234/5"))];
    assert_eq!(fetched(step, on_main(), &event, 1), format!("{fetch} refs/changes/34/1234/5"));
    for (change, reference) in [("1234/5", "34/1234/5"), ("7/1", "07/7/1"), ("100/2", "00/100/2")] {
        let forced = [("gerrit_change", json!(change))];
        let wanted = format!("{fetch} refs/changes/{reference}");
        assert_eq!(fetched(step, on_main(), &forced, 1), wanted);
    }
    for change in ["x/1", "1234", "1/2/3", "-1/2"] {
        let forced = [("gerrit_change", json!(change))];
        assert_eq!(fetched(step, on_main(), &forced, 0), format!("{fetch} main"), "{change}");
    }
    // Of several projects only that of the change has it.
    let other = Sourcestamp { project: "tools".to_owned(), ..on_main() };
    let event = [("event.change.project", json!("tool")), event[0].clone()];
    assert_eq!(fetched(step, other, &event, 0), format!("{fetch} main"));
    let hostile = [("event.patchSet.ref", json!("--upload-pack=evil"))];
    play_with(step, on_main(), &hostile, vec![done()])
        .expect_failure("is not a name that git can fetch");
}

const DIFF: &str = r#"diff --git src/a b.c src/a b.c
index 01..02 100644
--- src/a b.c	
+++ src/a b.c	
@@ -3 +3,2 @@ int main
--- not a header
+++ not a header
+diff --git x x
@@ -10,2 +11,0 @@
-@@ -1 +1 @@
-b
\ No newline at end of file
diff --git old.txt new.txt
similarity index 90%
rename from old.txt
rename to new.txt
diff --git "q\"\303\244.c" "q\"\303\244.c"
new file mode 100644
--- /dev/null
+++ "q\"\303\244.c"
@@ -0,0 +1 @@
+x
diff --git pic.png pic.png
index 01..02 100644
Binary files pic.png and pic.png differ
"#;

#[test]
fn git_diff_info_tells_files_and_places_whatever_their_lines_look_like() {
    let step = "ci.steps.git_diff_info { compare_to_ref = 'origin/main' }";
    let played = play(step, vec![says(&format!("{HEX}\n")), says(DIFF), done(), done()]);
    let diff = "git -c core.quotePath=false diff --no-prefix --unified=0 --find-renames --no-color --no-ext-diff";
    assert_eq!(played.asked[0], "git merge-base HEAD origin/main >");
    assert_eq!(played.asked[1], format!("{diff} {HEX} HEAD --"));
    let told = json!([
        { "source_file": "src/a b.c", "target_file": "src/a b.c", "is_binary": false, "is_rename": false,
          "hunks": [{ "ss": 3, "sl": 1, "ts": 3, "tl": 2 }, { "ss": 10, "sl": 2, "ts": 11, "tl": 0 }] },
        { "source_file": "old.txt", "target_file": "new.txt", "is_binary": false, "is_rename": true, "hunks": [] },
        { "source_file": "/dev/null", "target_file": "q\"ä.c", "is_binary": false, "is_rename": false,
          "hunks": [{ "ss": 0, "sl": 0, "ts": 1, "tl": 1 }] },
        { "source_file": "pic.png", "target_file": "pic.png", "is_binary": true, "is_rename": false, "hunks": [] },
    ]);
    assert_eq!(played.asked[2], format!("set diffinfo-origin/main={told} by GitDiffInfo"));
    assert_eq!(played.asked[3], "SetSummary { text: \"4 files differ from origin/main\" }");
    assert_eq!(played.results.unwrap().unwrap_or(Results::Success), Results::Success);
    let many = format!("diff --git x x\n{}", "@@ -1 +1,0 @@\n-x\n".repeat(20_001));
    let error = play(step, vec![says(HEX), says(&many)]).results.unwrap_err();
    assert!(error.message.contains("more than 20000 places differ."), "{error}");

    play(step, vec![exit(1)]).expect(Results::Failure, &["git merge-base HEAD origin/main >"]);
    play(step, vec![says("fatal")])
        .expect_failure("git merge-base said \"fatal\", which is no commit.");
    let none = play("ci.steps.git_diff_info {}", vec![says(HEX), says(""), done(), done()]);
    assert_eq!(none.asked[2], "set diffinfo-master=[] by GitDiffInfo");
    let hostile =
        "ci.steps.git_diff_info { compare_to_ref = ci.interpolate '--output=%(prop:x:-x)s' }";
    play(hostile, vec![]).expect_failure("is no name that can be compared with.");
}

#[test]
fn svn_updates_what_is_there_and_checks_out_what_is_not() {
    let step = "ci.steps.svn { repo = 'https://svn.example.org/r/trunk/', username = 'bot', password = 'pw' }";
    let who = "--non-interactive --no-auth-cache --username bot --password-from-stdin";
    let url = "https://svn.example.org/r/trunk";
    let at = |revision| [("", "trunk", Some(revision))];
    let answers = vec![
        is_there(true),
        is_there(false),
        says(&format!("{url}\n")),
        exit(0),
        exit(0),
        exit(0),
        says("42\n"),
        done(),
    ];
    let played = play_stamps(step, &at("42"), answers);
    played.expect(
        Results::Success,
        &[
            "stat /w/b/build/.svn",
            "stat /w/b/build/.svn/try.patch",
            &format!("svn info {who} --show-item url >"),
            &format!("svn cleanup {who}"),
            &format!("svn revert {who} --quiet --recursive ."),
            &format!("svn update {who} --revision 42 ."),
            &format!("svn info {who} --show-item revision >"),
            "set got_revision=\"42\" by SVN",
        ],
    );
    // Another address, and what somebody tried, are no beginning.
    for before in [
        vec![is_there(false)],
        vec![is_there(true), is_there(true)],
        vec![is_there(true), is_there(false), says("https://svn.example.org/r/branches/x")],
        vec![is_there(true), is_there(false), exit(1)],
    ] {
        let asked = before.len();
        let mut answers = before;
        answers.extend([done(), done(), exit(0), says("43"), done()]);
        let played = play(step, answers);
        assert_eq!(
            played.asked[asked],
            "RemoveDirectory { paths: [\"/w/b/build\"], timeout: None }"
        );
        assert_eq!(played.asked[asked + 2], format!("svn checkout {who} {url}/ ."));
        assert_eq!(played.results.unwrap().unwrap_or(Results::Success), Results::Success);
    }
    for (stamps, said) in
        [(at("HEAD"), "is no number"), (at("-r1"), "is no number"), (at("1:5"), "is no number")]
    {
        play_stamps(step, &stamps, vec![]).expect_failure(said);
    }
    for repo in ["-x", "/srv/svn", "https://x\n", ""] {
        let step =
            format!("ci.steps.svn {{ repo = ci.interpolate({repo:?} .. '%(prop:none:-)s') }}");
        play(&step, vec![]).expect_failure("is no address of a repository");
    }
}
