//! What people mean who write another language, or Buildbot's, in a Lua file: one sentence for each
//! habit that Lua's own message does not explain. Only hints; the message stays Lua's.

use super::read::suggestion;

/// Names of other languages, and what to write.
const GLOBALS: &[(&str, &str)] = &[
    ("None", "Python's `None` is `nil` in Lua."),
    ("True", "It is `true` in Lua."),
    ("False", "It is `false` in Lua."),
    ("null", "Lua's is `nil`; `ci.null` says \"must be empty\"."),
    ("undefined", "Lua's is `nil`."),
    ("NULL", "Lua's is `nil`."),
    ("len", "The length of x is `#x`."),
    ("str", "It is `tostring(x)` in Lua."),
    ("int", "It is `math.tointeger(x)` in Lua."),
    ("float", "It is `tonumber(x)` in Lua."),
    ("range", "Count with `for i = 1, n do … end`."),
    ("enumerate", "Walk a list with `for i, item in ipairs(list) do … end`."),
    ("sorted", "It is `ci.list.sorted(list, key)` here."),
    ("isinstance", "It is `type(x) == \"…\"` in Lua."),
    ("dict", "A table is written `{ name = value }`."),
    ("list", "A list is written `{ a, b }`; `ci.list` has its functions."),
    ("open", "It is `io.open(path)` in Lua."),
    ("raise", "It is `error \"…\"` in Lua."),
    ("throw", "It is `error \"…\"` in Lua."),
    ("try", "It is `pcall(f)` in Lua."),
    ("except", "It is `pcall(f)` in Lua."),
    ("import", "It is `local x = require \"x\"` in Lua."),
    ("from", "It is `local x = require \"x\"` in Lua."),
    ("def", "It is `local function f() … end` in Lua."),
    ("class", "Lua has no classes; a step of one's own is `ci.step_type { … }`."),
    ("lambda", "It is `function(x) return … end` in Lua."),
    ("elif", "It is `elseif` in Lua."),
    ("continue", "Lua has none: write `goto continue` and `::continue::` before the `end`."),
    ("var", "It is `local` in Lua."),
    ("let", "It is `local` in Lua."),
    ("const", "It is `local x <const> = …` in Lua."),
    ("await", "Nothing to write: what waits suspends by itself."),
    ("async", "Nothing to write: what waits suspends by itself."),
    ("yield", "It is `coroutine.yield(…)` in Lua; callbacks need none."),
    ("self", "`self` exists in functions written `function t:f() … end`."),
    ("setTimeout", "It is `ci.sleep(seconds)` here, in a step."),
    ("debug", "It is not available here: it could change what protects the master."),
    ("collectgarbage", "It is not available here: memory is limited by c.limits."),
    ("loadfile", "It is `dofile(path)` or `require \"module\"` here."),
    ("package", "Modules beside the main file are found by `require \"name\"`."),
    ("setfenv", "It is Lua 5.1's; this is Lua 5.4."),
    ("getfenv", "It is Lua 5.1's; this is Lua 5.4."),
    ("unpack", "It is `table.unpack(list)` in Lua 5.4."),
    ("loadstring", "It is `load(text)` in Lua 5.4."),
    ("ci", "Begin the file with `local ci = require \"ci\"`."),
    (
        "BuildmasterConfig",
        "Buildbot's BuildmasterConfig is `local c = ci.config()` here, and `return c` at the end.",
    ),
    ("plugins", "Everything is in `local ci = require \"ci\"`."),
    ("util", "Everything is in `local ci = require \"ci\"`."),
    ("steps", "They are in `ci.steps`."),
    ("schedulers", "They are in `ci.schedulers`."),
    ("reporters", "They are in `ci.reporters`."),
    ("changes", "Change sources are in `ci.change_sources`."),
    ("worker", "It is `ci.worker { name = …, password = … }` here."),
    ("Worker", "It is `ci.worker { name = …, password = … }` here."),
    ("BuilderConfig", "It is `ci.builder { name = … }` here."),
    ("BuildFactory", "It is `ci.factory()` here, or a plain list of steps."),
    ("ChangeFilter", "It is `ci.change_filter { … }` here."),
    ("Property", "It is `ci.property(name, default)` here."),
    ("Interpolate", "It is `ci.interpolate(text)` here."),
    ("WithProperties", "It is `ci.interpolate(text)` here."),
    ("Transform", "It is `ci.transform(f, …)` here."),
    ("renderer", "It is `ci.renderer(f)` here; most options take the function itself."),
    ("ShellCommand", "It is `ci.steps.shell { command = … }` here."),
    ("Secret", "It is `ci.secret(name)` or `ci.secret_file(path)` here."),
    ("MasterLock", "It is `ci.master_lock { name = … }` here."),
    ("WorkerLock", "It is `ci.worker_lock { name = … }` here."),
];

/// For an undefined variable.
pub(super) fn global(name: &str, known: &[String]) -> Option<String> {
    match GLOBALS.iter().find(|(other, _)| *other == name) {
        Some((_, hint)) => Some((*hint).to_owned()),
        None => suggestion(name, known),
    }
}

/// Whether a line shows a habit.
type Habit = fn(&str) -> bool;

