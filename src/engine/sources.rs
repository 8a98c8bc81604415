//! Change sources in a turn: how far one has looked is stored together with what it has found, as
//! deliveries that the intake reads. So a crash leaves a look undone or wholly done, and no change
//! is lost or made twice.

use crate::engine::act::Act;
use crate::engine::beat::Turn;
use crate::engine::input::{Answer, Looked};
use crate::engine::{Generation, Refusal};
use crate::model::event::Event;
use crate::store::{Result, change_sources, deliveries};

impl Turn<'_> {
    pub(super) fn activate_sources(&mut self, generation: &Generation) -> Result<()> {
        change_sources::unconfigure_all(self.conn)?;
        for source in &generation.config.change_sources {
            change_sources::ensure(
                self.conn,
                &source.name,
                source.kind.word(),
                &source.kind.subject(),
            )?;
        }
        Ok(())
    }

    /// A source has looked.
    pub(super) fn looked(&mut self, looked: Looked, answer: Answer<()>) -> Result<()> {
        let Looked { source, subject, served, outcome } = looked;
        let rows = change_sources::configured(self.conn)?;
        if !rows.iter().any(|row| row.id == source && row.subject == subject) {
            // A reload took it away, or let it look at something else.
            self.answer(answer, Err(Refusal::Stale));
            return Ok(());
        }
        match outcome {
            Ok(seen) => {
                change_sources::looked(self.conn, source, &seen.heads)?;
                for delivery in &seen.deliveries {
                    let id = deliveries::insert(self.conn, delivery, self.now)?;
                    self.announce(Event::DeliveryStored { delivery: id });
                    self.out.acts.push(Act::WakeIntake);
                }
            }
            Err(error) => change_sources::failed(self.conn, source, &error)?,
        }
        change_sources::ended(self.conn, source, served, self.now)?;
        self.announce(Event::SourceUpdated { source });
        self.answer(answer, Ok(()));
        Ok(())
    }

    /// Somebody wants sources to look at once; none named = all.
    pub(super) fn look_wanted(&mut self, names: &[String], answer: Answer<()>) -> Result<()> {
        let rows = change_sources::configured(self.conn)?;
        if let Some(name) = names.iter().find(|name| !rows.iter().any(|row| row.name == **name)) {
            let text = format!("there is no change source named {name:?}");
            self.answer(answer, Err(Refusal::Missing(text)));
            return Ok(());
        }
        for row in rows.iter().filter(|row| names.is_empty() || names.contains(&row.name)) {
            change_sources::want(self.conn, row.id)?;
            self.announce(Event::SourceUpdated { source: row.id });
        }
        self.answer(answer, Ok(()));
        Ok(())
    }
}
