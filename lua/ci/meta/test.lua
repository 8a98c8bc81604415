---@meta ci.test
-- The type definitions of `require "ci.test"`, for files named `*_test.lua` beside the configuration;
-- `halide-ci test` runs them. Workers take notes and succeed, time passes at once, there is no network,
-- and reporters are not called. What the test prints goes to standard error, with its line.

---@class ci.test
local t = {}

---A test. What is not as expected ends it; the others run all the same.
---@param name string what is promised: "a push to main builds linux"; no two tests of a file promise the same
---@param f fun()
function t.test(name, f) end

---A master with the configuration, all its workers connected and idle. Gone when the test ends.
---@param options? ci.test.MasterOptions
---@return ci.test.Master
function t.master(options) end

---Fails unless both are the same, tables compared by what is in them.
---@param actual any
---@param expected any
---@param message? string
function t.equal(actual, expected, message) end

---Fails for nil and false.
---@param value any
---@param message? string
function t.ok(value, message) end

---Fails unless a text has the other in it, or a table an equal item.
---@param value string|table|nil
---@param item any
---@param message? string
function t.contains(value, item, message) end

---Fails unless the text matches a Lua pattern.
---@param text string|nil
---@param pattern string
---@param message? string
function t.matches(text, pattern, message) end

---Fails unless the function raises an error, whose text matches the Lua pattern.
---@param f function
---@param pattern? string
---@param message? string
function t.raises(f, pattern, message) end

---@class ci.test.MasterOptions
---@field file? string the configuration, relative to the test (default: the one that `halide-ci test` found)
---@field now? string|integer when it begins: "2026-01-01T00:00:00Z" (the default) or seconds since the epoch

---A master at rehearsal. What is done to it is done to its end: builds have ended, timers have run out.
---@class ci.test.Master
---@field id integer
local Master = {}

---GitHub tells of a push of one commit, through the configured hook.
---@param push? ci.test.Push
---@return ci.test.Outcome
function Master:push(push) end

---GitHub tells of a pull request, through the configured hook; its API knows message and files.
---@param pull_request? ci.test.PullRequest
---@return ci.test.Outcome
function Master:pull_request(pull_request) end

---A webhook's delivery with a payload of yours.
---@param name string the event: "push", "pull_request", "issue_comment"
---@param payload table|string a table, or the name of a JSON file beside the test
---@param options? ci.test.EventOptions
---@return ci.test.Outcome
function Master:event(name, payload, options) end

---A change as it is, with no hook in between.
---@param change? ci.test.Change
---@return ci.test.Outcome
function Master:change(change) end

---Somebody fills in the form of a force scheduler; it is checked as on the page.
---@param scheduler string
---@param form? table<string, any> values by the name of the field: reason, username, branch, and the scheduler's own
---@param options? ci.test.ForceOptions
---@return ci.test.Outcome
function Master:force(scheduler, form, options) end

---A build of one builder, with no scheduler in between.
---@param builder string
---@param options? ci.test.Run
---@return ci.test.Build
function Master:run(builder, options) end

---Lets time pass.
---@param seconds number
---@return ci.test.Outcome outcome what was asked for meanwhile
function Master:advance(seconds) end

---The newest build, run to its end.
---@param builder? string of this builder
---@return ci.test.Build
function Master:build(builder) end

---Every build so far, oldest first.
---@param builder? string of this builder
---@return ci.test.Build[]
function Master:builds(builder) end

---A worker of the configuration.
---@param name string
---@param info? table<string, any> what it says about itself from now on: numcpus, system ("posix", "nt"), basedir, environ …
---@return ci.test.Worker
function Master:worker(name, info) end

---Lays out an answer of the network; without one a request fails.
---@param method string
---@param url string without a query it fits any query
---@param answer? ci.test.HttpAnswer
function Master:http(method, url, answer) end

---The requests to the network that found no answer: "GET https://…".
---@return string[]
function Master:unanswered() end

---The resolved configuration, as `checkconfig --json` prints it.
---@return table
function Master:config() end

---The master's time, in seconds since the epoch.
---@return integer
function Master:now() end

---@class ci.test.Push
---@field repository? string owner/name (default "example/example")
---@field branch? string (default "main")
---@field tag? string a tag instead of a branch
---@field revision? string the commit (default: one that nothing else has)
---@field message? string
---@field author? string
---@field files? string[] that were modified
---@field added? string[]
---@field removed? string[]
---@field created? boolean the branch is new
---@field deleted? boolean the branch was deleted
---@field forced? boolean

---@class ci.test.PullRequest
---@field repository? string owner/name (default "example/example")
---@field number? integer (default 1)
---@field action? string (default "opened")
---@field title? string
---@field body? string
---@field author? string who caused it
---@field base? string the branch it wants to go into (default "main")
---@field head? string the branch it comes from (default "feature")
---@field head_repository? string of a fork: owner/name
---@field revision? string the head commit (default: one that nothing else has)
---@field message? string of the head commit (default: the title)
---@field files? string[]
---@field labels? string[]
---@field reviewers? string[]
---@field draft? boolean
---@field merged? boolean

