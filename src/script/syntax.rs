//! What Lua's compiler says of a text that is no Lua, for people: at the line where the mistake is
//! rather than where it was noticed, with the caret under the word it stumbled over, and with what is
//! meant by those who write another language. The message stays Lua's as far as it says enough.

use mlua::Lua;

/// A syntax error as it is told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Where the mistake is.
    pub(super) line: u32,
    /// Column and width of the word, in characters from 0.
    pub(super) caret: Option<(usize, usize)>,
    pub(super) message: String,
    pub(super) hints: Vec<String>,
}

/// Tells `message`, which the compiler gave for `line` of `text`.
pub(super) fn told(lua: &Lua, text: &str, line: u32, message: &str) -> Told {
    if let Some((line, message, hint)) = elsewhere(message) {
        return Told { line, caret: None, message, hints: vec![hint.to_owned()] };
    }
    let source = text_of(text, line);
    let (what, near) = message.rsplit_once(" near ").unwrap_or((message, ""));
    let near = near.strip_prefix('\'').and_then(|n| n.strip_suffix('\'')).unwrap_or(near);
    let near = foreign(near, source).unwrap_or_else(|| near.to_owned());
    let caret = stumbled(lua, text, line, &near);
    let is_first =
        caret.is_some_and(|(column, _)| source.chars().take(column).all(char::is_whitespace));
    let mut hints: Vec<String> = specific(what, &near, source).into_iter().collect();
    if hints.is_empty() {
        hints.extend(habit(source).map(str::to_owned));
    }
    // What is missing at the end of a line is noticed at the next word.
    let before = is_first.then(|| last_line_before(text, line)).flatten();
    for number in before.into_iter().chain(opened_at(what).filter(|opened| *opened != line)) {
        if hints.is_empty() {
            let found = habit(text_of(text, number));
            hints.extend(found.map(|hint| format!("Line {number}: {hint}")));
        }
    }
    if hints.is_empty() {
        hints.extend(general(what, source, line));
    }
    let what = what.replace("'<eof>' expected", "the end of the file was expected");
    let what = what.replace("<eof> expected", "the end of the file was expected");
    let message = match near.as_str() {
        _ if what.ends_with("unfinished string") => {
            what.replace("unfinished string", "this text has no closing quotation mark")
        }
        "" => what,
        "<eof>" => format!("{what} before the end of the file"),
        near if near.trim().is_empty() => {
            let code = near.chars().next().map_or(0, u32::from);
            format!("{what} near the character U+{code:04X}")
        }
        near => format!("{what} near '{near}'"),
    };
    Told { line, caret, message, hints }
}

fn text_of(text: &str, line: u32) -> &str {
    let index = usize::try_from(line.saturating_sub(1)).unwrap_or_default();
    text.lines().nth(index).unwrap_or_default()
}

/// The last line before `line` that says anything.
fn last_line_before(text: &str, line: u32) -> Option<u32> {
    (1..line).rev().find(|number| !text_of(text, *number).trim().is_empty())
}

/// For mistakes that are noticed far from where they are: their line, what to say there, and why.
fn elsewhere(message: &str) -> Option<(u32, String, &'static str)> {
    let number = |rest: &str| rest.trim_end_matches(')').parse().ok();
    if let Some(rest) = message.strip_suffix(" near <eof>") {
        if let Some((what, line)) = rest.split_once(" (starting at line ") {
            let what = if what.contains("comment") { "comment" } else { "text" };
            let message = format!("this long {what} has no end");
            return Some((number(line)?, message, "What begins with `[[` ends with `]]`."));
        }
        let (expected, opened) = rest.split_once(" expected (to close ")?;
        let (opened, line) = opened.split_once(" at line ")?;
        let (expected, opened) = (expected.trim_matches('\''), opened.trim_matches('\''));
        let message = format!("this `{opened}` has no `{expected}` before the end of the file");
        return Some((number(line)?, message, "Or what is inside it lacks one."));
    }
    if let Some((what, line)) = message.split_once(" for <goto> at line ") {
        let label = what.split('\'').nth(1)?;
        let message = format!("there is no label `::{label}::` that this `goto` can see");
        let hint = "Write `::continue::` before the `end` of the loop.";
        let hint = if label == "continue" { hint } else { "A label is written `::name::`." };
        return Some((number(line.split(' ').next()?)?, message, hint));
    }
    let (_, line) = message.split_once("break outside loop at line ")?;
    let message = "this `break` is not inside a loop".to_owned();
    Some((
        number(line.split(' ').next()?)?,
        message,
        "To leave a function or a file, write `return`.",
    ))
}

