-- The configuration of the golden texts of `explain`.
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

local tools = {
  ci.steps.assert { check = ci.property "branch" },
  ci.steps.cppcheck { source = "src", enable = { "style" } },
  ci.steps.tree_size {},
  ci.steps.sleep { seconds = 30 },
  ci.steps.log_renderable { content = ci.property "branch" },
  ci.steps.master_shell_command { name = "Prune", command = { "bash", ci.config_dir and "prune.sh" }, env = { KEEP = 3 } },
  ci.steps.master_shell_command { name = "Sync", command = "./sync.sh", workdir = "artifacts", max_time = 600 },
  ci.steps.post { url = "https://example.org/done", json = { branch = ci.property "branch" } },
}

c.builders = {
  ci.builder { name = "linux", workers = { "linux-1", "linux-2" }, factory = f, env = { LANG = "C" } },
  ci.builder { name = "broken", workers = { "linux-2" }, factory = broken },
  ci.builder { name = "tools", workers = { "linux-2" }, factory = tools },
}

c.schedulers = {
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
  ci.schedulers.force { name = "force", builders = { "linux", "tools" } },
}

c.www = { port = 8012, change_hooks = { github = ci.hooks.github { secret = "secret of the hook" } } }

return c
