//! A log in windows of lines: any size costs the same. Line numbers are links, colours are kept,
//! new lines are appended while it grows.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{self, View};
use super::visible::visible;
use super::{ansi, build, part};
use crate::store::frames::{self, Line};
use crate::store::page::Scope;
use crate::store::views::logs::{self, Place};
use crate::web::Site;
use crate::web::call::{Call, Problem};

/// Lines of a window.
pub(super) const WINDOW: i64 = 1000;

/// Fewer lines are not worth a fold.
const FOLD: usize = 4;

/// `GET /builders/{id}/builds/{number}/steps/{step}/logs/{slug}`, `?from=LINE`
pub(crate) async fn page(site: Site, call: Call) -> Result<Response, Problem> {
    let view = View::of(&site, &call);
    let scope = Scope {
        conditions: vec![logs::scope::OF_BUILDER_STEP, logs::scope::SLUG],
        values: vec![
            call.id(0)?.into(),
            call.id(1)?.into(),
            call.id(2)?.into(),
            call.param(3).into(),
        ],
    };
    let found = site.engine().store().read(move |conn| logs::place(conn, &scope)).await?;
    let place = found.ok_or_else(Problem::missing)?;
    let last = (place.num_lines - 1).max(0) / WINDOW * WINDOW;
    let asked = call.asked("from").and_then(|t| t.parse::<i64>().ok());
    // Without a wish, the end: what went wrong is there, and what happens now.
    let from = asked.unwrap_or_else(|| (place.num_lines - WINDOW).max(0)).clamp(0, last.max(0));
    let lines = read(&site, &place, from).await?;
    let next = from + lines.len() as i64;
    let live = !place.is_complete && next >= place.num_lines;
    let mut style = ansi::Style::default();
    let body = html! {
        h1 {
            a href=(view.to(&part::build_path(place.builder_id, place.number))) {
                (visible(&place.builder)) " #" (place.number)
            }
            " · " (visible(&place.step)) " · " (visible(&place.name))
        }
        (pager(&view, &place, from, last))
        @if place.kind == "h" {
            (framed(&view, &place))
        } @else { ol.log #lines start=(from + 1) data-next=(next) {
            (rows(&lines, from, &mut style, References::of(&place)))
        } }
        @if lines.is_empty() { p.quiet { "Nothing was written." } }
        (pager(&view, &place, from, last))
    };
    let title = format!("{} of {} #{}", place.name, place.builder, place.number);
    let scope = format!("log/{}/{next}", place.log);
    Ok(layout::page(&view, &title, live.then_some(&scope), &body, StatusCode::OK))
}

async fn read(site: &Site, place: &Place, from: i64) -> Result<Vec<Line>, Problem> {
    let (log, complete) = (place.log, place.is_complete);
    let lines = site
        .engine()
        .store()
        .read_logs(move |conn| frames::lines(conn, log, from, WINDOW, complete))
        .await?;
    Ok(lines)
}

/// A log of HTML, where it can do nothing but be seen: no script runs, nothing is sent or fetched.
fn framed(view: &View, place: &Place) -> Markup {
    let raw = format!("api/v2/logs/{}/raw_inline", place.log);
    html! { iframe.log-frame title=(visible(&place.name)) sandbox="" src=(view.to(&raw)) {} }
}

/// Lines of the list; the first has the number `from`, counted from 0. People count from 1. What a
/// worker tells of a command before it runs it is folded, so that the output is what one sees.
pub(super) fn rows(
    lines: &[Line],
    from: i64,
    style: &mut ansi::Style,
    references: References<'_>,
) -> Markup {
    let mut next = from + 1;
    let groups = lines.chunk_by(|a, b| build::is_dump(a) == build::is_dump(b)).map(|group| {
        let first = next;
        next += group.len() as i64;
        (first, group)
    });
    html! {
        @for (first, group) in groups {
            @if group.len() >= FOLD && group.first().is_some_and(build::is_dump) {
                li.fold {
                    details id={ "fold-" (first) } {
                        summary { (group.len()) " lines: directory, arguments, environment" }
                        ol start=(first) { (plain_rows(group, first, style, references)) }
                    }
                }
            } @else {
                (plain_rows(group, first, style, references))
            }
        }
    }
}

fn plain_rows(
    lines: &[Line],
    first: i64,
    style: &mut ansi::Style,
    references: References<'_>,
) -> Markup {
    html! {
        @for (number, line) in (first..).zip(lines) {
            @let (link, text) = references.split(&line.text);
            li id={ "L" (number) } class=(build::stream_class(line.stream)) {
                a.n href={ "#L" (number) } { (number) }
                span.t {
                    @if let Some((href, label)) = link { a href=(href) { (label) } ": " }
                    (ansi::line(text, style))
                }
            }
        }
    }
}

