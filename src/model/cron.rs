//! Points in time that repeat, as cron says them: sets of minutes, hours, days and months, with
//! `L`, `fri#2` and `Lfri` for days. Pure: the time zone is an argument. A day fits when its day of
//! the month or its day of the week fits, if both are restricted; that is cron's rule.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};

use crate::base::clock::Timestamp;

/// How far ahead a next time is looked for: the longest way is from one 29th of February on a
/// certain weekday to the next.
const HORIZON_DAYS: i64 = 366 * 41;

/// A part of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// 0–59.
    Minute,
    /// 0–23.
    Hour,
    /// 1–31 and `L`.
    DayOfMonth,
    /// 1–12 or names.
    Month,
    /// 0–6 from Monday, or names.
    DayOfWeek,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 5] =
        [Self::Minute, Self::Hour, Self::DayOfMonth, Self::Month, Self::DayOfWeek];

    /// Its option in Lua.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day_of_month",
            Self::Month => "month",
            Self::DayOfWeek => "day_of_week",
        }
    }

    fn range(self) -> (u8, u8) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 6),
        }
    }

    fn allowed(self) -> &'static str {
        match self {
            Self::Minute => "0 to 59",
            Self::Hour => "0 to 23",
            Self::DayOfMonth => "1 to 31, or L for the last day",
            Self::Month => "1 to 12, or jan to dec",
            Self::DayOfWeek => "0 (Monday) to 6 (Sunday), or mon to sun, fri#2, Lfri",
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &MONTHS,
            Self::DayOfWeek => &DAYS,
            _ => &[],
        }
    }
}

/// The values of one unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// A bit for each value; none = any.
    set: Option<u64>,
    /// The last day of the month.
    last: bool,
    /// The nth of a weekday in the month.
    nth: Vec<(u8, u8)>,
    /// The last of a weekday in the month.
    last_of: Vec<u8>,
    /// As it was written.
    text: String,
}

