//! fnmatch's patterns: `*`, `?`, `[abc]`, `[!a-z]`; a bracket without end is itself. Here a text is no
//! path: `*` crosses slashes. What a worker looks for on its disk is in `worker/command/glob.rs`.

/// The text of a regular expression for all of a text. Only a class such as `[z-a]` makes it malformed.
#[must_use]
pub fn regex(pattern: &str) -> String {
    let mut out = String::from(r"(?s)\A");
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' => match class(rest.as_str()) {
                Some((class, after)) => {
                    out.push_str(&class);
                    rest = after.chars();
                }
                None => out.push_str(r"\["),
            },
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push_str(r"\z");
    out
}

/// The class at the start of `rest` (after its `[`) as a regex, and what follows it.
fn class(rest: &str) -> Option<(String, &str)> {
    let (negated, body) = rest.strip_prefix('!').map_or((false, rest), |body| (true, body));
    // A closing bracket in the first place is a member.
    let end = body.char_indices().skip(1).find(|(_, c)| *c == ']').map(|(i, _)| i)?;
    let members: String = body[..end]
        .chars()
        .flat_map(|c| {
            let escaped = matches!(c, '\\' | '[' | ']' | '^' | '&' | '~');
            escaped.then_some('\\').into_iter().chain([c])
        })
        .collect();
    Some((format!("[{}{members}]", if negated { "^" } else { "" }), &body[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_texts() {
        let fits =
            |pattern: &str, text: &str| regex::Regex::new(&regex(pattern)).unwrap().is_match(text);
        for (pattern, yes, no) in [
            ("a*", "a/b\nc", "ba"),
            ("?.c", "ü.c", "ab.c"),
            ("[!a-c]x", "dx", "ax"),
            ("[]a]", "]", "b"),
            ("[x", "[x", "x"),
            ("a.b", "a.b", "aXb"),
            ("[a&&b]", "&", "c"),
        ] {
            assert!(fits(pattern, yes) && !fits(pattern, no), "{pattern}");
        }
    }

    #[test]
    fn strange_patterns_are_taken_literally() {
        for pattern in ["[", "[!", "a[]", "(+"] {
            assert!(regex::Regex::new(&regex(pattern)).unwrap().is_match(pattern), "{pattern}");
        }
        assert!(regex::Regex::new(&regex("[z-a]")).is_err());
    }
}
