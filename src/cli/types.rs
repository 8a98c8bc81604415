//! `types`: the type definitions of `ci` and the editor settings, beside a configuration. They belong
//! to the version of the program, so this verb renews them after an upgrade; what the user wrote is
//! left alone.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::terminal;
use crate::script::META;

/// The settings of the Lua language server that a folder without any gets.
const SETTINGS: &str = include_str!("templates/luarc.json");

/// Write the type definitions of `ci` for editors.
///
/// Writes DIR/.types/*.lua, the definitions of this version, and DIR/.luarc.json unless there is one.
/// With the Lua language server an editor then completes and checks master.lua and worker.lua.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: halide-ci types master")]
pub(super) struct Args {
    /// The folder of master.lua or worker.lua.
    #[arg(default_value = ".")]
    dir: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if !args.dir.is_dir() {
        let message = format!("{} is not a directory.", args.dir.display());
        return Err(Failure::failed(message).hint("Give the folder that holds master.lua."));
    }
    let written = renew(&args.dir)?;
    let settings = args.dir.join(".luarc.json");
    let known = std::fs::read_to_string(&settings);
    if known.is_err() {
        put(&settings, SETTINGS)?;
    }
    let types = args.dir.join(".types");
    let (types, total) = (types.display(), META.len());
    terminal::say(&format!("{types}: {written} of {total} files written, the others are current."));
    match known {
        Err(_) => terminal::say(&format!("{}: written.", settings.display())),
        Ok(text) if text.contains(".types") => {
            terminal::say(&format!("{}: kept.", settings.display()));
        }
        Ok(_) => terminal::say(&format!(
            "{}: kept. Let its `workspace.library` list \".types\", so that the editor finds them.",
            settings.display()
        )),
    }
    Ok(())
}

/// Brings `dir/.types` up to this version; the number of files that were not current.
pub(super) fn renew(dir: &Path) -> Result<usize, Failure> {
    let types = dir.join(".types");
    std::fs::create_dir_all(&types).map_err(|error| {
        Failure::failed(format!("The directory {} cannot be made: {error}.", types.display()))
    })?;
    let mut written = 0;
    for (name, text) in META {
        let path = types.join(name);
        if std::fs::read_to_string(&path).is_ok_and(|known| known == *text) {
            continue;
        }
        put(&path, text)?;
        written += 1;
    }
    Ok(written)
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::failed(format!("The file {} cannot be written: {error}.", path.display()))
    })
}
