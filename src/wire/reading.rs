//! Bytes of commands as text, when they are not UTF-8: our own worker sends bytes as they are, and the
//! step knows their encoding. Each stream and each log file is decoded by itself, because a character
//! may come in two updates. What the worker says about a command is UTF-8 in any case.

use std::collections::BTreeMap;

use super::updates::Said;
use crate::base::encoding::{Decoder, Encoding};
use crate::model::command::{Command, CommandKind};
use crate::model::log::Stream;

/// How the output of one command is read.
#[derive(Default)]
pub(super) struct Reading {
    /// None = as it is.
    encoding: Option<Encoding>,
    decoders: BTreeMap<Source, Decoder>,
}

/// Where bytes come from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Stream(Stream),
    File(String),
}

impl Reading {
    /// For the output of `command`.
    pub(super) fn of(command: &Command) -> Self {
        let encoding = match &command.what {
            CommandKind::Shell(shell) => shell.log_encoding.as_deref().and_then(Encoding::named),
            _ => None,
        };
        Self { encoding: encoding.filter(|e| !e.is_utf8()), decoders: BTreeMap::new() }
    }

    /// The same in UTF-8.
    pub(super) fn read(&mut self, said: Said) -> Said {
        let Some(encoding) = self.encoding else { return said };
        let mut decoded = |source: Source, data: &[u8]| {
            let decoder = self.decoders.entry(source).or_insert_with(|| encoding.decoder());
            decoder.push(data, false).into()
        };
        match said {
            Said::Output(stream, data) if stream != Stream::Header => {
                Said::Output(stream, decoded(Source::Stream(stream), &data))
            }
            Said::Log(name, data) => {
                let text = decoded(Source::File(name.clone()), &data);
                Said::Log(name, text)
            }
            other => other,
        }
    }

    /// What is left of characters that never came to their ends.
    pub(super) fn rest(&mut self) -> impl Iterator<Item = Said> + use<> {
        let decoders = std::mem::take(&mut self.decoders);
        decoders.into_iter().filter_map(|(source, mut decoder)| {
            let text = decoder.push(b"", true);
            let text = (!text.is_empty()).then(|| text.into())?;
            Some(match source {
                Source::Stream(stream) => Said::Output(stream, text),
                Source::File(name) => Said::Log(name, text),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::command::{CommandLine, ShellCommand};

    #[test]
    fn each_source_is_decoded_by_itself_and_the_workers_own_words_are_not() {
        let mut shell = ShellCommand::new(CommandLine::Shell("x".to_owned()), "build");
        shell.log_encoding = Some("shift_jis".to_owned());
        let what = CommandKind::Shell(Box::new(shell));
        let command = Command {
            builder: "b".to_owned(),
            builddir: "b".to_owned(),
            step: "s".to_owned(),
            what,
        };
        let mut reading = Reading::of(&command);
        let out = |data: &'static [u8]| Said::Output(Stream::Stdout, data.into());
        let log = |data: &'static [u8]| Said::Log("l".to_owned(), data.into());
        assert_eq!(reading.read(out(b"a\x83")), out(b"a"));
        assert_eq!(reading.read(log(b"b\x83")), log(b"b"));
        assert_eq!(reading.read(out(b"\x65")), out("\u{30c6}".as_bytes()));
        let header = Said::Output(Stream::Header, "\u{fc}".into());
        assert_eq!(reading.read(header.clone()), header);
        assert_eq!(reading.rest().collect::<Vec<_>>(), [log("\u{fffd}".as_bytes())]);
    }
}
