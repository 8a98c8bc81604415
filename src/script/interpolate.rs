//! Reads the text of `ci.interpolate`: Buildbot's selectors `%(prop:…)s`, `%(src:…)s`, `%(kw:…)s`,
//! `%(secret:…)s`, `%(worker:…)s` with the endings `:-`, `:~`, `:+`, `:?` and `:#?`, or, in the other
//! form, a plain `%s` for each value. What follows an ending may hold selectors again. Evaluation is
//! in `engine/render.rs`.

use std::collections::BTreeMap;

use crate::base::text::nearest;
use crate::model::render::{Alternative, Interpolation, Piece, Renderable, Selector};

/// What is wrong with a text, and with which part of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// A sentence.
    pub(super) message: String,
    /// Where the part begins, in bytes.
    pub(super) from: usize,
    /// How long it is, in bytes.
    pub(super) length: usize,
}

/// `text` with its pieces; `keywords` are what `%(kw:NAME)s` refers to.
///
/// # Errors
/// The first mistake.
pub(super) fn named(
    text: String,
    keywords: BTreeMap<String, Renderable>,
) -> Result<Renderable, Mistake> {
    let pieces = Parser { whole: &text, keywords: &keywords }.pieces(&text)?;
    Ok(Renderable::Interpolate(Interpolation { text, keywords, values: Vec::new(), pieces }))
}

/// `text` with a value for each of its `%s`, in order.
///
/// # Errors
/// The first mistake.
pub(super) fn in_order(text: String, values: Vec<Renderable>) -> Result<Renderable, Mistake> {
    let pieces = pieces_in_order(&text, &values)?;
    let keywords = BTreeMap::new();
    Ok(Renderable::Interpolate(Interpolation { text, keywords, values, pieces }))
}

fn pieces_in_order(text: &str, values: &[Renderable]) -> Result<Vec<Piece>, Mistake> {
    let keywords = BTreeMap::new();
    let parser = Parser { whole: text, keywords: &keywords };
    let given = values.len();
    let mut values = values.iter();
    let (mut pieces, mut literal, mut rest, mut used) = (Vec::new(), String::new(), text, 0);
    while let Some(at) = rest.find('%') {
        literal.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(tail) = after.strip_prefix('%') {
            literal.push('%');
            rest = tail;
            continue;
        }
        let Some(tail) = after.strip_prefix('s') else {
            let here =
                &rest[at..after.char_indices().nth(1).map_or(rest.len(), |(n, _)| at + 1 + n)];
            return Err(parser.mistake(here, |column| {
                format!(
                    "the `%` at column {column} of {text:?} must be a `%s` or `%%`: a text takes \
                     values in order or by name, not both."
                )
            }));
        };
        used += 1;
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        if let Some(value) = values.next() {
            let what = Selector::Keyword(Box::new(value.clone()));
            pieces.push(Piece::Select { what, alternative: Alternative::None });
        }
        rest = tail;
    }
    if used != given {
        let (places, values) = (count(used, "`%s`"), count(given, "value"));
        let message = format!("{text:?} has {places}, but ci.interpolate got {values}.");
        return Err(Mistake { message, from: 0, length: text.len() });
    }
    literal.push_str(rest);
    if !literal.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 || what.starts_with('`') { "" } else { "s" })
}

struct Parser<'a> {
    whole: &'a str,
    keywords: &'a BTreeMap<String, Renderable>,
}

