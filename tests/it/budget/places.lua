-- Every place where a function of the configuration is called, each on a line of its own. The text of
-- the attack stands at the mark.
local ci = require "ci"
local c = ci.config()
c.limits = { cpu_seconds = 0.01, memory_bytes = 48 << 20 }
local function attack()
--[[attack]]
end
local function hook_type(name, functions)
  functions.name = name
  return ci.hook_type(functions)
end
c.workers = { ci.worker { name = "w", password = "password-of-w" } }
local own = ci.step_type {
  name = "own",
  options = { extract = "function" },
  run = function() return attack() end,
}
local steps = {
  own { extract = function() return attack() end },
  ci.steps.shell {
    command = function() return attack() end,
    name = ci.renderer(function() return attack() end),
    workdir = ci.transform(function() return attack() end, ci.property "x"),
    do_step_if = function() return attack() end,
    hide_step_if = function() return attack() end,
    retry = {
      max = 2,
      on = function() return attack() end,
    },
    description = function() return attack() end,
    locks = function() return attack() end,
  },
}
c.builders = {
  ci.builder {
    name = "b",
    workers = c.workers,
    factory = steps,
    env = { A = function() return attack() end },
    next_worker = function() return attack() end,
    next_build = function() return attack() end,
    can_start_build = function() return attack() end,
    collapse_requests = function() return attack() end,
    do_build_if = function() return attack() end,
    locks = function() return attack() end,
  },
}
c.prioritize_builders = function() return attack() end
c.select_next_worker = function() return attack() end
c.collapse_requests = function() return attack() end
c.codebase_generator = function() return attack() end
c.revlink = function() return attack() end
local tale = ci.scheduler_type {
  name = "tale",
  on_change = function() return attack() end,
  on_buildset = function() return attack() end,
  on_timer = function() return attack() end,
}
c.schedulers = {
  tale { name = "tale", builders = { "b" } },
  ci.schedulers.any_branch {
    name = "any",
    builders = function() return attack() end,
    priority = function() return attack() end,
    file_is_important = function() return attack() end,
    change_filter = {
      branch = function() return attack() end,
      filter = function() return attack() end,
    },
  },
}
c.change_sources = {
  ci.change_sources.git_poller {
    repo = "https://example.org/x.git",
    branches = function() return attack() end,
    category = function() return attack() end,
  },
  ci.change_sources.github_pull_request_poller {
    owner = "o",
    repo = "r",
    pull_request_filter = function() return attack() end,
  },
}
local teller = ci.reporter_type {
  name = "teller",
  send = function() return attack() end,
}
c.reporters = {
  teller { name = "teller" },
  ci.reporters.github_status { token = "token", context = function() return attack() end },
  ci.reporters.http {
    url = "https://example.org",
    name = "payload",
    payload = function() return attack() end,
  },
  ci.reporters.http {
    url = "https://example.org",
    generators = {
      ci.generators.build_status {
        message_formatter = ci.formatters.message {
          template = function() return attack() end,
          subject = function() return attack() end,
          extra_info = function() return attack() end,
        },
      },
      ci.generators.build_start_end {
        start_formatter = function() return attack() end,
        end_formatter = ci.formatters.raw {
          f = function() return attack() end,
        },
      },
      ci.generators.worker_missing {
        message_formatter = function() return attack() end,
      },
    },
  },
}
c.cancellers = {
  ci.cancellers.old_builds {
    name = "old",
    filters = {
      {
        filter = {
          branch = function() return attack() end,
          filter = function() return attack() end,
        },
      },
    },
    branch_key = function() return attack() end,
  },
}
local plain = hook_type("plain", {
  verify = function() return attack() end,
  read = function() return attack() end,
})
c.www = {
  authz = ci.authz {
    allow = {
      stop = function() return attack() end,
      force = {
        role = function() return attack() end,
      },
    },
  },
  change_hooks = {
    github = ci.hooks.github {
      secret = "secret-of-the-hook",
      codebase = function() return attack() end,
      on_push = function() return attack() end,
      on_pull_request = function() return attack() end,
      on_event = function() return attack() end,
    },
    base = ci.hooks.base {
      secret = "secret-of-base",
      codebase = function() return attack() end,
      on_event = function() return attack() end,
    },
    plain = plain { secret = "secret-of-plain" },
  },
}
-- The last one: whether the state still answers.
c.schedulers[#c.schedulers + 1] = ci.schedulers.any_branch {
  name = "healthy", builders = { "b" }, file_is_important = function() return "healthy" end,
}
return c
