//! What a reload says about functions: they are the same while their text means the same and their
//! variables hold the same, wherever they stand.

use super::{FARM, World, story};

/// What a reload from one text to the other tells.
fn told(old: &str, new: &str) -> Vec<String> {
    let (mut changes, new) = (Vec::new(), new.to_owned());
    story(old, async |world: &mut World| {
        changes = world.reload(&new).await.unwrap().changes;
    });
    changes
}

/// The farm with `before` above its steps and `function` in the command of `Test`.
fn farm(before: &str, function: &str) -> String {
    FARM.replace("local f = ci.factory()", &format!("{before}\nlocal f = ci.factory()"))
        .replace(r#"{ "make", "test" }"#, &format!(r#"{{ "make", {function} }}"#))
}

const STEP: &str = "~ builder linux: step 2 \"Test\": command";
const FILE: &str = "~ file master.lua";

#[test]
fn a_function_s_text_counts_and_its_place_does_not() {
    let old = farm("", "function(b) local word = 'fast' return word end");
    for same in [
        farm("-- moved\n\nlocal unused = 1", "function(b) local word = 'fast' return word end"),
        farm("", "function(b)\n  -- why\n  local text = 'fast'\n  return text\nend"),
    ] {
        assert_eq!(told(&old, &same), [FILE]);
    }
    for other in ["'slow' return word", "'fast' return b", "'fast' return word .. ''"] {
        let new = old.replace("'fast' return word", other);
        assert_eq!(told(&old, &new), [STEP], "{other}");
    }
}

#[test]
fn what_a_function_s_variables_hold_counts() {
    for (before, old, new) in [
        ("local word = 'fast'", "'fast'", "'slow'"),
        ("local word <const> = 'fast'", "'fast'", "'slow'"),
        ("local n = 1 local function word() return n end", "n = 1", "n = 2"),
        ("local word = { a = { 'x', b = { 1, 2 } } }", "1, 2", "2, 1"),
        ("local word = { a = 1, b = 2 }", "b = 2", "c = 2"),
        ("local word = setmetatable({}, { __index = { a = 1 } })", "a = 1", "a = 2"),
        ("local word = { f = function() return 1 end }", "return 1", "return 2"),
        ("local word = ci.interpolate '%(prop:a)s'", "prop:a", "prop:b"),
        ("word = 'fast'", "'fast'", "'slow'"),
        ("local n = 1 function word() return n end", "n = 1", "n = 2"),
        // A circle ends.
        ("local word = { a = 1 } word.word = word", "a = 1", "a = 2"),
    ] {
        let config = farm(before, "function() return tostring(word) end");
        let changed = farm(&before.replace(old, new), "function() return tostring(word) end");
        assert_ne!(config, changed, "{before}");
        assert_eq!(told(&config, &changed), [STEP], "{before}");
    }
}

#[test]
fn what_a_function_s_variables_do_not_hold_does_not_count() {
    let function = "function() return (word or c or ci or f or string) and 'x' end";
    for (old, new) in [
        // The order in which a table was filled.
        ("local word = { a = 1, b = 2 }", "local word = { b = 2 } word.a = 1"),
        ("local word = 1", "local other, word = 2, 1"),
        ("local word = 1 other = 2", "local word = 1 other = 3"),
    ] {
        assert_eq!(told(&farm(old, function), &farm(new, function)), [FILE], "{old}");
    }
    // The configuration is told for itself.
    let old = farm("", "function() return c and 'x' end");
    let new = old.replace("https://ci.example.org/", "https://other.example.org/");
    assert_eq!(told(&old, &new), ["~ title_url", "~ url"]);
}

#[test]
fn every_place_of_a_function_tells_that_it_changed() {
    let step = |option: &str| {
        FARM.replace("{ name = \"Test\",", &format!("{{ name = \"Test\", {option},"))
    };
    let filter = |option: &str| FARM.replace("change_filter = { branch = \"main\" }", option);
    let hook = |option: &str| {
        FARM.replace("secret = \"secret-of-the-hook\"", &format!("secret = \"s-o-t-h\", {option}"))
    };
    let own = |run: &str| {
        FARM.replace("c.builders", &format!("local own = ci.step_type {{ name = 'own', run = {run} }} f:add(own {{}})\nc.builders"))
    };
    let scheduler = |call: &str| {
        format!(
            "local ci = require 'ci'\nlocal nightly = ci.scheduler_type {{ name = 'nightly', on_change = {call} }}\n"
        ) + &FARM.replace(
            "c.schedulers = {",
            "c.schedulers = { nightly { name = 'n', builders = { 'linux' } },",
        )
    };
    let reporter = |call: &str| {
        format!(
            "local ci = require 'ci'\nlocal mail = ci.reporter_type {{ name = 'mail', send = {call} }}\n"
        ) + &FARM.replace("c.reporters = {", "c.reporters = { mail { name = 'm' },")
    };
    let one = "function(x) return x and 1 end";
    type Place<'a> = (&'a dyn Fn(&str) -> String, &'a str, &'a str);
    let places: [Place<'_>; 12] = [
        (&step, "do_step_if = F", "~ builder linux: step 2 \"Test\": do_step_if"),
        (&step, "hide_step_if = F", "~ builder linux: step 2 \"Test\": hide_step_if"),
        (&step, "description = { F }", "~ builder linux: step 2 \"Test\": description"),
        (&step, "env = { A = ci.renderer(F) }", "~ builder linux: step 2 \"Test\": env"),
        (&step, "timeout = ci.transform(F, 1)", "~ builder linux: step 2 \"Test\": timeout"),
        (&filter, "change_filter = { filter = F }", "~ scheduler main: change_filter"),
        (&filter, "change_filter = { branch = F }", "~ scheduler main: change_filter"),
        (&filter, "file_is_important = F", "~ scheduler main: file_is_important"),
        (&hook, "on_push = F", "~ www: github"),
        (&own, "F", "~ builder linux: step 4 \"own\": run"),
        (&scheduler, "F", "~ scheduler n: on_change"),
        (&reporter, "F", "~ reporter m: send"),
    ];
    for (place, option, expected) in places {
        let old = place(&option.replace('F', one));
        let new = place(&option.replace('F', &one.replace('1', "2")));
        assert_eq!(told(&old, &new), [expected], "{option}");
        assert_eq!(told(&old, &format!("-- a line\n{old}")), [FILE], "{option}");
    }
}
