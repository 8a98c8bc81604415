//! A small lexer for Lua: the names, strings and signs of a text with their places. It only finds
//! things for messages, so it never fails; what is no Lua gives some tokens as well.

/// A token and its place; columns and widths in characters from 0.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: u32,
    pub(super) column: usize,
    pub(super) width: usize,
}

/// What a token is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name(String),
    Text(String),
    Sign(u8),
    /// `==`, `~=`, `<=`, `>=`: not an assignment.
    Compare,
}

/// The names, strings and signs of a Lua text; comments are left out.
pub(super) fn lex(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let (mut at, mut line) = (0, 1_u32);
    // A place in the present line and its column: a line may be as long as the file.
    let mut counted = (0, 0);
    while at < bytes.len() {
        let start = at;
        let (start_line, from) = (line, counted);
        let kind = match bytes[at] {
            b'\n' => {
                at += 1;
                line += 1;
                counted = (at, 0);
                continue;
            }
            b'-' if bytes[at..].starts_with(b"--") => {
                at = match long_bracket(bytes, at + 2) {
                    Some((_, end)) => end,
                    None => end_of_line(bytes, at),
                };
                None
            }
            b'[' if long_bracket(bytes, at).is_some() => {
                let (content, end) = long_bracket(bytes, at).unwrap_or((at..at, at + 1));
                at = end;
                Some(Kind::Text(text.get(content).unwrap_or_default().to_owned()))
            }
            quote @ (b'"' | b'\'') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote && bytes[at] != b'\n' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                let content = text.get(start + 1..at.min(bytes.len())).unwrap_or_default();
                at = (at + 1).min(bytes.len());
                Some(Kind::Text(content.to_owned()))
            }
            c if c.is_ascii_alphanumeric() || c == b'_' => {
                while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_') {
                    at += 1;
                }
                Some(Kind::Name(text[start..at].to_owned()))
            }
            b'=' | b'~' | b'<' | b'>' if bytes.get(at + 1) == Some(&b'=') => {
                at += 2;
                Some(Kind::Compare)
            }
            c if c.is_ascii_whitespace() => {
                at += 1;
                None
            }
            c => {
                at += 1;
                Some(Kind::Sign(c))
            }
        };
        let at_end = at.min(bytes.len());
        for (i, _) in bytes[start..at_end].iter().enumerate().filter(|(_, b)| **b == b'\n') {
            line += 1;
            counted = (start + i + 1, 0);
        }
        if let Some(kind) = kind {
            let column = from.1 + count(text, from.0, start);
            let width = count(text, start, at_end);
            if line == start_line {
                counted = (at_end, column + width);
            }
            out.push(Token { kind, line: start_line, column, width });
        }
    }
    out
}

/// Characters between two bytes.
pub(super) fn count(text: &str, from: usize, to: usize) -> usize {
    text.get(from..to).map_or(0, |t| t.chars().count())
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n)
}

/// The content and the end of the `[[…]]`, `[=[…]=]` that starts at `at`, if one does.
fn long_bracket(bytes: &[u8], at: usize) -> Option<(std::ops::Range<usize>, usize)> {
    let rest = bytes.get(at..)?.strip_prefix(b"[")?;
    let level = rest.iter().take_while(|b| **b == b'=').count();
    if rest.get(level) != Some(&b'[') {
        return None;
    }
    let content = at + level + 2;
    let mut close = vec![b']'];
    close.extend(std::iter::repeat_n(b'=', level));
    close.push(b']');
    let length = memchr::memmem::find(&bytes[content..], &close);
    Some(match length {
        Some(n) => (content..content + n, content + n + close.len()),
        None => (content..bytes.len(), bytes.len()),
    })
}
