//! What this ring asks of the engine. A trait so that the protocol can be tested, and tried
//! against foreign workers, without a whole master behind it.

use std::future::Future;
use std::sync::Arc;

use super::msgpack::websocket::Credentials;
use crate::base::secret::Secret;
use crate::engine::input::Attached;
use crate::engine::ports::Link;
use crate::engine::{Engine, Refusal};
use crate::model::worker::WorkerInfo;

/// Who may come in, and who is told.
pub trait Gate: Clone + Send + Sync + Unpin + 'static {
    /// Whether name and password hold. Unknown names cost as much time as wrong passwords.
    fn admits(&self, credentials: &Credentials) -> bool;

    /// The directories that `worker` needs, relative to its base directory.
    fn builddirs(&self, worker: &str) -> Vec<String>;

    /// The live connection of `worker`, if there is one.
    fn link(&self, worker: &str) -> impl Future<Output = Option<Arc<dyn Link>>> + Send;

    /// Lets a worker in that is ready for work.
    fn attach(
        &self,
        worker: String,
        info: WorkerInfo,
        link: Arc<dyn Link>,
    ) -> impl Future<Output = Result<Attached, Refusal>> + Send;

    /// Its connection ended.
    fn detach(&self, attached: Attached) -> impl Future<Output = ()> + Send;
}

impl Gate for Engine {
    fn admits(&self, credentials: &Credentials) -> bool {
        let generation = self.generation();
        let known = generation.config.worker(&credentials.name);
        // An unknown name is compared with a password that nobody has.
        let nobody = Secret::new("\u{0}nobody");
        let password = known.map_or(&nobody, |worker| &worker.password);
        password.matches(credentials.password.expose()) && known.is_some()
    }

    fn builddirs(&self, worker: &str) -> Vec<String> {
        let generation = self.generation();
        let builders = generation.config.builders.iter();
        let mut dirs: Vec<String> = builders
            .filter(|b| b.workers.iter().any(|w| w == worker))
            .flat_map(|b| (1..=b.max_builds_per_worker).map(|slot| b.directory(slot)))
            .collect();
        dirs.sort();
        dirs.dedup();
        dirs
    }

    async fn link(&self, worker: &str) -> Option<Arc<dyn Link>> {
        self.worker_link(worker.to_owned()).await.ok().flatten()
    }

    async fn attach(
        &self,
        worker: String,
        info: WorkerInfo,
        link: Arc<dyn Link>,
    ) -> Result<Attached, Refusal> {
        Self::attach(self, worker, info, link).await
    }

    async fn detach(&self, attached: Attached) {
        Self::detach(self, attached.worker, attached.epoch).await;
    }
}
