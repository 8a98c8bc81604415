//! `on_line` of `step:run`: lines of a running command, each given to a function of the configuration.
//! They come in batches of many lines, so that a call of Lua, a wait and a look at the budget are paid
//! once for thousands of bytes; only the innermost loop, in Lua, knows single lines.

use bytes::Bytes;
use memchr::memmem;
use mlua::{Function, Lua, Table};

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
    /// What has no end yet, of standard output and standard error.
    rest: [Vec<u8>; 2],
}

impl Observer {
    pub(super) fn new(lua: &Lua, on_line: Function) -> mlua::Result<Self> {
        let native: Table = lua.named_registry_value("ci.native")?;
        let (guarded, each_line) = (native.get("guarded")?, native.get("each_line")?);
        Ok(Self { guarded, each_line, on_line, rest: Default::default() })
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
        let text = match memmem::find(lines, b"\r\n") {
            None => lua.create_string(lines)?,
            // What programs on Windows write.
            Some(_) => lua.create_string(without_returns(lines))?,
        };
        let name = if stream == Stream::Stdout { "stdout" } else { "stderr" };
        let args = (self.each_line.clone(), self.on_line.clone(), text, name);
        self.guarded.call_async::<()>(args).await?;
        // The next batch is a stretch of its own, and others have their turn.
        tokio::task::yield_now().await;
        Ok(())
    }
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
