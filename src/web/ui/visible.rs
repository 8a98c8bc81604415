//! Text from outside, made honest: characters that reorder, hide or control what is seen are shown
//! as what they are, so that a branch or a commit message cannot pass for another. Links go to
//! http and https only.

use std::fmt::Write as _;

/// `text` with control, bidirectional and zero-width characters written out; newlines and tabs
/// stay.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{f8f0}'..='\u{f8f1}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        && c != '\r'
}

/// `url` if it may be a link.
pub(super) fn link(url: &str) -> Option<&str> {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    let web = lower.starts_with("https://") || lower.starts_with("http://");
    (web && !url.contains(|c: char| c.is_control() || c.is_whitespace())).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_shown() {
        assert_eq!(visible("main\u{202e}gpj"), "main⟨U+202E⟩gpj");
        assert_eq!(visible("a\u{200b}b\nc\td"), "a⟨U+200B⟩b\nc\td");
        assert_eq!(visible("naïve 中文 🙂"), "naïve 中文 🙂");
    }

    #[test]
    fn links_lead_to_the_web_only() {
        assert_eq!(link("https://a/b"), Some("https://a/b"));
        assert_eq!(link("HTTP://a"), Some("HTTP://a"));
        for bad in ["javascript:alert(1)", "data:text/html,x", " https://a", "//a", "https://a\n"] {
            assert_eq!(link(bad), None, "{bad:?}");
        }
    }
}
