//! D1, D2, D5, D7: paths, maps, null, and what rendering does.

use serde_json::{Value as Json, json};

use super::interpolate::view;
use super::{local, problems, rendered, steps};

/// What each `command` renders to, or the error.
fn renders(before: &str, commands: &[&str]) -> Vec<Result<Json, String>> {
    let list: String =
        commands.iter().map(|text| format!("ci.steps.shell {{ command = {text} }}, ")).collect();
    local(async {
        let loaded = steps(before, &list).await;
        let mut out = Vec::new();
        for n in 0..commands.len() {
            let answer = rendered(&loaded, (n, "command"), view()).await;
            out.push(answer.map_err(|error| error.to_string()));
        }
        out
    })
}

fn all_render(before: &str, cases: &[(&str, Json)]) {
    let texts: Vec<&str> = cases.iter().map(|(text, _)| *text).collect();
    for ((text, expected), found) in cases.iter().zip(renders(before, &texts)) {
        assert_eq!(found.as_ref(), Ok(expected), "{text}");
    }
}

#[test]
fn d1_two_dots_join_renderables_to_paths() {
    let before = "local SOURCE = ci.builddir .. '/halide-source'
      local HEAD = ci.renderer(function(build) return build.properties.table.a end)";
    all_render(
        before,
        &[
            (
                "{ SOURCE .. '/tools/package.sh', SOURCE, '--as', 'halide-' .. HEAD }",
                json!([
                    "/w/b/halide-source/tools/package.sh",
                    "/w/b/halide-source",
                    "--as",
                    "halide-1"
                ]),
            ),
            ("ci.property 'here' .. 7 .. ci.property 'half'", json!("yes70.5")),
            ("'<' .. ci.property 'gone' .. ci.property 'null' .. '>'", json!("<>")),
            ("ci.interpolate '%(prop:here)s' .. ci.transform(string.upper, 'x')", json!("yesX")),
            ("ci.merge({ a = 1 }, { b = ci.builddir .. '/x' })", json!({ "a": 1, "b": "/w/b/x" })),
            ("'100%' .. ci.property 'percent'", json!("100%%(prop:here)s")),
        ],
    );
}

