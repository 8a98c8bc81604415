//! `ci.http`: requests over the program's one client, so that its limits hold and a simulation
//! answers them. Errors name the server, never headers, query or body.

use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use mlua::{Lua, Table, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{number, only_later, wrong};
use crate::http::{Answer, Request};
use crate::script::convert;
use crate::script::ground::Ground;
use crate::script::spelling::suggestion;

const OPTIONS: [&str; 9] =
    ["auth", "body", "form", "headers", "json", "max_size", "query", "rehearsal", "timeout"];
/// The longest time-out.
const LONGEST: f64 = 3600.0;
/// What stays as it is in a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) fn install(lua: &Lua, native: &Table, ground: &Rc<Ground>) -> mlua::Result<()> {
    let kept = ground.clone();
    let send = move |lua: Lua, (method, url, options): (Value, Value, Value)| {
        let ground = kept.clone();
        async move {
            only_later(&ground, "ci.http")?;
            let request = request(&lua, &method, &url, options)?;
            let http = ground.http.borrow().clone();
            match http.request(request).await {
                Ok(answer) => shown(&lua, answer),
                Err(error) => Err(mlua::Error::runtime(ground.masked(error.message))),
            }
        }
    };
    native.set("http", lua.create_async_function(send)?)
}

fn request(lua: &Lua, method: &Value, url: &Value, options: Value) -> mlua::Result<Request> {
    let Value::String(method) = method else { return Err(wrong("the method", "a string", method)) };
    let method = method.to_string_lossy();
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(mlua::Error::runtime(
            "the method of ci.http.request is a word such as \"GET\".",
        ));
    }
    let Value::String(url) = url else { return Err(wrong("the URL", "a string", url)) };
    let mut request = Request::new(&method.to_uppercase(), &url.to_string_lossy());
    let options = match options {
        Value::Nil => return Ok(request),
        Value::Table(options) => options,
        other => return Err(wrong("the options of ci.http", "a table", &other)),
    };
    let known = OPTIONS.map(str::to_owned);
    for key in options.pairs::<Value, Value>().flatten().map(|(key, _)| key) {
        let key = key.as_string().map(mlua::LuaString::to_string_lossy).unwrap_or_default();
        if !known.contains(&key) {
            let near = suggestion(&key, &known).map_or(String::new(), |near| format!(" {near}"));
            return Err(mlua::Error::runtime(format!("ci.http has no option `{key}`.{near}")));
        }
    }
    for (name, value) in texts(lua, &options, "headers")? {
        request = request.header(&name, &value);
    }
    let query = texts(lua, &options, "query")?;
    if !query.is_empty() {
        request.url = with_query(&request.url, &encoded(&query));
    }
    request = body(lua, &options, request)?;
    request = authorized(&options, request)?;
    limits(&options, &mut request)?;
    request.rehearsal = rehearsal(&options)?;
    Ok(request)
}

/// A map of texts; numbers and booleans are written as they are.
fn texts(lua: &Lua, options: &Table, key: &str) -> mlua::Result<Vec<(String, String)>> {
    let what = format!("`{key}` of ci.http");
    let table = match options.get::<Value>(key)? {
        Value::Nil | Value::Boolean(false) => return Ok(Vec::new()),
        Value::Table(table) => table,
        other => return Err(wrong(&what, "a table of names and values", &other)),
    };
    let mut out = Vec::new();
    for pair in table.pairs::<Value, Value>() {
        let (name, value) = pair?;
        let Value::String(name) = &name else {
            return Err(wrong(&what, "a table of names and values", &Value::Table(table)));
        };
        let text = match &value {
            value if value.is_null() => continue,
            Value::Boolean(b) => b.to_string(),
            value => match lua.coerce_string(value.clone())? {
                Some(text) => text.to_string_lossy(),
                None => return Err(wrong(&format!("a value in {what}"), "text", value)),
            },
        };
        out.push((name.to_string_lossy(), text));
    }
    out.sort();
    Ok(out)
}

fn encoded(pairs: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        let between = if out.is_empty() { "" } else { "&" };
        let (name, value) = (utf8_percent_encode(name, PLAIN), utf8_percent_encode(value, PLAIN));
        // Writing to a String cannot fail.
        let _ = write!(out, "{between}{name}={value}");
    }
    out
}

fn with_query(url: &str, query: &str) -> String {
    let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
    let sign = if url.contains('?') { '&' } else { '?' };
    let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
    format!("{url}{sign}{query}{fragment}")
}

