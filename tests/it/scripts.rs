//! A configuration's functions at work: what they get, what they may return, what they may spend.

use std::sync::Arc;
use std::time::Duration;

use halide_ci::base::clock::{Clock, CpuWatch};
use halide_ci::base::results::Results;
use halide_ci::engine::desk::Desk;
use halide_ci::engine::ports::{Argument, ScriptError, Scripts, StepRun};
use halide_ci::engine::render::render;
use halide_ci::http;
use halide_ci::model::build::BuildView;
use halide_ci::model::config::{Condition, StepOption};
use halide_ci::model::render::Renderable;
use halide_ci::model::sourcestamp::Sourcestamp;
use halide_ci::model::step::StepView;
use halide_ci::script::load::{LoadError, LoadOptions, Loaded, Mount, load};
use serde_json::{Value as Json, json};

/// Loads `text` with one worker `w`, builder `b` and a force scheduler around `steps`.
pub(crate) async fn load_steps(mount: Mount, before: &str, steps: &str) -> Loaded {
    let text = format!(
        "local ci = require 'ci'\nlocal c = ci.config()\n{before}\n\
         c.workers = {{ ci.worker {{ name = 'w', password = 'pw', data = {{ n = 7 }} }} }}\n\
         c.builders = {{ ci.builder {{ name = 'b', workers = c.workers, data = DATA, \
         factory = {{ {steps} }} }} }}\n\
         c.schedulers = {{ ci.schedulers.force {{ name = 'f', builders = c.builders }} }}\n\
         return c\n"
    );
    let text = text.replace("data = DATA", "data = rawget(_G, 'DATA')");
    load_text(mount, &text).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn load_text(mount: Mount, text: &str) -> Result<Loaded, LoadError> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("master.lua");
    std::fs::write(&file, text).unwrap();
    let base_dir = dir.path().to_owned();
    let (clock, http) = (Clock::system(), http::Client::new());
    load(LoadOptions {
        file,
        base_dir,
        clock,
        http,
        secrets: halide_ci::script::load::Secrets::Files,
        mount,
    })
    .await
}

/// A build of `b` on `w`.
fn view() -> BuildView {
    let mut view = BuildView {
        builder: "b".to_owned(),
        number: 3,
        worker: "w".to_owned(),
        max_builds: Some(2),
        builddir: "C:\\w\\b".to_owned(),
        url: "http://ci/builders/1/builds/3".to_owned(),
        ..BuildView::default()
    };
    for (name, value) in [
        ("here", json!("yes")),
        ("empty", json!("")),
        ("zero", json!(0)),
        ("null", Json::Null),
        ("table", json!({ "a": 1 })),
        ("list", json!(["x", null, []])),
    ] {
        view.properties.set(name, value, "Test");
    }
    view.worker_properties.insert("os".to_owned(), json!("linux"));
    view.sourcestamps = Arc::new(vec![Sourcestamp {
        branch: Some("main".to_owned()),
        codebase: "halide".to_owned(),
        ..Sourcestamp::default()
    }]);
    view
}

fn local<F: std::future::Future>(future: F) -> F::Output {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    tokio::task::LocalSet::new().block_on(&runtime.unwrap(), future)
}

/// The renderable of the `command` of step `n`.
fn command(loaded: &Loaded, n: usize) -> Renderable {
    match &loaded.config.builders[0].steps[n].options["command"] {
        StepOption::Value(value) => value.clone(),
        StepOption::Function(_) => panic!("a function"),
    }
}

async fn rendered(loaded: &Loaded, n: usize) -> Result<Json, ScriptError> {
    render(&command(loaded, n), &Arc::new(view()), loaded.scripts.as_ref()).await
}

