//! `byzlab new`: a crate with a protocol of one's own.
//!
//! The template is `examples/unanimous`, file by file: a member of this workspace, built and tested
//! with it, so that what is written here builds and passes its tests.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use byzlab_core::Registry;
use clap::Args;

use super::{Found, say};

/// Writes a crate with a protocol of your own: a small one that works, its tests, an experiment
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  byzlab new my-protocol && cd my-protocol && cargo test\n\n\
    The crate depends on byzlab alone. It finds it in the checkout that this program was built\n\
    from; `--byzlab` names another one, or a git repository.")]
pub(super) struct Arguments {
    /// The folder to make; its last part names the crate and the protocol
    #[arg(value_name = "NAME")]
    folder: PathBuf,
    /// Where the crate finds byzlab: the folder of a checkout, or the URL of a git repository
    /// [default: the checkout that this program was built from]
    #[arg(long, value_name = "FOLDER|URL")]
    byzlab: Option<String>,
}

/// The name that the template bears.
const TEMPLATE: &str = "unanimous";
/// How the template depends on this crate.
const DEPENDENCY: &str = "byzlab = { path = \"../../crates/lab\" }";
/// What the manifest of a crate that is no member of a workspace has besides.
const ROOT: &str = "
# A workspace of its own, whatever folder it lies in.
[workspace]

# Tests run swarms of simulations: optimised a little, checked a lot.
[profile.dev]
opt-level = 1
[profile.dev.package.\"*\"]
opt-level = 2
debug = false
";
/// The longest name.
const NAME_MAX: usize = 50;

macro_rules! template {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../examples/unanimous/", $path)))),*]
    };
}

/// The template's files.
const FILES: &[(&str, &str)] = template![
    "Cargo.toml",
    "README.md",
    "experiment.toml",
    "src/lib.rs",
    "src/main.rs",
    "tests/hosts.rs",
    "tests/promises.rs",
];
/// Files as they are: the releases of dependencies that are tested together, and what git leaves out.
const PLAIN: &[(&str, &str)] = &[
    ("Cargo.lock", include_str!("../../../../Cargo.lock")),
    (".gitignore", "/target\n/results\n"),
];

