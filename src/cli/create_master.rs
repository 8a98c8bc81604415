//! `create-master`: a base directory with everything that a first start needs.

use std::path::PathBuf;

use super::failure::Failure;
use super::furnish::Furnishing;
use super::place::{Place, Role};
use super::terminal;
use crate::base::random::Random;

/// The secrets that a configuration reads and that nobody else gives.
const SECRETS: [&str; 3] = ["halide_bb_pass.txt", "webhook_token.txt", "buildbot_www_pass.txt"];

/// Make a master's base directory.
///
/// Writes a starter master.lua with its tests and editor settings (unless a master.lua stands beside
/// DIR), random secrets, a systemd unit and a .gitignore. Files that are there are kept.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: halide-ci create-master master")]
pub(super) struct Args {
    /// The base directory.
    #[arg(default_value = "master")]
    dir: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if args.dir.join("worker.lua").exists() {
        let message = format!("{} belongs to a worker: it has a worker.lua.", args.dir.display());
        return Err(Failure::failed(message).hint("Choose another directory."));
    }
    let mut dir = Furnishing::begin(&args.dir)?;
    let place = Place { dir: args.dir.clone(), role: Role::Master };
    let beside = place.beside();
    let is_beside = beside.is_file();
    if !is_beside {
        dir.put("master.lua", include_str!("templates/master.lua"), 0o644)?;
        dir.put("master_test.lua", include_str!("templates/master_test.lua"), 0o644)?;
        dir.put(".luarc.json", include_str!("templates/luarc.json"), 0o644)?;
        super::types::renew(&args.dir)?;
    }
    let random = Random::system();
    for name in SECRETS {
        dir.put_secret(name, &random.token())?;
    }
    dir.put_unit("master", "ExecReload=/bin/kill -HUP $MAINPID\n")?;
    dir.put(".gitignore", include_str!("templates/gitignore"), 0o644)?;
    tell(&place, is_beside.then_some(beside), &dir.kept);
    Ok(())
}

fn tell(place: &Place, beside: Option<PathBuf>, kept: &[String]) {
    let dir = place.dir.display();
    let say = |line: String| terminal::say(&line);
    say(format!("The {place} is ready."));
    if !kept.is_empty() {
        say(format!("  kept     {}", kept.join(", ")));
    }
    match beside {
        Some(beside) => say(format!("  config   {}, which stands beside it", beside.display())),
        None => {
            say(format!("  config   {dir}/master.lua"));
            say(format!("  tests    {dir}/master_test.lua; run them with: halide-ci test {dir}"));
        }
    }
    say(format!("  secrets  {}", SECRETS.map(|name| format!("{dir}/{name}")).join(", ")));
    say(format!("  next     halide-ci checkconfig {dir}, then halide-ci start {dir}"));
    let worker = place.dir.with_file_name("worker");
    let (worker, secret) = (worker.display(), SECRETS[0]);
    say(format!("  worker   halide-ci create-worker {worker} --secret-file {dir}/{secret}"));
}
