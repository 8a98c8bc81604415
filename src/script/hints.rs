//! What people mean who write another language, or Buildbot's, in a Lua file that runs: one sentence
//! for each habit that Lua's own message does not explain. Only hints; the message stays Lua's. What
//! does not even compile is in `syntax.rs`.

use super::spelling::suggestion;

/// Names of other languages, and what to write.
const GLOBALS: &[(&str, &str)] = &[
    ("None", "Python's `None` is `nil` in Lua."),
    ("True", "It is `true` in Lua."),
    ("False", "It is `false` in Lua."),
    ("null", "Lua's is `nil`; `ci.null` says \"must be empty\"."),
    ("undefined", "Lua's is `nil`."),
    ("NULL", "Lua's is `nil`."),
    ("f", "Values are joined to a text with `..`, or filled in by (\"…\"):format(…)."),
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

/// Methods of Python's and JavaScript's objects, and what to write.
const METHODS: &[(&str, &str)] = &[
    ("append", "Append to a list with `table.insert(list, x)`; to a factory with `f:add(step)`."),
    ("push", "Append to a list with `table.insert(list, x)`."),
    ("extend", "Lists may hold lists: `{ a, b }` is flattened wherever a list is taken."),
    ("addStep", "It is `f:add(step)` here."),
    ("add_step", "It is `f:add(step)` here."),
    ("addSteps", "It is `f:add(steps)` here."),
    ("add_steps", "It is `f:add(steps)` here."),
    ("withSecrets", "`ci.with_secrets { files = …, steps = … }` stands among the steps."),
    ("with_secrets", "`ci.with_secrets { files = …, steps = … }` stands among the steps."),
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

/// What the message and its source line hold, and what to write.
const MISTAKES: &[(&[&str], &str, &str)] = &[
    (
        &["nil value", "assertion failed"],
        "os.getenv",
        "`os.getenv` gives nil for a variable that is not set; `os.getenv \"X\" or \"default\"` does not.",
    ),
    (&["nil value"], "[0]", "Lists begin at 1 in Lua."),
    (&["os.environ is not"], "", "A variable of the environment is read by os.getenv \"NAME\"."),
    (
        &["(field 'authz')"],
        "matcher",
        "Buildbot's matchers are actions here: ci.authz { allow = { stop = \"role\" }, roles = { … } }.",
    ),
    (
        &["attempt to call a table value (what `for"],
        "",
        "Walk a list with `for i, item in ipairs(list) do`, names with `for name, value in pairs(t) do`.",
    ),
    (
        &["attempt to perform arithmetic on a string value", "attempt to add a 'string'"],
        "",
        "Texts are joined with `..`, not with `+`.",
    ),
    (&["attempt to mod a 'string'"], "", "A text is filled in by (\"…\"):format(…)."),
];

/// What is a table in `c` once it is set.
const TABLES: &[&str] = &[
    "workers",
    "builders",
    "schedulers",
    "reporters",
    "change_sources",
    "cancellers",
    "projects",
    "secrets_providers",
    "www",
    "protocols",
    "properties",
    "limits",
    "validation",
    "janitor",
];

/// For the use of something in `c` that is not set yet: Lua's message names it, or the line does.
fn unset(message: &str, line: &str) -> Option<String> {
    let named =
        message.split_once("nil value (field '").and_then(|(_, rest)| rest.split('\'').next());
    let is_argument = message == "attempt to index a nil value"
        || ["table expected, got no value", "table expected, got nil"]
            .iter()
            .any(|said| message.contains(said));
    let is_written = |name: &str| {
        line.match_indices(&format!("c.{name}")).any(|(at, found)| {
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
            !line[..at].ends_with(is_word)
                && !line[at + found.len()..].starts_with(|c: char| is_word(c) && c != '.')
        })
    };
    let is_it =
        |name: &&&str| named.map_or(is_argument, |named| named == **name) && is_written(name);
    let name = TABLES.iter().find(is_it)?;
    Some(format!("c.{name} is nil until it is set: c.{name} = {{ … }}."))
}

/// For an error at run time, raised in `line`.
pub(super) fn runtime(message: &str, line: &str) -> Vec<String> {
    let called = message
        .split_once("attempt to call a nil value (")
        .and_then(|(_, rest)| rest.split('\'').nth(1));
    let method = called.and_then(|name| METHODS.iter().find(|(other, _)| *other == name));
    let mistake = MISTAKES.iter().find(|(said, held, _)| {
        said.iter().any(|said| message.contains(said)) && line.contains(held)
    });
    let hint = method.map(|(_, hint)| *hint).or_else(|| mistake.map(|(_, _, hint)| *hint));
    hint.map(str::to_owned).or_else(|| unset(message, line)).into_iter().collect()
}
