//! Running the built program.

#![allow(dead_code, reason = "each test file takes what it needs")]

use std::{
    fs,
    process::{Command, Output},
};

use tempfile::TempDir;

/// Three seeds of two protocols, simulated: six runs.
pub const TINY: &str = r#"
name = "tiny"
sample = "200ms"
seeds = 3

[[protocol]]
name = "central"

[[protocol]]
name = "pow"
spacing = "100ms"
difficulty = 40_000
confirmations = 4

[load]
rate = 200
until = "1s"

[stop]
after = "2s"
"#;

/// What the program says to these arguments in `dir`.
pub fn byzlab(dir: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_byzlab"))
        .args(arguments)
        .current_dir(dir.path())
        .output()
        .expect("the program starts")
}

/// A folder with `text` in `tiny.toml`.
pub fn with_file(text: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tiny.toml"), text).unwrap();
    dir
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}
