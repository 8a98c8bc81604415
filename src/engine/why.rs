//! Why a request is not built yet: the queue's own conditions, looked at without acting. Asked live,
//! because every end of a build changes the answer; what functions said is in rows already (`note`).

use std::collections::BTreeSet;

use crate::base::id::{BuildId, BuilderId, RequestId, WorkerId};
use crate::engine::Refusal;
use crate::engine::beat::Turn;
use crate::engine::eligible::Common;
use crate::engine::locks::{Circle, Want, Who};
use crate::engine::pending::Pending;
use crate::engine::queue::Hindrance;
use crate::engine::state::Worker;
use crate::model::config::BuilderConfig;
use crate::model::request::{Request, RequestState};
use crate::model::standing::Standing;
use crate::model::why::{Because, BuildName, LockHeld, Reason, Why};
use crate::store::{Result, requests};

impl Turn<'_> {
    /// Where the request stands.
    pub(super) fn why(&self, id: RequestId) -> Result<std::result::Result<Why, Refusal>> {
        let Some(request) = self.state.requests.get(&id) else {
            return Ok(Err(match requests::exists(self.conn, id)? {
                true => {
                    Refusal::Invalid(format!("Request {id} waits for nothing: it is complete."))
                }
                false => Refusal::Missing(format!("There is no request {id}.")),
            }));
        };
        if let RequestState::Claimed(build) = request.state
            && let Some(name) = self.named(build)
        {
            let wants = self.state.locks.waited_for(build).into_iter();
            let reasons = wants.map(|(step, want)| Reason::Lock { step, held: self.held(want) });
            let reasons = reasons.collect();
            return Ok(Ok(Why::Building { build: name, reasons }));
        }
        Ok(Ok(Why::Waiting { reasons: self.reasons(request) }))
    }

    fn reasons(&self, request: &Request) -> Vec<Reason> {
        let mut out = Vec::new();
        // A master that drains still builds what its last builds wait for.
        let is_last = !self.state.drained.is_empty() && self.is_awaited(request.id);
        if self.state.is_closing && !is_last {
            out.push(Reason::Stopping);
        }
        let name = self.state.builders.get(&request.builder).map(|b| b.name.clone());
        let generation = self.state.generation.clone();
        let Some(config) = self.config_of(&generation, request.builder) else {
            out.push(Reason::BuilderRemoved { builder: name.unwrap_or_default() });
            return out;
        };
        let queue = self.state.waiting.get(&request.builder);
        let next = queue.and_then(Pending::next).filter(|next| next.request != request.id);
        if let Some((queue, next)) = queue.zip(next) {
            let ahead = queue.ahead_of(request);
            out.push(Reason::Behind { request: next.request, ahead });
        }
        out.extend(self.about_workers(request, config));
        if let Some(note) = self.state.advice.notes.get(&request.id) {
            let by = note.left_out.iter().chain(&note.refused).cloned();
            out.extend(by.map(|by| Reason::Refused { by }));
        }
        if out.is_empty() {
            out.push(Reason::Asked);
        }
        out
    }

    /// Nothing when a worker could take it now.
    fn about_workers(&self, request: &Request, config: &BuilderConfig) -> Vec<Reason> {
        if config.workers.is_empty() {
            return vec![Reason::NoWorkers];
        }
        if self.eligible(request.builder, config, &BTreeSet::new()).next().is_some() {
            return Vec::new();
        }
        let common = Common::default();
        let workers = self.workers_of(request.builder).iter().filter_map(|id| {
            let worker = self.state.workers.get(id)?;
            Some((worker, *id, self.hindrance(request.builder, config, *id, &common)??))
        });
        let hindered: Vec<(&Worker, WorkerId, Hindrance)> = workers.collect();
        let mut out = Vec::new();
        if !self.has_common(request.builder, config, &common) {
            // It is the same wherever it would be built.
            let busy = self.first_busy(request.builder, &self.common_wants(config));
            out.extend(busy.map(|held| Reason::Lock { step: None, held }));
            if hindered.iter().any(|(.., hindrance)| *hindrance == Hindrance::Locks) {
                return out;
            }
        }
        out.extend(hindered.into_iter().filter_map(|(worker, id, hindrance)| {
            let because = self.because(request, config, (id, worker), hindrance)?;
            Some(Reason::Worker { worker: worker.name.clone(), because })
        }));
        out
    }

    fn because(
        &self,
        request: &Request,
        config: &BuilderConfig,
        (id, worker): (WorkerId, &Worker),
        hindrance: Hindrance,
    ) -> Option<Because> {
        Some(match hindrance {
            Hindrance::Away => self.why_idle(worker),
            Hindrance::SameBuilder(max_builds_per_worker) => {
                let running = self.builds_on(worker, request.builder).map(|b| b.build.id);
                let builds = running.filter_map(|id| self.named(id)).collect();
                Because::SameBuilder { max_builds_per_worker, builds }
            }
            Hindrance::Full(max_builds) => {
                let builds = worker.running.iter().filter_map(|id| self.named(*id));
                Because::Full { max_builds, builds: builds.collect() }
            }
            Hindrance::Locks => {
                let wants = self.own_wants(config, self.worker_config(id)?, id);
                Because::Lock(self.first_busy(request.builder, &wants)?)
            }
        })
    }

    /// Why a worker takes no work at all.
    fn why_idle(&self, worker: &Worker) -> Because {
        let Standing { paused, quarantine, .. } = &worker.standing;
        match (paused, quarantine.holds(self.now)) {
            _ if worker.connection.is_none() => Because::Away,
            (Some(reason), _) => Because::Paused { reason: reason.clone() },
            (None, Some(until)) => {
                Because::Quarantined { until, reason: quarantine.reason.clone() }
            }
            (None, None) => Because::Graceful,
        }
    }

    /// The first of these locks that the builder cannot have.
    fn first_busy(&self, builder: BuilderId, wants: &[Want]) -> Option<LockHeld> {
        let is_free = |want: &Want| self.state.locks.is_free(builder, std::slice::from_ref(want));
        wants.iter().find(|want| !is_free(want)).map(|busy| self.held(busy))
    }

    fn held(&self, want: &Want) -> LockHeld {
        let holders = self.state.locks.holders(&want.key).iter();
        let mut holders: Vec<BuildName> =
            holders.filter_map(|(holder, _)| self.named(holder.build)).collect();
        holders.dedup();
        // A lock with room left is kept for those who wait already.
        if self.state.locks.has_room(want) {
            holders.clear();
        }
        LockHeld { lock: want.key.name.clone(), holders }
    }

    /// Who waits for whom, from `build` back to it.
    pub(super) fn circle_in_words(&self, build: BuildId, circle: &Circle) -> String {
        let name = |who: Who| match who {
            Who::Attempt(holder) if holder.build == build => "this build".to_owned(),
            Who::Attempt(holder) => {
                self.named(holder.build).map(|n| n.to_string()).unwrap_or_default()
            }
            Who::Builder(id) => {
                let name = self.state.builders.get(&id).map(|b| b.name.as_str());
                format!("the next build of {}", name.unwrap_or_default())
            }
        };
        let start = circle.iter().position(|(who, _)| who.build() == Some(build)).unwrap_or(0);
        let members = || circle.iter().cycle().skip(start).take(circle.len() + 1);
        let links = members().zip(members().skip(1)).map(|((who, key), (next, _))| {
            let Some(key) = key else {
                return format!("{} waits for {}, which it has triggered", name(*who), name(*next));
            };
            let holders = self.state.locks.holders(key);
            let holds = holders.iter().any(|(h, _)| Some(h.build) == next.build());
            let verb = if holds { "holds" } else { "waits for first" };
            format!(
                "{} waits for the lock {:?}, which {} {verb}",
                name(*who),
                key.name,
                name(*next)
            )
        });
        format!("locks make a circle: {}", links.collect::<Vec<_>>().join("; "))
    }

    /// How a running build is named.
    pub(super) fn named(&self, id: BuildId) -> Option<BuildName> {
        let build = &self.state.builds.get(&id)?.build;
        let builder = self.state.builders.get(&build.filed)?.name.clone();
        Some(BuildName { id, builder_id: build.filed, builder, number: build.number })
    }
}
