//! The files of a running step: those of the worker, by paths that are absolute or relative to the
//! build's directory. What fails raises.

use bytes::Bytes;
use mlua::{Table, UserDataMethods, Value};
use serde_json::Value as Json;

use super::step::{Step, ask, unexpected};
use crate::engine::desk::{StepAnswer, StepRequest};
use crate::model::command::{Compression, FileStat};
use crate::script::convert::a_type;
use crate::script::spelling::suggestion;

/// The largest file that a step reads as text, in bytes.
const LARGEST: u64 = 16 << 20;

async fn listed(step: &Step, request: StepRequest) -> mlua::Result<Vec<String>> {
    match ask(&step.desk, request).await? {
        StepAnswer::Files(files) => Ok(files),
        other => Err(unexpected(&other)),
    }
}

async fn looked_at(step: &Step, path: String) -> mlua::Result<Option<FileStat>> {
    match ask(&step.desk, StepRequest::Stat { path }).await? {
        StepAnswer::Stat(stat) => Ok(stat),
        other => Err(unexpected(&other)),
    }
}

/// The methods.
pub(super) fn add<M: UserDataMethods<Step>>(methods: &mut M) {
    methods.add_async_method("make_directory", |_, step, path: String| async move {
        step.done(StepRequest::MakeDirectory { path }).await
    });
    methods.add_async_method("remove_directory", |_, step, paths: Value| async move {
        let paths = match paths {
            Value::Table(list) => list.sequence_values::<String>().collect::<Result<_, _>>()?,
            Value::String(path) => vec![path.to_string_lossy()],
            other => {
                let got = a_type(&other);
                let text = format!("step:remove_directory takes a path or a list, not {got}.");
                return Err(mlua::Error::runtime(text));
            }
        };
        let timeout = step.standard.get("timeout").and_then(Json::as_f64);
        step.done(StepRequest::RemoveDirectory { paths, timeout }).await
    });
    methods.add_async_method(
        "copy_directory",
        |_, step, (from, to): (String, String)| async move {
            let timeout = step.standard.get("timeout").and_then(Json::as_f64);
            step.done(StepRequest::CopyDirectory { from, to, timeout }).await
        },
    );
    methods.add_async_method("remove_file", |_, step, path: String| async move {
        step.done(StepRequest::RemoveFile { path }).await
    });
    methods.add_async_method("path_exists", |_, step, path: String| async move {
        Ok(looked_at(&step, path).await?.is_some())
    });
    methods.add_async_method("stat", |lua, step, path: String| async move {
        let Some(stat) = looked_at(&step, path).await? else { return Ok(None) };
        let out = lua.create_table()?;
        out.set("mode", stat.mode)?;
        out.set("size", stat.size)?;
        out.set("mtime", stat.mtime)?;
        out.set("is_directory", stat.is_directory())?;
        out.set("is_file", stat.is_file())?;
        Ok(Some(out))
    });
    methods.add_async_method("list_directory", |_, step, path: String| async move {
        listed(&step, StepRequest::ListDirectory { path }).await
    });
    methods.add_async_method("glob", |_, step, path: String| async move {
        listed(&step, StepRequest::Glob { path }).await
    });
    methods.add_async_method(
        "read_file",
        |lua, step, (path, max_size): (String, Value)| async move {
            let max_size = match max_size {
                Value::Nil => LARGEST,
                value => bytes(&value).filter(|size| *size <= LARGEST).ok_or_else(|| {
                    let got = a_type(&value);
                    mlua::Error::runtime(format!(
                        "step:read_file reads at most a number of bytes up to 16 MiB, not {got}."
                    ))
                })?,
            };
            match ask(&step.desk, StepRequest::ReadFile { path, max_size }).await? {
                StepAnswer::Data(data) => lua.create_string(&data),
                other => Err(unexpected(&other)),
            }
        },
    );
    methods.add_async_method(
        "write_file",
        |_, step, (path, text, mode): (String, Value, Value)| async move {
            let Value::String(text) = text else {
                let got = a_type(&text);
                let message = format!("step:write_file takes a path and a text, not {got}.");
                return Err(mlua::Error::runtime(message));
            };
            let data = Bytes::copy_from_slice(&text.as_bytes());
            let mode = octal(&mode).map_err(mlua::Error::runtime)?;
            step.done(StepRequest::WriteFile { path, data, mode, temporary: false }).await
        },
    );
    methods.add_async_method(
        "write_temporary_file",
        |_, step, (path, text): (String, Value)| async move {
            let Value::String(text) = text else {
                let got = a_type(&text);
                let message =
                    format!("step:write_temporary_file takes a path and a text, not {got}.");
                return Err(mlua::Error::runtime(message));
            };
            let data = Bytes::copy_from_slice(&text.as_bytes());
            let mode = Some(0o600);
            step.done(StepRequest::WriteFile { path, data, mode, temporary: true }).await
        },
    );
    methods.add_async_method(
        "write_patch",
        |_, step, (path, codebase): (String, Option<String>)| async move {
            let codebase = codebase.unwrap_or_default();
            match ask(&step.desk, StepRequest::WritePatch { path, codebase }).await? {
                StepAnswer::Value(is_there) => Ok(is_there.as_bool().unwrap_or(false)),
                other => Err(unexpected(&other)),
            }
        },
    );
    methods.add_async_method("upload_file", |_, step, options: Table| async move {
        let request = upload(&options).map_err(mlua::Error::runtime)?;
        step.done(request).await
    });
    methods.add_async_method("upload_directory", |_, step, options: Table| async move {
        let request = upload_directory(&options).map_err(mlua::Error::runtime)?;
        step.done(request).await
    });
    methods.add_async_method("download_file", |_, step, options: Table| async move {
        let request = download(&options).map_err(mlua::Error::runtime)?;
        step.done(request).await
    });
}

