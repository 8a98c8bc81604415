-- A configuration that uses everything, for the golden text of `checkconfig --json`. What is added
-- to the language is added here.
local ci = require "ci"
local c = ci.config()

c.title = "Everything"
c.title_url = "https://example.org/"
c.url = "https://ci.example.org/"
c.db = { url = "sqlite:///other.sqlite" }
c.protocols = { port = 9991, interface = "127.0.0.1" }
c.properties = { installation = "test" }
c.limits = { cpu_seconds = 2, memory_bytes = 128 * 1024 * 1024 }

local PASSWORD = ci.secret_file "worker_pass.txt"
local TOKEN = ci.secret_file "token.txt"

local performance = ci.worker_lock { name = "performance", max_count = 2, max_count_for_worker = { linux = 4 } }
local memory = ci.worker_lock { name = "memory", max_count = 8 }
local release = ci.master_lock { name = "release" }

c.workers = {
  ci.worker {
    name = "linux",
    password = PASSWORD,
    max_builds = 4,
    properties = { os = "linux" },
    locks = { memory:access("counting", 2) },
  },
  ci.worker { name = "mac", password = "written down here" },
}

local function jobs(build) return build.worker.info.numcpus end

local f = ci.factory()
f:add(ci.steps.git {
  name = "Get source",
  repo = "https://github.com/example/example.git",
  mode = "full",
  method = "clean",
  workdir = ci.builddir .. "/source",
})
f:add(ci.steps.shell {
  name = ci.interpolate("Build %(kw:what)s of %(src::branch:-main)s", { what = ci.property("what", "all") }),
  command = { "make", "-j", jobs, { "--token", TOKEN } },
  env = ci.merge({ TOKEN_URL = "https://user:" .. TOKEN .. "@example.org/" }, ci.property "env", { ["$odd"] = true }),
  timeout = 60,
  max_time = ci.transform(function(n) return n * 2 end, ci.property("n", 3)),
  halt_on_failure = true,
  warn_on_warnings = true,
  do_step_if = function(step) return step.build.properties.what ~= "nothing" end,
  hide_step_if = ci.property "hidden",
  decode_rc = { [0] = "success", [77] = "skipped" },
  description = "making",
  description_done = "made",
  locks = { performance:access "exclusive" },
})
f:add(ci.steps.set_property { property = "odd", value = { ["$function"] = "not one" } })

c.builders = {
  ci.builder {
    name = "all",
    workers = { "linux", "mac" },
    factory = f,
    tags = { "example" },
    description = "Builds all.",
    workerbuilddir = "everything",
    locks = { release:access "exclusive" },
    env = { LANG = "C", WHERE = ci.builddir },
    properties = { kind = "full" },
    collapse_requests = false,
  },
}

local weekly = ci.scheduler_type {
  name = "weekly",
  options = { day = "integer", pick = "function?" },
  on_timer = function(scheduler, now)
    scheduler:build {}
    return now + 7 * 86400
  end,
}

local chat = ci.reporter_type {
  name = "chat",
  options = { url = "string" },
  events = { "build_finished" },
  send = function(reporter, event) ci.http.post(reporter.options.url, { json = event }) end,
}

local forge = ci.hook_type {
  name = "forge",
  options = { project = "string" },
  event_header = "X-Forge-Event",
  delivery_header = "X-Forge-Delivery",
  read = function() return nil end,
}

c.schedulers = {
  weekly { name = "weekly", builders = { "all" }, day = 3, pick = jobs, change_filter = { branch = "main" } },
  ci.schedulers.any_branch {
    name = "pulls",
    builders = { "all" },
    tree_stable_timer = 300,
    reason = "somebody pulls",
    properties = { what = "tests" },
    change_filter = {
      project = { "example/example", ci.null },
      branch_re = { "refs/pull/.*", "main" },
      category_not_eq = "tag",
      codebase = function(codebase) return codebase ~= "other" end,
      properties = { basename = "main" },
      filter = function(change) return #change.files > 0 end,
    },
    file_is_important = function(change) return change.comments ~= "" end,
    only_important = true,
  },
  ci.schedulers.single_branch { name = "main", builders = { "all" }, change_filter = { branch = "main" } },
  ci.schedulers.force { name = "force", builders = { "all" }, button_name = "Build" },
  ci.schedulers.triggerable { name = "packages", builders = { "all" } },
  ci.schedulers.nightly_triggerable { name = "later", builders = { "all" }, hour = 3, timezone = "UTC", priority = 2 },
}

c.change_sources = {
  ci.change_sources.git_poller {
    repo = "https://git.example.org/example.git",
    branches = { "main", "release/*" },
    category = function(change) return change.branch end,
    auth_password = TOKEN,
  },
  ci.change_sources.github_pull_request_poller {
    name = "fork",
    owner = "fork",
    repo = "example",
    poll_at_launch = true,
    pull_request_filter = function(pull_request) return not pull_request.draft end,
  },
}

c.www = {
  port = 8013,
  auth = ci.auth.user_password { admin = ci.secret_file "www_pass.txt" },
  authz = ci.authz { allow = { force = "admins" }, roles = { admins = { "admin" } } },
  change_hooks = {
    github = ci.hooks.github {
      secret = ci.secret_file "webhook.txt",
      token = TOKEN,
      codebase = "example",
      skips = { "no-ci" },
      github_property_whitelist = { "github.number" },
      on_pull_request = function(event, default) return default(event) end,
    },
    forge = forge { secret = ci.secret_file "webhook.txt", project = "example" },
  },
}

c.reporters = {
  chat { name = "chat", url = ci.secret_file "chat_url.txt" },
  ci.reporters.github_status {
    token = TOKEN,
    context = ci.interpolate "ci/%(prop:buildername)s",
    pending = "Waiting.",
    start = ci.renderer(function(build) return "Started on " .. build.worker.name end),
    builders = { "all" },
  },
}

return c
