---@meta
-- Who is told of builds: the options of reporters.

---@class ci.GithubStatusOptions
---@field token string
---@field name? string default "github_status"
---@field api? string default "https://api.github.com"
---@field builders? any only these (default: all)
---@field tags? any only builders with one of these; not available yet
---@field branches? any only these branches; not available yet
---@field schedulers? any only builds of these; not available yet
---@field generators? any list of what `ci.generators.*` makes; not available yet
---@field context? ci.Renderable<string> default "buildbot/%(prop:buildername)s"
---@field pending? ci.Renderable<string> description when a build is queued (default: no status then)
---@field start? ci.Renderable<string> default "Build started."
---@field finish? ci.Renderable<string> default "Build done."
---@field verbose? boolean each status in the log; not available yet
---@field data? any

---Which builds a reporter tells of.
---@class ci.ReporterOptions
---@field name? string
---@field builders? any list of builders or their names (default: all)
---@field tags? any only builders with one of these
---@field branches? any
---@field schedulers? any list of schedulers or their names
---@field generators? any list of what `ci.generators.*` makes
---@field data? any

---@class ci.HttpReporterOptions: ci.ReporterOptions
---@field verify? boolean
---@field debug? boolean

---@class ci.StatusOptions: ci.HttpReporterOptions
---@field context? ci.Renderable<string>
---@field pending? ci.Renderable<string>
---@field start? ci.Renderable<string>
---@field finish? ci.Renderable<string>
---@field verbose? boolean

---A comment on the pull request at the end. Not available yet.
---@class ci.GithubCommentOptions: ci.HttpReporterOptions
---@field token string
---@field api? string
---@field finish? ci.Renderable<string>

---Commit statuses at GitLab. Not available yet.
---@class ci.GitlabStatusOptions: ci.StatusOptions
---@field token string
---@field api? string

---Commit statuses at Gitea and Forgejo. Not available yet.
---@class ci.GiteaStatusOptions: ci.StatusOptions
---@field token string
---@field api string

---@class ci.BitbucketKeyedOptions: ci.HttpReporterOptions
---@field key? ci.Renderable<string>
---@field status_name? ci.Renderable<string>

---Commit statuses at Bitbucket Cloud. Not available yet.
---@class ci.BitbucketStatusOptions: ci.BitbucketKeyedOptions
---@field api? string
---@field oauth_key? string
---@field oauth_secret? string
---@field auth? table<string, string>

---Commit statuses at Bitbucket Server. Not available yet.
---@class ci.BitbucketServerStatusOptions: ci.BitbucketKeyedOptions
---@field api string
---@field user? string
---@field password? string

---Commit statuses by Bitbucket Server's newer API. Not available yet.
---@class ci.BitbucketServerCoreApiStatusOptions: ci.BitbucketKeyedOptions
---@field api string
---@field user? string
---@field password? string
---@field token? string
---@field parent_name? ci.Renderable<string>
---@field build_number? ci.Renderable<string>
---@field ref? ci.Renderable<string>
---@field duration? ci.Renderable<integer>
---@field test_results? ci.Renderable<table>
---@field status_suffix? ci.Renderable<string>

---A comment on a pull request at Bitbucket Server. Not available yet.
---@class ci.BitbucketServerPrCommentOptions: ci.HttpReporterOptions
---@field api string
---@field user? string
---@field password? string
---@field finish? ci.Renderable<string>

---A review at Gerrit. Not available yet.
---@class ci.GerritStatusOptions: ci.ReporterOptions
---@field server string
---@field username string
---@field port? integer
---@field identity_file? string
---@field notify? "NONE"|"OWNER"|"OWNER_REVIEWERS"|"ALL"
---@field review? fun(build: ci.Build): any
---@field start? fun(build: ci.Build): any
---@field summary? fun(builds: ci.Build[]): any

---A verification at Gerrit. Not available yet.
---@class ci.GerritVerifyStatusOptions: ci.HttpReporterOptions
---@field api string
---@field auth table<string, string>
---@field verification_name? ci.Renderable<string>
---@field abstain? ci.Renderable<boolean>
---@field category? ci.Renderable<string>
---@field reporter? ci.Renderable<string>

