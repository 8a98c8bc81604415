---@meta
-- Who is told of builds: the options of reporters.

---Which builds a reporter tells of. What is not given restricts nothing; of several all must hold.
---@class ci.ReporterOptions
---@field name? string default: its kind
---@field builders? any list of builders or their names
---@field tags? any only builders with one of these
---@field branches? any only these branches
---@field schedulers? any list of schedulers or their names
---@field generators? any list of what `ci.generators.*` makes (default: what the reporter tells by itself)
---@field data? any

---@class ci.GithubStatusOptions: ci.ReporterOptions
---@field token string
---@field api? string default "https://api.github.com"
---@field context? ci.Renderable<string> default "buildbot/%(prop:buildername)s"
---@field pending? ci.Renderable<string> description when a build is queued (default: no status then); not with `generators`
---@field start? ci.Renderable<string> default "Build started."; not with `generators`
---@field finish? ci.Renderable<string> default "Build done."; not with `generators`
---@field verbose? boolean each status in the log

---@class ci.HttpReporterOptions: ci.ReporterOptions
---@field verify? boolean
---@field debug? boolean

---@class ci.StatusOptions: ci.HttpReporterOptions
---@field context? ci.Renderable<string>
---@field pending? ci.Renderable<string>
---@field start? ci.Renderable<string>
---@field finish? ci.Renderable<string>
---@field verbose? boolean

---A comment on the pull request at the end: one for each context, which is changed by the next build.
---@class ci.GithubCommentOptions: ci.ReporterOptions
---@field token string
---@field api? string default "https://api.github.com"
---@field context? ci.Renderable<string> what the comment is about (default "buildbot/%(prop:buildername)s")
---@field finish? ci.Renderable<string> the text (default: builder, result and link); empty = no comment; not with `generators`
---@field verify? boolean not available yet
---@field debug? boolean not available yet

---Commit statuses at GitLab. Not available yet.
---@class ci.GitlabStatusOptions: ci.StatusOptions
---@field token string
---@field api? string

---Commit statuses at Gitea and Forgejo.
---@class ci.GiteaStatusOptions: ci.ReporterOptions
---@field token string
---@field api string the server: "https://git.example.org"
---@field context? ci.Renderable<string> default "buildbot/%(prop:buildername)s"
---@field pending? ci.Renderable<string> description when a build is queued (default: no status then); not with `generators`
---@field start? ci.Renderable<string> default "Build started."; not with `generators`
---@field finish? ci.Renderable<string> default "Build done."; not with `generators`
---@field verbose? boolean each status in the log
---@field verify? boolean not available yet
---@field debug? boolean not available yet

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

---A POST of JSON: the build as the data API shows it, with `event` beside it. Tried again for a day when
---the server is away or answers 408, 429 or 5xx; given up and shown when it refuses (another 4xx).
---@class ci.HttpPostOptions: ci.ReporterOptions
---@field url string
---@field user? string
---@field password? string
---@field headers? table<string, string>
---@field skip_encoding? boolean plain text and HTML are posted as they are, not inside JSON
---@field payload? fun(context: ci.MessageContext): any what is posted; not with `generators`
---@field certificate? string not available yet
---@field verify? boolean not available yet
---@field debug? boolean not available yet

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

---What a message is about. Names and shapes are Buildbot's.
---@class ci.MessageContext
---@field event string "request_added", "build_started", "build_finished", "buildset_finished", "worker_missing" or "worker_returned"
---@field mode string[] of the generator
---@field results? integer 0 success, 1 warnings, 2 failure, 3 skipped, 4 exception, 5 retry, 6 cancelled
---@field result? string the same as a word
---@field previous_results? integer of the builder's build before
---@field previous_result? string
---@field status_detected? string "new failure", "failed build", "problem in the build", "restored build", "passing build", "build exception", …
---@field summary string one sentence
---@field buildername string
---@field workername? string
---@field build table the build, with `number`, `state_string`, `properties` (name → {value, source}), `url`, `builder`, `buildrequest`, `buildset`, and `steps` if wanted
---@field builds table[] all builds of a buildset
---@field buildset table with `bsid`, `reason`, `results`, `sourcestamps`
---@field is_buildset boolean
---@field build_url string
---@field projects string
---@field blamelist string[] authors of the changes
---@field reason string
---@field properties table<string, any> values by name
---@field sourcestamps table[]
---@field changes table[]
---@field logs table[] those whose text is wanted: `name`, `stepname`, `url`, `content`
---@field result_names string[] the words of results, from 0
---@field extra_info? any what `extra_info` of the formatter returned
---@field worker? table of a missing worker: `name`, `notify`, `last_connection`, `away_since`, `away_for` (seconds), `workerinfo`
---@field buildbot_title string
---@field buildbot_url string

---What makes a text: a template in Jinja's language, a function of the context, or a renderable.
---@alias ci.Words string|fun(context: ci.MessageContext): any|ci.Renderable<string>

---Which builds a generator tells of.
---@class ci.GeneratorOptions
---@field builders? any list of builders or their names
---@field tags? any only builders with one of these
---@field branches? any only these branches
---@field schedulers? any list of schedulers or their names
---@field add_logs? boolean|string[] logs whose text is in the context: all, or "log" or "step.log"
---@field add_patch? boolean not available yet