pub(super) fn new(arguments: &Arguments, registry: &Registry) -> Result<Found> {
    let folder = &arguments.folder;
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = Name::parse(name, registry)?;
    let dependency = dependency(arguments.byzlab.as_deref())?;
    ensure!(!folder.exists(), "{} exists; nothing is overwritten", folder.display());
    for (path, text) in FILES {
        write(&folder.join(path), &name.in_place_of_template(text, &dependency))?;
    }
    PLAIN.iter().try_for_each(|(path, text)| write(&folder.join(path), text))?;
    say(&format!(
        "wrote {0}: the protocol is in {0}/src/lib.rs\n\n    cd {0}\n    cargo test\n    \
         cargo run --release -- run experiment.toml\n",
        folder.display()
    ))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let parent = path.parent().context("the template's paths lie in a folder")?;
    fs::create_dir_all(parent)
        .with_context(|| format!("cannot make the folder {}", parent.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The line of the manifest by which the crate finds byzlab.
fn dependency(source: Option<&str>) -> Result<String> {
    let built_from = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let text = source.unwrap_or(built_from);
    if text.contains("://") || text.starts_with("git@") {
        return Ok(format!("byzlab = {{ git = {} }}", toml::Value::from(text)));
    }
    let Ok(lab) = Path::new(text).join("crates/lab").canonicalize() else {
        match source {
            Some(_) => bail!("{text} is no checkout of ByzLab: there is no crates/lab in it"),
            None => bail!(
                "the checkout that this program was built from is gone; say with --byzlab where \
                 another is, or give the URL of a git repository"
            ),
        }
    };
    let path = lab.to_str().context("a manifest is UTF-8, and this checkout's path is not")?;
    Ok(format!("byzlab = {{ path = {} }}", toml::Value::from(path)))
}

/// A name for crate, protocol and type.
struct Name<'a>(&'a str);

/// What the Rust language keeps for itself; a crate's name is an identifier.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];
/// Crates of these names stand in the way of what the template uses.
const TAKEN: &[&str] = &[
    "alloc",
    "build",
    "byzlab",
    "core",
    "deps",
    "examples",
    "incremental",
    "proc-macro",
    "std",
    "test",
];

impl<'a> Name<'a> {
    fn parse(name: &'a str, registry: &Registry) -> Result<Self> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
        let ends = !name.ends_with('-') && !name.contains("--");
        ensure!(
            begins && ends && name.chars().all(plain) && name.len() <= NAME_MAX,
            "`{name}` names no protocol: small letters, digits and single `-`, a letter first, \
             {NAME_MAX} at most, like `my-protocol`"
        );
        ensure!(!KEYWORDS.contains(&name), "`{name}` is a word of the Rust language");
        ensure!(!TAKEN.contains(&name), "`{name}` is the name of another crate or folder");
        ensure!(
            registry.find(name).is_err(),
            "a protocol called `{name}` comes with this program; the new one needs another name"
        );
        Ok(Self(name))
    }
    /// As an identifier.
    fn snake(&self) -> String {
        self.0.replace('-', "_")
    }
    /// As a type.
    fn camel(&self) -> String {
        let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
        self.0.split('-').map(capital).collect()
    }
    /// A file of the template under this name.
    fn in_place_of_template(&self, text: &str, dependency: &str) -> String {
        let root = if text.contains(DEPENDENCY) { ROOT } else { "" };
        let text = text.replace(DEPENDENCY, dependency) + root;
        let (path, camel) = (format!("{TEMPLATE}::"), Name(TEMPLATE).camel());
        let binary = format!("CARGO_BIN_EXE_{TEMPLATE}");
        text.replace(&camel, &self.camel())
            .replace(&path, &format!("{}::", self.snake()))
            .replace(&binary, &format!("CARGO_BIN_EXE_{}", self.0))
            .replace(TEMPLATE, self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str) -> String {
        let parsed = Name::parse(name, &crate::builtin());
        parsed.err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn names_that_cargo_or_the_registry_would_refuse_are_refused() {
        for good in ["a", "my-protocol", "hot2stuff", TEMPLATE] {
            assert_eq!(refusal(good), "", "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "2a", "My", "a_b", "ä", "a b", &"a".repeat(51)] {
            assert!(refusal(bad).contains("names no protocol"), "{bad}: {}", refusal(bad));
        }
        assert!(refusal("match").contains("Rust"));
        assert!(refusal("byzlab").contains("another crate"));
        assert!(refusal("pbft").contains("comes with this program"));
    }

    #[test]
    fn what_is_written_is_the_example_under_another_name() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/unanimous");
        let mut folders = vec![example.clone()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&example).unwrap().to_str().unwrap().to_owned();
                match path.is_dir() {
                    true if name != "results" => folders.push(path),
                    true => {}
                    false => found.push(name),
                }
            }
        }
        found.sort();
        let mut written: Vec<_> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        written.sort();
        assert_eq!(written, found, "a file of the example is missing in the template");
        for (path, text) in FILES {
            let same = Name(TEMPLATE).in_place_of_template(text, DEPENDENCY);
            assert_eq!(same.replace(ROOT, ""), *text, "{path}");
            let other = Name("my-own").in_place_of_template(text, "byzlab = \"1\"");
            let rest = other.to_lowercase();
            assert!(!rest.contains(TEMPLATE), "{path} says `{TEMPLATE}` still");
        }
        let (_, library) = FILES.iter().find(|(path, _)| *path == "src/main.rs").unwrap();
        let main = Name("my-own").in_place_of_template(library, "");
        assert!(main.contains("with(my_own::ENTRY)"), "{main}");
    }
}
