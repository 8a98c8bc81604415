//! Log frames: the bytes of logs, compressed, in their own file. A frame holds *segments* (runs of
//! bytes of one stream) in the order of arrival. Display lines end at a newline or where the stream
//! changes; the last one may still be open.

use std::io::Read as _;

use super::conn::{Conn, Result, StoreError};
use crate::base::clock::Timestamp;
use crate::base::id::LogId;
use crate::model::log::Stream;
use crate::params;

/// A frame to be written.
#[derive(Clone, Debug)]
pub struct NewFrame {
    /// Whose.
    pub log: LogId,
    /// Position in the log, from 0.
    pub seq: i64,
    /// Display lines that ended before it.
    pub first_line: i64,
    /// The stream of a line that began before it and has not ended.
    pub open_line: Option<Stream>,
    /// Raw bytes before it.
    pub first_byte: i64,
    /// Display lines that end in it.
    pub lines: i64,
    /// Raw bytes in it.
    pub bytes: i64,
    /// When it was written.
    pub time: Timestamp,
    /// Packed segments, see [`pack`].
    pub data: Vec<u8>,
}

/// Bytes of a display line that are shown; the rest of a longer one is in the raw log.
const LONGEST: usize = 64 << 10;

/// A run of bytes of one stream.
pub type Segment = (Stream, Vec<u8>);

/// A display line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its stream.
    pub stream: Stream,
    /// Its text without the newline (and without a carriage return before it); bytes that are not
    /// UTF-8 are replaced.
    pub text: String,
}

/// Compresses segments. A segment is a letter, its length in four bytes (little endian), its bytes.
///
/// # Errors
/// When the compressor fails (out of memory).
pub fn pack(segments: &[u8]) -> Result<Vec<u8>> {
    zstd::bulk::compress(segments, 1)
        .map_err(|e| StoreError::new(e.to_string(), "compressing a log"))
}

/// Appends a segment to what [`pack`] takes.
pub fn push_segment(out: &mut Vec<u8>, stream: Stream, data: &[u8]) {
    for part in data.chunks(u32::MAX as usize) {
        out.push(stream.letter() as u8);
        out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(part);
    }
}

/// The segments of a packed frame.
///
/// # Errors
/// When the data is damaged.
pub fn unpack(data: &[u8]) -> Result<Vec<Segment>> {
    let damaged = || StoreError::new("damaged log frame", "reading a log");
    let mut plain = Vec::new();
    zstd::Decoder::new(data)
        .and_then(|mut d| d.read_to_end(&mut plain))
        .map_err(|e| StoreError::new(e.to_string(), "reading a log"))?;
    let mut out = Vec::new();
    let mut rest = &plain[..];
    while let Some((&letter, tail)) = rest.split_first() {
        let stream = Stream::from_letter(letter).ok_or_else(damaged)?;
        let (length, tail) = tail.split_first_chunk::<4>().ok_or_else(damaged)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (bytes, tail) = tail.split_at_checked(length).ok_or_else(damaged)?;
        out.push((stream, bytes.to_vec()));
        rest = tail;
    }
    Ok(out)
}

/// Writes a frame.
///
/// # Errors
/// What the database refuses.
pub fn insert(conn: &Conn<'_>, frame: NewFrame) -> Result<()> {
    conn.execute(
        "insert into frames (log_id, seq, first_line, open_line, first_byte, lines, bytes, time, data) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            frame.log,
            frame.seq,
            frame.first_line,
            frame.open_line.map(|s| s.letter().to_string()),
            frame.first_byte,
            frame.lines,
            frame.bytes,
            frame.time,
            frame.data
        ],
    )?;
    Ok(())
}

/// Removes all frames of a log.
///
/// # Errors
/// What the database refuses.
pub fn delete(conn: &Conn<'_>, log: LogId) -> Result<()> {
    conn.execute("delete from frames where log_id = $1", params![log])?;
    Ok(())
}

/// What is stored of a log: (frames, display lines that have ended, raw bytes).
///
/// # Errors
/// What the database refuses.
pub fn extent(conn: &Conn<'_>, log: LogId) -> Result<(i64, i64, i64)> {
    let last = conn.query_opt(
        "select seq + 1, first_line + lines, first_byte + bytes from frames \
         where log_id = $1 order by seq desc limit 1",
        params![log],
        |r| Ok((r.int(0)?, r.int(1)?, r.int(2)?)),
    )?;
    Ok(last.unwrap_or((0, 0, 0)))
}

