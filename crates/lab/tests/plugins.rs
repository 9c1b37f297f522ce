//! Protocols from outside: what `byzlab new` writes.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn byzlab(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_byzlab"));
    command.args(arguments).current_dir(dir).output().expect("the program starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_new_crate_finds_its_way_back_here() {
    let dir = tempfile::tempdir().unwrap();
    let output = byzlab(dir.path(), &["new", "my-own"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("cd my-own"));
    let manifest = fs::read_to_string(dir.path().join("my-own/Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&manifest).unwrap();
    assert_eq!(manifest["package"]["name"].as_str(), Some("my-own"));
    assert!(manifest.contains_key("workspace"), "it stands alone wherever it lies");
    let dependencies = manifest["dependencies"].as_table().unwrap();
    assert_eq!(dependencies.len(), 1, "byzlab alone");
    let lab = dependencies["byzlab"]["path"].as_str().unwrap();
    assert_eq!(Path::new(lab), Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap());

    let url = "https://example.org/byzlab.git";
    let output = byzlab(dir.path(), &["new", "folder/other", "--byzlab", url]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let manifest = fs::read_to_string(dir.path().join("folder/other/Cargo.toml")).unwrap();
    assert!(manifest.contains(&format!("byzlab = {{ git = \"{url}\" }}")), "{manifest}");
}

#[test]
fn nothing_is_overwritten_and_what_is_wrong_is_said() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("mine")).unwrap();
    let refused = |arguments: &[&str], why: &str| {
        let output = byzlab(dir.path(), &[&["new"], arguments].concat());
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(stderr(&output).contains(why), "{arguments:?}: {}", stderr(&output));
    };
    refused(&["mine"], "nothing is overwritten");
    refused(&["pbft"], "comes with this program");
    refused(&["Mine"], "names no protocol");
    refused(&["other", "--byzlab", "mine"], "no checkout of ByzLab");
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["mine"], "nothing is left behind");
}
