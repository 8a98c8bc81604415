//! The frame around every page, and [`View`]: what drawing needs to know about the reader and the
//! place. All links are relative, so that any prefix of a proxy works.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{assets, visible};
use crate::base::clock::Timestamp;
use crate::engine::Generation;
use crate::web::Site;
use crate::web::access;
use crate::web::auth::Who;
use crate::web::call::Call;
use crate::web::headers::typed;

/// Who looks, from where, and when.
#[derive(Clone)]
pub(crate) struct View {
    /// From this page back to the root: `./`, `../`, …
    pub(crate) root: String,
    /// The page's path below the root.
    pub(crate) path: String,
    /// Who looks.
    pub(crate) who: Who,
    /// Whether there are users at all.
    pub(crate) can_log_in: bool,
    /// The configuration in effect.
    pub(crate) generation: Arc<Generation>,
    /// The moment.
    pub(crate) now: Timestamp,
}

impl View {
    /// For the answer to a request.
    pub(crate) fn of(site: &Site, call: &Call) -> Self {
        let path = call.parts.uri.path().trim_start_matches('/').to_owned();
        Self::new(site, call.who.clone(), call.root(), path)
    }

    /// For fragments of a page that lies `depth` folders deep.
    pub(crate) fn at_depth(site: &Site, who: Who, depth: usize) -> Self {
        let root = if depth == 0 { "./".to_owned() } else { "../".repeat(depth) };
        Self::new(site, who, root, String::new())
    }

    fn new(site: &Site, who: Who, root: String, path: String) -> Self {
        let generation = site.engine().generation();
        let can_log_in = generation.config.www.as_ref().is_some_and(|www| !www.users.is_empty());
        Self { root, path, who, can_log_in, generation, now: site.engine().clock().now() }
    }

    /// The address of `path`, which is relative to the root.
    pub(crate) fn to(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// Whether the reader may do `action`.
    pub(crate) fn may(&self, action: &str) -> bool {
        access::allows(action, &self.who, &self.generation.config)
    }
}

/// A part of a page that is swapped as a whole when it changes. The hash lets the browser say what
/// it has, so that only what differs is sent.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    /// The element's id.
    pub(crate) id: String,
    /// Of what is inside.
    pub(crate) hash: String,
    /// The element.
    pub(crate) html: String,
}

/// Around text that only tells how late it is: no reason to send a fragment again. Private-use
/// characters, taken out before anything leaves.
const FLEETING: [char; 2] = ['\u{f8f0}', '\u{f8f1}'];

/// Marks `text` as changing by time alone.
pub(super) fn fleeting(text: &str) -> String {
    format!("{}{text}{}", FLEETING[0], FLEETING[1])
}

/// Makes a fragment of what is inside it.
pub(crate) fn fragment(id: &str, inside: &Markup) -> Fragment {
    use std::hash::Hasher as _;
    // SipHash with fixed keys: the same in every process of this version, and nobody's secret.
    let mut hasher = std::hash::DefaultHasher::new();
    let mut lasting = true;
    for part in inside.0.split(FLEETING) {
        if lasting {
            hasher.write(part.as_bytes());
        }
        lasting = !lasting;
    }
    let hash = format!("{:016x}", hasher.finish());
    let html = html! { section id=(id) data-h=(hash) { (inside) } };
    Fragment { id: id.to_owned(), hash, html: html.into_string().replace(FLEETING, "") }
}

/// Fragments one after the other.
pub(crate) fn all(fragments: &[Fragment]) -> Markup {
    html! { @for fragment in fragments { (PreEscaped(&fragment.html)) } }
}

const PLACES: [(&str, &str); 6] = [
    ("", "Home"),
    ("builders", "Builders"),
    ("workers", "Workers"),
    ("schedulers", "Schedulers"),
    ("changes", "Changes"),
    ("configuration", "Configuration"),
];

/// A page. `scope` makes it live.
pub(crate) fn page(
    view: &View,
    title: &str,
    scope: Option<&str>,
    body: &Markup,
    status: StatusCode,
) -> Response {
    let config = &view.generation.config;
    let site = if config.title.is_empty() { "halide-ci" } else { &config.title };
    let first = view.path.split('/').next().unwrap_or("");
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (visible::visible(title)) " · " (site) }
                link rel="stylesheet" href=(view.to(&assets::style_address()));
                link rel="icon" type="image/svg+xml" href=(view.to("favicon.svg"));
                script src=(view.to(&assets::script_address())) defer {}
            }
            body data-root=(view.root) data-scope=[scope] {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.brand href=(view.root) { (site) }
                    nav aria-label="Main" {
                        @for (path, name) in PLACES {
                            @let here = path == first;
                            a href=(view.to(path)) aria-current=[here.then_some("page")] { (name) }
                        }
                    }
                    (person(view))
                }
                main #main tabindex="-1" { (body) }
                footer {
                    // Without a home of its own the project has this one, to which the brand leads.
                    @if config.title_url != config.url && let Some(url) = visible::link(&config.title_url) {
                        a href=(url) rel="noopener" { (site) } " · "
                    }
                    a href=(view.to("about")) { "halide-ci " (env!("CARGO_PKG_VERSION")) }
                    span #live hidden role="status" {}
                }
            }
        }
    };
    typed(status, "text/html; charset=utf-8", markup.into_string().replace(FLEETING, ""))
}

fn person(view: &View) -> Markup {
    html! {
        div.person {
            @match &view.who.name {
                Some(name) => {
                    span { (visible::visible(name)) }
                    form method="post" action=(view.to("auth/logout")) {
                        button.link type="submit" { "Log out" }
                    }
                }
                None if view.can_log_in && view.path != "login" => {
                    a href=(view.to(&format!("login?redirect={}", view.path))) { "Log in" }
                }
                None => {}
            }
        }
    }
}
