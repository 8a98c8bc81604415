//! `ci.json.decode`: JSON read straight into Lua values, so that a text of many megabytes is held to
//! the memory and the time that the configuration may use, and never exists as anything else.

use std::cell::RefCell;
use std::fmt;

use mlua::{Lua, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::budget::{Budget, Fatal};
use super::convert::{self, Left};

/// After how many values the clock is looked at.
const STRIDE: usize = 1000;

/// The value that `text` stands for: null is nil, but `ci.null` in a list.
///
/// # Errors
/// When it is not JSON, has too many values, or the budget is used up.
pub(super) fn decode(lua: &Lua, budget: &Budget, text: &[u8]) -> mlua::Result<Value> {
    let reading =
        Reading { lua, budget, left: RefCell::new((Left::all(), 0)), failed: RefCell::default() };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = Item { reading: &reading, null: Value::Nil }.deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| match reading.failed.take() {
        Some(failed) => failed,
        None => mlua::Error::runtime(format!("this is not JSON: {error}.")),
    })
}

struct Reading<'a> {
    lua: &'a Lua,
    budget: &'a Budget,
    left: RefCell<(Left, usize)>,
    /// What ended the reading, if it was not the text.
    failed: RefCell<Option<mlua::Error>>,
}

impl Reading<'_> {
    fn one(&self) -> Result<(), mlua::Error> {
        let mut left = self.left.borrow_mut();
        left.1 += 1;
        if left.1.is_multiple_of(STRIDE) {
            self.budget.check(self.lua).map_err(|fatal: Fatal| mlua::Error::external(fatal))?;
        }
        let what = left.0.one();
        what.map_err(|what| mlua::Error::runtime(format!("this JSON has {what}.")))
    }

    /// Keeps what went wrong and gives what ends the reading.
    fn kept<T, E: Error>(&self, result: Result<T, mlua::Error>) -> Result<T, E> {
        result.map_err(|error| {
            *self.failed.borrow_mut() = Some(error);
            E::custom("ended")
        })
    }
}

struct Item<'a> {
    reading: &'a Reading<'a>,
    null: Value,
}

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.reading.kept(self.reading.one())?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(self.null)
    }

    fn visit_bool<E: Error>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Boolean(b))
    }

    fn visit_i64<E: Error>(self, i: i64) -> Result<Value, E> {
        Ok(Value::Integer(i))
    }

    fn visit_u64<E: Error>(self, u: u64) -> Result<Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "Lua has no larger integers")]
        let large = u as f64;
        Ok(i64::try_from(u).map_or(Value::Number(large), Value::Integer))
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<Value, E> {
        Ok(Value::Number(n))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.reading.kept(self.reading.lua.create_string(text).map(Value::String))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let reading = self.reading;
        let table = reading.kept(reading.lua.create_table())?;
        while let Some(item) = items.next_element_seed(Item { reading, null: Value::NULL })? {
            reading.kept(table.raw_push(item))?;
        }
        reading.kept(convert::mark_array(reading.lua, &table))?;
        Ok(Value::Table(table))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let reading = self.reading;
        let table = reading.kept(reading.lua.create_table())?;
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Item { reading, null: Value::Nil })?;
            reading.kept(table.raw_set(name, value))?;
        }
        Ok(Value::Table(table))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> String {
        let lua = Lua::new();
        convert::install(&lua).unwrap();
        let pulse = Arc::default();
        let budget = Budget::install(&lua, Duration::from_secs(60), 256 << 20, pulse).unwrap();
        match decode(&lua, &budget, text.as_bytes()) {
            Ok(value) => convert::to_json(&lua, &value).unwrap().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn values_are_what_they_were() {
        for same in [
            r#"{"a":[1,null,-2.5,"x\"y",[],true],"b":{}}"#,
            "9223372036854775807",
            "[[[1]],{\"a\":{\"b\":[]}}]",
            "null",
        ] {
            assert_eq!(read(same), same);
        }
        assert_eq!(read(r#"{"a":null,"b":1,"b":2}"#), r#"{"b":2}"#);
        assert_eq!(read("18446744073709551615"), "1.8446744073709552e+19");
        assert_eq!(read("[null,[null]]"), "[null,[null]]");
    }

    #[test]
    fn what_is_not_json_says_where() {
        assert!(
            read("{\"a\":1").contains("this is not JSON: EOF while parsing an object at line 1")
        );
        assert!(read("1 2").contains("trailing characters at line 1 column 3"));
        assert!(read(&"[".repeat(1000)).contains("recursion limit exceeded"));
        assert!(
            read(&format!("[{}1]", "1,".repeat(1_000_001))).contains("more than 1000000 values")
        );
    }
}
