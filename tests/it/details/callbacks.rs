//! D6 in effect: every function of a configuration may wait, and gets the very objects that the
//! configuration made, each with its `data`. Each function here looks at what it got and leaves its name; the last step
//! shows the names.

use halide_ci::base::id::BuildId;
use halide_ci::engine::input::Force;

use crate::sim::world::{World, story};

const CONFIG: &str = r#"
local ci = require "ci"
local c = ci.config()
local made, seen = {}, {}

-- An object whose data remembers it.
local function keep(make, options)
  options.data = { of = options.name }
  local object = make(options)
  made[options.data] = object
  return object
end
-- Each function waits as well: all may.
local function saw(where)
  ci.sleep(0.001)
  seen[where] = true
end
-- The very object.
local function very(where, object)
  assert(object ~= nil and made[object.data] == object, where .. " got another object")
  assert(not pcall(function() object.name = "other" end), where .. " could change it")
  saw(where)
end
-- Something of the object with the object's own data.
local function with_data(where, thing)
  assert(thing.data ~= nil and made[thing.data].name == thing.name, where .. " got other data")
  assert(not pcall(function() thing.data = nil end), where .. " could change it")
  saw(where)
end
local function of_build(where, build)
  very(where, build.builder)
  with_data(where .. "'s worker", build.worker)
end
local function of_step(where, step)
  with_data(where, step)
  of_build(where, step.build)
