//! D16: whoever writes Buildbot's name is told ours. Every option of Buildbot's manual from the
//! configuration to the web server, under the constructor where it is written.

use super::{load_with, local};

/// A constructor's call with `…` for its options, and Buildbot's names of these. `theirs=ours` where
/// ours is not the same in snake case; `theirs=-` where there is no counterpart, which a hint says;
/// `theirs=?` what is not available yet and not even checked; `theirs=…` where a hint says more.
const ROWS: &[(&str, &str)] = &[
    (
        "c",
        "title titleURL buildbotURL=url change_source=change_sources services=… protocols db db_url=db \
         mq=- multiMaster=- codebaseGenerator codebases=- projects collapseRequests prioritizeBuilders \
         select_next_worker properties secretsProviders configurators=- logCompressionLimit=- \
         logCompressionMethod=- logMaxSize logMaxTailSize logEncoding changeHorizon=- caches=- \
         buildCacheSize=- changeCacheSize=- validation revlink user_managers=- manhole=- metrics=- \
         machines=- buildbotNetUsageData=- workers builders schedulers www slavePortnum=protocols \
         projectName=title projectURL=title_url logHorizon=… eventHorizon=- buildHorizon=- \
         mergeRequests=collapse_requests status=reporters",
    ),
    ("c.protocols = { … }", "pb=- msgpack_experimental_v7=- null=-"),
    ("c.db = { … }", "db_url=url engine_kwargs=-"),
    (
        "ci.worker { … }",
        "name password max_builds properties defaultProperties locks notify_on_missing missing_timeout \
         keepalive_interval machine_name=-",
    ),
    (
        "ci.builder { … }",
        "name workername=workers workernames=workers factory builddir workerbuilddir tags project description \
         description_format nextWorker nextBuild canStartBuild locks env properties defaultProperties \
         collapseRequests do_build_if category=tags slavenames=workers slavebuilddir=workerbuilddir \
         mergeRequests=collapse_requests",
    ),
    ("ci.worker_lock { … }", "name maxCount maxCountForWorker"),
    ("ci.master_lock { … }", "name maxCount"),
    ("ci.project { … }", "name slug description description_format"),
    (
        "ci.steps.shell { … }",
        "name haltOnFailure flunkOnFailure flunkOnWarnings warnOnFailure warnOnWarnings alwaysRun doStepIf \
         hideStepIf locks description descriptionDone descriptionSuffix logEncoding \
         updateBuildSummaryPolicy=- workdir progressMetrics=- useProgress=- command env want_stdout \
         want_stderr usePTY logfiles lazylogfiles timeout maxTime max_lines logEnviron interruptSignal \
         sigtermTime initialStdin decodeRC",
    ),
    (
        "ci.steps.git { … }",
        "repourl=repo mode method workdir alwaysUseLatest retry codebase timeout logEnviron env branch \
         submodules remoteSubmodules tags shallow reference filters progress retryFetch \
         clobberOnFailure getDescription config origin port sshPrivateKey sshHostKey \
         sshKnownHosts auth_credentials=… git_credentials",
    ),
    ("ci.steps.github { … }", "repourl=repo alwaysUseLatest"),
    ("ci.steps.make_directory { … }", "dir haltOnFailure"),
    ("ci.steps.remove_directory { … }", "dir"),
    ("ci.steps.set_property { … }", "property value"),
    ("ci.steps.set_properties { … }", "properties"),
    (
        "ci.steps.file_upload { … }",
        "workersrc masterdest workdir maxsize=max_size blocksize=block_size mode keepstamp=keep_stamp url urlText \
         slavesrc=workersrc",
    ),
    (
        "ci.schedulers.any_branch { … }",
        "name builderNames=builders properties codebases reason priority fileIsImportant onlyImportant \
         change_filter treeStableTimer createAbsoluteSourceStamps branches=change_filter \
         branch=change_filter categories=change_filter",
    ),
    (
        "ci.schedulers.single_branch { … }",
        "treeStableTimer branch=change_filter categories=change_filter",
    ),
    ("ci.schedulers.dependent { … }", "builderNames=builders upstream properties codebases"),
    (
        "ci.schedulers.periodic { … }",
        "builderNames=builders periodicBuildTimer=period onlyIfChanged branch createAbsoluteSourceStamps \
         fileIsImportant reason change_filter",
    ),
    (
        "ci.schedulers.nightly { … }",
        "minute hour dayOfMonth month dayOfWeek onlyIfChanged branch force_at_minute force_at_hour \
         force_at_day_of_month force_at_month force_at_day_of_week createAbsoluteSourceStamps builderNames=builders",
    ),
    (
        "ci.schedulers.nightly_triggerable { … }",
        "builderNames=builders minute hour dayOfMonth month dayOfWeek",
    ),
    ("ci.schedulers.triggerable { … }", "builderNames=builders reason properties codebases"),
    (
        "ci.steps.trigger { … }",
        "schedulerNames=schedulers unimportantSchedulerNames=unimportant_schedulers sourceStamp=sourcestamp \
         sourceStamps=sourcestamps updateSourceStamp=update_sourcestamp alwaysUseLatest waitForFinish \
         set_properties copy_properties parent_relationship",
    ),
    (
        "ci.schedulers.force { … }",
        "name builderNames=builders username reason reasonString buttonName label codebases properties",
    ),
    ("ci.schedulers.try_userpass { … }", "builderNames=builders port userpass=users properties"),
    (
        "ci.parameters.string { … }",
        "name label tablabel default required multiple regex hide maxsize=max_size tooltip size",
    ),
    ("ci.parameters.text { … }", "cols rows"),
    ("ci.parameters.choice { … }", "choices strict multiple autopopulate"),
    ("ci.parameters.username { … }", "need_email size"),
    ("ci.parameters.nested { … }", "layout columns fields name label"),
    ("ci.parameters.codebase { … }", "codebase branch revision repository project patch"),
    (
        "ci.schedulers.any_branch { change_filter = ci.change_filter { … } }",
        "project repository branch category codebase project_not_eq repository_re branch_not_re category_not_eq \
         codebase_not_re project_fn=project repository_fn=repository branch_fn=branch category_fn=category \
         codebase_fn=codebase property_eq=properties property_not_eq property_re property_not_re filter_fn=filter",
    ),
    (
        "ci.cancellers.old_builds { filters = { { filter = ci.source_stamp_filter { … } } } }",
        "project_eq=project repository_eq=repository branch_eq=branch codebase_eq=codebase project_not_eq \
         branch_re codebase_not_re filter_fn=filter",
    ),
    (
        "ci.change_sources.git_poller { … }",
        "repourl=repo branch branches pollInterval pollAtLaunch pollRandomDelayMin pollRandomDelayMax \
         buildPushesWithNoCommits only_tags fetch_refspec category project codebase \
         usetimestamps=use_timestamps encoding workdir gitbin=git sshPrivateKey sshHostKey sshKnownHosts \
         auth_credentials=… pollinterval=poll_interval",
    ),
    (
        "ci.change_sources.github_pull_request_poller { … }",
        "owner repo branches pollInterval category project baseURL=api pullrequest_filter=pull_request_filter \
         token magic_link repository_type github_property_whitelist pollAtLaunch",
    ),
    (
        "ci.change_sources.gerrit { … }",
        "gerritserver=server username gerritport=port identity_file handled_events get_files debug http_url \
         http_auth ssh_server_alive_interval_s=ssh_server_alive_interval ssh_server_alive_count_max",
    ),
    (
        "ci.change_sources.gerrit_event_log_poller { … }",
        "baseURL=url auth pollInterval pollAtLaunch firstFetchLookback handled_events get_files debug",
    ),
    ("ci.change_sources.pb { … }", "user passwd=password port prefix"),
    ("ci.cancellers.old_builds { … }", "name filters branch_key"),
    ("ci.cancellers.failing_buildsets { … }", "name filters"),
    (
        "c.www = { change_hooks = { github = ci.hooks.github { … } } }",
        "secret strict=- codebase github_property_whitelist class=- skips github_api_endpoint=api token \
         pullrequest_ref verify=- debug=-",
    ),
    ("ci.hooks.gitlab { … }", "secret codebase"),
    ("ci.hooks.bitbucketcloud { … }", "codebase bitbucket_property_whitelist"),
    ("ci.hooks.bitbucketserver { … }", "codebase bitbucket_property_whitelist"),
    ("ci.hooks.poller { … }", "allowed"),
    ("c.secrets_providers = { ci.secrets.file { … } }", "dirname=dir suffixes strip"),
    (
        "c.www = { … }",
        "port auth authz change_hook_dialects=change_hooks change_hook_auth plugins default_page \
         ui_default_config theme avatar_methods=- cookie_expiration_time allowed_origins ws_ping_interval \
         json_cache_seconds=- rest_minimum_version=- jsonp=- graphql=- debug=- logfileName logRotateLength \
         maxRotatedFiles versions=- custom_templates_dir=- project_widgets=-",
    ),
    ("c.www = { authz = ci.authz { … } }", "allowRules=allow roleMatchers=roles stringsMatcher=-"),
    ("ci.auth.htpasswd { … }", "passwdFile=file"),
    ("ci.auth.remote_user { … }", "header headerRegex=header_re userInfoProvider=user_info"),
    (
        "ci.auth.github { … }",
        "clientId clientSecret autologin ssl_verify serverURL apiVersion getTeamsMembership",
    ),
    ("ci.auth.gitlab { … }", "instanceUri=instance_url clientId clientSecret"),
    ("ci.auth.keycloak { … }", "realm instance_url clientId clientSecret"),
    (
        "ci.auth.ldap_user_info { … }",
        "uri bindUser bindPw=bind_password accountBase accountPattern accountFullName accountEmail \
         accountExtraFields groupBase groupMemberPattern groupName avatarPattern avatarData",
    ),
];

