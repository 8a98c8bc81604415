-- What is known and cannot be done yet, and what Buildbot calls otherwise.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
c.builders = {
  ci.builder {
    name = "b", workers = { "w" },
    factory = {
      ci.steps.compile { command = "make" },
      ci.steps.set_property_from_command { command = "date" },
      ci.steps.ctest {},
      ci.steps.Trial {},
    },
  },
}
c.schedulers = {
  ci.schedulers.force {
    name = "f", builders = { "b" },
    properties = { ci.parameters.inherit_build {}, ci.parameters.patch {}, ci.parameters.string { name = "virtual_builder_name" } },
  },
  ci.schedulers.any_branch { name = "a", builders = { "b" }, change_filter = ci.gerrit_change_filter { branch = "main" } },
}
c.secrets_providers = { ci.secrets.vault {} }
c.www = { port = 8012, auth = ci.auth.none }
local builders = ci.data.get("/builders", { limit = 5 })
local page = ci.html "<p>"
return c
