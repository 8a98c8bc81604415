//! One text and its tokens: where a key, an item, an operator is written in it.

use std::cell::OnceCell;

use super::Spot;
use super::lex::{Kind, Token, lex};

/// A text that was loaded.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) text: String,
    /// Read when something is looked for: most loads have nothing to tell.
    tokens: OnceCell<Vec<Token>>,
}

/// Metamethods, as Lua names them, and what is written for them.
pub(super) const OPERATORS: &[(&str, &[&str])] = &[
    ("__add", &["+"]),
    ("__sub", &["-"]),
    ("__mul", &["*"]),
    ("__div", &["/"]),
    ("__idiv", &["//"]),
    ("__mod", &["%"]),
    ("__pow", &["^"]),
    ("__unm", &["-"]),
    ("__len", &["#"]),
    ("__concat", &[".."]),
    ("__lt", &["<", ">"]),
    ("__le", &["<="]),
];

/// Where `operator` is written among the tokens of a line.
pub(super) fn written<'t>(
    tokens: &'t [Token],
    operator: &'static str,
) -> impl Iterator<Item = (usize, usize)> + 't {
    let sign = operator.as_bytes()[0];
    let is_sign = move |t: Option<&Token>| t.is_some_and(|t| t.kind == Kind::Sign(sign));
    (0..tokens.len()).filter_map(move |at| {
        let token = &tokens[at];
        let next = tokens.get(at + 1).filter(|next| next.column == token.column + 1);
        let is_here = match operator.as_bytes() {
            [_] => {
                is_sign(Some(token)) && !is_sign(next) && (at == 0 || !is_sign(tokens.get(at - 1)))
            }
            // All of them are one kind.
            [_, b'='] => token.kind == Kind::Compare,
            _ => is_sign(Some(token)) && is_sign(next),
        };
        is_here.then_some((token.column, operator.len()))
    })
}

