//! The program: see `cli` for its verbs.

use std::process::ExitCode;

fn main() -> ExitCode {
    halide_ci::cli::main()
}
