//! Files that a command writes and that are read along while it runs, by Buildbot's rules: looked at
//! every two seconds and once more at the end, read from the moment when they are no longer what they
//! were before the command, from their beginning or, with `follow`, from the end they had then.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::wire::msgpack::codec::Value;
use crate::worker::report::Report;

/// How often they are looked at.
const EVERY: Duration = Duration::from_secs(2);
/// Bytes of one read.
const READ: usize = 10_000;

/// A log file as the master asks for it.
#[derive(Clone, Debug)]
pub(super) struct LogFile {
    name: String,
    path: PathBuf,
    follow: bool,
}

/// Reads the argument `logfiles`; paths are relative to `workdir`.
pub(super) fn read(argument: Option<&Value>, workdir: &Path) -> Result<Vec<LogFile>, String> {
    let Some(argument) = argument else { return Ok(Vec::new()) };
    let Value::Map(files) = argument else {
        return Err("The log files are not a map.".to_owned());
    };
    let read = |(name, value): &(Utf8Bytes, Value)| {
        let name = name.as_str();
        let path = value.as_str().or_else(|| value.get("filename").and_then(Value::as_str));
        let path = path.ok_or_else(|| format!("The log file `{name}` has no path."))?;
        let follow = value.get("follow").is_some_and(Value::is_truthy);
        Ok(LogFile { name: name.to_owned(), path: workdir.join(path), follow })
    };
    files.iter().map(read).collect()
}

/// Log files in Python's notation, for the header.
pub(super) fn literal(argument: Option<&Value>) -> String {
    let Some(Value::Map(files)) = argument else { return "{}".to_owned() };
    let file = |value: &Value| match value.as_str() {
        Some(path) => format!("'{path}'"),
        None => {
            let path = value.get("filename").and_then(Value::as_str).unwrap_or_default();
            let follow = value.get("follow").is_some_and(Value::is_truthy);
            let follow = if follow { "True" } else { "False" };
            format!("{{'filename': '{path}', 'follow': {follow}}}")
        }
    };
    let shown = files.iter().map(|(name, value)| {
        let name = name.as_str();
        format!("'{name}': {}", file(value))
    });
    format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
}

/// What tells that a file is no longer what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    changed: (i64, i64),
    modified: (i64, i64),
    size: u64,
}

impl Look {
    fn of(about: &Metadata) -> Self {
        Self {
            changed: (about.ctime(), about.ctime_nsec()),
            modified: (about.mtime(), about.mtime_nsec()),
            size: about.size(),
        }
    }

    /// None = there is no such file.
    fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().as_ref().map(Self::of)
    }
}

/// A file that is watched.
struct Watched {
    what: LogFile,
    before: Option<Look>,
    file: Option<File>,
}

/// The files of one command.
pub(super) struct Watch {
    files: Vec<Watched>,
    next: Instant,
}

impl Watch {
    /// Begins to watch, before the command begins to write.
    pub(super) fn new(files: Vec<LogFile>) -> Self {
        let files = files.into_iter();
        let watched = |what: LogFile| Watched { before: Look::at(&what.path), what, file: None };
        Self { files: files.map(watched).collect(), next: Instant::now() + EVERY }
    }

    /// When they want to be looked at; none = there is nothing to watch.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.files.is_empty()).then_some(self.next)
    }

    /// Passes on what is new, as far as there is room for it; whether there was anything.
    pub(super) fn look(&mut self, report: &mut Report) -> bool {
        let mut said = false;
        // What is left is read as soon as there is room again.
        let mut is_whole = true;
        for watched in &mut self.files {
            loop {
                if report.is_full() {
                    is_whole = false;
                    break;
                }
                match watched.read() {
                    Ok(bytes) if !bytes.is_empty() => {
                        report.log(&watched.what.name, &bytes);
                        said = true;
                    }
                    // A file that cannot be read now may be readable later.
                    Ok(_) | Err(_) => break,
                }
            }
        }
        self.next = Instant::now() + if is_whole { EVERY } else { Duration::ZERO };
        said
    }

    /// Passes on the rest, after the command's end.
    pub(super) async fn finish(&mut self, report: &mut Report) {
        while self.due().is_some() {
            self.look(report);
            if !report.is_full() {
                return;
            }
            report.flush().await;
        }
    }
}

impl Watched {
    /// The next bytes; none = nothing new.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        if self.file.is_none() {
            let look = Look::at(&self.what.path);
            if look == self.before {
                return Ok(Vec::new());
            }
            let Some(look) = look else {
                // One that is made again is new, even if it is the same.
                self.before = None;
                return Ok(Vec::new());
            };
            let mut file = File::open(&self.what.path)?;
            if self.what.follow {
                file.seek(SeekFrom::Start(look.size))?;
            }
            self.file = Some(file);
        }
        let Some(file) = &mut self.file else { return Ok(Vec::new()) };
        let mut bytes = vec![0; READ];
        let n = file.read(&mut bytes)?;
        bytes.truncate(n);
        Ok(bytes)
    }
}
