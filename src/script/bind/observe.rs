//! `on_line` of `step:run`: lines of a running command, each given to a function of the configuration.
//! They come in batches of many lines, so that a call of Lua, a wait and a look at the budget are paid
//! once for thousands of bytes; only the innermost loop, in Lua, knows single lines.

use bytes::Bytes;
use memchr::memmem;
use mlua::{Function, Lua, Table};
use regex::bytes::Regex;

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
    rest: [Vec<u8>; 2],
}

impl Observer {
    pub(super) fn new(lua: &Lua, on_line: Function, filter: Option<Regex>) -> mlua::Result<Self> {
        let native: Table = lua.named_registry_value("ci.native")?;
        let (guarded, each_line) = (native.get("guarded")?, native.get("each_line")?);
        Ok(Self { guarded, each_line, on_line, filter, rest: Default::default() })
    }

    /// Gives the lines that `bytes` complete.
    pub(super) async fn take(
        &mut self,
        lua: &Lua,
        stream: Stream,
        bytes: &Bytes,
    ) -> mlua::Result<()> {
        for piece in bytes.chunks(BATCH) {
            let rest = &mut self.rest[usize::from(stream != Stream::Stdout)];
            let whole = match memchr::memrchr(b'\n', piece) {
                Some(at) => at + 1,
                None if rest.len() + piece.len() < LONGEST => 0,
                None => piece.len(),
            };
            rest.extend_from_slice(&piece[..whole]);
            if whole > 0 {
                let lines = std::mem::replace(rest, piece[whole..].to_vec());
                self.give(lua, stream, &lines).await?;
            } else {
                rest.extend_from_slice(piece);
            }
        }
        Ok(())
    }

    /// Gives the last lines, which have no end.
    pub(super) async fn end(&mut self, lua: &Lua) -> mlua::Result<()> {
        for (at, stream) in [Stream::Stdout, Stream::Stderr].into_iter().enumerate() {
            let rest = std::mem::take(&mut self.rest[at]);
            if !rest.is_empty() {
                self.give(lua, stream, &rest).await?;
            }
        }
        Ok(())
    }

    async fn give(&self, lua: &Lua, stream: Stream, lines: &[u8]) -> mlua::Result<()> {
        // What programs on Windows write; an expression that ends with `$` is not to know of it.
        let plain = memmem::find(lines, b"\r\n").map(|_| without_returns(lines));
        let lines = plain.as_deref().unwrap_or(lines);
        let chosen = self.filter.as_ref().map(|filter| chosen(filter, lines));
        let lines = chosen.as_deref().unwrap_or(lines);
        if lines.is_empty() {
            return Ok(());
        }
        let text = lua.create_string(lines)?;
        let name = if stream == Stream::Stdout { "stdout" } else { "stderr" };
        let args = (self.each_line.clone(), self.on_line.clone(), text, name);
        self.guarded.call_async::<()>(args).await?;
        // The next batch is a stretch of its own, and others have their turn.
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// Those of `lines` in which `filter` is found. Most have nothing of it, and cost no look of their own.
fn chosen(filter: &Regex, lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut from = 0;
    while let Some(found) = filter.find_at(lines, from) {
        let begin = memchr::memrchr(b'\n', &lines[..found.start()]).map_or(0, |at| at + 1);
        let end = memchr::memchr(b'\n', &lines[found.start()..]);
        let end = end.map_or(lines.len(), |at| found.start() + at + 1);
        let line = &lines[begin..end];
        // `[^:]+:` goes on in the next line; what it finds there is not in this one.
        if found.end() < end || filter.is_match(line) {
            out.extend_from_slice(line);
        }
        if end >= lines.len() {
            break;
        }
        from = end;
    }
    out
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
        let found = |pattern: &str| String::from_utf8(chosen(&filter(pattern), text)).unwrap();
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