fn body(lua: &Lua, options: &Table, mut request: Request) -> mlua::Result<Request> {
    let is_given = |key: &&str| options.get::<Value>(*key).is_ok_and(|v| !v.is_nil());
    if ["body", "form", "json"].iter().filter(|key| is_given(key)).count() > 1 {
        let text = "give ci.http one of `body`, `form` and `json`, not several.";
        return Err(mlua::Error::runtime(text));
    }
    let has_type = request.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-type"));
    let mut kind = None;
    match options.get::<Value>("json")? {
        Value::Nil => {}
        value => {
            let json = convert::to_json(lua, &value).map_err(|what| {
                mlua::Error::runtime(format!("`json` of ci.http must be plain data, not {what}."))
            })?;
            request.body = json.to_string().into_bytes();
            kind = Some("application/json");
        }
    }
    if is_given(&"form") {
        request.body = encoded(&texts(lua, options, "form")?).into_bytes();
        kind = Some("application/x-www-form-urlencoded");
    }
    match options.get::<Value>("body")? {
        Value::Nil => {}
        Value::String(text) => request.body = text.as_bytes().to_vec(),
        other => return Err(wrong("`body` of ci.http", "a string", &other)),
    }
    match kind {
        Some(kind) if !has_type => Ok(request.header("content-type", kind)),
        _ => Ok(request),
    }
}

/// `auth = { user = …, password = … }`.
fn authorized(options: &Table, request: Request) -> mlua::Result<Request> {
    let expected = "{ user = …, password = … }";
    let auth = match options.get::<Value>("auth")? {
        Value::Nil => return Ok(request),
        Value::Table(auth) => auth,
        other => return Err(wrong("`auth` of ci.http", expected, &other)),
    };
    let text = |key: &str| auth.get::<Option<String>>(key).ok().flatten();
    let (Some(user), Some(password)) = (text("user"), text("password")) else {
        return Err(wrong("`auth` of ci.http", expected, &Value::Table(auth)));
    };
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    Ok(request.header("authorization", &format!("Basic {pair}")))
}

/// The answer of a rehearsal.
fn rehearsal(options: &Table) -> mlua::Result<Option<Answer>> {
    let what = "`rehearsal` of ci.http";
    let answer = match options.get::<Value>("rehearsal")? {
        Value::Nil => return Ok(None),
        Value::Table(answer) => answer,
        other => return Err(wrong(what, "a table { status = …, body = … }", &other)),
    };
    let status = answer.get::<Value>("status")?;
    let Some(status) = status.as_usize().and_then(|status| u16::try_from(status).ok()) else {
        return Err(wrong(&format!("`status` in {what}"), "a number", &status));
    };
    let body = match answer.get::<Value>("body")? {
        Value::Nil => Vec::new(),
        Value::String(text) => text.as_bytes().to_vec(),
        other => return Err(wrong(&format!("`body` in {what}"), "a string", &other)),
    };
    Ok(Some(Answer { status, headers: Vec::new(), body }))
}

fn limits(options: &Table, request: &mut Request) -> mlua::Result<()> {
    match options.get::<Value>("timeout")? {
        Value::Nil => {}
        value => {
            let seconds = number(&value).filter(|s| *s > 0.0 && *s <= LONGEST);
            let Some(timeout) = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()) else {
                return Err(wrong("`timeout` of ci.http", "seconds, at most an hour", &value));
            };
            request.timeout = timeout;
        }
    }
    match options.get::<Value>("max_size")? {
        Value::Nil => {}
        value => {
            let size = value.as_usize().filter(|size| *size <= 1 << 30);
            let Some(size) = size else {
                return Err(wrong(
                    "`max_size` of ci.http",
                    "a number of bytes up to 1 GiB",
                    &value,
                ));
            };
            request.max_body = size;
        }
    }
    Ok(())
}

/// The answer as Lua gets it; several headers of one name are joined.
fn shown(lua: &Lua, answer: Answer) -> mlua::Result<Table> {
    let out = lua.create_table()?;
    out.set("status", answer.status)?;
    out.set("ok", (200..300).contains(&answer.status))?;
    let is_json = answer.header("content-type").is_some_and(|kind| kind.contains("json"));
    if is_json && let Ok(json) = serde_json::from_slice::<serde_json::Value>(&answer.body) {
        out.set("json", convert::to_lua(lua, &json)?)?;
    }
    let headers = lua.create_table()?;
    for (name, value) in answer.headers {
        let value = match headers.get::<Option<String>>(name.as_str())? {
            Some(before) => format!("{before}, {value}"),
            None => value,
        };
        headers.set(name, value)?;
    }
    out.set("headers", headers)?;
    out.set("body", lua.create_string(&answer.body)?)?;
    Ok(out)
}
