//! Artifacts: files of a worker that stay at the master, with the build that left them. The bytes are on
//! the disk before the row that names them is committed, and the row before the step is answered. What
//! a rule lets go goes once an hour: rows first, then bytes that no row names.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::base::clock::Timestamp;
use crate::base::partial::{Content, Partial};
use crate::engine::attempt::Running;
use crate::engine::build_report::BuildReport;
use crate::engine::desk::{DeskError, StepAnswer};
use crate::engine::teller::Teller;
use crate::engine::{Engine, Refusal};
use crate::model::artifact::Which;
use crate::store::artifacts::{self, NewArtifact};
use crate::store::blobs::Blobs;
use crate::store::{Conn, Store, builders};

/// How often rules are applied.
const SWEEP: Duration = Duration::from_secs(3600);
/// How long bytes without a row stay: longer than a commit takes, and than an upload pauses.
const GRACE: Duration = Duration::from_secs(6 * 3600);

/// An artifact on its way in.
pub(super) struct Arrival {
    blobs: Option<Arc<Blobs>>,
    incoming: Option<Partial>,
    name: String,
    /// Bytes that may still come.
    room: u64,
    max_size: u64,
}

impl Arrival {
    /// An artifact of at most `max_size` bytes; without `blobs` it is thrown away.
    pub(super) fn new(blobs: Option<Arc<Blobs>>, name: &str, max_size: u64) -> Self {
        Self { blobs, incoming: None, name: name.to_owned(), room: max_size, max_size }
    }

    /// The worker is about to send this content; returns the byte from which on it is wanted. Takes
    /// its time: what is there is read.
    pub(super) fn begin(&mut self, content: &Content) -> Result<u64, String> {
        if content.size > self.room {
            return Err(self.too_large());
        }
        let Some(blobs) = &self.blobs else { return Ok(0) };
        let incoming = blobs.resume(content).map_err(|error| unwritable(&error))?;
        let offset = incoming.size();
        self.room -= offset;
        self.incoming = Some(incoming);
        Ok(offset)
    }

    /// Appends a block.
    pub(super) fn write(&mut self, data: &[u8]) -> Result<(), String> {
        let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.room = self.room.checked_sub(size).ok_or_else(|| self.too_large())?;
        let Some(blobs) = &self.blobs else { return Ok(()) };
        let incoming = match &mut self.incoming {
            Some(incoming) => incoming,
            none => none.insert(blobs.receive().map_err(|error| unwritable(&error))?),
        };
        incoming.write(data).map_err(|error| format!("{} cannot be stored: {error}", self.name))
    }

    /// The worker has sent all of it; what is not as it was announced is thrown away.
    pub(super) fn close(&mut self, announced: Option<&Content>) -> Result<(), String> {
        let (Some(incoming), Some(announced)) = (&self.incoming, announced) else { return Ok(()) };
        let checked = incoming.content().check(announced);
        if checked.is_err()
            && let Some(incoming) = self.incoming.take()
        {
            incoming.discard();
        }
        checked.map_err(|what| format!("{} {what}", self.name))
    }

    fn too_large(&self) -> String {
        format!("{} has more than {} bytes, which is `max_size`", self.name, self.max_size)
    }

    /// Keeps what has come: first on the disk, then as a row. `artifact` lacks only size and hash.
    pub(super) async fn keep(
        self,
        (store, teller): (&Store, &Teller),
        mut artifact: NewArtifact,
        now: Timestamp,
    ) -> Result<StepAnswer, DeskError> {
        let Some(blobs) = self.blobs else { return Ok(StepAnswer::Value(json!({ "size": 0 }))) };
        let incoming = self.incoming.map_or_else(|| blobs.receive(), Ok);
        let incoming = incoming.map_err(|error| DeskError::Failed(unwritable(&error)))?;
        // Syncing may take long; no other task shall wait for it.
        let kept = store.beside(move || blobs.keep(incoming, system_time(now))).await;
        let blob = kept.map_err(|error| {
            DeskError::Failed(format!("{} cannot be stored: {error}", self.name))
        })?;
        artifact.size = i64::try_from(blob.size).unwrap_or(i64::MAX);
        artifact.sha256 = blob.sha256().to_owned();
        let answer = json!({ "size": artifact.size, "sha256": artifact.sha256 });
        let artifact = Box::new(artifact);
        match teller.ask(|answer| BuildReport::ArtifactKept { artifact, answer }).await {
            Ok(_) => Ok(StepAnswer::Value(answer)),
            Err(Refusal::Stale | Refusal::Ending) => Err(DeskError::Stopped),
            Err(refusal) => Err(DeskError::Failed(refusal.to_string())),
        }
    }
}

