//! Who sends a request: a session's cookie or HTTP Basic, against the users of the configuration.
//! Only hashes of tokens are stored, and each hash is bound to the user's password: a changed
//! password or a removed user ends the sessions.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST};
use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Site;
use super::call::Problem;
use crate::base::clock::Timestamp;
use crate::base::secret::Secret;
use crate::model::config::{COOKIE_SECONDS, Config};
use crate::store::sessions;

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    /// The user's name; none = not logged in.
    pub(super) name: Option<String>,
    /// How that is known.
    pub(super) proof: Proof,
}

/// How a user is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Not at all.
    None,
    /// By a session's cookie, which a browser sends by itself.
    Cookie,
    /// By name and password in the request.
    Basic,
}

impl Who {
    pub(super) const NOBODY: Self = Self { name: None, proof: Proof::None };
}

/// A session ends after this long without use.
const IDLE_SECS: i64 = 12 * 3600;
/// A session ends this long after the login in any case.
fn absolute_secs(config: &Config) -> i64 {
    config.www.as_ref().map_or(COOKIE_SECONDS, |www| www.cookie_expiration_time)
}

/// How exactly the last use is known.
const TOUCH_SECS: i64 = 300;

/// Who sends a request with these headers; `peer` is the limit's key for wrong passwords.
///
/// # Errors
/// When name and password are given and wrong, or tried too often.
pub(super) async fn who(
    site: &Site,
    config: &Config,
    headers: &HeaderMap,
    peer: &str,
) -> Result<Who, Problem> {
    if let Some((name, password)) = basic(headers) {
        check_password(site, users(config), &name, &password, peer)?;
        return Ok(Who { name: Some(name), proof: Proof::Basic });
    }
    let Some(token) = cookie(headers, config) else { return Ok(Who::NOBODY) };
    let name = session(site, config, &token).await?;
    // A cookie that is not valid any more is still a cookie: the sender is a browser.
    Ok(Who { name, proof: Proof::Cookie })
}

/// The users of a configuration.
pub(super) fn users(config: &Config) -> &[(String, Secret)] {
    config.www.as_ref().map_or(&[][..], |www| &www.users)
}

/// Checks a password against `users`, slowing down guesses.
pub(super) fn check_password(
    site: &Site,
    users: &[(String, Secret)],
    name: &str,
    password: &str,
    peer: &str,
) -> Result<(), Problem> {
    let keys = [format!("address {peer}"), format!("account {name}")];
    if !site.0.logins.take(&keys, site.engine().clock().now()) {
        return Err(Problem::new(
            axum::http::StatusCode::TOO_MANY_REQUESTS,
            "Too many login attempts; wait a minute and try again.",
        ));
    }
    let known = users.iter().find(|(n, _)| n == name);
    // An unknown name costs the same work, so that names cannot be told apart by time.
    let nobody = Secret::new("");
    let secret = known.map_or(&nobody, |(_, secret)| secret);
    let matches = same(secret.expose(), password);
    if known.is_some() && matches && !password.is_empty() {
        site.0.logins.succeeded(&keys);
        return Ok(());
    }
    Err(Problem::new(
        axum::http::StatusCode::UNAUTHORIZED,
        "The user name or the password is wrong.",
    ))
}

/// Compares by hashes, so that not even the length shows in the time it takes.
pub(super) fn same(secret: &str, candidate: &str) -> bool {
    let digest = |text: &str| session_key("compare", text);
    Secret::new(&digest(secret)).matches(&digest(candidate))
}

/// What is stored of a session: a hash of its token, keyed with the user's password.
fn session_key(password: &str, token: &str) -> String {
    match Hmac::<Sha256>::new_from_slice(password.as_bytes()) {
        Ok(mut mac) => {
            mac.update(token.as_bytes());
            hex::encode(mac.finalize().into_bytes())
        }
        // HMAC takes keys of any length; this cannot be reached, and if it were, nobody gets in.
        Err(_) => String::new(),
    }
}

/// Begins a session; returns the cookie's value.
pub(super) async fn begin(site: &Site, config: &Config, name: &str) -> Result<String, Problem> {
    let Some((_, password)) = users(config).iter().find(|(n, _)| n == name) else {
        return Err(Problem::missing());
    };
    let token = site.engine().random().token();
    let key = session_key(password.expose(), &token);
    let lifetime = absolute_secs(config);
    let (now, name) = (site.engine().clock().now(), name.to_owned());
    let ago = move |secs: i64| Timestamp(now.0 - secs * 1_000_000);
    site.engine()
        .write(move |conn| {
            sessions::expire(conn, ago(IDLE_SECS), ago(lifetime))?;
            sessions::insert(conn, &key, &name, now)
        })
        .await?;
    Ok(token)
}

