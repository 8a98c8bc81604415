---@meta
-- The web server: its logins, who may do what, and the hooks that bring changes.

---@class ci.Www
---@field port? integer|string default 8012; also "tcp:8012:interface=127.0.0.1"
---@field interface? string default all addresses
---@field auth? ci.Auth|table<string, string> who can log in
---@field authz? ci.Authz|ci.AuthzOptions who may do what
---@field change_hooks? ci.ChangeHooks
---@field cookie_expiration_time? integer seconds after which a login ends in any case (default 30 days)
---@field allowed_origins? any list of origins ("https://*.example.org") whose pages may read the data API (default: our own)
---@field artifacts? ci.ArtifactsOptions the store of what `ci.steps.artifact` keeps
---@field change_hook_auth? table<string, string> user → password that every request to a hook needs (HTTP Basic)
---@field dashboards? any list of dashboards; not available yet
---@field default_page? string not available yet
---@field plugins? table<string, any> badges, console_view, grid_view, waterfall_view; not available yet
---@field theme? table<string, string> variables of the style sheet; not available yet
---@field ui_default_config? table<string, any> not available yet
---@field ws_ping_interval? number seconds; not available yet
---@field logfile_name? string the log of requests; not available yet
---@field log_rotate_length? integer bytes; not available yet
---@field max_rotated_files? integer not available yet

---@class ci.ArtifactsOptions
---@field dir? string relative to the master's base directory (default "artifacts"); another one needs a restart, and the files moved
---@field keep? ci.Keep how long those stay whose step does not say (default 90 days)
---@field max_size? integer bytes of one file (default 4 GiB)

---Dialect → its hook.
---@class ci.ChangeHooks
---@field github? ci.Hook|ci.GithubHookOptions
---@field gitlab? ci.Hook|ci.GitlabHookOptions
---@field gitea? ci.Hook|ci.GiteaHookOptions
---@field bitbucket? ci.Hook|ci.BitbucketHookOptions
---@field bitbucketcloud? ci.Hook|ci.BitbucketcloudHookOptions
---@field bitbucketserver? ci.Hook|ci.BitbucketserverHookOptions
---@field base? ci.Hook|ci.BaseHookOptions
---@field poller? ci.Hook|ci.PollerHookOptions

---A role, a function that is told the user and what is asked for (it may wait), or a role on some builders.
---@alias ci.Rule string|(fun(user: ci.User?, request: ci.AuthzRequest): any)|ci.RuleOptions

---@class ci.AuthzOptions
---@field allow? table<string, ci.Rule|ci.Rule[]> action (control, force, stop, rebuild, cancel, priority, reload, scheduler, worker) → who may; `control` stands for the actions that are not named; an empty list is nobody
---@field roles? table<string, string[]|ci.RoleOptions> role → user names, or more; "anyone" is everybody, "owner" who started the build

---@class ci.RuleOptions
---@field role string|fun(user: ci.User?, request: ci.AuthzRequest): any
---@field builders? any list of builders, or of their names with `*` (default: all)

---@class ci.RoleOptions
---@field users? any list of user names
---@field emails? any list of mail addresses
---@field domains? any list of what follows the @
---@field groups? any list of groups that a login tells; not available yet

---Who is logged in.
---@class ci.User
---@field name string

---What is asked for.
---@class ci.AuthzRequest
---@field action string
---@field builder? string the builder, when it is one
---@field builders string[] the builders it is about
---@field owner? string who started the build

---A page of one's own. Not available yet.
---@class ci.DashboardOptions
---@field name string letters, digits, `_`, `-`: part of its address
---@field caption? string
---@field icon? string
---@field order? integer
---@field render fun(request: table): any
---@field data? any

---How badges look.
---@class ci.BadgesOptions
---@field left_pad? integer
---@field left_text? string
---@field left_color? string
---@field right_pad? integer
---@field border_radius? integer
---@field font_face? string
---@field font_size? integer
---@field template_name? string
---@field color_scheme? table<string, string>
---@field style? "plastic"|"flat"|"flat-square"

---Names and passwords in a file of Apache's. Not available yet.
---@class ci.HtpasswdAuthOptions
---@field file string
---@field user_info? ci.Auth

---A proxy says who it is. Not available yet.
---@class ci.RemoteUserAuthOptions
---@field header? string default "REMOTE_USER"
---@field header_re? string
---@field trusted? any list of the proxies' addresses
---@field user_info? ci.Auth

