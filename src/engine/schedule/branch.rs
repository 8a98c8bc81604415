//! `any_branch` and `single_branch`: a buildset once a line of development has been quiet for the
//! tree-stable timer. Each (codebase, project, repository, branch) has its own timer;
//! `single_branch` has one for all. Timers are not stored: they follow from the held changes, so
//! they survive restarts and reloads.

use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::model::change::Change;
use crate::model::config::BranchScheduler;

/// A change that a scheduler holds until its line is quiet.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// The change.
    pub(crate) change: Change,
    /// Whether it may start builds by itself.
    pub(crate) important: bool,
}

/// What a scheduler wants now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Indices of held changes that make a buildset together, per buildset.
    pub(crate) ready: Vec<Vec<usize>>,
    /// When to look again; none = only when something arrives.
    pub(crate) next: Option<Timestamp>,
}

/// Looks at the held changes at the time `now`.
#[must_use]
pub(crate) fn decide(scheduler: &BranchScheduler, held: &[Held], now: Timestamp) -> Decision {
    let mut decision = Decision::default();
    for group in lines(scheduler, held) {
        if !group.iter().any(|i| held[*i].important) {
            continue;
        }
        let Some(timer) = scheduler.tree_stable_timer else {
            // At once: one buildset per important change, with the unimportant ones before it.
            let mut set = Vec::new();
            for index in group {
                set.push(index);
                if held[index].important {
                    decision.ready.push(std::mem::take(&mut set));
                }
            }
            continue;
        };
        let due = quiet_at(&group, held, timer, now);
        if due <= now {
            decision.ready.push(group);
        } else {
            decision.next = Some(decision.next.map_or(due, |next| next.min(due)));
        }
    }
    decision
}

/// When a line of development is quiet. A clock that was set back must not hold a change for longer
/// than its timer.
fn quiet_at(line: &[usize], held: &[Held], timer: f64, now: Timestamp) -> Timestamp {
    let newest = line.iter().map(|i| held[*i].change.received_at.min(now)).max();
    newest.unwrap_or(now) + Duration::try_from_secs_f64(timer).unwrap_or_default()
}

/// When a held change is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Not before one comes that is important.
    Never,
    /// Then, if nothing else comes.
    At(Timestamp),
}

/// When the change at `place` among the held ones is built.
#[must_use]
pub(crate) fn due(scheduler: &BranchScheduler, held: &[Held], place: usize, now: Timestamp) -> Due {
    let lines = lines(scheduler, held);
    let Some(line) = lines.iter().find(|line| line.contains(&place)) else { return Due::Never };
    let Some(timer) = scheduler.tree_stable_timer else {
        let important = line.iter().any(|i| *i >= place && held[*i].important);
        return if important { Due::At(now) } else { Due::Never };
    };
    match line.iter().any(|i| held[*i].important) {
        true => Due::At(quiet_at(line, held, timer, now)),
        false => Due::Never,
    }
}

/// The held changes by line of development, in the order of arrival.
fn lines(scheduler: &BranchScheduler, held: &[Held]) -> Vec<Vec<usize>> {
    let mut lines: Vec<Vec<usize>> = Vec::new();
    let stamp = |i: usize| held[i].change.what.sourcestamp();
    for index in 0..held.len() {
        let line = lines.iter_mut().find(|line| {
            scheduler.single
                || line.first().is_some_and(|first| stamp(*first).line() == stamp(index).line())
        });
        match line {
            Some(line) => line.push(index),
            None => lines.push(vec![index]),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::ChangeId;
    use crate::model::change::NewChange;

    fn held(at: i64, branch: &str, important: bool) -> Held {
        let what = NewChange { branch: Some(branch.to_owned()), ..NewChange::default() };
        let change = Change { id: ChangeId(at), received_at: Timestamp::from_secs(at), what };
        Held { change, important }
    }

    fn scheduler(single: bool, timer: Option<f64>) -> BranchScheduler {
        BranchScheduler { single, tree_stable_timer: timer, ..BranchScheduler::default() }
    }

    #[test]
    fn each_branch_waits_for_its_own_quiet() {
        let held = [held(0, "a", true), held(10, "b", true), held(20, "a", true)];
        let at = |s| decide(&scheduler(false, Some(60.0)), &held, Timestamp::from_secs(s));
        assert_eq!(at(69), Decision { ready: vec![], next: Some(Timestamp::from_secs(70)) });
        assert_eq!(at(70), Decision { ready: vec![vec![1]], next: Some(Timestamp::from_secs(80)) });
        assert_eq!(at(80), Decision { ready: vec![vec![0, 2], vec![1]], next: None });
    }

    #[test]
    fn a_single_branch_scheduler_has_one_timer() {
        let held = [held(0, "a", true), held(20, "b", false)];
        let at = |s| decide(&scheduler(true, Some(60.0)), &held, Timestamp::from_secs(s));
        assert_eq!(at(79), Decision { ready: vec![], next: Some(Timestamp::from_secs(80)) });
        assert_eq!(at(80), Decision { ready: vec![vec![0, 1]], next: None });
    }

    #[test]
    fn a_held_change_says_when_its_line_is_quiet() {
        let held =
            [held(0, "a", true), held(10, "b", false), held(20, "a", false), held(30, "c", true)];
        let due = |scheduler, place| due(&scheduler, &held, place, Timestamp::from_secs(40));
        let quiet = Due::At(Timestamp::from_secs(80));
        assert_eq!(due(scheduler(false, Some(60.0)), 0), quiet);
        assert_eq!(due(scheduler(false, Some(60.0)), 1), Due::Never);
        assert_eq!(due(scheduler(false, Some(60.0)), 2), quiet);
        assert_eq!(due(scheduler(true, Some(60.0)), 1), Due::At(Timestamp::from_secs(90)));
        let now = Due::At(Timestamp::from_secs(40));
        assert_eq!([0, 2].map(|i| due(scheduler(false, None), i)), [now, Due::Never]);
    }

    #[test]
    fn unimportant_changes_ride_along_but_start_nothing() {
        let only = [held(0, "a", false)];
        let s = scheduler(false, Some(1.0));
        assert_eq!(decide(&s, &only, Timestamp::from_secs(99)), Decision::default());
        let s = scheduler(false, None);
        let mixed =
            [held(0, "a", false), held(1, "a", true), held(2, "a", true), held(3, "a", false)];
        let decision = decide(&s, &mixed, Timestamp::from_secs(3));
        assert_eq!(decision.ready, [vec![0, 1], vec![2]]);
    }
}
