//! What differs between the steps of two builders: they are aligned by kind and name, as a person
//! would, so that a step put in at the front is one line and not forty. What is the same at both
//! ends is passed over first: that is nearly everything, in nearly every builder.

use std::sync::Arc;

use super::{Locks, options};
use crate::model::config::StepConfig;
use crate::model::outline::Outline;

/// The lines, without the builder's name.
pub(super) fn lines(
    old: &[Arc<StepConfig>],
    new: &[Arc<StepConfig>],
    locks: &Locks<'_>,
) -> Vec<String> {
    let is_same = |a: &StepConfig, b: &StepConfig| a.name == b.name && does_the_same(a, b, locks);
    let pairs = || old.iter().zip(new);
    let head = pairs().take_while(|(a, b)| is_same(a, b)).count();
    let rest = old.len().min(new.len()) - head;
    let ends = old.iter().rev().zip(new.iter().rev()).take(rest);
    let tail = ends.take_while(|(a, b)| is_same(a, b)).count();
    let (old, new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let told = Told { old, new, head, locks };
    told.lines(&is_same)
}

/// The part that differs, and how many steps stand before it.
struct Told<'a> {
    old: &'a [Arc<StepConfig>],
    new: &'a [Arc<StepConfig>],
    head: usize,
    locks: &'a Locks<'a>,
}

impl Told<'_> {
    fn lines(&self, is_same: &impl Fn(&StepConfig, &StepConfig) -> bool) -> Vec<String> {
        let (old, new) = (self.old, self.new);
        let mut lines = Vec::new();
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        let mut at = (0, 0);
        let pairs = aligned(old, new);
        for (a, b) in pairs.into_iter().chain([(old.len(), new.len())]) {
            let renamed = self.renamed((at.0, a), (at.1, b));
            for (i, step) in old.iter().enumerate().take(a).skip(at.0) {
                match renamed.iter().find(|(from, _)| *from == i) {
                    Some((_, to)) => {
                        let was = shown(step);
                        lines.push(format!("{}: renamed, was {was}", self.step(*to)));
                    }
                    None => gone.push(i),
                }
            }
            come.extend((at.1..b).filter(|i| renamed.iter().all(|(_, to)| to != i)));
            if let (Some(x), Some(y)) = (old.get(a), new.get(b))
                && !is_same(x, y)
            {
                lines.push(format!("{}: {}", self.step(b), self.options(x, y).join(", ")));
            }
            at = (a + 1, b + 1);
        }
        for i in come {
            match gone.iter().position(|g| is_same(&old[*g], &new[i])) {
                Some(place) => {
                    let from = self.head + gone.remove(place) + 1;
                    lines.push(format!("{}: moved, was step {from}", self.step(i)));
                }
                None => lines.push(format!("new {}", self.step(i))),
            }
        }
        lines.extend(
            gone.into_iter()
                .map(|i| format!("without step {} {}", self.head + i + 1, shown(&old[i]))),
        );
        lines
    }

    /// A new step by number and name.
    fn step(&self, index: usize) -> String {
        format!("step {} {}", self.head + index + 1, shown(&self.new[index]))
    }

    /// The options in which two steps differ.
    fn options(&self, old: &StepConfig, new: &StepConfig) -> Vec<String> {
        self.locks.differing(old, new).map_or_else(Vec::new, |(a, b)| options(&a, &b))
    }

    /// Pairs, among steps that have no partner, of the same step under another name.
    fn renamed(&self, old: (usize, usize), new: (usize, usize)) -> Vec<(usize, usize)> {
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for a in old.0..old.1 {
            let from = pairs.last().map_or(new.0, |(_, b)| b + 1);
            let step = &self.old[a];
            let is_renamed = |b: &usize| {
                let other = &self.new[*b];
                step.name != other.name && does_the_same(step, other, self.locks)
            };
            pairs.extend((from..new.1).find(is_renamed).map(|b| (a, b)));
        }
        pairs
    }
}

fn does_the_same(a: &StepConfig, b: &StepConfig, locks: &Locks<'_>) -> bool {
    a.does_the_same(b, |x, y| locks.are_same_accesses(x, y))
}

/// Pairs of steps with the same kind and name, in order: as many as possible.
fn aligned(old: &[Arc<StepConfig>], new: &[Arc<StepConfig>]) -> Vec<(usize, usize)> {
    let is_same = |a: &StepConfig, b: &StepConfig| a.kind == b.kind && a.name == b.name;
    // Longest common subsequence; `best[a][b]` is that of the rests.
    let mut best = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for a in (0..old.len()).rev() {
        for b in (0..new.len()).rev() {
            best[a][b] = if is_same(&old[a], &new[b]) {
                best[a + 1][b + 1] + 1
            } else {
                best[a + 1][b].max(best[a][b + 1])
            };
        }
    }
    let (mut a, mut b, mut pairs) = (0, 0, Vec::new());
    while a < old.len() && b < new.len() {
        if is_same(&old[a], &new[b]) {
            pairs.push((a, b));
            (a, b) = (a + 1, b + 1);
        } else if best[a + 1][b] >= best[a][b + 1] {
            a += 1;
        } else {
            b += 1;
        }
    }
    pairs
}

/// A step as people know it: its name, or its kind when the name is the kind's own or is known only
/// when it runs.
fn shown(step: &StepConfig) -> String {
    let shape = Outline::of(&step.name);
    match shape.inner() {
        Outline::Atom(text) if text.starts_with('"') => text.clone(),
        _ => step.kind.clone(),
    }
}
