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
        "insert into frames (log_id, seq, first_line, first_byte, lines, bytes, time, data) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        params![
            frame.log,
            frame.seq,
            frame.first_line,
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

/// At most `limit` display lines from line `first` (0 = the first). With `open`, a last line that
/// has not ended yet counts too.
///
/// # Errors
/// What the database refuses.
pub fn lines(conn: &Conn<'_>, log: LogId, first: i64, limit: i64, open: bool) -> Result<Vec<Line>> {
    // The frame in which line `first` begins: the last one with first_line <= first. A line may
    // have begun in frames before it, when that one starts in the middle of a line.
    let start = conn.query_opt(
        "select seq, first_line from frames where log_id = $1 and first_line <= $2 \
         and (lines > 0 or seq = 0) order by seq desc limit 1",
        params![log, first],
        |r| Ok((r.int(0)?, r.int(1)?)),
    )?;
    let Some((mut seq, first_line)) = start else { return Ok(Vec::new()) };
    let mut splitter = Splitter { line: first_line, from: first, limit, ..Splitter::default() };
    if first_line == first && seq > 0 {
        // Its beginning may be in earlier frames: those up to the last one that ended a line.
        seq = conn
            .query_opt(
                "select seq, first_line, lines from frames where log_id = $1 and seq < $2 \
                 and (lines > 0 or seq = 0) order by seq desc limit 1",
                params![log, seq],
                |r| Ok((r.int(0)?, r.int(1)?)),
            )?
            .map_or(seq, |(earlier, line)| {
                splitter.line = line;
                earlier
            });
    }
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

/// Cuts segments into display lines and keeps those asked for.
#[derive(Default)]
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
                text.extend_from_slice(&bytes[..take]);
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