impl Parser<'_> {
    /// A mistake about `part`, which is a part of the whole text; the message is told its column.
    fn mistake(&self, part: &str, message: impl FnOnce(usize) -> String) -> Mistake {
        let from = (part.as_ptr() as usize).saturating_sub(self.whole.as_ptr() as usize);
        let column = self.whole.get(..from).map_or(1, |before| before.chars().count() + 1);
        Mistake { message: message(column), from, length: part.len() }
    }

    fn pieces(&self, text: &str) -> Result<Vec<Piece>, Mistake> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            literal.push_str(&rest[..at]);
            let (from_here, after) = (&rest[at..], &rest[at + 1..]);
            if let Some(tail) = after.strip_prefix('%') {
                literal.push('%');
                rest = tail;
                continue;
            }
            let Some(inside) = after.strip_prefix('(') else {
                return Err(self.lone_percent(from_here));
            };
            let Some(end) = closing(inside) else {
                return Err(self.mistake(&from_here[..2], |column| {
                    let whole = self.whole;
                    format!("the `%(` at column {column} of {whole:?} has no matching `)`.")
                }));
            };
            let Some(tail) = inside[end + 1..].strip_prefix('s') else {
                return Err(self.mistake(&from_here[..end + 3], |column| {
                    let inside = &inside[..end];
                    format!("`%({inside})` at column {column} must be followed by `s`.")
                }));
            };
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(self.selector(&inside[..end])?);
            rest = tail;
        }
        literal.push_str(rest);
        if !literal.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(pieces)
    }

    fn lone_percent(&self, from_here: &str) -> Mistake {
        let whole = self.whole;
        if from_here.starts_with("%s") {
            return self.mistake(&from_here[..2], |column| {
                format!(
                    "the `%s` at column {column} of {whole:?} needs a value: \
                     ci.interpolate(text, value)."
                )
            });
        }
        self.mistake(&from_here[..1], |column| {
            format!(
                "the `%` at column {column} of {whole:?} is followed by neither `(` nor `%`; write \
                 `%%` for a plain %."
            )
        })
    }

    fn selector(&self, inside: &str) -> Result<Piece, Mistake> {
        let Some((kind, argument)) = inside.split_once(':') else {
            return Err(self.mistake(inside, |_| {
                format!("`%({inside})s` has no selector; write `%(prop:{inside})s` for a property.")
            }));
        };
        let (what, ending) = match kind {
            "prop" => {
                let (name, ending) = self.named(inside, argument)?;
                (Selector::Property(name), ending)
            }
            "worker" => {
                let (name, ending) = self.named(inside, argument)?;
                (Selector::Worker(name), ending)
            }
            "secret" => {
                let (name, ending) = self.named(inside, argument)?;
                (Selector::Secret(name), ending)
            }
            "kw" => self.keyword(inside, argument)?,
            "src" => self.source(inside, argument)?,
            other => return Err(self.unknown_selector(inside, other)),
        };
        let alternative = match ending {
            None => Alternative::None,
            Some(ending) => self.alternative(inside, ending)?,
        };
        let is_list = matches!(&what, Selector::Source { attribute, .. } if attribute == "changes");
        if is_list
            && matches!(
                alternative,
                Alternative::None | Alternative::IfMissing(_) | Alternative::IfFalse(_)
            )
        {
            return Err(self.mistake(inside, |_| {
                format!(
                    "`changes` in `%({inside})s` is a list and no text; ask whether there are any \
                     with `:#?|yes|no`, or write a function of the build."
                )
            }));
        }
        Ok(Piece::Select { what, alternative })
    }

    fn unknown_selector(&self, inside: &str, other: &str) -> Mistake {
        const KNOWN: [&str; 5] = ["prop", "src", "kw", "secret", "worker"];
        let part = &inside[..other.len()];
        self.mistake(part, |column| {
            let near = near(other, KNOWN);
            format!(
                "unknown selector `{other}` at column {column} of `%({inside})s` ({}).{near}",
                KNOWN.join(", ")
            )
        })
    }

    /// A name, and what follows the colon after it.
    fn named<'t>(
        &self,
        inside: &str,
        argument: &'t str,
    ) -> Result<(String, Option<&'t str>), Mistake> {
        let (name, ending) = match argument.split_once(':') {
            Some((name, ending)) => (name, Some(ending)),
            None => (argument, None),
        };
        let fits = |c: char| c.is_alphanumeric() || "_.- ".contains(c);
        if name.is_empty() || !name.chars().all(fits) {
            return Err(self.mistake(if name.is_empty() { inside } else { name }, |_| {
                format!(
                    "`%({inside})s` has no proper name; letters, digits, `_`, `.`, `-` make one."
                )
            }));
        }
        Ok((name.to_owned(), ending))
    }

    fn keyword<'t>(
        &self,
        inside: &str,
        argument: &'t str,
    ) -> Result<(Selector, Option<&'t str>), Mistake> {
        let (name, ending) = self.named(inside, argument)?;
        let value = match (self.keywords.get(&name), ending) {
            (Some(value), _) => value.clone(),
            // Who says what to do without it may leave it out.
            (None, Some(_)) => Renderable::Constant(serde_json::Value::Null),
            (None, None) => {
                let near = near(&name, self.keywords.keys().map(String::as_str));
                return Err(self.mistake(argument, |_| {
                    format!(
                        "`%({inside})s` names `{name}`, which the second argument does not \
                         have.{near}"
                    )
                }));
            }
        };
        Ok((Selector::Keyword(Box::new(value)), ending))
    }

    fn source<'t>(
        &self,
        inside: &str,
        argument: &'t str,
    ) -> Result<(Selector, Option<&'t str>), Mistake> {
        const ATTRIBUTES: [&str; 6] =
            ["branch", "revision", "repository", "project", "codebase", "changes"];
        let Some((codebase, tail)) = argument.split_once(':') else {
            return Err(self.mistake(inside, |_| {
                format!(
                    "`%({inside})s` needs a codebase and an attribute: `%(src:CODEBASE:branch)s`; \
                     the codebase may be empty."
                )
            }));
        };
        let (attribute, ending) = match tail.split_once(':') {
            Some((attribute, ending)) => (attribute, Some(ending)),
            None => (tail, None),
        };
        if !ATTRIBUTES.contains(&attribute) {
            let part = if attribute.is_empty() { inside } else { attribute };
            return Err(self.mistake(part, |column| {
                let near = near(attribute, ATTRIBUTES);
                format!(
                    "`{attribute}` at column {column} of `%({inside})s` is not an attribute of a \
                     source ({}).{near}",
                    ATTRIBUTES.join(", ")
                )
            }));
        }
        let selector =
            Selector::Source { codebase: codebase.to_owned(), attribute: attribute.to_owned() };
        Ok((selector, ending))
    }

    fn alternative(&self, inside: &str, ending: &str) -> Result<Alternative, Mistake> {
        if let Some(text) = ending.strip_prefix('-') {
            Ok(Alternative::IfMissing(self.pieces(text)?))
        } else if let Some(text) = ending.strip_prefix('~') {
            Ok(Alternative::IfFalse(self.pieces(text)?))
        } else if let Some(text) = ending.strip_prefix('+') {
            Ok(Alternative::IfPresent(self.pieces(text)?))
        } else if let Some(text) = ending.strip_prefix("#?") {
            self.choice(inside, text, true)
        } else if let Some(text) = ending.strip_prefix('?') {
            self.choice(inside, text, false)
        } else {
            let part = if ending.is_empty() { inside } else { ending };
            Err(self.mistake(part, |_| {
                format!(
                    "what follows the name and its `:` in `%({inside})s` must begin with `-`, `~`, \
                     `+`, `?` or `#?`."
                )
            }))
        }
    }

    /// `?:yes:no` with any character but a bracket for the second colon; it counts outside brackets
    /// only, and the first one ends the text for yes.
    fn choice(&self, inside: &str, text: &str, by_truth: bool) -> Result<Alternative, Mistake> {
        let bad = || {
            self.mistake(if text.is_empty() { inside } else { text }, |_| {
                format!(
                    "`%({inside})s` must go on with a delimiter and two texts: `?:yes:no`, or \
                     `?|yes|no`."
                )
            })
        };
        let delimiter = text.chars().next().filter(|c| !"()".contains(*c)).ok_or_else(bad)?;
        let texts = &text[delimiter.len_utf8()..];
        let mut depth = 0;
        let cut = texts.char_indices().find_map(|(at, c)| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            (c == delimiter && depth == 0).then_some(at)
        });
        let cut = cut.ok_or_else(bad)?;
        Ok(Alternative::Choose {
            by_truth,
            yes: self.pieces(&texts[..cut])?,
            no: self.pieces(&texts[cut + delimiter.len_utf8()..])?,
        })
    }
}

fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or(String::new(), |n| format!(" Did you mean `{n}`?"))
}

/// Where the bracket that was opened before `text` closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}
