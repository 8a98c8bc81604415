//! Tests: those of a build that failed or were flaky, those of a builder that did so lately, and the
//! history of one.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{self, View};
use super::part;
use super::visible::visible;
use crate::base::results::Results;
use crate::base::text;
use crate::store::views::builders;
use crate::store::views::test_results::{self, Failed, Lately, Past, Unsteady};
use crate::web::Site;
use crate::web::call::{Call, Problem};

/// Failed tests that the page of a build shows.
pub(super) const SHOWN: i64 = 50;
/// Sets of results in which failed tests are looked for.
const SETS: i64 = 50;
/// Rows of the other pages.
const ROWS: i64 = 100;

/// `GET /builders/{id}/tests`, `?name=TEST` for the history of one
pub(crate) async fn page(site: Site, call: Call) -> Result<Response, Problem> {
    let view = View::of(&site, &call);
    let id = call.id(0)?;
    let asked = call.asked("name");
    let name = asked.clone();
    let rows = site.engine().store().read(move |conn| {
        let Some(builder) = builders::one(conn, id)? else { return Ok(None) };
        let (lately, unsteady, history) = match &name {
            None => (
                test_results::lately(conn, id, SETS, ROWS)?,
                test_results::unsteady(conn, id, SETS, ROWS)?,
                Vec::new(),
            ),
            Some(name) => (Vec::new(), Vec::new(), test_results::history(conn, id, name, ROWS)?),
        };
        Ok(Some((builder.name, lately, unsteady, history)))
    });
    let (builder, lately, unsteady, past) = rows.await?.ok_or_else(Problem::missing)?;
    let builder = visible(&builder);
    let body = html! {
        h1 { a href=(view.to(&format!("builders/{id}"))) { (builder) } " tests" }
        @match &asked {
            None => {
                (lately_part(&view, id, &lately))
                (unsteady_part(&view, id, &unsteady))
            }
            Some(test) => {
                h2 { (visible(test)) }
                (past_part(&view, id, &past))
                p { a href=(view.to(&format!("builders/{id}/tests"))) { "Tests that failed lately" } }
            }
        }
    };
    Ok(layout::page(&view, &format!("{builder} tests"), None, &body, StatusCode::OK))
}

/// The failed tests of a build.
pub(super) fn failed(view: &View, builder: i64, count: i64, tests: &[Failed]) -> Markup {
    let rows = html! {
        @for test in tests {
            tr {
                td { (part::status(Some(Results::Failure))) @if test.is_new { " new" } }
                td.wrap { (link(view, builder, &test.name)) }
                td.num { (took(test.duration_ns)) }
                td.wrap.wide { (said(test.message.as_deref())) }
            }
        }
    };
    html! {
        @if count > 0 {
            h2 { (text::count(usize::try_from(count).unwrap_or_default(), "failed test")) }
            (part::table(&["Status", "Test", "#Took", "~Said"], tests.is_empty(), "", &rows))
            @if count > tests.len() as i64 { p.quiet { "The first " (tests.len()) " are shown." } }
        }
    }
}

/// The tests of a build that failed and passed when they were run again.
pub(super) fn flaky(view: &View, builder: i64, count: i64, tests: &[Failed]) -> Markup {
    let rows = html! {
        @for test in tests {
            tr {
                td.wrap { (link(view, builder, &test.name)) }
                td.num { (took(test.duration_ns)) }
                td.wrap.wide { (said(test.message.as_deref())) }
            }
        }
    };
    html! {
        @if count > 0 {
            h2 { (text::count(usize::try_from(count).unwrap_or_default(), "flaky test")) }
            p.quiet { "They failed, and passed when they were run again." }
            (part::table(&["Test", "#Took", "~Said when it failed"], tests.is_empty(), "", &rows))
            @if count > tests.len() as i64 { p.quiet { "The first " (tests.len()) " are shown." } }
        }
    }
}

fn unsteady_part(view: &View, builder: i64, tests: &[Unsteady]) -> Markup {
    let rows = html! {
        @for test in tests {
            tr {
                td.wrap { (link(view, builder, &test.name)) }
                td.num { (test.retried) }
                td.num { (test.alternated) }
                td { a href=(view.to(&part::build_path(builder, test.last))) { "#" (test.last) } }
            }
        }
    };
    html! {
        @if !tests.is_empty() {
            h2 { "Flaky" }
            p.quiet {
                "Tests that passed when they were run again, or that failed in one build and passed in another "
                "of the same revision."
            }
            (part::table(&["Test", "#Run again", "#Revisions", "Last in"], false, "", &rows))
        }
    }
}

fn lately_part(view: &View, builder: i64, tests: &[Lately]) -> Markup {
    let rows = html! {
        @for test in tests {
            tr {
                td.wrap { (link(view, builder, &test.name)) }
                td.num { (test.failed) }
                td.num { (test.passed) }
            }
        }
    };
    let none = "No test failed in the newest results.";
    html! {
        h2 { "Failed lately" }
        (part::table(&["Test", "#Failed", "#Passed"], tests.is_empty(), none, &rows))
    }
}

fn past_part(view: &View, builder: i64, past: &[Past]) -> Markup {
    let rows = html! {
        @for result in past {
            tr {
                td {
                    @match result.passed {
                        Some(true) => (part::status(Some(Results::Success))),
                        Some(false) => (part::status(Some(Results::Failure))),
                        None => (visible(&result.value)),
                    }
                }
                td { a href=(view.to(&part::build_path(builder, result.build))) { "#" (result.build) } }
                td.wide { (visible(&result.set)) }
                td.num { (took(result.duration_ns)) }
                td.wrap.wide { (said(result.message.as_deref())) }
            }
        }
    };
    let heads = ["Status", "Build", "~Results of", "#Took", "~Said"];
    part::table(&heads, past.is_empty(), "No result of this test is known.", &rows)
}

fn link(view: &View, builder: i64, test: &str) -> Markup {
    let set = percent_encoding::NON_ALPHANUMERIC;
    let name = percent_encoding::utf8_percent_encode(test, set);
    html! {
        @if test.is_empty() { span.quiet { "without a name" } }
        @else { a href=(view.to(&format!("builders/{builder}/tests?name={name}"))) { (visible(test)) } }
    }
}

fn took(nanos: Option<i64>) -> Markup {
    html! { @if let Some(nanos) = nanos { (part::micros(nanos / 1000)) } }
}

/// The first lines of what a test said.
fn said(message: Option<&str>) -> Markup {
    html! { @if let Some(message) = message { code { (visible(&text::shorten(message, 300))) } } }
}
