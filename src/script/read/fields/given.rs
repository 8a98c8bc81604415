//! The options that a table was given, read in one pass, and which of them were asked for. A step
//! has a handful of options and is asked for forty: asking must cost next to nothing, and what is
//! said of an unknown one may cost more.

use std::collections::BTreeSet;

use mlua::{Table, Value};

/// Ends a name in the list of those that were asked for; no option's name has it.
const END: char = '\n';

/// Bytes for the names of a step's options.
const ROOM: usize = 640;

/// The options of a table.
#[derive(Default)]
pub(in crate::script) struct Given {
    /// In byte order of the names.
    entries: Vec<Entry>,
    /// Every name that was asked for, one after the other.
    asked: String,
    /// Whether there are values without a name.
    pub(in crate::script) has_positions: bool,
}

struct Entry {
    name: String,
    value: Value,
    is_asked: bool,
}

impl Given {
    /// What `table` holds now.
    pub(in crate::script) fn of(table: &Table) -> Self {
        let mut given = Self::default();
        let take = |key, value| {
            match key {
                Value::String(name) => {
                    let name = name.to_string_lossy();
                    given.entries.push(Entry { name, value, is_asked: false });
                }
                Value::Integer(_) | Value::Number(_) => given.has_positions = true,
                _ => {}
            }
            Ok(())
        };
        // Reading a plain table fails for want of memory only, and then the load fails as a whole.
        let _ = table.for_each::<Value, Value>(take);
        given.entries.sort_by(|a, b| a.name.cmp(&b.name));
        given
    }

    /// The value of `key`, which is known from now on.
    pub(in crate::script) fn ask(&mut self, key: &str) -> Option<Value> {
        self.note(key);
        let entry = self.entries.iter_mut().find(|entry| entry.name == key)?;
        entry.is_asked = true;
        Some(entry.value.clone())
    }

    /// The value of `key`.
    pub(in crate::script) fn peek(&self, key: &str) -> Option<Value> {
        self.entries.iter().find(|entry| entry.name == key).map(|entry| entry.value.clone())
    }

    /// Notes that there is an option `key`.
    pub(in crate::script) fn know(&mut self, key: &str) {
        self.note(key);
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == key) {
            entry.is_asked = true;
        }
    }

    fn note(&mut self, key: &str) {
        if self.asked.capacity() == 0 {
            self.asked.reserve(ROOM);
        }
        self.asked.push_str(key);
        self.asked.push(END);
    }

    /// The names that were given, in byte order.
    pub(in crate::script) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// Those that nobody asked for.
    pub(in crate::script) fn unknown(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(|entry| !entry.is_asked).map(|entry| entry.name.as_str())
    }

    /// Every name that was asked for, given or not.
    pub(in crate::script) fn known(&self) -> BTreeSet<&str> {
        self.asked.split_terminator(END).collect()
    }
}

#[cfg(test)]
mod tests {
    use mlua::Lua;

    use super::*;

    #[test]
    fn what_was_asked_for_is_known_whether_it_was_given_or_not() {
        let lua = Lua::new();
        let table: Table = lua.load("return { b = 1, a = false, c = {}, 7 }").eval().unwrap();
        let mut given = Given::of(&table);
        assert!(given.has_positions);
        assert_eq!(given.ask("b"), Some(Value::Integer(1)));
        assert_eq!(given.ask("x"), None);
        assert_eq!(given.peek("a"), Some(Value::Boolean(false)));
        given.know("b");
        assert_eq!(given.names().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(given.unknown().collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(given.known().into_iter().collect::<Vec<_>>(), ["b", "x"]);
    }
}
