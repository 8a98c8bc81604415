//! What differs between the steps of two builders: they are aligned by kind and name, as a person
//! would, so that a step put in at the front is one line and not forty.

use super::options;
use crate::model::outline::Outline;

/// The lines, without the builder's name.
pub(super) fn lines(old: &Outline, new: &Outline) -> Vec<String> {
    let (old, new) = (steps(old), steps(new));
    if old == new {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    let mut at = (0, 0);
    let pairs = aligned(old, new);
    for (a, b) in pairs.into_iter().chain([(old.len(), new.len())]) {
        let renamed = renamed(&old[at.0..a], &new[at.1..b]);
        for (i, step) in old.iter().enumerate().take(a).skip(at.0) {
            match renamed.iter().find(|(from, _)| at.0 + from == i) {
                Some((_, to)) => {
                    let to = at.1 + to;
                    let was = shown(step);
                    lines.push(format!("step {} {}: renamed, was {was}", to + 1, shown(&new[to])));
                }
                None => gone.push(i),
            }
        }
        come.extend((at.1..b).filter(|i| renamed.iter().all(|(_, to)| at.1 + to != *i)));
        if let (Some(x), Some(y)) = (old.get(a), new.get(b))
            && x != y
        {
            let changed = options(x, y);
            lines.push(format!("step {} {}: {}", b + 1, shown(y), changed.join(", ")));
        }
        at = (a + 1, b + 1);
    }
    for i in come {
        match gone.iter().position(|g| old[*g] == new[i]) {
            Some(place) => {
                let from = gone.remove(place);
                lines.push(format!(
                    "step {} {}: moved, was step {}",
                    i + 1,
                    shown(&new[i]),
                    from + 1
                ));
            }
            None => lines.push(format!("new step {} {}", i + 1, shown(&new[i]))),
        }
    }
    lines.extend(gone.into_iter().map(|i| format!("without step {} {}", i + 1, shown(&old[i]))));
    lines
}

fn steps(builder: &Outline) -> &[Outline] {
    match builder.get("steps") {
        Some(Outline::Sequence(_, steps)) => steps,
        _ => &[],
    }
}

/// Pairs of steps with the same kind and name, in order: as many as possible.
fn aligned(old: &[Outline], new: &[Outline]) -> Vec<(usize, usize)> {
    let is_same =
        |a: &Outline, b: &Outline| ["kind", "name"].iter().all(|key| a.get(key) == b.get(key));
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

/// Pairs, among steps that have no partner, of the same step under another name.
fn renamed(old: &[Outline], new: &[Outline]) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (a, step) in old.iter().enumerate() {
        let from = pairs.last().map_or(0, |(_, b)| b + 1);
        let to = (from..new.len()).find(|b| options(step, &new[*b]) == ["name"]);
        pairs.extend(to.map(|b| (a, b)));
    }
    pairs
}

/// A step as people know it: its name, or its kind when the name is the kind's own or is known only
/// when it runs.
fn shown(step: &Outline) -> String {
    let name = step.get("name").map(Outline::inner);
    match name {
        Some(Outline::Atom(text)) if text.starts_with('"') => text.clone(),
        _ => step.get("kind").map_or_else(String::new, |kind| kind.word().to_owned()),
    }
}
