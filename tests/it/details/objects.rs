//! D6 and D8: objects come back as they were made, with their `data`, and cannot be changed; the
//! same constructors with other defaults.

use super::{local, problems, steps};

const KINDS: &[&str] = &[
    "ci.worker { name = 'x', password = 'password of x', data = DATA }",
    "ci.builder { name = 'x', workers = 'w', factory = {}, data = DATA }",
    "ci.steps.shell { command = 'x', data = DATA }",
    "ci.schedulers.force { name = 'x', builders = 'b', data = DATA }",
    "ci.schedulers.any_branch { name = 'x', builders = 'b', data = DATA }",
    "ci.schedulers.nightly { name = 'x', builders = 'b', data = DATA }",
    "ci.parameters.string { name = 'x', data = DATA }",
    "ci.reporters.github_status { token = 'token of x', data = DATA }",
];

#[test]
fn d6_every_object_keeps_its_data_and_can_be_read() {
    for make in KINDS {
        let before = format!(
            "local DATA = setmetatable({{ deep = {{ 1 }} }}, {{ __index = {{ inherited = true }} }})
             local object = {make}
             assert(object.data == DATA and object.data.inherited and object.data.deep[1] == 1)
             DATA.later = 'may change'
             assert(object.data.later == 'may change')
             assert(object.nothing == nil)
             if object.name then assert(tostring(object):find('x', 1, true), tostring(object)) end"
        );
        // Nothing else is wrong with it: data is never looked at.
        let said = problems(&before, "ci.steps.shell { command = 'x' }");
        assert!(said == "no error" || !said.contains("data"), "{make}: {said}");
        assert!(!said.contains("assertion"), "{make}: {said}");
    }
}

#[test]
fn d6_objects_are_read_only() {
    for make in KINDS {
        let before = format!("local DATA = 1\nlocal object = {make}\nobject.importance = 7");
        let said = problems(&before, "");
        assert!(
            said.starts_with("master.lua:5: ")
                && said.contains("cannot be changed")
                && said.contains("`data`"),
            "{make}: {said}"
        );
    }
    let said = problems("ci.steps.shell = nil", "");
    assert!(said.contains("ci.steps cannot be changed"), "{said}");
}

#[test]
fn d6_a_live_value_is_known_only_where_something_is_decided() {
    let said = problems(
        "local b = ci.builder { name = 'x', workers = 'w', factory = {} }\nb:pending()",
        "",
    );
    assert!(said.contains("master.lua:4") && said.contains("functions that decide"), "{said}");
}

#[test]
fn d8_constructors_with_other_defaults() {
    local(async {
        let before = "
          local lock = ci.worker_lock { name = 'l', max_count = 9 }
          local step = ci.with_defaults(ci.steps, { locks = { lock:access 'counting' }, halt_on_failure = true, repo = 'r' })
          local quick = ci.with_defaults(step.shell, { timeout = 60 })
          local worker = ci.with_defaults(ci.worker, { max_builds = 3 })
          c.workers = { worker { name = 'w', password = 'password of w' },
                        worker { name = 'v', password = 'password of v', max_builds = 1 } }";
        let list = "step.shell { command = 'a' },
          step.shell { command = 'b', halt_on_failure = false, locks = {} },
          step.shell { command = 'c', locks = false },
          step.git {}, quick { command = 'd' }, ci.steps.shell { command = 'e' }";
        let config = steps(before, list).await.config;
        let shown: Vec<(bool, usize)> = config.builders[0]
            .steps
            .iter()
            .map(|s| (s.flags.halt_on_failure, s.locks.fixed.len()))
            .collect();
        let with_all = (true, 1);
        assert_eq!(shown, [with_all, (false, 0), (true, 0), with_all, with_all, (false, 0)]);
        assert!(config.builders[0].steps[4].options.contains_key("timeout"));
        assert!(!config.builders[0].steps[0].options.contains_key("timeout"));
        let builds: Vec<_> = config.workers.iter().map(|w| w.max_builds).collect();
        assert_eq!(builds, [Some(3), Some(1)]);
    });
}

#[test]
fn d8_a_default_that_nobody_takes_is_an_error() {
    let said = problems("local step = ci.with_defaults(ci.steps, { halt_on_failur = true })", "");
    assert!(
        said.contains("master.lua:3") && said.contains("Did you mean `halt_on_failure`?"),
        "{said}"
    );
    let said = problems("local step = ci.with_defaults('ci.steps', {})", "");
    assert!(said.contains("takes a constructor"), "{said}");
    let said = problems(
        "local step = ci.with_defaults(ci.steps, { timeout = 1 })\nlocal x = step.shel { command = 'x' }",
        "",
    );
    assert!(said.contains("master.lua:4") && said.contains("Did you mean `shell`?"), "{said}");
}

#[test]
fn d8_the_place_of_an_object_is_the_users_own_line() {
    let helper = "local function step(o)\n  return ci.steps.shell(o)\nend";
    let said = problems(helper, "step { name = 'Test', command = 'x', halt_on_failur = true }");
    // The nearest frame in the user's files, and the object's name.
    assert!(said.contains("master.lua:") && said.contains("step \"Test\""), "{said}");
    let text = "local ci = require 'ci'\nreturn function(name)\n  local step = ci.steps.shell { name = name, commnd = 'x' }\n  return step\nend";
    let main = super::with_steps("local made = require 'lib.made'", "made 'Test'");
    let error =
        local(async { super::load_with(&main, &[("lib/made.lua", text)]).await.err().unwrap() });
    assert!(error.plain().contains("lib/made.lua:3: "), "{error}");
    assert!(error.plain().contains("unknown option `commnd` of step \"Test\""), "{error}");
}
