//! Artifacts in a step: `step:keep_artifact`, `step:find_artifacts`, `step:fetch_artifact`.

use mlua::{Table, UserDataMethods, Value};

use super::files::Given;
use super::step::{Step, ask, unexpected};
use crate::engine::desk::{ArtifactWish, StepAnswer, StepRequest};
use crate::model::artifact::{Keep, Which, check_name};
use crate::script::convert::{self, a_type};

/// The methods.
pub(super) fn add<M: UserDataMethods<Step>>(methods: &mut M) {
    methods.add_async_method("keep_artifact", |lua, step, options: Table| async move {
        let wish = wish(&lua, &options).map_err(mlua::Error::runtime)?;
        answered(&lua, &step, StepRequest::KeepArtifact(Box::new(wish))).await
    });
    methods.add_async_method("find_artifacts", |lua, step, options: Option<Table>| async move {
        let options = options.map_or_else(|| lua.create_table(), Ok)?;
        let request = search(&options).map_err(mlua::Error::runtime)?;
        answered(&lua, &step, request).await
    });
    methods.add_async_method("fetch_artifact", |_, step, options: Table| async move {
        let known = ["id", "workerdest", "mode"];
        let request = Given::new("step:fetch_artifact", &options, &known).and_then(|given| {
            let id = options.get::<Option<i64>>("id").ok().flatten();
            let id =
                id.ok_or("step:fetch_artifact needs `id`, of what step:find_artifacts found.")?;
            let (workerdest, mode) = (given.text("workerdest")?, given.mode()?);
            Ok(StepRequest::FetchArtifact { id, workerdest, mode })
        });
        step.done(request.map_err(mlua::Error::runtime)?).await
    });
}

async fn answered(lua: &mlua::Lua, step: &Step, request: StepRequest) -> mlua::Result<Value> {
    match ask(&step.desk, request).await? {
        StepAnswer::Value(value) if value.is_null() => Ok(Value::Nil),
        StepAnswer::Value(value) => convert::to_lua(lua, &value),
        other => Err(unexpected(&other)),
    }
}

fn wish(lua: &mlua::Lua, options: &Table) -> Result<ArtifactWish, String> {
    let method = "step:keep_artifact";
    let known = ["workersrc", "name", "directory", "keep", "max_size"];
    let given = Given::new(method, options, &known)?;
    let name = given.text("name")?;
    check_name(&name).map_err(|what| format!("the artifact's name {name:?} {what}."))?;
    let keep = match options.get::<Value>("keep").unwrap_or(Value::Nil) {
        Value::Nil => None,
        value => {
            let read = convert::to_json(lua, &value).map_err(|what| format!("is {what}"));
            let keep = read.and_then(|json| Keep::read(&json));
            Some(keep.map_err(|what| format!("`keep` of {method} {what}."))?)
        }
    };
    Ok(ArtifactWish {
        workersrc: given.text("workersrc")?,
        name,
        is_directory: options.get::<Option<bool>>("directory").ok().flatten().unwrap_or(false),
        keep,
        max_size: given.number("max_size")?,
    })
}

fn search(options: &Table) -> Result<StepRequest, String> {
    let method = "step:find_artifacts";
    let given = Given::new(method, options, &["builder", "build", "branch", "names"])?;
    let which = match options.get::<Value>("build").unwrap_or(Value::Nil) {
        Value::Nil => Some(Which::LatestSuccess),
        Value::String(text) => Which::read(&text.to_string_lossy()),
        Value::Integer(number) => Which::read(&number.to_string()),
        _ => None,
    };
    let which = which.ok_or_else(|| {
        let got = options.get::<Value>("build").map_or_else(|e| e.to_string(), |v| a_type(&v));
        format!("`build` of {method} is \"latest-success\" or the number of a build, not {got}.")
    })?;
    let optional = |key: &str| match options.get::<Value>(key) {
        Ok(Value::Nil) => Ok(None),
        _ => given.text(key).map(Some),
    };
    Ok(StepRequest::FindArtifacts {
        builder: optional("builder")?,
        which,
        branch: optional("branch")?,
        names: options.get::<Option<Vec<String>>>("names").ok().flatten().unwrap_or_default(),
    })
}