/// Buildbot's classes, and what the hint says.
const CLASSES: &[(&str, &str)] = &[
    ("ci.steps.ShellCommand", "`shell` here"),
    ("ci.steps.GitHub", "`github` here"),
    ("ci.steps.CMake", "Buildbot's `CMake` is `cmake` here."),
    ("ci.steps.Trigger", "`trigger` here"),
    (
        "ci.steps.SetPropertyFromCommand",
        "Buildbot's `SetPropertyFromCommand` is `set_property_from_command` here.",
    ),
    ("ci.steps.VS2022", "has no counterpart: run msbuild"),
    ("ci.steps.RpmBuild", "has no counterpart: run its program"),
    ("ci.schedulers.AnyBranchScheduler", "`any_branch` here"),
    ("ci.schedulers.Nightly", "`nightly` here"),
    ("ci.schedulers.Try_Jobdir", "has no counterpart: use ci.schedulers.try_userpass"),
    ("ci.parameters.ChoiceStringParameter", "`choice` here"),
    ("ci.change_sources.GitPoller", "`git_poller` here"),
    ("ci.change_sources.SVNPoller", "see ci.hook_type"),
    ("ci.cancellers.OldBuildCanceller", "`old_builds` here"),
    ("ci.auth.UserPasswordAuth", "`user_password` here"),
    ("ci.auth.NoAuth", "leave `auth` out"),
    ("ci.reporters.GitHubStatusPush", "`github_status` here"),
    ("ci.secrets.SecretInAFile", "`file` here"),
    ("ci.secrets.HashiCorpVaultKvSecretProvider", "not available yet"),
    ("ci.BuilderConfig", "`builder` here"),
    ("ci.BuildFactory", "`factory` here"),
    ("ci.WorkerLock", "`worker_lock` here"),
    ("ci.WithProperties", "`interpolate` here"),
    ("ci.URLForBuild", "`url_for_build` here"),
    ("ci.FlattenList", "`ci.list.flatten` here"),
    ("ci.ForceScheduler", "`ci.schedulers.force` here"),
    ("ci.UserPasswordAuth", "`ci.auth.user_password` here"),
    ("ci.RevlinkMatch", "c.revlink = function"),
    ("ci.JanitorConfigurator", "`c.janitor` here"),
    ("ci.StopBuildEndpointMatcher", "allow = { stop = \"role\" }"),
    ("ci.RolesFromUsername", "`users` of a role"),
    ("ci.GNUAutoconf", "a function that returns a list of steps"),
    ("ci.DockerLatentWorker", "not available yet"),
    ("ci.util", "everything is in `ci` itself"),
    // As a global name
    ("AnyBranchScheduler", "`ci.schedulers.any_branch` here"),
    ("GitHubStatusPush", "`ci.reporters.github_status` here"),
];

