//! Lua's patterns, matched by this program instead of Lua's C library: there no hook fires, so that
//! a pathological pattern could hold a generation for minutes. Every step counts against the
//! budget. `find`, `match`, `gmatch` and `gsub` are built on this in `lua/ci/strict/patterns.lua`.

use mlua::Lua;

use super::budget::{Budget, Fatal};

/// A capture of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capture {
    /// Bytes from, to.
    Text(usize, usize),
    /// `()`: a position, from 0.
    Position(usize),
}

/// A match: bytes from, to, and its captures.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) captures: Vec<Capture>,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PatternError {
    /// The pattern is malformed.
    Malformed(String),
    /// The budget is used up.
    Fatal(Fatal),
}

/// Lua's limits, kept so that patterns behave the same.
const MAX_CAPTURES: usize = 32;
const MAX_DEPTH: u32 = 200;
/// Steps between two looks at the budget.
const STRIDE: u32 = 4096;

/// The first match of `pattern` in `text` at or after `init`; `anchored` = only at `init`.
pub(super) fn find(
    text: &[u8],
    pattern: &[u8],
    init: usize,
    anchored: bool,
    (lua, budget): (&Lua, &Budget),
) -> Result<Option<Match>, PatternError> {
    let mut start = init;
    let mut steps = 0;
    while start <= text.len() {
        let mut m = Matcher { text, pattern, open: Vec::new(), depth: 0, steps, lua, budget };
        if let Some(end) = m.run(start, 0)? {
            let captures = m.captures()?;
            return Ok(Some(Match { start, end, captures }));
        }
        steps = m.steps;
        if anchored {
            break;
        }
        start += 1;
    }
    Ok(None)
}

struct Matcher<'a> {
    text: &'a [u8],
    pattern: &'a [u8],
    /// Captures so far: start, and the end once closed (or that it is a position).
    open: Vec<(usize, State)>,
    depth: u32,
    steps: u32,
    lua: &'a Lua,
    budget: &'a Budget,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closed(usize),
    Position,
}

type Found = Result<Option<usize>, PatternError>;

fn malformed<T>(what: &str) -> Result<T, PatternError> {
    Err(PatternError::Malformed(what.to_owned()))
}

