//! Attempts to get out of the sandbox. Each is a few lines of Lua that return true when they have
//! got what they wanted; each must fail closed, by an error or by any other answer. They run while a
//! configuration loads, with modules beside it, and again as a callback.

use std::path::Path;

use halide_ci::base::clock::Clock;
use halide_ci::engine::ports::{Argument, ScriptError};
use halide_ci::http;
use halide_ci::model::config::Codebase;
use halide_ci::script::load::{LoadError, LoadOptions, Loaded, Mount, load};
use serde_json::json;

/// The attempts: each begins with a line `-- NAME`.
const ATTEMPTS: &str = include_str!("escape/attempts.lua");

fn attempts() -> Vec<(&'static str, String)> {
    let mut out: Vec<(&str, String)> = Vec::new();
    for line in ATTEMPTS.lines() {
        match line.strip_prefix("---- ") {
            Some(name) => out.push((name, String::new())),
            None => {
                if let Some((_, text)) = out.last_mut() {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
    out
}

async fn load_file(file: &Path) -> Result<Loaded, LoadError> {
    let options = LoadOptions {
        file: file.to_owned(),
        base_dir: file.parent().unwrap().to_owned(),
        clock: Clock::system(),
        http: http::Client::new(),
        secrets: halide_ci::script::load::Secrets::Files,
        mount: Mount::Thread,
    };
    load(options).await
}

/// A folder with a secret, bytecode, a module that looks at what it is given, and a link out.
fn folder(main: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| std::fs::write(dir.path().join(name), text).unwrap();
    write("master.lua", main.as_bytes());
    write("secret.txt", b"correct horse battery\n");
    write("byte.lua", b"\x1bLua\x54\x00\x19\x93\r\n\x1a\n");
    write("given.lua", b"return { ... }");
    write("sets_globals.lua", b"function leaked() return 1 end return true");
    std::os::unix::fs::symlink("/etc/hostname", dir.path().join("linked.lua")).unwrap();
    dir
}

fn configuration(attempt: &str) -> String {
    format!(
        "local ci = require 'ci'\nlocal c = ci.config()\n\
         local SECRET = ci.secret_file 'secret.txt'\n\
         c.workers = {{ ci.worker {{ name = 'w', password = SECRET, data = {{ n = 1 }} }} }}\n\
         c.builders = {{ ci.builder {{ name = 'b', workers = c.workers, factory = {{ ci.steps.shell {{ command = 'x' }} }} }} }}\n\
         c.schedulers = {{ ci.schedulers.force {{ name = 'f', builders = c.builders }} }}\n\
         local function attempt()\n{attempt}\nend\n\
         local at_load = {{ pcall(attempt) }}\n\
         c.www = {{ change_hooks = {{ github = ci.hooks.github {{ secret = 's', codebase = function(what)\n\
         if what == 'load' then return {{ at_load[1], at_load[2] == true, tostring(at_load[2]) }} end\n\
         local now = {{ pcall(attempt) }}\n\
         return {{ now[1], now[2] == true, tostring(now[2]) }} end }} }} }}\n\
         return c\n"
    )
}

#[tokio::test]
async fn every_attempt_to_escape_fails_closed() {
    let attempts = attempts();
    assert!(attempts.len() >= 80, "only {} attempts", attempts.len());
    let before = std::env::current_dir().unwrap();
    let mut escaped = Vec::new();
    for (name, text) in &attempts {
        let dir = folder(&configuration(text));
        let loaded = match load_file(&dir.path().join("master.lua")).await {
            Ok(loaded) => loaded,
            // Refusing the whole file is closed, too, when it says where.
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains("master.lua:"), "{name}: {error}");
                assert!(!error.contains("correct horse"), "{name}: {error}");
                continue;
            }
        };
        for place in ["load", "callback"] {
            let answer = call(&loaded, place).await.unwrap_or_else(|e| panic!("{name}: {e}"));
            if answer[1] == json!(true) {
                escaped.push(format!("{name}, in a {place}: {answer}"));
            }
        }
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 6, "{name} has changed the folder");
    }
    assert_eq!(std::env::current_dir().unwrap(), before);
    assert!(escaped.is_empty(), "escaped:\n{}", escaped.join("\n"));
}

async fn call(loaded: &Loaded, what: &str) -> Result<serde_json::Value, ScriptError> {
    let hook = loaded.config.www.as_ref().unwrap().hooks.github.as_ref().unwrap();
    let Some(Codebase::Callback(callback)) = &hook.codebase else { panic!("no callback") };
    loaded.scripts.call(callback, vec![Argument::Json(json!(what))]).await
}

#[tokio::test]
async fn what_a_module_changes_is_seen_by_nobody_else() {
    let text = "string.trim = function() return 'poisoned' end";
    let dir = folder(&format!("local ci = require 'ci'\n{text}\nreturn ci.config()\n"));
    let error = load_file(&dir.path().join("master.lua")).await.err().unwrap().to_string();
    assert!(
        error.contains("master.lua:2: the library `string` cannot be changed (`trim`)"),
        "{error}"
    );
}

#[tokio::test]
async fn addresses_and_chance_are_the_same_in_every_run() {
    let text = "return tostring {} .. tostring(print) .. ('%s'):format({}) .. math.random(1000000) .. os.date('%Y')";
    let mut seen = Vec::new();
    for _ in 0..3 {
        let dir = folder(&configuration(text));
        let loaded = load_file(&dir.path().join("master.lua")).await.unwrap();
        seen.push(call(&loaded, "load").await.unwrap());
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert!(!seen[0].to_string().contains("0x"), "{}", seen[0]);
}
