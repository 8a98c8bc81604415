//! The end of reading a table of options: what was not asked for, what must be given and is not, and
//! what is right but comes later, each told once.

use std::cell::OnceCell;

use super::Fields;
use crate::script::read::{later, options_of};
use crate::script::spelling::suggestion_for;

impl Fields<'_, '_> {
    /// Everything that was not asked for is an error, and what must be given and is not.
    pub(in crate::script) fn finish(self) {
        self.check_known();
        self.refuse_what_comes_later();
        let kind = self.kind.as_deref().unwrap_or_default();
        let mut missing = self.missing.take();
        // Listed only for who needs it: most objects have no unknown option.
        let known: OnceCell<Vec<String>> = OnceCell::new();
        for key in self.given.unknown() {
            let known =
                known.get_or_init(|| self.given.known().into_iter().map(str::to_owned).collect());
            let hint = suggestion_for(kind, key, known);
            // A name that is misspelt is one mistake, not two.
            let means = |option: &String| {
                hint.as_ref().is_some_and(|hint| hint.contains(&format!("`{option}`")))
            };
            missing.retain(|option| !means(option));
            let message = format!("unknown option `{key}` of {}.", self.owner);
            self.problem_with(key, message, hint.into_iter().collect());
        }
        // Who gives values alone leaves every name out.
        if self.given.has_positions && self.given.names().next().is_none() {
            missing.clear();
        }
        for option in missing {
            let message = format!("{} needs `{option}`.", self.owner);
            self.reader.ground.problem(&self.spot(), message, Vec::new());
        }
        if self.given.has_positions {
            self.reader.ground.problem(
                &self.spot(),
                format!(
                    "{} has values without a name; every option is `name = value`.",
                    self.owner
                ),
                Vec::new(),
            );
        }
    }

    /// The list of a kind's options is what `with_defaults` and the type definitions know; it must
    /// not drift from what is asked for.
    fn check_known(&self) {
        if !cfg!(debug_assertions) {
            return;
        }
        let Some(kind) = &self.kind else { return };
        let Some(options) = options_of(kind) else { return };
        let known = self.given.known();
        debug_assert!(options.iter().all(|o| known.contains(o)), "{kind}: {known:?}");
        let has_types = ["step", "scheduler", "reporter", "hook"].contains(&kind.as_str());
        debug_assert!(has_types || options.len() == known.len(), "{kind}: {known:?}");
    }

    /// What is right but cannot be done yet is refused, never ignored.
    fn refuse_what_comes_later(&self) {
        let Some(kind) = &self.kind else { return };
        for option in later::of_kind(kind) {
            if option == "*" {
                let (message, hint) = later::refusal(&self.owner);
                self.reader.ground.problem(&self.spot(), message, vec![hint]);
            } else if self.given.peek(option).is_some() {
                let (message, hint) = later::refusal(&format!("`{option}` of {}", self.owner));
                self.problem_with(option, message, vec![hint]);
            }
        }
    }
}