#[test]
fn d1_what_cannot_be_joined_is_an_error_that_says_why() {
    let bare = problems("local x = ci.builddir .. function() end", "");
    assert!(bare.contains("master.lua:3") && bare.contains("ci.renderer"), "{bare}");
    let field = problems("local x = ci.property('got_revision').halide", "");
    assert!(field.contains("master.lua:3") && field.contains("only when a step runs"), "{field}");
    let table = renders("", &["'x' .. ci.property 'table'"]).remove(0).unwrap_err();
    assert!(table.contains("table"), "{table}");
    for joined in ["ci.merge({ a = 1 }) .. 'x'", "{} .. ci.builddir", "c.workers[1] .. ci.builddir"]
    {
        let before = "c.workers = { ci.worker { name = 'w', password = 'password of w' } }";
        let said = problems(before, &format!("ci.steps.shell {{ command = {joined} }}"));
        assert!(said.contains("a table cannot be joined with `..`."), "{joined}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let late = renders("", &["function() return ci.builddir .. print end"]).remove(0).unwrap_err();
    assert!(late.contains("a function cannot be joined"), "{late}");
}

#[test]
fn d2_maps_are_merged_into_a_new_one() {
    all_render(
        "",
        &[
            ("ci.merge({ A = 1, B = 2 }, { B = 3 })", json!({ "A": 1, "B": 3 })),
            ("ci.merge(ci.property 'table', { a = ci.property 'here' })", json!({ "a": "yes" })),
            ("ci.merge(nil, false, ci.null, ci.property 'gone', { A = 1 })", json!({ "A": 1 })),
            ("ci.merge({ A = 1 }, nil, { B = 2 })", json!({ "A": 1, "B": 2 })),
            ("ci.merge(function(build) return { N = build.worker.name } end)", json!({ "N": "w" })),
            ("ci.merge({ A = ci.null })", json!({ "A": null })),
            ("ci.merge()", json!({})),
            // The property is what it was.
            (
                "{ ci.merge(ci.property 'table', { b = 2 }) and 'x', ci.property('table') }",
                json!(["x", { "a": 1 }]),
            ),
        ],
    );
}

#[test]
fn d2_what_is_no_map_is_not_merged() {
    let found = renders("", &["ci.merge({ A = 1 }, ci.property 'here')"]).remove(0).unwrap_err();
    assert!(found.contains("merge"), "{found}");
    let said = problems("", "ci.steps.shell { command = 'x', env = ci.merge({ A = 1 }, 'text') }");
    assert!(said.contains("`env`") && said.contains("ci.merge"), "{said}");
}

#[test]
fn d5_null_reads_as_nil_and_is_written_as_null() {
    all_render(
        "local decoded = ci.json.decode '{\"a\": null, \"b\": [1, null, 2]}'",
        &[
            (
                "tostring(decoded.a) .. #decoded.b .. tostring(decoded.b[2] == ci.null)",
                json!("nil3true"),
            ),
            ("function(build) return build.properties.null or 'C:/vcpkg' end", json!("C:/vcpkg")),
            ("function(build) return tostring(build.properties.null) end", json!("nil")),
            (
                "function() return { a = ci.null, b = { ci.null } } end",
                json!({ "a": null, "b": [null] }),
            ),
            ("ci.property('null', 'default')", json!("default")),
            (
                "ci.json.encode { a = ci.null, b = ci.json.array {}, c = {} }",
                json!(r#"{"a":null,"b":[],"c":{}}"#),
            ),
        ],
    );
}

#[test]
fn d5_null_is_a_value_and_no_text() {
    let joined = renders("", &["'x' .. ci.renderer(function() return ci.null end)"]).remove(0);
    assert_eq!(joined, Ok(json!("x")));
    let said = problems("local x = 'a' .. ci.null", "");
    assert!(said.contains("master.lua:3"), "{said}");
    let said = problems("", "ci.steps.shell { command = ci.null }");
    assert!(said.contains("`command`"), "{said}");
}

#[test]
fn d7_functions_are_rendered_and_what_they_return_again() {
    all_render(
        "",
        &[
            ("function(build) return ('a-b'):gsub('-', '+') end", json!("a+b")),
            ("function() return function(build) return ci.property 'here' end end", json!("yes")),
            (
                "function() return { ci.property 'here', function() return 2 end } end",
                json!(["yes", 2]),
            ),
            ("function() end", Json::Null),
            ("{ 'a', function() end, ci.property 'gone', 'b' }", json!(["a", "b"])),
            ("{ A = function() end }", json!({ "A": null })),
            ("function() return 6 / 2 end", json!(3)),
            ("function() return 7 / 2 end", json!(3.5)),
            ("function() return {} end", json!({})),
            ("function() return ci.json.array {} end", json!([])),
            (
                "ci.transform(function(a, b) return a .. b end, 'x', ci.property 'seven')",
                json!("x7"),
            ),
            ("ci.transform(function() return ci.interpolate '%(prop:here)s' end)", json!("yes")),
            (
                "function(build) return { build.worker.name, build.builder.name, build.number,
                   #build.changes, build.sourcestamps[1].branch, build.worker.info.numcpus } end",
                json!(["w", "b", 0, 1, "main", 16]),
            ),
            // Tables of properties are copies: what one function does to its own, no other sees.
            (
                "{ function(build) build.properties.table.a = 9 end,
                   function(build) return build.properties.table.a end }",
                json!([1]),
            ),
        ],
    );
}

#[test]
fn d7_a_default_counts_for_missing_null_and_empty_values_alone() {
    all_render(
        "",
        &[
            ("ci.property('gone', 'd')", json!("d")),
            ("ci.property('null', 'd')", json!("d")),
            ("ci.property('empty', 'd')", json!("d")),
            ("ci.property('zero', 'd')", json!(0)),
            ("ci.property('off', 'd')", json!(false)),
            ("ci.property('gone', ci.property('here', 'd'))", json!("yes")),
            ("ci.property 'gone'", Json::Null),
        ],
    );
}

#[test]
fn d7_an_error_in_a_function_has_its_place_and_read_only_things_say_so() {
    for (text, wanted) in [
        ("function(build)\nerror 'boom' end", "master.lua:6: boom"),
        ("function(build) build.number = 3 end", "a build cannot be changed here"),
        ("function(build) build.properties.x = 1 end", "properties are read-only here"),
        ("function(build) return build.propertys end", "Did you mean `properties`?"),
        ("function(build) return build.worker.cpus end", "there is no field `cpus` here"),
        (
            "function(build) return build:getProperty 'x' end",
            "Buildbot's `getProperty` is `properties` here.",
        ),
        ("function() return io end", "not"),
        ("function() return 0/0 end", "number"),
        ("function() local t = {} t[1] = t return t end", "itself"),
    ] {
        let said = renders("", &[text]).remove(0).unwrap_err();
        assert!(said.contains(wanted), "{text}: {said}");
    }
}
