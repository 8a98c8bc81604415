-- The configuration of the golden texts of `test`.
local ci = require "ci"
local c = ci.config()

local PASSWORD = ci.secret_file "worker_pass.txt"
local TOKEN = ci.secret_file "token.txt"
local memory = ci.worker_lock { name = "memory", max_count = 4 }

c.workers = {
  ci.worker { name = "linux-1", password = PASSWORD, max_builds = 2, locks = { memory:access "counting" } },
  ci.worker { name = "linux-2", password = PASSWORD },
}

local f = ci.factory()
f:add(ci.steps.git { name = "Get source", repo = "https://example.org/example.git", mode = "full" })
f:add(ci.steps.shell {
  name = "Build",
  command = { "make", "-j", function(build) return build.worker.info.numcpus end, ci.property("target", "all") },
  env = { TOKEN = TOKEN, FLAGS = "-O2 -g" },
  timeout = 60,
  halt_on_failure = true,
  locks = { memory:access("counting", 2) },
})
f:add(ci.steps.shell { name = "Document", command = "make docs", do_step_if = function(step)
  return step.build.properties.branch == "main"
end })
f:add(ci.steps.shell {
  name = ci.interpolate "Publish %(prop:branch:-nothing)s",
  command = { "publish", "--token", TOKEN, "it's done" },
  env = { TOKEN = TOKEN },
})

local broken = ci.factory()
broken:add(ci.steps.shell { name = "Fine", command = { "true" } })
broken:add(ci.steps.shell {
  name = "Render",
  command = { "echo", function(build) return build.properties.missing.field end },
})
broken:add(ci.steps.shell { name = "Never", command = { "echo" } })
broken:add(ci.steps.shell { name = "Clean", command = { "rm", "-rf", "tmp" }, always_run = true })

local count = ci.step_type {
  name = "count",
  run = function(step)
    local xml = ci.xml.parse(step:read_file "report.xml")
    step:write_file("count.txt", xml:text "report/@tests")
    step:copy_directory("out", "kept/out")
    return xml:find "report/failed" and "failure" or "success"
  end,
}

c.builders = {
  ci.builder { name = "linux", workers = { "linux-1", "linux-2" }, factory = f, env = { LANG = "C" } },
  ci.builder { name = "broken", workers = { "linux-2" }, factory = broken },
  ci.builder { name = "report", workers = { "linux-2" }, factory = { count {} } },
  ci.builder {
    name = "package",
    workers = { "linux-2" },
    factory = {
      ci.steps.cppcheck { source = "src" },
      ci.steps.master_shell_command { name = "Prune", command = { "./prune.sh", "packages" } },
      ci.steps.post { url = "https://example.org/packages", json = { branch = ci.property "branch" }, params = { a = 1 } },
      ci.steps.sleep { seconds = 3600 },
      ci.steps.assert { check = ci.property "branch" },
    },
  },
  ci.builder {
    name = "release",
    workers = { "linux-1" },
    factory = { ci.steps.trigger { schedulers = { "tests" }, wait_for_finish = true, set_properties = { target = "tests" } } },
  },
}

c.schedulers = {
  ci.schedulers.any_branch { name = "reports", builders = { "report" }, change_filter = { branch = "reports" } },
  ci.schedulers.any_branch { name = "main", builders = { "linux" }, change_filter = { branch = "main" } },
  ci.schedulers.any_branch {
    name = "pulls",
    builders = { "linux", "broken" },
    tree_stable_timer = 300,
    change_filter = { category = "pull" },
  },
  ci.schedulers.any_branch {
    name = "docs",
    builders = { "linux" },
    change_filter = {
      filter = function(change)
        for _, file in ipairs(change.files) do
          if file:find "^doc/" then return true end
        end
        return false
      end,
    },
  },
  ci.schedulers.force {
    name = "force",
    builders = { "linux" },
    properties = { ci.parameters.choice { name = "target", choices = { "all", "tests" }, default = "all" } },
  },
  ci.schedulers.triggerable { name = "tests", builders = { "linux" } },
  ci.schedulers.force { name = "release", builders = { "release", "package" } },
  ci.schedulers.nightly { name = "nightly", builders = { "linux" }, hour = 3, minute = 30 },
}

-- A forge of our own: the body names a branch.
local forge = ci.hook_type {
  name = "forge",
  event_header = "x-forge-event",
  read = function(_, request)
    if request.event ~= "landed" then return nil end
    return { { branch = request.json.branch, author = request.headers["x-forge-user"] } }
  end,
}

c.www = {
  port = 8012,
  change_hooks = {
    github = ci.hooks.github { secret = "secret of the hook" },
    forge = forge { secret = "secret of the forge" },
  },
}

return c
