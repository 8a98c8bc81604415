//! Reads the text of `ci.interpolate`: Buildbot's selectors `%(prop:…)s`, `%(src:…)s`, `%(kw:…)s`,
//! `%(worker:…)s` with the endings `:-`, `:~`, `:+`, `:?` and `:#?`. What follows an ending may hold
//! selectors again. Evaluation is in `engine/render.rs`.

use std::collections::BTreeMap;

use crate::model::render::{Alternative, Interpolation, Piece, Renderable, Selector};

/// `text` with its pieces; `keywords` are what `%(kw:NAME)s` refers to.
///
/// # Errors
/// What is wrong, as a sentence.
pub(super) fn read(
    text: String,
    keywords: BTreeMap<String, Renderable>,
) -> Result<Renderable, String> {
    let pieces = parse(&text, &keywords)?;
    Ok(Renderable::Interpolate(Interpolation { text, keywords, pieces }))
}

/// The pieces of `text`; `keywords` are what `%(kw:NAME)s` refers to.
///
/// # Errors
/// What is wrong, as a sentence.
fn parse(text: &str, keywords: &BTreeMap<String, Renderable>) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        literal.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(tail) = after.strip_prefix('%') {
            literal.push('%');
            rest = tail;
            continue;
        }
        let Some(inside) = after.strip_prefix('(') else {
            return Err(format!(
                "a `%` in {text:?} is followed by neither `(` nor `%`; write `%%` for a plain %."
            ));
        };
        let Some(end) = closing(inside) else {
            return Err(format!("a `%(` in {text:?} has no matching `)`."));
        };
        let Some(tail) = inside[end + 1..].strip_prefix('s') else {
            return Err(format!("`%({})` must be followed by `s`.", &inside[..end]));
        };
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        pieces.push(selector(&inside[..end], keywords)?);
        rest = tail;
    }
    literal.push_str(rest);
    if !literal.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
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

fn selector(inside: &str, keywords: &BTreeMap<String, Renderable>) -> Result<Piece, String> {
    let Some((kind, argument)) = inside.split_once(':') else {
        return Err(format!(
            "`%({inside})s` has no selector; write `%(prop:{inside})s` for a property."
        ));
    };
    let (what, ending) = match kind {
        "prop" => {
            let (name, ending) = named(inside, argument)?;
            (Selector::Property(name), ending)
        }
        "worker" => {
            let (name, ending) = named(inside, argument)?;
            (Selector::Worker(name), ending)
        }
        "kw" => {
            let (name, ending) = named(inside, argument)?;
            let Some(value) = keywords.get(&name) else {
                let near = crate::base::text::nearest(&name, keywords.keys().map(String::as_str));
                let near = near.map_or(String::new(), |n| format!(" Did you mean `{n}`?"));
                return Err(format!(
                    "`%({inside})s` names `{name}`, which the second argument does not have.{near}"
                ));
            };
            (Selector::Keyword(Box::new(value.clone())), ending)
        }
        "src" => source(inside, argument)?,
        other => {
            let near = crate::base::text::nearest(other, ["prop", "src", "kw", "worker"]);
            let near = near.map_or(String::new(), |n| format!(" Did you mean `{n}`?"));
            return Err(format!(
                "`{other}` in `%({inside})s` is not a selector (prop, src, kw, worker).{near}"
            ));
        }
    };
    let alternative = match ending {
        None => Alternative::None,
        Some(ending) => alternative(inside, ending, keywords)?,
    };
    Ok(Piece::Select { what, alternative })
}

/// A name, and what follows the colon after it.
fn named<'a>(inside: &str, argument: &'a str) -> Result<(String, Option<&'a str>), String> {
    let (name, ending) = match argument.split_once(':') {
        Some((name, ending)) => (name, Some(ending)),
        None => (argument, None),
    };
    let fits = |c: char| c.is_alphanumeric() || "_.- ".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        return Err(format!(
            "`%({inside})s` has no proper name; letters, digits, `_`, `.`, `-` make one."
        ));
    }
    Ok((name.to_owned(), ending))
}

const ATTRIBUTES: [&str; 5] = ["branch", "revision", "repository", "project", "codebase"];

fn source<'a>(inside: &str, argument: &'a str) -> Result<(Selector, Option<&'a str>), String> {
    let Some((codebase, tail)) = argument.split_once(':') else {
        return Err(format!(
            "`%({inside})s` needs a codebase and an attribute: `%(src:CODEBASE:branch)s`; the \
             codebase may be empty."
        ));
    };
    let (attribute, ending) = match tail.split_once(':') {
        Some((attribute, ending)) => (attribute, Some(ending)),
        None => (tail, None),
    };
    if !ATTRIBUTES.contains(&attribute) {
        let near = crate::base::text::nearest(attribute, ATTRIBUTES);
        let near = near.map_or(String::new(), |n| format!(" Did you mean `{n}`?"));
        return Err(format!(
            "`{attribute}` in `%({inside})s` is not an attribute of a source ({}).{near}",
            ATTRIBUTES.join(", ")
        ));
    }
    let selector =
        Selector::Source { codebase: codebase.to_owned(), attribute: attribute.to_owned() };
    Ok((selector, ending))
}

fn alternative(
    inside: &str,
    ending: &str,
    keywords: &BTreeMap<String, Renderable>,
) -> Result<Alternative, String> {
    if let Some(text) = ending.strip_prefix('-') {
        Ok(Alternative::IfMissing(parse(text, keywords)?))
    } else if let Some(text) = ending.strip_prefix('~') {
        Ok(Alternative::IfFalse(parse(text, keywords)?))
    } else if let Some(text) = ending.strip_prefix('+') {
        Ok(Alternative::IfPresent(parse(text, keywords)?))
    } else if let Some(text) = ending.strip_prefix("#?") {
        choice(inside, text, keywords, true)
    } else if let Some(text) = ending.strip_prefix('?') {
        choice(inside, text, keywords, false)
    } else {
        Err(format!(
            "what follows the last `:` in `%({inside})s` must begin with `-`, `~`, `+`, `?` or `#?`."
        ))
    }
}

/// `?:yes:no` with any character for the second colon; it counts outside brackets only.
fn choice(
    inside: &str,
    text: &str,
    keywords: &BTreeMap<String, Renderable>,
    by_truth: bool,
) -> Result<Alternative, String> {
    let bad = || {
        format!(
            "`%({inside})s` must go on with a delimiter and two texts: `?:yes:no`, or `?|yes|no`."
        )
    };
    let delimiter = text.chars().next().filter(|c| !"()".contains(*c)).ok_or_else(bad)?;
    let texts = &text[delimiter.len_utf8()..];
    let mut depth = 0;
    let cuts: Vec<usize> = texts
        .char_indices()
        .filter_map(|(at, c)| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            (c == delimiter && depth == 0).then_some(at)
        })
        .collect();
    let [cut] = cuts[..] else { return Err(bad()) };
    Ok(Alternative::Choose {
        by_truth,
        yes: parse(&texts[..cut], keywords)?,
        no: parse(&texts[cut + delimiter.len_utf8()..], keywords)?,
    })
}
