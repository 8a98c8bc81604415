//! `rmfile`: removes one file.

use super::Found;
use super::arguments::Arguments;

#[derive(Debug)]
pub(in crate::worker) struct Rmfile {
    path: String,
}

impl Rmfile {
    pub(super) fn read(arguments: &Arguments<'_>) -> Result<Self, String> {
        Ok(Self { path: arguments.text("path")? })
    }

    pub(super) fn run(self) -> Found {
        match std::fs::remove_file(&self.path) {
            Ok(()) => Found::default(),
            Err(error) => Found::failed("rmfile", &self.path, &error),
        }
    }
}