#[test]
fn every_renderable_renders_as_the_design_says() {
    let cases = [
        ("ci.builddir .. '/x'", json!("C:/w/b/x")),
        ("'a' .. ci.property 'here' .. 'b'", json!("ayesb")),
        ("'a' .. ci.property 'gone' .. ci.property 'null'", json!("a")),
        ("ci.property('empty', 'default')", json!("default")),
        ("ci.property('gone', ci.property 'here')", json!("yes")),
        ("ci.renderer(function(build) return build.number end) .. ''", json!("3")),
        ("function(build) return build.properties.here:gsub('y', 'Y') end", json!("Yes")),
        ("function(build) return function(b) return ci.property 'here' end end", json!("yes")),
        ("ci.transform(string.upper, ci.property 'here')", json!("YES")),
        ("ci.transform(function(n) return ci.property(n) end, 'here')", json!("yes")),
        ("ci.url_for_build", json!("http://ci/builders/1/builds/3")),
        ("{ 'a', function() end, { 2.0 // 1, ci.property 'gone' }, false }", json!(["a", 2])),
        (
            "function(build) return { build.builder.data.label, build.worker.data.n } end",
            json!(["L", 7]),
        ),
        ("function(build) return build.sourcestamps[1].branch end", json!("main")),
        ("function(build) return { 'x', ci.builddir } end", json!(["x", "C:/w/b"])),
        ("function(build) return tostring(build.properties.null) end", json!("nil")),
        ("function(build) return tostring(build.properties.list[2] == ci.null) end", json!("true")),
    ];
    let steps: String =
        cases.iter().map(|(text, _)| format!("ci.steps.shell {{ command = {text} }},")).collect();
    local(async {
        let loaded = load_steps(Mount::Local, "DATA = { label = 'L' }", &steps).await;
        for (n, (text, expected)) in cases.iter().enumerate() {
            let found = rendered(&loaded, n).await.unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(found, *expected, "{text}");
        }
    });
}

#[test]
fn maps_merge_left_to_right_and_no_property_is_changed() {
    local(async {
        let steps = "ci.steps.shell { command = 'x', env = ci.merge({ A = 1, B = 1 }, \
                     ci.property 'table', false, ci.property 'gone', { B = 2 }) }";
        let loaded = load_steps(Mount::Local, "", steps).await;
        let StepOption::Value(env) = &loaded.config.builders[0].steps[0].options["env"] else {
            panic!("no value");
        };
        let view = Arc::new(view());
        let merged = render(env, &view, loaded.scripts.as_ref()).await.unwrap();
        assert_eq!(merged, json!({ "A": 1, "B": 2, "a": 1 }));
        assert_eq!(view.properties.get("table"), Some(&json!({ "a": 1 })));
    });
}

#[test]
fn a_callbacks_error_names_its_line_and_the_nearest_field() {
    local(async {
        let steps = "ci.steps.shell { command = function(build)\n return build.propertys.x end },
                     ci.steps.shell { command = function(build) build.properties.x = 1 end },
                     ci.steps.shell { command = function(build) return function() return build.number .. {} end end },";
        let loaded = load_steps(Mount::Local, "", steps).await;
        let error = rendered(&loaded, 0).await.unwrap_err();
        assert_eq!(error.message, "there is no field `propertys` here. Did you mean `properties`?");
        assert_eq!(error.site.unwrap().to_string(), "master.lua:6");
        let error = rendered(&loaded, 1).await.unwrap_err();
        assert!(error.message.starts_with("properties are read-only here"), "{error}");
        let error = rendered(&loaded, 2).await.unwrap_err();
        assert!(error.message.contains("attempt to concatenate a table value"), "{error}");
    });
}

#[test]
fn objects_come_back_as_the_very_tables_of_the_configuration() {
    local(async {
        let before = "local seen = setmetatable({}, { __mode = 'k' })\nDATA = { label = 'L' }\nBUILDER = {}\n";
        let steps =
            "ci.steps.shell { command = 'x', data = { k = 'v' }, do_step_if = function(step)
            return step.data.k == 'v' and step.build.builder == c.builders[1]
              and step.build.builder.data == DATA end }";
        let loaded = load_steps(Mount::Local, before, steps).await;
        let step = &loaded.config.builders[0].steps[0];
        let Some(Condition::Callback(callback)) = &step.do_step_if else { panic!("no callback") };
        let step = StepView { build: view(), name: "shell".to_owned(), ..StepView::default() };
        let answer = loaded.scripts.call(callback, vec![Argument::Step(Arc::new(step))]).await;
        assert_eq!(answer.unwrap(), json!(true));
    });
}

/// Calls the `do_step_if` of the only step.
async fn call(loaded: &Loaded) -> Result<Json, ScriptError> {
    let step = &loaded.config.builders[0].steps[0];
    let Some(Condition::Callback(callback)) = &step.do_step_if else { panic!("no callback") };
    loaded.scripts.call(callback, Vec::new()).await
}

#[test]
fn a_callback_that_never_ends_fails_alone_and_within_its_budget() {
    local(async {
        for body in [
            "while true do end",
            "while true do pcall(function() while true do end end) end",
            "local co = coroutine.wrap(function() while true do end end) while true do pcall(co) end",
            "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
            "while true do xpcall(function() while true do end end, function() end) end",
            "return string.rep('a', 40):find(string.rep('a?', 40) .. string.rep('a', 41))",
            "return ('x'):rep(200000):find('.-.-.-.-b')",
            "for i = 1, math.huge do local x <close> = setmetatable({}, { __close = function() end }) end",
        ] {
            let steps =
                format!("ci.steps.shell {{ command = 'x', do_step_if = function() {body} end }}");
            let loaded = load_steps(Mount::Local, "c.limits = { cpu_seconds = 0.1 }", &steps).await;
            let began = CpuWatch::start();
            let error = call(&loaded).await.expect_err(body);
            assert!(error.message.contains("computed for more than 0.1 s"), "{body}: {error}");
            assert!(began.elapsed() < Duration::from_secs(5), "{body}: {:?}", began.elapsed());
        }
    });
}