/// The options of a method that moves a file.
pub(super) struct Given<'a> {
    method: &'a str,
    options: &'a Table,
}

impl<'a> Given<'a> {
    pub(super) fn new(method: &'a str, options: &'a Table, known: &[&str]) -> Result<Self, String> {
        let known: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
        for (key, _) in options.pairs::<String, Value>().flatten() {
            if !known.contains(&key) {
                let near =
                    suggestion(&key, &known).map_or(String::new(), |hint| format!(" {hint}"));
                return Err(format!("{method} has no option `{key}`.{near}"));
            }
        }
        Ok(Self { method, options })
    }

    pub(super) fn text(&self, key: &str) -> Result<String, String> {
        match self.options.get::<Value>(key) {
            Ok(Value::String(text)) => Ok(text.to_string_lossy()),
            _ => Err(format!("{} needs `{key}`, a path.", self.method)),
        }
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, String> {
        let wrong = format!("`{key}` of {} must be a number of bytes.", self.method);
        self.options.get::<Option<u64>>(key).map_err(|_| wrong)
    }

    pub(super) fn mode(&self) -> Result<Option<u32>, String> {
        octal(&self.options.get::<Value>("mode").map_err(|e| e.to_string())?)
    }

    fn block_size(&self) -> Result<u64, String> {
        Ok(self.number("block_size")?.filter(|size| *size > 0).unwrap_or(262_144))
    }
}

fn upload(options: &Table) -> Result<StepRequest, String> {
    let known = ["workersrc", "masterdest", "mode", "max_size", "block_size", "keep_stamp"];
    let given = Given::new("step:upload_file", options, &known)?;
    Ok(StepRequest::UploadFile {
        workersrc: given.text("workersrc")?,
        masterdest: given.text("masterdest")?,
        mode: given.mode()?,
        max_size: given.number("max_size")?,
        block_size: given.block_size()?,
        keep_stamp: options.get::<Option<bool>>("keep_stamp").ok().flatten().unwrap_or(false),
    })
}

fn upload_directory(options: &Table) -> Result<StepRequest, String> {
    let known = ["workersrc", "masterdest", "max_size", "block_size", "compress"];
    let given = Given::new("step:upload_directory", options, &known)?;
    let compress = match options.get::<Value>("compress") {
        Ok(Value::Nil) => None,
        Ok(Value::String(word)) if Compression::of(&word.to_string_lossy()).is_some() => {
            Compression::of(&word.to_string_lossy())
        }
        _ => return Err("`compress` of step:upload_directory is \"gz\" or \"bz2\".".to_owned()),
    };
    Ok(StepRequest::UploadDirectory {
        workersrc: given.text("workersrc")?,
        masterdest: given.text("masterdest")?,
        max_size: given.number("max_size")?,
        block_size: given.block_size()?,
        compress,
    })
}

fn download(options: &Table) -> Result<StepRequest, String> {
    let known = ["mastersrc", "workerdest", "mode", "max_size", "block_size"];
    let given = Given::new("step:download_file", options, &known)?;
    Ok(StepRequest::DownloadFile {
        mastersrc: given.text("mastersrc")?,
        workerdest: given.text("workerdest")?,
        mode: given.mode()?,
        max_size: given.number("max_size")?,
        block_size: given.block_size()?,
    })
}

fn bytes(value: &Value) -> Option<u64> {
    value.as_integer().and_then(|n| u64::try_from(n).ok())
}

/// Permission bits, as a text of octal digits.
fn octal(mode: &Value) -> Result<Option<u32>, String> {
    let digits = match mode {
        Value::Nil => return Ok(None),
        Value::String(digits) => digits.to_string_lossy(),
        _ => return Err("`mode` is a string of octal digits, such as \"0644\".".to_owned()),
    };
    let bits = u32::from_str_radix(&digits, 8).ok().filter(|mode| *mode <= 0o7777);
    match bits {
        Some(bits) => Ok(Some(bits)),
        None => Err(format!("`mode` must be octal digits such as \"0644\", not {digits:?}.")),
    }
}
