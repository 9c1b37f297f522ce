//! The `byzlab` command with one protocol more.

use std::process::ExitCode;

fn main() -> ExitCode {
    byzlab::main(byzlab::builtin().with(unanimous::ENTRY))
}
