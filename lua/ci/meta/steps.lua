---@meta
-- The shipped steps. Options that are not otherwise marked are renderable.

---@class ci
local ci = {}
ci.steps = {}

---What every step takes; the options for commands are what `step:run` uses unless told otherwise.
---@class ci.StepOptions
---@field name? ci.Renderable<string> default: the step's type
---@field halt_on_failure? boolean a failure ends the build
---@field flunk_on_failure? boolean a failure fails the build (default true)
---@field flunk_on_warnings? boolean
---@field warn_on_failure? boolean
---@field warn_on_warnings? boolean
---@field always_run? boolean runs even after a halt
---@field do_step_if? boolean|ci.RenderableObject|fun(step: ci.StepView): any
---@field hide_step_if? boolean|ci.RenderableObject|fun(results: ci.Results, step: ci.StepView): any
---@field locks? any list of lock accesses, or of functions of the build that return some
---@field description? ci.Renderable<string> what the page says while it runs
---@field description_done? ci.Renderable<string> and afterwards
---@field description_suffix? ci.Renderable<string> put after either
---@field log_encoding? string of what commands write (not available yet; default UTF-8)
---@field logfiles? table<string, any> log → path, or { filename, follow } (not available yet)
---@field lazylogfiles? boolean no empty logs of `logfiles` (not available yet)
---@field use_pty? boolean run commands in a terminal (not available yet)
---@field data? any
---@field env? ci.Renderable<table<string, any>>
---@field workdir? ci.Renderable<string> relative to the build's directory (default: the builder's, "build")
---@field timeout? ci.Renderable<number> seconds without output (default 1200, ci.null = none)
---@field max_time? ci.Renderable<number> seconds in all
---@field max_lines? ci.Renderable<integer>
---@field sigterm_time? ci.Renderable<number> send TERM first and wait this long
---@field interrupt_signal? ci.Renderable<string> default "KILL"
---@field log_environ? ci.Renderable<boolean> default true
---@field want_stdout? ci.Renderable<boolean> default true
---@field want_stderr? ci.Renderable<boolean> default true
---@field initial_stdin? ci.Renderable<string>
---@field decode_rc? table<integer, ci.Results> default { [0] = "success" }, everything else a failure

---@class ci.ShellOptions: ci.StepOptions
---@field command ci.Renderable<any> text for the worker's shell, or a list: a program and its arguments

---Runs a command; its exit code is the result.
---@param options ci.ShellOptions
---@return ci.Step
function ci.steps.shell(options) end

---@class ci.GitOptions: ci.StepOptions
---@field repo ci.Renderable<string>
---@field branch? ci.Renderable<string> when the build's source names none (default HEAD)
---@field mode? ci.Renderable<"incremental"|"full"> default "incremental"
---@field method? ci.Renderable<"clobber"|"fresh"|"clean"> of mode "full" (default "fresh")
---@field codebase? ci.Renderable<string> which of the build's sources (default: the one without a name)
---@field submodules? ci.Renderable<boolean>
---@field shallow? ci.Renderable<boolean|integer> true = one commit
---@field always_use_latest? ci.Renderable<boolean> ignore the revision

---Gets the build's source with git; sets `got_revision`.
---@param options ci.GitOptions
---@return ci.Step
function ci.steps.git(options) end

---@class ci.GithubOptions: ci.StepOptions
---@field repo ci.Renderable<string>
---@field branch? ci.Renderable<string> when the build's source names none (default HEAD)
---@field mode? ci.Renderable<"incremental"|"full"> default "incremental"
---@field method? ci.Renderable<"clobber"|"fresh"|"clean"> of mode "full" (default "fresh")
---@field codebase? ci.Renderable<string> which of the build's sources (default: the one without a name)
---@field submodules? ci.Renderable<boolean>
---@field shallow? ci.Renderable<boolean|integer> true = one commit
---@field always_use_latest? ci.Renderable<boolean> ignore the revision

---As `git`; for a pull request's merge ref the ref's tip is taken.
---@param options ci.GithubOptions
---@return ci.Step
function ci.steps.github(options) end

---@class ci.SetPropertyOptions: ci.StepOptions
---@field property ci.Renderable<string>
---@field value? any

---@param options ci.SetPropertyOptions
---@return ci.Step
function ci.steps.set_property(options) end

---@class ci.SetPropertiesOptions: ci.StepOptions
---@field properties ci.Renderable<table<string, any>>

---@param options ci.SetPropertiesOptions
---@return ci.Step
function ci.steps.set_properties(options) end

---@class ci.MakeDirectoryOptions: ci.StepOptions
---@field dir ci.Renderable<string>

---@param options ci.MakeDirectoryOptions
---@return ci.Step
function ci.steps.make_directory(options) end

---@class ci.RemoveDirectoryOptions: ci.StepOptions
---@field dir ci.Renderable<string|string[]>

---@param options ci.RemoveDirectoryOptions
---@return ci.Step
function ci.steps.remove_directory(options) end

---@class ci.FileUploadOptions: ci.StepOptions
---@field workersrc ci.Renderable<string> relative to the step's `workdir`
---@field masterdest ci.Renderable<string> relative to the master's base directory
---@field mode? ci.Renderable<string> octal digits, "0644"
---@field max_size? ci.Renderable<integer> bytes
---@field block_size? ci.Renderable<integer> bytes (default 262144)
---@field keep_stamp? ci.Renderable<boolean> keep the file's times
---@field url? ci.Renderable<string> a link that the step's page shows
---@field url_text? ci.Renderable<string> its words (default: the file's name)

---@param options ci.FileUploadOptions
---@return ci.Step
function ci.steps.file_upload(options) end
