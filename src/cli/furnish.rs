//! Putting files into a new base directory: never over one that is there, secrets only for their
//! owner. Shared by `create-master` and `create-worker`, which know what belongs in.

use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::failure::Failure;

/// A directory that is being furnished.
pub(super) struct Furnishing {
    dir: PathBuf,
    /// Files that were there before.
    pub(super) kept: Vec<String>,
}

impl Furnishing {
    /// Makes `dir`, for its owner alone, if it does not exist.
    pub(super) fn begin(dir: &Path) -> Result<Self, Failure> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| {
            Failure::failed(format!("The directory {} cannot be made: {error}.", dir.display()))
        })?;
        Ok(Self { dir: dir.to_owned(), kept: Vec::new() })
    }

    /// Writes `name` (with its folders) unless it is there; `mode` is for the file.
    pub(super) fn put(&mut self, name: &str, text: &str, mode: u32) -> Result<(), Failure> {
        let path = self.dir.join(name);
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
            let mut file = File::options().write(true).create_new(true).mode(mode).open(&path)?;
            file.write_all(text.as_bytes())
        });
        match written {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.kept.push(name.to_owned());
                Ok(())
            }
            Err(error) => Err(Failure::failed(format!(
                "The file {} cannot be written: {error}.",
                path.display()
            ))),
        }
    }

    /// Writes a secret for its owner alone.
    pub(super) fn put_secret(&mut self, name: &str, secret: &str) -> Result<(), Failure> {
        self.put(name, &format!("{secret}\n"), 0o600)
    }

    /// Writes the systemd unit of a master or worker.
    pub(super) fn put_unit(&mut self, role: &str, extra: &str) -> Result<(), Failure> {
        let absolute = |path: &Path| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            // systemd expands `%` and splits at spaces.
            format!("\"{}\"", path.display().to_string().replace('%', "%%"))
        };
        let program =
            std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/usr/bin/halide-ci"));
        let text = include_str!("templates/unit.service")
            .replace("@ROLE@", role)
            .replace("@PROGRAM@", &absolute(&program))
            .replace("@DIR@", &absolute(&self.dir))
            .replace("@EXTRA@", extra);
        self.put(&format!("halide-ci-{role}.service"), &text, 0o644)
    }
}
