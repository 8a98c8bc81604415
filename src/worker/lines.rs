//! A stock master wants whole lines: text with the places of its line ends and a time for each
//! line. One assembler per stream decodes bytes, makes every kind of line end one `\n`, cuts what
//! is too long, and keeps the line that is not finished. Our own master takes the bytes as they are.

/// The longest line in characters, its `\n` included, unless the master says otherwise.
pub(super) const MAX_LINE_LENGTH: usize = 4096;

/// Whole lines of one stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lines {
    /// The text; ends in `\n`.
    pub(super) text: String,
    /// The place of each `\n`, counted in code points from 0.
    pub(super) ends: Vec<u64>,
    /// When each line began, in seconds since the epoch.
    pub(super) times: Vec<f64>,
    /// Code points in `text`.
    pub(super) length: u64,
}

impl Lines {
    /// Appends the lines of `other`.
    pub(super) fn append(&mut self, other: Self) {
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.into_iter().map(|end| end + self.length));
        self.times.extend(other.times);
        self.length += other.length;
    }

    /// What they cost in a buffer: Buildbot's measure.
    pub(super) fn cost(&self) -> usize {
        let characters = usize::try_from(self.length).unwrap_or(usize::MAX);
        characters + 8 * (self.ends.len() + self.times.len())
    }

    fn push_line(&mut self, line: &str, characters: u64, time: f64) {
        self.text.push_str(line);
        self.text.push('\n');
        self.length += characters;
        self.ends.push(self.length);
        self.length += 1;
        self.times.push(time);
    }
}

/// Makes lines of the bytes of one stream.
#[derive(Clone, Debug)]
pub(super) struct Assembler {
    /// Bytes that do not make a whole character yet.
    undecoded: Vec<u8>,
    /// Text that does not make a whole line yet, its line ends not yet looked at.
    partial: String,
    /// When the first character of `partial` came.
    since: f64,
    max: usize,
}

impl Assembler {
    /// An assembler that cuts lines longer than `max` characters.
    pub(super) fn new(max: usize) -> Self {
        Self { undecoded: Vec::new(), partial: String::new(), since: 0.0, max: max.max(2) }
    }

    /// The lines that `bytes` complete.
    pub(super) fn push(&mut self, bytes: &[u8], now: f64) -> Lines {
        let text = self.decode(bytes);
        if self.partial.is_empty() {
            self.since = now;
        }
        self.partial.push_str(&text);
        let (normal, kept) = normalize(&self.partial);
        let whole = normal.rfind('\n').map_or(0, |at| at + 1);
        let mut out = Lines::default();
        let mut time = self.since;
        for line in normal[..whole].split_terminator('\n') {
            self.cut(line, time, &mut out);
            time = now;
        }
        let mut rest = normal[whole..].to_owned();
        if whole > 0 {
            self.since = now;
        }
        rest.push_str(&kept);
        self.partial = self.cut_long(rest, &mut out);
        out
    }

    /// The unfinished line, at the end.
    pub(super) fn finish(&mut self) -> Lines {
        let mut out = Lines::default();
        if !self.undecoded.is_empty() {
            self.undecoded.clear();
            self.partial.push('\u{fffd}');
        }
        let partial = std::mem::take(&mut self.partial);
        let line = partial.strip_suffix('\r').unwrap_or(&partial);
        if !partial.is_empty() {
            self.cut(line, self.since, &mut out);
        }
        out
    }

    /// Adds `line`, in pieces of `max - 1` characters if it is too long.
    fn cut(&self, line: &str, time: f64, out: &mut Lines) {
        let mut rest = line;
        loop {
            // Bytes are never fewer than characters: most lines need no counting.
            let end = if rest.len() < self.max {
                None
            } else {
                rest.char_indices().nth(self.max - 1).map(|(at, _)| at)
            };
            let piece = end.map_or(rest, |at| &rest[..at]);
            out.push_line(piece, piece.chars().count() as u64, time);
            match end {
                Some(at) => rest = &rest[at..],
                None => return,
            }
        }
    }

    /// Sends what of an unfinished line is too long already, so that it cannot grow for ever.
    fn cut_long(&self, rest: String, out: &mut Lines) -> String {
        let mut rest = rest;
        while rest.len() >= self.max {
            let Some((at, _)) = rest.char_indices().nth(self.max - 1) else {
                break;
            };
            let piece = rest[..at].to_owned();
            out.push_line(&piece, piece.chars().count() as u64, self.since);
            rest.drain(..at);
        }
        rest
    }

    /// Decodes UTF-8; what is not becomes U+FFFD, what may become a character later waits.
    fn decode(&mut self, bytes: &[u8]) -> String {
        let joined;
        let all = if self.undecoded.is_empty() {
            bytes
        } else {
            self.undecoded.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.undecoded);
            &joined[..]
        };
        let mut out = String::with_capacity(all.len());
        let mut chunks = all.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            out.push_str(chunk.valid());
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            if chunks.peek().is_none() && may_continue(invalid) {
                self.undecoded = invalid.to_vec();
            } else {
                out.push('\u{fffd}');
            }
        }
        out
    }
}

/// Whether `bytes`, which end the input, are the beginning of a character.
fn may_continue(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|e| e.valid_up_to() == 0 && e.error_len().is_none())
}

