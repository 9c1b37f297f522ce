//! The `byzlab` command with the protocols that come with it.

fn main() -> std::process::ExitCode {
    byzlab::main(byzlab::builtin())
}
