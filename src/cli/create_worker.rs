//! `create-worker`: a base directory for a worker.

use std::path::PathBuf;

use super::failure::Failure;
use super::furnish::Furnishing;
use super::terminal;

/// Make a worker's base directory.
///
/// Writes a starter worker.lua, info files, editor settings, a systemd unit and a .gitignore. Files
/// that are there are kept. The secret is the master's: give it with --secret-file, or write it to
/// DIR/halide_bb_pass.txt afterwards.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example: halide-ci create-worker worker --secret-file master/halide_bb_pass.txt"
)]
pub(super) struct Args {
    /// The base directory.
    #[arg(default_value = "worker")]
    dir: PathBuf,
    /// A file with the secret that the master knows this worker by; it is copied.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The master's host name.
    #[arg(long, default_value = "localhost")]
    master: String,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if args.dir.join("master.lua").exists() || args.dir.join("state.sqlite").exists() {
        let message = format!("{} belongs to a master.", args.dir.display());
        return Err(Failure::failed(message).hint("Choose another directory."));
    }
    // A host name in quotes that Lua must be able to read back.
    if !args.master.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c)) {
        return Err(Failure::usage(format!("{:?} is not a host name.", args.master)));
    }
    let secret = match &args.secret_file {
        Some(file) => Some(std::fs::read_to_string(file).map_err(|error| {
            Failure::failed(format!("The secret {} cannot be read: {error}.", file.display()))
        })?),
        None => None,
    };
    let mut dir = Furnishing::begin(&args.dir)?;
    let config = include_str!("templates/worker.lua").replace("@HOST@", &args.master);
    dir.put("worker.lua", &config, 0o644)?;
    dir.put("info/admin", "Your Name <admin@example.org>\n", 0o644)?;
    dir.put("info/host", "What kind of machine this is.\n", 0o644)?;
    if let Some(secret) = &secret {
        dir.put_secret("halide_bb_pass.txt", secret.trim())?;
    }
    dir.put(".luarc.json", include_str!("templates/luarc.json"), 0o644)?;
    super::types::renew(&args.dir)?;
    let variables = "# Environment=HALIDE_BB_WORKER_NAME=worker-1\n\
                     # Environment=HALIDE_BB_MASTER_ADDR=ci.example.org\n";
    dir.put_unit("worker", variables)?;
    dir.put(".gitignore", include_str!("templates/worker_gitignore"), 0o644)?;
    tell(args, &dir.kept);
    Ok(())
}

fn tell(args: &Args, kept: &[String]) {
    let dir = args.dir.display();
    let say = |line: String| terminal::say(&line);
    say(format!("The worker in {dir} is ready."));
    if !kept.is_empty() {
        say(format!("  kept     {}", kept.join(", ")));
    }
    say(format!("  config   {dir}/worker.lua"));
    let secret = args.dir.join("halide_bb_pass.txt");
    if !secret.exists() {
        say(format!("  secret   write the one that the master knows to {}", secret.display()));
    }
    say(format!("  next     export HALIDE_BB_WORKER_NAME=worker-1, then halide-ci start {dir}"));
}
