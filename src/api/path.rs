//! Paths of the data API: percent-decoding, and matching against patterns such as
//! `/builds/n:buildid/steps/i:name`. `n:` is a whole number, `i:` an identifier, `s:` any text; a
//! parameter without a letter is a whole number too.

use percent_encoding::percent_decode_str;

use crate::store::Value;

/// The elements of a raw path (without the leading slash), decoded; none when one is not UTF-8 or
/// has a NUL in it.
#[must_use]
pub fn elements(raw: &str) -> Option<Vec<String>> {
    raw.split('/')
        .map(|element| {
            let text = percent_decode_str(element).decode_utf8().ok()?;
            (!text.contains('\0')).then(|| text.into_owned())
        })
        .collect()
}

/// The parameters of `pattern` in `elements`, or none when it does not match.
#[must_use]
pub fn matched(pattern: &str, elements: &[String]) -> Option<Vec<Value>> {
    let mut out = Vec::new();
    let mut given = elements.iter();
    for part in pattern.trim_start_matches('/').split('/') {
        let element = given.next()?;
        match part.split_once(':') {
            None if part == element => {}
            None => return None,
            Some(("n" | "", _)) => out.push(Value::Int(integer(element)?)),
            Some(("i", _)) if is_identifier(element) => out.push(Value::from(element)),
            Some(("s", _)) => out.push(Value::from(element)),
            Some(_) => return None,
        }
    }
    given.next().is_none().then_some(out)
}

/// A whole number as Python's `int()` reads it: blanks around it, a sign, `_` between digits.
#[must_use]
pub fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let groups = digits.split('_');
    if digits.is_empty()
        || !groups.clone().all(|g| !g.is_empty() && g.bytes().all(|b| b.is_ascii_digit()))
    {
        return None;
    }
    format!("{sign}{}", groups.collect::<String>()).parse().ok()
}

/// Buildbot's identifiers: `^[a-zA-Z_-][.a-zA-Z0-9_-]*$`.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'-')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str, path: &str) -> Option<Vec<Value>> {
        matched(pattern, &elements(path)?)
    }

    #[test]
    fn parameters_are_read_by_their_type() {
        assert_eq!(of("/builds/n:buildid", "builds/17"), Some(vec![Value::Int(17)]));
        assert_eq!(of("/builds/n:buildid", "builds/x"), None);
        assert_eq!(of("/builds/n:buildid", "builds/1/"), None);
        assert_eq!(of("/builders/s:name", "builders/a%20b%2Fc"), Some(vec![Value::from("a b/c")]));
        assert_eq!(of("/builders/s:name", "builders/%ff"), None);
        assert_eq!(of("/builders/s:name", "builders/a%00"), None);
        assert_eq!(of("/steps/i:name", "steps/7z"), None);
        assert_eq!(of("/steps/i:name", "steps/a.b-c"), Some(vec![Value::from("a.b-c")]));
    }

    #[test]
    fn whole_numbers_are_pythons() {
        assert_eq!(integer(" +1_000 "), Some(1000));
        assert_eq!(integer("-3"), Some(-3));
        for bad in ["", "-", "1__0", "_1", "1.5", "0x1", "99999999999999999999"] {
            assert_eq!(integer(bad), None, "{bad}");
        }
    }
}
