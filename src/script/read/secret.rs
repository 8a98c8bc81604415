//! `ci.secret_file`: reads a secret from a file of its own, relative to the base directory. A file
//! that others can read is tightened, with one line in the log.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mlua::Lua;

use crate::base::secret::Secret;
use crate::script::ground::Ground;
use crate::script::stack::user_call;
use crate::script::texts::Texts;

/// The secret's text without white space around it. After a problem, which is recorded, a text that
/// keeps the rest of the load going.
pub(in crate::script) fn read(lua: &Lua, ground: &Ground, path: &str) -> String {
    let full = ground.base_dir.join(path);
    if ground.makes_up_secrets() {
        // Nothing is changed at a rehearsal, not even a mode.
        let text = ground.given_secret(path);
        let text = text.unwrap_or_else(|| std::fs::read_to_string(&full).unwrap_or_default());
        let text = text.trim().to_owned();
        let text = if text.is_empty() { format!("made up for {path}") } else { text };
        ground.add_secret(Secret::from_file(&text, path));
        return text;
    }
    match read_file(&ground.texts, &full) {
        Ok(text) => {
            let text = text.trim();
            ground.add_secret(Secret::from_file(text, path));
            ground.add_file(full, None);
            text.to_owned()
        }
        Err((message, hint)) => {
            let (site, called) = user_call(lua);
            let spot = ground.sources.borrow().part(&site, path, 0, path.len());
            match spot.caret {
                Some(_) => ground.problem(&spot, message, vec![hint]),
                None => ground.problem_of_call((site, called), message, vec![hint], Vec::new()),
            }
            "secret that could not be read".to_owned()
        }
    }
}

/// Reads one secret file, with the white space around the secret.
///
/// # Errors
/// What is wrong and what to do.
pub(in crate::script) fn read_file(texts: &Texts, path: &Path) -> Result<String, (String, String)> {
    let shown = path.display();
    let bytes = match texts.read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err((
                format!("the secret file {shown} does not exist."),
                format!("Write the secret to it: echo \"$SECRET\" > {shown}"),
            ));
        }
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
            return Err((
                format!("the secret file {shown} cannot be read: {e}."),
                format!(
                    "Give it to the user that runs halide-ci: chown USER {shown} && chmod 600 {shown}"
                ),
            ));
        }
        Err(e) => {
            return Err((
                format!("the secret file {shown} cannot be read: {e}."),
                "A secret is the text of a file of its own.".to_owned(),
            ));
        }
    };
    tighten(path)?;
    let Ok(text) = String::from_utf8(bytes.to_vec()) else {
        return Err((
            format!("the secret file {shown} is not UTF-8."),
            format!("Write the secret to it as text: echo \"$SECRET\" > {shown}"),
        ));
    };
    if text.trim().is_empty() {
        return Err((
            format!("the secret file {shown} is empty."),
            format!("Write the secret to it: echo \"$SECRET\" > {shown}"),
        ));
    }
    Ok(text)
}

fn tighten(path: &Path) -> Result<(), (String, String)> {
    let shown = path.display();
    let refused = |e: std::io::Error| {
        (
            format!("others can read the secret file {shown}, and that could not be changed: {e}."),
            format!("Do it as the file's owner: chmod 600 {shown}"),
        )
    };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        // It was read before, and is gone.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(refused(e)),
    };
    if metadata.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(refused)?;
    tracing::warn!("Others could read the secret file {shown}; its mode is now 0600.");
    Ok(())
}
