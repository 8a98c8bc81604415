//! subunit, of stestr, Twisted and Samba: version 2, packets of bytes, each with its checksum, and the
//! lines of version 1 (`success: NAME`, `failure: NAME [` … `]`). Either may stand between other output.

use super::{Lines, Outcome, Test, Tests};

/// The first byte of a packet.
const SIGNATURE: u8 = 0xb3;
/// The largest packet that the format allows.
const LARGEST: usize = 4 << 20;

const TEST_ID: u16 = 0x0800;
const TIMESTAMP: u16 = 0x0200;
const TAGS: u16 = 0x0080;
const MIME: u16 = 0x0020;
const FILE: u16 = 0x0040;
const ROUTE: u16 = 0x0400;

/// Reads a report of either version.
pub(super) fn read(data: &[u8], tests: &mut Tests) {
    if !data.contains(&SIGNATURE) {
        let mut first = First::default();
        String::from_utf8_lossy(data).lines().for_each(|line| first.line(line, tests));
        return first.end(tests);
    }
    // When each test began, in nanoseconds, and what it has said.
    let mut begun = std::collections::BTreeMap::new();
    let mut rest = data;
    while let Some(at) = memchr::memchr(SIGNATURE, rest) {
        rest = &rest[at..];
        match packet(rest) {
            Some((packet, length)) => {
                note(packet, &mut begun, tests);
                rest = &rest[length..];
            }
            // Other output that has such a byte.
            None => rest = &rest[1..],
        }
    }
    // What has begun and never ended was interrupted.
    for (name, test) in begun {
        if test.is_running {
            let mut lost = Test::new(name, Outcome::Failed);
            lost.say(&test.said);
            lost.say("The test did not end.");
            tests.push(lost);
        }
    }
}

#[derive(Debug, Default)]
struct Begun {
    is_running: bool,
    at: Option<i128>,
    said: String,
}

/// What is known from a packet.
#[derive(Debug, Default, PartialEq)]
struct Packet {
    test: Option<String>,
    status: u16,
    /// Nanoseconds since the epoch.
    time: Option<i128>,
    /// What a text file holds.
    text: Option<String>,
}

fn note(packet: Packet, begun: &mut std::collections::BTreeMap<String, Begun>, tests: &mut Tests) {
    let Some(name) = packet.test else { return };
    // A stream may name any number of tests.
    if begun.len() > super::MOST && !begun.contains_key(&name) {
        tests.left_out += 1;
        return;
    }
    let test = begun.entry(name.clone()).or_default();
    if let Some(text) = packet.text
        && test.said.len() < super::LONGEST_MESSAGE
    {
        test.said.push_str(&text);
    }
    let outcome = match packet.status {
        2 => {
            (test.is_running, test.at) = (true, packet.time);
            return;
        }
        // Expected failures are as they should be; nobody counts them.
        5 | 7 => Outcome::Skipped,
        3 => Outcome::Passed,
        4 | 6 => Outcome::Failed,
        _ => return,
    };
    let mut ended = Test::new(name, outcome);
    let nanos = test.at.zip(packet.time).map(|(from, to)| to - from).filter(|n| *n >= 0);
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a test are a display value")]
    let seconds = nanos.map(|nanos| nanos as f64 / 1e9);
    ended.seconds = seconds;
    if outcome == Outcome::Failed {
        ended.say(&test.said);
    }
    *test = Begun::default();
    tests.push(ended);
}

/// A packet at the beginning of `data`, and its length; none = that is no packet.
fn packet(data: &[u8]) -> Option<(Packet, usize)> {
    let flags = u16::from_be_bytes([*data.get(1)?, *data.get(2)?]);
    if flags >> 12 != 2 {
        return None;
    }
    let mut left = data.get(3..)?;
    let length = usize::try_from(number(&mut left)?).ok()?;
    if !(4..=LARGEST).contains(&length) || data.len() < length {
        return None;
    }
    let (body, sum) = data[..length].split_at(length - 4);
    if crc32fast::hash(body).to_be_bytes() != sum {
        return None;
    }
    let mut left = &left[..left.len().checked_sub(data.len() - (length - 4))?];
    let mut out = Packet { status: flags & 7, ..Packet::default() };
    if flags & TIMESTAMP != 0 {
        let (seconds, after) = left.split_first_chunk::<4>()?;
        left = after;
        let nanos = number(&mut left)?;
        out.time =
            Some(i128::from(u32::from_be_bytes(*seconds)) * 1_000_000_000 + i128::from(nanos));
    }
    if flags & TEST_ID != 0 {
        out.test = Some(text(&mut left)?);
    }
    if flags & TAGS != 0 {
        for _ in 0..number(&mut left)? {
            text(&mut left)?;
        }
    }
    let mime = if flags & MIME != 0 { Some(text(&mut left)?) } else { None };
    if flags & FILE != 0 {
        text(&mut left)?;
        let held = bytes(&mut left)?;
        let is_text = mime.is_none_or(|mime| mime.starts_with("text/"));
        out.text = is_text.then(|| String::from_utf8_lossy(held).into_owned());
    }
    if flags & ROUTE != 0 {
        text(&mut left)?;
    }
    Some((out, length))
}

/// A number in one to four bytes; the first two bits say in how many.
fn number(left: &mut &[u8]) -> Option<u32> {
    let size = usize::from(left.first()? >> 6) + 1;
    let (digits, after) = left.split_at_checked(size)?;
    *left = after;
    let value = digits.iter().fold(0_u32, |value, digit| value << 8 | u32::from(*digit));
    Some(value & (u32::MAX >> (32 - 8 * size + 2)))
}

