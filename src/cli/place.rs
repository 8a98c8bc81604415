//! A base directory on disk: whether it is a master's or a worker's, and where its files are.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::failure::Failure;

/// What a directory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A master's: it has no `worker.lua`.
    Master,
    /// A worker's: it has a `worker.lua`.
    Worker,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "master",
            Self::Worker => "worker",
        })
    }
}

/// A base directory.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// As the user wrote it, for messages.
    pub(super) dir: PathBuf,
    /// What it is for.
    pub(super) role: Role,
}

impl Place {
    /// Looks at an existing directory.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn find(dir: &Path) -> Result<Self, Failure> {
        let shown = dir.display();
        if dir.is_file() {
            let failure = Failure::failed(format!("{shown} is a file, not a directory."));
            return Err(failure.hint("Give the base directory of a master or a worker."));
        }
        if !dir.is_dir() {
            let failure = Failure::failed(format!("The directory {shown} does not exist."));
            return Err(failure.hint(format!(
                "Make one with: halide-ci create-master {shown} (or create-worker)"
            )));
        }
        if let Err(error) = std::fs::metadata(dir.join("worker.lua"))
            && error.kind() == ErrorKind::PermissionDenied
        {
            let failure =
                Failure::failed(format!("The directory {shown} cannot be read: {error}."));
            return Err(failure.hint("Only the user that it belongs to may."));
        }
        let role = if dir.join("worker.lua").exists() { Role::Worker } else { Role::Master };
        Ok(Self { dir: dir.to_owned(), role })
    }

    /// Looks at an existing directory that must be a master's.
    ///
    /// # Errors
    /// When there is none, or it is a worker's.
    pub(super) fn master(dir: &Path) -> Result<Self, Failure> {
        let place = Self::find(dir)?;
        match place.role {
            Role::Master => Ok(place),
            Role::Worker => Err(Failure::usage(format!(
                "{} belongs to a worker: it has a worker.lua. This verb is for masters.",
                dir.display()
            ))),
        }
    }

    /// The configuration: `choice` if given, else `DIR/master.lua`, else `master.lua` beside DIR;
    /// for workers `DIR/worker.lua`.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn config(&self, choice: Option<&Path>) -> Result<PathBuf, Failure> {
        if let Some(choice) = choice {
            return match choice.is_file() {
                true => Ok(choice.to_owned()),
                false => Err(Failure::failed(format!("There is no file {}.", choice.display()))),
            };
        }
        if self.role == Role::Worker {
            return Ok(self.dir.join("worker.lua"));
        }
        let (inside, beside) = (self.dir.join("master.lua"), self.beside());
        [&inside, &beside].into_iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
            let message = format!("There is no {} and no {}.", inside.display(), beside.display());
            Failure::failed(message)
                .hint(format!("Make one with: halide-ci create-master {}", self.dir.display()))
        })
    }

    /// `master.lua` beside the directory, whether it exists or not.
    pub(super) fn beside(&self) -> PathBuf {
        let absolute = std::path::absolute(&self.dir).unwrap_or_else(|_| self.dir.clone());
        match self.dir.parent() {
            // `master` and `x/..` have no useful parent as written.
            Some(parent) if !self.dir.ends_with("..") => parent.join("master.lua"),
            _ => absolute.parent().unwrap_or(&absolute).join("master.lua"),
        }
    }

    /// The file that says which process serves.
    pub(super) fn pid_file(&self) -> PathBuf {
        self.dir.join("halide-ci.pid")
    }

    /// The log of a process in the background.
    pub(super) fn log_file(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.role))
    }

    /// The socket on which a master takes orders.
    pub(super) fn control_socket(&self) -> PathBuf {
        self.dir.join("control.sock")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.role, self.dir.display())
    }
}
