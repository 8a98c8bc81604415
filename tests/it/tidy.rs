//! The house rules that a compiler does not know: which ring may use which, what may not appear
//! where, how files begin and how long they get, and that no test file is forgotten.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every file below `dir` with one of these endings: path relative to the repository, text.
fn files(dir: &str, endings: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pending = vec![root.join(dir)];
    let mut out = Vec::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        } else if endings.iter().any(|e| path.to_string_lossy().ends_with(e)) {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            out.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    out.sort();
    assert!(!out.is_empty(), "{dir} is empty");
    out
}

/// The module of the first level that a source file belongs to.
fn module(path: &str) -> &str {
    path.trim_start_matches("src/").split('/').next().unwrap().trim_end_matches(".rs")
}

/// What a module may use of the crate: everything further in, and no other edge.
fn allowed(module: &str) -> &'static [&'static str] {
    match module {
        "base" => &[],
        "model" => &["base"],
        "store" => &["base", "model"],
        "http" => &["base"],
        "process" => &["model"],
        "template" => &[],
        "engine" => &["base", "model", "store"],
        "forge" => &["base", "model", "http"],
        "api" => &["base", "model", "store", "engine"],
        "poll" => &["base", "model", "store", "engine", "forge", "http"],
        "script" | "report" => &["base", "model", "store", "engine", "forge", "http", "template"],
        "web" => &["base", "model", "store", "engine", "api", "forge"],
        "wire" => &["base", "model", "store", "engine"],
        "local" => &["base", "model", "engine", "process"],
        // Our own worker shares nothing with the master but the protocol's codec.
        "worker" => &["base", "model", "wire", "process"],
        "server" => &[
            "base", "model", "store", "engine", "script", "report", "poll", "web", "wire", "local",
            "http",
        ],
        "rehearsal" => &["base", "model", "store", "engine", "api", "script", "forge", "http"],
        "cli" => &[
            "base",
            "model",
            "store",
            "engine",
            "script",
            "worker",
            "server",
            "http",
            "forge",
            "web",
            "rehearsal",
        ],
        "main" => &["cli"],
        "lib" => &[],
        _ => panic!("src/{module} is in no ring; say in tidy.rs what it may use"),
    }
}

#[test]
fn arrows_between_rings_point_inward() {
    let mut wrong = Vec::new();
    for (path, text) in files("src", &[".rs"]) {
        let from = module(&path);
        for part in text.split("crate::").skip(1) {
            let to: String =
                part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let is_macro = to == "params" || to.is_empty();
            if !is_macro && to != from && !allowed(from).contains(&&*to) {
                wrong.push(format!("{path}: {from} must not use {to}"));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_belongs_to_one_ring_appears_in_no_other() {
    let rules: [(&str, &[&str]); 6] = [
        ("mlua::", &["script"]),
        ("rusqlite::", &["store"]),
        ("axum::", &["web"]),
        ("reqwest::", &["http"]),
        ("tungstenite", &["wire", "worker", "web"]),
        ("select ", &["store"]),
    ];
    let mut wrong = Vec::new();
    for (path, text) in files("src", &[".rs"]) {
        for (word, homes) in rules {
            let is_sql = word == "select ";
            let found = text.lines().any(|line| {
                let line = line.trim_start();
                let is_comment = line.starts_with("//");
                // SQL is a lower-case string that begins with its verb.
                !is_comment && if is_sql { line.contains("\"select ") } else { line.contains(word) }
            });
            if found && !homes.contains(&module(&path)) {
                wrong.push(format!("{path}: {word} belongs to {homes:?}"));
            }
        }
        if module(&path) == "model" && text.contains("tokio::") {
            wrong.push(format!("{path}: the model knows no tokio"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Which of several things that are ready comes first is not left to chance where the simulator must
/// tell the same story twice.
#[test]
fn choices_of_the_engine_are_made_in_order() {
    let mut wrong = Vec::new();
    for (path, text) in files("src", &[".rs"]) {
        if !["engine", "report"].contains(&module(&path)) {
            continue;
        }
        if text.contains("spawn_blocking") {
            wrong.push(format!("{path}: a thread of its own; Store::beside is for that"));
        }
        for (_, body) in text.match_indices("select! {").map(|(at, _)| text.split_at(at)) {
            let mut lines = body.lines().skip(1).map(str::trim).filter(|l| !l.starts_with("//"));
            if lines.next() != Some("biased;") {
                wrong.push(format!("{path}: a select! that is not biased"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_says_what_it_is_and_stays_readable() {
    let mut wrong = Vec::new();
    for (path, text) in files("src", &[".rs"]).into_iter().chain(files("tests", &[".rs"])) {
        if !text.starts_with("//!") {
            wrong.push(format!("{path}: it does not say what it is"));
        }
        let lines = text.lines().count();
        if lines > 600 {
            wrong.push(format!("{path}: {lines} lines; would two names say more than one?"));
        }
    }
    for (path, text) in files("lua", &[".lua"]) {
        if !text.starts_with("--") {
            wrong.push(format!("{path}: it does not say what it is"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// SQLite numbers `$1` by first appearance, PostgreSQL by its digits: both agree when parameters
/// appear in order.
#[test]
fn sql_parameters_appear_in_order() {
    let mut wrong = Vec::new();
    for (path, text) in files("src/store", &[".rs"]) {
        for literal in string_literals(&text) {
            let mut next = 1;
            for part in literal.split('$').skip(1) {
                let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
                let Ok(number) = digits.parse::<u32>() else { continue };
                if number > next {
                    wrong.push(format!("{path}: ${number} before ${next} in {literal:?}"));
                }
                next = next.max(number + 1);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Ordinary string literals of a Rust text; good enough for SQL.
fn string_literals(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                // A character literal or a lifetime: skip an escaped or quoted quote.
                let rest = chars.as_str();
                if rest.starts_with("\"'") || rest.starts_with("\\") {
                    chars.nth(1);
                }
            }
            '"' => {
                let mut literal = String::new();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => drop(chars.next()),
                        c => literal.push(c),
                    }
                }
                out.push(literal);
            }
            _ => {}
        }
    }
    out
}

#[test]
fn no_test_file_is_forgotten() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut declared: BTreeMap<PathBuf, String> = BTreeMap::new();
    for (path, text) in files("tests/it", &[".rs"]) {
        declared.insert(root.join(path), text);
    }
    let mut forgotten = Vec::new();
    for path in declared.keys() {
        let (dir, name) = (path.parent().unwrap(), path.file_stem().unwrap().to_string_lossy());
        let (dir, name) = match &*name {
            "main" => continue,
            "mod" => (dir.parent().unwrap(), dir.file_name().unwrap().to_string_lossy()),
            _ => (dir, name),
        };
        let parents = [dir.join("mod.rs"), dir.join("main.rs"), dir.with_extension("rs")];
        let is_declared = parents.iter().filter_map(|p| declared.get(p)).any(|text| {
            text.lines().any(|line| line.trim_end().ends_with(&format!("mod {name};")))
        });
        if !is_declared {
            forgotten.push(path.display().to_string());
        }
    }
    assert!(forgotten.is_empty(), "{forgotten:#?}");
}