/// Ends the session of a request, if it has one.
pub(super) async fn end(site: &Site, config: &Config, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = cookie(headers, config) else { return Ok(()) };
    let keys = keys(config, &token);
    site.engine()
        .write(move |conn| keys.iter().try_for_each(|(_, key)| sessions::delete(conn, key)))
        .await?;
    Ok(())
}

fn keys(config: &Config, token: &str) -> Vec<(String, String)> {
    users(config)
        .iter()
        .map(|(n, password)| (n.clone(), session_key(password.expose(), token)))
        .collect()
}

async fn session(site: &Site, config: &Config, token: &str) -> Result<Option<String>, Problem> {
    let keys = keys(config, token);
    if keys.is_empty() {
        return Ok(None);
    }
    let wanted: Vec<String> = keys.iter().map(|(_, key)| key.clone()).collect();
    let found = site.engine().store().read(move |conn| sessions::find(conn, &wanted)).await?;
    let Some(session) = found else { return Ok(None) };
    // The key was made with one user's password and must belong to that user.
    if !keys.iter().any(|(name, key)| *name == session.username && *key == session.sha256) {
        return Ok(None);
    }
    let now = site.engine().clock().now();
    let older = |at: Timestamp, secs: i64| now.since(at).as_secs() > secs.unsigned_abs();
    if older(session.last_used_at, IDLE_SECS) || older(session.created_at, absolute_secs(config)) {
        return Ok(None);
    }
    if older(session.last_used_at, TOUCH_SECS) {
        let key = session.sha256.clone();
        site.engine().write(move |conn| sessions::touch(conn, &key, now)).await?;
    }
    Ok(Some(session.username))
}

/// Name and password of HTTP Basic.
pub(super) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, data) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(data.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

/// How the session's cookie is made for a request.
struct CookieShape {
    name: &'static str,
    path: String,
    secure: bool,
}

impl CookieShape {
    /// Only where the page is opened by its public address can the address tell whether there is
    /// TLS and what the path is.
    fn of(headers: &HeaderMap, config: &Config) -> Self {
        let plain = Self { name: "halide_ci_session", path: "/".to_owned(), secure: false };
        let host = headers.get(HOST).and_then(|v| v.to_str().ok()).unwrap_or("");
        let Some((scheme, rest)) = config.url.split_once("://") else { return plain };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !authority.eq_ignore_ascii_case(host) {
            return plain;
        }
        let secure = scheme.eq_ignore_ascii_case("https");
        let path = format!("/{path}");
        let name = if secure && path == "/" { "__Host-halide_ci_session" } else { plain.name };
        Self { name, path, secure }
    }
}

/// The session's token in a request.
fn cookie(headers: &HeaderMap, config: &Config) -> Option<String> {
    let shape = CookieShape::of(headers, config);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == shape.name)
        .map(|(_, token)| token.to_owned())
}

/// The `Set-Cookie` that keeps `token`, or with none, forgets it.
pub(super) fn set_cookie(headers: &HeaderMap, config: &Config, token: Option<&str>) -> String {
    let CookieShape { name, path, secure } = CookieShape::of(headers, config);
    let (value, age) =
        (token.unwrap_or(""), if token.is_some() { absolute_secs(config) } else { 0 });
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &'static str) -> HeaderMap {
        [(HOST, axum::http::HeaderValue::from_static(host))].into_iter().collect()
    }

    #[test]
    fn the_cookie_is_as_strict_as_the_address_allows() {
        let config = |url: &str| Config { url: url.to_owned(), ..Config::default() };
        let cookie = |host, url: &str| set_cookie(&headers(host), &config(url), Some("t"));
        assert_eq!(
            cookie("ci.example", "https://ci.example/"),
            "__Host-halide_ci_session=t; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            cookie("ci.example", "https://ci.example/master/"),
            "halide_ci_session=t; Path=/master/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            cookie("localhost:8012", "http://localhost:8012/"),
            "halide_ci_session=t; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn basic_credentials_may_hold_colons_and_must_be_base64() {
        let of = |value: &str| {
            let value = axum::http::HeaderValue::from_str(value).ok()?;
            basic(&[(AUTHORIZATION, value)].into_iter().collect())
        };
        assert_eq!(of("Basic YTpiOmM="), Some(("a".to_owned(), "b:c".to_owned())));
        assert_eq!(of("Bearer YTpiOmM="), None);
        assert_eq!(of("Basic ???"), None);
    }
}
