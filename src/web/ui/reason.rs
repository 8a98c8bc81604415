//! Why something waits, as pages say it: the engine's words, with links to the builds that are in the
//! way. One way for the request's own page, for lists of requests and for the steps of a build.

use maud::{Markup, html};

use super::layout::View;
use super::part;
use super::visible::visible;
use crate::model::why::{Because, BuildName, LockHeld, Reason, Why};

/// What a request in a list waits for: the first reason, and how many there are beside it. Who says
/// no to it, which its row tells, comes first.
pub(super) fn short(view: &View, held_by: Option<&str>, why: Option<&Why>) -> Markup {
    let reasons = why.map_or(&[][..], Why::reasons);
    let is_told = |reason: &&Reason| !matches!(reason, Reason::Refused { .. });
    let mut others = reasons.iter().filter(is_told);
    html! {
        @match held_by {
            Some(by) => { "no from " (visible(by)) },
            None => @match others.next() {
                Some(first) => (full(view, first)),
                None => "its turn has not come",
            },
        }
        @let more = others.count();
        @if more > 0 { span.quiet { ", and " (more) " more" } }
    }
}

/// A reason, with links to the builds that are in the way.
pub(super) fn full(view: &View, reason: &Reason) -> Markup {
    let builds: &[BuildName] = match reason {
        Reason::Worker {
            because: Because::Full { builds, .. } | Because::SameBuilder { builds, .. },
            ..
        } => builds,
        Reason::Worker { because: Because::Lock(LockHeld { holders, .. }), .. }
        | Reason::Lock { held: LockHeld { holders, .. }, .. } => holders,
        _ => &[],
    };
    let text = reason.to_string();
    let (named, rest) = split(&text, builds);
    html! {
        @for (before, name, build) in &named {
            (visible(before))
            a href=(view.to(&part::build_path(build.builder_id.0, build.number))) { (visible(name)) }
        }
        (visible(rest))
    }
}

/// What stands before the name of each build in `text`, which names them in order; and the rest.
fn split<'a>(
    text: &'a str,
    builds: &'a [BuildName],
) -> (Vec<(&'a str, String, &'a BuildName)>, &'a str) {
    let (mut named, mut rest) = (Vec::new(), text);
    for build in builds {
        let name = build.to_string();
        if let Some((before, after)) = rest.split_once(&name) {
            named.push((before, name, build));
            rest = after;
        }
    }
    (named, rest)
}

#[cfg(test)]
mod tests {
    use crate::base::id::{BuildId, BuilderId};

    use super::*;

    #[test]
    fn builds_are_found_where_a_reason_names_them() {
        let build = |number| BuildName {
            id: BuildId(number),
            builder_id: BuilderId(1),
            builder: "linux".to_owned(),
            number,
        };
        let builds = vec![build(3), build(7)];
        let because = Because::Full { max_builds: 2, builds: builds.clone() };
        let text = Reason::Worker { worker: "w1".to_owned(), because }.to_string();
        let (named, rest) = split(&text, &builds);
        let named: Vec<_> =
            named.iter().map(|(before, name, _)| (*before, name.as_str())).collect();
        assert_eq!(named, [("worker w1 builds ", "linux #3"), (", ", "linux #7")]);
        assert_eq!(rest, " and takes at most 2 builds at once");
    }
}