/// Where a line of a text says that another log of the step has it, such as `stdio#L12: `.
#[derive(Clone, Copy)]
pub(super) struct References<'a> {
    /// What follows the names of the logs of this attempt; none = the log is no text.
    suffix: Option<&'a str>,
}

impl<'a> References<'a> {
    pub(super) fn of(place: &'a Place) -> Self {
        let name = &place.name;
        let suffix = name.rfind("_attempt_").map_or("", |at| &name[at..]);
        Self { suffix: (place.kind == "t").then_some(suffix) }
    }

    /// The address of such a line, as this page reaches it, with what is shown of it; and the rest.
    fn split(self, text: &str) -> (Option<(String, &str)>, &str) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let split = self.suffix.zip(text.split_once(": ")).and_then(|(suffix, (label, rest))| {
            let (log, line) = label.split_once("#L")?;
            let line: i64 = line.parse().ok().filter(|line| *line > 0)?;
            let is_log = !log.is_empty() && log.chars().all(is_name);
            let from = (line - 1) / WINDOW * WINDOW;
            let href = format!("{log}{suffix}?from={from}#L{line}");
            is_log.then_some((Some((href, label)), rest))
        });
        split.unwrap_or((None, text))
    }
}

fn pager(view: &View, place: &Place, from: i64, last: i64) -> Markup {
    let raw = format!("api/v2/logs/{}/raw", place.log);
    html! {
        nav.pages aria-label="Log" {
            span { (part::lines(place.num_lines)) @if !place.is_complete { ", growing" } }
            @if from > 0 {
                " " a href="?from=0" { "First" }
                " " a rel="prev" href={ "?from=" ((from - WINDOW).max(0)) } { "Previous" }
            }
            @if from + WINDOW < place.num_lines {
                " " a rel="next" href={ "?from=" (from + WINDOW) } { "Next" }
                " " a href={ "?from=" (last) } { "Last" }
            }
            " " a href=(view.to(&raw)) download { "Download" }
            " " a href=(view.to(&format!("{raw}_inline"))) { "Raw" }
            @if !place.is_complete { " " button type="button" data-follow hidden { "Follow" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log::Stream;

    fn lines(parts: &[(Stream, &str)]) -> Vec<Line> {
        parts
            .iter()
            .map(|(stream, text)| Line { stream: *stream, text: (*text).to_owned() })
            .collect()
    }

    fn shown(lines: &[Line], from: i64) -> String {
        rows(lines, from, &mut ansi::Style::default(), References { suffix: None }).into_string()
    }

    #[test]
    fn what_a_worker_tells_of_a_command_is_folded_and_keeps_its_numbers() {
        use Stream::{Header as H, Stdout as O};
        let dump =
            [(H, "make"), (H, " in dir x"), (H, " argv"), (H, " environment:"), (H, "  A=<b>")];
        let rest = [(O, " indented output"), (H, "program finished with exit code 2")];
        let all = lines(&[dump.as_slice(), &rest].concat());
        let html = shown(&all, 9);
        let at = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} in {html}"));
        let (open, close) = (at("<details id=\"fold-11\">"), at("</details>"));
        assert!(at("id=\"L10\"") < open, "the command itself is seen");
        assert!(at("id=\"L11\"") > open && at("A=&lt;b&gt;") < close);
        assert!(at("id=\"L15\"") > close && at("id=\"L16\"") > close);
        assert_eq!(html.matches("<li id=").count(), all.len());
    }

    #[test]
    fn short_dumps_and_output_are_not_folded() {
        let few = lines(&[
            (Stream::Header, " in dir x"),
            (Stream::Stdout, "  a"),
            (Stream::Stdout, "  b"),
        ]);
        assert!(!shown(&few, 0).contains("<details"));
        let output = lines(&[(Stream::Stdout, "  a"); 9]);
        assert!(!shown(&output, 0).contains("<details"));
    }

    #[test]
    fn a_text_leads_to_the_lines_of_other_logs() {
        let text = lines(&[
            (Stream::Stdout, "stdio#L2345: a.c:1: warning: <x>"),
            (Stream::Stdout, "stdio#L0: x"),
            (Stream::Stdout, "../x#L1: x"),
            (Stream::Stdout, "stdio#L1:x"),
        ]);
        let with = |suffix| {
            rows(&text, 0, &mut ansi::Style::default(), References { suffix }).into_string()
        };
        let link = r#"<a href="stdio_attempt_2?from=2000#L2345">stdio#L2345</a>: a.c:1: warning: &lt;x&gt;"#;
        assert!(with(Some("_attempt_2")).contains(link), "{}", with(Some("_attempt_2")));
        assert_eq!(with(Some("")).matches("<a href=").count(), 1);
        assert!(!with(None).contains("<a href="));
    }
}
