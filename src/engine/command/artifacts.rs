//! Artifacts on their way: from a worker into the master's store, and from there to a worker.

use super::{End, Flight, LogUse, Wants};
use crate::base::clock::Clock;
use crate::engine::Engine;
use crate::engine::artifacts::{self, Arrival};
use crate::engine::logs::Use;
use crate::engine::transfer::Transfer;
use crate::model::command::CommandKind;
use crate::store::artifacts::NewArtifact;

impl Flight {
    /// A file or an archive that the master keeps.
    pub(in crate::engine) async fn keep(
        &mut self,
        kind: CommandKind,
        log: Use,
        arrival: Arrival,
        artifact: NewArtifact,
        clock: Clock,
    ) -> End {
        let name = kind.name();
        let mut transfer = Transfer::Artifact(arrival);
        let done = self.command(kind, LogUse::Named(log), Wants::default(), &mut transfer).await;
        let done = match done {
            Err(end) => return end,
            Ok(done) => done,
        };
        let Transfer::Artifact(arrival) = transfer else { return End::Abandoned };
        End::Answered(match done.check(name) {
            Ok(()) => arrival.keep((&self.store, &self.teller), artifact, clock.now()).await,
            Err(error) => Err(error),
        })
    }

    /// An artifact that a worker gets.
    pub(in crate::engine) async fn fetch(
        &mut self,
        kind: CommandKind,
        engine: &Engine,
        id: i64,
    ) -> End {
        match artifacts::open(engine, id).await {
            Ok(Some((file, content))) => self.send_known(kind, file, content).await,
            // Nothing is read at a rehearsal.
            Ok(None) => self.simple(kind).await,
            Err(error) => End::Answered(Err(error)),
        }
    }
}
