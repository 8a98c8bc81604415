//! What users may say who force builds: `c.validation`. It guards installations whose steps put
//! branches and properties into command lines; what hooks and schedulers say is not looked at.

use regex::Regex;
use serde::{Serialize, Serializer};

/// Patterns that a text must match from its start; none = any text.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Validation {
    /// Branches.
    #[serde(serialize_with = "written")]
    pub branch: Option<Regex>,
    /// Revisions.
    #[serde(serialize_with = "written")]
    pub revision: Option<Regex>,
    /// Names of properties that the user chooses.
    #[serde(serialize_with = "written")]
    pub property_name: Option<Regex>,
    /// Values of such properties.
    #[serde(serialize_with = "written")]
    pub property_value: Option<Regex>,
}

/// What a text is, for [`Validation::refusal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// A branch.
    Branch,
    /// A revision.
    Revision,
    /// A property's name.
    PropertyName,
    /// A property's value.
    PropertyValue,
}

impl Validation {
    /// Why `text` is refused; none = it fits. An empty text says nothing and always fits.
    #[must_use]
    pub fn refusal(&self, checked: Checked, text: &str) -> Option<String> {
        let (pattern, key) = match checked {
            Checked::Branch => (&self.branch, "branch"),
            Checked::Revision => (&self.revision, "revision"),
            Checked::PropertyName => (&self.property_name, "property_name"),
            Checked::PropertyValue => (&self.property_value, "property_value"),
        };
        let pattern = pattern.as_ref()?;
        let fits = text.is_empty() || pattern.find(text).is_some_and(|found| found.start() == 0);
        (!fits).then(|| format!("'{text}' does not match '{pattern}' (c.validation.{key})"))
    }
}

#[expect(clippy::ref_option, reason = "serde hands out the field")]
fn written<S: Serializer>(pattern: &Option<Regex>, serializer: S) -> Result<S::Ok, S::Error> {
    pattern.as_ref().map(Regex::as_str).serialize(serializer)
}
