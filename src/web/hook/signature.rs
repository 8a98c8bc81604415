//! GitHub's signatures: HMAC over the raw bytes of the body, compared in constant time. SHA-256
//! always counts when it is there; SHA-1 alone only where the configuration allows it.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::Sha256;

use crate::base::secret::Secret;

/// Why a signature does not prove its sender. Says nothing about the expected value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignatureError {
    /// There is none that counts.
    Missing,
    /// Only SHA-1, which is not allowed.
    OnlySha1,
    /// It does not look like one.
    Malformed,
    /// It is another one.
    Wrong,
}

impl SignatureError {
    /// For a hook whose header and algorithm the configuration chose.
    pub(super) fn plainly(self) -> &'static str {
        match self {
            Self::Missing => "the signature is missing.",
            Self::OnlySha1 | Self::Malformed => {
                "the signature is malformed; expected 64 hex digits, perhaps after sha256=."
            }
            Self::Wrong => "the signature does not match: the sender's secret is another one.",
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Missing => {
                "The request has no signature (header X-Hub-Signature-256). Set the same secret at \
                 GitHub as in the master's configuration."
            }
            Self::OnlySha1 => {
                "The request is signed with SHA-1 only; set allow_sha1 = true to accept that."
            }
            Self::Malformed => "The signature is malformed; expected sha256= and 64 hex digits.",
            Self::Wrong => {
                "The signature does not match: the secret at GitHub and the master's differ."
            }
        }
    }
}

/// Whether `body` was signed with `secret`.
pub(super) fn check(
    secret: &Secret,
    allow_sha1: bool,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), SignatureError> {
    let key = secret.expose().as_bytes();
    if key.is_empty() {
        // Everybody knows the empty secret.
        return Err(SignatureError::Wrong);
    }
    if let Some(given) = only(headers, "x-hub-signature-256")? {
        let given = digits(&given, "sha256=", 32)?;
        let mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| SignatureError::Wrong)?;
        return mac.chain_update(body).verify_slice(&given).map_err(|_| SignatureError::Wrong);
    }
    let Some(given) = only(headers, "x-hub-signature")? else {
        return Err(SignatureError::Missing);
    };
    if !allow_sha1 {
        return Err(SignatureError::OnlySha1);
    }
    let given = digits(&given, "sha1=", 20)?;
    let mac = Hmac::<Sha1>::new_from_slice(key).map_err(|_| SignatureError::Wrong)?;
    mac.chain_update(body).verify_slice(&given).map_err(|_| SignatureError::Wrong)
}

/// Whether the header `name` holds the HMAC-SHA256 of `body`, in hexadecimal, perhaps after
/// `sha256=`.
pub(super) fn check_plain(
    secret: &Secret,
    headers: &HeaderMap,
    name: &str,
    body: &[u8],
) -> Result<(), SignatureError> {
    let key = secret.expose().as_bytes();
    if key.is_empty() {
        return Err(SignatureError::Wrong);
    }
    let given = only(headers, name)?.ok_or(SignatureError::Missing)?;
    let given = digits(&given, "sha256=", 32).or_else(|_| digits(&given, "", 32))?;
    let mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| SignatureError::Wrong)?;
    mac.chain_update(body).verify_slice(&given).map_err(|_| SignatureError::Wrong)
}

/// The one value of a header; two of them prove nothing.
pub(super) fn only(headers: &HeaderMap, name: &str) -> Result<Option<String>, SignatureError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let text = value.to_str().map_err(|_| SignatureError::Malformed)?;
            if text.is_empty() {
                return Err(SignatureError::Missing);
            }
            Ok(Some(text.to_owned()))
        }
        (Some(_), Some(_)) => Err(SignatureError::Malformed),
    }
}

fn digits(text: &str, prefix: &str, length: usize) -> Result<Vec<u8>, SignatureError> {
    let hexadecimal = text.strip_prefix(prefix).ok_or(SignatureError::Malformed)?;
    let bytes = hex::decode(hexadecimal).map_err(|_| SignatureError::Malformed)?;
    if bytes.len() == length { Ok(bytes) } else { Err(SignatureError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"a":1}"#;

    fn sha256(key: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key");
        format!("sha256={}", hex::encode(mac.chain_update(BODY).finalize().into_bytes()))
    }

    fn sha1(key: &str) -> String {
        let mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("any key");
        format!("sha1={}", hex::encode(mac.chain_update(BODY).finalize().into_bytes()))
    }

    fn of(allow_sha1: bool, list: &[(&'static str, &str)]) -> Result<(), SignatureError> {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().expect("a header"));
        }
        check(&Secret::new("k"), allow_sha1, &headers, BODY)
    }

    #[test]
    fn githubs_own_example_is_accepted() {
        let mut headers = HeaderMap::new();
        let value = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        headers.insert("x-hub-signature-256", value.parse().expect("a header"));
        let secret = Secret::new("It's a Secret to Everybody");
        assert_eq!(check(&secret, false, &headers, b"Hello, World!"), Ok(()));
    }

    #[test]
    fn only_a_right_signature_passes() {
        use SignatureError::{Malformed, Missing, OnlySha1, Wrong};
        const NEW: &str = "x-hub-signature-256";
        const OLD: &str = "x-hub-signature";
        let (good, bad) = (sha256("k"), sha256("other"));
        let upper = good.replace("sha256=", "").to_uppercase();
        for (allow, list, expected) in [
            (false, vec![(NEW, good.as_str())], Ok(())),
            (false, vec![(NEW, bad.as_str())], Err(Wrong)),
            (false, vec![], Err(Missing)),
            (false, vec![(NEW, "")], Err(Missing)),
            (false, vec![(NEW, "sha256=")], Err(Malformed)),
            (false, vec![(NEW, "sha256=abcd")], Err(Malformed)),
            (false, vec![(NEW, "sha256=zz")], Err(Malformed)),
            (false, vec![(NEW, &good[7..])], Err(Malformed)),
            (false, vec![(NEW, &upper)], Err(Malformed)),
            (false, vec![(NEW, &good), (NEW, &good)], Err(Malformed)),
            (false, vec![(OLD, &sha1("k"))], Err(OnlySha1)),
            (true, vec![(OLD, &sha1("k"))], Ok(())),
            (true, vec![(OLD, &sha1("other"))], Err(Wrong)),
            (true, vec![(OLD, &good)], Err(Malformed)),
            // A wrong new signature is not made good by a right old one.
            (true, vec![(NEW, &bad), (OLD, &sha1("k"))], Err(Wrong)),
        ] {
            assert_eq!(of(allow, &list), expected, "{list:?}");
        }
    }
}
