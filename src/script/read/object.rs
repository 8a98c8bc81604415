//! The objects that `ci` made, as `define.lua` keeps them. Thousands are looked up in one load.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use mlua::{Function, Lua, LuaString, Table};

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

/// How records are looked up in a state.
struct Records {
    /// All of a record in one call, which is cheaper than a look at each of its names.
    look: Function,
    /// The file of the last object: the next one is mostly of the same.
    last_file: RefCell<Option<(LuaString, Arc<str>)>>,
}

/// Kind, options, file, line, constructor, step type.
type Record = (Option<String>, Option<Table>, Option<LuaString>, u32, String, Option<Table>);

/// The object that `table` is; none for a plain table.
pub(in crate::script) fn object(lua: &Lua, table: &Table) -> Option<Object> {
    let of = Records::of(lua)?;
    let (kind, options, file, line, called, step_type): Record = of.look.call(table).ok()?;
    let site = Site { file: of.file_of(&file?), line };
    Some(Object { kind: kind?, options: options?, site, called, step_type })
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
        Ok(Self { look: native.raw_get("record")?, last_file: RefCell::default() })
    }
}
