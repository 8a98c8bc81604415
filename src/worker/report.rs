//! What a command says to the master, buffered: to our own master raw bytes, at most 20 ms late,
//! within a window of unanswered bytes; to a stock master whole lines by Buildbot's rules. When
//! the window is full a command cannot say more, and its process blocks on its pipe.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::lines::{Assembler, Lines, MAX_LINE_LENGTH};
use super::uplink::Uplink;
use crate::base::clock::Clock;
use crate::model::log::Stream;
use crate::wire::msgpack::codec::Value;
use crate::wire::msgpack::message::WINDOW;

/// How the master wants its output.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dialect {
    /// A stock master: whole lines.
    Lines {
        /// Characters of the longest line.
        max_line_length: usize,
        /// Size at which a buffer is sent, in Buildbot's measure.
        buffer_size: usize,
        /// How long something may wait in it.
        buffer_timeout: Duration,
    },
    /// Our own: bytes.
    Raw {
        /// Bytes of output without an answer.
        window: usize,
    },
}

impl Default for Dialect {
    fn default() -> Self {
        Self::Lines {
            max_line_length: MAX_LINE_LENGTH,
            buffer_size: 65_536,
            buffer_timeout: Duration::from_secs(5),
        }
    }
}

/// Size at which raw output is sent without waiting.
const RAW_SIZE: usize = 128 << 10;
/// How long raw output may wait for more.
const RAW_DELAY: Duration = Duration::from_millis(20);
/// What anything but text costs, in Buildbot's measure.
const OTHER_COST: usize = 20;

/// A command's voice.
pub(super) struct Report {
    id: String,
    uplink: Uplink,
    clock: Clock,
    dialect: Dialect,
    streams: BTreeMap<Voice, Assembler>,
    pending: Vec<Piece>,
    size: usize,
    room: Arc<Semaphore>,
    window: usize,
    offset: u64,
    due: Option<Instant>,
    sent: Option<Instant>,
    muted: bool,
}

/// Who speaks; in the order of the names, in which a stock master gets their last lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Voice {
    Header,
    /// A log file, by the name of its log.
    Log(String),
    Stderr,
    Stdout,
}

impl From<Stream> for Voice {
    fn from(stream: Stream) -> Self {
        match stream {
            Stream::Stdout => Self::Stdout,
            Stream::Stderr => Self::Stderr,
            Stream::Header => Self::Header,
        }
    }
}

enum Piece {
    Raw(Voice, BytesMut),
    Lines(Voice, Lines),
    Other(&'static str, Value),
}

impl Report {
    pub(super) fn new(id: String, uplink: Uplink, clock: Clock, dialect: Dialect) -> Self {
        let window = match dialect {
            Dialect::Lines { .. } => WINDOW,
            Dialect::Raw { window } => window.clamp(1, Semaphore::MAX_PERMITS),
        };
        Self {
            id,
            uplink,
            clock,
            dialect,
            streams: BTreeMap::new(),
            pending: Vec::new(),
            size: 0,
            room: Arc::new(Semaphore::new(window)),
            window,
            offset: 0,
            due: None,
            sent: None,
            muted: false,
        }
    }

    /// Adds output.
    pub(super) fn output(&mut self, stream: Stream, bytes: &[u8]) {
        self.say(stream.into(), bytes);
    }

    /// Adds what was read from the file of the log `name`.
    pub(super) fn log(&mut self, name: &str, bytes: &[u8]) {
        self.say(Voice::Log(name.to_owned()), bytes);
    }

    fn say(&mut self, voice: Voice, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.dialect {
            Dialect::Raw { .. } => {
                self.size += bytes.len();
                match self.pending.last_mut() {
                    Some(Piece::Raw(last, data)) if *last == voice => {
                        data.extend_from_slice(bytes);
                    }
                    _ => self.pending.push(Piece::Raw(voice, BytesMut::from(bytes))),
                }
            }
            Dialect::Lines { max_line_length, .. } => {
                #[expect(clippy::cast_precision_loss, reason = "microseconds fit well into f64")]
                let now = self.clock.now().0 as f64 / 1e6;
                let assembler = self
                    .streams
                    .entry(voice.clone())
                    .or_insert_with(|| Assembler::new(max_line_length));
                let lines = assembler.push(bytes, now);
                self.lines(voice, lines);
            }
        }
        self.arm();
    }

    /// Adds a text on the header stream.
    pub(super) fn header(&mut self, text: &str) {
        self.output(Stream::Header, text.as_bytes());
    }

