//! D3, D4, D14: lists with holes and lists in lists, the order of maps, octal digits.

use halide_ci::model::config::Config;
use serde_json::json;

use super::interpolate::view;
use super::{load_with, local, problems, rendered, steps, with_steps};

fn config(before: &str, list: &str) -> Config {
    local(async { steps(before, list).await.config })
}

#[test]
fn d3_every_list_is_flattened_and_holes_are_left_out() {
    let before = "
      local no, yes = nil, true
      local function shell(name) return ci.steps.shell { name = name, command = name } end
      local two = { shell 'b', no, { shell 'c' } }
      local lock = ci.worker_lock { name = 'l', max_count = 9 }
      c.workers = { { ci.worker { name = 'v', password = 'password of v' } }, false, no,
                    ci.worker { name = 'w', password = 'password of w' } }
      local f = ci.factory()
      f:add(shell 'x', { shell 'y' })
      c.builders = { no, { ci.builder {
        name = 'b', workers = { { 'v' }, no, 'w' }, tags = { 'one', no, { 'two' } },
        locks = { no, { lock:access 'counting' } },
        factory = { shell 'a', two, no and shell 'no', yes and shell 'd', f },
      } } }
      c.change_sources, c.reporters, c.cancellers = {}, { false, {} }, nil";
    let config = config(before, "");
    let names: Vec<&str> = config.workers.iter().map(|w| w.name.as_str()).collect();
    assert_eq!(names, ["v", "w"]);
    let builder = &config.builders[0];
    assert_eq!(builder.workers, ["v", "w"]);
    assert_eq!(builder.tags, ["one", "two"]);
    assert_eq!(builder.locks.fixed.len(), 1);
    let steps: Vec<_> =
        builder.steps.iter().map(|s| s.name.as_ref().unwrap().as_constant().unwrap()).collect();
    assert_eq!(
        steps,
        ["a", "b", "c", "d", "x", "y"].map(serde_json::Value::from).iter().collect::<Vec<_>>()
    );
}

#[test]
fn d3_commands_and_options_are_flattened_when_they_are_rendered() {
    local(async {
        let loaded = steps(
            "local o = { jobs = 4 }",
            "ci.steps.shell { command = { 'ctest', o.jobs and { '--parallel', o.jobs }, o.verbose and '--verbose', nil,
               { { 'x' } }, ci.property 'gone', function() return { 'y', nil, 'z' } end } },
             ci.steps.shell { command = { 'a', nil, nil, 'b' } },
             ci.steps.shell { command = ci.list.flatten { 'a', { false, { 'b' } }, nil, 'c' } }",
        )
        .await;
        let command = async |n| rendered(&loaded, (n, "command"), view()).await.unwrap();
        assert_eq!(command(0).await, json!(["ctest", "--parallel", 4, "x", ["y", "z"]]));
        assert_eq!(command(1).await, json!(["a", "b"]));
        assert_eq!(command(2).await, json!(["a", "b", "c"]));
    });
}

#[test]
fn d3_a_table_is_a_list_or_a_map() {
    let said = problems("", "ci.steps.shell { command = { 'make', jobs = 4 } }");
    assert!(said.contains("`command`") && said.contains("positions"), "{said}");
    let said = problems("", "ci.steps.shell { 'make' }");
    assert!(said.contains("without a name"), "{said}");
    let said = problems("c.workers = { ci.worker { name = 'w', password = 'p', 'x' } }", "");
    assert!(said.contains("without a name"), "{said}");
}

#[test]
fn d4_maps_are_in_byte_order_and_pairs_is_too() {
    local(async {
        let loaded = steps(
            "local walked = {}
             for key in pairs { b = 1, [10] = 1, a = 1, [2] = 1, B = 1, ['C_'] = 1, CX = 1 } do walked[#walked + 1] = tostring(key) end
             local env = {}
             for _, name in ipairs { 'z', 'CMAKE_CXX', 'CMAKE_C_', 'a' } do env[name] = name end",
            "ci.steps.shell { command = walked, env = env }",
        )
        .await;
        let walked = rendered(&loaded, (0, "command"), view()).await.unwrap();
        assert_eq!(walked, json!(["2", "10", "B", "CX", "C_", "a", "b"]));
        let env = rendered(&loaded, (0, "env"), view()).await.unwrap();
        let names: Vec<&str> = env.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["CMAKE_CXX", "CMAKE_C_", "a", "z"]);
    });
}

#[test]
fn d14_a_mode_is_a_text_of_octal_digits() {
    let upload = |mode: &str| {
        format!("ci.steps.file_upload {{ workersrc = 'a', masterdest = 'b', mode = {mode} }}")
    };
    local(async {
        load_with(&with_steps("", &upload("'0644'")), &[]).await.unwrap_or_else(|e| panic!("{e}"));
    });
    let said = problems("", &upload("0644"));
    assert!(said.contains("octal digits"), "{said}");
}