---@class ci.test.EventOptions
---@field hook? string the name under which the hook is mounted (default "github")
---@field headers? table<string, string> of the request, names in lower case

---@class ci.test.Change
---@field author? string
---@field committer? string
---@field comments? string
---@field files? string[]
---@field revision? string
---@field when_timestamp? integer
---@field branch? string
---@field category? string
---@field revlink? string
---@field properties? table<string, any>
---@field repository? string
---@field project? string
---@field codebase? string

---@class ci.test.ForceOptions
---@field builders? string[] (default: all of the scheduler's)
---@field user? string who is logged in (default: nobody; the form's `username` counts)

---@class ci.test.Run
---@field branch? string
---@field revision? string
---@field repository? string
---@field project? string
---@field codebase? string
---@field properties? table<string, any>

---@class ci.test.HttpAnswer
---@field status? integer (default 200)
---@field body? string
---@field json? any instead of `body`
---@field headers? table<string, string>

---What came of an event, a force, or time that passed.
---@class ci.test.Outcome
---@field verdict string what the hook made of the event, in one sentence
---@field failed boolean? reading the event failed
---@field changes table[] the changes, each with its `verdicts`: { scheduler, kind, taken, why }
---@field requests table[] what was asked for: { builder, reason, scheduler, state, results, builds }
local Outcome = {}

---Names of the builders that were asked to build, sorted.
---@return string[]
function Outcome:builders() end

---The builds, oldest first.
---@param builder? string of this builder
---@return ci.test.Build[]
function Outcome:builds(builder) end

---The newest build; fails when there is none.
---@param builder? string of this builder
---@return ci.test.Build
function Outcome:build(builder) end

---Fails unless the scheduler takes one of the changes.
---@param scheduler string
function Outcome:taken(scheduler) end

---Fails unless the scheduler refuses every change.
---@param scheduler string
---@param why? string a part of the reason: "branch", "the function at"
function Outcome:refused(scheduler, why) end

---@class ci.test.Worker
---@field master integer
---@field name string
local Worker = {}

---From now on, commands that begin with these words are answered so; the newest rule decides.
---@param words string|string[] the first words of a program, or "stat PATH", "glob PATTERN", "listdir PATH" …
---@param answer? ci.test.Answer
---@return ci.test.Worker
function Worker:on(words, answer) end

---The connection ends.
---@return ci.test.Worker
function Worker:disconnect() end

---It connects again.
---@return ci.test.Worker
function Worker:connect() end

---@class ci.test.Answer
---@field rc? integer exit code (default 0)
---@field stdout? string
---@field stderr? string
---@field seconds? number how long it takes
---@field failure_reason? "timeout"|"timeout_without_output"|"max_lines_failure"
---@field files? string[] what glob and listdir find
---@field content? string what a file holds that is read or uploaded ("upload_file PATH")
---@field exists? "file"|"directory" what stat finds (default: nothing)

---@class ci.test.Build
---@field builder string
---@field number integer
---@field worker string
---@field results ci.Results?
---@field text string what its page says
---@field reason string
---@field scheduler string?
---@field locks table[] of the builder and the worker: { lock, mode, count }
---@field properties table<string, any>
---@field steps ci.test.Step[] every step of the factory
local Build = {}

---The step of this name, or with this position.
---@param name string|integer
---@return ci.test.Step
function Build:step(name) end

---Names of the steps that ran, in order.
---@return string[]
function Build:ran() end

---@class ci.test.Step
---@field name string
---@field kind string
---@field site string where it is written
---@field status "ran"|"skipped"|"broken"|"not_reached"
---@field ran boolean
---@field why string? why it did not run, or what went wrong
---@field results ci.Results?
---@field text string? what its page says
---@field hidden boolean
---@field locks table[] { lock, mode, count }
---@field workdir string?
---@field options table<string, any> rendered
---@field commands ci.test.Command[] everything it sent to the worker
---@field triggered { builder: string, scheduler: string?, number: integer?, waited_for: boolean }[] what it triggered; `number` is of the last build
---@field command string|string[]|nil of its first program
---@field env table<string, any>? of its first program
---@field logs table<string, string>
---@field halt_on_failure boolean
---@field flunk_on_failure boolean
---@field flunk_on_warnings boolean
---@field warn_on_failure boolean
---@field warn_on_warnings boolean
---@field always_run boolean

---@class ci.test.Command
---@field kind "shell"|"mkdir"|"rmdir"|"stat"|"listdir"|"glob"|"rmfile"|"upload_file"
---@field command string|string[]
---@field workdir string?
---@field env table<string, any>?
---@field timeout number?
---@field max_time number?
---@field stdin string?
---@field on_master boolean? it would run on the master; where no worker is asked, rules of the build's own worker answer

return t
