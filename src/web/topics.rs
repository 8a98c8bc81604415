//! Buildbot's event topics: which keys an announcement is published on, and the object that goes
//! with it, read from the rows as REST gives it. Issue by issue this grows; builds, requests,
//! buildsets, steps, logs, workers, changes and schedulers are here.

use serde_json::value::RawValue;

use super::Site;
use super::call::Problem;
use crate::model::event::Event;

/// An announcement in Buildbot's form: its keys and its object.
pub(super) struct Message {
    /// The keys.
    pub(super) topics: Vec<String>,
    /// The object, as JSON text.
    pub(super) body: Box<RawValue>,
}

/// What an announcement is about: the object's path in the data API, and the event's last word.
fn about(event: &Event) -> Option<(String, &'static str)> {
    use Event as E;
    Some(match event {
        E::ChangeAdded { change } => (format!("changes/{change}"), "new"),
        E::BuildsetAdded { buildset } => (format!("buildsets/{buildset}"), "new"),
        E::BuildsetCompleted { buildset, .. } => (format!("buildsets/{buildset}"), "complete"),
        E::RequestAdded { request, .. } => (format!("buildrequests/{request}"), "new"),
        E::RequestUpdated { request, .. } => (format!("buildrequests/{request}"), "updated"),
        E::RequestClaimed { request, .. } => (format!("buildrequests/{request}"), "claimed"),
        E::RequestUnclaimed { request, .. } => (format!("buildrequests/{request}"), "unclaimed"),
        E::RequestCompleted { request, .. } => (format!("buildrequests/{request}"), "complete"),
        E::BuildStarted { build, .. } => (format!("builds/{build}"), "new"),
        E::BuildUpdated { build, .. } => (format!("builds/{build}"), "update"),
        E::BuildFinished { build, .. } => (format!("builds/{build}"), "finished"),
        E::StepStarted { step, .. } => (format!("steps/{step}"), "started"),
        E::StepUpdated { step, .. } => (format!("steps/{step}"), "updated"),
        E::StepFinished { step, .. } => (format!("steps/{step}"), "finished"),
        E::LogAdded { log, .. } => (format!("logs/{log}"), "new"),
        E::LogAppended { log, .. } => (format!("logs/{log}"), "append"),
        E::LogFinished { log, .. } => (format!("logs/{log}"), "finished"),
        E::WorkerConnected { worker } => (format!("workers/{worker}"), "connected"),
        E::WorkerDisconnected { worker } => (format!("workers/{worker}"), "disconnected"),
        E::WorkerMissing { worker } => (format!("workers/{worker}"), "missing"),
        E::WorkerUpdated { worker } => (format!("workers/{worker}"), "state_updated"),
        E::SchedulerUpdated { scheduler } => (format!("schedulers/{scheduler}"), "updated"),
        E::DeliveryStored { .. }
        | E::SourceUpdated { .. }
        | E::DeliveryHandled { .. }
        | E::GenerationActivated { .. }
        | E::GenerationRejected { .. } => return None,
    })
}

/// A name under which announcements of the same thing are merged: the last one wins.
pub(super) fn merge_key(event: &Event) -> Option<String> {
    about(event).map(|(path, word)| format!("{path}/{word}"))
}

/// Reads the object of an announcement; none when it has none or is gone.
pub(super) async fn message(site: &Site, event: &Event) -> Result<Option<Message>, Problem> {
    let Some((path, word)) = about(event) else { return Ok(None) };
    let generation = site.engine().generation();
    let Some(text) = site.api().one(&generation.config, &path).await? else { return Ok(None) };
    let Ok(object) = serde_json::from_str::<serde_json::Value>(&text) else { return Ok(None) };
    let Ok(body) = RawValue::from_string(text) else { return Ok(None) };
    let field =
        |name: &str| object[name].as_str().map_or_else(|| object[name].to_string(), str::to_owned);
    let mut topics = vec![format!("{path}/{word}")];
    match path.split('/').next() {
        Some("builds") => {
            topics.push(format!(
                "builders/{}/builds/{}/{word}",
                field("builderid"),
                field("number")
            ));
            topics.push(format!("workers/{}/{path}/{word}", field("workerid")));
        }
        Some("buildrequests") => {
            let builder = field("builderid");
            topics.push(format!("builders/{builder}/{path}/{word}"));
            topics.push(format!(
                "buildsets/{}/builders/{builder}/{path}/{word}",
                field("buildsetid")
            ));
        }
        Some("steps") => topics.push(format!("builds/{}/{path}/{word}", field("buildid"))),
        Some("logs") => {
            topics.push(format!("steps/{}/logs/{}/{word}", field("stepid"), field("slug")));
        }
        _ => {}
    }
    Ok(Some(Message { topics, body }))
}

/// Whether `topic` is one of what `path` subscribes to: `*` for any one element.
pub(super) fn matches(path: &str, topic: &str) -> bool {
    let mut parts = topic.split('/');
    path.split('/').all(|p| parts.next().is_some_and(|t| p == "*" || p == t))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_exactly_one_element() {
        assert!(matches("builds/*/*", "builds/3/new"));
        assert!(matches("builds/3/*", "builds/3/new"));
        assert!(!matches("builds/*/*", "builds/3/steps/7/new"));
        assert!(!matches("builds/*", "builds/3/new"));
        assert!(matches("builds/*/steps/*/*", "builds/3/steps/7/new"));
    }
}
