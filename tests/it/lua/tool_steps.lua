local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
c.builders = { ci.builder { name = "b", workers = { "w" }, factory = {
  ci.steps.master_shell_command { command = { "prune" }, path = "artifacts", runtime_timeout = 60 },
  ci.steps.master_shell_command {},
  ci.steps.master_shell_command { command = "x", logfiles = { a = "b" } },
  ci.steps.post { url = "ftp://example.org/", body = "x" },
  ci.steps.post { url = "https://example.org/", data = { a = 1 } },
  ci.steps.put { url = "https://example.org/", body = "x", json = { a = 1 }, verify = false },
  ci.steps.http { url = "https://example.org/", method = "GET /" },
  ci.steps.get { url = "https://example.org/", allow_redirects = false, hide_request_headers = { 1 } },
  ci.steps.assert {},
  ci.steps.log_renderable {},
  ci.steps.sleep { seconds = -1 },
  ci.steps.sleep { seconds = "5" },
  ci.steps.msbuild { project_file = "a.sln", mode = "Rebuild" },
  ci.steps.cppcheck { enable = { style = true } },
  ci.steps.sphinx { mode = "full" },
  ci.steps.robocopy { source = "a", destination = "b", mirror = true, move = true },
} } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "b" } } }
return c
