//! The `byzlab` command with the protocols that come with it.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::SUCCESS
}
