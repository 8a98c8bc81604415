---@meta
-- The web server: its logins, who may do what, and the hooks that bring changes.

---@class ci.Www
---@field port? integer default 8012
---@field interface? string default all addresses
---@field auth? ci.Auth|table<string, string> who can log in
---@field authz? ci.Authz|ci.AuthzOptions who may do what
---@field change_hooks? { github?: ci.Hook|ci.GithubHookOptions }

---@class ci.AuthzOptions
---@field allow? table<string, string> action (control, force, stop, rebuild, cancel, reload, scheduler, worker) → role; "anyone" is everybody
---@field roles? table<string, string[]> role → user names

---@class ci.GithubHookOptions
---@field secret string what deliveries are signed with
---@field allow_sha1? boolean accept a SHA-1 signature alone (default false)
---@field codebase? string|fun(payload: table): string
---@field github_property_whitelist? any list of patterns of payload fields that become properties
---@field skips? any list of regular expressions; a commit message that matches is not built (default Buildbot's two, {} = none)
---@field api? string default "https://api.github.com"
---@field pullrequest_ref? string last part of a pull request's ref (default "merge")
---@field token? string for API calls
---@field cancel_on_close? boolean cancel the builds of a pull request that is closed (default true)
---@field on_push? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?
---@field on_pull_request? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?
---@field on_event? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?
