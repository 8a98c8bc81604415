-- `require "ci"`: every name a configuration may use, on one screen.

local _, native = ...
local define = require "ci.define"
local custom = require "ci.custom"
local render = require "ci.render"
local library = require "ci.library"
local lists = require "ci.list"
local live = require "ci.live"

local ci = {}
native.provide("ci", ci)

-- The installation
ci.config = define.config
ci.secret_file = native.secret_file
ci.version, ci.config_dir, ci.base_dir = native.version, native.config_dir, native.base_dir
ci.api, ci.require_version = library.api, library.require_version

-- Who builds what
ci.worker = define.maker("worker", "worker", "ci.worker", live.worker)
ci.builder = define.maker("builder", "builder", "ci.builder", live.builder)
ci.factory = define.factory
ci.worker_lock = define.lock("worker_lock", "ci.worker_lock")
ci.master_lock = define.lock("master_lock", "ci.master_lock")
ci.step_type = define.step_type
ci.step_group = define.maker("step_group", "step_group", "ci.step_group")
ci.project = define.maker("project", "project", "ci.project")
ci.with_secrets = require("ci.secrets").with_secrets
ci.with_defaults = define.with_defaults
ci.enforce_chosen_worker = live.enforce_chosen_worker

-- Kinds of one's own
ci.scheduler_type, ci.reporter_type, ci.hook_type = custom.scheduler_type, custom.reporter_type, custom.hook_type

-- Values that are known when a step runs
ci.property, ci.interpolate, ci.builddir = render.property, render.interpolate, render.builddir
ci.renderer, ci.transform, ci.merge = render.renderer, render.transform, render.merge
ci.secret, ci.url_for_build = render.secret, render.url_for_build
ci.secrets = define.namespace("ci.secrets", { file = define.maker("secret_directory", "file", "ci.secrets.file") })

-- What starts builds
ci.change_filter = define.maker("change_filter", "change_filter", "ci.change_filter")
ci.source_stamp_filter = define.maker("source_stamp_filter", "source_stamp_filter", "ci.source_stamp_filter")
ci.schedulers = define.makers("ci.schedulers", "", {
  "any_branch", "single_branch", "dependent", "periodic", "nightly", "nightly_triggerable", "triggerable",
  "try_userpass", "force",
})
ci.parameters = define.makers("ci.parameters", "_parameter", {
  "string", "text", "int", "boolean", "choice", "username", "fixed", "file", "worker_choice", "any_property",
  "nested", "codebase",
})
ci.change_sources = define.makers("ci.change_sources", "", {
  "git_poller", "github_pull_request_poller", "gerrit", "gerrit_event_log_poller", "pb",
})
ci.cancellers = define.makers("ci.cancellers", "", { "old_builds", "failing_buildsets" })

-- The web, in and out
ci.auth = define.makers("ci.auth", "_auth", {
  "user_password", "htpasswd", "remote_user", "custom", "github", "oidc", "google", "gitlab", "bitbucket", "keycloak",
  "ldap_user_info",
})
ci.authz = define.maker("authz", "authz", "ci.authz")
ci.dashboard = define.maker("dashboard", "dashboard", "ci.dashboard")
ci.hooks = define.makers("ci.hooks", "_hook", {
  "github", "gitlab", "gitea", "bitbucket", "bitbucketcloud", "bitbucketserver", "base", "poller",
})
ci.reporters = define.makers("ci.reporters", "", {
  "github_status", "github_comment", "gitlab_status", "gitea_status", "bitbucket_status", "bitbucket_server_status",
  "bitbucket_server_core_api_status", "bitbucket_server_pr_comment", "gerrit_status", "gerrit_verify_status",
  "mail", "http", "irc",
})
ci.generators = define.makers("ci.generators", "_generator", {
  "build_status", "build_start_end", "build_request", "buildset_status", "buildset_combined_status", "worker_missing",
})
ci.formatters = define.makers("ci.formatters", "_formatter", { "message", "raw", "missing_worker" })

-- Data
ci.null = native.null
ci.json = define.namespace("ci.json", { encode = native.json_encode, decode = native.json_decode, array = native.array })
ci.yaml, ci.xml, ci.time, ci.semver = library.yaml, library.xml, library.time, library.semver
ci.regex, ci.glob, ci.sha256 = library.regex, library.glob, library.sha256
ci.list = define.namespace("ci.list", lists.list)
ci.text = define.namespace("ci.text", lists.text)
ci.path = define.namespace("ci.path", lists.path)

-- Pages of one's own
ci.data = define.namespace("ci.data", { get = define.later "ci.data.get" })
ci.html = define.later "ci.html"

-- Waiting, and the world outside
ci.sleep, ci.parallel, ci.http, ci.log = library.sleep, library.parallel, library.http, library.log

-- The shipped steps, each a file of its own in ci/steps
local steps = {}
for _, name in ipairs {
  "artifact", "assert", "cargo", "cmake", "cmake_build", "compile", "configure", "copy_directory", "cppcheck",
  "ctest", "delete", "directory_upload", "download_secrets_to_worker", "fetch_artifact", "file_download",
  "file_exists", "file_upload", "gerrit", "get", "git", "git_commit", "git_diff_info", "git_push", "git_tag",
  "github", "gitlab", "head", "http", "json_properties_download", "json_string_download", "log_renderable", "make",
  "make_directory", "master_shell_command", "msbuild", "multiple_file_upload", "ninja", "options", "perl_module_test",
  "post", "put", "pylint", "pytest", "remove_directory", "remove_worker_file_secret", "robocopy", "set_properties",
  "set_properties_from_env", "set_property", "set_property_from_command", "shell", "shell_sequence", "sleep",
  "sphinx", "string_download", "subunit_shell_command", "svn", "test", "tree_size", "trigger",
  "warning_counting_shell",
} do
  steps[name] = function() return require("ci.steps." .. name) end
end
ci.steps = define.namespace("ci.steps", {}, steps)

return define.namespace("ci", ci)
