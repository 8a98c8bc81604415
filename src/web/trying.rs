//! `POST /api/v2/tryschedulers/NAME`: a working tree to build, as JSON; `GET` says what may be built.
//! Who asks proves it with a name and password of the scheduler's own (HTTP Basic).

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::Site;
use super::auth;
use super::call::{Call, Problem};
use super::headers;
use super::route;
use crate::engine::input::Try;
use crate::model::config::{Checked, Config, SchedulerConfig, SchedulerKind, Validation};
use crate::model::sourcestamp::{NewPatch, Sourcestamp};

/// Largest request: a patch of 16 MiB in base64, and what belongs to it.
const LIMIT: usize = 24 << 20;
/// Largest patch.
const LARGEST: usize = 16 << 20;

/// What is to be built.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// Builders; absent = all of the scheduler's.
    #[serde(default)]
    builders: Vec<String>,
    /// The commit that the patch applies to.
    revision: Option<String>,
    branch: Option<String>,
    #[serde(default)]
    repository: String,
    #[serde(default)]
    project: String,
    #[serde(default)]
    codebase: String,
    /// Who; absent = the user.
    who: Option<String>,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    properties: BTreeMap<String, Json>,
    patch: PatchWish,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchWish {
    /// Parts of its paths that are left out; absent = 1, as git writes it.
    level: Option<u32>,
    #[serde(default)]
    subdir: String,
    /// The patch in base64.
    body_base64: String,
}

/// `POST /api/v2/tryschedulers/NAME`
pub(super) async fn post(site: Site, mut call: Call) -> Result<Response, Problem> {
    let generation = site.engine().generation();
    let (scheduler, user) = admitted(&site, &generation.config, &call)?;
    let body = call.read_body(LIMIT).await?;
    let wish: Wish = serde_json::from_slice(&body)
        .map_err(|error| Problem::invalid(format!("The body is not what try sends: {error}.")))?;
    let wish = read(scheduler, wish, &user, &generation.config.validation)?;
    let started = site.engine().try_build(wish).await?;
    let names: Map<String, Json> = {
        let ids: Vec<i64> = started.requests.iter().map(|(builder, _)| builder.0).collect();
        let read = move |conn: &crate::store::Conn<'_>| {
            ids.iter().map(|id| crate::store::views::builders::name(conn, *id)).collect()
        };
        let names: Vec<Option<String>> = site.engine().store().read(read).await?;
        let requests = started.requests.iter().map(|(_, request)| Json::from(request.0));
        names.into_iter().map(Option::unwrap_or_default).zip(requests).collect()
    };
    let answer = json!({ "bsid": started.buildset.0, "buildrequests": names });
    Ok(headers::typed(StatusCode::OK, "application/json", format!("{answer}\n")))
}

/// `GET /api/v2/tryschedulers/NAME`
pub(super) async fn get(site: Site, call: Call) -> Result<Response, Problem> {
    let generation = site.engine().generation();
    let (scheduler, _) = admitted(&site, &generation.config, &call)?;
    let answer = json!({ "name": scheduler.name, "builders": scheduler.builders });
    Ok(headers::typed(StatusCode::OK, "application/json", format!("{answer}\n")))
}

/// The scheduler of the path, and who asks. That there is no such scheduler is told to nobody who
/// has not proved who they are.
fn admitted<'c>(
    site: &Site,
    config: &'c Config,
    call: &Call,
) -> Result<(&'c SchedulerConfig, String), Problem> {
    let found = config.scheduler(call.param(0));
    let found = found.and_then(|scheduler| match &scheduler.kind {
        SchedulerKind::Try(rules) => Some((scheduler, &rules.users[..])),
        _ => None,
    });
    let Some((name, password)) = auth::basic(call.headers()) else {
        let text = "To try needs a name and a password of the scheduler's users (HTTP Basic).";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, text));
    };
    let users = found.map_or(&[][..], |(_, users)| users);
    auth::check_password(site, users, &name, &password, &route::address(call))?;
    found.map(|(scheduler, _)| (scheduler, name)).ok_or_else(Problem::missing)
}

fn read(
    scheduler: &SchedulerConfig,
    wish: Wish,
    user: &str,
    validation: &Validation,
) -> Result<Try, Problem> {
    let Wish { builders, revision, branch, repository, project, codebase, .. } = wish;
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut said = vec![(Checked::Branch, said(&branch)), (Checked::Revision, said(&revision))];
    for (name, value) in &wish.properties {
        said.push((Checked::PropertyName, name.clone()));
        said.push((
            Checked::PropertyValue,
            value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        ));
    }
    if let Some(refusal) = said.iter().find_map(|(what, text)| validation.refusal(*what, text)) {
        return Err(Problem::invalid(format!("{refusal}.")));
    }
    let subdir = wish.patch.subdir;
    if !NewPatch::is_subdir(&subdir) {
        return Err(Problem::invalid(format!("{subdir:?} is no folder below the source.")));
    }
    let body = base64::engine::general_purpose::STANDARD
        .decode(wish.patch.body_base64.trim())
        .map_err(|error| Problem::invalid(format!("The patch is not base64: {error}.")))?;
    if body.is_empty() {
        return Err(Problem::invalid("The patch is empty: there is nothing to try."));
    }
    if body.len() > LARGEST {
        let text = format!("The patch is larger than {LARGEST} bytes.");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    let owner = wish.who.filter(|who| !who.is_empty()).unwrap_or_else(|| user.to_owned());
    Ok(Try {
        scheduler: scheduler.name.clone(),
        builders,
        owner: owner.clone(),
        sourcestamp: Sourcestamp {
            branch: branch.filter(|b| !b.is_empty()),
            revision: revision.filter(|r| !r.is_empty()),
            repository,
            project,
            codebase,
            patch: None,
        },
        patch: NewPatch {
            level: wish.patch.level.unwrap_or(1),
            subdir,
            author: owner,
            comment: wish.comment,
            body,
        },
        properties: wish.properties,
    })
}