---A function checks the password. Not available yet.
---@class ci.CustomAuthOptions
---@field check fun(user: string, password: string): any
---@field user_info? ci.Auth

---What every login by OAuth 2 takes.
---@class ci.OauthOptions
---@field client_id string
---@field client_secret string
---@field autologin? boolean
---@field ssl_verify? boolean

---GitHub's login. Not available yet.
---@class ci.GithubAuthOptions: ci.OauthOptions
---@field server_url? string
---@field api_version? integer 3 or 4
---@field get_teams_membership? boolean needs version 4

---Any OpenID Connect provider. Not available yet.
---@class ci.OidcAuthOptions: ci.OauthOptions
---@field issuer string
---@field scopes? any
---@field name_claim? string
---@field groups_claim? string

---Google's login. Not available yet.
---@class ci.GoogleAuthOptions: ci.OauthOptions

---GitLab's login. Not available yet.
---@class ci.GitlabAuthOptions: ci.OauthOptions
---@field instance_url string

---Bitbucket's login. Not available yet.
---@class ci.BitbucketAuthOptions: ci.OauthOptions

---Keycloak's login. Not available yet.
---@class ci.KeycloakAuthOptions: ci.OauthOptions
---@field instance_url string
---@field realm string

---More about a user from a directory. Not available yet.
---@class ci.LdapUserInfoAuthOptions
---@field uri string
---@field bind_user string
---@field bind_password string
---@field account_base string
---@field account_pattern string
---@field account_full_name string
---@field account_email string
---@field account_extra_fields? any
---@field group_base? string
---@field group_member_pattern? string
---@field group_name? string
---@field avatar_pattern? string
---@field avatar_data? string

