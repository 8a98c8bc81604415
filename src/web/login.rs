//! Logging in and out: a form for people, HTTP Basic for clients that want a cookie. Where a login
//! leads afterwards is a page of ours or the home page, whatever the request says.

use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use maud::html;

use super::call::{Call, Problem, see_other};
use super::headers::{plain, set};
use super::ui::layout::{self, View};
use super::{Site, auth, route};

/// Largest login form.
const LIMIT: usize = 4096;

/// `GET /login`
pub(super) async fn page(site: Site, call: Call) -> Result<Response, Problem> {
    let next = call.asked("redirect").unwrap_or_default();
    Ok(form(&View::of(&site, &call), &next, None, StatusCode::OK))
}

fn form(view: &View, next: &str, wrong: Option<&str>, status: StatusCode) -> Response {
    let body = html! {
        h1 { "Log in" }
        @if let Some(wrong) = wrong { p.notice.bad role="alert" { (wrong) } }
        @if view.can_log_in {
            form.card.narrow method="post" action=(view.to("auth/login")) {
                input type="hidden" name="redirect" value=(inside(next).unwrap_or_default());
                label { "User name" input name="username" autocomplete="username" required autofocus; }
                label {
                    "Password"
                    input name="password" type="password" autocomplete="current-password" required;
                }
                button.primary type="submit" { "Log in" }
            }
        } @else {
            p { "This master has no users: " code { "c.www.auth" } " is not set in master.lua." }
        }
    };
    layout::page(view, "Log in", None, &body, status)
}

/// `POST /auth/login`
pub(super) async fn submit(site: Site, mut call: Call) -> Result<Response, Problem> {
    let fields = call.read_form(LIMIT).await?;
    let generation = site.engine().generation();
    let config = &generation.config;
    let name = fields.get("username").unwrap_or("").trim();
    let password = fields.get("password").unwrap_or("");
    let next = fields.get("redirect").unwrap_or("");
    let peer = route::address(&call);
    if let Err(problem) = auth::check_password(&site, auth::users(config), name, password, &peer) {
        return Ok(form(&View::of(&site, &call), next, Some(&problem.text), problem.status));
    }
    let to = format!("{}{}", call.root(), inside(next).unwrap_or_default());
    begin(&site, &call.parts, name, to).await
}

/// `GET /auth/login` with HTTP Basic: a cookie for API clients, as Buildbot gives it.
pub(super) async fn basic(site: Site, call: Call) -> Result<Response, Problem> {
    let generation = site.engine().generation();
    if generation.config.www.as_ref().is_none_or(|www| www.users.is_empty()) {
        return Ok(plain(StatusCode::NOT_IMPLEMENTED, "not implemented"));
    }
    match (call.who.proof, call.who.name.clone()) {
        (auth::Proof::Basic, Some(name)) => {
            let next = call.asked("redirect").unwrap_or_default();
            let next = inside(next.strip_prefix('/').unwrap_or(&next)).unwrap_or_default();
            begin(&site, &call.parts, &name, format!("{}{next}", call.root())).await
        }
        _ => {
            let mut response = plain(StatusCode::UNAUTHORIZED, "Unauthorized");
            let value = "Basic realm=\"halide-ci\", charset=\"UTF-8\"";
            set(&mut response, header::WWW_AUTHENTICATE, value);
            Ok(response)
        }
    }
}

async fn begin(site: &Site, parts: &Parts, name: &str, to: String) -> Result<Response, Problem> {
    let generation = site.engine().generation();
    // A session from before the login is over: nobody can have planted it.
    auth::end(site, &generation.config, &parts.headers).await?;
    let token = auth::begin(site, &generation.config, name).await?;
    let mut response = see_other(&to);
    *response.status_mut() = StatusCode::FOUND;
    let cookie = auth::set_cookie(&parts.headers, &generation.config, Some(&token));
    set(&mut response, header::SET_COOKIE, &cookie);
    set(&mut response, header::CACHE_CONTROL, "no-store");
    Ok(response)
}

/// `POST /auth/logout`
pub(super) async fn logout(site: Site, call: Call) -> Result<Response, Problem> {
    let generation = site.engine().generation();
    auth::end(&site, &generation.config, call.headers()).await?;
    let mut response = see_other(&call.root());
    let cookie = auth::set_cookie(call.headers(), &generation.config, None);
    set(&mut response, header::SET_COOKIE, &cookie);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `next` if it is a path below our root, in characters that cannot mean anything else.
fn inside(next: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/_-.~".contains(&b);
    let ok = next.bytes().all(plain)
        && next.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !next.split('/').any(|part| part == ".." || part == ".");
    ok.then_some(next)
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn a_login_leads_nowhere_else() {
        assert_eq!(inside("builders/3/builds/7"), Some("builders/3/builds/7"));
        for bad in [
            "//evil",
            "/\\evil",
            "https:evil",
            "https://evil",
            "\tjavascript:x",
            "a/../../b",
            "",
            "a%0d%0ab",
            "a\r\nb",
            "javascript:alert(1)",
            "\\\\evil",
        ] {
            assert_eq!(inside(bad), None, "{bad:?}");
        }
    }
}
