//! Templates of messages (Jinja's language, by minijinja), for the edges that check and fill them.
//! Apart from both, so that one place bounds what a template may spend: steps, bytes, no files, no
//! state that grows over a loop.

use std::fmt;
use std::io;

use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value, value::Serde};
use serde_json::Value as Json;

/// Steps of one filling.
const FUEL: u64 = 500_000;
/// The longest text that a template may make, in bytes.
pub const LONGEST: usize = 1 << 20;
/// The longest template, in bytes.
const SOURCE: usize = 256 << 10;

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line of the template, from 1; none = it is about the whole.
    pub line: Option<usize>,
    /// What, without a final full stop.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line} of the template: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl From<&Error> for Mistake {
    fn from(error: &Error) -> Self {
        let kind = error.kind().to_string();
        let message = match error.detail() {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind,
        };
        Self { line: error.line(), message }
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(64);
    environment.set_debug(true);
    // What grows from one round of a loop to the next could double in each.
    environment.remove_global("namespace");
    environment.set_auto_escape_callback(|name| match name {
        "html" => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    environment
}

/// Whether `source` is a template.
///
/// # Errors
/// The first mistake in it.
pub fn check(source: &str) -> Result<(), Mistake> {
    if source.len() > SOURCE {
        let message = format!("it has {} bytes, a template may have {SOURCE}", source.len());
        return Err(Mistake { line: None, message });
    }
    let environment = environment();
    let checked = environment.template_from_named_str("plain", source);
    checked.map(|_| ()).map_err(|error| Mistake::from(&error))
}

/// Fills `source`; in HTML what comes from `context` is escaped.
///
/// # Errors
/// A mistake in the template, a name that the context lacks, or that it takes too long or makes too
/// much.
pub fn fill(source: &str, is_html: bool, context: &Json) -> Result<String, Mistake> {
    let environment = environment();
    let name = if is_html { "html" } else { "plain" };
    let template = environment.template_from_named_str(name, source);
    let template = template.map_err(|error| Mistake::from(&error))?;
    let mut out = Bounded(Vec::new());
    match template.render_captured_to(Value::from(Serde(context)), &mut out) {
        Ok(_) => Ok(String::from_utf8_lossy(&out.0).into_owned()),
        Err(_) if out.0.len() > LONGEST => {
            let message = format!("the text is longer than {LONGEST} bytes");
            Err(Mistake { line: None, message })
        }
        Err(error) => Err(Mistake::from(&error)),
    }
}

/// Takes a little more than the longest text, and then nothing.
struct Bounded(Vec<u8>);

impl io::Write for &mut Bounded {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let room = (LONGEST + 1).saturating_sub(self.0.len());
        self.0.extend_from_slice(&data[..data.len().min(room)]);
        if self.0.len() > LONGEST {
            return Err(io::Error::other("too long"));
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(source: &str) -> Result<String, String> {
        let context = json!({ "name": "<b>", "build": { "number": 7 }, "list": [1, 2] });
        fill(source, false, &context).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn a_template_is_filled_from_its_context() {
        let text = filled("{{ name }} {{ build.number }}{% for n in list %}, {{ n }}{% endfor %}");
        assert_eq!(text.unwrap(), "<b> 7, 1, 2");
        let html = fill("{{ name }}", true, &json!({ "name": "<b>" })).unwrap();
        assert_eq!(html, "&lt;b&gt;");
    }

    #[test]
    fn a_mistake_names_its_line() {
        let mistake = check("one\n{% if name %}\n").unwrap_err();
        assert_eq!(mistake.line, Some(2), "{mistake}");
        let error = filled("one\n{{ nobody }}").unwrap_err();
        assert!(error.starts_with("line 2 of the template: undefined value"), "{error}");
        assert!(error.contains("nobody"), "{error}");
        assert_eq!(filled("{% if nobody %}x{% endif %}").unwrap(), "");
    }

    #[test]
    fn what_a_template_spends_is_bounded() {
        let slow =
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
        assert!(filled(slow).unwrap_err().contains("out of fuel"), "{:?}", filled(slow));
        let long = "{% for a in range(30000) %}{{ 'x' * 100 }}{% endfor %}";
        assert!(filled(long).unwrap_err().contains("longer than 1048576 bytes"));
        assert!(filled("{% set n = namespace(x=1) %}").is_err());
        assert!(check(&"x".repeat(SOURCE + 1)).is_err());
    }
}