/// What a line with a syntax error holds, and what to write.
const LINES: &[(Habit, &str)] = &[
    (
        |l| l.contains(['“', '”', '„', '‘', '’', '«', '»']),
        "A quotation mark in this line is not ASCII; Lua's are \" and '.",
    ),
    (
        |l| l.chars().any(|c| c != ' ' && c != '\t' && c.is_whitespace() || c == '\u{200b}'),
        "A space in this line is not an ordinary one; type it again.",
    ),
    (|l| l.contains("\"\"\"") || l.contains("'''"), "A text of several lines is written [[ … ]]."),
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
    (|l| starts(l, &["var", "let"]), "It is `local` in Lua."),
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
    (
        |l| l.trim_start().starts_with(['#', '/']) || l.contains(" // ") || l.contains(" # "),
        "A comment begins with `--` in Lua.",
    ),
    (
        |l| starts(l, &["for", "while"]) && l.trim_end().ends_with(':'),
        "It is `for … do … end` in Lua.",
    ),
    (
        |l| starts(l, &["if", "elseif"]) && l.trim_end().ends_with([':', '{']),
        "It is `if … then … end` in Lua.",
    ),
    (
        |l| starts(l, &["if", "while", "elseif"]) && has_single_equals(l),
        "A comparison is `==`; `=` assigns.",
    ),
    (
        |l| l.contains("\":") || l.contains("\" :") || l.contains("':"),
        "A table is written `{ name = value }`, or `{ [\"a name\"] = value }`.",
    ),
    (|l| starts(l, &["return"]) && l.contains('['), "A list is written { a, b } in Lua."),
    (|l| l.contains("= [") && !l.contains("[["), "A list is written { a, b } in Lua."),
    (|l| l.contains(" not in ") || l.contains(" is None"), "Lua compares with `==` and `~= nil`."),
    (|l| l.contains('!'), "It is `not x` in Lua."),
    (|l| l.contains('?'), "Lua has no `?`; write `cond and a or b`."),
];

fn starts(line: &str, words: &[&str]) -> bool {
    let first = line.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next();
    first.is_some_and(|first| words.contains(&first))
}

fn has_single_equals(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.iter().enumerate().any(|(i, b)| {
        let before = i.checked_sub(1).and_then(|i| bytes.get(i));
        *b == b'='
            && bytes.get(i + 1) != Some(&b'=')
            && !matches!(before, Some(b'=' | b'~' | b'<' | b'>'))
    })
}

/// For a bracket or block that is open at the end of the file: its line, and what to say there.
pub(super) fn unclosed(message: &str) -> Option<(u32, String)> {
    let rest = message.strip_suffix(" near <eof>")?;
    let (expected, opened) = rest.split_once(" expected (to close ")?;
    let (opened, line) = opened.split_once(" at line ")?;
    let line = line.trim_end_matches(')').parse().ok()?;
    let (expected, opened) = (expected.trim_matches('\''), opened.trim_matches('\''));
    Some((line, format!("this `{opened}` has no `{expected}` before the end of the file")))
}

/// For a syntax error: the message as people read it, and what to do. `line` is its source line.
pub(super) fn syntax(message: &str, line: Option<&str>) -> (String, Vec<String>) {
    if let Some(rest) = message.split_once("unfinished string near") {
        let hint = "Close it in the same line; a text of several lines is written [[ … ]].";
        return (
            format!("{}this text has no closing quotation mark.", rest.0),
            vec![hint.to_owned()],
        );
    }
    let said = message.replace("near <eof>", "before the end of the file");
    let said = said.replace("'<eof>' expected", "the end of the file was expected");
    let found = line.and_then(|l| LINES.iter().find(|(fits, _)| fits(l)));
    let mut hints: Vec<String> = found.map(|(_, hint)| (*hint).to_owned()).into_iter().collect();
    if hints.is_empty() && said.contains("the end of the file was expected") {
        hints.push(
            "Nothing may follow the last `return`; or there is an `end` too many.".to_owned(),
        );
    }
    if hints.is_empty() && said.contains("malformed number") {
        hints.push("A name cannot begin with a digit; a text needs quotation marks.".to_owned());
    }
    let line_begins = line.is_some_and(|l| starts(l, &["return", "local", "c", "end"]));
    if hints.is_empty() && said.contains("'}' expected") && !line_begins {
        hints.push("Is a comma missing before this?".to_owned());
    }
    (said, hints)
}

/// Methods of Python's and JavaScript's objects, and what to write.
const METHODS: &[(&str, &str)] = &[
    ("append", "Append to a list with `table.insert(list, x)`; to a factory with `f:add(step)`."),
    ("push", "Append to a list with `table.insert(list, x)`."),
    ("extend", "Lists may hold lists: `{ a, b }` is flattened wherever a list is taken."),
    ("addStep", "It is `f:add(step)` here."),
    ("add_step", "It is `f:add(step)` here."),
    ("items", "Walk a table with `for name, value in pairs(t) do … end`."),
    ("keys", "Walk a table with `for name in pairs(t) do … end`."),
    ("join", "It is `table.concat(list, \", \")` in Lua."),
    ("startswith", "It is `s:sub(1, #start) == start` in Lua."),
    ("endswith", "It is `s:sub(-#ending) == ending` in Lua."),
    ("strip", "It is `ci.text.trim(s)` here."),
    ("trim", "It is `ci.text.trim(s)` here."),
    ("split", "It is `ci.text.split(s, separator)` here."),
    ("replace", "It is `s:gsub(pattern, with)` in Lua."),
];

/// For an error at run time.
pub(super) fn runtime(message: &str) -> Vec<String> {
    let called = message
        .split_once("attempt to call a nil value (")
        .and_then(|(_, rest)| rest.split('\'').nth(1));
    let hint = match called {
        Some(name) => METHODS.iter().find(|(other, _)| *other == name).map(|(_, hint)| *hint),
        None if message.contains("attempt to perform arithmetic on a string value") => {
            Some("Texts are joined with `..`, not with `+`.")
        }
        None => None,
    };
    hint.map(str::to_owned).into_iter().collect()
}
