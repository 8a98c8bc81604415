//! Small text rules used everywhere: the nearest known name, slugs, counts in words, durations.

use std::time::Duration;

/// The candidate nearest to `name`, if one is near enough to be what was meant.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(name, c), c))
        .filter(|(distance, c)| *distance <= 1 + name.len().min(c.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

/// Whether `name` is what `pattern` says, where `*` stands for any text and `?` for one character.
#[must_use]
pub fn wildcard(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            // The last star takes one more.
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    n = from + 1;
                    star = Some((at, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Buildbot's identifier form of `name`: every character outside `[a-zA-Z0-9_-]` becomes `_`, a
/// leading digit gets one in front, at most 50 characters.
#[must_use]
pub fn slug(name: &str) -> String {
    let mut out: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' })
        .take(50)
        .collect();
    if out.is_empty() || out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, '_');
        out.truncate(50);
    }
    out
}

/// `base` if `taken` does not know it, else `base_1`, `base_2`, … as Buildbot names repeats.
#[must_use]
pub fn unique(base: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(base) {
        return base.to_owned();
    }
    (1u32..).map(|n| format!("{base}_{n}")).find(|c| !taken(c)).unwrap_or_else(|| base.to_owned())
}

/// `1 change`, `2 changes`.
#[must_use]
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// 1200 as 1,200.
#[must_use]
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of bytes in three digits: `12.3 MB`.
#[must_use]
pub fn bytes(bytes: i64) -> String {
    let (mut left, mut unit) = (bytes as f64, "B");
    for next in ["kB", "MB", "GB", "TB"] {
        if left < 999.5 {
            break;
        }
        (left, unit) = (left / 1000.0, next);
    }
    let digits = if unit == "B" || left >= 99.95 { 0 } else { usize::from(left < 9.995) + 1 };
    format!("{left:.digits$} {unit}")
}

/// A duration for people: `8 ms`, `1.2 s`, `42 s`, `3 min 5 s`, `2 h 10 min`.
#[must_use]
pub fn duration(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0 => format!("{} ms", d.as_millis()),
        1..10 => format!("{:.1} s", d.as_secs_f64()),
        10..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

/// Cuts `text` to at most `max` characters, the last of them `…` when something was cut.
#[must_use]
pub fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_any_text() {
        for (pattern, name, fits) in [
            ("linux-*", "linux-1", true),
            ("*", "", true),
            ("*-a*b", "x-aab", true),
            ("l?nux", "linux", true),
            ("linux", "linux-1", false),
            ("*-2", "linux-1", false),
        ] {
            assert_eq!(wildcard(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn a_near_miss_finds_the_name_that_was_meant() {
        let names = ["halt_on_failure", "flunk_on_failure", "name"];
        assert_eq!(nearest("halt_on_falure", names), Some("halt_on_failure"));
        assert_eq!(nearest("nmae", names), Some("name"));
        assert_eq!(nearest("completely_else", names), None);
    }

    #[test]
    fn slugs_and_repeats_follow_buildbot() {
        assert_eq!(slug("plain notes"), "plain_notes");
        assert_eq!(slug("7z"), "_7z");
        assert_eq!(unique("a", |n| n == "a" || n == "a_1"), "a_2");
    }

    #[test]
    fn shortening_keeps_the_limit() {
        assert_eq!(shorten("Build done.", 140), "Build done.");
        assert_eq!(shorten("äöü!", 3), "äö…");
    }

    #[test]
    fn durations_read_naturally() {
        assert_eq!(duration(Duration::from_millis(8)), "8 ms");
        assert_eq!(duration(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(duration(Duration::from_secs(185)), "3 min 5 s");
        assert_eq!(duration(Duration::from_secs(7800)), "2 h 10 min");
    }
}