/// `text` with every line end as `\n`, and the tail that can only be judged when more has come.
fn normalize(text: &str) -> (String, String) {
    if memchr::memchr3(b'\r', 0x1b, 0x08, text.as_bytes()).is_none() {
        return (text.to_owned(), String::new());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr3(b'\r', 0x1b, 0x08, rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match line_end(rest) {
            Found::End(length) => {
                out.push('\n');
                rest = &rest[length..];
            }
            Found::Plain => {
                out.push_str(&rest[..1]);
                rest = &rest[1..];
            }
            Found::Unknown => return (out, rest.to_owned()),
        }
    }
    out.push_str(rest);
    (out, String::new())
}

enum Found {
    /// A line end of so many bytes.
    End(usize),
    /// Not a line end.
    Plain,
    /// It depends on what follows.
    Unknown,
}

/// What begins `text`, whose first byte is CR, ESC or backspace: CRLF, a lone CR, a run of
/// backspaces, or one of the sequences that move the cursor (`ESC[u`, `ESC[r;cH`, `ESC[r;cf`,
/// `ESC[2J`).
fn line_end(text: &str) -> Found {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'\r') => match bytes.get(1) {
            None => Found::Unknown,
            Some(b'\n') => Found::End(2),
            Some(_) => Found::End(1),
        },
        Some(0x08) => Found::End(bytes.iter().take_while(|b| **b == 0x08).count()),
        Some(_) => escape(bytes),
        None => Found::Plain,
    }
}

fn escape(bytes: &[u8]) -> Found {
    /// Longest sequence that is waited for: nobody has more than 9,999 rows.
    const LONGEST: usize = 12;
    match bytes.get(1) {
        None => return Found::Unknown,
        Some(b'[') => {}
        Some(_) => return Found::Plain,
    }
    let tail = &bytes[2..];
    let digits = tail.iter().take_while(|b| b.is_ascii_digit()).count();
    let unknown = || if bytes.len() < LONGEST { Found::Unknown } else { Found::Plain };
    match tail.get(digits) {
        None => unknown(),
        Some(b'u') if digits == 0 => Found::End(3),
        Some(b'J') if &tail[..digits] == b"2" => Found::End(4),
        Some(b';') if digits > 0 => {
            let more = &tail[digits + 1..];
            let columns = more.iter().take_while(|b| b.is_ascii_digit()).count();
            match more.get(columns) {
                None => unknown(),
                Some(b'H' | b'f') if columns > 0 => Found::End(2 + digits + 1 + columns + 1),
                Some(_) => Found::Plain,
            }
        }
        Some(_) => Found::Plain,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]], max: usize) -> Lines {
        let mut assembler = Assembler::new(max);
        let mut out = Lines::default();
        for piece in pieces {
            out.append(assembler.push(piece, 1.0));
        }
        out.append(assembler.finish());
        out
    }

    #[test]
    fn line_ends_of_every_kind_become_one() {
        let out = all(&[b"a\rb\r\nc\x08\x08d\ne\x1b[2Jf\x1b[1;2Hg\x1b[uh\x1b[31mred\nend\r"], 4096);
        assert_eq!(out.text, "a\nb\nc\nd\ne\nf\ng\nh\x1b[31mred\nend\n");
        assert_eq!(out.ends[..4], [1, 3, 5, 7]);
        assert_eq!(out.ends.len(), out.times.len());
    }

    #[test]
    fn a_character_and_a_line_end_may_come_in_pieces() {
        let out = all(&[b"w\xc3", b"\xb6rld\r", b"\nx\x1b[1", b";2Hy \xff\xfe\xc3"], 4096);
        assert_eq!(out.text, "wörld\nx\ny \u{fffd}\u{fffd}\u{fffd}\n");
        assert_eq!(out.ends[0], 5);
    }

    #[test]
    fn indexes_count_code_points() {
        let out = all(&["inéput\n😀x\n".as_bytes()], 4096);
        assert_eq!(out.ends, [6, 9]);
        assert_eq!(out.length, 10);
    }

    #[test]
    fn a_long_line_is_cut_and_nothing_is_lost() {
        let long = "A".repeat(10_000);
        let out = all(&[long.as_bytes(), b"\nshort\n"], 4096);
        let lines: Vec<&str> = out.text.lines().collect();
        assert_eq!(lines.iter().map(|l| l.len()).collect::<Vec<_>>(), [4095, 4095, 1810, 5]);
        assert_eq!(out.ends, [4095, 8191, 10_002, 10_008]);
    }

    #[test]
    fn a_line_has_the_time_of_its_first_character() {
        let mut assembler = Assembler::new(4096);
        assert_eq!(assembler.push(b"be", 1.0), Lines::default());
        let lines = assembler.push(b"gun\nnext\nopen", 2.0);
        assert_eq!(lines.times, [1.0, 2.0]);
        assert_eq!(assembler.finish().times, [2.0]);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference_and_ends_are_where_the_newlines_are(
            text in "[a-zé😀\n\r\u{8}]{0,200}",
            at in 0usize..200,
        ) {
            let bytes = text.as_bytes();
            let at = at.min(bytes.len());
            let whole = all(&[bytes], 20);
            let halves = all(&[&bytes[..at], &bytes[at..]], 20);
            // A run of backspaces that is cut in two becomes two line ends, as in Buildbot.
            if !text.contains('\u{8}') {
                prop_assert_eq!(&whole.text, &halves.text);
            }
            for out in [whole, halves] {
                let ends: Vec<u64> = out.text.chars().enumerate()
                    .filter(|(_, c)| *c == '\n').map(|(i, _)| i as u64).collect();
                prop_assert_eq!(ends, out.ends);
            }
        }
    }
}
