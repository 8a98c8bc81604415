---@meta
-- What callbacks and steps hold.

---An object of the configuration; it comes back in callbacks as the same table.
---Methods and `info` are known inside functions that decide about builds, for what they are given.
---@class ci.Worker: ci.WorkerOptions
---@field info? table<string, any> what the worker said about itself
local Worker = {}
---Builds that run on it.
---@return integer
function Worker:running() end

---Methods are known inside functions that decide about builds, for what they are given.
---@class ci.Builder: ci.BuilderOptions
local Builder = {}
---Requests that wait.
---@return integer
function Builder:pending() end
---Its builds that run.
---@return integer
function Builder:running() end
---When the oldest waiting request was made, in seconds since 1970.
---@return number?
function Builder:oldest_request_time() end
---The highest priority of the waiting requests.
---@return integer?
function Builder:highest_priority() end
---When its newest build ended, in seconds since 1970.
---@return number?
function Builder:newest_complete_time() end

---A request that waits; read-only.
---@class ci.Request
---@field id integer
---@field builder ci.Builder
---@field priority integer
---@field submitted_at number seconds since 1970
---@field reason string
---@field properties table<string, any> of its changes and its buildset
---@field changes ci.Change[]
---@field sourcestamps table[]
local Request = {}
---Whether the engine's own rule would let this one give way to the newer one: the same source.
---@param newer ci.Request
---@return boolean
function Request:can_be_collapsed(newer) end

---@class ci.Scheduler
---@class ci.Reporter
---@class ci.ChangeFilter
---@class ci.SourceStampFilter
---@class ci.ChangeSource
---@class ci.Canceller
---@class ci.Parameter
---@class ci.Generator
---@class ci.Formatter
---@class ci.Dashboard
---@class ci.Auth
---@class ci.Authz
---@class ci.Hook
---@class ci.SecretProvider
---@class ci.Step
---@class ci.LockAccess
---@class ci.StepGroup

---What `ci.project` returns.
---@class ci.Project: ci.ProjectOptions

---@class ci.Factory
local Factory = {}
---Adds steps (or lists of steps) at the end.
---@param ... any
---@return ci.Factory
function Factory:add(...) end

---@class ci.Lock
local Lock = {}
---A way to hold it, for an option `locks`.
---@param mode "counting"|"exclusive"
---@param count? integer how much a counting access takes (default 1)
---@return ci.LockAccess
function Lock:access(mode, count) end

---A build as functions see it: a copy of the moment, read-only.
---@class ci.Build
---@field properties table<string, any> null reads as nil; tables are copies
---@field builder ci.Builder
---@field worker { name: string, max_builds: integer?, info: table, data: any, properties: table }
---@field number integer
---@field changes ci.Change[]
---@field sourcestamps ci.Sourcestamp[]
---@field builddir string absolute, as the worker writes it
---@field statistics table<string, number> what its steps together have counted (`step:set_statistic`)

---@class ci.Sourcestamp
---@field branch? string
---@field revision? string
---@field repository string
---@field project string
---@field codebase string
---@field patch? { id: integer, level: integer, subdir: string } what `try` changed in it; see `step:write_patch`

---@class ci.Change
---@field author string
---@field committer? string
---@field comments string
---@field files string[]
---@field revision? string
---@field when_timestamp? integer seconds since 1970
---@field branch? string
---@field category? string
---@field revlink? string
---@field properties table<string, any>
---@field repository string
---@field project string
---@field codebase string

---A step in `do_step_if` and `hide_step_if`.
---@class ci.StepView
---@field name string
---@field number integer
---@field workdir string
---@field build ci.Build
---@field data any

---A running step. Each method that waits suspends this step alone; not inside `table.sort`. File
---operations raise when they fail; their paths are absolute or relative to the build's directory. A step that is
---stopped ends at its next method. In `ci.parallel` several commands run at once.
---@class ci.RunningStep
---@field name string
---@field number integer
---@field workdir string absolute on the worker
---@field build ci.Build
---@field data any
local RunningStep = {}

---@class ci.RunOptions
---@field command string|any[] text for the worker's shell, or a program and its arguments
---@field workdir? string
---@field env? table<string, any> changes to the worker's environment; a list is joined, ci.null removes
---@field timeout? number seconds without output (default 1200)
---@field max_time? number seconds in all
---@field max_lines? integer
---@field sigterm_time? number
---@field interrupt_signal? string
---@field log_environ? boolean
---@field want_stdout? boolean
---@field want_stderr? boolean
---@field initial_stdin? string
---@field use_pty? boolean
---@field decode_rc? table<integer, ci.Results>
---@field log? string default "stdio"; "stdio_2" and so on for commands that run at the same time
---@field logfiles? table<string, any> more logs: name → path, or { filename, follow } (see `ci.StepOptions`)
---@field lazylogfiles? boolean
---@field log_encoding? string
---@field test_results? string|ci.TestResultsOptions the tests that it reports (see `ci.StepOptions`)
---@field retry_failed_tests? integer|ci.RetryFailedTestsOptions
---@field retry_command? fun(names: string[], run: integer): any the command that runs these tests again; `run` counts from 1
---@field collect? boolean return the output as text, at most 16 MiB a stream (default false)
---@field on_line? fun(line: string, stream: "stdout"|"stderr", number: integer?) called with each line as it comes, without its end, and its number in the log (nil in what a log that is too long leaves out); an error in it ends the step
---@field line_filter? string a regular expression as `ci.regex` takes it: only lines in which it is found are given to `on_line`, which makes it cheap for millions of lines

