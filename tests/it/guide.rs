//! The guide (`lua/ci/README.md`) keeps its word: every configuration in it loads as it stands, and
//! every fragment does between the lines that a configuration needs anyway.

use std::path::Path;
use std::process::Command;

/// A fenced block of Lua.
pub(super) struct Example {
    /// Its first line in the guide.
    pub(super) line: usize,
    /// The program, in full.
    pub(super) text: String,
}

fn guide() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("lua/ci/README.md");
    std::fs::read_to_string(path).unwrap()
}

/// The fenced blocks in `language`, each with its first line.
fn blocks(language: &str) -> Vec<Example> {
    let (mut out, mut open): (Vec<Example>, bool) = (Vec::new(), false);
    for (at, line) in guide().lines().enumerate() {
        match (open, line.strip_prefix("```")) {
            (false, Some(word)) if word == language => {
                open = true;
                out.push(Example { line: at + 2, text: String::new() });
            }
            (true, Some(_)) => open = false,
            (true, None) => {
                let last = out.last_mut().unwrap();
                last.text.push_str(line);
                last.text.push('\n');
            }
            _ => {}
        }
    }
    out
}

/// What surrounds a fragment: the least that a configuration needs.
const BEFORE: &str = r#"local ci = require "ci"
local c = ci.config()
local secret = ci.secret_file "halide_bb_pass.txt"
c.workers = { ci.worker { name = "linux-1", password = secret } }
c.builders = { ci.builder { name = "linux", workers = { "linux-1" }, factory = {
  ci.steps.shell { command = "make" } } } }
c.schedulers = { ci.schedulers.any_branch { name = "all", builders = { "linux" } } }
"#;

/// Every example as a whole program: fragments get their surroundings.
pub(super) fn examples() -> Vec<Example> {
    blocks("lua")
        .into_iter()
        .map(|block| {
            let whole = block.text.contains("require \"ci\"");
            let text = if whole { block.text } else { format!("{BEFORE}{}return c\n", block.text) };
            Example { line: block.line, text }
        })
        .collect()
}

#[test]
fn every_example_of_the_guide_loads() {
    let examples = examples();
    assert!(examples.len() > 5, "{} examples", examples.len());
    for example in examples {
        let dir = tempfile::tempdir().unwrap();
        for name in ["halide_bb_pass.txt", "webhook_token.txt", "github_token.txt"] {
            std::fs::write(dir.path().join(name), format!("the text of {name}\n")).unwrap();
        }
        let is_test = example.text.contains("require \"ci.test\"");
        if is_test {
            std::fs::write(dir.path().join("master.lua"), format!("{BEFORE}return c\n")).unwrap();
        }
        let name = if is_test { "master_test.lua" } else { "master.lua" };
        std::fs::write(dir.path().join(name), &example.text).unwrap();
        let out = Command::new(env!("CARGO_BIN_EXE_halide-ci"))
            .args([if is_test { "test" } else { "checkconfig" }, "."])
            .current_dir(dir.path())
            .output()
            .unwrap();
        let said = [out.stdout, out.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(
            out.status.success(),
            "lua/ci/README.md:{}\n{said}\n{}",
            example.line,
            example.text
        );
    }
}
