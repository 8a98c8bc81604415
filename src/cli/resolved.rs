//! A configuration as JSON for `checkconfig --json`: everything that was resolved, functions by the
//! place where they are written, and no secrets.

use serde_json::{Map, Value as Json, json};

use crate::model::config::{
    Authz, BuilderConfig, Callback, Condition, Config, Grant, LockAccess, LockMode, Parameter,
    ReporterConfig, ReporterKind, Role, Rule, SchedulerConfig, SchedulerKind, StepConfig,
    StepOption, Times, Wanted, Www,
};
use crate::model::filter::{ChangeFilter, Test};
use crate::model::render::Renderable;

/// The whole configuration.
pub(super) fn config(config: &Config) -> Json {
    json!({
        "title": config.title,
        "title_url": config.title_url,
        "url": config.url,
        "db": { "url": config.db_url },
        "protocols": { "port": config.protocols.port, "interface": config.protocols.interface },
        "www": config.www.as_ref().map(www),
        "properties": config.properties,
        "limits": {
            "cpu_seconds": config.limits.cpu_seconds,
            "memory_bytes": config.limits.memory_bytes,
        },
        "locks": config.locks.iter().map(|lock| json!({
            "name": lock.name,
            "kind": if lock.for_master { "master_lock" } else { "worker_lock" },
            "max_count": lock.max_count,
            "max_count_for_worker": lock.max_count_for_worker,
        })).collect::<Vec<_>>(),
        "workers": config.workers.iter().map(|worker| json!({
            "name": worker.name,
            "max_builds": worker.max_builds,
            "properties": worker.properties,
            "locks": locks(config, &worker.locks),
            "site": worker.site.to_string(),
        })).collect::<Vec<_>>(),
        "builders": config.builders.iter().map(|b| builder(config, b)).collect::<Vec<_>>(),
        "schedulers": config.schedulers.iter().map(scheduler).collect::<Vec<_>>(),
        "reporters": config.reporters.iter().map(reporter).collect::<Vec<_>>(),
        "files": config.files.iter().map(|f| f.path.display().to_string()).collect::<Vec<_>>(),
    })
}

fn www(www: &Www) -> Json {
    json!({
        "port": www.port,
        "interface": www.interface,
        "users": www.users.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "authz": authz(&www.authz),
        "cookie_expiration_time": www.cookie_expiration_time,
        "allowed_origins": www.allowed_origins,
        "github": www.github.as_ref().map(|hook| json!({
            "api": hook.api,
            "allow_sha1": hook.allow_sha1,
            "github_property_whitelist": hook.property_whitelist,
            "skips": hook.skips.iter().map(regex::Regex::as_str).collect::<Vec<_>>(),
            "pullrequest_ref": hook.pullrequest_ref,
            "has_token": hook.token.is_some(),
            "cancel_on_close": hook.cancel_on_close,
            "on_push": hook.on_push.as_ref().map(callback),
            "on_pull_request": hook.on_pull_request.as_ref().map(callback),
            "on_event": hook.on_event.as_ref().map(callback),
        })),
    })
}

fn authz(authz: &Authz) -> Json {
    let rule = |rule: &Rule| {
        let who = match &rule.who {
            Grant::Anyone => json!("anyone"),
            Grant::Owner => json!("owner"),
            Grant::Role(role) => json!(role),
            Grant::Predicate(function) => callback(function),
        };
        json!({ "role": who, "builders": rule.builders })
    };
    let rules = |list: &Vec<Rule>| -> Json { list.iter().map(rule).collect() };
    let allow: Map<String, Json> =
        authz.allow.iter().map(|(action, list)| (action.clone(), rules(list))).collect();
    let roles: Map<String, Json> = authz
        .roles
        .iter()
        .map(|(name, role)| {
            let Role { users, emails, domains, groups } = role;
            let role = json!({
                "users": users, "emails": emails, "domains": domains, "groups": groups,
            });
            (name.clone(), role)
        })
        .collect();
    json!({ "allow": allow, "roles": roles })
}

fn builder(config: &Config, builder: &BuilderConfig) -> Json {
    json!({
        "name": builder.name,
        "description": builder.description,
        "tags": builder.tags,
        "workers": builder.workers,
        "workerbuilddir": builder.workerbuilddir,
        "locks": locks(config, &builder.locks),
        "env": renderable(&builder.env),
        "properties": builder.properties,
        "collapse_requests": builder.collapse_requests,
        "site": builder.site.to_string(),
        "steps": builder.steps.iter().map(|s| step(config, s)).collect::<Vec<_>>(),
    })
}

fn step(config: &Config, step: &StepConfig) -> Json {
    let options: Map<String, Json> = step
        .options
        .iter()
        .map(|(name, option)| {
            let value = match option {
                StepOption::Value(value) => renderable(value),
                StepOption::Function(function) => callback(function),
            };
            (name.clone(), value)
        })
        .collect();
    json!({
        "kind": step.kind,
        "name": step.name.as_ref().map(renderable),
        "options": options,
        "halt_on_failure": step.flags.halt_on_failure,
        "flunk_on_failure": step.flags.flunk_on_failure,
        "flunk_on_warnings": step.flags.flunk_on_warnings,
        "warn_on_failure": step.flags.warn_on_failure,
        "warn_on_warnings": step.flags.warn_on_warnings,
        "always_run": step.flags.always_run,
        "do_step_if": step.do_step_if.as_ref().map(condition),
        "hide_step_if": step.hide_step_if.as_ref().map(condition),
        "locks": locks(config, &step.locks),
        "site": step.site.to_string(),
    })
}

