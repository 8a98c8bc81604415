-- `require "ci"`: every name a configuration may use, on one screen.

local _, native = ...
local define = require "ci.define"
local custom = require "ci.custom"
local render = require "ci.render"
local library = require "ci.library"
local lists = require "ci.list"

local ci = {}
native.provide("ci", ci)

-- The installation
ci.config = define.config
ci.secret_file = native.secret_file
ci.version, ci.config_dir, ci.base_dir = native.version, native.config_dir, native.base_dir
ci.api, ci.require_version = library.api, library.require_version

-- Who builds what
ci.worker = define.maker("worker", "worker", "ci.worker")
ci.builder = define.maker("builder", "builder", "ci.builder")
ci.factory = define.factory
ci.worker_lock = define.lock("worker_lock", "ci.worker_lock")
ci.master_lock = define.lock("master_lock", "ci.master_lock")
ci.step_type = define.step_type
ci.with_defaults = define.with_defaults

-- Kinds of one's own
ci.scheduler_type, ci.reporter_type, ci.hook_type = custom.scheduler_type, custom.reporter_type, custom.hook_type

-- Values that are known when a step runs
ci.property, ci.interpolate, ci.builddir = render.property, render.interpolate, render.builddir
ci.renderer, ci.transform, ci.merge = render.renderer, render.transform, render.merge

-- What starts builds
ci.change_filter = define.maker("change_filter", "change_filter", "ci.change_filter")
ci.schedulers = define.namespace("ci.schedulers", {
  any_branch = define.maker("any_branch", "any_branch", "ci.schedulers.any_branch"),
  single_branch = define.maker("single_branch", "single_branch", "ci.schedulers.single_branch"),
  force = define.maker("force", "force", "ci.schedulers.force"),
})

-- The web, in and out
ci.auth = define.namespace("ci.auth", { user_password = define.maker("user_password", "user_password", "ci.auth.user_password") })
ci.authz = define.maker("authz", "authz", "ci.authz")
ci.hooks = define.namespace("ci.hooks", { github = define.maker("github_hook", "github", "ci.hooks.github") })
ci.reporters = define.namespace("ci.reporters", {
  github_status = define.maker("github_status", "github_status", "ci.reporters.github_status"),
})

-- Data
ci.null = native.null
ci.json = define.namespace("ci.json", { encode = native.json_encode, decode = native.json_decode, array = native.array })
ci.yaml, ci.xml, ci.time, ci.semver = library.yaml, library.xml, library.time, library.semver
ci.regex, ci.glob, ci.sha256 = library.regex, library.glob, library.sha256
ci.list = define.namespace("ci.list", lists.list)
ci.text = define.namespace("ci.text", lists.text)
ci.path = define.namespace("ci.path", lists.path)

-- Waiting, and the world outside
ci.sleep, ci.parallel, ci.http, ci.log = library.sleep, library.parallel, library.http, library.log

-- The shipped steps, each a file of its own in ci/steps
local steps = {}
for _, name in ipairs { "file_upload", "git", "github", "make_directory", "remove_directory", "set_properties", "set_property", "shell" } do
  steps[name] = function() return require("ci.steps." .. name) end
end
ci.steps = define.namespace("ci.steps", {}, steps)

return define.namespace("ci", ci)
