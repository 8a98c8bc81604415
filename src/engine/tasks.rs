//! Background tasks: spawned in one place, counted, and told when the process ends. Nothing else
//! in the program spawns.

use std::future::Future;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns tasks and knows when all have ended. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tasks {
    tracker: TaskTracker,
    token: CancellationToken,
    killed: CancellationToken,
    handle: Handle,
}

impl Tasks {
    /// Tasks on the runtime this is called from.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tracker: TaskTracker::new(),
            token: CancellationToken::new(),
            killed: CancellationToken::new(),
            handle: Handle::current(),
        }
    }

    /// Spawns a task; `name` is for people who look at a hanging stop.
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        let task = async move {
            tracing::trace!(task = name, "begins");
            future.await;
            tracing::trace!(task = name, "ends");
        };
        let killed = self.killed.clone();
        let task = async move {
            killed.run_until_cancelled_owned(task).await;
        };
        self.tracker.spawn_on(task, &self.handle);
    }

    /// Cancelled when the process ends.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// How many tasks are running.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tracker.len()
    }

    /// Whether no task is running.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracker.is_empty()
    }

    /// Drops every task where it stands, as the end of the process would.
    pub fn kill(&self) {
        self.token.cancel();
        self.killed.cancel();
    }

    /// Tells every task to end and waits until they have.
    pub async fn end(&self) {
        self.token.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}
