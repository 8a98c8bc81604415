---@meta
-- What starts builds: the options of schedulers and of the filters of what they take.

---Each attribute takes a string, a list of strings, or `ci.null` (must be empty); the plain name also a
---function of the value. An attribute that is not named is not checked. `_re` patterns match from the start.
---@class ci.ChangeFilterOptions
---@field project? any
---@field project_not_eq? any
---@field project_re? any
---@field project_not_re? any
---@field repository? any
---@field repository_not_eq? any
---@field repository_re? any
---@field repository_not_re? any
---@field branch? any
---@field branch_not_eq? any
---@field branch_re? any
---@field branch_not_re? any
---@field category? any
---@field category_not_eq? any
---@field category_re? any
---@field category_not_re? any
---@field codebase? any
---@field codebase_not_eq? any
---@field codebase_re? any
---@field codebase_not_re? any
---@field properties? table<string, any> a change must have these; without them it does not match
---@field property_not_eq? table<string, any> a change must not have these
---@field property_re? table<string, string> what these properties must match
---@field property_not_re? table<string, string> what these properties must not match
---@field filter? fun(change: ci.Change): any the last word

---Which sources; the same forms as those of a change's filter.
---@class ci.SourceStampFilterOptions
---@field project? any
---@field project_not_eq? any
---@field project_re? any
---@field project_not_re? any
---@field repository? any
---@field repository_not_eq? any
---@field repository_re? any
---@field repository_not_re? any
---@field branch? any
---@field branch_not_eq? any
---@field branch_re? any
---@field branch_not_re? any
---@field codebase? any
---@field codebase_not_eq? any
---@field codebase_re? any
---@field codebase_not_re? any
---@field filter? fun(sourcestamp: ci.Sourcestamp): any the last word

---What every scheduler takes.
---@class ci.SchedulerOptions
---@field name string
---@field builders any list of builders or their names; of a scheduler that starts builds by itself also a function that returns one: `fun(context: ci.BuildersContext)`
---@field properties? table<string, any>
---@field data? any

---What every scheduler takes that starts builds by itself.
---@class ci.AutomaticSchedulerOptions: ci.SchedulerOptions
---@field codebases? any list of codebases, or codebase → { repository, branch, revision }: what is built of it without a change (default: those of the changes)
---@field reason? string
---@field priority? integer|fun(builders: ci.Builder[], changes: ci.Change[]): integer order among waiting requests, higher goes first (default 0)

---What every scheduler takes that looks at changes; timed ones do with `only_if_changed`.
---@class ci.ChangeSchedulerOptions: ci.AutomaticSchedulerOptions
---@field change_filter? ci.ChangeFilter|ci.ChangeFilterOptions
---@field file_is_important? fun(change: ci.Change): any false = built only together with an important change
---@field only_important? boolean leave unimportant changes out altogether (default false)
---@field create_absolute_source_stamps? boolean build a codebase without a change at the newest revision that the scheduler has seen of it, not at whatever is the newest when it is fetched; needs `codebases` (default false)

---@class ci.BranchSchedulerOptions: ci.ChangeSchedulerOptions
---@field tree_stable_timer? number seconds without a further change before a build (default: at once, one build per change)

---What a scheduler's `builders` is asked about.
---@class ci.BuildersContext
---@field scheduler string
---@field changes ci.Change[]
---@field files string[] files of all the changes, each once
---@field sourcestamps table[]
---@field properties table<string, any> of the scheduler

---@class ci.DependentOptions: ci.AutomaticSchedulerOptions
---@field upstream ci.Scheduler|string builds the sources of its buildsets when they succeed

