//! A text that must not be shown. It has no `Display` and no `==`; its `Debug` says only that it is
//! a secret, and serialized it is the name of its file. Comparison takes the same time whatever
//! differs.

use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// A secret: a password, a token, a key.
#[derive(Clone)]
pub struct Secret {
    text: Arc<str>,
    file: Option<Arc<str>>,
}

impl Secret {
    /// Takes `text` as a secret.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: Arc::from(text), file: None }
    }

    /// Takes the text of a secret file, which `file` names as the configuration does.
    #[must_use]
    pub fn from_file(text: &str, file: &str) -> Self {
        Self { text: Arc::from(text), file: Some(Arc::from(file)) }
    }

    /// The file it was read from; none for one that is written into the configuration itself.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The text itself, for the one place that must send or check it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Whether `candidate` is the secret, in constant time for candidates of the same length.
    #[must_use]
    pub fn matches(&self, candidate: &str) -> bool {
        self.text.as_bytes().ct_eq(candidate.as_bytes()).into()
    }
}

/// Only that it is a secret; with `{:+?}` also a digest, by which a reload sees that one is another.
/// Such a text is compared and never shown.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.sign_plus() {
            return write!(f, "Secret({})", hex::encode(Sha256::digest(self.text.as_bytes())));
        }
        f.write_str("Secret(***)")
    }
}

/// `{"$secret": "token.txt"}`, never the text.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("$secret", &self.file())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("hunter22");
        assert!(!format!("{secret:?}").contains("hunter"));
        let read = Secret::from_file("hunter22", "pass.txt");
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"{"$secret":"pass.txt"}"#);
        assert!(secret.matches("hunter22"));
        assert!(!secret.matches("hunter23"));
        assert!(!secret.matches("hunter2"));
    }
}