---Mail. Not available yet.
---@class ci.MailOptions: ci.ReporterOptions
---@field from string
---@field extra_recipients? any list of addresses
---@field send_to_interested_users? boolean default true
---@field lookup? string|fun(user: string): string? the domain of users, or their addresses
---@field relay_host? string
---@field smtp_port? integer
---@field smtp_user? string
---@field smtp_password? string
---@field use_tls? boolean
---@field use_smtps? boolean
---@field extra_headers? ci.Renderable<table<string, string>>
---@field dump_mails_to_log? boolean
---@field subject? ci.Renderable<string>
---@field finish? ci.Renderable<string>

---A POST of JSON. Not available yet.
---@class ci.HttpPostOptions: ci.HttpReporterOptions
---@field url string
---@field user? string
---@field password? string
---@field headers? table<string, string>
---@field certificate? string
---@field skip_encoding? boolean
---@field payload? fun(build: ci.Build): any what is posted

---A bot in a channel. Not available yet.
---@class ci.IrcOptions: ci.ReporterOptions
---@field host string
---@field nick string
---@field port? integer
---@field channels? any
---@field pm_to_nicks? any
---@field password? string
---@field notify_events? any
---@field no_report_internal? boolean
---@field authz? table<string, any> command → who may say it
---@field use_ssl? boolean
---@field use_sasl? boolean
---@field use_colors? boolean
---@field use_revisions? boolean
---@field show_blame_list? boolean
---@field lost_delay? number
---@field failed_delay? number
---@field max_message_lines? integer

---Which builds a generator tells of.
---@class ci.GeneratorOptions
---@field builders? any
---@field tags? any
---@field branches? any
---@field schedulers? any
---@field add_logs? boolean|string[]
---@field add_patch? boolean

---@alias ci.Mode "all"|"failing"|"passing"|"warnings"|"exception"|"cancelled"|"change"|"problem"

---Builds that have ended. Not available yet.
---@class ci.BuildStatusGeneratorOptions: ci.GeneratorOptions
---@field mode? ci.Mode|ci.Mode[]
---@field message_formatter? ci.Formatter|ci.Renderable<string>
---@field report_new? boolean

---Builds that begin and end. Not available yet.
---@class ci.BuildStartEndGeneratorOptions: ci.GeneratorOptions
---@field start_formatter? ci.Formatter|ci.Renderable<string>
---@field end_formatter? ci.Formatter|ci.Renderable<string>

---Requests that wait. Not available yet.
---@class ci.BuildRequestGeneratorOptions: ci.GeneratorOptions
---@field formatter? ci.Formatter|ci.Renderable<string>

---Buildsets, a message for all their builds. Not available yet.
---@class ci.BuildsetStatusGeneratorOptions: ci.GeneratorOptions
---@field mode? ci.Mode|ci.Mode[]
---@field message_formatter? ci.Formatter|ci.Renderable<string>

---Buildsets as one state. Not available yet.
---@class ci.BuildsetCombinedStatusGeneratorOptions
---@field message_formatter? ci.Formatter|ci.Renderable<string>

---Workers that are missing. Not available yet.
---@class ci.WorkerMissingGeneratorOptions
---@field workers? any list of workers or their names, or "all" (default)
---@field message_formatter? ci.Formatter|ci.Renderable<string>

---@class ci.WantsOptions
---@field want_properties? boolean
---@field want_steps? boolean
---@field want_logs? boolean
---@field want_logs_content? boolean|string[]

---A text with a subject. Not available yet.
---@class ci.MessageFormatterOptions: ci.WantsOptions
---@field template? ci.Renderable<string>
---@field subject? ci.Renderable<string>
---@field template_type? "plain"|"html"|"json"
---@field context? ci.Renderable<table>
---@field extra_info? fun(build: ci.Build): any

---A function that makes the whole message. Not available yet.
---@class ci.RawFormatterOptions: ci.WantsOptions
---@field f fun(build: ci.Build): any
---@field template_type? "plain"|"html"|"json"

