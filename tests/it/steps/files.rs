//! The steps that move files and look after them: what they ask of the worker and the master.

use halide_ci::model::worker::WorkerInfo;

use super::*;

#[test]
fn files_are_looked_for_copied_and_written() {
    let found = Ok(StepAnswer::Stat(Some(FileStat { mode: 0o100_644, size: 1, mtime: 0 })));
    play("ci.steps.file_exists { file = 'a' }", vec![found])
        .expect(Results::Success, &["stat /w/b/build/a"]);
    play("ci.steps.file_exists { file = '/a' }", vec![is_there(false)])
        .expect_failure("/a is not there.");
    play("ci.steps.file_exists { file = 'a' }", vec![is_there(true)])
        .expect_failure("a is not a file.");
    play("ci.steps.copy_directory { src = 'a', dest = '/x' }", vec![done()]).expect(
        Results::Success,
        &["CopyDirectory { from: \"/w/b/build/a\", to: \"/x\", timeout: Some(120.0) }"],
    );
    let written = |data: &str, mode: &str| {
        format!(
            "WriteFile {{ path: \"/w/b/build/f\", data: b{data:?}, mode: {mode}, temporary: false }}"
        )
    };
    let text = "ci.steps.string_download { s = 'text', workerdest = 'f', mode = '0755' }";
    play(text, vec![done()]).expect(Results::Success, &[&written("text", "Some(493)")]);
    let json = "ci.steps.json_string_download { o = { b = { 1, 2 }, a = 'x' }, workerdest = 'f' }";
    play(json, vec![done()])
        .expect(Results::Success, &[&written(r#"{"a":"x","b":[1,2]}"#, "None")]);
    let refused = || Err(DeskError::Failed("no room on the disk".to_owned()));
    for step in [text, json, "ci.steps.json_properties_download { workerdest = 'f' }"] {
        play(step, vec![refused()]).expect_failure("no room on the disk");
    }
    let played = play("ci.steps.json_properties_download { workerdest = 'f' }", vec![done()]);
    assert!(
        played.asked[0].contains(r#"{\"properties\":{},\"sourcestamps\":[]}"#),
        "{:?}",
        played.asked
    );
    let download = "ci.steps.file_download { mastersrc = 'm/a', workerdest = 'f', max_size = 9 }";
    let expected = "DownloadFile { mastersrc: \"m/a\", workerdest: \"/w/b/build/f\", mode: None, \
                    max_size: Some(9), block_size: 262144 }";
    play(download, vec![done()]).expect(Results::Success, &[expected]);
    play(download, vec![refused()]).expect_failure("no room on the disk");
    let upload = "ci.steps.directory_upload { workersrc = 'out', masterdest = 'm', compress = 'gz', url = 'http://x' }";
    let expected = "UploadDirectory { workersrc: \"/w/b/build/out\", masterdest: \"m\", max_size: None, \
                    block_size: 262144, compress: Some(Gz) }";
    play(upload, vec![done(), done()])
        .expect(Results::Success, &[expected, "AddUrl { name: \"m\", url: \"http://x\" }"]);
    play(upload, vec![refused()]).expect_failure("no room on the disk");
}

#[test]
fn several_files_go_into_one_directory_and_never_onto_each_other() {
    let upload = |from: &str, name: &str| {
        format!(
            "UploadFile {{ workersrc: {from:?}, masterdest: \"out/{name}\", mode: None, \
             max_size: None, block_size: 262144, keep_stamp: true }}"
        )
    };
    let step = |sources: &str| {
        format!(
            "ci.steps.multiple_file_upload {{ workersrcs = {sources}, masterdest = 'out', keep_stamp = true }}"
        )
    };
    play(&step("{ 'a', '/x/b' }"), vec![done(), done(), done()]).expect(
        Results::Success,
        &[
            &upload("/w/b/build/a", "a"),
            &upload("/x/b", "b"),
            "SetSummary { text: \"2 files uploaded\" }",
        ],
    );
    play(&step("{ 'a', 'x/a' }"), vec![done()])
        .expect_failure("/w/b/build/a and /w/b/build/x/a would be the same file.");
    let files =
        |names: &[&str]| Ok(StepAnswer::Files(names.iter().map(|n| (*n).to_owned()).collect()));
    let globbed = step("'*.tgz', glob = true, url = 'http://x'");
    play(&globbed, vec![files(&["/w/b/build/a.tgz"]), done(), done(), done()]).expect(
        Results::Success,
        &[
            "Glob { path: \"/w/b/build/*.tgz\" }",
            &upload("/w/b/build/a.tgz", "a.tgz"),
            "SetSummary { text: \"1 file uploaded\" }",
            "AddUrl { name: \"out\", url: \"http://x\" }",
        ],
    );
    play(&globbed, vec![files(&[])]).expect_failure("no file was found");
}

#[test]
fn the_workers_environment_becomes_properties() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (system, names, expected) in [
        ("posix", "{ 'PATH', 'Home', 'NONE' }", r#"{"PATH": String("/bin")}"#),
        ("nt", "{ 'path', 'HOME', 'NONE' }", r#"{"HOME": String("h"), "path": String("/bin")}"#),
        ("posix", "'NONE'", ""),
    ] {
        let played = tokio::task::LocalSet::new().block_on(&runtime, async {
            let step = format!("ci.steps.set_properties_from_env {{ variables = {names} }}");
            let loaded = load_steps(Mount::Local, "", &step).await;
            let environ = [("PATH", "/bin"), ("home", "h")];
            let environ = environ.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let info = WorkerInfo {
                system: system.to_owned(),
                environ: environ.into(),
                ..WorkerInfo::default()
            };
            let build = BuildView { worker_info: Arc::new(info), ..BuildView::default() };
            let answers = vec![done(); if expected.is_empty() { 2 } else { 3 }];
            play_loaded(&loaded, build, answers).await
        });
        let set = played.asked.iter().find(|line| line.starts_with("SetProperties"));
        let wanted =
            format!("SetProperties {{ values: {expected}, source: \"WorkerEnvironment\" }}");
        assert_eq!(set.cloned(), (!expected.is_empty()).then_some(wanted), "{system}");
    }
}

#[test]
fn secrets_are_files_for_a_span_of_steps() {
    let step = "ci.with_secrets { files = { ['.netrc'] = 'hush', ['/k'] = 'K' },
                                  steps = { ci.steps.shell { command = 'use' } } }";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let loaded = load_steps(Mount::Local, "", step).await;
        let steps = &loaded.config.builders[0].steps;
        let kinds: Vec<&str> = steps.iter().map(|step| step.kind.as_str()).collect();
        assert_eq!(kinds, ["download_secrets_to_worker", "shell", "remove_worker_file_secret"]);
        assert!(steps[0].flags.halt_on_failure && steps[2].flags.always_run);
        let played = play_loaded(&loaded, BuildView::default(), vec![done(), done()]).await;
        let file = |path: &str, text: &str| {
            format!(
                "WriteFile {{ path: {path:?}, data: b{text:?}, mode: Some(384), temporary: false }}"
            )
        };
        assert_eq!(played.asked, [file("/w/b/build/.netrc", "hush"), file("/k", "K")]);
    });
    let remove = "ci.steps.remove_worker_file_secret { paths = { 'a', 'b' } }";
    play(remove, vec![is_there(true), done(), is_there(false)]).expect(
        Results::Success,
        &["stat /w/b/build/a", "RemoveFile { path: \"/w/b/build/a\" }", "stat /w/b/build/b"],
    );
}
