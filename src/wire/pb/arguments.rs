//! Neutral commands in the words of Perspective Broker: other names for files, and paths relative to
//! the builder's directory, which the worker joins itself.

use super::banana::MAX_SIZE;
use crate::model::command::{Command, CommandKind};
use crate::wire::msgpack::codec::Value;
use crate::wire::names::{Peer, seconds};

/// The name and the arguments of `command`. Files still lack who reads or writes them here.
pub(in crate::wire) fn order(
    peer: &Peer<'_>,
    command: &Command,
) -> Result<(&'static str, Value), String> {
    let path = |path: &str| peer.at_home(path).unwrap_or_else(|| path.to_owned());
    let text = |p: &str| Value::text(&path(p));
    // The worker joins this with a file's name.
    let here = || ("workdir", Value::text("."));
    let block = |size: u64| ("blocksize", size.min(MAX_SIZE as u64).into());
    Ok(match &command.what {
        CommandKind::Shell(shell) => ("shell", peer.shell(shell, &path(&shell.workdir))),
        CommandKind::MakeDirectory { paths } => match paths.as_slice() {
            [one] => ("mkdir", Value::map([("dir", text(one))])),
            _ => {
                return Err("A worker that speaks Perspective Broker makes one directory at a \
                            time: make each with a step:mkdir of its own."
                    .to_owned());
            }
        },
        CommandKind::RemoveDirectory { paths, timeout } => {
            let arguments = Value::map([
                ("dir", Value::Array(paths.iter().map(|p| text(p)).collect())),
                ("timeout", seconds(Some(timeout.unwrap_or(120.0)))),
                ("logEnviron", false.into()),
            ]);
            ("rmdir", arguments)
        }
        CommandKind::Stat { path } => ("stat", Value::map([("file", text(path))])),
        CommandKind::ListDirectory { path } => ("listdir", Value::map([("dir", text(path))])),
        CommandKind::Glob { path } => ("glob", Value::map([("path", text(path))])),
        CommandKind::RemoveFile { path } => ("rmfile", Value::map([("path", text(path))])),
        CommandKind::CopyDirectory { from, to, timeout } => {
            let arguments = Value::map([
                ("fromdir", text(from)),
                ("todir", text(to)),
                ("timeout", seconds(Some(timeout.unwrap_or(120.0)))),
                ("logEnviron", false.into()),
            ]);
            ("cpdir", arguments)
        }
        CommandKind::DownloadFile { path, block_size, mode, .. } => {
            let arguments = Value::map([
                here(),
                ("workerdest", text(path)),
                block(*block_size),
                ("maxsize", Value::Nil),
                ("mode", mode.map(u64::from).into()),
            ]);
            ("downloadFile", arguments)
        }
        CommandKind::UploadFile { path, block_size, max_size, keep_stamp } => {
            let arguments = Value::map([
                here(),
                ("workersrc", text(path)),
                block(*block_size),
                ("maxsize", (*max_size).into()),
                ("keepstamp", (*keep_stamp).into()),
            ]);
            ("uploadFile", arguments)
        }
        CommandKind::UploadDirectory { path, block_size, max_size, compress } => {
            let arguments = Value::map([
                here(),
                ("workersrc", text(path)),
                block(*block_size),
                ("maxsize", (*max_size).into()),
                ("compress", compress.map_or(Value::Nil, |c| Value::text(c.word()))),
            ]);
            ("uploadDirectory", arguments)
        }
    })
}