/// The segments of the frame `seq` of a log, or none after the last one. For streaming a whole log
/// in constant memory.
///
/// # Errors
/// What the database refuses.
pub fn segments(conn: &Conn<'_>, log: LogId, seq: i64) -> Result<Option<Vec<Segment>>> {
    let data = conn.query_opt(
        "select data from frames where log_id = $1 and seq = $2",
        params![log, seq],
        |r| r.blob(0),
    )?;
    data.map(|d| unpack(&d)).transpose()
}

/// The bytes from offset `byte` of a log up to the end of their frame, and the offset after them;
/// none at the end. Offsets stay what they are when a log is packed, numbers of frames do not.
///
/// # Errors
/// What the database refuses.
pub fn from_byte(conn: &Conn<'_>, log: LogId, byte: i64) -> Result<Option<(Vec<Segment>, i64)>> {
    let frame = conn.query_opt(
        "select data, first_byte, bytes from frames where log_id = $1 and first_byte <= $2 \
         order by first_byte desc, seq desc limit 1",
        params![log, byte],
        |r| Ok((r.blob(0)?, r.int(1)?, r.int(2)?)),
    )?;
    let Some((data, first, bytes)) = frame.filter(|(_, first, bytes)| byte < first + bytes) else {
        return Ok(None);
    };
    let mut skip = usize::try_from(byte - first).unwrap_or(0);
    let mut segments = Vec::new();
    for (stream, mut text) in unpack(&data)? {
        let cut = skip.min(text.len());
        skip -= cut;
        text.drain(..cut);
        if !text.is_empty() {
            segments.push((stream, text));
        }
    }
    Ok(Some((segments, first + bytes)))
}

/// At most `limit` display lines from line `first` (0 = the first). With `open`, a last line that
/// has not ended yet counts too.
///
/// # Errors
/// What the database refuses.
pub fn lines(conn: &Conn<'_>, log: LogId, first: i64, limit: i64, open: bool) -> Result<Vec<Line>> {
    let Some((mut seq, line, open_line)) = frame_before(conn, log, first)? else {
        return Ok(Vec::new());
    };
    // A line that goes on from before is not asked for, but its end counts.
    let partial = open_line.map(|stream| (stream, Vec::new()));
    let mut splitter = Splitter { line, from: first, limit, partial, out: Vec::new() };
    while !splitter.is_full() {
        let Some(segments) = segments(conn, log, seq)? else { break };
        for (stream, bytes) in segments {
            splitter.push(stream, &bytes);
        }
        seq += 1;
    }
    if open && !splitter.is_full() {
        splitter.end_line();
    }
    Ok(splitter.out)
}

/// The last frame from which on all of line `first` can be read: its number, the lines that ended
/// before it, and the stream of a line that is open where it begins.
fn frame_before(
    conn: &Conn<'_>,
    log: LogId,
    first: i64,
) -> Result<Option<(i64, i64, Option<Stream>)>> {
    let read = |r: &super::conn::Row<'_>| {
        let letter = r.opt_text(2)?;
        let open_line = letter.and_then(|l| l.bytes().next()).and_then(Stream::from_letter);
        Ok((r.int(0)?, r.int(1)?, open_line))
    };
    let exact = conn.query_opt(
        "select seq, first_line, open_line from frames \
         where log_id = $1 and first_line = $2 and open_line is null order by seq limit 1",
        params![log, first],
        read,
    )?;
    if exact.is_some() {
        return Ok(exact);
    }
    conn.query_opt(
        "select seq, first_line, open_line from frames \
         where log_id = $1 and first_line < $2 order by first_line desc, seq desc limit 1",
        params![log, first],
        read,
    )
}

/// Cuts segments into display lines and keeps those asked for.
struct Splitter {
    line: i64,
    from: i64,
    limit: i64,
    partial: Option<(Stream, Vec<u8>)>,
    out: Vec<Line>,
}

impl Splitter {
    fn is_full(&self) -> bool {
        i64::try_from(self.out.len()).unwrap_or(i64::MAX) >= self.limit
    }

