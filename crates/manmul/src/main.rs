//! Manmul: an operating system for things.

use std::process::ExitCode;

fn main() -> ExitCode {
    manmul::cli::main()
}