fn bytes<'a>(left: &mut &'a [u8]) -> Option<&'a [u8]> {
    let size = usize::try_from(number(left)?).ok()?;
    let (held, after) = left.split_at_checked(size)?;
    *left = after;
    Some(held)
}

fn text(left: &mut &[u8]) -> Option<String> {
    bytes(left).map(|text| String::from_utf8_lossy(text).into_owned())
}

/// Version 1: lines of text, which may stand between other output.
#[derive(Debug, Default)]
pub(super) struct First {
    /// A test whose details are being read.
    open: Option<Test>,
}

impl Lines for First {
    fn line(&mut self, line: &str, tests: &mut Tests) {
        if let Some(test) = &mut self.open {
            if line != "]" {
                // A `]` in what it said has a space before it.
                test.say(line.strip_prefix(" ]").map_or(line, |_| "]"));
                test.say("\n");
                return;
            }
            self.open.take().into_iter().for_each(|test| tests.push(test));
            return;
        }
        let Some((word, name)) = line.split_once(": ").or_else(|| line.split_once(' ')) else {
            return;
        };
        let outcome = match word.trim_end_matches(':') {
            "success" | "successful" => Outcome::Passed,
            "failure" | "error" | "uxsuccess" => Outcome::Failed,
            "skip" | "xfail" => Outcome::Skipped,
            _ => return,
        };
        let long = name.strip_suffix(" [").or_else(|| name.strip_suffix(" [ multipart"));
        let test = Test::new(long.unwrap_or(name).trim(), outcome);
        match long {
            Some(_) => self.open = Some(test),
            None => tests.push(test),
        }
    }

    fn end(&mut self, tests: &mut Tests) {
        self.open.take().into_iter().for_each(|test| tests.push(test));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn short(value: usize, out: &mut Vec<u8>) {
        if value < 1 << 6 {
            out.push(value as u8);
        } else if value < 1 << 14 {
            out.extend(((value | 0x4000) as u16).to_be_bytes());
        } else {
            out.extend(&((value | 0x80_0000) as u32).to_be_bytes()[1..]);
        }
    }

    /// A packet as the format's description makes it.
    fn pack(flags: u16, parts: &[&[u8]]) -> Vec<u8> {
        let body: Vec<u8> = parts.concat();
        let mut length = body.len() + 3 + 4 + 1;
        if length >= 1 << 6 {
            length += if length + 1 < 1 << 14 { 1 } else { 2 };
        }
        let mut out = vec![SIGNATURE];
        out.extend((0x2000 | flags).to_be_bytes());
        short(length, &mut out);
        out.extend(body);
        out.extend(crc32fast::hash(&out).to_be_bytes());
        out
    }

    fn named(name: &str) -> Vec<u8> {
        let mut out = Vec::new();
        short(name.len(), &mut out);
        out.extend(name.as_bytes());
        out
    }

    fn all(data: &[u8]) -> Vec<Test> {
        let mut tests = Tests::default();
        read(data, &mut tests);
        tests.list
    }

    #[test]
    fn packets_tell_what_became_of_tests_and_what_they_said() {
        let at = |seconds: u32| [&seconds.to_be_bytes()[..], &[0]].concat();
        let long = "x".repeat(20_000);
        let stream = [
            b"noise \xb3 noise\n".to_vec(),
            pack(TEST_ID | TIMESTAMP | 2, &[&at(100), &named("a")]),
            pack(TEST_ID | TIMESTAMP | 3, &[&at(102), &named("a")]),
            pack(TEST_ID | 2, &[&named("b")]),
            pack(
                TEST_ID | TAGS | MIME | FILE,
                &[
                    &named("b"),
                    &[1],
                    &named("tag"),
                    &named("text/plain"),
                    &named("traceback"),
                    &named(&long),
                ],
            ),
            pack(
                TEST_ID | MIME | FILE,
                &[&named("b"), &named("image/png"), &named("f"), &named("PNG")],
            ),
            pack(TEST_ID | ROUTE | 6, &[&named("b"), &named("0")]),
            pack(TEST_ID | 5, &[&named("s")]),
            pack(TEST_ID | 1, &[&named("exists")]),
            pack(TEST_ID | 2, &[&named("never ends")]),
        ]
        .concat();
        let tests = all(&stream);
        let told: Vec<_> = tests.iter().map(|t| (t.name.as_str(), t.outcome, t.seconds)).collect();
        assert_eq!(
            told,
            [
                ("a", Outcome::Passed, Some(2.0)),
                ("b", Outcome::Failed, None),
                ("s", Outcome::Skipped, None),
                ("never ends", Outcome::Failed, None),
            ]
        );
        assert!(tests[1].message.starts_with("xxx") && !tests[1].message.contains("PNG"));
        // A wrong checksum is no packet.
        let mut broken = pack(TEST_ID | 3, &[&named("a")]);
        *broken.last_mut().unwrap() ^= 1;
        assert!(all(&broken).is_empty());
    }

    #[test]
    fn the_first_version_is_lines() {
        let text = "time: 2026-01-01\ntest: a\nsuccess: a\ntest: b\nfailure: b [\nTraceback\n ]\nend\n]\n\
                    skip: c [\nno\n]\nerror: d [ multipart\nx\n]\nnothing here\n";
        let tests = all(text.as_bytes());
        let told: Vec<_> = tests.iter().map(|t| (t.name.as_str(), t.outcome)).collect();
        assert_eq!(
            told,
            [
                ("a", Outcome::Passed),
                ("b", Outcome::Failed),
                ("c", Outcome::Skipped),
                ("d", Outcome::Failed),
            ]
        );
        assert_eq!(tests[1].message, "Traceback\n]\nend\n");
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            all(&data);
            let mut framed = vec![SIGNATURE, 0x28];
            framed.extend(&data);
            all(&framed);
        }
    }
}