/// `haltOnFailure` → `halt_on_failure`.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    let mut before = '_';
    for c in name.chars() {
        if c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit()) {
            out.push('_');
        }
        out.extend(c.to_lowercase());
        before = c;
    }
    out
}

/// Each name of a row, and what is expected of it.
fn names(row: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    row.split_whitespace().map(|name| name.split_once('=').unwrap_or((name, "")))
}

/// The problems of a file that does `statement` and returns `c`: messages with their hints.
fn problems(statement: &str) -> Vec<String> {
    let text =
        format!("local ci = require 'ci'\nlocal c, _ = ci.config()\n{statement}\nreturn c\n");
    let error = local(async { load_with(&text, &[]).await.err() });
    let said = error.iter().flat_map(|error| &error.problems);
    said.map(|p| format!("{} {}", p.message, p.hints.join(" "))).collect()
}

#[test]
fn d16_every_option_of_buildbots_is_known() {
    let mut wrong = Vec::new();
    for (call, row) in ROWS {
        let statement = match *call {
            "c" => names(row).map(|(name, _)| format!("c['{name}'] = false ")).collect::<String>(),
            call => {
                let given = names(row).map(|(name, _)| format!("['{name}'] = false, "));
                let call = call.replace('…', &given.collect::<String>());
                if call.starts_with("ci.") { format!("_ = {call}") } else { call }
            }
        };
        let problems = problems(&statement);
        for (theirs, expected) in names(row) {
            let unknown = format!("unknown option `{theirs}` of");
            let said = problems.iter().find(|p| p.starts_with(&unknown)).map_or("", |p| p.as_str());
            let snake = snake_case(theirs);
            let wanted = match expected {
                "" if snake == theirs => {
                    if !said.is_empty() {
                        wrong.push(format!("{call}: {theirs} is one of ours, but {said:?}"));
                    }
                    continue;
                }
                "" => format!("Buildbot's `{theirs}` is `{snake}` here."),
                "-" => format!("`{theirs}` has no counterpart"),
                "?" => format!("`{theirs}` is not available yet."),
                "…" => format!("`{theirs}` "),
                ours => format!("Buildbot's `{theirs}` is `{ours}` here."),
            };
            let hint = said.strip_prefix(&unknown).unwrap_or("");
            if !hint.contains(&wanted) {
                wrong.push(format!("{call}: {wanted:?} is not in {said:?}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.join(
            "
"
        )
    );
}

#[test]
fn d16_every_class_of_buildbots_has_a_place_or_a_reason() {
    for (path, wanted) in CLASSES {
        let problems = problems(&format!("_ = {path}"));
        assert!(problems.iter().any(|p| p.contains(wanted)), "{path}: {problems:?}");
    }
}
