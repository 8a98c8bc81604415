//! The objects that `ci` made, as `define.lua` keeps them. Thousands are looked up in one load, so
//! the names of what a record holds are made once for each state.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use mlua::{Lua, LuaString, Table};

use crate::model::config::Site;

/// An object that a constructor made.
#[derive(Clone)]
pub(in crate::script) struct Object {
    pub(in crate::script) kind: String,
    pub(in crate::script) options: Table,
    pub(in crate::script) site: Site,
    /// The constructor's last name, for finding its call.
    pub(in crate::script) called: String,
    /// The step type, of a step.
    pub(in crate::script) step_type: Option<Table>,
}

/// The records of a state, and the names in them.
struct Records {
    records: Table,
    kind: LuaString,
    options: LuaString,
    file: LuaString,
    line: LuaString,
    called: LuaString,
    step_type: LuaString,
    /// The file of the last object: the next one is mostly of the same.
    last_file: RefCell<Option<(LuaString, Arc<str>)>>,
}

/// The object that `table` is; none for a plain table.
pub(in crate::script) fn object(lua: &Lua, table: &Table) -> Option<Object> {
    let of = Records::of(lua)?;
    let record = of.records.raw_get::<Option<Table>>(table).ok()??;
    Some(Object {
        kind: record.raw_get(&of.kind).ok()?,
        options: record.raw_get(&of.options).ok()?,
        site: Site {
            file: of.file_of(&record.raw_get(&of.file).ok()?),
            line: record.raw_get(&of.line).ok()?,
        },
        called: record.raw_get(&of.called).ok()?,
        step_type: record.raw_get(&of.step_type).ok()?,
    })
}

impl Records {
    fn of(lua: &Lua) -> Option<Rc<Self>> {
        if let Some(known) = lua.app_data_ref::<Rc<Self>>() {
            return Some(known.clone());
        }
        let made = Rc::new(Self::new(lua).ok()?);
        lua.set_app_data(made.clone());
        Some(made)
    }

    fn file_of(&self, name: &LuaString) -> Arc<str> {
        let mut last = self.last_file.borrow_mut();
        match &*last {
            Some((known, file)) if known == name => file.clone(),
            _ => {
                let file: Arc<str> = name.to_string_lossy().into();
                *last = Some((name.clone(), file.clone()));
                file
            }
        }
    }

    fn new(lua: &Lua) -> mlua::Result<Self> {
        let native: Table = lua.named_registry_value("ci.native")?;
        Ok(Self {
            records: native.raw_get("records")?,
            kind: lua.create_string("kind")?,
            options: lua.create_string("options")?,
            file: lua.create_string("file")?,
            line: lua.create_string("line")?,
            called: lua.create_string("called")?,
            step_type: lua.create_string("type")?,
            last_file: RefCell::default(),
        })
    }
}
