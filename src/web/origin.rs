//! Whether a request comes from our own pages. Browsers say so (`Sec-Fetch-Site`, `Origin`); other
//! clients say nothing, and are believed only when no cookie speaks for them.

use axum::http::HeaderMap;

/// What the headers say about where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// One of our own pages, or a person at the address bar.
    Own,
    /// Another site.
    Foreign,
    /// Nothing: not a browser.
    Unsaid,
}

/// Reads the headers; `url` is the configured public address.
pub(super) fn of(headers: &HeaderMap, url: &str) -> Origin {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => return Origin::Own,
        Some(_) => return Origin::Foreign,
        None => {}
    }
    match text("origin") {
        None => Origin::Unsaid,
        Some(origin) if is_ours(origin, text("host"), url) => Origin::Own,
        Some(_) => Origin::Foreign,
    }
}

/// Whether `origin` (`scheme://host:port`) is the configured address or the host that was asked.
pub(super) fn is_ours(origin: &str, host: Option<&str>, url: &str) -> bool {
    let origin = origin.to_ascii_lowercase();
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let of_url = url.split_once("://").map(|(scheme, rest)| {
        (scheme.to_ascii_lowercase(), rest.split('/').next().unwrap_or("").to_ascii_lowercase())
    });
    // Behind a proxy that ends TLS the schemes differ, so only the host is compared.
    let is_host = host.is_some_and(|host| host.eq_ignore_ascii_case(authority));
    matches!(scheme, "http" | "https")
        && (is_host || of_url.is_some_and(|(s, a)| s == scheme && a == authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &'static str)| {
            Some((axum::http::HeaderName::from_static(name), value.parse().ok()?))
        };
        list.iter().filter_map(header).collect()
    }

    #[test]
    fn only_our_own_pages_and_silent_clients_pass() {
        let url = "https://ci.example/master/";
        for (list, expected) in [
            (&[("host", "x")][..], Origin::Unsaid),
            (&[("host", "x"), ("sec-fetch-site", "same-origin")], Origin::Own),
            (&[("host", "x"), ("sec-fetch-site", "none")], Origin::Own),
            (&[("host", "x"), ("sec-fetch-site", "same-site")], Origin::Foreign),
            (
                &[("host", "x"), ("sec-fetch-site", "cross-site"), ("origin", "http://x")],
                Origin::Foreign,
            ),
            (&[("host", "x:8012"), ("origin", "http://x:8012")], Origin::Own),
            (&[("host", "x:8012"), ("origin", "http://x")], Origin::Foreign),
            (&[("host", "x"), ("origin", "https://ci.example")], Origin::Own),
            (&[("host", "x"), ("origin", "http://ci.example")], Origin::Foreign),
            (&[("host", "x"), ("origin", "null")], Origin::Foreign),
            (&[("host", "x"), ("origin", "https://ci.example.evil")], Origin::Foreign),
        ] {
            assert_eq!(of(&headers(list), url), expected, "{list:?}");
        }
    }
}
