//! `stat`: the ten numbers that describe what a path leads to.

use std::os::unix::fs::MetadataExt;

use super::Found;
use super::arguments::Arguments;
use crate::wire::msgpack::codec::Value;

#[derive(Debug)]
pub(in crate::worker) struct Stat {
    path: String,
}

impl Stat {
    pub(super) fn read(arguments: &Arguments<'_>) -> Result<Self, String> {
        Ok(Self { path: arguments.text("path")? })
    }

    pub(super) fn run(self) -> Found {
        let about = match std::fs::metadata(&self.path) {
            Ok(about) => about,
            Err(error) => return Found::failed("stat", &self.path, &error),
        };
        let numbers: [Value; 10] = [
            u64::from(about.mode()).into(),
            about.ino().into(),
            about.dev().into(),
            about.nlink().into(),
            u64::from(about.uid()).into(),
            u64::from(about.gid()).into(),
            about.size().into(),
            about.atime().into(),
            about.mtime().into(),
            about.ctime().into(),
        ];
        Found::value("stat", Value::Array(numbers.to_vec()))
    }
}