---The tests that a command has reported, after all its runs.
---@class ci.TestsOfCommand
---@field total integer without those that were skipped
---@field passed integer
---@field failed integer
---@field skipped integer
---@field flaky integer they failed, and passed when they were run again
---@field failed_names string[]

---Runs a command. What is not said is taken from the step's own options.
---@param options ci.RunOptions
---@return { rc: integer, results: ci.Results, failure_reason: string?, stdout: string?, stderr: string?, tests: ci.TestsOfCommand? }
function RunningStep:run(options) end
---Runs a command on the master, as its user and with its environment; `workdir` is relative to the master's base directory,
---and there is no `timeout` unless one is given. When the step is stopped, all that the command has started is killed.
---@param options ci.RunOptions
---@return { rc: integer, results: ci.Results, failure_reason: string?, stdout: string?, stderr: string? }
function RunningStep:run_on_master(options) end
---Ends the step as a failure.
---@param text? string
function RunningStep:fail(text) end
---@param path string
function RunningStep:make_directory(path) end
---@param paths string|string[]
function RunningStep:remove_directory(paths) end
---Copies a tree, links and times kept; into a target that exists, as `cp` does.
---@param from string
---@param to string
function RunningStep:copy_directory(from, to) end
---@param path string
function RunningStep:remove_file(path) end
---What a file of the worker holds.
---@param path string
---@param max_size? integer bytes; a larger file is an error (default and at most 16 MiB)
---@return string
function RunningStep:read_file(path, max_size) end
---Writes a file of the worker, with its folders.
---@param path string
---@param text string
---@param mode? string octal digits, "0644"
function RunningStep:write_file(path, text, mode) end
---Writes a file of the worker that only the worker's user can read, such as a key. It is removed however the step ends, as
---long as the worker is there.
---@param path string
---@param text string
function RunningStep:write_temporary_file(path, text) end
---Writes the patch that somebody tries (see `ci.schedulers.try_userpass`) into a file of the worker.
---@param path string
---@param codebase? string whose source it changes (default: the one without a name)
---@return boolean written false = nobody tries anything
function RunningStep:write_patch(path, codebase) end
---@param path string
---@return boolean
function RunningStep:path_exists(path) end
---@param path string
---@return { mode: integer, size: integer, mtime: integer, is_directory: boolean, is_file: boolean }?
function RunningStep:stat(path) end
---@param path string
---@return string[]
function RunningStep:list_directory(path) end
---@param pattern string
---@return string[]
function RunningStep:glob(pattern) end
---Brings a file to the master; `mode` is octal text.
---@param options { workersrc: string, masterdest: string, mode?: string, max_size?: integer, block_size?: integer, keep_stamp?: boolean }
function RunningStep:upload_file(options) end
---Brings a directory to the master, links inside it too; what is there is added to. Nothing leaves `masterdest`, which is
---relative to the master's base directory.
---@param options { workersrc: string, masterdest: string, max_size?: integer, block_size?: integer, compress?: "gz"|"bz2" }
function RunningStep:upload_directory(options) end
---Brings a file of the master to the worker; `mastersrc` is relative to the master's base directory, `mode` octal text.
---@param options { mastersrc: string, workerdest: string, mode?: string, max_size?: integer, block_size?: integer }
function RunningStep:download_file(options) end
---Keeps a file of the worker, or a directory as a tar.gz archive, with the build; see `ci.steps.artifact`.
---@param options { workersrc: string, name: string, directory?: boolean, keep?: ci.Keep, max_size?: integer }
---@return { size: integer, sha256: string? }
function RunningStep:keep_artifact(options) end
---What a build has kept; nil = there is no such build. A rehearsal, which has no artifacts, answers `names`.
---@param options? { builder?: string, build?: string|integer, branch?: string, names?: string[] }
---@return { id: integer, name: string, size: integer, build: integer }[]?
function RunningStep:find_artifacts(options) end
---Brings to the worker what `find_artifacts` has found.
---@param options { id: integer, workerdest: string, mode?: string }
function RunningStep:fetch_artifact(options) end
---@param name string
---@param value any
---@param source? string default: the step's name
function RunningStep:set_property(name, value, source) end
---@param values table<string, any>
---@param source? string
function RunningStep:set_properties(values, source) end
---The property as it is now.
---@param name string
---@return any
function RunningStep:property(name) end
---@param name string
---@param kind? "stdio"|"text"|"html"
---@return ci.Log
function RunningStep:add_log(name, kind) end
---@param text string
function RunningStep:set_summary(text) end
---@param name string
---@param url string
function RunningStep:add_url(name, url) end
---@class ci.TriggerEntry
---@field name ci.Scheduler|string
---@field properties? table<string, any> over `set_properties`
---@field unimportant? boolean its results do not count (default false)

