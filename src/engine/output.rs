//! The log writer: output of commands on its way to disk. It never passes through the beat. Each
//! log has a budget of bytes under way; when it is used up, the appender waits, then the worker's
//! session, then the command's pipe: memory stays flat however fast a command writes. What waits is
//! compressed into frames and committed together; only then the worker is told to go on, and
//! followers are told that there is more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::base::id::{LogId, StepId};
use crate::engine::Engine;
use crate::engine::cut::Cut;
use crate::engine::input::Input;
use crate::engine::mask::Masker;
use crate::engine::ports::Ack;
use crate::model::config::LogLimits;
use crate::model::log::{LineCount, Stream};
use crate::store::frames::{self, NewFrame};
use crate::store::{Conn, Result, Writer};

/// Bytes of one log that may be under way.
const BUDGET: usize = 4 << 20;
/// Raw bytes of a frame at most.
const FRAME: usize = 256 << 10;
/// Trickling output is gathered this long before it is written: followers see it well within
/// 100 ms, and the disk is not asked to sync for every line.
const GATHER: Duration = Duration::from_millis(25);
/// More than this is written at once.
const ENOUGH: usize = 256 << 10;
/// Logs up to this size whose frames came out small are packed when they end.
const PACK_BELOW: i64 = 4 << 20;

/// Hands bytes to the log loop. Cheap to clone.
#[derive(Clone)]
pub struct LogWriter {
    entries: mpsc::UnboundedSender<Entry>,
}

/// An open log. Clones are the same log.
#[derive(Clone)]
pub(super) struct LogHandle {
    log: LogId,
    step: StepId,
    limits: LogLimits,
    budget: Arc<Semaphore>,
    entries: mpsc::UnboundedSender<Entry>,
    masker: Arc<Masker>,
    far: Arc<Mutex<Far>>,
}

/// How far what was handed over is.
#[derive(Default)]
struct Far {
    is_finished: bool,
    count: LineCount,
    /// Bytes of output.
    bytes: usize,
}

/// Something for the log loop. The channel is unbounded, the bytes in it are not: each carries its
/// part of the log's budget.
enum Entry {
    Bytes {
        log: LogId,
        step: StepId,
        limits: LogLimits,
        stream: Stream,
        data: Bytes,
        masker: Arc<Masker>,
        permit: OwnedSemaphorePermit,
        ack: Ack,
    },
    Finish {
        log: LogId,
        step: StepId,
        done: oneshot::Sender<()>,
    },
}

impl LogWriter {
    /// A writer and the loop that serves it.
    #[must_use]
    pub fn new(writer: Writer, engine: Engine) -> (Self, LogLoop) {
        let (entries, received) = mpsc::unbounded_channel();
        (Self { entries }, LogLoop { received, writer, engine, open: BTreeMap::new() })
    }

    /// A handle on the log `log`, which hides what `masker` knows and keeps to `limits`.
    #[must_use]
    pub(super) fn open(
        &self,
        log: LogId,
        step: StepId,
        masker: Arc<Masker>,
        limits: LogLimits,
    ) -> LogHandle {
        LogHandle {
            log,
            step,
            limits,
            budget: Arc::new(Semaphore::new(BUDGET)),
            entries: self.entries.clone(),
            masker,
            far: Arc::default(),
        }
    }
}

impl LogHandle {
    /// Appends bytes; waits while too many are under way. `ack` is given once they are on disk.
    /// Returns the number of the line in which they begin, from 1; none = the log is too long for them.
    ///
    /// # Errors
    /// What was to be appended: the log was finished meanwhile.
    pub(super) async fn append(
        &self,
        stream: Stream,
        data: Bytes,
        ack: Ack,
    ) -> std::result::Result<Option<i64>, (Bytes, Ack)> {
        if data.is_empty() {
            return Ok(None);
        }
        let weight = u32::try_from(data.len().min(BUDGET)).unwrap_or(u32::MAX);
        let permit = self.budget.clone().acquire_many_owned(weight).await;
        let Ok(permit) = permit else { return Ok(None) };
        let masker = self.masker.clone();
        let (log, step, limits) = (self.log, self.step, self.limits);
        // Nothing comes after the end: looking and sending are one.
        let mut far = self.far.lock().unwrap_or_else(PoisonError::into_inner);
        if far.is_finished {
            return Err((data, ack));
        }
        let number = far.count.add(stream, &data) + 1;
        far.bytes += if stream == Stream::Header { 0 } else { data.len() };
        let is_whole = limits.log_max_size.is_none_or(|most| far.bytes <= most);
        let bytes = Entry::Bytes { log, step, limits, stream, data, masker, permit, ack };
        // A closed channel means that the process is ending.
        let _ = self.entries.send(bytes);
        Ok(is_whole.then_some(number))
    }

