local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct", missing_timeout = "long", notify_on_missing = 5 } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
local done = ci.formatters.message {
  template = [[
{{ buildername }} is done.
{% if results == 0 %}Well.
]],
  subject = "{{ buildername }",
  context = "x",
  want_steps = 1,
}
local raw = ci.formatters.raw {}
c.reporters = {
  ci.reporters.github_status {
    token = "correct",
    finish = "Done.",
    generators = { ci.generators.build_status { message_formatter = done }, ci.generators.worker_missing {} },
  },
  ci.reporters.github_comment { token = "correct", generators = { ci.generators.build_request {} } },
  ci.reporters.http { url = "https://x.example", user = "me", headers = { ["x y"] = "z", accept = 5 }, payload = {} },
  ci.reporters.http {
    name = "all", url = "https://x.example", password = "horse",
    generators = {
      ci.generators.build_status { mode = {}, message_formatter = raw, add_logs = 7, message_format = "x" },
      ci.generators.worker_missing { message_formatter = ci.formatters.missing_worker { template = ci.property "x" } },
      ci.generators.worker_missing { message_formatter = done, workers = "everybody" },
      ci.generators.buildset_combined_status { builders = { "linux" } },
      ci.generators.build_start_end { end_formatter = "{{ a b }}", tags = "x", branches = { 5 }, add_patch = true },
    },
  },
}
return c