/// The line of the bracket or block that could not be closed.
fn opened_at(what: &str) -> Option<u32> {
    what.split_once(" at line ")?.1.trim_end_matches(')').parse().ok()
}

/// Lua names a character that it does not know by its first byte.
fn foreign(near: &str, source: &str) -> Option<String> {
    let byte: u8 = near.strip_prefix("<\\")?.strip_suffix('>')?.parse().ok()?;
    let first = |c: &char| c.encode_utf8(&mut [0; 4]).as_bytes().first() == Some(&byte);
    source.chars().find(first).map(String::from)
}

/// Where in its line the word `near` is that the compiler stumbled over: of several, the first with
/// which the text so far is wrong and not merely unfinished.
fn stumbled(lua: &Lua, text: &str, line: u32, near: &str) -> Option<(usize, usize)> {
    let source = text_of(text, line);
    if near.is_empty() || near == "<eof>" {
        return None;
    }
    let start = source.as_ptr() as usize - text.as_ptr() as usize;
    let places: Vec<usize> = source
        .match_indices(near)
        .map(|(at, _)| at)
        .filter(|at| stands_alone(source, *at, near))
        .collect();
    let is_wrong = |at: &&usize| {
        let so_far = text.get(..start + **at + near.len()).unwrap_or_default();
        let so_far =
            if so_far.starts_with('#') { format!("--{so_far}") } else { so_far.to_owned() };
        match lua.load(so_far).set_mode(mlua::chunk::ChunkMode::Text).into_function() {
            Err(mlua::Error::SyntaxError { message, .. }) => !message.ends_with("<eof>"),
            _ => false,
        }
    };
    let one = if places.len() > 1 { places.iter().find(is_wrong) } else { None };
    let at = *one.or_else(|| places.first())?;
    let column = source.get(..at)?.chars().count();
    Some((column, near.chars().count()))
}

/// Whether what is at `at` is the whole word or sign.
fn stands_alone(source: &str, at: usize, near: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let before = source[..at].chars().next_back();
    let after = source[at + near.len()..].chars().next();
    if near == "=" {
        let is_part = |c: char| "=~<>".contains(c);
        return !before.is_some_and(is_part) && after != Some('=');
    }
    let begins_word = near.starts_with(is_word);
    // A malformed number is named up to where it goes wrong.
    let is_whole = near.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    let goes_on = begins_word && before.is_some_and(is_word);
    !goes_on && (!is_whole || after.is_none_or(|c| !is_word(c)))
}

const WORDS: &[&str] = &[
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
    "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
];

/// What the message itself tells.
fn specific(what: &str, near: &str, source: &str) -> Option<String> {
    let is_key = || {
        let mut after = source.split(near).skip(1).map(str::trim_start);
        after.any(|rest| rest.starts_with('=') && !rest.starts_with("=="))
    };
    if what.contains("unfinished string") {
        return Some(
            "Close it in the same line; a text of several lines is written [[ … ]].".into(),
        );
    }
    if near.starts_with(['"', '\'']) && near.contains('\\') {
        return Some(
            "A backslash is written `\\\\` in a text; or write the text as [[ … ]].".to_owned(),
        );
    }
    if WORDS.contains(&near) && is_key() {
        return Some(format!("`{near}` is a word of Lua; as a key it is written [\"{near}\"]."));
    }
    if near == "=" && what.contains("')' expected") {
        return Some("Named options stand in braces: f { name = value }.".to_owned());
    }
    if near == "=" && what.contains("'}' expected") {
        let is_dashed = |word: &str| word.contains('-') && word.trim_matches('-') == word;
        return source
            .split_whitespace()
            .any(is_dashed)
            .then(|| "A key that is no plain name is written [\"a-key\"].".to_owned());
    }
    if what.contains("<name> expected") && source.contains(": ") {
        return Some("A table is written `{ name = value }`.".to_owned());
    }
    if what.contains("too many local variables") {
        return Some("Keep them in a table, or move some to a module of their own.".to_owned());
    }
    if what.contains("outside a vararg function") {
        return Some("`...` needs a function that takes it: `function(...)`.".to_owned());
    }
    what.contains("malformed number")
        .then(|| "A name cannot begin with a digit; a text needs quotation marks.".to_owned())
}

