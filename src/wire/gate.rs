//! What this ring asks of the engine, and what a worker brings to be let in. A trait so that the
//! protocols can be tested, and tried against foreign workers, without a whole master behind them.

use std::future::Future;
use std::sync::Arc;

use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use super::msgpack::websocket::Credentials;
use crate::base::secret::Secret;
use crate::engine::input::{Attached, WorkerOrder};
use crate::engine::ports::Link;
use crate::engine::{Engine, Refusal};
use crate::model::worker::WorkerInfo;

/// Who somebody says to be, and how they show it.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The worker's name.
    pub name: String,
    /// What must fit the name's password.
    pub proof: Proof,
    /// The process, if it is one of ours.
    pub boot: Option<String>,
}

/// That somebody knows a password.
#[derive(Clone, Debug)]
pub enum Proof {
    /// The password.
    Password(Secret),
    /// `MD5(MD5(password) + challenge)`, as Perspective Broker has it.
    Answer {
        /// What was asked.
        challenge: [u8; 16],
        /// What was said.
        digest: Vec<u8>,
    },
}

impl Claim {
    /// Whether it fits `password`, in a time that does not tell how far it fits.
    #[must_use]
    pub fn fits(&self, password: &Secret) -> bool {
        match &self.proof {
            Proof::Password(claimed) => password.matches(claimed.expose()),
            Proof::Answer { challenge, digest } => {
                let inner = Md5::digest(password.expose());
                let wanted = Md5::new().chain_update(inner).chain_update(challenge).finalize();
                wanted.as_slice().ct_eq(digest).into()
            }
        }
    }
}

impl From<Credentials> for Claim {
    fn from(credentials: Credentials) -> Self {
        let Credentials { name, password, boot } = credentials;
        Self { name, proof: Proof::Password(password), boot }
    }
}

/// Who may come in, and who is told.
pub trait Gate: Clone + Send + Sync + Unpin + 'static {
    /// Whether name and password hold. Unknown names cost as much time as wrong passwords.
    fn admits(&self, claim: &Claim) -> bool;

    /// Bytes that nobody can foresee, for one login.
    fn challenge(&self) -> [u8; 16];

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

    /// It wants to end: it gets nothing new, and is told when its builds have ended.
    fn retire(&self, attached: Attached) -> impl Future<Output = ()> + Send;

    /// Its connection ended.
    fn detach(&self, attached: Attached) -> impl Future<Output = ()> + Send;
}

impl Gate for Engine {
    fn admits(&self, claim: &Claim) -> bool {
        let generation = self.generation();
        let known = generation.config.worker(&claim.name);
        // An unknown name is compared with a password that nobody has.
        let nobody = Secret::new("\u{0}nobody");
        let password = known.map_or(&nobody, |worker| &worker.password);
        claim.fits(password) && known.is_some()
    }

    fn challenge(&self) -> [u8; 16] {
        let halves = [self.random().next_u64(), self.random().next_u64()];
        (u128::from(halves[0]) << 64 | u128::from(halves[1])).to_be_bytes()
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

    async fn retire(&self, attached: Attached) {
        // One that has gone meanwhile has ended already.
        let _ = self.order_worker(attached.worker, WorkerOrder::Stop).await;
    }

    async fn detach(&self, attached: Attached) {
        Self::detach(self, attached.worker, attached.epoch).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_to_a_challenge_fits_its_password_and_no_other() {
        let mut challenge = [0; 16];
        hex::decode_to_slice("a0aa657622be6dee93809daaee03c8c2", &mut challenge).unwrap();
        let digest = hex::decode("0afab986e45e19554ac9face61ddf044").unwrap();
        let claim = |digest: &[u8]| Claim {
            name: "pbw".to_owned(),
            proof: Proof::Answer { challenge, digest: digest.to_owned() },
            boot: None,
        };
        assert!(claim(&digest).fits(&Secret::new("sekrit-pbw")));
        assert!(!claim(&digest).fits(&Secret::new("sekrit-pbx")));
        assert!(!claim(&digest[..15]).fits(&Secret::new("sekrit-pbw")));
        assert!(!claim(b"").fits(&Secret::new("")));
    }
}
