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
---@field retry? ci.RetryOptions try it more than once before its result counts
---@field log_encoding? ci.Renderable<string> of what commands write, such as "latin-1" or "cp1252" (default: `c.log_encoding`, else UTF-8)
---@field logfiles? ci.Renderable<table<string, any>> files that commands write, shown live as logs: name → path below `workdir`, or { filename, follow }; with `follow` what was in it before is left out
---@field lazylogfiles? ci.Renderable<boolean> no log of `logfiles` before there is something in it (default false)
---@field use_pty? ci.Renderable<boolean> run commands on a terminal of 24 rows and 80 columns: their output is one stream, colours included; not with `initial_stdin` and not on Windows, where the worker says so and does without (default false)
---@field data? any
---@field env? ci.Renderable<table<string, any>>
---@field workdir? ci.Renderable<string> relative to the build's directory (default: the builder's, "build")
---@field timeout? ci.Renderable<number> seconds without output of a command (default 1200, ci.null = none); where it is given, also the longest that the step may be without progress while it runs no command and waits for no build: sleeping, `ci.http`
---@field max_time? ci.Renderable<number> seconds in all
---@field max_lines? ci.Renderable<integer>
---@field sigterm_time? ci.Renderable<number> send TERM first and wait this long
---@field interrupt_signal? ci.Renderable<string> default "KILL"
---@field log_environ? ci.Renderable<boolean> default true
---@field want_stdout? ci.Renderable<boolean> default true
---@field want_stderr? ci.Renderable<boolean> default true
---@field initial_stdin? ci.Renderable<string>
---@field test_results? ci.Renderable<string|ci.TestResultsOptions> the tests that commands report: "junit:build/**/TEST-*.xml", or of what they print "tap"
---@field retry_failed_tests? ci.Renderable<integer|ci.RetryFailedTestsOptions> how often the tests are run again that failed
---@field decode_rc? table<integer, ci.Results> default { [0] = "success" }, everything else a failure

---Tests that a command reports. They are counted, stored and compared with the build before of the same builder and branch;
---the step's text says how many failed and how many of them newly. Formats: "junit", "ctest" (Test.xml) and "subunit", in files;
---"tap", "cargo" (text or JSON of `cargo test`), "go" (text of `go test -v`, or `-json`) and "pytest" (its summary, more with `-v`), in
---what it prints or in files.
---Reports of an earlier build that still lie there are read too: let the build begin without them.
---```lua
---ci.steps.shell { command = { "go", "test", "-v", "./..." }, test_results = "go" }
---ci.steps.shell { command = "mvn test", test_results = { format = "junit", paths = { "target/surefire-reports/*.xml" } } }
---```
---@class ci.TestResultsOptions
---@field format "junit"|"ctest"|"tap"|"cargo"|"go"|"pytest"|"subunit"
---@field paths? string[] patterns of files below `workdir` (default: what the command prints)
---@field fail_on_failed_tests? boolean a failed test fails a command that ended well (default false)

---Tests that failed are run again, by a command that `retry_command` makes of their names (`ctest`, `pytest` and `cargo` know
---theirs). Each run has a log of its own ("stdio_retry_1"). One that passes then is flaky: it counts as passed, is listed as
---flaky, and the step ends with warnings. One that is not reported again has not passed. The first command must run all
---tests, also behind one that fails.
---```lua
---ci.steps.shell { command = { "go", "test", "-v", "./..." }, test_results = "go", retry_failed_tests = 2,
---                 retry_command = function(names)
---                   return { "go", "test", "-v", "-run", "^(" .. table.concat(names, "|") .. ")$", "./..." }
---                 end }
---```
---@class ci.RetryFailedTestsOptions
---@field max integer runs after the first, at most 10
---@field at_most? integer with more failed tests there is none (default: with more than 20 that are also more than a tenth)

---How often a step is tried. Each attempt has logs of its own ("stdio", "stdio_attempt_2"); what the step holds (its
---locks) it keeps between them. Stopping the step or the build ends it.
---```lua
---ci.steps.shell { command = "fetch-llvm.sh", retry = { max = 3, delay = 30 } }
---```
---@class ci.RetryOptions
---@field max integer attempts in all, from 2 to 100
---@field on? ci.Results[]|fun(results: ci.Results, step: ci.StepView): any after which results (default: a failure, and what the worker could not carry out)
---@field delay? number seconds between two attempts (default 0)

---@class ci.ShellOptions: ci.StepOptions
---@field command ci.Renderable<any> text for the worker's shell, or a list: a program and its arguments
---@field retry_command? fun(names: string[], run: integer): any the command that runs these tests again, see `retry_failed_tests`; `run` counts from 1

---Runs a command; its exit code is the result.
---@param options ci.ShellOptions
---@return ci.Step
function ci.steps.shell(options) end

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

---Sends a file to the master, where it appears when all of it is there. A worker of halide-ci says first what it sends: what an
---earlier attempt has brought of it within a day is not sent again, and what was damaged on its way is refused.
---```lua
---ci.steps.file_upload { workersrc = "out/app.tgz", masterdest = "packages/app.tgz", retry = { max = 3 } }
---```
---@param options ci.FileUploadOptions
---@return ci.Step
function ci.steps.file_upload(options) end

---@class ci.TriggerOptions: ci.StepOptions
---@field schedulers ci.Renderable<any> list of schedulers (`triggerable`, `nightly_triggerable`) or their names
---@field unimportant_schedulers? ci.Renderable<any> those of them whose results do not count
---@field sourcestamp? ci.Renderable<table<string, string>> what is built: { branch, revision, repository, project, codebase } (default: the build's own source)
---@field sourcestamps? ci.Renderable<table<string, string>[]> the same for several codebases
---@field update_sourcestamp? ci.Renderable<boolean> of the build's own source the revision that its steps got (default true)
---@field always_use_latest? ci.Renderable<boolean> the newest of what each scheduler's `codebases` say, instead of the build's own source (default false)
---@field wait_for_finish? ci.Renderable<boolean> wait for the results; the worst of them is the step's (default false)
---@field set_properties? ci.Renderable<table<string, any>> properties of the new builds, over the scheduler's own; `reason` is also their reason
---@field copy_properties? ci.Renderable<string[]> the same, with the values that the build has; those that it does not have are left out
---@field parent_relationship? ci.Renderable<string> what the new builds are to this one (default "Triggered from")

---Starts builds through schedulers that can be triggered. Builds that are waited for are cancelled when this one is stopped
---or its step ends; when this one is tried again they go on, and the new attempt takes them over.
---@param options ci.TriggerOptions
---@return ci.Step
function ci.steps.trigger(options) end
