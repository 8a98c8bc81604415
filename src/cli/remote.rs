//! What verbs share that speak to a master over HTTP: who they are, which comes from files or the
//! environment and never from arguments, which everybody on the machine can read; and one runtime.

use std::path::Path;

use base64::Engine as _;

use super::failure::Failure;
use crate::http::Request;

/// The password of `--user`, when no file is named.
pub(super) const PASSWORD: &str = "HALIDE_CI_PASSWORD";

/// Runs `work` to its end.
pub(super) fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("no runtime can be started: {e}")))?
        .block_on(work)
}

/// A secret from a file or, without one, from a variable.
pub(super) fn proof(file: Option<&Path>, variable: &str) -> Result<Option<String>, Failure> {
    let text = match file {
        Some(file) => Some(read(file)?),
        None => std::env::var_os(variable).map(|text| text.to_string_lossy().into_owned()),
    };
    Ok(text.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()).filter(|t| !t.is_empty()))
}

/// The request with the name and password of a user.
pub(super) fn sign(request: Request, user: &str, file: Option<&Path>) -> Result<Request, Failure> {
    let password = proof(file, PASSWORD)?
        .ok_or_else(|| Failure::usage(format!("--user needs --password-file or {PASSWORD}.")))?;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    Ok(request.header("authorization", &format!("Basic {pair}")))
}

/// A file as text.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|e| Failure::usage(format!("{} cannot be read: {e}.", file.display())))
}

/// `NAME:VALUE` pairs of `--property`.
pub(super) fn properties(
    pairs: &[String],
) -> Result<serde_json::Map<String, serde_json::Value>, Failure> {
    let mut out = serde_json::Map::new();
    for property in pairs {
        let Some((name, value)) = property.split_once(':').filter(|(name, _)| !name.is_empty())
        else {
            let text = format!("--property takes NAME:VALUE, not {property:?}.");
            return Err(Failure::usage(text));
        };
        out.insert(name.to_owned(), value.into());
    }
    Ok(out)
}
