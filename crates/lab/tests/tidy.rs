//! Style is a test: what `rustfmt` and `clippy` do not see.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The longest line, in characters.
const COLUMNS: usize = 120;
/// The longest file, in lines: beyond it there is a wall to draw.
const LINES: usize = 500;
/// The longest function, in lines.
const FUNCTION_LINES: usize = 70;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file below `folder` with this ending, and its text.
fn files(folder: &Path, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(ending) {
                let text = fs::read_to_string(&path).expect("UTF-8");
                let place = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
                found.push((place, text));
            }
        }
    }
    assert!(!found.is_empty(), "no {ending} below {}", folder.display());
    found.sort();
    found
}

fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

fn rust() -> Vec<(String, String)> {
    let mut all = files(&root().join("crates"), ".rs");
    all.extend(files(&root().join("benches"), ".rs"));
    all.extend(files(&root().join("examples"), ".rs"));
    all
}

#[test]
fn lines_and_files_are_short() {
    let mut long = Vec::new();
    for (path, text) in rust() {
        for (i, line) in text.lines().enumerate() {
            if line.chars().count() > COLUMNS {
                long.push(format!("{path}:{}: {} columns", i + 1, line.chars().count()));
            }
        }
        let lines = text.lines().count();
        if lines > LINES {
            long.push(format!("{path}: {lines} lines"));
        }
    }
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn functions_fit_on_a_page() {
    let mut long = Vec::new();
    // A test may be a long list of cases.
    for (path, text) in rust().into_iter().filter(|(path, _)| !path.contains("/tests/")) {
        let mut open: Option<(usize, usize, &str)> = None;
        for (i, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start();
            let starts = [
                "fn ",
                "pub fn ",
                "pub(crate) fn ",
                "pub(super) fn ",
                "async fn ",
                "pub async fn ",
                "unsafe fn ",
                "pub unsafe fn ",
                "const fn ",
                "pub const fn ",
            ];
            if starts.iter().any(|s| head.starts_with(s)) {
                open = Some((i, indent, line));
            } else if let Some((start, depth, first)) = open
                && line.len() == depth + 1
                && head == "}"
            {
                let length = i - start + 1;
                if length > FUNCTION_LINES {
                    long.push(format!("{path}:{}: {length} lines: {}", start + 1, first.trim()));
                }
                open = None;
            }
        }
    }
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn nothing_below_the_node_knows_a_clock_or_hash_order() {
    let mut found = Vec::new();
    for part in ["core", "protocols", "sim"] {
        for (path, text) in files(&root().join("crates").join(part).join("src"), ".rs") {
            let words = [
                "HashMap",
                "HashSet",
                "Instant::",
                "SystemTime",
                "thread_rng",
                "std::thread",
                "tokio",
                "std::net",
            ];
            for (i, line) in without_tests(&text).lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for word in words.iter().filter(|word| code.contains(**word)) {
                    // Maps whose hash is fixed and whose order is never looked at say so by their name.
                    if !code.contains("FxHash") {
                        found.push(format!("{path}:{}: {word}", i + 1));
                    }
                }
            }
        }
    }
    for (path, text) in files(&root().join("crates/protocols/src"), ".rs") {
        let code = without_tests(&text);
        if code.contains("f64") || code.contains("f32") {
            found.push(format!("{path}: a float in a protocol"));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn only_the_accelerator_is_unsafe_and_nothing_is_left_open() {
    let mut found = Vec::new();
    for (path, text) in rust() {
        for (i, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let word =
                |w: &str| code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|x| x == w);
            // One has it in a list of words.
            let may = ["crates/accel/", "tidy.rs", "cli/new.rs"];
            if word("unsafe") && !may.iter().any(|part| path.contains(part)) {
                found.push(format!("{path}:{}: unsafe", i + 1));
            }
            if (word("todo") || word("unimplemented")) && !path.contains("tidy.rs") {
                found.push(format!("{path}:{}: left open", i + 1));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_readme_names_every_protocol_and_every_experiment() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    for entry in byzlab::builtin().entries() {
        assert!(readme.contains(&format!("`{}`", entry.name)), "README lacks {}", entry.name);
    }
    let all = files(&root().join("experiments"), ".toml");
    for (path, _) in all.iter().filter(|(path, _)| !path.contains("/results/")) {
        assert!(readme.contains(path.as_str()), "README lacks {path}");
    }
}

#[test]
fn the_middle_storey_does_not_import_its_neighbours() {
    let middle = ["protocols", "accel", "sim", "node"];
    for part in middle {
        let path = root().join("crates").join(part).join("Cargo.toml");
        let text = fs::read_to_string(&path).expect("a manifest");
        let dependencies = text.split("[dependencies]").nth(1).expect("dependencies");
        let dependencies = dependencies.split("\n[").next().expect("a section");
        for other in middle.iter().filter(|&&other| other != part) {
            let name = format!("byzlab-{other}");
            assert!(!dependencies.contains(&name), "{part} depends on {other}");
        }
    }
    let core = fs::read_to_string(root().join("crates/core/Cargo.toml")).expect("a manifest");
    assert!(!core.contains("byzlab-") || core.matches("byzlab-").count() == 1, "core knows a host");
}
