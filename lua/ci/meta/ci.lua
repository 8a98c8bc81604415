---@meta ci
-- The type definitions of `require "ci"`: the reference manual, and what an editor completes and
-- checks. Never executed. Durations are seconds, sizes are bytes.

---@class ci
local ci = {}

---A value that may depend on the build: the value itself, a property, an interpolation, a function
---of the build, or a table of these. Rendered once, just before the step runs.
---@alias ci.Renderable<T> T|ci.RenderableObject|fun(build: ci.Build): any

---What `ci.property` and its kin return. `..` joins it with texts; its value is known only when a step runs.
---@class ci.RenderableObject
---@operator concat(any): ci.RenderableObject

---How a step, a build or a request ended.
---@alias ci.Results "success"|"warnings"|"failure"|"skipped"|"exception"|"retry"|"cancelled"

---Reads as nil wherever it is read; written, it says "empty on purpose". It is truthy.
---@class ci.Null

---The version of the program.
---@type string
ci.version = ""
---The version of this Lua surface; it grows when a configuration that was right has to be changed.
---@type integer
ci.api = 0
---The folder of the main file.
---@type string
ci.config_dir = ""
---The master's base directory.
---@type string
ci.base_dir = ""
---JSON null, for writing: `ci.null` in a filter means "must be empty", in `env` "remove".
---@type ci.Null
ci.null = nil
---The build's directory on the worker, with forward slashes.
---@type ci.RenderableObject
ci.builddir = nil
---The link to the build's page.
---@type ci.RenderableObject
ci.url_for_build = nil

---A configuration to fill in; an unknown key is an error at the line that sets it.
---@param options? ci.Config
---@return ci.Config
function ci.config(options) end

---Reads a secret when the configuration loads; white space around it is removed. It is masked in
---logs, pages and errors. A missing or empty file is an error.
---@param path string relative to the base directory
---@return string
function ci.secret_file(path) end

---A machine that builds.
---@param options ci.WorkerOptions
---@return ci.Worker
function ci.worker(options) end

---What is built, where, and by which steps.
---@param options ci.BuilderOptions
---@return ci.Builder
function ci.builder(options) end

---A list of steps that grows by `:add`. A plain, nested list will do as well.
---@param steps? any a list of steps
---@return ci.Factory
function ci.factory(steps) end

---A group of builders with a page of its own. Not available yet.
---@param options ci.ProjectOptions
---@return ci.Project
function ci.project(options) end

---Steps that find secrets in files on the worker, which only its user can read and which are removed after the last
---one, also when the build fails. Stands among the steps of a factory.
---```lua
---ci.with_secrets { files = { [".netrc"] = ci.secret "netrc" }, steps = { ci.steps.shell { command = "curl --netrc-file .netrc …" } } }
---```
---@param options ci.WithSecretsOptions
---@return ci.Step[]
function ci.with_secrets(options) end

---A lock that each worker has for itself.
---@param options ci.WorkerLockOptions
---@return ci.Lock
function ci.worker_lock(options) end

---A lock that the whole installation shares.
---@param options ci.MasterLockOptions
---@return ci.Lock
function ci.master_lock(options) end

---A new type of steps; the result is its constructor.
---@param type ci.StepType
---@return fun(options: table): ci.Step
function ci.step_type(type) end

---@class ci.StepGroupOptions
---@field name string shown before the names of its steps
---@field steps any list of steps, and of groups if they do not run at the same time
---@field parallel? boolean its steps run at the same time, on the same worker; each is a step of its own, and the build goes on when all have ended (default false)
---@field always_run? boolean like the next ones: for those of its steps that do not say it themselves
---@field flunk_on_failure? boolean
---@field flunk_on_warnings? boolean
---@field halt_on_failure? boolean
---@field warn_on_failure? boolean
---@field warn_on_warnings? boolean

---Steps under one name, for a factory.
---```lua
---ci.step_group { name = "Test", parallel = true, flunk_on_failure = true, steps = {
---  ci.steps.shell { name = "unit", command = "make unit" },
---  ci.steps.shell { name = "lint", command = "make lint" },
---} }
---```
---@param options ci.StepGroupOptions
---@return ci.StepGroup
function ci.step_group(options) end

