//! `rmdir`: removes trees with `rm -rf`. A tree that was made unwritable gets its permissions
//! back and a second try.

use std::time::Duration;

use super::Context;
use super::arguments::Arguments;
use super::program::Program;
use crate::process::Limits;

#[derive(Debug)]
pub(in crate::worker) struct Rmdir {
    paths: Vec<String>,
    timeout: f64,
    max_time: Option<f64>,
    log_environ: bool,
}

impl Rmdir {
    pub(super) fn read(arguments: &Arguments<'_>) -> Result<Self, String> {
        let paths = arguments.texts("paths")?;
        if paths.is_empty() {
            return Err("The command `rmdir` was given no paths.".to_owned());
        }
        Ok(Self {
            paths,
            timeout: arguments.seconds("timeout")?.unwrap_or(120.0),
            max_time: arguments.seconds("maxTime")?,
            log_environ: arguments.flag("logEnviron", true),
        })
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), String> {
        let mut rc = 0;
        for path in &self.paths {
            // What is not there needs no process to remove it.
            if std::fs::symlink_metadata(path).is_err() {
                continue;
            }
            let mut code = self.helper(context, &["rm", "-rf", path]).await?;
            if code != 0 && !context.interrupt.asked.is_cancelled() {
                self.helper(context, &["chmod", "-Rf", "u+rwx", path]).await?;
                code = self.helper(context, &["rm", "-rf", path]).await?;
            }
            if code != 0 {
                rc = code;
            }
        }
        context.report.tell("rc", rc.into());
        Ok(())
    }

    async fn helper(&self, context: &mut Context, argv: &[&str]) -> Result<i64, String> {
        let limits = Limits {
            timeout: Some(Duration::from_secs_f64(self.timeout)),
            max_time: self.max_time.map(Duration::from_secs_f64),
            ..Limits::default()
        };
        let mut program = Program::helper(context, argv, limits);
        program.log_environ = self.log_environ;
        program.run(context).await
    }
}
