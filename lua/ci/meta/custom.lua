---@meta
-- Kinds of one's own: schedulers, reporters and hooks. Their functions get plain data, may wait
-- (`ci.http`, `ci.sleep`, `ci.parallel`), and say what they want through what they hold; it is done when
-- the function has returned, once, and not at all when it raises.

---@class ci
local ci = {}

---A new kind of schedulers; the result is its constructor.
---@param type ci.SchedulerType
---@return fun(options: ci.OwnSchedulerOptions): ci.Scheduler
function ci.scheduler_type(type) end

---A new kind of reporters; the result is its constructor.
---@param type ci.ReporterType
---@return fun(options: ci.OwnReporterOptions): ci.Reporter
function ci.reporter_type(type) end

---A new kind of hooks; the result is its constructor: `www.change_hooks.NAME = thing { secret = … }` takes
---what is sent to `/change_hook/NAME`.
---@param type ci.HookType
---@return fun(options: ci.OwnHookOptions): ci.Hook
function ci.hook_type(type) end

---One scheduler is told one thing after the other, changes and buildsets in their order. A function that
---raises is in the log and, for a change, in its verdict.
---@class ci.SchedulerType
---@field name string
---@field options? table<string, string> its own options and their types, as in `ci.step_type`; there is no build here, so they are plain data or functions
---@field check? fun(options: table): boolean, string? looks at the options when the configuration loads
---@field on_change? fun(scheduler: ci.RunningScheduler, change: ci.StoredChange) called for each change that passes `change_filter`
---@field on_buildset? fun(scheduler: ci.RunningScheduler, buildset: ci.EndedBuildset) called for each buildset that is complete, of any scheduler
---@field on_timer? fun(scheduler: ci.RunningScheduler, now: number): number? called at once when the scheduler is new, then when it wanted; returns when it wants to be called again (nil = not any more). When it raises it is called again after a minute, two, four … an hour

---What every scheduler of a `ci.scheduler_type` takes beside the type's own options.
---@class ci.OwnSchedulerOptions
---@field name string
---@field builders any list of builders or their names
---@field change_filter? ci.ChangeFilter|ci.ChangeFilterOptions which changes `on_change` is called for
---@field properties? table<string, any>
---@field reason? string
---@field data? any
---@field [string] any

---@class ci.RunningScheduler
---@field name string
---@field builders string[]
---@field options table its type's own options
---@field data any
---@field state any plain data that is kept over reloads and restarts; {} in the beginning. Change it or set it; it is kept when the function returns
local RunningScheduler = {}
---Builds, when the function has returned. Without `changes` and `sourcestamps` it is the change or the buildset that the
---function was called for, in `on_timer` the newest of the default branch.
---@param options? { builders?: any, changes?: any, sourcestamps?: any, reason?: string, properties?: table<string, any>, priority?: integer }
function RunningScheduler:build(options) end
---Calls `on_timer` at this time (seconds since 1970) instead of when it was due.
---@param time number
function RunningScheduler:at(time) end

---A change that is stored. `scheduler:build { changes = … }` takes it, its `id`, or lists of either.
---@class ci.StoredChange: ci.Change
---@field id integer
---@field received_at integer seconds since 1970

---@class ci.EndedBuildset
---@field id integer
---@field scheduler? string who made it; nil = a rebuild
---@field reason string
---@field results ci.Results
---@field submitted_at integer seconds since 1970
---@field complete_at integer seconds since 1970
---@field properties table<string, any>
---@field sourcestamps { branch: string?, revision: string?, repository: string, project: string, codebase: string }[]
---@field changes ci.StoredChange[]
---@field builders { name: string, results: ci.Results }[]

---What is to be told is stored with what happened; a function that raises is called again for a day. Events
---of one request come in order; each comes at least once.
---@class ci.ReporterType
---@field name string
---@field options? table<string, string> its own options and their types
---@field check? fun(options: table): boolean, string? looks at the options when the configuration loads
---@field events? any list of request_added, build_started, build_finished, worker_missing, worker_returned (default: build_started and build_finished)
---@field send fun(reporter: ci.RunningReporter, event: ci.Report)

---What every reporter of a `ci.reporter_type` takes beside the type's own options.
---@class ci.OwnReporterOptions
---@field name? string default the type's
---@field builders? any only these (default: all)
---@field events? any list of events (default: the type's)
---@field data? any
---@field [string] any

---@class ci.RunningReporter
---@field name string
---@field options table its type's own options
---@field data any
local RunningReporter = {}
---This event will not be told again, whatever happened; return after it.
---@param reason? string
function RunningReporter:give_up(reason) end

---@class ci.Report
---@field id integer the same each time it is tried again
---@field kind "request_added"|"build_started"|"build_finished"
---@field attempt integer from 1
---@field builder string
---@field number? integer the build's; nil = there is no build
---@field url string the build's page, or the builder's
---@field worker? string
---@field results? ci.Results of a build that has ended
---@field reason string
---@field state_string? string
---@field submitted_at integer seconds since 1970
---@field started_at? integer
---@field complete_at? integer
---@field properties table<string, any>
---@field sourcestamps { branch: string?, revision: string?, repository: string, project: string, codebase: string }[]
---@field changes ci.StoredChange[]

---A request is let in when its sender has proved itself: by the HMAC-SHA256 of the body in a header, by the secret in a header, or
---by `verify`. It is stored before it is answered, and read afterwards.
---@class ci.HookType
---@field name string
---@field options? table<string, string> its own options and their types
---@field check? fun(options: table): boolean, string? looks at the options when the configuration loads
---@field signature_header? string the header with the signature (default "x-hub-signature-256")
---@field token_header? string the header with the secret itself, instead of a signature
---@field verify? fun(hook: ci.RunningHook, request: ci.HookRequest): boolean? only true lets the request in; `hook.secret` is the secret
---@field delivery_header? string the header with the sender's id: what comes twice is taken once (default: every request counts)
---@field event_header? string the header with the event's name
---@field read fun(hook: ci.RunningHook, request: ci.HookRequest): ci.NewChange[]? the changes; nil = none

---What every hook of a `ci.hook_type` takes beside the type's own options.
---@class ci.OwnHookOptions
---@field secret? string must be given unless the type has `verify`
---@field data? any
---@field [string] any

---@class ci.RunningHook
---@field name string
---@field options table its type's own options
---@field data any
---@field secret? string in `verify` only
local RunningHook = {}
---Makes no change, and says why.
---@param reason? string
function RunningHook:skip(reason) end

---@class ci.HookRequest
---@field event string "request" when the type has no `event_header`
---@field delivery string
---@field headers table<string, string> lower-case names; without proofs, but in `verify`
---@field query table<string, string>
---@field body string
---@field json? any the body, when it is JSON
---@field form? table<string, string> the body, when it is a form

---A change as a hook brings it; what is left out is empty.
---@class ci.NewChange
---@field author? string
---@field committer? string
---@field comments? string
---@field files? string[]
---@field revision? string
---@field when_timestamp? integer seconds since 1970
---@field branch? string
---@field category? string
---@field revlink? string
---@field properties? table<string, any>
---@field repository? string
---@field project? string
---@field codebase? string