fn unwritable(error: &std::io::Error) -> String {
    format!("the store of artifacts cannot be written: {error}")
}

/// The artifacts of a build, as a step gets them.
pub(super) async fn find(
    running: &Running,
    builder: Option<String>,
    which: Which,
    branch: Option<String>,
    names: Vec<String>,
) -> Result<StepAnswer, DeskError> {
    let engine = &running.attempt.engine;
    if engine.artifacts().is_none() {
        let made_up = |name: &String| json!({ "id": 0, "name": name, "size": 0, "build": 1 });
        return Ok(StepAnswer::Value(names.iter().map(made_up).collect()));
    }
    let (wanted, own) = (builder.clone(), running.attempt.build.filed);
    let found = engine.store().read(move |conn| {
        let builder = match wanted {
            Some(name) => builders::id_of(conn, &name)?,
            None => Some(own),
        };
        let Some(builder) = builder else { return Ok(None) };
        let build = artifacts::find(conn, builder, which, branch.as_deref())?;
        Ok(Some(match build {
            Some(build) => Some(artifacts::of_build(conn, build)?),
            None => None,
        }))
    });
    match found.await {
        Err(error) => Err(DeskError::Failed(error.to_string())),
        Ok(None) => {
            let name = builder.unwrap_or_default();
            Err(DeskError::Failed(format!("there is no builder {name:?}.")))
        }
        Ok(Some(None)) => Ok(StepAnswer::Value(Json::Null)),
        Ok(Some(Some(found))) => {
            let shown = |a: &artifacts::Artifact| json!({ "id": a.id, "name": a.name, "size": a.size, "build": a.number });
            Ok(StepAnswer::Value(found.iter().map(shown).collect()))
        }
    }
}

/// Opens an artifact to be sent to a worker; none = a rehearsal, which has none.
pub(super) async fn open(
    engine: &Engine,
    id: i64,
) -> Result<Option<(std::fs::File, Content)>, DeskError> {
    let Some(blobs) = engine.artifacts() else { return Ok(None) };
    let gone = || DeskError::Failed("the artifact is gone: its time is over.".to_owned());
    let row = engine.store().read(move |conn| artifacts::one(conn, id)).await;
    let row = row.map_err(|error| DeskError::Failed(error.to_string()))?.ok_or_else(gone)?;
    let file = blobs.read(&row.sha256).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => gone(),
        _ => DeskError::Failed(format!("{} cannot be read: {error}", row.name)),
    })?;
    let content = u64::try_from(row.size).ok().and_then(|size| Content::new(size, &row.sha256));
    Ok(Some((file, content.ok_or_else(gone)?)))
}

/// Lets go what rules let go, now and once an hour.
pub async fn serve(engine: Engine, token: CancellationToken) {
    loop {
        let swept = tokio::select! {
            biased;
            () = token.cancelled() => return,
            swept = sweep(&engine) => swept,
        };
        if let Err(why) = swept {
            tracing::error!(%why, "old artifacts could not be removed");
        }
        tokio::select! {
            biased;
            () = token.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}

/// Removes rows whose time is over, then bytes that no row names.
async fn sweep(engine: &Engine) -> Result<(), String> {
    let Some(blobs) = engine.artifacts().cloned() else { return Ok(()) };
    let now = engine.clock().now();
    let expired = engine.write(move |conn: &Conn<'_>| artifacts::expire(conn, now)).await;
    let rows = expired.map_err(|refusal| refusal.to_string())?;
    let time = system_time(now);
    let store = engine.store();
    let old = store.beside({
        let blobs = blobs.clone();
        move || blobs.old(time, GRACE)
    });
    let old = old.await.map_err(|error| error.to_string())?;
    let nameless = store.read(move |conn| artifacts::nameless(conn, old)).await;
    let nameless = nameless.map_err(|error| error.to_string())?;
    let removed = store.beside(move || {
        let mut count = 0;
        for sha256 in nameless {
            count += usize::from(blobs.remove(&sha256, time, GRACE)?);
        }
        Ok(count)
    });
    let files = removed.await.map_err(|error| error.to_string())?;
    if rows + files > 0 {
        tracing::info!(rows, files, "old artifacts are removed");
    }
    Ok(())
}

fn system_time(now: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(now.0).unwrap_or(0))
}
