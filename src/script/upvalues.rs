//! The variables that a function took from around it. Lua tells them only through its C interface
//! (and `debug`, which a configuration must not have), so this is the one place with unsafe code.

use std::ffi::CStr;

use mlua::{Function, Lua, Value, Variadic, ffi};

/// The most upvalues that a function can have.
const MOST: i32 = 255;

/// The values, by number; `_ENV` is named, because every function that uses a global has it.
pub(super) fn upvalues(lua: &Lua, function: &Function) -> mlua::Result<Vec<(bool, Value)>> {
    // SAFETY: the closure gets the running state with the function alone on the stack, makes room
    // before it pushes, and pushes values only; mlua restores the stack after it took them. The
    // name is read before anything could collect it: it belongs to the function.
    #[expect(unsafe_code, reason = "mlua has no safe way to read upvalues")]
    let values = unsafe {
        lua.exec_raw::<Variadic<Value>>(function, |state| {
            if ffi::lua_checkstack(state, 2 * MOST + 2) == 0 {
                ffi::lua_settop(state, 0);
                return;
            }
            for n in 1..=MOST {
                let name = ffi::lua_getupvalue(state, 1, n);
                if name.is_null() {
                    break;
                }
                let is_environment = CStr::from_ptr(name) == c"_ENV";
                ffi::lua_pushboolean(state, i32::from(is_environment));
            }
            ffi::lua_remove(state, 1);
        })
    }?;
    let mut values = values.into_iter();
    let mut out = Vec::new();
    while let (Some(value), Some(is_environment)) = (values.next(), values.next()) {
        out.push((is_environment == Value::Boolean(true), value));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_s_variables_come_in_order() {
        let lua = Lua::new();
        let f: Function = lua
            .load("local a, b, c = 'x', nil, 3 return function() return b, print, a, c end")
            .eval()
            .unwrap();
        let found = upvalues(&lua, &f).unwrap();
        assert_eq!(found.len(), 4);
        assert_eq!(found[0], (false, Value::Nil));
        assert_eq!(found[1], (true, Value::Table(lua.globals())));
        assert_eq!(found[2].1.as_string().unwrap().to_str().unwrap(), "x");
        assert_eq!(found[3], (false, Value::Integer(3)));
        let print: Function = lua.globals().get("print").unwrap();
        assert_eq!(upvalues(&lua, &print).unwrap(), []);
    }

    #[test]
    fn the_most_that_a_function_can_have() {
        let names: Vec<String> = (0..254).map(|n| format!("a{n}")).collect();
        // No more than 200 variables are local to one function.
        let (few, rest) = names.split_at(150);
        let uses: String = names.iter().map(|name| format!("print({name}) ")).collect();
        let text = format!(
            "local {} = 1 return (function() local {} = 2 return function() {uses} end end)()",
            few.join(", "),
            rest.join(", "),
        );
        let lua = Lua::new();
        let f: Function = lua.load(text).eval().unwrap();
        assert_eq!(upvalues(&lua, &f).unwrap().len(), 255);
    }
}
