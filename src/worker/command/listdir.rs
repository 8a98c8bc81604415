//! `listdir`: the names in a directory, in no order.

use super::Found;
use super::arguments::Arguments;
use crate::wire::msgpack::codec::Value;

#[derive(Debug)]
pub(in crate::worker) struct Listdir {
    path: String,
}

impl Listdir {
    pub(super) fn read(arguments: &Arguments<'_>) -> Result<Self, String> {
        Ok(Self { path: arguments.text("path")? })
    }

    pub(super) fn run(self) -> Found {
        let names = std::fs::read_dir(&self.path)
            .and_then(|entries| entries.map(|e| e.map(|e| e.file_name())).collect());
        let names: Vec<std::ffi::OsString> = match names {
            Ok(names) => names,
            Err(error) => return Found::failed("listdir", &self.path, &error),
        };
        let names = names.iter().map(|name| Value::text(&name.to_string_lossy())).collect();
        Found::value("files", Value::Array(names))
    }
}
