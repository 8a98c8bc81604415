//! `cpdir`: copies a tree with `cp`, links and times kept. Into a target that exists, it copies
//! as `cp` does.

use std::path::Path;
use std::time::Duration;

use super::arguments::Arguments;
use super::program::Program;
use super::{Context, reason};
use crate::process::Limits;

#[derive(Debug)]
pub(in crate::worker) struct Cpdir {
    from: String,
    to: String,
    timeout: f64,
    max_time: Option<f64>,
    log_environ: bool,
}

impl Cpdir {
    pub(super) fn read(arguments: &Arguments<'_>) -> Result<Self, String> {
        Ok(Self {
            from: arguments.text("from_path")?,
            to: arguments.text("to_path")?,
            timeout: arguments.seconds("timeout")?.unwrap_or(120.0),
            max_time: arguments.seconds("maxTime")?,
            log_environ: arguments.flag("logEnviron", true),
        })
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), String> {
        if let Some(parent) = Path::new(&self.to).parent() {
            std::fs::create_dir_all(parent)
                .map_err(|e| format!("Cannot make {}: {}.", parent.display(), reason(&e)))?;
        }
        let limits = Limits {
            timeout: Some(Duration::from_secs_f64(self.timeout)),
            max_time: self.max_time.map(Duration::from_secs_f64),
            ..Limits::default()
        };
        let argv = ["cp", "-R", "-P", "-p", "-v", &self.from, &self.to];
        let mut program = Program::helper(context, &argv, limits);
        program.log_environ = self.log_environ;
        let rc = program.run(context).await?;
        context.report.tell("rc", rc.into());
        Ok(())
    }
}