    /// Adds anything but output, unless the command was muted.
    pub(super) fn tell(&mut self, key: &'static str, value: Value) {
        if !self.muted {
            self.size += OTHER_COST;
            self.pending.push(Piece::Other(key, value));
            self.arm();
        }
    }

    /// From now on only output is sent: an interrupted command has no result.
    pub(super) fn mute(&mut self) {
        self.muted = true;
    }

    /// Whether no more output should be read before something was sent.
    pub(super) fn is_full(&self) -> bool {
        self.size >= self.limit()
    }

    /// When [`Self::flush`] is due; none = there is nothing to send.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Sends what has gathered, when the window has room for it. Cancel-safe.
    pub(super) async fn flush(&mut self) {
        if self.pending.is_empty() {
            self.due = None;
            return;
        }
        let most = u32::try_from(self.window).unwrap_or(u32::MAX);
        let wanted = u32::try_from(self.size).unwrap_or(u32::MAX).clamp(1, most);
        // A closed semaphore means that nobody listens: what is sent goes nowhere.
        let room = self.room.clone().acquire_many_owned(wanted).await.ok();
        let offset = self.offset;
        let pairs: Vec<Value> = std::mem::take(&mut self.pending)
            .into_iter()
            .map(|piece| {
                if let Piece::Raw(_, data) = &piece {
                    self.offset += data.len() as u64;
                }
                piece.into_pair()
            })
            .collect();
        let mut fields = vec![("args", Value::Array(pairs)), ("command_id", Value::text(&self.id))];
        if matches!(self.dialect, Dialect::Raw { .. }) {
            fields.push(("offset", offset.into()));
        }
        self.uplink.tell("update", fields, room);
        self.size = 0;
        self.due = None;
        self.sent = Some(Instant::now());
    }

    /// Sends the rest, and that the command is over.
    pub(super) async fn complete(mut self, failure: Option<String>) {
        for (voice, mut assembler) in std::mem::take(&mut self.streams) {
            let lines = assembler.finish();
            self.lines(voice, lines);
        }
        self.flush().await;
        let mut fields = vec![
            ("args", failure.map_or(Value::Nil, |text| Value::text(&text))),
            ("command_id", Value::text(&self.id)),
        ];
        if matches!(self.dialect, Dialect::Raw { .. }) {
            fields.push(("offset", self.offset.into()));
        }
        self.uplink.tell("complete", fields, None);
    }

    /// The uplink, for calls of the command's own.
    pub(super) fn uplink(&self) -> &Uplink {
        &self.uplink
    }

    /// The command's id, for calls of its own.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    fn lines(&mut self, voice: Voice, lines: Lines) {
        if lines.text.is_empty() {
            return;
        }
        self.size += lines.cost();
        match self.pending.last_mut() {
            Some(Piece::Lines(last, all)) if *last == voice => all.append(lines),
            _ => self.pending.push(Piece::Lines(voice, lines)),
        }
    }

    fn limit(&self) -> usize {
        match self.dialect {
            Dialect::Lines { buffer_size, .. } => buffer_size,
            Dialect::Raw { .. } => RAW_SIZE,
        }
    }

    /// Sets the time for the next flush: at once when there is enough, or when raw output has
    /// been quiet; else after the dialect's delay.
    fn arm(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let now = Instant::now();
        if self.is_full() {
            self.due = Some(now);
        } else if self.due.is_none() {
            self.due = Some(match self.dialect {
                Dialect::Lines { buffer_timeout, .. } => now + buffer_timeout,
                Dialect::Raw { .. } => self.sent.map_or(now, |sent| now.max(sent + RAW_DELAY)),
            });
        }
    }
}

impl Piece {
    fn into_pair(self) -> Value {
        let said = |voice: Voice, value: Value| match voice {
            Voice::Header => ("header", value),
            Voice::Log(name) => ("log", Value::Array(vec![Value::text(&name), value])),
            Voice::Stderr => ("stderr", value),
            Voice::Stdout => ("stdout", value),
        };
        let (key, value) = match self {
            Self::Raw(voice, data) => said(voice, Value::Bin(data.freeze())),
            Self::Lines(voice, lines) => {
                let ends = lines.ends.into_iter().map(Value::from).collect();
                let times = lines.times.into_iter().map(Value::from).collect();
                let text = Value::Str(lines.text.into());
                said(voice, Value::Array(vec![text, Value::Array(ends), Value::Array(times)]))
            }
            Self::Other(key, value) => (key, value),
        };
        Value::Array(vec![Value::text(key), value])
    }
}