/// What is said when nothing better is known.
fn general(what: &str, source: &str, line: u32) -> Option<String> {
    let ends = what.contains("<eof>");
    if ends && starts(source, &["end"]) {
        return Some("There is an `end` too many, here or before.".to_owned());
    }
    if ends {
        return Some("Nothing may follow the last `return`.".to_owned());
    }
    let line_begins = starts(source, &["return", "local", "c", "end"]);
    if what.contains("'}' expected") && !line_begins {
        return Some("Is a comma missing before this?".to_owned());
    }
    let opened = opened_at(what).filter(|opened| *opened < line)?;
    let closing = what.split('\'').nth(1).unwrap_or_default();
    let article = if closing == "end" { "An" } else { "A" };
    Some(format!("{article} `{closing}` is missing somewhere from line {opened} on."))
}

/// Whether a line shows a habit.
type Habit = fn(&str) -> bool;

/// What a line with a syntax error holds, and what to write.
const LINES: &[(Habit, &str)] = &[
    (
        |l| ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| l.starts_with(mark)),
        "A merge left this conflict behind; keep one of its sides.",
    ),
    (
        |l| l.contains(['“', '”', '„', '‘', '’', '«', '»']),
        "A quotation mark in this line is not ASCII; Lua's are \" and '.",
    ),
    (
        |l| l.chars().any(|c| c != ' ' && c != '\t' && c.is_whitespace() || c == '\u{200b}'),
        "A space in this line is not an ordinary one; type it again.",
    ),
    (|l| l.contains("\"\"\"") || l.contains("'''"), "A text of several lines is written [[ … ]]."),
    (|l| l.contains('`'), "A text stands in \" or '; values are joined to it with `..`."),
    (|l| l.contains("!="), "\"Not equal\" is `~=` in Lua."),
    (
        |l| ["+=", "-=", "*=", "/=", "..="].iter().any(|s| l.contains(s)),
        "Lua has no such assignment; write `x = x + 1`.",
    ),
    (|l| l.contains("++"), "Lua has no `++`; write `x = x + 1`."),
    (|l| l.contains("&&"), "It is `and` in Lua."),
    (|l| l.contains("||"), "It is `or` in Lua."),
    (|l| starts(l, &["elif"]), "It is `elseif … then` in Lua."),
    (|l| starts(l, &["else"]) && l.contains(" if "), "`else if` is one word in Lua: `elseif`."),
    (|l| starts(l, &["import", "from"]), "It is `local x = require \"x\"` in Lua."),
    (|l| starts(l, &["def", "func", "fn"]), "It is `local function f() … end` in Lua."),
    (|l| starts(l, &["class"]), "Lua has no classes; a step of one's own is ci.step_type { … }."),
    (|l| starts(l, &["try", "except"]), "It is `pcall(f)` in Lua."),
    (|l| starts(l, &["var", "let", "const"]), "It is `local` in Lua."),
    (
        |l| starts(l, &["continue"]),
        "Lua has none: `goto continue`, and `::continue::` before the `end`.",
    ),
    (
        |l| starts(l, &["with"]),
        "Lua has none; a `local x <close>` is closed at the end of its block.",
    ),
    (|l| l.contains("lambda "), "It is `function(x) return … end` in Lua."),
    (|l| l.contains("=>"), "A function is `function(x) return … end` in Lua."),
    (|l| l.contains("f\"") || l.contains("f'"), "Join texts with `..`, or use (\"…\"):format(…)."),
    (|l| l.contains("\" %") || l.contains("' %"), "A text is filled in by (\"…\"):format(…)."),
    (
        |l| l.trim_start().starts_with(['#', '/']) || l.contains(" // ") || l.contains(" # "),
        "A comment begins with `--` in Lua.",
    ),
    (
        |l| starts(l, &["for", "while"]) && (l.trim_end().ends_with([':', '{']) || lacks(l, "do")),
        "It is `for … do … end` in Lua.",
    ),
    (
        |l| !starts(l, &["if", "elseif"]) && l.contains(" if ") && l.contains(" else "),
        "One value or another is `condition and one or other` in Lua.",
    ),
    (|l| l.contains(" not in "), "`ci.list.contains(list, x)` says whether a list has x."),
    (|l| l.contains(" is None") || l.contains(" is not "), "Lua compares with `==` and `~=`."),
    (
        |l| starts(l, &["if", "while", "elseif"]) && has_single_equals(l),
        "A comparison is `==`; `=` assigns.",
    ),
    (
        |l| {
            starts(l, &["if", "elseif"]) && (l.trim_end().ends_with([':', '{']) || lacks(l, "then"))
        },
        "It is `if … then … end` in Lua.",
    ),
    (|l| l.contains('?'), "Lua has no `?`; write `condition and one or other`."),
    (
        |l| l.contains("\":") || l.contains("\" :") || l.contains("':"),
        "A table is written `{ name = value }`, or `{ [\"a name\"] = value }`.",
    ),
    (|l| starts(l, &["return"]) && l.contains('['), "A list is written { a, b } in Lua."),
    (|l| l.contains("= [") && !l.contains("[["), "A list is written { a, b } in Lua."),
    (|l| l.contains('!'), "It is `not x` in Lua."),
];

