//! The type definitions against the live API: every function and every option has its annotation in
//! `lua/ci/meta`, and every annotation its function or option.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use mlua::{Table, Value};

use super::embed::{META, TEST};
use super::ground::Ground;
use super::read::later::LATER;
use super::read::{kinds, options_of};
use super::sandbox::Sandbox;
use super::spelling::CLASSES as BUILDBOTS;
use crate::base::clock::Clock;

/// The class that describes the options of a kind, where it is not the kind's own name.
const CLASSES: &[(&str, &str)] = &[
    ("config", "ci.Config"),
    ("www", "ci.Www"),
    ("any_branch", "ci.BranchSchedulerOptions"),
    ("single_branch", "ci.BranchSchedulerOptions"),
    ("force", "ci.ForceSchedulerOptions"),
    ("secret_directory", "ci.SecretDirectoryOptions"),
    ("http", "ci.HttpPostOptions"),
    ("gerrit", "ci.GerritStreamOptions"),
    ("scheduler", "ci.OwnSchedulerOptions"),
    ("reporter", "ci.OwnReporterOptions"),
    ("hook", "ci.OwnHookOptions"),
    ("scheduler type", "ci.SchedulerType"),
    ("reporter type", "ci.ReporterType"),
    ("hook type", "ci.HookType"),
];

fn sandbox() -> Sandbox {
    let ground = Ground::new(PathBuf::new(), PathBuf::new(), Clock::system(), Default::default());
    Sandbox::new(&ground, Duration::from_secs(5), 256 << 20, Default::default()).unwrap()
}

/// The annotated classes: their own fields, and the class that each extends.
#[derive(Default)]
struct Classes {
    own: BTreeMap<String, BTreeSet<String>>,
    parents: BTreeMap<String, String>,
}

impl Classes {
    fn read() -> Self {
        let mut out = Self::default();
        for (_, text) in META.iter() {
            let mut class = None;
            for line in text.lines() {
                if let Some(rest) = line.strip_prefix("---@class ") {
                    let name = rest.split([':', ' ']).next().unwrap().to_owned();
                    if let Some((_, parent)) = rest.split_once(": ") {
                        out.parents.insert(name.clone(), parent.trim().to_owned());
                    }
                    out.own.entry(name.clone()).or_default();
                    class = Some(name);
                } else if let (Some(rest), Some(class)) = (line.strip_prefix("---@field "), &class)
                {
                    let name = rest.split([' ', '?']).next().unwrap().to_owned();
                    if name == "[string]" {
                        // The options of a type of one's own.
                        continue;
                    }
                    out.own.get_mut(class).unwrap().insert(name);
                } else if line.is_empty() {
                    class = None;
                }
            }
        }
        out
    }

    /// The class and those that it extends.
    fn line(&self, class: &str) -> Vec<String> {
        let mut out = vec![class.to_owned()];
        while let Some(parent) = self.parents.get(out.last().unwrap()) {
            out.push(parent.clone());
        }
        out
    }

    /// Its fields, those of the classes that it extends included.
    fn fields(&self, class: &str) -> BTreeSet<String> {
        let own = |class: &String| {
            self.own.get(class).unwrap_or_else(|| panic!("{class} is not annotated")).clone()
        };
        self.line(class).iter().flat_map(own).collect()
    }
}

fn class_of(kind: &str) -> String {
    let known = CLASSES.iter().find(|(known, _)| *known == kind);
    let words = kind.split('_').map(|w| w[..1].to_uppercase() + &w[1..]);
    known.map_or_else(
        || format!("ci.{}Options", words.collect::<String>()),
        |(_, class)| (*class).to_owned(),
    )
}

/// Every name below `ci` that the definitions know.
fn annotated() -> BTreeSet<String> {
    META.iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| match line.strip_prefix("function ci.") {
            Some(rest) => rest.split('(').next(),
            None => line
                .strip_prefix("ci.")
                .and_then(|l| l.split_once(" = "))
                .and_then(|(name, value)| (value != "{}").then_some(name)),
        })
        .map(|name| format!("ci.{name}"))
        .collect()
}

/// Every name below `table` that is no table of names itself.
fn live(path: &str, table: &Table, sandbox: &Sandbox, out: &mut BTreeMap<String, Value>) {
    let pairs: mlua::Function = sandbox.lua.globals().get("pairs").unwrap();
    let (next, state, mut key): (mlua::Function, Value, Value) = pairs.call(table).unwrap();
    loop {
        let (name, value): (Value, Value) = next.call((state.clone(), key)).unwrap();
        if name.is_nil() {
            return;
        }
        let full = format!("{path}.{}", name.to_string().unwrap());
        match &value {
            Value::Table(inner)
                if super::convert::kind_of(inner).as_deref() == Some("namespace") =>
            {
                live(&full, inner, sandbox, out);
            }
            _ => {
                out.insert(full, value);
            }
        }
        key = name;
    }
}

