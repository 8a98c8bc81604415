//! Finds the line and column of an option in the user's source. Lua tells only the line of a
//! constructor's call; this reads the text from there, with a small lexer that knows strings,
//! comments and brackets, and looks for `key =`. When nothing is found the call's line stands.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::config::Site;

/// The texts of the files that were loaded, by the name the user knows them by.
#[derive(Debug, Default)]
pub(super) struct Sources(BTreeMap<Arc<str>, Source>);

#[derive(Debug)]
struct Source {
    text: String,
    /// Read when something is looked for: most loads have nothing to tell.
    tokens: OnceCell<Vec<Token>>,
}

#[derive(Debug)]
struct Token {
    kind: Kind,
    line: u32,
    column: usize,
    width: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Name(String),
    Text(String),
    Sign(u8),
    /// `==`, `~=`, `<=`, `>=`: not an assignment.
    Compare,
}

/// A place in a file, as narrow as it could be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) site: Site,
    pub(super) caret: Option<(usize, usize)>,
}

impl From<Site> for Spot {
    fn from(site: Site) -> Self {
        Self { site, caret: None }
    }
}

impl Sources {
    pub(super) fn add(&mut self, file: &Arc<str>, text: &str) {
        let source = Source { text: text.to_owned(), tokens: OnceCell::new() };
        self.0.insert(file.clone(), source);
    }

    /// The text of a file.
    pub(super) fn text(&self, site: &Site) -> Option<&str> {
        self.0.get(&site.file).map(|source| source.text.as_str())
    }

    /// The text of a line.
    pub(super) fn line(&self, site: &Site) -> Option<String> {
        let index = usize::try_from(site.line.checked_sub(1)?).ok()?;
        self.0.get(&site.file)?.text.lines().nth(index).map(str::to_owned)
    }

    /// `key = …` in the brackets that open at or after `site`, preferably in a call of `called`.
    pub(super) fn key(&self, site: &Site, called: &str, key: &str) -> Spot {
        let found = self.0.get(&site.file).and_then(|s| s.find_key(site.line, called, key));
        found.map_or_else(|| site.clone().into(), |t| t.spot(&site.file))
    }

    /// `NAME.key = …` at or before `site`: Lua gives the last line of an assignment.
    pub(super) fn assignment(&self, site: &Site, key: &str) -> Spot {
        let found = self.0.get(&site.file).and_then(|s| {
            let end = s.tokens().partition_point(|t| t.line <= site.line);
            (0..end).rev().find(|&i| s.assigns(i, key)).map(|i| &s.tokens()[i])
        });
        found.map_or_else(|| site.clone().into(), |t| t.spot(&site.file))
    }

    /// The call of `called` in the line of `site`.
    pub(super) fn call(&self, site: &Site, called: &str) -> Spot {
        let found = self.0.get(&site.file).and_then(|s| {
            let is_called = |t: &&Token| matches!(&t.kind, Kind::Name(n) if n == called);
            s.on(site.line).iter().find(is_called)
        });
        found.map_or_else(|| site.clone().into(), |t| t.spot(&site.file))
    }

    /// What `message` speaks of in the line of `site`: the word that it quotes, else all of it.
    pub(super) fn pointed(&self, site: &Site, message: &str) -> Option<(usize, usize)> {
        let tokens = self.0.get(&site.file)?.on(site.line);
        let of = |t: &Token| (t.column, t.width);
        for word in quoted(message) {
            let sign = word.as_bytes().first().filter(|_| word.len() == 1);
            let found = tokens.iter().find(|t| match &t.kind {
                Kind::Name(name) | Kind::Text(name) => name == word,
                _ => false,
            });
            let signed =
                || tokens.iter().rfind(|t| matches!(&t.kind, Kind::Sign(s) if Some(s) == sign));
            if let Some(token) = found.or_else(signed) {
                return Some(of(token));
            }
        }
        let (first, last) = (tokens.first()?, tokens.last()?);
        Some((first.column, (last.column + last.width).saturating_sub(first.column)))
    }

    /// The line of the last `return {` of a file.
    pub(super) fn returned(&self, file: &str) -> u32 {
        let Some(source) = self.0.get(file) else { return 0 };
        let returns = |w: &[Token]| {
            matches!(&w[0].kind, Kind::Name(n) if n == "return") && w[1].kind == Kind::Sign(b'{')
        };
        source.tokens().windows(2).rfind(|w| returns(w)).map_or(0, |w| w[0].line)
    }

    /// The last line of a file that says anything.
    pub(super) fn last_line(&self, file: &str) -> u32 {
        self.0.get(file).and_then(|s| s.tokens().last()).map_or(1, |t| t.line)
    }

    /// The text `value` as a literal within the value that follows `spot`, else `spot`.
    pub(super) fn literal(&self, spot: &Spot, value: &str) -> Spot {
        let found = self.0.get(&spot.site.file).and_then(|s| {
            let start = s.tokens().partition_point(|t| {
                t.line < spot.site.line
                    || (t.line == spot.site.line && t.column < spot.caret.map_or(0, |c| c.0))
            });
            let mut depth = 0_i32;
            for (n, token) in s.tokens()[start..].iter().enumerate() {
                match &token.kind {
                    Kind::Sign(b'{' | b'(') => depth += 1,
                    Kind::Sign(b'}' | b')') => depth -= 1,
                    Kind::Text(text) if text == value => return Some(token),
                    Kind::Sign(b',' | b';') if depth == 0 && n > 0 => return None,
                    _ => {}
                }
                if depth < 0 {
                    return None;
                }
            }
            None
        });
        found.map_or_else(|| spot.clone(), |t| t.spot(&spot.site.file))
    }
}

