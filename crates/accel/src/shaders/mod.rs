//! The WGSL kernels in `shaders/`, and the generators that write them.
//!
//! A kernel is committed as text, so that it can be read and reviewed, and is written by a function
//! here, because good WGSL is unrolled: an array indexed by a run-time value is spilled to memory by
//! shader compilers, and SHA-256 with its round constants in such an array runs a hundred times slower
//! than with literals. The other rules of speed, each measured (`gpu::tests` and `benches/` hold what
//! follows from them):
//! - what a loop reads from a buffer is read before it, since a driver that sees a write to any buffer
//!   reads all of them again;
//! - no branch to save work: a software adapter runs both sides of it, and so does a GPU when the
//!   invocations beside each other differ.
//!
//! A test holds each text against its generator; `BYZLAB_BLESS=1 cargo test -p byzlab-accel shaders`
//! writes the text anew. Another parses and validates each with `naga`, without any adapter. Whether they
//! give the CPU's answers is for the tests of [`gpu`](crate::gpu) to show.
//!
//! A kernel of [`ALL`] is one file. Those of [`ed25519`] are put together from parts, some written by
//! generators and some by hand, and have their own tests there.

pub mod ed25519;
pub mod field;
mod scalar;
pub mod sha256;
mod sha512;
mod terms;

use std::fmt::Write;

/// A kernel's text.
#[derive(Clone, Copy, Debug)]
pub struct Shader {
    /// Its file in `shaders/`.
    pub file: &'static str,
    /// What is in it.
    pub text: &'static str,
    /// What writes it.
    pub make: fn() -> String,
    /// Whether it needs 64-bit integers, which not every adapter has.
    pub int64: bool,
}

/// Every kernel, by the name of its file.
pub const ALL: &[Shader] = &[sha256::MESSAGES, sha256::NODES, sha256::NONCES];

/// One line of a kernel's body.
fn line(out: &mut String, statement: &str) {
    writeln!(out, "  {statement}").expect("a string takes every line");
}

/// Lines of a body as those of a block within it.
fn indented(body: &str) -> String {
    body.lines().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use naga::{
        front::wgsl,
        valid::{Capabilities, ValidationFlags, Validator},
    };

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders");

    #[test]
    fn the_committed_text_is_the_generators() {
        for shader in ALL {
            let (made, path) = ((shader.make)(), format!("{FOLDER}/{}", shader.file));
            if std::env::var_os("BYZLAB_BLESS").is_some() {
                std::fs::write(&path, &made).unwrap();
            }
            let committed = std::fs::read_to_string(path).unwrap();
            assert!(committed == made, "{} is not what its generator writes", shader.file);
        }
    }

    #[test]
    fn every_shader_is_listed() {
        let mut found: Vec<String> = std::fs::read_dir(FOLDER)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".wgsl"))
            .collect();
        found.sort();
        let mut listed: Vec<_> = ALL.iter().map(|shader| shader.file).collect();
        listed.extend(ed25519::GENERATED.map(|part| part.file));
        listed.extend(ed25519::WRITTEN.map(|(file, _)| file));
        listed.sort_unstable();
        assert_eq!(found, listed);
    }

    /// Every kernel is valid for a device without any optional feature, or with 64-bit integers alone
    /// if it says that it needs them.
    #[test]
    fn every_shader_is_valid() {
        for Shader { file, text, int64, .. } in ALL {
            let module = wgsl::parse_str(text)
                .unwrap_or_else(|e| panic!("{file}: {}", e.emit_to_string(text)));
            let validate = |capabilities| {
                let mut validator = Validator::new(ValidationFlags::all(), capabilities);
                validator.validate(&module).map(drop).map_err(Box::new)
            };
            let plain = validate(Capabilities::empty());
            assert_eq!(plain.is_err(), *int64, "{file}: {plain:?}");
            let wide = validate(Capabilities::SHADER_INT64);
            wide.unwrap_or_else(|e| panic!("{file}: {}", e.emit_to_string(text)));
            assert_eq!(module.entry_points.len(), 1, "{file} has one kernel");
        }
    }
}
