//! `worker.lua`: read in the same sandbox, with the same strictness, as `master.lua`.

use std::path::Path;
use std::time::Duration;

use halide_ci::model::worker::WorkerSettings;
use halide_ci::script::load::LoadError;
use halide_ci::script::load_worker;

fn read(text: &str) -> Result<WorkerSettings, LoadError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("worker.lua"), text).unwrap();
    std::fs::write(dir.path().join("pass.txt"), " s3cret \n").unwrap();
    load_worker(&dir.path().join("worker.lua"), dir.path())
}

#[test]
fn a_worker_is_told_its_master_in_either_form() {
    let settings = read(
        "local ci = require 'ci'\nreturn { name = 'w', password = ci.secret_file 'pass.txt', \
         host = 'ci.example.org', port = '9991', max_delay = 2.5, umask = '022', num_cpus = 3 }",
    )
    .unwrap();
    assert_eq!((settings.name.as_str(), settings.port), ("w", 9991));
    assert!(settings.password.matches("s3cret"));
    assert_eq!(settings.max_delay, Duration::from_millis(2500));
    assert_eq!((settings.umask, settings.num_cpus), (Some(0o022), Some(3)));
    assert_eq!(settings.keepalive, Duration::from_secs(600));
    let settings = read("return { name = 'w', password = 'p', master = 'h:7' }").unwrap();
    assert_eq!((settings.host.as_str(), settings.port), ("h", 7));
}

#[test]
fn what_is_wrong_with_a_worker_is_told_in_one_go() {
    let error = read("return { nam = 'w', passwd = 'p', master = 'h:x', host = 'h' }").unwrap_err();
    assert_eq!(
        error.plain(),
        "worker.lua:1: unknown option `nam` of the worker's configuration. Did you mean `name`?\n\
         worker.lua:1: unknown option `passwd` of the worker's configuration. Buildbot's `passwd` \
         is `password` here.\n\
         worker.lua:1: give either `master` or `host` and `port`.\n\
         worker.lua:1: `master` must be \"host:port\", not \"h:x\"."
    );
}

#[test]
fn the_shipped_worker_needs_its_name() {
    if std::env::var_os("HALIDE_BB_WORKER_NAME").is_some() {
        return;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("worker/worker.lua");
    let error = load_worker(&file, Path::new("worker")).unwrap_err().to_string();
    assert!(
        error.contains("Environment variable HALIDE_BB_WORKER_NAME must be non-empty. Set it"),
        "{error}"
    );
}