impl Sources {
    /// `length` bytes from byte `from` on of the literal `text`, which stands at `site` or shortly
    /// after; the line alone when it is not written there as it is.
    pub(super) fn part(&self, site: &Site, text: &str, from: usize, length: usize) -> Spot {
        let found = self.0.get(&site.file).and_then(|s| {
            let start = s.tokens().partition_point(|t| t.line < site.line);
            s.tokens()[start..]
                .iter()
                .take_while(|t| t.line <= site.line + 3)
                .find(|t| matches!(&t.kind, Kind::Text(literal) if literal == text))
        });
        let Some(token) = found else { return site.clone().into() };
        let mut spot = token.spot(&site.file);
        if token.width == count(text, 0, text.len()) + 2 {
            let width = count(text, from, from + length).max(1);
            spot.caret = Some((token.column + 1 + count(text, 0, from), width));
        }
        spot
    }
}

impl Token {
    fn spot(&self, file: &Arc<str>) -> Spot {
        Spot {
            site: Site { file: file.clone(), line: self.line },
            caret: Some((self.column, self.width)),
        }
    }
}

/// The words in backquotes or quotation marks of a message.
fn quoted(message: &str) -> impl Iterator<Item = &str> {
    ['`', '\'', '"'].into_iter().flat_map(move |mark| message.split(mark).skip(1).step_by(2))
}

impl Source {
    fn tokens(&self) -> &[Token] {
        self.tokens.get_or_init(|| lex(&self.text))
    }

    /// The tokens of a line.
    fn on(&self, line: u32) -> &[Token] {
        let from = self.tokens().partition_point(|t| t.line < line);
        let to = self.tokens().partition_point(|t| t.line <= line);
        &self.tokens()[from..to]
    }

    fn assigns(&self, at: usize, key: &str) -> bool {
        let is =
            |i: usize, sign: u8| self.tokens().get(i).is_some_and(|t| t.kind == Kind::Sign(sign));
        match self.tokens().get(at).map(|t| &t.kind) {
            Some(Kind::Name(name)) => name == key && is(at + 1, b'='),
            Some(Kind::Text(text)) => {
                text == key && is(at + 1, b']') && is(at + 2, b'=') && at > 0 && is(at - 1, b'[')
            }
            _ => false,
        }
    }

    fn find_key(&self, line: u32, called: &str, key: &str) -> Option<&Token> {
        let start = self.tokens().partition_point(|t| t.line < line);
        // Each open bracket: does it belong to a call of `called`?
        let mut open: Vec<bool> = Vec::new();
        let mut best: Option<(usize, usize)> = None;
        for at in start..self.tokens().len() {
            let token = &self.tokens()[at];
            if open.is_empty() && token.line > line {
                break;
            }
            match &token.kind {
                Kind::Sign(b'{' | b'(') => open.push(self.is_call_of(at, called)),
                Kind::Sign(b'}' | b')') => {
                    open.pop();
                }
                _ if !open.is_empty() && self.assigns(at, key) => {
                    if open.last() == Some(&true) {
                        return Some(token);
                    }
                    if best.is_none_or(|(depth, _)| open.len() < depth) {
                        best = Some((open.len(), at));
                    }
                }
                _ => {}
            }
        }
        best.map(|(_, at)| &self.tokens()[at])
    }

    /// Whether the bracket at `at` opens the options of `called`: `called {` or `called({`.
    fn is_call_of(&self, at: usize, called: &str) -> bool {
        let before = |n: usize| at.checked_sub(n).map(|i| &self.tokens()[i].kind);
        let named = |n| matches!(before(n), Some(Kind::Name(name)) if name == called);
        named(1) || (before(1) == Some(&Kind::Sign(b'(')) && named(2))
    }
}

/// The names, strings and signs of a Lua text; comments are left out.
fn lex(text: &str) -> Vec<Token> {
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

fn count(text: &str, from: usize, to: usize) -> usize {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> (Sources, Arc<str>) {
        let file: Arc<str> = "master.lua".into();
        let mut sources = Sources::default();
        sources.add(&file, text);
        (sources, file)
    }

    #[test]
    fn a_key_is_found_in_its_own_constructor_and_not_in_a_neighbour() {
        let text = "x = ci.builder { factory = f { ci.step { name = 1 } }, -- name = 2\n  \
                    name = [[b]],\n  [\"tags\"] = 3 }";
        let (s, file) = sources(text);
        let site = Site { file, line: 1 };
        assert_eq!(s.key(&site, "builder", "name").site.line, 2);
        assert_eq!(s.key(&site, "step", "name").caret, Some((41, 4)));
        assert_eq!(s.key(&site, "builder", "tags").caret, Some((3, 6)));
        assert_eq!(s.key(&site, "builder", "absent"), site.clone().into());
    }

    #[test]
    fn an_assignment_is_found_backwards_from_its_last_line() {
        let (s, file) = sources("c.www = {\n  port = 1,\n}\nif c.www == 2 then end\n");
        let spot = s.assignment(&Site { file, line: 3 }, "www");
        assert_eq!((spot.site.line, spot.caret), (1, Some((2, 3))));
    }

    #[test]
    fn a_literal_is_found_inside_the_value_only() {
        let (s, file) = sources("w { workers = { 'a',\n 'b' }, tags = { 'c' } }");
        let spot = s.key(&Site { file, line: 1 }, "w", "workers");
        assert_eq!(s.literal(&spot, "b").site.line, 2);
        assert_eq!(s.literal(&spot, "c"), spot);
    }
}