fn scheduler(scheduler: &SchedulerConfig) -> Json {
    let mut out = json!({
        "name": scheduler.name,
        "kind": scheduler.kind.word(),
        "builders": scheduler.builders,
        "properties": scheduler.properties,
        "reason": scheduler.reason,
        "priority": scheduler.priority,
        "codebases": scheduler.codebases.iter().map(|c| json!({
            "name": c.name, "repository": c.repository, "branch": c.branch, "revision": c.revision,
        })).collect::<Vec<_>>(),
        "site": scheduler.site.to_string(),
    });
    match &scheduler.kind {
        SchedulerKind::Branch(branch) => {
            out["tree_stable_timer"] = json!(branch.tree_stable_timer);
            wanted(&mut out, &branch.wanted);
        }
        SchedulerKind::Timed(timed) => {
            match &timed.times {
                Times::Every(seconds) => out["period"] = json!(seconds),
                Times::Cron { times, forced, zone } => {
                    out["times"] = json!(format!("{times:?}"));
                    out["force_at"] = json!(forced.as_ref().map(|forced| format!("{forced:?}")));
                    out["timezone"] = json!(zone.iana_name());
                }
            }
            out["only_if_changed"] = json!(timed.only_if_changed);
            out["branch"] = json!(timed.branch);
            wanted(&mut out, &timed.wanted);
        }
        SchedulerKind::Dependent(upstream) => out["upstream"] = json!(upstream),
        SchedulerKind::Force(force) => {
            out["button_name"] = json!(force.button_name);
            out["label"] = json!(force.label);
            out["codebases"] = json!(force.codebases);
            out["reason_string"] = json!(force.reason_string);
            let fields: Vec<Json> = force.fields.iter().map(Parameter::described).collect();
            out["all_fields"] = json!(fields);
        }
    }
    out
}

fn wanted(out: &mut Json, wanted: &Wanted) {
    out["change_filter"] = filter(&wanted.change_filter);
    out["file_is_important"] = json!(wanted.file_is_important.as_ref().map(callback));
    out["only_important"] = json!(wanted.only_important);
}

fn filter(filter: &ChangeFilter) -> Json {
    let fields: Vec<Json> = filter
        .fields
        .iter()
        .flat_map(|(field, tests)| tests.iter().map(move |test| (field, test)))
        .map(|(field, test)| {
            let word = field.word();
            let patterns = |list: &[regex::Regex]| -> Vec<String> {
                list.iter().map(|p| p.as_str().to_owned()).collect()
            };
            match test {
                Test::In(list) => json!({ word: list }),
                Test::NotIn(list) => json!({ format!("{word}_not_eq"): list }),
                Test::Matches(list) => json!({ format!("{word}_re"): patterns(list) }),
                Test::NotMatches(list) => json!({ format!("{word}_not_re"): patterns(list) }),
                Test::Callback(function) => json!({ word: callback(function) }),
            }
        })
        .collect();
    json!({
        "tests": fields,
        "properties": filter.properties,
        "property_not_eq": filter.not_properties,
        "property_patterns": filter.property_patterns.iter().map(|(name, pattern, is_wanted)| {
            let key = if *is_wanted { "property_re" } else { "property_not_re" };
            json!({ key: { name: pattern.as_str() } })
        }).collect::<Vec<_>>(),
        "filter": filter.filter.as_ref().map(callback),
    })
}

fn reporter(reporter: &ReporterConfig) -> Json {
    let ReporterKind::GithubStatus(status) = &reporter.kind;
    json!({
        "name": reporter.name,
        "kind": "github_status",
        "api": status.api,
        "context": renderable(&status.context),
        "pending": status.pending.as_ref().map(renderable),
        "start": renderable(&status.start),
        "finish": renderable(&status.finish),
        "builders": reporter.builders,
        "site": reporter.site.to_string(),
    })
}

fn locks(config: &Config, accesses: &[LockAccess]) -> Vec<Json> {
    accesses
        .iter()
        .map(|access| {
            let name = config.locks.get(access.lock).map_or("?", |lock| lock.name.as_str());
            match access.mode {
                LockMode::Exclusive => json!({ "lock": name, "mode": "exclusive" }),
                LockMode::Counting(n) => json!({ "lock": name, "mode": "counting", "count": n }),
            }
        })
        .collect()
}

fn condition(condition: &Condition) -> Json {
    match condition {
        Condition::Value(value) => renderable(value),
        Condition::Callback(function) => callback(function),
    }
}

fn callback(callback: &Callback) -> Json {
    json!({ "function": callback.site.to_string() })
}

/// Constants as they are; what depends on the build as its Rust form, which names every part.
fn renderable(value: &Renderable) -> Json {
    match value {
        Renderable::Constant(constant) => constant.clone(),
        Renderable::Property { name, default } => {
            json!({ "property": name, "default": default.as_deref().map(renderable) })
        }
        Renderable::Callback(function) => callback(function),
        Renderable::Builddir => json!({ "builddir": true }),
        Renderable::List(items) => items.iter().map(renderable).collect(),
        Renderable::Map(entries) => {
            Json::Object(entries.iter().map(|(k, v)| (k.clone(), renderable(v))).collect())
        }
        Renderable::Concat(parts) => {
            json!({ "concat": parts.iter().map(renderable).collect::<Vec<_>>() })
        }
        Renderable::Merge(maps) => {
            json!({ "merge": maps.iter().map(renderable).collect::<Vec<_>>() })
        }
        Renderable::Transform(function, args) => json!({
            "transform": function.site.to_string(),
            "arguments": args.iter().map(renderable).collect::<Vec<_>>(),
        }),
        Renderable::Interpolate(pieces) => json!({ "interpolate": format!("{pieces:?}") }),
    }
}