fn live_api(sandbox: &Sandbox) -> BTreeMap<String, Value> {
    let ci: Table = sandbox.lua.load("return require 'ci'").eval().unwrap();
    let mut out = BTreeMap::new();
    live("ci", &ci, sandbox, &mut out);
    out
}

#[test]
fn every_name_has_its_annotation_and_every_annotation_its_name() {
    let sandbox = sandbox();
    let live: BTreeSet<String> = live_api(&sandbox).into_keys().collect();
    assert!(live.len() > 40, "only {} names were found", live.len());
    assert_eq!(live, annotated());
}

#[test]
fn every_option_has_its_annotation_and_every_annotation_its_option() {
    let classes = Classes::read();
    for kind in kinds() {
        let class = class_of(kind);
        let options: BTreeSet<String> =
            options_of(kind).unwrap().into_iter().map(str::to_owned).collect();
        assert_eq!(options, classes.fields(&class), "{class}");
    }
}

#[test]
fn what_comes_later_is_said_in_the_annotations() {
    let text = META.iter().map(|(_, text)| *text).collect::<Vec<_>>().join("\n");
    let classes = Classes::read();
    let mut said = BTreeSet::new();
    for paragraph in text.split("\n\n") {
        let Some(at) = paragraph.find("---@class ") else { continue };
        let class = paragraph[at + "---@class ".len()..].split([':', ' ', '\n']).next().unwrap();
        let is_or_extends =
            |kind: &&str| classes.line(&class_of(kind)).iter().any(|known| known == class);
        for kind in kinds().filter(is_or_extends) {
            if paragraph[..at].to_lowercase().contains("not available yet") {
                said.insert((kind, "*"));
            }
            for line in paragraph.lines().filter(|l| l.contains("not available yet")) {
                if let Some(field) = line.strip_prefix("---@field ") {
                    said.insert((kind, field.split([' ', '?']).next().unwrap()));
                }
            }
        }
    }
    assert_eq!(said, LATER.iter().copied().collect());
}

#[test]
fn every_place_that_buildbots_names_are_told_is_there() {
    let live = live_api(&sandbox());
    for (theirs, path) in BUILDBOTS {
        assert!(live.contains_key(*path), "{theirs}: {path}");
    }
}

#[test]
fn every_shipped_steps_options_are_annotated() {
    let sandbox = sandbox();
    let classes = Classes::read();
    let api = live_api(&sandbox);
    let constructors: Table = sandbox.native.get("constructors").unwrap();
    let mut steps = 0;
    for (path, value) in api {
        let Some(name) = path.strip_prefix("ci.steps.") else { continue };
        let about: Table = constructors.raw_get(value).unwrap();
        let options: Table = about.get::<Table>("type").unwrap().get("options").unwrap();
        let options: BTreeSet<String> =
            options.pairs::<String, String>().map(|pair| pair.unwrap().0).collect();
        let words = name.split('_').map(|w| w[..1].to_uppercase() + &w[1..]);
        let class = format!("ci.{}Options", words.collect::<String>());
        let own = |class: &String| classes.own[class].clone();
        let line = classes.line(&class).into_iter().take_while(|class| class != "ci.StepOptions");
        let annotated: BTreeSet<String> = line.collect::<Vec<_>>().iter().flat_map(own).collect();
        assert_eq!(options, annotated, "{class}");
        steps += 1;
    }
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/lua/ci/steps")).unwrap();
    assert_eq!(steps, files.count());
}

#[test]
fn every_table_is_made_once() {
    // An editor takes the last one for the whole, and knows nothing of what was in the others.
    let made = META.iter().flat_map(|(_, text)| text.lines());
    let made = made.filter(|line| line.starts_with("ci.") && line.ends_with(" = {}"));
    let mut seen = BTreeSet::new();
    for line in made {
        assert!(seen.insert(line), "{line}");
    }
    assert!(seen.contains("ci.steps = {}"));
}

/// The names that follow `marker` at the beginning of a line of `text`.
fn named(text: &str, marker: &str) -> BTreeSet<String> {
    let is_name = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    let lines = text.lines().filter_map(|line| line.strip_prefix(marker));
    lines.map(|rest| rest.chars().take_while(is_name).collect()).collect()
}