impl Source {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), tokens: OnceCell::new() }
    }

    pub(super) fn tokens(&self) -> &[Token] {
        self.tokens.get_or_init(|| lex(&self.text))
    }

    /// The tokens of a line.
    pub(super) fn on(&self, line: u32) -> &[Token] {
        let from = self.tokens().partition_point(|t| t.line < line);
        let to = self.tokens().partition_point(|t| t.line <= line);
        &self.tokens()[from..to]
    }

    /// Whether the token at `at` is `key` and something is assigned to it.
    pub(super) fn assigns(&self, at: usize, key: &str) -> bool {
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

    /// `key = …` in the brackets that open in `line` or after it, preferably in a call of `called`.
    pub(super) fn find_key(&self, line: u32, called: &str, key: &str) -> Option<&Token> {
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

    /// The `return` of the file itself: the last that is in no block.
    pub(super) fn last_return(&self) -> Option<usize> {
        let mut depth = 0_i32;
        let mut found = None;
        for (at, token) in self.tokens().iter().enumerate() {
            let Kind::Name(word) = &token.kind else { continue };
            match word.as_str() {
                "function" | "if" | "do" | "repeat" => depth += 1,
                "end" | "until" => depth -= 1,
                "return" if depth == 0 => found = Some(at),
                _ => {}
            }
        }
        found
    }

    /// `key = …` in what the file returns.
    pub(super) fn find_returned(&self, key: &str) -> Option<&Token> {
        let at = self.last_return()?;
        let tokens = self.tokens();
        let returned = tokens.get(at + 1).map(|t| &t.kind);
        let is_last = tokens.get(at + 2).is_none_or(|t| t.kind == Kind::Sign(b';'));
        let Some(Kind::Name(name)) = returned.filter(|_| is_last) else {
            return self.find_key(tokens[at].line, "return", key);
        };
        let is = |at: usize, kind: &Kind| tokens.get(at).is_some_and(|t| t.kind == *kind);
        let is_variable = |at: usize| is(at, &Kind::Name(name.clone()));
        let in_field = |at: usize| {
            at >= 2 && is(at - 1, &Kind::Sign(b'.')) && is_variable(at - 2) && self.assigns(at, key)
        };
        let in_brackets = |at: usize| {
            at >= 2 && is(at - 1, &Kind::Sign(b'[')) && is_variable(at - 2) && self.assigns(at, key)
        };
        let written = (0..at).rev().find(|at| in_field(*at) || in_brackets(*at));
        written.map(|at| &tokens[at]).or_else(|| {
            let made = |at: &usize| is_variable(*at) && is(at + 1, &Kind::Sign(b'='));
            (0..at).rev().filter(made).find_map(|at| self.find_key(tokens[at].line, "", key))
        })
    }

    /// The tokens of the item at `path` of the list after the key at `spot`, as deep as it is written
    /// there.
    pub(super) fn find_item(&self, spot: &Spot, path: &[usize]) -> Option<&[Token]> {
        let tokens = self.tokens();
        let column = spot.caret?.0;
        let key = tokens.iter().position(|t| t.line == spot.site.line && t.column == column)?;
        let sign = |at: usize, sign: u8| tokens.get(at).is_some_and(|t| t.kind == Kind::Sign(sign));
        let mut at = key + 1;
        if sign(at, b']') {
            at += 1;
        }
        if !sign(at, b'=') {
            return None;
        }
        at += 1;
        let mut item: Option<std::ops::Range<usize>> = None;
        for position in path {
            // What is written elsewhere is marked where it is named.
            let opened = self.list_at(item.as_ref().map_or(at, |item| item.start));
            let Some(inner) = opened.and_then(|opened| self.nth(opened, *position)) else { break };
            item = Some(inner);
        }
        tokens.get(item?)
    }

    /// The bracket of the list that begins at `at`, perhaps in a call of `ci.factory`.
    fn list_at(&self, mut at: usize) -> Option<usize> {
        let tokens = self.tokens();
        loop {
            match &tokens.get(at)?.kind {
                Kind::Sign(b'{') => return Some(at),
                Kind::Name(name) if name == "ci" || name == "factory" => at += 1,
                Kind::Sign(b'.' | b'(') => at += 1,
                _ => return None,
            }
        }
    }

    /// The tokens of the item `position` (from 1) of the list that opens at `opened`.
    fn nth(&self, opened: usize, position: usize) -> Option<std::ops::Range<usize>> {
        let tokens = self.tokens();
        let (mut depth, mut number, mut from) = (0_i32, 1, opened + 1);
        for at in opened + 1..tokens.len() {
            match &tokens[at].kind {
                Kind::Sign(b'{' | b'(' | b'[') => depth += 1,
                Kind::Sign(b'}' | b')' | b']') => depth -= 1,
                Kind::Name(word)
                    if matches!(word.as_str(), "function" | "if" | "do" | "repeat") =>
                {
                    depth += 1;
                }
                Kind::Name(word) if matches!(word.as_str(), "end" | "until") => depth -= 1,
                _ => {}
            }
            let is_end = depth < 0;
            if is_end || (depth == 0 && matches!(tokens[at].kind, Kind::Sign(b',' | b';'))) {
                // An item with a name has no position.
                let is_named = tokens.get(from + 1).is_some_and(|t| t.kind == Kind::Sign(b'='));
                if !is_named && number == position && from < at {
                    return Some(from..at);
                }
                number += usize::from(!is_named);
                from = at + 1;
            }
            if is_end {
                return None;
            }
        }
        None
    }

    /// Whether the bracket at `at` opens the options of `called`: `called {` or `called({`.
    fn is_call_of(&self, at: usize, called: &str) -> bool {
        let before = |n: usize| at.checked_sub(n).map(|i| &self.tokens()[i].kind);
        let named = |n| matches!(before(n), Some(Kind::Name(name)) if name == called);
        named(1) || (before(1) == Some(&Kind::Sign(b'(')) && named(2))
    }
}