---A text about a missing worker. Not available yet.
---@class ci.MissingWorkerFormatterOptions
---@field template? ci.Renderable<string>
---@field subject? ci.Renderable<string>
---@field template_type? "plain"|"html"|"json"
---@field context? ci.Renderable<table>

---@class ci
local ci = {}

ci.reporters = {}

---Commit statuses.
---@param options ci.GithubStatusOptions
---@return ci.Reporter
function ci.reporters.github_status(options) end

---A comment on the pull request at the end. Not available yet.
---@param options ci.GithubCommentOptions
---@return ci.Reporter
function ci.reporters.github_comment(options) end

---Commit statuses at GitLab. Not available yet.
---@param options ci.GitlabStatusOptions
---@return ci.Reporter
function ci.reporters.gitlab_status(options) end

---Commit statuses at Gitea and Forgejo. Not available yet.
---@param options ci.GiteaStatusOptions
---@return ci.Reporter
function ci.reporters.gitea_status(options) end

---Commit statuses at Bitbucket Cloud. Not available yet.
---@param options ci.BitbucketStatusOptions
---@return ci.Reporter
function ci.reporters.bitbucket_status(options) end

---Commit statuses at Bitbucket Server. Not available yet.
---@param options ci.BitbucketServerStatusOptions
---@return ci.Reporter
function ci.reporters.bitbucket_server_status(options) end

---Commit statuses by Bitbucket Server's newer API. Not available yet.
---@param options ci.BitbucketServerCoreApiStatusOptions
---@return ci.Reporter
function ci.reporters.bitbucket_server_core_api_status(options) end

---A comment on a pull request at Bitbucket Server. Not available yet.
---@param options ci.BitbucketServerPrCommentOptions
---@return ci.Reporter
function ci.reporters.bitbucket_server_pr_comment(options) end

---A review at Gerrit. Not available yet.
---@param options ci.GerritStatusOptions
---@return ci.Reporter
function ci.reporters.gerrit_status(options) end

---A verification at Gerrit. Not available yet.
---@param options ci.GerritVerifyStatusOptions
---@return ci.Reporter
function ci.reporters.gerrit_verify_status(options) end

---Mail. Not available yet.
---@param options ci.MailOptions
---@return ci.Reporter
function ci.reporters.mail(options) end

---A POST of JSON. Not available yet.
---@param options ci.HttpPostOptions
---@return ci.Reporter
function ci.reporters.http(options) end

---A bot in a channel. Not available yet.
---@param options ci.IrcOptions
---@return ci.Reporter
function ci.reporters.irc(options) end

ci.generators = {}

---Builds that have ended. Not available yet.
---@param options ci.BuildStatusGeneratorOptions
---@return ci.Generator
function ci.generators.build_status(options) end

---Builds that begin and end. Not available yet.
---@param options ci.BuildStartEndGeneratorOptions
---@return ci.Generator
function ci.generators.build_start_end(options) end

---Requests that wait. Not available yet.
---@param options ci.BuildRequestGeneratorOptions
---@return ci.Generator
function ci.generators.build_request(options) end

---Buildsets, a message for all their builds. Not available yet.
---@param options ci.BuildsetStatusGeneratorOptions
---@return ci.Generator
function ci.generators.buildset_status(options) end

---Buildsets as one state. Not available yet.
---@param options ci.BuildsetCombinedStatusGeneratorOptions
---@return ci.Generator
function ci.generators.buildset_combined_status(options) end

---Workers that are missing. Not available yet.
---@param options ci.WorkerMissingGeneratorOptions
---@return ci.Generator
function ci.generators.worker_missing(options) end

ci.formatters = {}

---A text with a subject. Not available yet.
---@param options ci.MessageFormatterOptions
---@return ci.Formatter
function ci.formatters.message(options) end

---A function that makes the whole message. Not available yet.
---@param options ci.RawFormatterOptions
---@return ci.Formatter
function ci.formatters.raw(options) end

---A text about a missing worker. Not available yet.
---@param options ci.MissingWorkerFormatterOptions
---@return ci.Formatter
function ci.formatters.missing_worker(options) end
