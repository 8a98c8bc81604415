//! Small parts that several pages share: a status by icon, word and colour, moments and durations,
//! a build in a list, a button that posts.

use std::time::Duration;

use maud::{Markup, html};

use super::layout::{View, fleeting};
use super::visible::visible;
use crate::base::clock::Timestamp;
use crate::base::results::Results;
use crate::base::text;
use crate::model::step::Fault;
use crate::store::views::builds::Line;

/// How long a log is, in words.
pub(super) fn lines(count: i64) -> String {
    if count == 1 { "1 line".to_owned() } else { format!("{count} lines") }
}

/// A status; none = it runs.
pub(super) fn status(results: Option<Results>) -> Markup {
    let (class, icon, word) = match results {
        None => ("running", "▶", "running"),
        Some(results) => (results.word(), icon(results), results.word()),
    };
    html! { span class={ "status " (class) } { span.icon aria-hidden="true" { (icon) } " " (word) } }
}

/// The status of what has ended by somebody's fault: whose it is, instead of the result's word.
pub(super) fn fault(results: Option<Results>, fault: Fault) -> Markup {
    let results = results.unwrap_or(Results::Exception);
    html! {
        span class={ "status " (results.word()) } title=(results.word()) {
            span.icon aria-hidden="true" { (icon(results)) } " " (fault.status())
        }
    }
}

/// The status of what waits for its turn.
pub(super) fn waiting() -> Markup {
    html! { span.status.waiting { span.icon aria-hidden="true" { "…" } " waiting" } }
}

fn icon(results: Results) -> &'static str {
    match results {
        Results::Success => "✓",
        Results::Warnings => "!",
        Results::Failure => "✗",
        Results::Skipped => "–",
        Results::Exception => "⚠",
        Results::Retry => "↻",
        Results::Cancelled => "⊘",
    }
}

/// The class by which a result is coloured.
pub(super) fn class(results: Option<Results>) -> &'static str {
    results.map_or("running", Results::word)
}

/// A moment: how long ago in words, the moment itself for machines and on hovering.
pub(super) fn moment(view: &View, at: Timestamp) -> Markup {
    let ago = view.now.since(at);
    let words = match ago.as_secs() {
        0..60 => format!("{} s ago", ago.as_secs()),
        60..3600 => format!("{} min ago", ago.as_secs() / 60),
        3600..172_800 => format!("{} ago", text::duration(ago)),
        seconds => format!("{} days ago", seconds / 86_400),
    };
    html! { time datetime=(at) title=(at) data-at=(at.secs()) { (fleeting(&words)) } }
}

/// How long something took, or takes by now.
pub(super) fn took(view: &View, from: Timestamp, to: Option<Timestamp>) -> Markup {
    match to {
        Some(to) => html! { (text::duration(to.since(from))) },
        // A clock that the script moves on; without it, the time when the page was drawn.
        None => html! {
            span.clock data-since=(from.secs()) {
                (fleeting(&text::duration(view.now.since(from))))
            }
        },
    }
}

/// Microseconds in words.
pub(super) fn micros(micros: i64) -> String {
    text::duration(Duration::from_micros(micros.unsigned_abs()))
}

/// The address of a build.
pub(super) fn build_path(builder: i64, number: i64) -> String {
    format!("builders/{builder}/builds/{number}")
}

/// The heads of the columns of [`build_row`].
pub(super) const BUILD_HEADS: [&str; 6] =
    ["Status", "Build", "~Text", "~Worker", "#Took", "#Ended"];

/// A build in a list of builds of several builders.
pub(super) fn build_row(view: &View, build: &Line) -> Markup {
    html! {
        tr {
            td { (status(build.results)) }
            td {
                a href=(view.to(&format!("builders/{}", build.builder_id))) { (visible(&build.builder)) }
                " "
                a href=(view.to(&build_path(build.builder_id, build.number))) { "#" (build.number) }
            }
            td.wide { (visible(&build.state)) }
            td.wide { (visible(&build.worker)) }
            td.num { (took(view, build.started_at, build.complete_at)) }
            td.num { (moment(view, build.complete_at.unwrap_or(build.started_at))) }
        }
    }
}

/// How far a build is, against what it is expected to take.
pub(super) fn progress(view: &View, build: &Line) -> Markup {
    let Some(expected) = build.expected.filter(|e| *e > 0) else {
        return html! { span.quiet { "no estimate" } };
    };
    let gone = view.now.0.saturating_sub(build.started_at.0);
    let percent = (gone.saturating_mul(100) / expected).clamp(0, 100);
    html! {
        progress max="100" value=(fleeting(&percent.to_string()))
            data-since=(build.started_at.secs()) data-expected=(expected / 1_000_000) {
            (fleeting(&format!("{percent} %")))
        }
        " of " (micros(expected))
    }
}

/// A button that posts to `path`, if the reader may do `action`.
pub(super) fn button(view: &View, action: &str, path: &str, words: &str) -> Markup {
    html! {
        @if view.may(action) {
            form.inline method="post" action=(view.to(path)) { button type="submit" { (words) } }
        }
    }
}

/// A table with a head, or words when it is empty. A head that begins with `~` is of a column that
/// narrow screens leave out, one with `#` of numbers, which stand at the right.
pub(super) fn table(heads: &[&str], empty: bool, words: &str, rows: &Markup) -> Markup {
    html! {
        @if empty {
            p.quiet { (words) }
        } @else {
            div.scroll { table {
                thead { tr {
                    @for head in heads {
                        @match head.strip_prefix('~') {
                            Some(head) => th.wide scope="col" { (head) },
                            None => @match head.strip_prefix('#') {
                                Some(head) => th.num scope="col" { (head) },
                                None => th scope="col" { (head) },
                            }
                        }
                    }
                } }
                tbody { (rows) }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_worker_could_not_do_has_a_word_of_its_own() {
        let html = fault(Some(Results::Exception), Fault::Worker).into_string();
        assert!(html.contains("class=\"status exception\"") && html.contains(" infrastructure"));
        let html = fault(Some(Results::Failure), Fault::Timeout).into_string();
        assert!(html.contains("class=\"status failure\"") && html.contains(" timed out"));
    }
}
