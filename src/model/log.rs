//! Logs of steps: their kinds, and the segments in which their bytes are kept.
//!
//! Bytes stay in the order of arrival. A *segment* is a run of bytes of one stream; a *display
//! line* ends at a newline or where the stream changes.

use serde::{Deserialize, Serialize};

/// The log of a command that names none.
pub const STDIO: &str = "stdio";

/// What a log holds; the letters are Buildbot's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogKind {
    /// `s`: the streams of a command; each line has its stream's letter.
    Stdio,
    /// `t`: plain text.
    Text,
    /// `h`: HTML.
    Html,
}

impl LogKind {
    /// Buildbot's letter.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::Stdio => "s",
            Self::Text => "t",
            Self::Html => "h",
        }
    }

    /// The kind with Buildbot's `letter`.
    #[must_use]
    pub fn from_letter(letter: &str) -> Option<Self> {
        [Self::Stdio, Self::Text, Self::Html].into_iter().find(|k| k.letter() == letter)
    }
}

/// A stream of a command's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// `o`
    Stdout,
    /// `e`
    Stderr,
    /// `h`: what master and worker say about the command.
    Header,
}

impl Stream {
    /// Buildbot's letter before each line.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Stdout => 'o',
            Self::Stderr => 'e',
            Self::Header => 'h',
        }
    }

    /// The stream with Buildbot's `letter`.
    #[must_use]
    pub fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'o' => Some(Self::Stdout),
            b'e' => Some(Self::Stderr),
            b'h' => Some(Self::Header),
            _ => None,
        }
    }
}

/// Where a log stands, in display lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCount {
    /// Lines that have ended.
    pub lines: i64,
    /// The stream of a last line that has not.
    pub open: Option<Stream>,
}

impl LineCount {
    /// Adds bytes; returns the number of the line in which they begin, from 0.
    pub fn add(&mut self, stream: Stream, data: &[u8]) -> i64 {
        if self.open.is_some_and(|open| open != stream) {
            self.lines += 1;
        }
        let begins = self.lines;
        self.lines += i64::try_from(memchr::memchr_iter(b'\n', data).count()).unwrap_or(0);
        self.open = (data.last() != Some(&b'\n')).then_some(stream);
        begins
    }
}
