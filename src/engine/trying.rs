//! Working trees that people try: a patch, stored with what is built of it, in one transaction.

use crate::engine::Refusal;
use crate::engine::beat::Turn;
use crate::engine::input::{Answer, Started, Try};
use crate::model::config::{Priority, SchedulerKind};
use crate::model::property::Properties;
use crate::store::buildsets::NewBuildset;
use crate::store::{Result, patches};

impl Turn<'_> {
    pub(super) fn tried(&mut self, wish: Try, answer: Answer<Started>) -> Result<()> {
        let generation = self.state.generation.clone();
        let row = self.state.schedulers.iter().find(|(_, s)| s.name == wish.scheduler);
        let config = generation.config.scheduler(&wish.scheduler);
        let (Some((id, row)), Some(config)) = (row, config) else {
            let text = format!("There is no scheduler {:?}.", wish.scheduler);
            self.answer(answer, Err(Refusal::Missing(text)));
            return Ok(());
        };
        let id = *id;
        let unknown = wish.builders.iter().find(|b| !config.builders.contains(b));
        let refusal = match (&config.kind, unknown) {
            (SchedulerKind::Try(_), _) if !row.is_enabled => {
                Some(format!("Scheduler {} is switched off.", config.name))
            }
            (SchedulerKind::Try(_), None) => None,
            (SchedulerKind::Try(_), Some(builder)) => {
                Some(format!("Scheduler {} does not start builder {builder:?}.", config.name))
            }
            _ => Some(format!("{} is not a try_userpass scheduler.", config.name)),
        };
        if let Some(text) = refusal {
            self.answer(answer, Err(Refusal::Invalid(text)));
            return Ok(());
        }
        let patch = patches::insert(self.conn, &wish.patch, self.now)?;
        let mut properties = Properties::from_values(&config.properties, "Scheduler");
        properties.update(&Properties::from_values(&wish.properties, "try build"));
        properties.set("scheduler", config.name.clone().into(), "Scheduler");
        properties.set("owner", wish.owner.clone().into(), "try build");
        let comment = wish.patch.comment.lines().next().unwrap_or_default();
        let reason = match (&config.reason, comment) {
            (Some(reason), _) => reason.clone(),
            (None, "") => format!("'try' job by user {}", wish.owner),
            (None, comment) => format!("'try' job by user {}: {comment}", wish.owner),
        };
        properties.set("reason", reason.clone().into(), "Scheduler");
        let mut stamp = wish.sourcestamp;
        stamp.patch = Some(patch);
        let set = NewBuildset {
            scheduler: Some(id),
            reason,
            sourcestamps: vec![stamp],
            properties,
            ..NewBuildset::default()
        };
        let priority = match &config.priority {
            Priority::Fixed(priority) => *priority,
            Priority::Ask(_) => 0,
        };
        let builders = if wish.builders.is_empty() { &config.builders } else { &wish.builders };
        let started = self.add_buildset(&set, builders, priority)?;
        self.answer(answer, Ok(started));
        Ok(())
    }
}