fn habit(line: &str) -> Option<&'static str> {
    LINES.iter().find(|(fits, _)| fits(line)).map(|(_, hint)| *hint)
}

fn starts(line: &str, words: &[&str]) -> bool {
    let first = line.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next();
    first.is_some_and(|first| words.contains(&first))
}

/// Whether `word` is not in a line that needs it.
fn lacks(line: &str, word: &str) -> bool {
    !line.split(|c: char| !c.is_alphanumeric()).any(|w| w == word)
}

/// Whether the condition of a line assigns.
fn has_single_equals(line: &str) -> bool {
    let end = [" then", " do"].iter().filter_map(|word| line.find(word)).min();
    let bytes = &line.as_bytes()[..end.unwrap_or(line.len())];
    bytes.iter().enumerate().any(|(i, b)| {
        let before = i.checked_sub(1).and_then(|i| bytes.get(i));
        *b == b'='
            && bytes.get(i + 1) != Some(&b'=')
            && !matches!(before, Some(b'=' | b'~' | b'<' | b'>'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Told {
        let lua = Lua::new();
        let Err(mlua::Error::SyntaxError { message, .. }) =
            lua.load(text).set_name("=m").into_function()
        else {
            panic!("{text} is Lua")
        };
        let (_, rest) = message.split_once("m:").unwrap();
        let (line, rest) = rest.split_once(": ").unwrap();
        told(&lua, text, line.parse().unwrap(), rest)
    }

    #[test]
    fn the_caret_is_under_the_word_that_is_one_too_many() {
        assert_eq!(said("f(g(1)))").caret, Some((7, 1)));
        assert_eq!(said("if a == 1 and b = 2 then end").caret, Some((16, 1)));
        assert_eq!(said("x = { \"}\": 9 }").caret, Some((9, 1)));
        assert_eq!(said("local s = \"ü\" x = = 1").caret, Some((18, 1)));
    }

    #[test]
    fn what_is_noticed_late_is_told_where_it_is() {
        assert_eq!(said("for i = 1, 2 do\n\n").line, 1);
        assert_eq!(said("x = 1\n--[[ all\nof it\n").line, 2);
        assert_eq!(said("for i = 1, 2 do\ngoto continue\nend\n").line, 2);
        let told = said("x = 1\nbreak\nx = 2\n");
        assert_eq!((told.line, &*told.message), (2, "this `break` is not inside a loop"));
    }

    #[test]
    fn a_habit_of_the_line_before_is_told_with_its_number() {
        let told = said("x = lambda y: y\nreturn x\n");
        assert_eq!(told.hints, ["Line 1: It is `function(x) return … end` in Lua."]);
    }
}