end
local function each(where, list)
  assert(#list > 0, where .. " got nothing")
  for _, object in ipairs(list) do very(where, object) end
end

local lock = ci.worker_lock { name = "lock", max_count = 5 }
local own = ci.step_type { name = "own", run = function(step) of_step("run", step) end }
local gather = ci.scheduler_type {
  name = "gather",
  on_buildset = function(scheduler) assert(made[scheduler.data].name == scheduler.name) saw "on_buildset" end,
}
local tell = ci.reporter_type {
  name = "tell",
  send = function(reporter) assert(made[reporter.data].name == reporter.name) saw "send" end,
}

local function worker(name) return keep(ci.worker, { name = name, password = "secret-of-" .. name, max_builds = 2 }) end
c.workers = { worker "w1", worker "w2" }
local steps = {
  keep(ci.steps.shell, {
    name = "first",
    command = function(build) of_build("command", build) return "first" end,
    env = { A = function(build) of_build("env", build) return "a" end },
    workdir = function(build) of_build("workdir", build) return "build" end,
    description = function(build) of_build("description", build) return "x" end,
    description_done = function(build) of_build("description_done", build) return "y" end,
    timeout = function(build) of_build("timeout", build) return 60 end,
    locks = function(build) of_build("locks", build) return lock:access "counting" end,
    do_step_if = function(step) of_step("do_step_if", step) return true end,
    hide_step_if = function(_, step) of_step("hide_step_if", step) return false end,
  }),
  keep(own, { name = "second" }),
}
local function shown()
  local names = {}
  for name in pairs(seen) do names[#names + 1] = name end
  return table.concat(names, ",")
end
local last = keep(ci.steps.set_property, { name = "last", property = "seen", value = shown })
local function builder(name, more)
  more.name, more.workers, more.factory = name, c.workers, { steps, last }
  return keep(ci.builder, more)
end
c.builders = {
  builder("a", {
    next_worker = function(b, workers, request)
      very("next_worker", b) each("next_worker's workers", workers) very("next_worker's request", request.builder)
      return workers[1]
    end,
    next_build = function(b, requests)
      very("next_build", b) very("next_build's request", requests[1].builder)
      return requests[1]
    end,
    can_start_build = function(b, w, request)
      very("can_start_build", b) very("can_start_build's worker", w) very("can_start_build's request", request.builder)
      return true
    end,
    collapse_requests = function(b, older, newer)
      very("collapse_requests", b) very("collapse_requests' older", older.builder)
      very("collapse_requests' newer", newer.builder)
      return false
    end,
    do_build_if = function(build) of_build("do_build_if", build) return true end,
    locks = function(build) of_build("locks of a builder", build) return {} end,
    env = function(build) of_build("env of a builder", build) return {} end,
  }),
  builder("b", {}),
}
c.prioritize_builders = function(builders) each("prioritize_builders", builders) return builders end
c.select_next_worker = function(b, workers, request)
  very("select_next_worker", b) each("select_next_worker's workers", workers)
  very("select_next_worker's request", request.builder)
  return workers[1]
end
-- What only waits and agrees.
local function yes(where)
  return function() saw(where) return true end
end
c.codebase_generator = function() saw "codebase_generator" return "" end
c.schedulers = {
  keep(ci.schedulers.force, { name = "force", builders = c.builders }),
  keep(ci.schedulers.any_branch, {
    name = "any", builders = function() saw "builders" return c.builders end,
    priority = function(builders) each("priority", builders) return 1 end,
    file_is_important = yes "file_is_important",
    change_filter = {
      project = yes "project", repository = yes "repository", branch = yes "branch", category = yes "category",
      codebase = yes "codebase", filter = yes "filter",
    },
  }),
  keep(gather, { name = "gather", builders = c.builders }),
}
c.reporters = { keep(tell, { name = "tell" }) }
c.www = { port = 0, change_hooks = { github = ci.hooks.github {
  secret = "secret-of-the-hook",
  codebase = function() saw "codebase of a hook" return "" end,
  on_push = function(event, default) saw "on_push" return default(event) end,
} } }
return c
"#;

/// Every function of the configuration, in byte order.
const ALL: &[&str] = &[
    "branch",
    "builders",
    "can_start_build",
    "can_start_build's request",
    "can_start_build's worker",
    "category",
    "codebase",
    "codebase of a hook",
    "codebase_generator",
    "collapse_requests",
    "collapse_requests' newer",
    "collapse_requests' older",
    "command",
    "command's worker",
    "description",
    "description's worker",
    "description_done",
    "description_done's worker",
    "do_build_if",
    "do_build_if's worker",
    "do_step_if",
    "do_step_if's worker",
    "env",
    "env of a builder",
    "env of a builder's worker",
    "env's worker",
    "file_is_important",
    "filter",
    "hide_step_if",
    "hide_step_if's worker",
    "locks",
    "locks of a builder",
    "locks of a builder's worker",
    "locks's worker",
    "next_build",
    "next_build's request",
    "next_worker",
    "next_worker's request",
    "next_worker's workers",
    "on_buildset",
    "on_push",
    "prioritize_builders",
    "priority",
    "project",
    "repository",
    "run",
    "run's worker",
    "select_next_worker",
    "select_next_worker's request",
    "select_next_worker's workers",
    "send",
    "timeout",
    "timeout's worker",
    "workdir",
    "workdir's worker",
];

#[test]
fn d6_every_function_gets_the_very_objects_of_the_configuration() {
    story(CONFIG, async |world: &mut World| {
        let force = async |world: &World, builder: &str| {
            let (scheduler, builders) = ("force".to_owned(), vec![builder.to_owned()]);
            let force = Force { scheduler, builders, ..Force::default() };
            world.engine().force(force).await.unwrap();
        };
        for _ in 0..2 {
            force(world, "a").await;
        }
        world.pass(1).await;
        for name in ["w1", "w2"] {
            world.connect(name).await.obey();
        }
        world.push("main", "a1").await;
        world.settle().await;
        // By now every function was asked; this build shows them.
        force(world, "b").await;
        world.settle().await;
        let trouble = "select ifnull(trouble, '') from buildrequests where trouble is not null";
        assert_eq!(world.rows(trouble, 1).await, [""; 0]);
        let builds = world.builds().await;
        assert!(builds.len() > 4 && builds.iter().all(|b| b.ends_with(" success")), "{builds:?}");
        let newest = BuildId(world.int("select max(id) from builds").await);
        let sql = format!(
            "select value from build_properties where name = 'seen' and build_id = {newest}"
        );
        let seen: String = serde_json::from_str(&world.rows(&sql, 1).await[0]).unwrap();
        assert_eq!(seen.split(',').collect::<Vec<_>>(), ALL);
    });
}