impl Part {
    /// Any value.
    #[must_use]
    pub fn any() -> Self {
        Self { text: "*".to_owned(), ..Self::default() }
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// One value.
    ///
    /// # Errors
    /// What is allowed.
    pub fn one(unit: Unit, value: i64) -> Result<Self, String> {
        let (low, high) = unit.range();
        match u8::try_from(value) {
            Ok(v) if (low..=high).contains(&v) => {
                Ok(Self { set: Some(1 << v), text: v.to_string(), ..Self::default() })
            }
            _ => Err(format!("{value} is not {}", unit.allowed())),
        }
    }

    /// From text: `*`, `*/5`, `1-5`, `8-18/2`, names, and several with commas.
    ///
    /// # Errors
    /// What is wrong, as part of a sentence.
    pub fn parse(unit: Unit, text: &str) -> Result<Self, String> {
        let mut out = Self::none();
        for item in text.split(',') {
            let item = item.trim();
            out = out.with(&Self { text: item.to_owned(), ..Self::item(unit, item)? });
        }
        Ok(out)
    }

    /// What fits either.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        self.set = match (self.set, other.set) {
            (Some(a), Some(b)) => Some(a | b),
            _ => None,
        };
        self.last |= other.last;
        self.nth.extend(&other.nth);
        self.last_of.extend(&other.last_of);
        if !self.text.is_empty() {
            self.text.push(',');
        }
        self.text.push_str(&other.text);
        self
    }

    /// Nothing; a start for [`Part::with`].
    #[must_use]
    pub fn none() -> Self {
        Self { set: Some(0), ..Self::default() }
    }

    fn item(unit: Unit, item: &str) -> Result<Self, String> {
        let empty = Self { set: Some(0), ..Self::default() };
        let wrong = || format!("{item:?} is not {}", unit.allowed());
        let lower = item.to_ascii_lowercase();
        if unit == Unit::DayOfMonth && lower == "l" {
            return Ok(Self { last: true, ..empty });
        }
        if unit == Unit::DayOfWeek {
            if let Some((day, nth)) = lower.split_once('#') {
                let nth = nth.parse().ok().filter(|n| (1..=5).contains(n));
                let nth = nth.ok_or_else(|| format!("{item:?}: after # comes 1 to 5"))?;
                return Ok(Self { nth: vec![(named_day(item, day)?, nth)], ..empty });
            }
            if let Some(day) = lower.strip_prefix('l').filter(|d| !d.is_empty()) {
                return Ok(Self { last_of: vec![named_day(item, day)?], ..empty });
            }
        }
        let (span, step) = match lower.split_once('/') {
            Some((span, step)) => {
                let step = step.parse::<u8>().ok().filter(|s| *s > 0);
                (span, step.ok_or_else(|| format!("{item:?}: after / comes a number from 1 up"))?)
            }
            None if lower == "*" => return Ok(Self::any()),
            None => (lower.as_str(), 1),
        };
        let (low, high) = unit.range();
        let (from, to) = if span == "*" {
            (low, high)
        } else if let Some((from, to)) = span.split_once('-') {
            // In Buildbot a number alone counts from Monday and one in a range from Sunday.
            if unit == Unit::DayOfWeek {
                (named_day(item, from)?, named_day(item, to)?)
            } else {
                (value(unit, from).ok_or_else(wrong)?, value(unit, to).ok_or_else(wrong)?)
            }
        } else {
            let from = value(unit, span).ok_or_else(wrong)?;
            (from, if lower.contains('/') { high } else { from })
        };
        let mut set = 0_u64;
        let mut add = |from: u8, to: u8, offset: u8| {
            (from..=to)
                .filter(|v| (v + offset - from).is_multiple_of(step))
                .for_each(|v| set |= 1 << v);
        };
        if from <= to {
            add(from, to, 0);
        } else if unit == Unit::DayOfWeek {
            // `sat-mon` goes over the end of the week.
            add(from, high, 0);
            add(low, to, high + 1 - from);
        } else {
            return Err(format!("{item:?} ends before it begins"));
        }
        Ok(Self { set: Some(set), ..empty })
    }

    fn has(&self, value: i8) -> bool {
        let Ok(value) = u32::try_from(value) else { return false };
        self.set.is_none_or(|set| set & (1 << value) != 0)
    }

    fn is_any(&self) -> bool {
        self.set.is_none()
    }

    fn has_day_of_month(&self, date: Date) -> bool {
        self.has(date.day()) || (self.last && date.day() == date.days_in_month())
    }

    fn has_weekday(&self, date: Date) -> bool {
        let day = date.weekday().to_monday_zero_offset();
        let is = |wanted: u8| i8::try_from(wanted) == Ok(day);
        let nth = (date.day() - 1) / 7 + 1;
        self.has(day)
            || self.nth.iter().any(|(wanted, n)| is(*wanted) && i8::try_from(*n) == Ok(nth))
            || (date.day() + 7 > date.days_in_month() && self.last_of.iter().any(|d| is(*d)))
    }
}

fn value(unit: Unit, text: &str) -> Option<u8> {
    let (low, high) = unit.range();
    let from_name = unit.names().iter().position(|name| {
        // Whole names are their first three letters here.
        text.len() >= 3 && text.is_char_boundary(3) && *name == &text[..3] && is_name(unit, text)
    });
    match from_name {
        Some(at) => u8::try_from(at).ok().map(|at| at + low),
        None => text.parse().ok().filter(|v| (low..=high).contains(v)),
    }
}

fn is_name(unit: Unit, text: &str) -> bool {
    const LONG_MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    const LONG_DAYS: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let long: &[&str] = if unit == Unit::Month { &LONG_MONTHS } else { &LONG_DAYS };
    text.len() == 3 || long.contains(&text)
}

