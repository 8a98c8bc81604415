//! Finds the line and column of an option in the user's source. Lua tells only the line of a
//! constructor's call; this reads the text from there, with a small lexer that knows strings,
//! comments and brackets, and looks for `key =`. When nothing is found the call's line stands.

mod lex;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::lex::{Kind, Token, count};
use self::source::{OPERATORS, Source, written};
use crate::model::config::Site;

/// The texts of the files that were loaded, by the name the user knows them by.
#[derive(Debug, Default)]
pub(super) struct Sources(BTreeMap<Arc<str>, Source>);

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
        self.0.insert(file.clone(), Source::new(text));
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

    /// What `message` speaks of in the line of `site`: the word that it quotes.
    pub(super) fn pointed(&self, site: &Site, message: &str) -> Option<(usize, usize)> {
        let tokens = self.0.get(&site.file)?.on(site.line);
        quoted(message).find_map(|word| {
            let sign = word.as_bytes().first().filter(|_| word.len() == 1);
            let is_word = |t: &&Token| match &t.kind {
                Kind::Name(name) | Kind::Text(name) => name == word,
                _ => false,
            };
            let is_field = message.starts_with("there is no `")
                || ["field", "method"].iter().any(|w| message.contains(&format!("({w} '{word}')")));
            let read = tokens.windows(2).find(|w| {
                is_field && is_word(&&w[1]) && matches!(w[0].kind, Kind::Sign(b'.' | b':'))
            });
            let found = read.map(|w| &w[1]).or_else(|| tokens.iter().find(is_word));
            let signed =
                || tokens.iter().rfind(|t| matches!(&t.kind, Kind::Sign(s) if Some(s) == sign));
            found.or_else(signed).map(|token| (token.column, token.width))
        })
    }

    /// What was called in the line of `site`, as Lua names it: a function by its last name, an
    /// operator by its metamethod. None when there are several, or none.
    pub(super) fn called(&self, site: &Site, name: &str) -> Option<(usize, usize)> {
        let tokens = self.0.get(&site.file)?.on(site.line);
        let one = |found: Vec<(usize, usize)>| if found.len() == 1 { Some(found[0]) } else { None };
        if let Some((_, signs)) = OPERATORS.iter().find(|(operator, _)| *operator == name) {
            let written = signs.iter().flat_map(|sign| written(tokens, sign));
            return one(written.collect());
        }
        let name = name.rsplit(['.', ':']).next().unwrap_or(name);
        let named = |at: &usize| matches!(&tokens[*at].kind, Kind::Name(n) if n == name);
        let is_call = |at: &usize| {
            let next = tokens.get(at + 1).map(|t| &t.kind);
            matches!(next, Some(Kind::Sign(b'(' | b'{') | Kind::Text(_)))
        };
        let spots = (0..tokens.len()).filter(named).filter(is_call);
        one(spots.map(|at| (tokens[at].column, tokens[at].width)).collect())
    }

    /// What the main part of a file returns, or the word `return`; none when it returns nothing.
    pub(super) fn returned(&self, file: &Arc<str>) -> Option<Spot> {
        let source = self.0.get(file)?;
        let at = source.last_return()?;
        let tokens = &source.tokens()[at..];
        let mut spot = tokens[0].spot(file);
        let line: Vec<&Token> =
            tokens[1..].iter().take_while(|t| t.line == tokens[0].line).collect();
        if let (Some(first), Some(last)) = (line.first(), line.last()) {
            spot.caret =
                Some((first.column, (last.column + last.width).saturating_sub(first.column)));
        }
        Some(spot)
    }

    /// `key = …` in what the main part of a file returns: in the brackets after `return`, or in what
    /// is written to the variable that is returned; else the `return`.
    pub(super) fn key_of_returned(&self, file: &Arc<str>, key: &str) -> Spot {
        let found = self.0.get(file).and_then(|s| s.find_returned(key));
        let none = || Site { file: file.clone(), line: self.last_line(file) }.into();
        found.map(|t| t.spot(file)).or_else(|| self.returned(file)).unwrap_or_else(none)
    }

    /// The item at `path` (positions from 1, outermost first) of the list that is written after the
    /// key at `spot`; `spot` when it is not written there.
    pub(super) fn item(&self, spot: &Spot, path: &[usize]) -> Spot {
        let found = self.0.get(&spot.site.file).and_then(|s| s.find_item(spot, path));
        let Some(item) = found else { return spot.clone() };
        let (Some(first), Some(last)) = (item.first(), item.last()) else { return spot.clone() };
        let mut spot = first.spot(&spot.site.file);
        if last.line == first.line {
            spot.caret =
                Some((first.column, (last.column + last.width).saturating_sub(first.column)));
        }
        spot
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

    #[test]
    fn what_is_called_is_marked_only_when_there_is_one_of_it() {
        let (s, file) = sources("x = a.f 'y' .. f + g(1) .. h { f = 1 }\nlocal z = a <= b");
        let called = |line, name: &str| s.called(&Site { file: file.clone(), line }, name);
        assert_eq!(called(1, "f"), Some((6, 1)));
        assert_eq!(called(1, "m.h"), Some((27, 1)));
        assert_eq!(called(1, "__add"), Some((17, 1)));
        assert_eq!(called(1, "__concat"), None);
        assert_eq!(called(2, "__le"), Some((12, 2)));
        assert_eq!(called(2, "__lt"), None);
    }

    #[test]
    fn an_item_is_found_by_its_position_and_positions_have_no_names() {
        let (s, file) =
            sources("b { f = { x(1, 2), n = 3, { 'u', function() return 1, 2 end }, v } }");
        let spot = s.key(&Site { file, line: 1 }, "b", "f");
        assert_eq!(s.item(&spot, &[1]).caret, Some((10, 7)));
        assert_eq!(s.item(&spot, &[2, 2]).caret, Some((33, 26)));
        assert_eq!(s.item(&spot, &[3]).caret, Some((63, 1)));
        assert_eq!(s.item(&spot, &[3, 1]).caret, Some((63, 1)));
        assert_eq!(s.item(&spot, &[4]), spot);
    }

    #[test]
    fn what_a_file_returns_is_its_own_last_return() {
        let (s, file) = sources(
            "local c = { a = 1 }\nfor _ = 1, 2 do c.b = 1 end\nlocal f = function() return c end\nreturn c",
        );
        assert_eq!(
            s.returned(&file).map(|spot| (spot.site.line, spot.caret)),
            Some((4, Some((7, 1))))
        );
        let line = |key: &str| s.key_of_returned(&file, key).site.line;
        assert_eq!((line("a"), line("b"), line("absent")), (1, 2, 4));
    }
}
