//! What waits, misused: `ci.http`, `ci.sleep`, `ci.parallel`, `ci.log` and coroutines of one's own. Each
//! line is a call and what its error says; all of them run in one step.

use halide_ci::base::id::BuildId;
use halide_ci::engine::input::Force;

use super::{World, story};

/// Runs `lines` in a step: what each said, with its place.
async fn said(world: &mut World) -> Vec<String> {
    world.connect("w1").await.obey();
    let force = Force { scheduler: "force".to_owned(), ..Force::default() };
    world.engine().force(force).await.unwrap();
    world.settle().await;
    assert_eq!(world.builds().await, ["b/1 w1 success"]);
    world.log(BuildId(1), "own", "said").await
}

/// A step that runs each call and writes what it says into a log.
fn farm(calls: &[&str]) -> String {
    let calls: Vec<String> =
        calls.iter().map(|call| format!("{{ function() {call} end }},")).collect();
    format!(
        r#"local ci = require "ci"
local c = ci.config()
c.workers = {{ ci.worker {{ name = "w1", password = "secret-of-w1" }} }}
local api = "https://api.github.com"
local own = ci.step_type {{
  name = "own",
  run = function(step)
    local log = step:add_log "said"
    for _, call in ipairs {{
{}
    }} do
      local ok, err = pcall(call[1])
      log:stdout((ok and "no error" or type(err) .. " " .. tostring(err)) .. "\n")
    end
  end,
}}
c.builders = {{ ci.builder {{ name = "b", workers = {{ "w1" }}, factory = {{ own {{}} }} }} }}
c.schedulers = {{ ci.schedulers.force {{ name = "force", builders = c.builders }} }}
return c"#,
        calls.join("\n")
    )
}

/// Calls and their errors.
fn table(lines: &'static [(&'static str, &'static str)]) {
    let calls: Vec<&str> = lines.iter().map(|(call, _)| *call).collect();
    story(&farm(&calls), async |world: &mut World| {
        let said = said(world).await;
        assert_eq!(said.len(), lines.len(), "{said:#?}");
        for (at, ((call, wanted), said)) in lines.iter().zip(said).enumerate() {
            if *wanted == "no error" {
                assert_eq!(said, "no error", "{call}");
                continue;
            }
            // Errors are texts with the line of the call.
            let place = format!("string master.lua:{}: ", 10 + at);
            assert!(said.starts_with(&place) && said.contains(wanted), "{call}: {said}");
        }
    });
}

#[test]
fn http_says_what_is_wrong_with_a_request() {
    table(&[
        ("ci.http.get()", "the URL must be a string, not nil"),
        ("ci.http.get {}", "the URL must be a string, not a table"),
        ("ci.http.get(api, 'x')", "the options of ci.http must be a table, not a string"),
        ("ci.http.get(api, { header = {} })", "no option `header`. Did you mean `headers`?"),
        ("ci.http.get(api, { headers = 'x' })", "`headers` of ci.http must be a table"),
        (
            "ci.http.get(api, { headers = { 'x' } })",
            "`headers` of ci.http must be a table of names",
        ),
        (
            "ci.http.get(api, { headers = { a = {} } })",
            "a value in `headers` of ci.http must be text",
        ),
        (
            "ci.http.get(api, { query = { a = print } })",
            "a value in `query` of ci.http must be text",
        ),
        (
            "ci.http.post(api, { json = print })",
            "`json` of ci.http must be plain data, not a function",
        ),
        ("ci.http.post(api, { json = {}, body = 'x' })", "one of `body`, `form` and `json`"),
        ("ci.http.post(api, { body = {} })", "`body` of ci.http must be a string"),
        ("ci.http.post(api, { form = 7 })", "`form` of ci.http must be a table"),
        ("ci.http.get(api, { timeout = 0 })", "`timeout` of ci.http must be seconds"),
        ("ci.http.get(api, { timeout = 1e9 })", "`timeout` of ci.http must be seconds"),
        ("ci.http.get(api, { timeout = '5' })", "`timeout` of ci.http must be seconds"),
        ("ci.http.get(api, { max_size = -1 })", "`max_size` of ci.http must be a number of bytes"),
        ("ci.http.get(api, { auth = 'me:secret' })", "`auth` of ci.http must be { user = …"),
        ("ci.http.get(api, { auth = { user = 'me' } })", "`auth` of ci.http must be { user = …"),
        ("ci.http.request('G T', api)", "is a word such as \"GET\""),
        ("ci.http.request(nil, api)", "the method must be a string, not nil"),
        ("ci.http.gte(api)", "there is no `gte` in ci.http"),
        ("ci.http.get = print", "ci.http cannot be changed"),
        ("assert(ci.http.get(api .. '/nothing').status == 404)", "no error"),
        ("assert(not ci.http.post(api .. '/nothing', { json = { 1 } }).ok)", "no error"),
    ]);
}

