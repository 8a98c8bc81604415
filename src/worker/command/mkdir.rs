//! `mkdir`: makes directories with their parents; existing ones are fine.

use super::Found;
use super::arguments::Arguments;

#[derive(Debug)]
pub(in crate::worker) struct Mkdir {
    paths: Vec<String>,
}

impl Mkdir {
    pub(super) fn read(arguments: &Arguments<'_>) -> Result<Self, String> {
        Ok(Self { paths: arguments.texts("paths")? })
    }

    /// Stops at the first error.
    pub(super) fn run(self) -> Found {
        for path in &self.paths {
            if let Err(error) = std::fs::create_dir_all(path) {
                return Found::failed("mkdir", path, &error);
            }
        }
        Found::default()
    }
}
