---@meta
-- The shipped steps that need no worker: programs of the master's own machine, requests to servers, and
-- those that check, show or wait.

---@class ci
local ci = {}

---@class ci.MasterShellCommandOptions: ci.StepOptions
---@field command ci.Renderable<any> text for the shell, or a list: a program and its arguments

---Runs a command on the master, as the user and with the environment of the master; what that environment holds is not logged.
---`workdir` is relative to the master's base directory (the default); there is no `timeout` unless one is given. Locks are those of
---the build's worker. Files that it makes are the master's alone (umask 077), unless it changes their mode.
---```lua
---ci.steps.master_shell_command { command = { "bash", ci.config_dir .. "/prune.sh", "artifacts" }, max_time = 600 }
---```
---@param options ci.MasterShellCommandOptions
---@return ci.Step
function ci.steps.master_shell_command(options) end

---What steps that ask a server take. `timeout` is the seconds for the whole answer (default 30).
---@class ci.RequestOptions: ci.StepOptions
---@field url ci.Renderable<string> http or https
---@field params? ci.Renderable<table<string, any>> of the query
---@field body? ci.Renderable<string> what is sent
---@field form? ci.Renderable<table<string, any>> the same: the fields of a form
---@field json? any the same: written as JSON
---@field headers? ci.Renderable<table<string, any>>
---@field cookies? ci.Renderable<table<string, any>>
---@field auth? ci.Renderable<table<string, string>> { user = …, password = … }
---@field max_size? ci.Renderable<integer> bytes of the answer; a larger one is a failure (default 16 MiB)
---@field hide_request_headers? ci.Renderable<string[]> headers whose values the log does not show; those of cookies and authorization never are
---@field hide_response_headers? ci.Renderable<string[]> the same for the answer's

---@class ci.HttpOptions: ci.RequestOptions
---@field method ci.Renderable<string> "GET", "POST" …

---Asks a server, from the master. A status below 400 is a success; the answer is in the log `content`. Redirects within the
---same server are followed.
---```lua
---ci.steps.http { method = "PATCH", url = "https://tracker.example/builds", json = { state = "done" },
---            headers = { ["x-token"] = ci.secret "tracker" }, hide_request_headers = { "x-token" } }
---```
---@param options ci.HttpOptions
---@return ci.Step
function ci.steps.http(options) end

---@class ci.GetOptions: ci.RequestOptions

---As `http`, with GET.
---@param options ci.GetOptions
---@return ci.Step
function ci.steps.get(options) end

---@class ci.PostOptions: ci.RequestOptions

---As `http`, with POST.
---@param options ci.PostOptions
---@return ci.Step
function ci.steps.post(options) end

---@class ci.PutOptions: ci.RequestOptions

---As `http`, with PUT.
---@param options ci.PutOptions
---@return ci.Step
function ci.steps.put(options) end

---@class ci.DeleteOptions: ci.RequestOptions

---As `http`, with DELETE.
---@param options ci.DeleteOptions
---@return ci.Step
function ci.steps.delete(options) end

---@class ci.HeadOptions: ci.RequestOptions

---As `http`, with HEAD.
---@param options ci.HeadOptions
---@return ci.Step
function ci.steps.head(options) end

---@class ci.OptionsOptions: ci.RequestOptions

---As `http`, with OPTIONS.
---@param options ci.OptionsOptions
---@return ci.Step
function ci.steps.options(options) end

---@class ci.AssertOptions: ci.StepOptions
---@field check any nil, false and null fail; everything else, also an empty text, is true

---Fails unless something is true.
---```lua
---ci.steps.assert { check = function(build) return build.properties.branch == "main" end, halt_on_failure = true }
---```
---@param options ci.AssertOptions
---@return ci.Step
function ci.steps.assert(options) end

---@class ci.LogRenderableOptions: ci.StepOptions
---@field content any

---Writes what a renderable comes to into the log `output`: text as it is, everything else as JSON.
---```lua
---ci.steps.log_renderable { content = function(build) return build.worker.info end }
---```
---@param options ci.LogRenderableOptions
---@return ci.Step
function ci.steps.log_renderable(options) end

---@class ci.SleepOptions: ci.StepOptions
---@field seconds ci.Renderable<number> at most a year

---Waits. The build keeps its worker and its locks meanwhile.
---```lua
---ci.steps.sleep { seconds = 30 }
---```
---@param options ci.SleepOptions
---@return ci.Step
function ci.steps.sleep(options) end