    fn push(&mut self, stream: Stream, mut bytes: &[u8]) {
        if self.partial.as_ref().is_some_and(|(s, _)| *s != stream) {
            self.end_line();
        }
        while !bytes.is_empty() && !self.is_full() {
            let end = memchr::memchr(b'\n', bytes);
            let take = end.unwrap_or(bytes.len());
            let (_, text) = self.partial.get_or_insert_with(|| (stream, Vec::new()));
            if self.line >= self.from {
                let room = LONGEST.saturating_sub(text.len());
                text.extend_from_slice(&bytes[..take.min(room)]);
            }
            if end.is_some() {
                self.end_line();
                bytes = &bytes[take + 1..];
            } else {
                bytes = &[];
            }
        }
    }

    fn end_line(&mut self) {
        let Some((stream, mut text)) = self.partial.take() else { return };
        if self.line >= self.from && !self.is_full() {
            if text.last() == Some(&b'\r') {
                text.pop();
            }
            self.out.push(Line { stream, text: String::from_utf8_lossy(&text).into_owned() });
        }
        self.line += 1;
    }
}

/// Whether the last display line of a log has not ended.
///
/// # Errors
/// What the database refuses.
pub fn has_open_line(conn: &Conn<'_>, log: LogId) -> Result<bool> {
    let (frames, _, _) = extent(conn, log)?;
    let last = if frames > 0 { segments(conn, log, frames - 1)? } else { None };
    Ok(last.and_then(|s| s.into_iter().last()).is_some_and(|(_, b)| b.last() != Some(&b'\n')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::{Store, StoreOptions};

    /// Cuts segments into display lines, the slow and obvious way.
    fn reference(segments: &[Segment]) -> Vec<(Stream, Vec<u8>)> {
        let mut lines: Vec<(Stream, Vec<u8>)> = Vec::new();
        let mut open: Option<(Stream, Vec<u8>)> = None;
        for (stream, bytes) in segments {
            for byte in bytes {
                if open.as_ref().is_some_and(|(s, _)| s != stream) {
                    lines.extend(open.take());
                }
                let (_, text) = open.get_or_insert((*stream, Vec::new()));
                if *byte == b'\n' {
                    lines.extend(open.take());
                } else {
                    text.push(*byte);
                }
            }
        }
        lines.extend(open);
        lines
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn any_window_of_any_log_is_the_lines_that_were_written(
            frames in proptest::collection::vec(
                proptest::collection::vec((any::<bool>(), "[ab\n]{0,5}"), 1..4), 1..12)
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("state.sqlite");
            let opened = Store::open(&StoreOptions { path, durable: false, inline: true }).unwrap();
            let mut writer = opened.logs;
            let (log, mut all, mut open_line) = (LogId(1), Vec::new(), None);
            let (mut first_line, mut first_byte) = (0, 0);
            writer.transaction(|conn| {
                // The log writer never writes a frame without bytes.
                let frames = frames.iter().filter(|f| f.iter().any(|(_, text)| !text.is_empty()));
                for (seq, frame) in (0..).zip(frames) {
                    let (mut packed, mut lines, mut bytes) = (Vec::new(), 0, 0);
                    let open_before = open_line;
                    for (err, text) in frame.iter().filter(|(_, text)| !text.is_empty()) {
                        let stream = if *err { Stream::Stderr } else { Stream::Stdout };
                        lines += i64::from(open_line.is_some_and(|s| s != stream));
                        lines += text.matches('\n').count() as i64;
                        open_line = (!text.ends_with('\n')).then_some(stream);
                        push_segment(&mut packed, stream, text.as_bytes());
                        bytes += text.len() as i64;
                        all.push((stream, text.as_bytes().to_vec()));
                    }
                    let data = pack(&packed)?;
                    let time = Timestamp(0);
                    insert(conn, NewFrame { log, seq, first_line, open_line: open_before, first_byte, lines, bytes, time, data })?;
                    first_line += lines;
                    first_byte += bytes;
                }
                let wanted = reference(&all);
                assert_eq!(has_open_line(conn, log)?, open_line.is_some());
                assert_eq!(extent(conn, log)?.1 + i64::from(open_line.is_some()), wanted.len() as i64);
                for from in 0..=wanted.len() {
                    for limit in [1, 3, 100] {
                        let got = super::lines(conn, log, from as i64, limit, true)?;
                        let want: Vec<Line> = wanted.iter().skip(from).take(limit as usize)
                            .map(|(stream, text)| Line {
                                stream: *stream,
                                text: String::from_utf8_lossy(text).into_owned(),
                            })
                            .collect();
                        assert_eq!(got, want, "from {from}, {limit} lines");
                    }
                }
                Ok(())
            }).unwrap();
        }
    }
}