#[test]
fn after_an_overrun_the_state_serves_the_next_call() {
    local(async {
        let steps = "ci.steps.shell { command = 'x', do_step_if = function()
            n = (rawget(_G, 'n') or 0) + 1
            if n == 1 then while true do end end
            return n end }";
        let loaded = load_steps(Mount::Local, "c.limits = { cpu_seconds = 0.1 }", steps).await;
        assert!(call(&loaded).await.is_err());
        assert_eq!(call(&loaded).await.unwrap(), json!(2));
    });
}

#[test]
fn a_memory_bomb_is_an_error_and_the_state_lives() {
    local(async {
        let steps = "ci.steps.shell { command = 'x', do_step_if = function()
            n = (rawget(_G, 'n') or 0) + 1
            if n == 1 then local s = 'x' while true do s = s .. s end end
            return n end }";
        let loaded =
            load_steps(Mount::Local, "c.limits = { memory_bytes = 32 << 20 }", steps).await;
        let error = call(&loaded).await.unwrap_err();
        assert!(error.message.contains("memory"), "{error}");
        assert_eq!(call(&loaded).await.unwrap(), json!(2));
    });
}

#[tokio::test]
async fn a_configuration_that_never_ends_or_fills_memory_is_refused() {
    for (text, expected) in [
        ("while true do end", "computed for more than 5 s"),
        ("local s = 'x' while true do s = s .. s end", "memory"),
        (
            "local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(1 << 20) .. #t end) end",
            "more ",
        ),
    ] {
        let error = load_text(Mount::Thread, text).await.err().unwrap().to_string();
        assert!(error.contains(expected), "{text}: {error}");
        assert!(error.starts_with("master.lua"), "{text}: {error}");
    }
}

#[test]
fn objects_that_callbacks_make_are_forgotten_again() {
    local(async {
        let steps = "ci.steps.shell { command = 'x', do_step_if = function()
            for i = 1, 20000 do local p = ci.property('x' .. i) .. 'y' end
            return 1 end }";
        let limits = "c.limits = { memory_bytes = 24 << 20, cpu_seconds = 20 }";
        let loaded = load_steps(Mount::Local, limits, steps).await;
        for _ in 0..20 {
            assert_eq!(call(&loaded).await.unwrap(), json!(1));
        }
    });
}

