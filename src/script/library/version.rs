//! `ci.semver`, `ci.require_version` and `ci.sha256`: what is known of a text by looking at it.

use mlua::{Lua, Table, Value};
use semver::{BuildMetadata, Prerelease, Version, VersionReq};
use sha2::{Digest as _, Sha256};

use super::wrong;
use crate::script::budget::Budget;

/// The version of the Lua surface: it grows when a configuration that was right must be changed.
const API: u32 = 1;

pub(super) fn install(lua: &Lua, native: &Table, budget: &Budget) -> mlua::Result<()> {
    let budget = budget.clone();
    native.set("api", API)?;
    native.set("semver_parse", lua.create_function(|lua, text: Value| parse(lua, &text))?)?;
    native.set(
        "semver_compare",
        lua.create_function(|_, (a, b): (Value, Value)| {
            let (a, b) = (version(&a)?, version(&b)?);
            Ok(a.cmp_precedence(&b) as i8)
        })?,
    )?;
    native.set(
        "semver_matches",
        lua.create_function(|_, (of, wanted): (Value, Value)| {
            let of = version(&of)?;
            Ok(requirement(&wanted)?.matches(&of))
        })?,
    )?;
    native.set(
        "require_version",
        lua.create_function(|_, wanted: Value| require_version(&wanted))?,
    )?;
    native.set(
        "sha256",
        lua.create_function(move |lua, text: Value| {
            // A few long texts take as long as many instructions.
            budget.check(lua).map_err(mlua::Error::external)?;
            let Value::String(text) = text else {
                return Err(wrong("what ci.sha256 takes", "a string", &text));
            };
            Ok(hex::encode(Sha256::digest(&*text.as_bytes())))
        })?,
    )
}

/// The version that a text tells, perhaps after a `v`.
fn version(value: &Value) -> mlua::Result<Version> {
    let Value::String(text) = value else {
        return Err(wrong("a version", "a text such as \"1.2.3\"", value));
    };
    let text = text.to_string_lossy();
    let plain = text.trim().trim_start_matches(['v', 'V']);
    Version::parse(plain).map_err(|error| {
        mlua::Error::runtime(format!(
            "{text:?} is no version such as \"1.2.3\" or \"v1.2.3-rc.1\": {error}."
        ))
    })
}

fn requirement(value: &Value) -> mlua::Result<VersionReq> {
    let Value::String(text) = value else {
        return Err(wrong("a version requirement", "a text such as \">=1.2, <3\"", value));
    };
    let text = text.to_string_lossy();
    VersionReq::parse(&text).map_err(|error| {
        mlua::Error::runtime(format!(
            "{text:?} is no version requirement such as \">=1.2, <3\": {error}."
        ))
    })
}

fn parse(lua: &Lua, text: &Value) -> mlua::Result<Table> {
    let version = version(text)?;
    let out = lua.create_table()?;
    out.set("major", version.major)?;
    out.set("minor", version.minor)?;
    out.set("patch", version.patch)?;
    out.set("pre", version.pre.as_str())?;
    out.set("build", version.build.as_str())?;
    Ok(out)
}

fn require_version(wanted: &Value) -> mlua::Result<()> {
    let requirement = requirement(wanted)?;
    let mut own = version_of(env!("CARGO_PKG_VERSION"))?;
    // A preview of 0.4 has what 0.4 has.
    (own.pre, own.build) = (Prerelease::EMPTY, BuildMetadata::EMPTY);
    if requirement.matches(&own) {
        return Ok(());
    }
    Err(mlua::Error::runtime(format!(
        "this configuration wants halide-ci {requirement}, and this is {}.",
        env!("CARGO_PKG_VERSION")
    )))
}

fn version_of(text: &str) -> mlua::Result<Version> {
    Version::parse(text).map_err(mlua::Error::external)
}