    /// Ends the log; returns when all of it is on disk.
    pub(super) async fn finish(self) {
        let (done, is_done) = oneshot::channel();
        {
            let mut far = self.far.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::replace(&mut far.is_finished, true) {
                return;
            }
            let _ = self.entries.send(Entry::Finish { log: self.log, step: self.step, done });
        }
        let _ = is_done.await;
    }
}

/// The loop that writes.
pub struct LogLoop {
    received: mpsc::UnboundedReceiver<Entry>,
    writer: Writer,
    engine: Engine,
    open: BTreeMap<LogId, Extent>,
}

/// How far a log is.
#[derive(Default)]
struct Extent {
    seq: i64,
    lines: i64,
    bytes: i64,
    /// The stream of a last line that has not ended.
    open_line: Option<Stream>,
    /// The end of what came, which may be the beginning of a secret.
    held_back: Vec<u8>,
    held_stream: Option<Stream>,
    /// What is left out of a log that is too long.
    cut: Cut,
}

/// One log's part of a group.
struct Part {
    step: StepId,
    segments: Vec<(Stream, Bytes)>,
    finish: Vec<oneshot::Sender<()>>,
}

impl LogLoop {
    /// Serves until every [`LogWriter`] is gone.
    ///
    /// # Errors
    /// When a commit fails.
    pub async fn serve(mut self) -> Result<()> {
        let mut batch = Vec::new();
        loop {
            if self.received.recv_many(&mut batch, 4096).await == 0 {
                return Ok(());
            }
            self.gather(&mut batch).await;
            self.write(std::mem::take(&mut batch)).await?;
        }
    }

    /// Waits a little for more, unless there is enough or somebody waits for the end.
    async fn gather(&mut self, batch: &mut Vec<Entry>) {
        let timer = tokio::time::sleep(GATHER);
        tokio::pin!(timer);
        loop {
            let waiting: usize = batch
                .iter()
                .map(|e| match e {
                    Entry::Bytes { data, .. } => data.len(),
                    Entry::Finish { .. } => ENOUGH,
                })
                .sum();
            if waiting >= ENOUGH {
                // Whatever has arrived meanwhile shares the commit.
                while batch.len() < 4096
                    && let Ok(more) = self.received.try_recv()
                {
                    batch.push(more);
                }
                return;
            }
            tokio::select! {
                biased;
                () = &mut timer => return,
                n = self.received.recv_many(batch, 4096) => if n == 0 { return },
            }
        }
    }

    async fn write(&mut self, batch: Vec<Entry>) -> Result<()> {
        let mut parts: BTreeMap<LogId, Part> = BTreeMap::new();
        // Dropped after the commit: they let workers and appenders go on.
        let mut held = Vec::new();
        for entry in batch {
            match entry {
                Entry::Bytes { log, step, limits, stream, data, masker, permit, ack } => {
                    let part = part(&mut parts, log, step);
                    let extent = self.open.entry(log).or_default();
                    extent.cut.limits = limits;
                    mask_into(extent, &mut part.segments, stream, data, &masker);
                    held.push((permit, ack));
                }
                Entry::Finish { log, step, done } => part(&mut parts, log, step).finish.push(done),
            }
        }
        let (open, now) = (&mut self.open, self.engine.clock().now());
        let written = self.writer.transaction(|conn| {
            let mut grew = Vec::new();
            for (log, part) in &mut parts {
                let extent = open.entry(*log).or_default();
                let finished = !part.finish.is_empty();
                if finished && let Some(stream) = extent.held_stream.take() {
                    let rest = std::mem::take(&mut extent.held_back);
                    part.segments.push((stream, rest.into()));
                }
                part.segments = extent.cut.take(std::mem::take(&mut part.segments));
                if finished {
                    part.segments.extend(extent.cut.rest());
                }
                append(conn, *log, extent, &part.segments, now)?;
                if finished && extent.seq > 4 && extent.bytes < PACK_BELOW {
                    repack(conn, *log, now)?;
                }
                let lines = extent.lines + i64::from(finished && extent.open_line.is_some());
                grew.push((*log, part.step, lines, extent.bytes, finished));
            }
            Ok(grew)
        });
        let grew = match written {
            Ok(grew) => grew,
            Err(error) => {
                // What is not on disk is not acknowledged, not even by the end of the process.
                std::mem::forget(held);
                return Err(error);
            }
        };
        drop(held);
        for (log, step, lines, bytes, finished) in grew {
            if finished {
                self.open.remove(&log);
            }
            self.engine.tell(Input::LogGrew { log, step, lines, bytes, finished }).await;
        }
        for done in parts.into_values().flat_map(|p| p.finish) {
            let _ = done.send(());
        }
        Ok(())
    }
}