/// A weekday by name: with `#`, `L` and `-` Buildbot's numbers count from Sunday, else from Monday.
fn named_day(item: &str, day: &str) -> Result<u8, String> {
    match value(Unit::DayOfWeek, day) {
        Some(_) if day.parse::<u8>().is_ok() => Err(format!(
            "{item:?} must name its weekdays (mon-fri, mon#1, Lfri): Buildbot counts such numbers \
             from Sunday and others from Monday"
        )),
        Some(day) => Ok(day),
        None => Err(format!("{item:?} is not {}", Unit::DayOfWeek.allowed())),
    }
}

/// Times that repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    /// Minutes.
    pub minute: Part,
    /// Hours.
    pub hour: Part,
    /// Days of the month.
    pub day_of_month: Part,
    /// Months.
    pub month: Part,
    /// Days of the week.
    pub day_of_week: Part,
}

impl Cron {
    /// One of its parts.
    #[must_use]
    pub fn part(&self, unit: Unit) -> &Part {
        match unit {
            Unit::Minute => &self.minute,
            Unit::Hour => &self.hour,
            Unit::DayOfMonth => &self.day_of_month,
            Unit::Month => &self.month,
            Unit::DayOfWeek => &self.day_of_week,
        }
    }

    /// The first time after `after`; none when it never comes (the 31st of February).
    #[must_use]
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let now = jiff::Timestamp::from_microsecond(after.0).ok()?;
        let mut date = zone.to_datetime(now).date();
        for _ in 0..HORIZON_DAYS {
            if self.is_on(date)
                && let Some(at) = self.on_day(date, after, zone)
            {
                return Some(at);
            }
            let next: Span = 1.day();
            date = date.checked_add(next).ok()?;
        }
        None
    }

    fn is_on(&self, date: Date) -> bool {
        if !self.month.has(date.month()) {
            return false;
        }
        let (by_date, by_weekday) =
            (self.day_of_month.has_day_of_month(date), self.day_of_week.has_weekday(date));
        match (self.day_of_month.is_any(), self.day_of_week.is_any()) {
            (false, false) => by_date || by_weekday,
            _ => by_date && by_weekday,
        }
    }

    /// The first time of a day after `after`. A time that a change to summer time leaves out comes
    /// as much later; one that comes twice counts once.
    fn on_day(&self, date: Date, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let hours = (0..24).filter(|h| self.hour.has(*h));
        hours
            .flat_map(|h| (0..60).filter(|m| self.minute.has(*m)).map(move |m| (h, m)))
            .filter_map(|(h, m)| {
                let at = zone.to_ambiguous_timestamp(date.at(h, m, 0, 0)).compatible().ok()?;
                Some(Timestamp(at.as_microsecond()))
            })
            .find(|at| *at > after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cron(minute: &str, hour: &str, day: &str, month: &str, week: &str) -> Cron {
        let part = |unit, text| Part::parse(unit, text).unwrap_or_else(|e| panic!("{text}: {e}"));
        Cron {
            minute: part(Unit::Minute, minute),
            hour: part(Unit::Hour, hour),
            day_of_month: part(Unit::DayOfMonth, day),
            month: part(Unit::Month, month),
            day_of_week: part(Unit::DayOfWeek, week),
        }
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn the_next_time_is_found() {
        for (fields, after, next) in [
            (["0", "8", "*", "*", "*"], "2026-03-01T08:00:00Z", "2026-03-02T08:00:00Z"),
            (["0", "8", "*", "*", "*"], "2026-03-01T07:59:59Z", "2026-03-01T08:00:00Z"),
            (["*/15", "*", "*", "*", "*"], "2026-03-01T08:07:00Z", "2026-03-01T08:15:00Z"),
            (["30", "1", "L", "*", "*"], "2026-02-01T00:00:00Z", "2026-02-28T01:30:00Z"),
            (["0", "0", "29", "2", "*"], "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            (["0", "0", "*", "*", "0"], "2026-03-04T00:00:00Z", "2026-03-09T00:00:00Z"),
            (["0", "0", "*", "*", "mon-fri"], "2026-03-06T12:00:00Z", "2026-03-09T00:00:00Z"),
            (["0", "0", "*", "*", "sat-mon"], "2026-03-08T12:00:00Z", "2026-03-09T00:00:00Z"),
            (["0", "0", "*", "*", "fri#2"], "2026-03-01T00:00:00Z", "2026-03-13T00:00:00Z"),
            (["0", "0", "*", "*", "Lfri"], "2026-03-01T00:00:00Z", "2026-03-27T00:00:00Z"),
            // Either of the two, as cron has it.
            (["0", "0", "13", "*", "fri"], "2026-03-01T00:00:00Z", "2026-03-06T00:00:00Z"),
            (["0", "4", "*", "jun,december", "*"], "2026-03-01T00:00:00Z", "2026-06-01T04:00:00Z"),
        ] {
            let [a, b, c, d, e] = fields;
            let found = cron(a, b, c, d, e).next(at(after), &TimeZone::UTC);
            assert_eq!(found, Some(at(next)), "{fields:?} after {after}");
        }
        assert_eq!(
            cron("0", "0", "31", "2", "*").next(at("2026-01-01T00:00:00Z"), &TimeZone::UTC),
            None
        );
    }

    #[test]
    fn the_day_that_summer_time_begins_or_ends_has_its_build_once() {
        let night = cron("30", "2", "*", "*", "*");
        let berlin = zone("Europe/Berlin");
        // 02:30 does not exist on this day; it is 03:30 then.
        assert_eq!(
            night.next(at("2026-03-28T23:00:00Z"), &berlin),
            Some(at("2026-03-29T01:30:00Z"))
        );
        // 02:30 comes twice on this day; the first counts.
        let first = night.next(at("2026-10-24T22:00:00Z"), &berlin).unwrap();
        assert_eq!(first, at("2026-10-25T00:30:00Z"));
        assert_eq!(night.next(first, &berlin), Some(at("2026-10-26T01:30:00Z")));
    }

    #[test]
    fn what_is_not_a_time_is_said() {
        for (unit, text, wrong) in [
            (Unit::Minute, "60", "\"60\" is not 0 to 59"),
            (Unit::Hour, "8-", "\"8-\" is not 0 to 23"),
            (Unit::Hour, "18-8", "\"18-8\" ends before it begins"),
            (Unit::Minute, "*/0", "after / comes a number from 1 up"),
            (Unit::DayOfMonth, "0", "1 to 31, or L"),
            (Unit::Month, "juli", "1 to 12, or jan to dec"),
            (Unit::DayOfWeek, "7", "0 (Monday) to 6 (Sunday)"),
            (Unit::DayOfWeek, "1-5", "must name its weekdays"),
            (Unit::DayOfWeek, "1#1", "must name its weekdays"),
            (Unit::DayOfWeek, "L5", "must name its weekdays"),
            (Unit::DayOfWeek, "fri#6", "after # comes 1 to 5"),
        ] {
            let error = Part::parse(unit, text).unwrap_err();
            assert!(error.contains(wrong), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn every_next_time_is_later_and_fits(
            minute in 0_u8..60, hour in 0_u8..24, start in 0_i64..4_000_000_000,
        ) {
            let cron = cron(&minute.to_string(), &hour.to_string(), "*", "*", "*");
            let after = Timestamp::from_secs(start);
            let next = cron.next(after, &TimeZone::UTC).unwrap();
            prop_assert!(next > after && next.since(after).as_secs() <= 86_400);
            prop_assert_eq!(next.secs().rem_euclid(3600) / 60, i64::from(minute));
            prop_assert_eq!(next.secs().rem_euclid(86_400) / 3600, i64::from(hour));
        }

        #[test]
        fn no_text_makes_the_parser_stumble(text in ".{0,12}") {
            for unit in Unit::ALL {
                let _ = Part::parse(unit, &text);
            }
        }
    }
}