#[test]
fn waiting_says_what_is_wrong() {
    table(&[
        ("ci.sleep()", "a number of seconds, at most a year, not nil"),
        ("ci.sleep '5'", "a number of seconds"),
        ("ci.sleep(-1)", "a number of seconds"),
        ("ci.sleep(0 / 0)", "a number of seconds"),
        ("ci.sleep(1e12)", "a number of seconds"),
        ("ci.sleep(0)", "no error"),
        ("ci.parallel()", "ci.parallel takes a table of functions"),
        ("ci.parallel(print)", "ci.parallel takes a table of functions"),
        ("ci.parallel { 7 }", "ci.parallel takes functions, not an integer (at `1`)"),
        ("ci.parallel { a = {} }", "ci.parallel takes functions, not a table (at `a`)"),
        ("ci.parallel { function() error 'inner' end }", "inner"),
        (
            "ci.parallel { function() ci.sleep(1) local x = nil + 1 end }",
            "arithmetic on a nil value",
        ),
        ("ci.parallel { function() ci.parallel { function() error 'deep' end } end }", "deep"),
        ("ci.parallel { function() ci.http.get {} end }", "the URL must be a string"),
        ("assert(next(ci.parallel {}) == nil)", "no error"),
        ("assert(ci.parallel { false, function() return 2 end }[2] == 2)", "no error"),
        ("ci.log.info()", "no error"),
        ("ci.log.warn(nil, 1, {}, true)", "no error"),
        ("ci.log.inf 'x'", "there is no `inf` in ci.log"),
        (
            "ci.log.info(setmetatable({}, { __tostring = function() return {} end }))",
            "must return a string",
        ),
    ]);
}

#[test]
fn nothing_waits_inside_the_c_library() {
    let sort = "table.sort({ 2, 1 }, function(a, b) ci.sleep(1) return a < b end)";
    let text = "nothing may wait inside `table.sort`, `__tostring` and the like; do it before.";
    story(&farm(&[sort]), async |world: &mut World| {
        assert_eq!(said(world).await, [format!("string {text}")]);
    });
    // Uncaught, the error names the line that waits.
    let config = farm(&[]).replace("local log = step", &format!("{sort}\nlocal log = step"));
    story(&config, async |world: &mut World| {
        world.connect("w1").await;
        let force = Force { scheduler: "force".to_owned(), ..Force::default() };
        world.engine().force(force).await.unwrap();
        world.settle().await;
        let error = world.log(BuildId(1), "own", "error").await.join("\n");
        assert!(error.contains(&format!("master.lua:8: {text}")), "{error}");
    });
}

#[test]
fn a_table_that_is_raised_in_parallel_arrives_as_it_is() {
    let calls = ["local ok, err = pcall(ci.parallel, { function() error { code = 7 } end }) \
                  assert(not ok and err.code == 7)"];
    story(&farm(&calls), async |world: &mut World| {
        assert_eq!(said(world).await, ["no error"]);
    });
}
