//! The libraries of `ci` in use and misuse. Each `library/NAME.lua` is a configuration that checks while
//! it loads, with the verbs of `library/check.lua`; a check that fails names its line.

use std::path::{Path, PathBuf};

use halide_ci::base::clock::Clock;
use halide_ci::http;
use halide_ci::script::load::{LoadOptions, Mount, load};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn told(file: &Path, base: &Path) -> Result<(), String> {
    let options = LoadOptions {
        file: file.to_owned(),
        base_dir: base.to_owned(),
        clock: Clock::system(),
        http: http::Client::new(),
        secrets: halide_ci::script::load::Secrets::Files,
        mount: Mount::Thread,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(load(options)).map(drop).map_err(|error| error.to_string())
}

fn check(name: &str) {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/library");
    let base = tempfile::tempdir().unwrap();
    if let Err(error) = told(&folder.join(name), base.path()) {
        panic!("{error}");
    }
}

#[test]
fn regular_expressions_and_globs() {
    check("regex.lua");
}

#[test]
fn xml() {
    check("xml.lua");
}

#[test]
fn yaml() {
    check("yaml.lua");
}

#[test]
fn time() {
    check("time.lua");
}

#[test]
fn versions_and_digests() {
    check("version.lua");
}

#[test]
fn lists_texts_and_paths() {
    check("list.lua");
}

/// What loading `text` says.
fn said(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("master.lua"), text).unwrap();
    told(&dir.path().join("master.lua"), dir.path()).err().unwrap_or_default()
}

#[test]
fn a_check_that_fails_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/library");
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(folder.join("check.lua"), dir.path().join("check.lua")).unwrap();
    for (wrong, message) in [
        ("check.same(1, 2)", "master.lua:2: got 1, expected 2."),
        ("check.fails('x', function() end)", "master.lua:2: it did not fail"),
        ("check.fails('x', function() error 'y' end)", "master.lua:2: it said"),
    ] {
        let text = format!("local check = require 'check'\n{wrong}\nreturn check.done(1)\n");
        std::fs::write(dir.path().join("master.lua"), text).unwrap();
        let told = told(&dir.path().join("master.lua"), dir.path()).unwrap_err();
        assert!(told.contains(message), "{told}");
    }
}

#[test]
fn a_configuration_demands_a_version() {
    let text = "local ci = require 'ci'\nci.require_version '>=99'\nreturn ci.config()\n";
    assert!(
        said(text).starts_with(
            "master.lua:2: this configuration wants halide-ci >=99, and this is 0.1.0."
        ),
        "{}",
        said(text)
    );
    let text = "local ci = require 'ci'\nci.require_version '0.1'\nci.require_version '>=0.1, <99'\n\
                assert(ci.api == 1)\nreturn ci.config()\n";
    assert_eq!(said(text), "");
}

