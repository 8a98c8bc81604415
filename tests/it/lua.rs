//! Configurations, right and broken. Each `lua/NAME.lua` is broken in one way, or in many of one
//! sort; it is loaded as the main file, and what people are told is compared with `lua/NAME.txt`.
//! To add one: write `lua/NAME.lua` (what it requires goes to `lua/parts`), run the tests with
//! `UPDATE_GOLDEN=1`, and read `NAME.txt` as an operator would at three at night: what, where, why,
//! what to do, the caret under the guilty word, one message for one mistake. `BASE` there is the base
//! directory, which has a `secret.txt`; `HERE` is the folder.

use std::path::{Path, PathBuf};

use halide_ci::base::clock::Clock;
use halide_ci::http;
use halide_ci::script::load::{LoadError, LoadOptions, Loaded, Mount, load};

/// The folder of this test's files.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/lua")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Loads `file` the way a master does.
fn load_file(file: &Path, base_dir: &Path) -> Result<Loaded, LoadError> {
    let options = LoadOptions {
        file: file.to_owned(),
        base_dir: base_dir.to_owned(),
        clock: Clock::system(),
        http: http::Client::new(),
        secrets: halide_ci::script::load::Secrets::Files,
        mount: Mount::Thread,
    };
    runtime().block_on(load(options))
}

/// Loads `text` as `master.lua` of a scratch directory with a secret in it.
fn load_text(text: &str) -> Result<Loaded, LoadError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("master.lua"), text).unwrap();
    std::fs::write(dir.path().join("secret.txt"), "correct horse\n").unwrap();
    load_file(&dir.path().join("master.lua"), dir.path())
}

/// Those whose text depends on more than Linux and this folder say why.
const ONLY_ON_LINUX: &[&str] = &[
    // Elsewhere there is no /proc, whose files keep their modes.
    "secret_mode_fixed",
];

/// The broken configurations, by name.
fn broken() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "lua"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| cfg!(target_os = "linux") || !ONLY_ON_LINUX.contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

#[test]
fn every_broken_configuration_says_what_is_wrong() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for name in broken() {
        let file = folder().join(format!("{name}.lua"));
        let base = tempfile::tempdir().unwrap();
        std::fs::write(base.path().join("secret.txt"), "correct horse\n").unwrap();
        let error = match load_file(&file, base.path()) {
            Ok(_) => "no error".to_owned(),
            Err(error) => error.to_string(),
        };
        let base = base.path().canonicalize().unwrap();
        let text = error
            .replace(&base.display().to_string(), "BASE")
            .replace(&folder().display().to_string(), "HERE")
            + "\n";
        let golden = file.with_extension("txt");
        if update {
            std::fs::write(&golden, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if expected != text {
            wrong.push(format!("{}:\n{text}\nexpected:\n{expected}", file.display()));
        }
        assert!(!text.contains("correct horse"), "{} tells a secret", file.display());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_many_broken_configurations_and_each_message_names_its_line() {
    let names = broken();
    assert!(names.len() >= 170, "only {} broken configurations", names.len());
    for name in &names {
        let text = std::fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap();
        for problem in text.trim_end().split("\n\n") {
            let named = problem
                .split_once(".lua:")
                .filter(|(file, _)| *file == name || file.starts_with("parts/"))
                .and_then(|(_, rest)| rest.split_once(": "))
                .and_then(|(line, _)| line.parse::<u32>().ok());
            assert!(named.is_some_and(|line| line > 0), "{name}.txt names no line:\n{problem}");
        }
    }
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let is_text = path.extension().is_some_and(|e| e == "txt");
        assert!(!is_text || path.with_extension("lua").exists(), "{} is of none", path.display());
    }
}

#[test]
fn a_file_that_does_not_exist_is_told_by_its_path() {
    // It has no line, so it is none of the corpus.
    let dir = tempfile::tempdir().unwrap();
    let error = load_file(&dir.path().join("master.lua"), dir.path()).err().unwrap().to_string();
    let path = dir.path().canonicalize().unwrap().join("master.lua");
    assert_eq!(error, format!("the file {} does not exist.", path.display()));
}

#[test]
fn the_shipped_configuration_loads_and_says_what_the_farm_has() {
    let base = tempfile::tempdir().unwrap();
    for secret in
        ["github_token.txt", "halide_bb_pass.txt", "webhook_token.txt", "buildbot_www_pass.txt"]
    {
        std::fs::write(base.path().join(secret), "dummy secret\n").unwrap();
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("master.lua");
    let config = load_file(&file, base.path()).unwrap_or_else(|e| panic!("{e}")).config;
    assert_eq!((config.title.as_str(), config.protocols.port), ("Halide", 9990));
    let workers: Vec<&str> = config.workers.iter().map(|w| w.name.as_str()).collect();
    assert_eq!(workers, ["linux-worker-1", "linux-worker-4"]);
    let www = config.www.unwrap();
    assert_eq!(www.port, 8012);
    assert!(www.authz.allows("stop", Some("halidenightly")));
    assert!(!www.authz.allows("stop", None));
    let hook = www.hooks.github.unwrap();
    assert!(hook.skips.is_empty() && hook.on_pull_request.is_some());
    assert_eq!(config.builders[0].steps.len(), 9);
    assert_eq!(config.builders[1].steps.len(), 6);
    assert!(config.builders[0].steps.iter().all(|s| s.locks.fixed.len() == 1));
    assert_eq!(config.files.len(), 5);
    assert!(config.files.iter().filter(|f| f.text.is_some()).count() == 1);
}

#[test]
fn all_errors_of_a_load_are_told_together_in_the_order_of_their_lines() {
    let error = load_text(
        "local ci = require 'ci'\nlocal c = ci.config()\nc.titel = 'x'\n\
         c.workers = { ci.worker { nmae = 'w', password = 'p' } }\nreturn c\n",
    )
    .err()
    .unwrap();
    assert_eq!(
        error.plain(),
        "master.lua:3: unknown option `titel` of c. Did you mean `title`?\n\
         master.lua:4: unknown option `nmae` of worker. Did you mean `name`?"
    );
}

#[test]
fn the_configuration_in_the_readme_is_one() {
    let readme = include_str!("../../README.md");
    let lua = readme.split("```lua\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("master.lua"), lua).unwrap();
    for secret in ["worker_secret.txt", "webhook_secret.txt", "github_token.txt"] {
        std::fs::write(dir.path().join(secret), "correct horse\n").unwrap();
    }
    let loaded = load_file(&dir.path().join("master.lua"), dir.path());
    let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.config.builders[0].name, "linux");
}
