//! `on_line` of `step:run`: lines of a running command, each given to a function of the configuration.
//! They come in batches of many lines, so that a call of Lua, a wait and a look at the budget are paid
//! once for thousands of bytes; only the innermost loop, in Lua, knows single lines.

use memchr::memmem;
use mlua::{Function, Lua, Table};
use regex::bytes::Regex;

use crate::engine::desk::Output;
use crate::model::log::Stream;

/// Bytes of a batch: what the function computes for it counts as one stretch.
const BATCH: usize = 64 << 10;
/// A line is cut when it is longer; nobody reads it, and memory is not for it.
const LONGEST: usize = 1 << 20;

/// Gives lines to a function.
pub(super) struct Observer {
    /// `native.guarded`: keeps who called whom.
    guarded: Function,
    each_line: Function,
    on_line: Function,
    /// Only lines in which it is found.
    filter: Option<Regex>,
    /// What has no end yet, of standard output and standard error.
    rest: [Rest; 2],
}

/// A line without its end.
#[derive(Default)]
struct Rest {
    text: Vec<u8>,
    numbers: Numbers,
}

/// The numbers that lines have in the log, as far as they are known: output of the other stream stands
/// between a line's beginning and its end, and parts the first from the rest.
#[derive(Clone, Copy, Default)]
struct Numbers {
    first: Option<i64>,
    second: Option<i64>,
}

impl Numbers {
    fn of(&self, index: usize) -> Option<i64> {
        match index.checked_sub(1) {
            None => self.first,
            Some(after) => Some(self.second? + i64::try_from(after).ok()?),
        }
    }
}

impl Observer {
    pub(super) fn new(lua: &Lua, on_line: Function, filter: Option<Regex>) -> mlua::Result<Self> {
        let native: Table = lua.named_registry_value("ci.native")?;
        let (guarded, each_line) = (native.get("guarded")?, native.get("each_line")?);
        Ok(Self { guarded, each_line, on_line, filter, rest: Default::default() })
    }

    /// Gives the lines that what was `said` completes.
    pub(super) async fn take(&mut self, lua: &Lua, said: &Output) -> mlua::Result<()> {
        let mut line = said.line;
        for piece in said.data.chunks(BATCH) {
            let rest = &mut self.rest[usize::from(said.stream != Stream::Stdout)];
            let whole = match memchr::memrchr(b'\n', piece) {
                Some(at) => at + 1,
                None if rest.text.len() + piece.len() < LONGEST => 0,
                None => piece.len(),
            };
            let ends = memchr::memchr_iter(b'\n', piece).count();
            if rest.text.is_empty() {
                rest.numbers.first = line;
            }
            rest.numbers.second = line.map(|line| line + 1);
            rest.text.extend_from_slice(&piece[..whole]);
            line = line.and_then(|line| Some(line + i64::try_from(ends).ok()?));
            if whole > 0 {
                let numbers = Numbers { first: line, second: None };
                let next = Rest { text: piece[whole..].to_vec(), numbers };
                let lines = std::mem::replace(rest, next);
                self.give(lua, said.stream, &lines).await?;
            } else {
                rest.text.extend_from_slice(piece);
            }
        }
        Ok(())
    }

    /// Gives the last lines, which have no end.
    pub(super) async fn end(&mut self, lua: &Lua) -> mlua::Result<()> {
        for (at, stream) in [Stream::Stdout, Stream::Stderr].into_iter().enumerate() {
            let rest = std::mem::take(&mut self.rest[at]);
            if !rest.text.is_empty() {
                self.give(lua, stream, &rest).await?;
            }
        }
        Ok(())
    }

    async fn give(&self, lua: &Lua, stream: Stream, lines: &Rest) -> mlua::Result<()> {
        let (lines, numbers) = (&lines.text, lines.numbers);
        // What programs on Windows write; an expression that ends with `$` is not to know of it.
        let plain = memmem::find(lines, b"\r\n").map(|_| without_returns(lines));
        let lines = plain.as_deref().unwrap_or(lines);
        let chosen = self.filter.as_ref().map(|filter| chosen(filter, lines));
        let (lines, of_each) = match &chosen {
            // So it is with most batches: nothing is made for them.
            Some((lines, _)) if lines.is_empty() => return Ok(()),
            Some((lines, indices)) => {
                let of_each = indices.iter().map(|index| numbers.of(*index));
                (&lines[..], Some(lua.create_sequence_from(of_each)?))
            }
            None => (lines, None),
        };
        let text = lua.create_string(lines)?;
        let name = if stream == Stream::Stdout { "stdout" } else { "stderr" };
        let (each_line, on_line) = (self.each_line.clone(), self.on_line.clone());
        let args = (each_line, on_line, text, name, numbers.first, numbers.second, of_each);
        self.guarded.call_async::<()>(args).await?;
        // The next batch is a stretch of its own, and others have their turn.
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// Those of `lines` in which `filter` is found, and which these are, from 0. Most have nothing of it, and
/// cost no look of their own.
fn chosen(filter: &Regex, lines: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut out, mut indices) = (Vec::new(), Vec::new());
    let (mut from, mut index, mut counted) = (0, 0, 0);
    while let Some(found) = filter.find_at(lines, from) {
        let begin = memchr::memrchr(b'\n', &lines[..found.start()]).map_or(0, |at| at + 1);
        let end = memchr::memchr(b'\n', &lines[found.start()..]);
        let end = end.map_or(lines.len(), |at| found.start() + at + 1);
        let line = &lines[begin..end];
        index += memchr::memchr_iter(b'\n', &lines[counted..begin]).count();
        counted = begin;
        // `[^:]+:` goes on in the next line; what it finds there is not in this one.
        if found.end() < end || filter.is_match(line) {
            out.extend_from_slice(line);
            indices.push(index);
        }
        if end >= lines.len() {
            break;
        }
        from = end;
    }
    (out, indices)
}

/// `lines` with every CRLF as LF.
fn without_returns(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len());
    let mut from = 0;
    for at in memmem::find_iter(lines, b"\r\n") {
        out.extend_from_slice(&lines[from..at]);
        from = at + 1;
    }
    out.extend_from_slice(&lines[from..]);
    out
}

#[cfg(test)]
mod tests {
    use regex::bytes::RegexBuilder;

    use super::*;

    #[test]
    fn lines_are_chosen_by_what_is_found_in_them() {
        let filter = |pattern: &str| RegexBuilder::new(pattern).multi_line(true).build().unwrap();
        let text = b"a: warning: 1 warning\nb\n\nwarning\nc warn";
        let found = |pattern: &str| String::from_utf8(chosen(&filter(pattern), text).0).unwrap();
        assert_eq!(chosen(&filter("warn"), text).1, [0, 3, 4]);
        assert_eq!(chosen(&filter("^$|c"), text).1, [2, 4]);
        assert_eq!(found("warning"), "a: warning: 1 warning\nwarning\n");
        assert_eq!(found("^warning$"), "warning\n");
        assert_eq!(found("warn$"), "c warn");
        assert_eq!(found("nothing"), "");
        assert_eq!(found("^$"), "\n");
        assert_eq!(found("^[^:]+: 1|b[^:]+rn$"), "");
        assert_eq!(found("a[^x]+warn|^warning"), "a: warning: 1 warning\nwarning\n");
        assert_eq!(found(""), String::from_utf8(text.to_vec()).unwrap());
    }

    #[test]
    fn ends_of_lines_of_windows_become_ends_of_lines() {
        assert_eq!(without_returns(b"a\r\nb\n\r\nc\r"), b"a\nb\n\nc\r");
    }
}
