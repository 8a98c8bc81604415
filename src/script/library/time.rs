//! `ci.time`: moments are seconds since 1970 as everywhere else, so that they compare, add up and go
//! through JSON; the calendar, zones and texts are jiff's. `now` is the master's clock.

use std::rc::Rc;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp, Zoned};
use mlua::{Lua, Table, Value};

use super::{number, wrong};
use crate::base::text;
use crate::script::ground::Ground;
use crate::script::spelling::suggestion;

/// The longest format, in bytes.
const LONGEST: usize = 1000;
/// The parts of a date, with what is taken when one is left out.
const PARTS: [(&str, i64); 6] =
    [("year", 0), ("month", 1), ("day", 1), ("hour", 0), ("minute", 0), ("second", 0)];

pub(super) fn install(lua: &Lua, native: &Table, ground: &Rc<Ground>) -> mlua::Result<()> {
    let kept = ground.clone();
    let now = move |_: &Lua, ()| {
        Ok(Timestamp::from_microsecond(kept.now().0).map_or(Value::Nil, seconds))
    };
    let time = lua.create_table()?;
    time.set("now", lua.create_function(now)?)?;
    time.set("parse", lua.create_function(parse)?)?;
    time.set("format", lua.create_function(format)?)?;
    time.set("fields", lua.create_function(fields)?)?;
    time.set("at", lua.create_function(at)?)?;
    time.set("duration", lua.create_function(duration)?)?;
    time.set("format_duration", lua.create_function(|_, length: Value| format_duration(&length))?)?;
    native.set("time", time)
}

/// An error with the crate's reason, in our punctuation.
fn failed(what: &str, error: &jiff::Error) -> mlua::Error {
    mlua::Error::runtime(format!("{what}: {}.", error.to_string().trim_end_matches('.')))
}

/// A moment as Lua gets it: an integer unless it has a fraction.
fn seconds(at: Timestamp) -> Value {
    if at.subsec_nanosecond() == 0 {
        return Value::Integer(at.as_second());
    }
    Value::Number(at.as_duration().as_secs_f64())
}

fn moment(what: &str, value: &Value) -> mlua::Result<Timestamp> {
    let expected = "seconds since 1970";
    let Some(s) = number(value).filter(|s| s.is_finite()) else {
        return Err(wrong(what, expected, value));
    };
    let duration = jiff::SignedDuration::try_from_secs_f64(s).ok();
    let at = duration.and_then(|d| Timestamp::from_duration(d).ok());
    at.ok_or_else(|| {
        mlua::Error::runtime(format!("{what} must be {expected} before the year 9999."))
    })
}

fn zone(value: &Value) -> mlua::Result<TimeZone> {
    match value {
        Value::Nil => Ok(TimeZone::UTC),
        Value::String(name) => {
            let name = name.to_string_lossy();
            TimeZone::get(&name).map_err(|_| {
                mlua::Error::runtime(format!(
                    "there is no time zone `{name}` on this machine; names are like \"UTC\" and \
                     \"Europe/Berlin\"."
                ))
            })
        }
        other => Err(wrong("a time zone", "a name such as \"Europe/Berlin\"", other)),
    }
}

/// A format; none = the default.
fn pattern(value: &Value) -> mlua::Result<Option<String>> {
    match value {
        Value::Nil => Ok(None),
        Value::String(format) => match format.to_str() {
            Ok(format) if format.len() <= LONGEST => Ok(Some(format.to_owned())),
            _ => Err(mlua::Error::runtime(format!(
                "a format of ci.time is UTF-8 text of at most {LONGEST} bytes."
            ))),
        },
        other => Err(wrong("a format of ci.time", "a text such as \"%Y-%m-%d\"", other)),
    }
}

fn parse(_: &Lua, (said, format, in_zone): (Value, Value, Value)) -> mlua::Result<Value> {
    let Value::String(said) = said else {
        return Err(wrong("what ci.time.parse takes", "a text", &said));
    };
    let said = said.to_string_lossy();
    let (format, zone) = (pattern(&format)?, zone(&in_zone)?);
    let shown = format!("{:?} is no time", text::shorten(&said, 80));
    let at = match format {
        Some(format) => with_format(&said, &format, &zone).map_err(|e| failed(&shown, &e))?,
        None => usual(said.trim(), &zone).ok_or_else(|| {
            mlua::Error::runtime(format!(
                "{shown}; it is written like 2026-03-01T12:00:00Z, or give a format."
            ))
        })?,
    };
    Ok(seconds(at))
}

/// RFC 3339 and ISO 8601, also with a zone's name behind it or without any zone; the date of a mail.
fn usual(said: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(at) = said.parse::<Timestamp>() {
        return Some(at);
    }
    if let Ok(at) = said.parse::<Zoned>() {
        return Some(at.timestamp());
    }
    if let Ok(at) = rfc2822::parse(said) {
        return Some(at.timestamp());
    }
    let civil = said.parse::<DateTime>().ok()?;
    civil.to_zoned(zone.clone()).ok().map(|at| at.timestamp())
}

