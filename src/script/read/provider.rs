//! `c.secrets_providers`: directories with a secret in each file. All of them are read when the
//! configuration loads, so that they are masked before anything can show them and a name that no
//! file has is an error with a line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlua::{Table, Value};

use super::{Reader, secret};
use crate::base::secret::Secret;
use crate::script::convert::a_type;
use crate::script::read::fields::Fields;

pub(super) const OPTIONS: &[&str] = &["dir", "suffixes", "strip"];

/// A file of secrets is small; whatever is larger lies there by mistake.
const LARGEST: u64 = 64 << 10;

/// Reads the option `secrets_providers`; of two secrets with one name the first counts.
pub(super) fn read(outer: &mut Fields<'_, '_>) {
    let values = outer.list("secrets_providers").unwrap_or_default();
    let mut out = BTreeMap::new();
    for value in values {
        *outer.reader.plain_key.borrow_mut() = Some(outer.key("secrets_providers"));
        let read = match &value {
            Value::Table(table) => directory(outer.reader, table),
            _ => None,
        };
        match read {
            Some(secrets) => {
                for (name, secret) in secrets {
                    out.entry(name).or_insert(secret);
                }
            }
            None => {
                let got = a_type(&value);
                let message = format!(
                    "`secrets_providers` holds {got}; it takes what ci.secrets.file makes."
                );
                outer.problem("secrets_providers", message);
            }
        }
    }
    *outer.reader.secrets.borrow_mut() = out;
}

/// Reads one `ci.secrets.file`; none when `table` is something else.
pub(in crate::script) fn directory(
    reader: &Reader<'_>,
    table: &Table,
) -> Option<BTreeMap<String, Secret>> {
    let mut f = reader.fields(table, "secret_directory")?;
    f.owner = "ci.secrets.file".to_owned();
    let dir = f.required_text("dir");
    let suffixes = f.texts("suffixes");
    let strip = f.boolean("strip", true);
    let mut out = BTreeMap::new();
    if !dir.is_empty() {
        let full = reader.ground.base_dir.join(&dir);
        if suffixes.is_none() && is_same(&full, &reader.ground.base_dir) {
            let message = "the base directory holds more than secrets; `suffixes` must say which of \
                           its files are secrets.";
            f.problem_with("dir", message, vec!["Write suffixes = { \".txt\" }.".to_owned()]);
        } else {
            let suffixes = suffixes.unwrap_or_else(|| vec![String::new()]);
            match files(&full, &suffixes) {
                Ok(files) => {
                    for (name, path) in files {
                        if let Some(secret) = one(&f, &path, strip) {
                            out.entry(name).or_insert(secret);
                        }
                    }
                }
                Err(_) if reader.ground.makes_up_secrets() => {}
                Err(error) => {
                    let message =
                        format!("the directory {} cannot be read: {error}.", full.display());
                    f.problem("dir", message);
                }
            }
        }
    }
    f.finish();
    Some(out)
}

fn is_same(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// The files of `dir` whose name ends in one of `suffixes`, by what comes before it.
fn files(dir: &Path, suffixes: &[String]) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(file) = path.file_name().and_then(|n| n.to_str()) else { continue };
        if file.starts_with('.') || !path.is_file() {
            continue;
        }
        if let Some(name) = suffixes.iter().find_map(|s| file.strip_suffix(s.as_str())) {
            out.push((name.to_owned(), path.clone()));
        }
    }
    out.sort();
    Ok(out)
}

fn one(f: &Fields<'_, '_>, path: &Path, strip: bool) -> Option<Secret> {
    let ground = &f.reader.ground;
    let shown = path.strip_prefix(&ground.base_dir).unwrap_or(path).display().to_string();
    let known = |text: &str| ground.add_secret(Secret::from_file(text, &shown));
    if ground.makes_up_secrets() {
        // Nothing is changed at a rehearsal, not even a mode.
        return Some(known(std::fs::read_to_string(path).unwrap_or_default().trim()));
    }
    ground.add_file(path.to_owned(), None);
    if std::fs::metadata(path).is_ok_and(|m| m.len() > LARGEST) {
        let message =
            format!("{} is larger than {} KiB, which no secret is.", path.display(), LARGEST >> 10);
        f.problem_with("dir", message, vec!["Keep only secrets in this directory.".to_owned()]);
        return None;
    }
    match secret::read_file(&ground.texts, path) {
        Ok(text) if strip => Some(known(text.trim())),
        Ok(text) => {
            // Output may show it with or without what is around it.
            known(text.trim());
            Some(known(&text))
        }
        Err((message, hint)) => {
            f.problem_with("dir", message, vec![hint]);
            None
        }
    }
}