impl Matcher<'_> {
    fn captures(&self) -> Result<Vec<Capture>, PatternError> {
        let read = |&(start, state): &(usize, State)| match state {
            State::Closed(end) => Ok(Capture::Text(start, end)),
            State::Position => Ok(Capture::Position(start)),
            State::Open => malformed("unfinished capture"),
        };
        self.open.iter().map(read).collect()
    }

    fn step(&mut self) -> Result<(), PatternError> {
        self.steps += 1;
        if self.steps.is_multiple_of(STRIDE) {
            self.budget.check(self.lua).map_err(PatternError::Fatal)?;
        }
        Ok(())
    }

    /// Matches the pattern from `p` at `s`: the end of the match.
    fn run(&mut self, s: usize, p: usize) -> Found {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return malformed("pattern too complex");
        }
        let out = self.items(s, p);
        self.depth -= 1;
        out
    }

    fn items(&mut self, mut s: usize, mut p: usize) -> Found {
        loop {
            self.step()?;
            match self.pattern.get(p) {
                None => return Ok(Some(s)),
                Some(b'(') => return self.start_capture(s, p),
                Some(b')') => return self.end_capture(s, p),
                Some(b'$') if p + 1 == self.pattern.len() => {
                    return Ok((s == self.text.len()).then_some(s));
                }
                Some(b'%') => match self.pattern.get(p + 1) {
                    Some(b'b') => match self.balanced(s, p + 2)? {
                        Some(end) => (s, p) = (end, p + 4),
                        None => return Ok(None),
                    },
                    Some(b'f') => match self.frontier(s, p + 2)? {
                        Some(next) => p = next,
                        None => return Ok(None),
                    },
                    Some(digit) if digit.is_ascii_digit() => {
                        match self.back_reference(s, *digit)? {
                            Some(end) => (s, p) = (end, p + 2),
                            None => return Ok(None),
                        }
                    }
                    _ => match self.single(s, p)? {
                        Next::Go(next_s, next_p) => (s, p) = (next_s, next_p),
                        Next::Done(found) => return Ok(found),
                    },
                },
                Some(_) => match self.single(s, p)? {
                    Next::Go(next_s, next_p) => (s, p) = (next_s, next_p),
                    Next::Done(found) => return Ok(found),
                },
            }
        }
    }

    /// One class with its repetition.
    fn single(&mut self, s: usize, p: usize) -> Result<Next, PatternError> {
        let end = self.class_end(p)?;
        let fits = self.fits(s, p, end);
        match self.pattern.get(end) {
            Some(b'?') => {
                if fits && let Some(found) = self.run(s + 1, end + 1)? {
                    return Ok(Next::Done(Some(found)));
                }
                Ok(Next::Go(s, end + 1))
            }
            Some(b'+') if !fits => Ok(Next::Done(None)),
            Some(b'+') => Ok(Next::Done(self.longest(s + 1, p, end)?)),
            Some(b'*') => Ok(Next::Done(self.longest(s, p, end)?)),
            Some(b'-') => Ok(Next::Done(self.shortest(s, p, end)?)),
            _ if fits => Ok(Next::Go(s + 1, end)),
            _ => Ok(Next::Done(None)),
        }
    }

    fn longest(&mut self, s: usize, p: usize, end: usize) -> Found {
        let mut n = 0;
        while self.fits(s + n, p, end) {
            self.step()?;
            n += 1;
        }
        loop {
            self.step()?;
            if let Some(found) = self.run(s + n, end + 1)? {
                return Ok(Some(found));
            }
            if n == 0 {
                return Ok(None);
            }
            n -= 1;
        }
    }

    fn shortest(&mut self, mut s: usize, p: usize, end: usize) -> Found {
        loop {
            self.step()?;
            if let Some(found) = self.run(s, end + 1)? {
                return Ok(Some(found));
            }
            if !self.fits(s, p, end) {
                return Ok(None);
            }
            s += 1;
        }
    }

    fn start_capture(&mut self, s: usize, p: usize) -> Found {
        if self.open.len() >= MAX_CAPTURES {
            return malformed("too many captures");
        }
        let position = self.pattern.get(p + 1) == Some(&b')');
        let (state, next) = if position { (State::Position, p + 2) } else { (State::Open, p + 1) };
        self.open.push((s, state));
        let found = self.run(s, next)?;
        if found.is_none() {
            self.open.pop();
        }
        Ok(found)
    }

    fn end_capture(&mut self, s: usize, p: usize) -> Found {
        let Some(at) = self.open.iter().rposition(|(_, state)| *state == State::Open) else {
            return malformed("invalid pattern capture");
        };
        self.open[at].1 = State::Closed(s);
        let found = self.run(s, p + 1)?;
        if found.is_none() {
            self.open[at].1 = State::Open;
        }
        Ok(found)
    }

    fn back_reference(&self, s: usize, digit: u8) -> Found {
        let at = usize::from(digit - b'0').checked_sub(1).and_then(|i| self.open.get(i));
        let Some(&(start, State::Closed(end))) = at else {
            return malformed(&format!("invalid capture index %{}", digit - b'0'));
        };
        let wanted = &self.text[start..end];
        Ok(self.text[s..].starts_with(wanted).then_some(s + wanted.len()))
    }

    fn balanced(&mut self, s: usize, p: usize) -> Found {
        let (Some(&open), Some(&close)) = (self.pattern.get(p), self.pattern.get(p + 1)) else {
            return malformed("malformed pattern (missing arguments to '%b')");
        };
        if self.text.get(s) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1_usize;
        for at in s + 1..self.text.len() {
            self.step()?;
            let c = self.text[at];
            if c == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(at + 1));
                }
            } else if c == open {
                depth += 1;
            }
        }
        Ok(None)
    }

    /// `%f[set]`: between a byte outside and one inside the set. The place after it, if so.
    fn frontier(&self, s: usize, p: usize) -> Found {
        if self.pattern.get(p) != Some(&b'[') {
            return malformed("missing '[' after '%f' in pattern");
        }
        let end = self.class_end(p)?;
        let before = if s == 0 { 0 } else { self.text[s - 1] };
        let here = self.text.get(s).copied().unwrap_or(0);
        let inside = |c| self.in_set(c, p, end - 1);
        Ok((!inside(before) && inside(here)).then_some(end))
    }

    /// The place after the class at `p`.
    fn class_end(&self, p: usize) -> Result<usize, PatternError> {
        let next = p + 1;
        match self.pattern.get(p) {
            Some(b'%') if next >= self.pattern.len() => {
                malformed("malformed pattern (ends with '%')")
            }
            Some(b'%') => Ok(next + 1),
            Some(b'[') => {
                let mut at = next;
                if self.pattern.get(at) == Some(&b'^') {
                    at += 1;
                }
                // The first byte is part of the set even when it is a closing bracket.
                loop {
                    let c = self.pattern.get(at);
                    at += if c == Some(&b'%') { 2 } else { 1 };
                    if c.is_none() || at > self.pattern.len() {
                        return malformed("malformed pattern (missing ']')");
                    }
                    match self.pattern.get(at) {
                        None => return malformed("malformed pattern (missing ']')"),
                        Some(b']') => return Ok(at + 1),
                        Some(_) => {}
                    }
                }
            }
            _ => Ok(next),
        }
    }

    fn fits(&self, s: usize, p: usize, end: usize) -> bool {
        let Some(&c) = self.text.get(s) else { return false };
        match self.pattern[p] {
            b'.' => true,
            b'%' => in_class(c, self.pattern[p + 1]),
            b'[' => self.in_set(c, p, end - 1),
            other => other == c,
        }
    }

    /// Whether `c` is in the set whose `[` is at `p` and whose `]` is at `close`.
    fn in_set(&self, c: u8, p: usize, close: usize) -> bool {
        let set = &self.pattern[p + 1..close];
        let (negated, set) = match set.strip_prefix(b"^") {
            Some(rest) => (true, rest),
            None => (false, set),
        };
        let mut at = 0;
        while at < set.len() {
            let hit = if set[at] == b'%' && at + 1 < set.len() {
                at += 2;
                in_class(c, set[at - 1])
            } else if set.get(at + 1) == Some(&b'-') && at + 2 < set.len() {
                at += 3;
                (set[at - 3]..=set[at - 1]).contains(&c)
            } else {
                at += 1;
                set[at - 1] == c
            };
            if hit {
                return !negated;
            }
        }
        negated
    }
}

enum Next {
    Go(usize, usize),
    Done(Option<usize>),
}

/// `%a`, `%d` and so on; an upper-case letter is the complement, anything else means itself.
fn in_class(c: u8, class: u8) -> bool {
    let is = match class.to_ascii_lowercase() {
        b'a' => c.is_ascii_alphabetic(),
        b'c' => c.is_ascii_control(),
        b'd' => c.is_ascii_digit(),
        b'g' => c.is_ascii_graphic(),
        b'l' => c.is_ascii_lowercase(),
        b'p' => c.is_ascii_punctuation(),
        b's' => c.is_ascii_whitespace() || c == 0x0b,
        b'u' => c.is_ascii_uppercase(),
        b'w' => c.is_ascii_alphanumeric(),
        b'x' => c.is_ascii_hexdigit(),
        _ => return class == c,
    };
    is != class.is_ascii_uppercase()
}