---@class ci.StepTriggerOptions
---@field schedulers any list of schedulers, their names, or `ci.TriggerEntry`s; one may stand there several times
---@field sourcestamps? table<string, string>[] what is built: { branch, revision, repository, project, codebase } (default: the build's own source)
---@field update_sourcestamp? boolean of the build's own source the revision that its steps got (default true)
---@field always_use_latest? boolean the newest of what each scheduler's `codebases` say, instead of the build's own source (default false)
---@field wait_for_finish? boolean wait for the results (default false)
---@field set_properties? table<string, any> properties of the new builds, over the scheduler's own
---@field parent_relationship? string what the new builds are to this one (default "Triggered from")

---What a step has triggered. Of a request without result, because nobody waits, there is no build yet.
---@class ci.TriggeredRequest
---@field scheduler string
---@field builder string
---@field request integer
---@field buildset integer
---@field unimportant boolean
---@field url string of its last build, or of the request
---@field results? ci.Results
---@field build? integer id of the last attempt
---@field number? integer the number of that build

---Starts builds through schedulers that can be triggered, links to them, and waits for them if that is wanted. `results` is
---the worst result of those that count; "success" when nobody waits.
---@param options ci.StepTriggerOptions
---@return { results: ci.Results, requests: ci.TriggeredRequest[] }
function RunningStep:trigger(options) end
---A number that is shown with the step, and summed over the build.
---@param name string such as "tests-failed"
---@param value number
function RunningStep:set_statistic(name, value) end
---What this step has counted.
---@param name string
---@param default? number
---@return number?
function RunningStep:statistic(name, default) end
---What all steps of the build together have counted so far, this one included.
---@param name string
---@param default? number
---@return number?
function RunningStep:sum_statistic(name, default) end
---Steps that run next in this build, after those that run at the same time as this one.
---```lua
---for _, target in ipairs(ci.text.words(step:read_file "targets")) do
---  step:add_steps_after_current_step { ci.steps.shell { name = target, command = { "make", target } } }
---end
---```
---@param steps any list of steps and groups
function RunningStep:add_steps_after_current_step(steps) end
---Steps that run after all others of this build.
---@param steps any list of steps and groups
function RunningStep:add_steps_after_last_step(steps) end
---Opens a set of results: of tests ("pass_fail" and "boolean"), or of measurements.
---@param description string what they are results of; by it sets of several builds are compared
---@param category string "pass_fail", "pass_only", "fail_only", "code_issue", "performance", "binary_size" …
---@param value_unit string "boolean", "second", "byte" …
---@return integer set
function RunningStep:add_test_result_set(description, category, value_unit) end
---Stores a result in a set of this step; at most 100,000 for each step.
---```lua
---local set = step:add_test_result_set("runtime", "performance", "second")
---step:add_test_result(set, 1.25, { test_name = "blur" })
---```
---@param set integer
---@param value any of "pass_fail": true or "1" when it passed
---@param options? { test_name?: string, test_code_path?: string, line?: integer, duration?: number, message?: string } `duration` in seconds
function RunningStep:add_test_result(set, value, options) end

---@class ci.Log
local Log = {}
---@param text string
function Log:stdout(text) end
---@param text string
function Log:stderr(text) end
---@param text string
function Log:header(text) end
function Log:finish() end

---A delivery of a hook. The fields may be set before `default(event)` reads them.
---@class ci.Event
---@field name string
---@field action? string
---@field ref? string
---@field branch? string
---@field labels string[]
---@field reviewers string[]
---@field sender? string
---@field number? integer
---@field repository? string
---@field base_branch? string
---@field head_repository? string nil when the fork was deleted
---@field payload table
---@field headers table<string, string>
---@field delivery string
---@field api ci.Api
local Event = {}
---Makes no change, and says why.
---@param reason string
function Event:skip(reason) end

---@class ci.Api
local Api = {}
---`GET` of the hook's API with its token. Raises when there is no answer.
---@param path string
---@param query? table<string, any>
---@return { status: integer, json: any, headers: table<string, string> }
function Api:get(path, query) end