#[test]
fn loading_is_deterministic() {
    local(async {
        let steps = "ci.steps.shell { command = function()
            local out = {}
            for k in pairs { z = 1, a = 1, [2] = 1, [1] = 1, [true] = 1, B = 1 } do out[#out + 1] = tostring(k) end
            local t, k = { y = 1, x = 1, [3] = 1 }, nil
            repeat k = next(t, k) out[#out + 1] = tostring(k) until k == nil
            return table.concat(out, ' ') end }";
        let loaded = load_steps(Mount::Local, "", steps).await;
        assert_eq!(rendered(&loaded, 0).await.unwrap(), json!("1 2 B a z true 3 x y nil"));
    });
}

#[test]
fn patterns_answer_as_luas_own() {
    let cases = [
        ("('key = value'):match('^(%w+)%s*=%s*(%w+)$')", "key,value"),
        ("('hello world'):find('o w')", "5,7"),
        ("('hello'):find('l+')", "3,4"),
        ("('hello'):find('xyz')", "nil"),
        ("('a.b'):find('.', 1, true)", "2,2"),
        ("('f(a(b)c)d'):match('%b()')", "(a(b)c)"),
        ("('THE (quick) fox'):find('%((%a+)%)')", "5,11,quick"),
        ("('THE (quick) fox'):gsub('%f[%a]%a+', string.lower)", "the (quick) fox,3"),
        ("('hello'):gsub('', '-')", "-h-e-l-l-o-,6"),
        ("('abc'):gsub('%w', '%0%0')", "aabbcc,3"),
        ("('abc'):gsub('b', { b = 'X' })", "aXc,1"),
        ("('hello world'):gsub('o', '0', 1)", "hell0 world,1"),
        ("('  x  '):match('^%s*(.-)%s*$')", "x"),
        ("('abc'):match('()b()')", "2,3"),
        ("('x=1, y=2'):gsub('(%w+)=(%w+)', '%2=%1')", "1=x, 2=y,2"),
        ("('abcabc'):match('(abc)%1')", "abc"),
        ("('[x]'):match('[%]x]+')", "x]"),
        ("('a-z'):match('[a%-z]+')", "a-z"),
        ("('2026-11-22'):match('(%d+)-(%d+)-(%d+)')", "2026,11,22"),
        (
            "(function() local o = {} for k, v in ('a=1 b=2'):gmatch('(%w)=(%w)') do o[#o+1] = k .. v end return table.concat(o, ';') end)()",
            "a1;b2",
        ),
        (
            "(function() local o = {} for w in ('one  two'):gmatch('%S*') do o[#o+1] = '<' .. w .. '>' end return table.concat(o) end)()",
            "<one><><two>",
        ),
        ("select(2, pcall(string.find, 'a', '[a'))", "malformed"),
        ("select(2, pcall(string.rep))", "bad argument"),
    ];
    let steps: String = cases
        .iter()
        .map(|(text, _)| {
            format!(
                "ci.steps.shell {{ command = function()
                   local r = table.pack({text})
                   for i = 1, math.max(1, r.n) do r[i] = tostring(r[i]) end
                   return table.concat(r, ',', 1, math.max(1, r.n)) end }},"
            )
        })
        .collect();
    local(async {
        let loaded = load_steps(Mount::Local, "", &steps).await;
        for (n, (text, expected)) in cases.iter().enumerate() {
            let found = rendered(&loaded, n).await.unwrap_or_else(|e| panic!("{text}: {e}"));
            let found = found.as_str().unwrap().to_owned();
            let fits = found == *expected || (n >= 21 && found.contains(expected));
            assert!(fits, "{text}: {found}, not {expected}");
        }
    });
}

#[test]
fn a_thousand_steps_wait_at_once_on_one_state() {
    local(async {
        let before = "local waits = ci.step_type { name = 'waits', run = function(step)
            step:path_exists '/a'
            step:path_exists '/b'
            return 'warnings' end }";
        let loaded = load_steps(Mount::Local, before, "waits {}").await;
        let run = loaded.config.builders[0].steps[0].run.clone();
        let mut running = Vec::new();
        for n in 0..1000 {
            let (desk, mut asked) = Desk::new();
            let view = StepView { build: view(), number: n, ..StepView::default() };
            let job = StepRun { run: run.clone(), view, options: Default::default(), desk };
            let scripts: Arc<dyn Scripts> = loaded.scripts.clone();
            let step = tokio::task::spawn_local(async move { scripts.run_step(job).await });
            let desk = tokio::task::spawn_local(async move {
                while let Some(wish) = asked.recv().await {
                    tokio::time::sleep(Duration::from_secs(300)).await;
                    let _ = wish.answer.send(Ok(halide_ci::engine::desk::StepAnswer::Stat(None)));
                }
            });
            running.push((step, desk));
        }
        let began = tokio::time::Instant::now();
        for (step, _) in running {
            assert_eq!(step.await.unwrap().unwrap(), Some(Results::Warnings));
        }
        assert!(began.elapsed() >= Duration::from_secs(600));
        assert!(began.elapsed() < Duration::from_secs(610), "{:?}", began.elapsed());
    });
}

/// A network that answers nobody; its count of holders tells who is alive.
struct Nowhere;

impl http::Transport for Nowhere {
    fn send(&self, _: http::Request) -> http::Future<'_, Result<http::Answer, http::HttpError>> {
        Box::pin(async { Err(http::HttpError::new(http::ErrorKind::Unreachable, "no network")) })
    }
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_lua_state() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("master.lua");
    let text = "local ci = require 'ci'\nlocal c = ci.config()\n\
        c.www = { change_hooks = { github = ci.hooks.github { secret = 's' } } }\nreturn c";
    std::fs::write(&file, text).unwrap();
    let network = Arc::new(Nowhere);
    let http = http::Client::with_transport(network.clone());
    let (clock, base_dir) = (Clock::system(), dir.path().to_owned());
    let options = LoadOptions {
        file,
        base_dir,
        clock,
        http,
        secrets: halide_ci::script::load::Secrets::Files,
        mount: Mount::Thread,
    };
    let loaded = load(options).await.unwrap();
    // The state's thread holds the network for the hook's callbacks.
    assert!(Arc::strong_count(&network) > 1);
    drop(loaded);
    for _ in 0..500 {
        if Arc::strong_count(&network) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the Lua state still lives");
}
