//! The artifacts of a build, each a download.

use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::layout::View;
use super::part;
use super::visible::visible;
use crate::base::text;
use crate::store::artifacts::Artifact;

/// The part of a build's page that lists them.
pub(super) fn list(view: &View, builder: &str, artifacts: &[Artifact]) -> Markup {
    let rows = html! {
        @for artifact in artifacts {
            tr {
                td.wrap { a href=(view.to(&path(builder, artifact))) { (visible(&artifact.name)) } }
                td.num { (text::bytes(artifact.size)) }
                td.wide { (visible(&artifact.step)) }
                td.wide { code title=(artifact.sha256) { (artifact.sha256.get(..12).unwrap_or_default()) } }
            }
        }
    };
    html! {
        @if !artifacts.is_empty() {
            h2 id="artifacts" { (text::count(artifacts.len(), "artifact")) }
            (part::table(&["File", "#Size", "~By step", "~SHA-256"], false, "", &rows))
        }
    }
}

/// The address of an artifact.
fn path(builder: &str, artifact: &Artifact) -> String {
    let plain = |part: &str| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string();
    let name: Vec<String> = artifact.name.split('/').map(plain).collect();
    format!("artifacts/{}/{}/{}", plain(builder), artifact.number, name.join("/"))
}
