//! Tells the program what it was built from: the commit, the lock file and the compiler.

use std::{env, fs, path::Path, process::Command};

fn main() {
    // Where it is built now, and not where this script was: checkouts may share a target folder.
    let here = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let root = Path::new(&here).join("../..");
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    // Without a lock file (as a dependency of another workspace) there is nothing to say.
    let lock = fs::read(root.join("Cargo.lock")).unwrap_or_default();
    fs::write(Path::new(&out).join("Cargo.lock"), lock).expect("OUT_DIR can be written to");
    let rustc = env::var_os("RUSTC").expect("cargo sets RUSTC");
    let toolchain = said(Command::new(rustc).arg("--version")).unwrap_or_default();
    println!("cargo::rustc-env=BYZLAB_TOOLCHAIN={toolchain}");
    println!("cargo::rustc-env=BYZLAB_COMMIT={}", commit(&root).unwrap_or_default());
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    println!("cargo::rerun-if-changed=../../crates");
    if let Some(dir) = git(&root, &["rev-parse", "--absolute-git-dir"]) {
        println!("cargo::rerun-if-changed={dir}/logs/HEAD");
    }
}

fn commit(root: &Path) -> Option<String> {
    let commit = git(root, &["rev-parse", "HEAD"])?;
    let changes = git(root, &["status", "--porcelain", "--untracked-files=no", "crates"])?;
    Some(if changes.is_empty() { commit } else { format!("{commit}+changes") })
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    said(Command::new("git").arg("-C").arg(root).args(arguments))
}

fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