fn part(parts: &mut BTreeMap<LogId, Part>, log: LogId, step: StepId) -> &mut Part {
    parts.entry(log).or_insert_with(|| Part { step, segments: Vec::new(), finish: Vec::new() })
}

/// Masks `data` and keeps back an end that may be the beginning of a secret.
fn mask_into(
    extent: &mut Extent,
    segments: &mut Vec<(Stream, Bytes)>,
    stream: Stream,
    data: Bytes,
    masker: &Masker,
) {
    if masker.is_empty() {
        segments.push((stream, data));
        return;
    }
    if let Some(held) = extent.held_stream.take() {
        let rest = std::mem::take(&mut extent.held_back);
        if held == stream {
            let mut joined = rest;
            joined.extend_from_slice(&data);
            return mask_into(extent, segments, stream, joined.into(), masker);
        }
        segments.push((held, rest.into()));
    }
    let (clean, keep) = masker.mask(&data);
    if keep > 0 {
        extent.held_back = data[data.len() - keep..].to_vec();
        extent.held_stream = Some(stream);
    }
    let clean = match clean {
        Some(clean) => clean.into(),
        None => data.slice(..data.len() - keep),
    };
    if !clean.is_empty() {
        segments.push((stream, clean));
    }
}

/// Writes segments as frames.
fn append(
    conn: &Conn<'_>,
    log: LogId,
    extent: &mut Extent,
    segments: &[(Stream, Bytes)],
    now: crate::base::clock::Timestamp,
) -> Result<()> {
    let (mut packed, mut bytes) = (Vec::new(), 0_usize);
    let mut count = LineCount { lines: 0, open: extent.open_line };
    let mut open_before = extent.open_line;
    for (stream, data) in segments {
        for piece in data.chunks(FRAME) {
            count.add(*stream, piece);
            extent.open_line = count.open;
            frames::push_segment(&mut packed, *stream, piece);
            bytes += piece.len();
            if bytes >= FRAME {
                put(conn, log, extent, &packed, (count.lines, bytes, open_before), now)?;
                (count.lines, bytes, open_before) = (0, 0, extent.open_line);
                packed.clear();
            }
        }
    }
    if bytes > 0 {
        put(conn, log, extent, &packed, (count.lines, bytes, open_before), now)?;
    }
    Ok(())
}

fn put(
    conn: &Conn<'_>,
    log: LogId,
    extent: &mut Extent,
    packed: &[u8],
    (lines, bytes, open_line): (i64, usize, Option<Stream>),
    time: crate::base::clock::Timestamp,
) -> Result<()> {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let frame = NewFrame {
        log,
        seq: extent.seq,
        first_line: extent.lines,
        open_line,
        first_byte: extent.bytes,
        lines,
        bytes,
        time,
        data: frames::pack(packed)?,
    };
    frames::insert(conn, frame)?;
    extent.seq += 1;
    extent.lines += lines;
    extent.bytes += bytes;
    Ok(())
}

/// Writes a finished log again in frames of full size: many small ones waste room and time.
fn repack(conn: &Conn<'_>, log: LogId, now: crate::base::clock::Timestamp) -> Result<()> {
    let mut all: Vec<(Stream, Vec<u8>)> = Vec::new();
    let mut seq = 0;
    while let Some(segments) = frames::segments(conn, log, seq)? {
        for (stream, bytes) in segments {
            match all.last_mut() {
                Some((last, text)) if *last == stream => text.extend_from_slice(&bytes),
                _ => all.push((stream, bytes)),
            }
        }
        seq += 1;
    }
    frames::delete(conn, log)?;
    let segments: Vec<(Stream, Bytes)> = all.into_iter().map(|(s, b)| (s, b.into())).collect();
    append(conn, log, &mut Extent::default(), &segments, now)
}
