//! A text that must not be shown. It has no `Display`, no `Serialize` and no `==`; its `Debug`
//! says only that it is a secret. Comparison takes the same time whatever differs.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// A secret: a password, a token, a key.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes `text` as a secret.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The text itself, for the one place that must send or check it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is the secret, in constant time for candidates of the same length.
    #[must_use]
    pub fn matches(&self, candidate: &str) -> bool {
        self.0.as_bytes().ct_eq(candidate.as_bytes()).into()
    }
}

/// Only that it is a secret; with `{:+?}` also a digest, by which a reload sees that one is another.
/// Such a text is compared and never shown.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.sign_plus() {
            return write!(f, "Secret({})", hex::encode(Sha256::digest(self.0.as_bytes())));
        }
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("hunter22");
        assert!(!format!("{secret:?}").contains("hunter"));
        assert!(secret.matches("hunter22"));
        assert!(!secret.matches("hunter23"));
        assert!(!secret.matches("hunter2"));
    }
}
