//! What a log that is too long loses: everything after its first `log_max_size` bytes but the last
//! `log_max_tail_size`. Only what commands write counts; what master and worker say stays. It works
//! on what is masked already, so that no secret is cut in two.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::model::config::LogLimits;
use crate::model::log::Stream;

/// The state of one log.
#[derive(Default)]
pub(super) struct Cut {
    pub(super) limits: LogLimits,
    /// Bytes that went through.
    kept: usize,
    /// The last bytes that did not, in the order of their arrival.
    tail: VecDeque<(Stream, Bytes)>,
    held: usize,
    /// Bytes that are lost.
    lost: usize,
    is_cut: bool,
}

impl Cut {
    /// What of `segments` is written now.
    pub(super) fn take(&mut self, segments: Vec<(Stream, Bytes)>) -> Vec<(Stream, Bytes)> {
        let Some(most) = self.limits.log_max_size else { return segments };
        let mut out = Vec::with_capacity(segments.len());
        for (stream, mut data) in segments {
            if stream == Stream::Header {
                out.push((stream, data));
                continue;
            }
            if !self.is_cut {
                let first = data.split_to(boundary(&data, most - self.kept));
                self.kept += first.len();
                self.is_cut = !data.is_empty();
                if !first.is_empty() {
                    out.push((stream, first));
                }
                if self.is_cut {
                    let text = format!("\nThe log is cut here: it is longer than {most} bytes.\n");
                    out.push((Stream::Header, text.into()));
                }
            }
            self.hold(stream, data);
        }
        out
    }

    /// Keeps the end of what is left out.
    fn hold(&mut self, stream: Stream, data: Bytes) {
        let most = self.limits.log_max_tail_size.unwrap_or(0);
        self.held += data.len();
        self.tail.push_back((stream, data));
        while self.held > most {
            let Some((_, first)) = self.tail.front_mut() else { return };
            let lost = boundary_from(first, (self.held - most).min(first.len()));
            drop(first.split_to(lost));
            let is_gone = first.is_empty();
            (self.held, self.lost) = (self.held - lost, self.lost + lost);
            if is_gone {
                self.tail.pop_front();
            }
        }
    }

    /// What is written at the end of the log.
    pub(super) fn rest(&mut self) -> Vec<(Stream, Bytes)> {
        if !self.is_cut {
            return Vec::new();
        }
        let text = match (self.lost, self.held) {
            (lost, 0) => format!("{lost} bytes are left out.\n"),
            (0, _) => "Nothing is left out; the rest follows.\n".to_owned(),
            (lost, held) => format!("{lost} bytes are left out; the last {held} follow.\n"),
        };
        let mut out = vec![(Stream::Header, text.into())];
        out.extend(std::mem::take(&mut self.tail));
        out
    }
}

/// The last place up to `at` that is not inside a character.
fn boundary(data: &[u8], at: usize) -> usize {
    if at >= data.len() {
        return data.len();
    }
    // No character of UTF-8 has more than three bytes that continue it.
    (at.saturating_sub(3)..=at).rev().find(|i| !continues(data[*i])).unwrap_or(at)
}

/// The first place from `at` on that is not inside a character.
fn boundary_from(data: &[u8], at: usize) -> usize {
    (at..data.len().min(at + 3)).find(|i| !continues(data[*i])).unwrap_or(data.len().min(at + 3))
}

fn continues(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept of `pieces`; headers in brackets.
    fn kept(most: usize, tail: Option<usize>, pieces: &[(Stream, &str)]) -> String {
        let limits = LogLimits { log_max_size: Some(most), log_max_tail_size: tail };
        let mut cut = Cut { limits, ..Cut::default() };
        let mut out = Vec::new();
        for (stream, text) in pieces {
            out.extend(cut.take(vec![(*stream, Bytes::copy_from_slice(text.as_bytes()))]));
        }
        out.extend(cut.rest());
        let shown = |(stream, data): (Stream, Bytes)| {
            let text = String::from_utf8(data.to_vec()).unwrap();
            if stream == Stream::Header { format!("[{}]", text.trim()) } else { text }
        };
        out.into_iter().map(shown).collect()
    }

    use Stream::{Header, Stderr, Stdout};

    #[test]
    fn a_log_is_cut_once() {
        assert_eq!(kept(6, None, &[(Stdout, "abc"), (Stderr, "def")]), "abcdef");
        assert_eq!(
            kept(
                6,
                None,
                &[(Header, "long header"), (Stdout, "abc"), (Stderr, "defg"), (Stdout, "hi")]
            ),
            "[long header]abcdef[The log is cut here: it is longer than 6 bytes.][3 bytes are left out.]"
        );
        assert_eq!(
            kept(1, None, &[(Stdout, "ab"), (Header, "exit code 0")]),
            "a[The log is cut here: it is longer than 1 bytes.][exit code 0][1 bytes are left out.]"
        );
    }

    #[test]
    fn the_end_is_kept() {
        let pieces = [(Stdout, "abcdef"), (Stderr, "gh"), (Header, "h"), (Stdout, "ijkl")];
        assert_eq!(
            kept(2, Some(5), &pieces),
            "ab[The log is cut here: it is longer than 2 bytes.][h]\
             [5 bytes are left out; the last 5 follow.]hijkl"
        );
        assert!(
            kept(2, Some(10), &pieces)
                .ends_with("[Nothing is left out; the rest follows.]cdefghijkl")
        );
    }

    #[test]
    fn characters_stay_whole() {
        assert!(kept(4, Some(4), &[(Stdout, "abcäöüß")]).starts_with("abc["));
        assert!(kept(1, Some(3), &[(Stdout, "abcäöüß")]).ends_with("the last 2 follow.]ß"));
    }
}