fn with_format(said: &str, format: &str, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
    let parts = strtime::parse(format, said)?;
    if let Some(at) = parts.timestamp() {
        return Ok(at);
    }
    if parts.offset().is_some() || parts.iana_time_zone().is_some() {
        return Ok(parts.to_zoned()?.timestamp());
    }
    let date: Date = parts.to_date()?;
    // A format without a time of day means midnight.
    let civil = if parts.hour().is_some() { parts.to_datetime()? } else { date.into() };
    Ok(civil.to_zoned(zone.clone())?.timestamp())
}

fn format(_: &Lua, (at, format, in_zone): (Value, Value, Value)) -> mlua::Result<String> {
    let at = moment("the time that ci.time.format takes", &at)?;
    let at = at.to_zoned(zone(&in_zone)?);
    let format = match pattern(&format)? {
        Some(format) => format,
        None if in_zone.is_nil() => "%Y-%m-%dT%H:%M:%SZ".to_owned(),
        None => "%Y-%m-%dT%H:%M:%S%:z".to_owned(),
    };
    strtime::format(&format, &at).map_err(|e| failed("the format of ci.time.format is wrong", &e))
}

fn fields(lua: &Lua, (at, in_zone): (Value, Value)) -> mlua::Result<Table> {
    let at = moment("the time that ci.time.fields takes", &at)?.to_zoned(zone(&in_zone)?);
    let out = lua.create_table()?;
    out.set("year", at.year())?;
    out.set("month", at.month())?;
    out.set("day", at.day())?;
    out.set("hour", at.hour())?;
    out.set("minute", at.minute())?;
    out.set("second", at.second())?;
    out.set("weekday", at.weekday().to_monday_one_offset())?;
    out.set("yearday", at.day_of_year())?;
    out.set("offset", at.offset().seconds())?;
    Ok(out)
}

/// The moment of a date; parts outside their range carry over, as in `os.time`.
fn at(_: &Lua, (parts, in_zone): (Value, Value)) -> mlua::Result<Value> {
    let zone = zone(&in_zone)?;
    let parts = match parts {
        Value::Table(parts) => parts,
        other => {
            return Err(wrong("what ci.time.at takes", "a table { year = …, month = … }", &other));
        }
    };
    let known: Vec<String> = PARTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (key, _) in parts.pairs::<Value, Value>().flatten() {
        let key = key.as_string().map(mlua::LuaString::to_string_lossy).unwrap_or_default();
        // What `ci.time.fields` tells beside them follows from the others.
        if !known.contains(&key) && !["weekday", "yearday", "offset"].contains(&key.as_str()) {
            let near = suggestion(&key, &known).map_or(String::new(), |near| format!(" {near}"));
            return Err(mlua::Error::runtime(format!("ci.time.at knows no `{key}`.{near}")));
        }
    }
    let mut all = [0; PARTS.len()];
    for (slot, (name, default)) in all.iter_mut().zip(PARTS) {
        *slot = match parts.get::<Value>(name)? {
            Value::Nil if name != "year" => default,
            value => match value.as_integer() {
                Some(i) => i,
                None => {
                    return Err(wrong(&format!("`{name}` of ci.time.at"), "an integer", &value));
                }
            },
        };
    }
    let moment = civil(all).and_then(|civil| civil.to_zoned(zone));
    match moment {
        Ok(at) => Ok(seconds(at.timestamp())),
        Err(error) => Err(failed("ci.time.at knows no such date", &error)),
    }
}

fn civil([year, month, day, hour, minute, second]: [i64; 6]) -> Result<DateTime, jiff::Error> {
    let start = DateTime::new(i16::try_from(year).unwrap_or(i16::MAX), 1, 1, 0, 0, 0, 0)?;
    // One after the other: a span has one sign.
    start
        .checked_add(Span::new().try_months(month.saturating_sub(1))?)?
        .checked_add(Span::new().try_days(day.saturating_sub(1))?)?
        .checked_add(Span::new().try_hours(hour)?)?
        .checked_add(Span::new().try_minutes(minute)?)?
        .checked_add(Span::new().try_seconds(second)?)
}

/// "1h 30m", "2 days", "PT90S": seconds.
fn duration(_: &Lua, said: Value) -> mlua::Result<Value> {
    let Value::String(said) = said else {
        return Err(wrong("what ci.time.duration takes", "a text such as \"1h 30m\"", &said));
    };
    let said = said.to_string_lossy();
    let what = format!("{:?} is no duration such as \"1h 30m\"", text::shorten(&said, 80));
    let span: Span = said.trim().parse().map_err(|e| failed(&what, &e))?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours());
    let length = length.map_err(|_| {
        mlua::Error::runtime(format!("{what}: months and years have no fixed length."))
    })?;
    if length.subsec_nanos() == 0 {
        return Ok(Value::Integer(length.as_secs()));
    }
    Ok(Value::Number(length.as_secs_f64()))
}

fn format_duration(length: &Value) -> mlua::Result<String> {
    let known = number(length).filter(|s| *s >= 0.0);
    match known.and_then(|s| Duration::try_from_secs_f64(s).ok()) {
        Some(length) => Ok(text::duration(length)),
        None => Err(wrong("what ci.time.format_duration takes", "seconds, not negative", length)),
    }
}