---@alias ci.Mode "all"|"failing"|"passing"|"warnings"|"exception"|"cancelled"|"change"|"problem"

---Builds that have ended.
---@class ci.BuildStatusGeneratorOptions: ci.GeneratorOptions
---@field mode? ci.Mode|ci.Mode[] default { "failing", "passing", "warnings" }; "change" and "problem" compare with the builder's build before
---@field message_formatter? ci.Formatter|ci.Words
---@field report_new? boolean builds that begin, too

---Builds that begin and end.
---@class ci.BuildStartEndGeneratorOptions: ci.GeneratorOptions
---@field start_formatter? ci.Formatter|ci.Words
---@field end_formatter? ci.Formatter|ci.Words

---Requests that wait.
---@class ci.BuildRequestGeneratorOptions: ci.GeneratorOptions
---@field formatter? ci.Formatter|ci.Words

---Buildsets, a message for all their builds, if one of them ended so.
---@class ci.BuildsetStatusGeneratorOptions: ci.GeneratorOptions
---@field mode? ci.Mode|ci.Mode[] default { "failing", "passing", "warnings" }
---@field message_formatter? ci.Formatter|ci.Words

---Buildsets as one state.
---@class ci.BuildsetCombinedStatusGeneratorOptions
---@field message_formatter? ci.Formatter|ci.Words

---Workers that are missing for longer than their `missing_timeout`, and their return; each once.
---@class ci.WorkerMissingGeneratorOptions
---@field workers? any list of workers or their names, or "all" (default)
---@field message_formatter? ci.Formatter|string|fun(context: ci.MessageContext): any

---@class ci.WantsOptions
---@field want_properties? boolean default true
---@field want_steps? boolean
---@field want_logs? boolean steps with their logs
---@field want_logs_content? boolean|string[] text of logs: all, or "log" or "step.log"; of a long one its beginning and end

---A text with a subject.
---@class ci.MessageFormatterOptions: ci.WantsOptions
---@field template ci.Words
---@field subject? ci.Words
---@field template_type? "plain"|"html"|"json" in HTML values are escaped; JSON must be well-formed
---@field context? ci.Renderable<table> more names for the template
---@field extra_info? fun(context: ci.MessageContext): any `extra_info` in the context

---A function that makes the whole message: a text, or { subject, body, type }.
---@class ci.RawFormatterOptions: ci.WantsOptions
---@field f fun(context: ci.MessageContext): any
---@field template_type? "plain"|"html"|"json"

---A text about a missing worker.
---@class ci.MissingWorkerFormatterOptions
---@field template string|fun(context: ci.MessageContext): any
---@field subject? string|fun(context: ci.MessageContext): any
---@field template_type? "plain"|"html"|"json"
---@field context? table<string, any> more names for the template

---@class ci
local ci = {}

ci.reporters = {}

---Commit statuses.
---@param options ci.GithubStatusOptions
---@return ci.Reporter
function ci.reporters.github_status(options) end

---A comment on the pull request at the end.
---@param options ci.GithubCommentOptions
---@return ci.Reporter
function ci.reporters.github_comment(options) end

---Commit statuses at GitLab. Not available yet.
---@param options ci.GitlabStatusOptions
---@return ci.Reporter
function ci.reporters.gitlab_status(options) end

---Commit statuses at Gitea and Forgejo.
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

---A POST of JSON.
---@param options ci.HttpPostOptions
---@return ci.Reporter
function ci.reporters.http(options) end

---A bot in a channel. Not available yet.
---@param options ci.IrcOptions
---@return ci.Reporter
function ci.reporters.irc(options) end

ci.generators = {}

---Builds that have ended.
---@param options ci.BuildStatusGeneratorOptions
---@return ci.Generator
function ci.generators.build_status(options) end

---Builds that begin and end.
---@param options ci.BuildStartEndGeneratorOptions
---@return ci.Generator
function ci.generators.build_start_end(options) end

---Requests that wait.
---@param options ci.BuildRequestGeneratorOptions
---@return ci.Generator
function ci.generators.build_request(options) end

---Buildsets, a message for all their builds.
---@param options ci.BuildsetStatusGeneratorOptions
---@return ci.Generator
function ci.generators.buildset_status(options) end

---Buildsets as one state.
---@param options ci.BuildsetCombinedStatusGeneratorOptions
---@return ci.Generator
function ci.generators.buildset_combined_status(options) end

---Workers that are missing.
---@param options ci.WorkerMissingGeneratorOptions
---@return ci.Generator
function ci.generators.worker_missing(options) end

ci.formatters = {}

---A text with a subject.
---@param options ci.MessageFormatterOptions
---@return ci.Formatter
function ci.formatters.message(options) end

---A function that makes the whole message.
---@param options ci.RawFormatterOptions
---@return ci.Formatter
function ci.formatters.raw(options) end

---A text about a missing worker.
---@param options ci.MissingWorkerFormatterOptions
---@return ci.Formatter
function ci.formatters.missing_worker(options) end
