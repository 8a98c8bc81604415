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
