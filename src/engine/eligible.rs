//! Which workers could take a build of a builder now, and what keeps the others from it; and the
//! builders that lack nothing but locks, which stand in line for them. Asked for each builder at each
//! look at the queue, so what is cheap to see is looked at first, and what is the same for every
//! worker once.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::base::clock::Timestamp;
use crate::base::id::{BuilderId, WorkerId};
use crate::engine::beat::Turn;
use crate::engine::locks::Want;
use crate::engine::queue::{self, Candidate, Hindrance, Place, Waiting};
use crate::engine::state::{Running, State, Worker};
use crate::model::config::{BuilderConfig, LockAccess, WorkerConfig};

/// Whether the locks are free that a builder takes wherever it builds; looked at when it matters.
#[derive(Default)]
pub(super) struct Common(OnceCell<bool>);

impl Turn<'_> {
    /// The builder's workers that could build for it now, but for those that are held.
    pub(super) fn eligible<'s>(
        &'s self,
        builder: BuilderId,
        config: &'s BuilderConfig,
        held: &'s BTreeSet<WorkerId>,
    ) -> impl Iterator<Item = Candidate> + 's {
        let common = Common::default();
        let workers = self.workers_of(builder).iter().filter(|id| !held.contains(id));
        workers.filter_map(move |id| {
            let worker = self.state.workers.get(id).filter(|w| self.takes_more(w))?;
            match self.hindrance(builder, config, *id, &common)? {
                None => Some(Candidate { worker: *id, running: worker.running.len() }),
                Some(_) => None,
            }
        })
    }

    /// Whether any worker takes a build at all: mostly none does, and no builder need be looked at.
    pub(super) fn has_room(&self) -> bool {
        self.state.workers.values().any(|worker| self.takes_more(worker))
    }

    /// Whether a worker takes another build of some builder.
    fn takes_more(&self, worker: &Worker) -> bool {
        let config = self.state.generation.config.workers.get(worker.place);
        let max = config.and_then(|w| w.max_builds);
        worker.is_configured
            && worker.connection.is_some()
            && max.is_none_or(|max| worker.running.len() < max as usize)
            && worker.standing.takes_work(self.now)
    }

    /// When the first worker comes out of quarantine.
    pub(super) fn next_release(&self) -> Option<Timestamp> {
        let here = self.state.workers.values().filter(|w| w.connection.is_some());
        here.filter_map(|w| w.standing.quarantine.holds(self.now)).min()
    }

    /// What keeps a worker from taking a build of the builder; none = it is not configured.
    pub(super) fn hindrance(
        &self,
        builder: BuilderId,
        config: &BuilderConfig,
        id: WorkerId,
        common: &Common,
    ) -> Option<Option<Hindrance>> {
        let worker = self.state.workers.get(&id)?;
        let of_worker = self.worker_config(id)?;
        let place = Place {
            running: worker.running.len(),
            max_builds: of_worker.max_builds,
            of_builder: self.builds_on(worker, builder).count(),
            max_of_builder: config.max_builds_per_worker,
            takes_work: worker.connection.is_some() && worker.standing.takes_work(self.now),
        };
        Some(place.hindrance(|| {
            self.has_common(builder, config, common) && {
                let own = self.own_wants(config, of_worker, id);
                own.is_empty() || self.state.locks.is_free(builder, &own)
            }
        }))
    }

    /// Whether the builder could have the locks that it takes wherever it builds.
    pub(super) fn has_common(
        &self,
        builder: BuilderId,
        config: &BuilderConfig,
        common: &Common,
    ) -> bool {
        let is_free = || self.state.locks.is_free(builder, &self.common_wants(config));
        *common.0.get_or_init(is_free)
    }

    /// The locks of a builder that are the same wherever it builds.
    pub(super) fn common_wants(&self, config: &BuilderConfig) -> Vec<Want> {
        let locks = config.locks.fixed.iter().filter(|access| self.is_for_master(access));
        let locks: Vec<LockAccess> = locks.copied().collect();
        // Which worker it is makes no difference to them.
        State::wants(&self.state.generation, &locks, WorkerId(0), "")
    }

    /// The other locks that a build of the builder takes on a worker.
    pub(super) fn own_wants(
        &self,
        config: &BuilderConfig,
        of_worker: &WorkerConfig,
        id: WorkerId,
    ) -> Vec<Want> {
        let of_builder = config.locks.fixed.iter().filter(|access| !self.is_for_master(access));
        let locks: Vec<LockAccess> = of_builder.chain(&of_worker.locks).copied().collect();
        State::wants(&self.state.generation, &locks, id, &of_worker.name)
    }

    fn is_for_master(&self, access: &LockAccess) -> bool {
        let locks = &self.state.generation.config.locks;
        locks.get(access.lock).is_some_and(|lock| lock.for_master)
    }

    pub(super) fn workers_of(&self, builder: BuilderId) -> &[WorkerId] {
        self.state.builders.get(&builder).map_or(&[], |b| b.workers.as_slice())
    }

    /// The worker as the active configuration describes it.
    pub(super) fn worker_config(&self, id: WorkerId) -> Option<&WorkerConfig> {
        let worker = self.state.workers.get(&id).filter(|w| w.is_configured)?;
        self.state.generation.config.workers.get(worker.place)
    }

    /// The builds of a builder that run on a worker.
    pub(super) fn builds_on<'s>(
        &'s self,
        worker: &'s Worker,
        builder: BuilderId,
    ) -> impl Iterator<Item = &'s Running> + 's {
        let builds = worker.running.iter().filter_map(|id| self.state.builds.get(id));
        builds.filter(move |running| running.build.builder == builder)
    }

    /// Builders that could start but for locks stand in line for them, each on one worker: where the
    /// fewest builds and steps hold what it needs, so that it waits for ever fewer of them.
    pub(super) fn stand_in_line(&mut self) {
        let generation = self.state.generation.clone();
        let mut in_line = BTreeSet::new();
        let workers_lock = generation.config.workers.iter().any(|w| !w.locks.is_empty());
        let may_wait = !self.state.is_closing && self.has_room();
        let mut heads: Vec<Waiting> = self.heads().filter(|_| may_wait).collect();
        queue::order(&mut heads);
        for head in heads {
            let Some(config) = self.config_of(&generation, head.builder) else { continue };
            if config.locks.fixed.is_empty() && !workers_lock {
                continue;
            }
            if let Some(wants) = self.waits_only_for(head.builder, config) {
                self.state.locks.reserve(head.builder, wants);
                in_line.insert(head.builder);
            }
        }
        self.state.locks.keep_reserved(&in_line);
    }

    /// The locks that keep the builder's next build from starting; none = something else does.
    fn waits_only_for(&self, builder: BuilderId, config: &BuilderConfig) -> Option<Vec<Want>> {
        let common = Common::default();
        let mut best: Option<(usize, Vec<Want>)> = None;
        for id in self.workers_of(builder) {
            if !self.state.workers.get(id).is_some_and(|w| self.takes_more(w)) {
                continue;
            }
            match self.hindrance(builder, config, *id, &common) {
                Some(None) => return None,
                Some(Some(Hindrance::Locks)) => {}
                Some(Some(_)) | None => continue,
            }
            let Some(of_worker) = self.worker_config(*id) else { continue };
            let own = self.own_wants(config, of_worker, *id);
            let held = own.iter().map(|want| self.state.locks.holders(&want.key).len()).sum();
            if best.as_ref().is_none_or(|(fewest, _)| held < *fewest) {
                best = Some((held, own));
            }
            if held == 0 && !self.has_common(builder, config, &common) {
                // No other worker is better, and none is free.
                break;
            }
        }
        let (_, own) = best?;
        Some(self.common_wants(config).into_iter().chain(own).collect())
    }
}