#[test]
fn what_tests_can_say_is_annotated() {
    let meta = META.iter().find(|(name, _)| *name == "test.lua").unwrap().1;
    let said = named(TEST, "function t.");
    assert!(said.len() > 5, "{said:?}");
    assert_eq!(said, named(meta, "function t."));
    for (kind, class) in
        [("master", "Master"), ("outcome", "Outcome"), ("worker", "Worker"), ("build", "Build")]
    {
        let methods = named(TEST, &format!("function {kind}_methods."));
        assert!(!methods.is_empty(), "{kind}");
        assert_eq!(methods, named(meta, &format!("function {class}:")), "{class}");
    }
    let classes = Classes::read();
    for (list, class) in
        [("COMMAND", "Command"), ("STEP", "Step"), ("BUILD", "Build"), ("EVENT", "Outcome")]
    {
        let start = TEST.find(&format!("local {list} = names(")).unwrap();
        let end = start + TEST[start..].find(')').unwrap();
        let fields: BTreeSet<String> =
            TEST[start..end].split('"').skip(1).step_by(2).map(str::to_owned).collect();
        assert_eq!(fields, classes.fields(&format!("ci.test.{class}")), "{class}");
    }
}

#[test]
fn every_method_of_a_running_step_is_annotated() {
    let source = [
        include_str!("bind/step.rs"),
        include_str!("bind/artifacts.rs"),
        include_str!("bind/files.rs"),
        include_str!("bind/log.rs"),
        include_str!("bind/tests.rs"),
        include_str!("bind/trigger.rs"),
    ]
    .concat();
    let mut bound = BTreeSet::new();
    for marker in ["add_async_method(\n", "add_async_method(\"", "add_method(\""] {
        for (at, _) in source.match_indices(marker) {
            let rest = source[at + marker.len()..].trim_start().trim_start_matches('"');
            let name = rest.split('"').next().unwrap();
            if name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
                bound.insert(name.to_owned());
            }
        }
    }
    bound.extend(["stdout", "stderr", "header"].map(str::to_owned));
    let text = META.iter().map(|(_, text)| *text).collect::<String>();
    let annotated: BTreeSet<String> = text
        .lines()
        .filter_map(|l| l.strip_prefix("function RunningStep:").or(l.strip_prefix("function Log:")))
        .map(|l| l.split('(').next().unwrap().to_owned())
        .collect();
    assert_eq!(bound, annotated);
}

#[test]
fn every_method_of_objects_that_functions_decide_about_is_annotated() {
    let source = include_str!("../../lua/ci/live.lua");
    let methods = |kind: &str| -> BTreeSet<String> {
        let start = format!("methods(\"{kind}\", {{");
        let rest = source.split(&start).nth(1).unwrap().split('}').next().unwrap();
        rest.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let text = META.iter().find(|(name, _)| *name == "step.lua").unwrap().1;
    let annotated = |class: &str| -> BTreeSet<String> {
        let start = format!("function {class}:");
        let lines = text.lines().filter_map(|l| l.strip_prefix(&start));
        lines.map(|l| l.split('(').next().unwrap().to_owned()).collect()
    };
    assert_eq!(methods("builder"), annotated("Builder"));
    assert_eq!(methods("worker"), annotated("Worker"));
    assert_eq!(annotated("Request"), BTreeSet::from(["can_be_collapsed".to_owned()]));
}

#[test]
fn every_method_of_what_ones_own_functions_hold_is_annotated() {
    let source = super::embed::module("ci.custom").unwrap();
    let bound: BTreeSet<&str> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("function methods."))
        .map(|rest| rest.split('(').next().unwrap())
        .collect();
    let annotated: BTreeSet<&str> = META
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.strip_prefix("function Running"))
        .filter_map(|line| line.split_once(':').filter(|(class, _)| *class != "Step"))
        .map(|(_, rest)| rest.split('(').next().unwrap())
        .collect();
    assert_eq!(bound, annotated);
}

#[test]
fn every_method_of_what_the_libraries_return_is_annotated() {
    for (module, written, class) in [("ci.regex", "Regex", "Regex"), ("ci.xml", "Node", "XmlNode")]
    {
        let methods = |text: &str, class: &str| -> BTreeSet<String> {
            let prefix = format!("function {class}:");
            let named = text.lines().filter_map(|line| line.strip_prefix(&prefix));
            named.map(|rest| rest.split('(').next().unwrap().to_owned()).collect()
        };
        let bound = methods(super::embed::module(module).unwrap(), written);
        assert!(bound.len() > 3, "{module}");
        let annotated: BTreeSet<String> =
            META.iter().flat_map(|(_, text)| methods(text, class)).collect();
        assert_eq!(bound, annotated, "{module}");
    }
}