---@class ci.GithubHookOptions
---@field secret string what deliveries are signed with
---@field allow_sha1? boolean accept a SHA-1 signature alone (default false)
---@field codebase? string|fun(payload: table): string
---@field commands? boolean `/rebuild` and `/cancel` in comments; not available yet
---@field github_property_whitelist? any list of patterns of payload fields that become properties
---@field skips? any list of regular expressions; a commit message that matches is not built (default Buildbot's two, {} = none)
---@field api? string default "https://api.github.com"
---@field pullrequest_ref? string last part of a pull request's ref (default "merge")
---@field token? string for API calls
---@field reconcile? boolean|number with a token, GitHub is asked at the start and every so many seconds for heads of branches and pull requests that no delivery told of; what is missing is built once (default 300; false = never)
---@field cancel_on_close? boolean cancel the builds of a pull request that is closed (default true)
---@field on_push? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?
---@field on_pull_request? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?
---@field on_event? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?

---What the hook of every forge takes.
---@class ci.ForgeHookOptions
---@field secret string what deliveries are signed with
---@field codebase? string|fun(payload: table): string
---@field skips? any list of regular expressions
---@field cancel_on_close? boolean
---@field on_push? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?
---@field on_event? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?

---GitLab's webhook. Not available yet.
---@class ci.GitlabHookOptions: ci.ForgeHookOptions
---@field api? string
---@field token? string
---@field on_merge_request? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?

---Gitea's and Forgejo's webhook. Not available yet.
---@class ci.GiteaHookOptions: ci.ForgeHookOptions
---@field api? string
---@field token? string
---@field pullrequest_ref? string
---@field on_pull_request? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?

---Bitbucket's old webhook. Not available yet.
---@class ci.BitbucketHookOptions
---@field secret? string
---@field codebase? string|fun(payload: table): string
---@field skips? any
---@field on_push? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?
---@field on_event? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?

---Bitbucket Cloud's webhook. Not available yet.
---@class ci.BitbucketcloudHookOptions: ci.ForgeHookOptions
---@field bitbucket_property_whitelist? any
---@field on_pull_request? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?

---Bitbucket Server's webhook. Not available yet.
---@class ci.BitbucketserverHookOptions: ci.ForgeHookOptions
---@field bitbucket_property_whitelist? any
---@field on_pull_request? fun(event: ci.Event, default: fun(event: ci.Event): ci.Change[]): ci.Change[]?

---Changes that anybody posts, one in each request: `POST /change_hook/base` as JSON, as a form or in the
---address, with the fields author (or who), committer, comments, revision, branch, category, revlink,
---repository, project, codebase, when_timestamp (or when; seconds), files (a JSON list) and properties
---(a JSON object). `halide-ci sendchange` sends them. The sender proves itself by the secret as
---`Authorization: Bearer …`, or by signing the body with it (`X-Hub-Signature-256`). With the header
---`Idempotency-Key` a request that is repeated makes nothing new.
---@class ci.BaseHookOptions
---@field secret? string needed unless `change_hook_auth` is set
---@field codebase? string|fun(change: table): string? of changes that come without one
---@field on_event? fun(change: table): any gets the change, which it may alter; returns it, a list of changes, or nil for none

---Makes pollers look at once: `POST /change_hook/poller?poller=NAME`, proved as for `base`.
---@class ci.PollerHookOptions
---@field secret? string needed unless `change_hook_auth` is set
---@field allowed? any list of change sources (default: all)

---@class ci
local ci = {}

ci.auth = {}

---User names and their passwords: `ci.auth.user_password { alice = ci.secret_file "alice.txt" }`.
---@param users table<string, string>
---@return ci.Auth
function ci.auth.user_password(users) end

---Names and passwords in a file of Apache's. Not available yet.
---@param options ci.HtpasswdAuthOptions
---@return ci.Auth
function ci.auth.htpasswd(options) end

---A proxy says who it is. Not available yet.
---@param options ci.RemoteUserAuthOptions
---@return ci.Auth
function ci.auth.remote_user(options) end

---A function checks the password. Not available yet.
---@param options ci.CustomAuthOptions
---@return ci.Auth
function ci.auth.custom(options) end

---GitHub's login. Not available yet.
---@param options ci.GithubAuthOptions
---@return ci.Auth
function ci.auth.github(options) end

---Any OpenID Connect provider. Not available yet.
---@param options ci.OidcAuthOptions
---@return ci.Auth
function ci.auth.oidc(options) end

---Google's login. Not available yet.
---@param options ci.GoogleAuthOptions
---@return ci.Auth
function ci.auth.google(options) end

---GitLab's login. Not available yet.
---@param options ci.GitlabAuthOptions
---@return ci.Auth
function ci.auth.gitlab(options) end

---Bitbucket's login. Not available yet.
---@param options ci.BitbucketAuthOptions
---@return ci.Auth
function ci.auth.bitbucket(options) end

---Keycloak's login. Not available yet.
---@param options ci.KeycloakAuthOptions
---@return ci.Auth
function ci.auth.keycloak(options) end

---More about a user from a directory. Not available yet.
---@param options ci.LdapUserInfoAuthOptions
---@return ci.Auth
function ci.auth.ldap_user_info(options) end

---Who may do what. Reading is allowed, an action that no rule names is denied.
---@param options ci.AuthzOptions
---@return ci.Authz
function ci.authz(options) end

---A page of one's own, for `www.dashboards`. Not available yet.
---@param options ci.DashboardOptions
---@return ci.Dashboard
function ci.dashboard(options) end

ci.data = {}

---What the data API answers, for a dashboard: `ci.data.get("/builders", { limit = 5 })`. Not available yet.
---@param path string
---@param query? table<string, any>
---@return any
function ci.data.get(path, query) end

---HTML for a dashboard: text that is not escaped again. Not available yet.
---@param text string
---@return any
function ci.html(text) end

ci.hooks = {}

---GitHub's webhook, `POST /change_hook/github`.
---@param options ci.GithubHookOptions
---@return ci.Hook
function ci.hooks.github(options) end

---GitLab's webhook. Not available yet.
---@param options ci.GitlabHookOptions
---@return ci.Hook
function ci.hooks.gitlab(options) end

---Gitea's and Forgejo's webhook. Not available yet.
---@param options ci.GiteaHookOptions
---@return ci.Hook
function ci.hooks.gitea(options) end

---Bitbucket's old webhook. Not available yet.
---@param options ci.BitbucketHookOptions
---@return ci.Hook
function ci.hooks.bitbucket(options) end

---Bitbucket Cloud's webhook. Not available yet.
---@param options ci.BitbucketcloudHookOptions
---@return ci.Hook
function ci.hooks.bitbucketcloud(options) end

---Bitbucket Server's webhook. Not available yet.
---@param options ci.BitbucketserverHookOptions
---@return ci.Hook
function ci.hooks.bitbucketserver(options) end

---Changes that anybody posts.
---@param options ci.BaseHookOptions
---@return ci.Hook
function ci.hooks.base(options) end

---Makes pollers look at once.
---@param options ci.PollerHookOptions
---@return ci.Hook
function ci.hooks.poller(options) end
