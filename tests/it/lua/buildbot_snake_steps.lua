local ci = require "ci"
local c = ci.config()
local steps = {
  ci.steps.compile { command = "make" },
  ci.steps.test { command = "make" },
  ci.steps.configure {},
  ci.steps.trial { tests = { "x" } },
  ci.steps.set_property_from_command { command = "x", property = "y" },
  ci.steps.shell_sequence {},
  ci.steps.file_download { mastersrc = "a", workerdest = "b" },
  ci.steps.directory_upload {},
  ci.steps.string_download "x",
  ci.steps.json_string_download {},
  ci.steps.json_properties_download {},
  ci.steps.master_shell_command "x",
  ci.steps.http_step "x",
  ci.steps.get "x",
  ci.steps.junit {},
  ci.steps.copy_directory {},
  ci.steps.file_exists {},
  ci.steps.py_lint {},
  ci.steps.cmake {},
  ci.steps.mercurial {},
  ci.steps.svn {},
  ci.steps.shell_command { command = "make" },
  ci.steps.warning_counting_shell_command {},
  ci.steps.set_properties_from_env {},
  ci.steps.git_push {},
  ci.steps.ctest {},
}
local poller = ci.changes.git_poller { repo = "x" }
local arg = ci.shell_arg { command = "x" }
local docker = ci.docker_latent_worker {}
local local_worker = ci.local_worker {}
return c