---@class ci.TimedSchedulerOptions: ci.ChangeSchedulerOptions
---@field only_if_changed? boolean only when an important change came since the last time (default false)
---@field branch? string what is built (default: the repository's own); with `only_if_changed` also which changes count

---@class ci.PeriodicOptions: ci.TimedSchedulerOptions
---@field period number seconds from one build to the next; the first comes at once

---A number or text of cron: 5, "5,35", "*/15", "9-17", "mon-fri", "jun", "L" (last day), "fri#2" (second Friday), "Lfri" (last
---Friday); or a list of these. Where a day of the month and one of the week are given, either will do.
---@alias ci.CronField integer|string|(integer|string)[]

---@class ci.CronOptions: ci.TimedSchedulerOptions
---@field minute? ci.CronField 0 to 59 (default 0)
---@field hour? ci.CronField 0 to 23 (default: every)
---@field day_of_month? ci.CronField 1 to 31, "L" (default: every)
---@field month? ci.CronField 1 to 12 or names (default: every)
---@field day_of_week? ci.CronField 0 (Monday) to 6 (Sunday) or names (default: every)
---@field timezone? string such as "Europe/Berlin" (default: the master's)

---@class ci.NightlyOptions: ci.CronOptions
---@field force_at_minute? ci.CronField with `only_if_changed`: when it builds whatever changed
---@field force_at_hour? ci.CronField
---@field force_at_day_of_month? ci.CronField
---@field force_at_month? ci.CronField
---@field force_at_day_of_week? ci.CronField

---Starts its builders when a step triggers it: `ci.steps.trigger`, `step:trigger`.
---@class ci.TriggerableOptions: ci.SchedulerOptions
---@field codebases? any list of codebases, or codebase → { repository, branch, revision }: what is built of those that the step names no source of
---@field reason? string
---@field priority? integer order among waiting requests, higher goes first (default: that of the request whose build triggers it)

---Starts its builders at its times with what a step triggered last; each time only if something was triggered since
---the time before.
---@class ci.NightlyTriggerableOptions: ci.TriggerableOptions
---@field minute? ci.CronField 0 to 59 (default 0)
---@field hour? ci.CronField 0 to 23 (default: every)
---@field day_of_month? ci.CronField 1 to 31, "L" (default: every)
---@field month? ci.CronField 1 to 12 or names (default: every)
---@field day_of_week? ci.CronField 0 (Monday) to 6 (Sunday) or names (default: every)
---@field timezone? string such as "Europe/Berlin" (default: the master's)

---Builds what people have in their working trees: `halide-ci try` sends the difference to a commit that the builders
---can get, and the `git` and `github` steps apply it. Requests with a patch are collapsed with nothing.
---@class ci.TryUserpassOptions: ci.SchedulerOptions
---@field builders any the builders that may be chosen
---@field users table<string, string|ci.Secret> who may try: user → password
---@field properties? table<string, any>
---@field reason? string
---@field priority? integer
---@field port? integer|string not needed: it comes to the web server's port

---@class ci.ForceSchedulerOptions: ci.SchedulerOptions
---@field button_name? string words on the button (default: the name)
---@field label? string its name in a list (default: the name)
---@field codebases? any list of codebases or `ci.parameters.codebase` (default: the one without a name)
---@field reason? string|ci.Parameter the default reason, or a `ci.parameters.string`
---@field reason_string? string the buildset's reason, with %(owner)s and %(reason)s
---@field priority? integer|ci.Parameter the default priority (0), or a `ci.parameters.int`
---@field username? ci.Parameter a `ci.parameters.username`
---@field properties? any list of parameters, which become properties

---What every parameter takes, but what it would never look at: a group, a fixed value and a yes or no take no
---`regex`, for example, and that is an error.
---@class ci.ParameterOptions
---@field name? string of the property; only groups may go without. What asks for user, reason, priority, branch … has that name
---@field label? string what people read (default: the name)
---@field tablabel? string what a tab says (default: the label)
---@field default? any what stands there at first
---@field required? boolean must be filled in (default false)
---@field multiple? boolean several of the choices may be taken (default false)
---@field regex? string what a value must match, from its start
---@field hide? boolean the page does not show it, so that the default counts unless a program says otherwise (default false)
---@field max_size? integer longest value, in characters
---@field tooltip? string a word of help
---@field data? any

---@class ci.StringParameterOptions: ci.ParameterOptions
---@field size? integer width in characters (default 10)

---@class ci.TextParameterOptions: ci.ParameterOptions
---@field cols? integer width in characters (default 80)
---@field rows? integer height in lines (default 20)

---@class ci.IntParameterOptions: ci.ParameterOptions
---@field size? integer width in characters (default 10)

---@class ci.BooleanParameterOptions: ci.ParameterOptions

---@class ci.ChoiceParameterOptions: ci.ParameterOptions
---@field choices any list of strings
---@field strict? boolean nothing else is taken (default true)
---@field autopopulate? table<string, table<string, any>> choice → full name of a field → the value that choosing it fills in

---@class ci.UsernameParameterOptions: ci.ParameterOptions
---@field need_email? boolean asks for a mail address of who is not logged in (default true)
---@field size? integer width in characters (default 30)

---@class ci.FixedParameterOptions: ci.ParameterOptions

---What a file holds, as text; `max_size` is 10 MiB unless it says otherwise.
---@class ci.FileParameterOptions: ci.ParameterOptions

---One of the workers that the scheduler's builders have, or any: then there is no property. What is chosen counts for
---builders with `can_start_build = ci.enforce_chosen_worker`.
---@class ci.WorkerChoiceParameterOptions: ci.ParameterOptions

---@class ci.AnyPropertyParameterOptions: ci.ParameterOptions

---@class ci.NestedParameterOptions: ci.ParameterOptions
---@field fields any list of parameters; with a name the group is one property, a table
---@field layout? "vertical"|"simple"|"tabs" default "vertical"
---@field columns? integer 1 to 4

---Each of branch, revision, repository, project: a parameter, its default, or false to leave it out.
---@class ci.CodebaseParameterOptions: ci.ParameterOptions
---@field codebase? string its name (default: the one without)
---@field branch? ci.Parameter|string|false
---@field revision? ci.Parameter|string|false
---@field repository? ci.Parameter|string|false
---@field project? ci.Parameter|string|false
---@field patch? boolean asks for a patch, too, which the steps `git` and `github` apply (default false)
---@field columns? integer 1 to 4

---What every poller takes.
---@class ci.PollerOptions
---@field name? string default: the repository
---@field poll_interval? number seconds from the end of one look to the next (default 600)
---@field poll_at_launch? boolean look when the master starts, too (default false)
---@field poll_random_delay_min? number the least that chance adds to each interval, in seconds (default 0)
---@field poll_random_delay_max? number the most that chance adds to each interval, in seconds (default 0)
---@field category? string|fun(change: ci.Change): string? one that fails lets the look fail: nothing is lost, it is tried again
---@field project? string
---@field codebase? string default: what `codebase_generator` says
---@field data? any

---Asks a repository for new commits. What is there when the poller is new makes no changes; then each
---commit on the line of first parents of a head that no known head contains is a change, once, over
---restarts and crashes. The mirror is below the base directory.
---@class ci.GitPollerOptions: ci.PollerOptions
---@field repo string URL or path: file, git, http, https, ssh
---@field branch? string one branch (default: the one that the repository itself names)
---@field branches? any list of branches, with `*` for any text; true for all; or a function of the ref (`refs/heads/main`)
---@field build_pushes_with_no_commits? boolean a head that moves without new commits makes a change, too (default false)
---@field only_tags? boolean look at tags instead of branches (default false)
---@field fetch_refspec? string says nothing here, as in Buildbot: only what `branches` names is fetched
---@field use_timestamps? boolean changes have the time of the commit, not of the look (default true)
---@field encoding? string "utf-8" (default) or "latin-1"
---@field workdir? string where the mirror is, below the base directory (default `pollers/…`)
---@field git? string the program (default "git")
---@field ssh_private_key? string the key itself: `ci.secret_file "key.txt"`
---@field ssh_host_key? string the server's key, as `ssh-keyscan` prints it without the name
---@field ssh_known_hosts? string lines of a known_hosts file
---@field auth_user? string for HTTP (default "git")
---@field auth_password? string for HTTP: a password or token

---Asks GitHub for open pull requests; each head that was not seen yet is a change, also when the poller
---is new. For a repository whose webhook can be set, `ci.hooks.github` is faster and knows more.
---@class ci.GithubPullRequestPollerOptions: ci.PollerOptions
---@field owner string
---@field repo string
---@field branches? any list of the branches that are merged into (default: all)
---@field api? string default "https://api.github.com"
---@field pull_request_filter? fun(pull_request: table): any gets the pull request as GitHub tells it
---@field token? string for API calls
---@field magic_link? boolean changes name `refs/pull/N/merge` of the repository, not the head's own (default false)
---@field repository_type? "https"|"svn"|"git"|"ssh" which address changes name (default "https")
---@field github_property_whitelist? any list of patterns of fields that become properties, as `github.…`

---What both listeners to Gerrit take.
---@class ci.GerritSourceOptions
---@field name? string
---@field handled_events? any list of events
---@field get_files? boolean
---@field codebase? string
---@field debug? boolean
---@field data? any

---Gerrit's stream of events over SSH. Not available yet.
---@class ci.GerritStreamOptions: ci.GerritSourceOptions
---@field server string
---@field username string
---@field port? integer
---@field identity_file? string
---@field http_url? string
---@field http_auth? table<string, string>
---@field ssh_server_alive_interval? number
---@field ssh_server_alive_count_max? integer

---Gerrit's log of events over HTTP. Not available yet.
---@class ci.GerritEventLogPollerOptions: ci.GerritSourceOptions
---@field url string
---@field auth? table<string, string>
---@field poll_interval? number
---@field poll_at_launch? boolean
---@field first_fetch_lookback? number seconds

---Takes what `sendchange` sends. Not available yet.
---@class ci.PbOptions
---@field name? string
---@field user string
---@field password string
---@field port? integer
---@field prefix? string
---@field data? any

---Which builds a canceller looks at.
---@class ci.CancellerFilterOptions
---@field builders? any list of builders or their names (default: all)
---@field filter? ci.SourceStampFilter|ci.SourceStampFilterOptions

---Cancels builds and requests that a newer change of their branch (the same project, repository, codebase and branch)
---makes old: when a scheduler takes that change as important, and only of the builders that it starts, or that no
---scheduler starts for changes. A change that nobody takes cancels nothing.
---@class ci.OldBuildsOptions
---@field name string
---@field filters (ci.CancellerFilterOptions)[] what is cancelled; one that matches is enough
---@field branch_key? fun(sourcestamp: ci.Sourcestamp): string? what counts as one branch (default: its name, for Gerrit's refs/changes/… without the patch set)
---@field data? any

---What is cancelled when a build fails.
---@class ci.FailingFilterOptions
---@field builders? any the builders whose failure counts, a list of them or of their names (default: all)
---@field builders_to_cancel? any whose builds of the same buildset are cancelled then (default: all)
---@field filter? ci.SourceStampFilter|ci.SourceStampFilterOptions what the build's source must be

---Cancels the rest of a buildset when one build of it fails.
---@class ci.FailingBuildsetsOptions
---@field name string
---@field filters (ci.FailingFilterOptions)[]
---@field data? any

---@class ci
local ci = {}

---Which changes a scheduler wants; its plain table will do as well.
---@param options ci.ChangeFilterOptions
---@return ci.ChangeFilter
function ci.change_filter(options) end

---Which sources a canceller looks at; its plain table will do as well.
---@param options ci.SourceStampFilterOptions
---@return ci.SourceStampFilter
function ci.source_stamp_filter(options) end

ci.schedulers = {}

---Waits for changes; a timer for each branch.
---@param options ci.BranchSchedulerOptions
---@return ci.Scheduler
function ci.schedulers.any_branch(options) end

---Waits for changes; one timer for all that the filter lets in.
---@param options ci.BranchSchedulerOptions
---@return ci.Scheduler
function ci.schedulers.single_branch(options) end

---Builds what another scheduler's builds have found good.
---@param options ci.DependentOptions
---@return ci.Scheduler
function ci.schedulers.dependent(options) end

---Builds every so often.
---@param options ci.PeriodicOptions
---@return ci.Scheduler
function ci.schedulers.periodic(options) end

---Builds when the clock says so.
---@param options ci.NightlyOptions
---@return ci.Scheduler
function ci.schedulers.nightly(options) end

---Repeats at its times what a step started last. Not available yet.
---@param options ci.NightlyTriggerableOptions
---@return ci.Scheduler
function ci.schedulers.nightly_triggerable(options) end

---Started by a step. Not available yet.
---@param options ci.TriggerableOptions
---@return ci.Scheduler
function ci.schedulers.triggerable(options) end

---Builds what people have not committed yet. Not available yet.
---@param options ci.TryUserpassOptions
---@return ci.Scheduler
function ci.schedulers.try_userpass(options) end

---Started by people.
---@param options ci.ForceSchedulerOptions
---@return ci.Scheduler
function ci.schedulers.force(options) end

ci.parameters = {}

---One line of text.
---@param options ci.StringParameterOptions
---@return ci.Parameter
function ci.parameters.string(options) end

---Several lines of text.
---@param options ci.TextParameterOptions
---@return ci.Parameter
function ci.parameters.text(options) end

---A whole number.
---@param options ci.IntParameterOptions
---@return ci.Parameter
function ci.parameters.int(options) end

---Yes or no.
---@param options ci.BooleanParameterOptions
---@return ci.Parameter
function ci.parameters.boolean(options) end

---One of a list, or several.
---@param options ci.ChoiceParameterOptions
---@return ci.Parameter
function ci.parameters.choice(options) end

---Who starts the builds.
---@param options ci.UsernameParameterOptions
---@return ci.Parameter
function ci.parameters.username(options) end

---Always its default.
---@param options ci.FixedParameterOptions
---@return ci.Parameter
function ci.parameters.fixed(options) end

---What a file holds, as text; `max_size` is 10 MiB unless it says otherwise.
---@param options ci.FileParameterOptions
---@return ci.Parameter
function ci.parameters.file(options) end

---One of the workers that the scheduler's builders have, or any: then there is no property. What is chosen counts for
---builders with `can_start_build = ci.enforce_chosen_worker`.
---@param options ci.WorkerChoiceParameterOptions
---@return ci.Parameter
function ci.parameters.worker_choice(options) end

---A property whose name people choose.
---@param options ci.AnyPropertyParameterOptions
---@return ci.Parameter
function ci.parameters.any_property(options) end

---A group.
---@param options ci.NestedParameterOptions
---@return ci.Parameter
function ci.parameters.nested(options) end

---Where a source comes from.
---@param options ci.CodebaseParameterOptions
---@return ci.Parameter
function ci.parameters.codebase(options) end

ci.change_sources = {}

---Asks a repository for new commits.
---@param options ci.GitPollerOptions
---@return ci.ChangeSource
function ci.change_sources.git_poller(options) end

---Asks GitHub for pull requests.
---@param options ci.GithubPullRequestPollerOptions
---@return ci.ChangeSource
function ci.change_sources.github_pull_request_poller(options) end

---Gerrit's stream of events over SSH. Not available yet.
---@param options ci.GerritStreamOptions
---@return ci.ChangeSource
function ci.change_sources.gerrit(options) end

---Gerrit's log of events over HTTP. Not available yet.
---@param options ci.GerritEventLogPollerOptions
---@return ci.ChangeSource
function ci.change_sources.gerrit_event_log_poller(options) end

---Takes what `sendchange` sends. Not available yet.
---@param options ci.PbOptions
---@return ci.ChangeSource
function ci.change_sources.pb(options) end

ci.cancellers = {}

---Cancels builds of what has a newer version.
---@param options ci.OldBuildsOptions
---@return ci.Canceller
function ci.cancellers.old_builds(options) end

---Cancels the rest of a buildset when one build of it fails.
---@param options ci.FailingBuildsetsOptions
---@return ci.Canceller
function ci.cancellers.failing_buildsets(options) end