#[test]
fn bombs_end_with_an_error_in_time() {
    let clock = Clock::system();
    let began = clock.now();
    for (name, text, message) in [
        ("deep XML", "ci.xml.parse(('<a>'):rep(100000))", "elements are nested more than 256 deep"),
        (
            "entities",
            "ci.xml.parse '<!DOCTYPE a [<!ENTITY x \"yyyyyyyy\"><!ENTITY z \"&x;&x;&x;\">]><a>&z;</a>'",
            "the entity `&z;` is not known",
        ),
        (
            "wide XML",
            "ci.xml.parse('<a>' .. ('<b c=\"d\"/>'):rep(4000000) .. '</a>')",
            "`memory_bytes` in c.limits",
        ),
        (
            "attributes",
            "local a = {} for i = 1, 60000 do a[i] = 'a' .. i .. '=\"\"' end\n\
             local x = ci.xml.parse('<a ' .. table.concat(a, ' ') .. '/>')\n\
             error(x.children[1]:attr 'a60000' == '' and 'quick' or 'slow')",
            "quick",
        ),
        (
            "laughs",
            "local t = { 'a0: &a0 [x, x, x, x, x, x, x, x, x]' }\n\
             for i = 1, 40 do t[#t + 1] = ('a%d: &a%d [' .. ('*a%d, '):rep(9) .. ']'):format(i, i, \
             table.unpack(setmetatable({}, { __index = function() return i - 1 end }), 1, 9)) end\n\
             error('nine ' .. #ci.yaml.decode(table.concat(t, '\\n')).a40)",
            "nine 9",
        ),
        (
            "merges",
            "local t = { 'a0: &a0 {' .. ('x'):rep(1) .. ': 1}' }\n\
             for i = 1, 600 do t[#t + 1] = ('a%d: &a%d {k%d: 1, <<: *a%d}'):format(i, i, i, i - 1) end\n\
             ci.yaml.decode(table.concat(t, '\\n'))",
            "copies more than 100000 entries",
        ),
        ("deep YAML", "ci.yaml.decode(('['):rep(100000))", "recursion limit exceeded"),
        ("large regex", "ci.regex '((a{100}){100}){100}'", "is too large"),
        ("long regex", "ci.regex(('a'):rep(100000))", "at most 64 KiB, not 100000 bytes"),
        (
            "regex on a large text",
            "ci.regex 'a':matches(('a'):rep(1 << 25))",
            "is used on texts of at most",
        ),
        (
            "slow regex",
            "local s, n = ('a'):rep(1 << 20), 0\n\
             for _ in ci.regex '(?:a*a*a*a*)*b':gmatch(s) do n = n + 1 end\nerror('none: ' .. n)",
            "none: 0",
        ),
        (
            "many regexes",
            "local all = {}\nfor i = 1, 3000 do all[i] = ci.regex('a{' .. i % 900 + 1 .. '}') end\n\
             error('kept ' .. #all)",
            "kept 3000",
        ),
        ("a list inside itself", "local t = {} t[1] = t ci.list.flatten(t)", "inside itself"),
    ] {
        let text = format!("local ci = require 'ci'\n{text}\nreturn ci.config()\n");
        let said = said(&text);
        assert!(said.contains(message), "{name}: {said}");
    }
    assert!(clock.now().since(began).as_secs() < 60);
}

/// Texts that look like XML or YAML, mostly broken.
fn scraps() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("<a>"),
        Just("</a>"),
        Just("<b x='1'"),
        Just("/>"),
        Just("<![CDATA["),
        Just("]]>"),
        Just("<!--"),
        Just("-->"),
        Just("&amp;"),
        Just("&#x;"),
        Just("&"),
        Just("<?xml"),
        Just("?>"),
        Just("<!DOCTYPE"),
        Just("\""),
        Just("'"),
        Just("- "),
        Just("a: "),
        Just("? "),
        Just("&x "),
        Just("*x"),
        Just("<<: "),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just("|\n"),
        Just(">-\n"),
        Just("\n  "),
        Just("\n"),
        Just("---\n"),
        Just("...\n"),
        Just("!!int "),
        Just("!t "),
        Just("%TAG ! x:\n"),
        Just("0x"),
        Just("-.inf"),
        Just("é"),
        Just("\t"),
        Just("\u{0}"),
        Just("#"),
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

#[test]
fn any_scrap_is_data_or_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut texts = String::from("return {\n");
    for _ in 0..3000 {
        let text = scraps().new_tree(&mut runner).unwrap().current();
        let bytes: String = text.bytes().map(|b| format!("\\{b:03}")).collect();
        texts.push_str(&format!("\"{bytes}\",\n"));
    }
    texts.push('}');
    std::fs::write(dir.path().join("scraps.lua"), texts).unwrap();
    let text = "local ci = require 'ci'\nlocal good = { xml = 0, yaml = 0 }\n\
        for _, text in ipairs(require 'scraps') do\n\
          local ok, node = pcall(ci.xml.parse, '<r>' .. text .. '</r>')\n\
          if ok then good.xml = good.xml + 1 node:text() else assert(node:find 'this is not XML: line', node) end\n\
          local ok, err = pcall(ci.yaml.decode_all, text)\n\
          if ok then good.yaml = good.yaml + 1 else assert(err:find 'this is not YAML: line', err) end\n\
        end\n\
        error(('%d %d'):format(good.xml, good.yaml))\n";
    let said = said_in(dir.path(), text);
    let numbers: Vec<usize> =
        said.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    assert!(numbers[1] > 0 && numbers[2] > 20, "some are right: {said}");
}

fn said_in(dir: &Path, text: &str) -> String {
    std::fs::write(dir.join("master.lua"), text).unwrap();
    told(&dir.join("master.lua"), dir).err().unwrap_or_default()
}