---The same constructor, or table of constructors, with other defaults. A default that one of several
---constructors lacks is skipped there; `false` or `{}` in a call undoes one.
---@generic T
---@param constructors T
---@param defaults table
---@return T
function ci.with_defaults(constructors, defaults) end

---For a builder's `can_start_build`: a request with the property `workername` is built on that worker
---and nowhere else.
---@param builder ci.Builder
---@param worker ci.Worker
---@param request ci.Request
---@return boolean
function ci.enforce_chosen_worker(builder, worker, request) end

---The build's property `name`; the default also replaces null and empty text.
---@param name string
---@param default? any
---@return ci.RenderableObject
function ci.property(name, default) end

---Text with selectors: `%(prop:NAME)s`, `%(src:CODEBASE:ATTRIBUTE)s` (branch, revision, repository, project,
---codebase; changes, with a choice), `%(kw:NAME)s`, `%(secret:NAME)s`, `%(worker:NAME)s` (name, its properties, or
---what it says of itself: admin, host, numcpus, system, basedir, os_id …), each with `:-default`, `:~default if
---false`, `:+if there`, `:?:yes:no`, `:#?:true:false` (any delimiter); what follows may hold selectors again. Null
---counts as missing. `%%` is a plain %. In the other form each `%s` takes one value, in order.
---@param text string
---@param ... any a table of what `%(kw:…)s` names, or a value for each `%s`
---@return ci.RenderableObject
function ci.interpolate(text, ...) end

---A secret of `c.secrets_providers`, read when the configuration loads and masked wherever it is shown.
---@param name string
---@return ci.RenderableObject
function ci.secret(name) end

ci.secrets = {}

---A directory of secrets, one in a file. Others must not be able to read a file; its mode is tightened.
---@param options ci.SecretDirectoryOptions
---@return ci.SecretProvider
function ci.secrets.file(options) end

---A function of the build as a value that `..` can join.
---@param f fun(build: ci.Build): any
---@return ci.RenderableObject
function ci.renderer(f) end

---`f` of the rendered arguments; what it returns is rendered again.
---@param f fun(...: any): any
---@param ... any
---@return ci.RenderableObject
function ci.transform(f, ...) end

---Maps, or what renders to maps, merged into a new one; later keys win, nil, false and null are skipped.
---@param ... any
---@return ci.RenderableObject
function ci.merge(...) end

ci.json = {}

---@param value any plain data; an empty table is `{}`, `ci.json.array {}` is `[]`
---@return string
function ci.json.encode(value) end

---Raises when the text is not JSON.
---@param text string
---@return any
function ci.json.decode(text) end

---Marks a table as a list, so that it stays one when it is empty.
---@generic T: table
---@param items T
---@return T
function ci.json.array(items) end

ci.list = {}

---One flat list; nil and false are left out.
---@param ... any
---@return any[]
function ci.list.flatten(...) end

---@generic T, U
---@param items T[]
---@param f fun(item: T): U
---@return U[]
function ci.list.map(items, f) end

---@generic T
---@param items T[]
---@param wanted fun(item: T): any
---@return T[]
function ci.list.filter(items, wanted) end

---The first item that is wanted, and its position.
---@generic T
---@param items T[]
---@param wanted fun(item: T): any
---@return T?, integer?
function ci.list.find(items, wanted) end

---@param items any[]
---@param value any
---@return boolean
function ci.list.contains(items, value) end

---A new list in order; what compares equal keeps its order.
---@generic T
---@param items T[]
---@param key? fun(item: T): any what is compared (default: the item): numbers, texts, versions, or booleans (false first)
---@return T[]
function ci.list.sorted(items, key) end

ci.text = {}

---@param s string
---@param separator string plain text, not empty
---@return string[]
function ci.text.split(s, separator) end

---Split at white space.
---@param s string
---@return string[]
function ci.text.words(s) end

---Without white space at both ends.
---@param s string
---@return string
function ci.text.trim(s) end

---The lines, without their ends (LF or CR LF).
---@param s string
---@return string[]
function ci.text.lines(s) end

ci.path = {}

---Joined with `/`; an absolute part starts afresh.
---@param ... string
---@return string
function ci.path.join(...) end

---Without `.`, `..` and doubled slashes, as far as the text tells.
---@param path string
---@return string
function ci.path.normalize(path) end

---@param path string
---@return string
function ci.path.dirname(path) end

---@param path string
---@return string
function ci.path.basename(path) end

return ci
