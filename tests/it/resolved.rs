//! `checkconfig --json`: a configuration that uses everything, as it was resolved. The golden text is
//! its documented shape; `UPDATE_GOLDEN=1` writes it anew.

use std::path::{Path, PathBuf};

use halide_ci::base::clock::Clock;
use halide_ci::base::tree::Tree;
use halide_ci::http;
use halide_ci::model::config::Config;
use halide_ci::script::load::{LoadOptions, Mount, load};

/// The secret files, and what is in them.
const SECRETS: [(&str, &str); 5] = [
    ("chat_url.txt", "https://chat.example.org/a1b2c3"),
    ("worker_pass.txt", "password of the workers"),
    ("token.txt", "token-7f3a"),
    ("www_pass.txt", "password of the admin"),
    ("webhook.txt", "secret of the hook"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/resolved")
}

fn resolved(secrets: &[(&str, &str)]) -> Config {
    let base = tempfile::tempdir().unwrap();
    for (name, text) in secrets {
        std::fs::write(base.path().join(name), text).unwrap();
    }
    let options = LoadOptions {
        file: folder().join("master.lua"),
        base_dir: base.path().to_owned(),
        clock: Clock::system(),
        http: http::Client::new(),
        secrets: halide_ci::script::load::Secrets::Files,
        mount: Mount::Thread,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut config = runtime.block_on(load(options)).unwrap_or_else(|e| panic!("{e}")).config;
    let (base, here) = (base.path().canonicalize().unwrap(), folder());
    for file in &mut config.files {
        if let Ok(inside) = file.path.strip_prefix(&base) {
            file.path = Path::new("BASE").join(inside);
        } else if let Ok(inside) = file.path.strip_prefix(&here) {
            file.path = Path::new("HERE").join(inside);
        }
    }
    config
}

#[test]
fn everything_that_was_resolved_is_shown() {
    let text = format!("{}\n", resolved(&SECRETS).to_json().pretty());
    let file = folder().join("master.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&file).unwrap_or_default());
}

#[test]
fn no_secret_is_shown_however_it_is_used() {
    let text = resolved(&SECRETS).to_json().pretty();
    for (_, secret) in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("https://user:***@example.org/"), "{text}");
}

#[test]
fn the_shape_is_the_same_each_time() {
    let of = || resolved(&SECRETS).to_json();
    let (one, two) = (of(), of());
    assert_eq!(one, two);
    let Tree::Map(entries) = one else { panic!("no map") };
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["title", "title_url", "url"]);
}
