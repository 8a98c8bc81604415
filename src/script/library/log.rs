//! `ci.log` and `print`: lines in the master's log, with the place they come from. A function in a
//! loop must not fill the disk, so their rate is bounded; what is left out is counted.

use std::cell::Cell;
use std::rc::Rc;

use mlua::{Lua, Table};

use crate::base::clock::Timestamp;
use crate::base::text::{count, shorten};
use crate::script::ground::Ground;
use crate::script::stack::user_site;

/// Lines that may come at once.
const BURST: f64 = 200.0;
/// Lines per second in the long run.
const RATE: f64 = 50.0;
/// Characters of a line.
const LONGEST: usize = 4000;

/// How many lines may still be written.
struct Flow {
    room: Cell<f64>,
    at: Cell<Timestamp>,
    left_out: Cell<usize>,
}

impl Flow {
    /// Whether a line may be written now; if so, how many before it were not.
    fn take(&self, now: Timestamp) -> Option<usize> {
        let room = self.room.get() + now.since(self.at.replace(now)).as_secs_f64() * RATE;
        let room = room.min(BURST);
        if room < 1.0 {
            self.room.set(room);
            self.left_out.set(self.left_out.get() + 1);
            return None;
        }
        self.room.set(room - 1.0);
        Some(self.left_out.replace(0))
    }
}

pub(super) fn install(lua: &Lua, native: &Table, ground: &Rc<Ground>) -> mlua::Result<()> {
    let kept = ground.clone();
    let flow =
        Flow { room: Cell::new(BURST), at: Cell::new(kept.clock.now()), left_out: Cell::new(0) };
    let log = move |lua: &Lua, (level, text): (String, String)| {
        let Some(left_out) = flow.take(kept.clock.now()) else { return Ok(()) };
        let site = user_site(lua);
        if left_out > 0 {
            tracing::warn!(%site, "{} of the configuration were left out.", count(left_out, "line"));
        }
        let text = shorten(&kept.masked(text), LONGEST);
        match level.as_str() {
            "debug" => tracing::debug!(%site, "{text}"),
            "warn" => tracing::warn!(%site, "{text}"),
            "error" => tracing::error!(%site, "{text}"),
            _ => tracing::info!(%site, "{text}"),
        }
        Ok(())
    };
    native.set("log", lua.create_function(log)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_bounded_and_what_is_left_out_is_counted() {
        let flow = Flow { room: Cell::new(BURST), at: Cell::default(), left_out: Cell::new(0) };
        let written = (0..1000).filter(|_| flow.take(Timestamp::default()).is_some()).count();
        assert_eq!(written, 200);
        assert_eq!(flow.take(Timestamp::from_secs(1)), Some(800));
        assert_eq!(flow.take(Timestamp::from_secs(1)), Some(0));
    }
}
