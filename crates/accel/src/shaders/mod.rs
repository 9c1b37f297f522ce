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
pub(crate) mod sha512;
mod terms;

use std::fmt::Write;

use byzlab_core::crypto::sha256_of;

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

/// Every file that kernels are made of, and its text.
fn texts() -> Vec<(&'static str, &'static str)> {
    let whole = ALL.iter().map(|shader| (shader.file, shader.text));
    let parts = ed25519::GENERATED.into_iter().map(|part| (part.file, part.text));
    whole.chain(parts).chain(ed25519::WRITTEN).collect()
}

/// A name for these kernels as they are: another when a letter of any differs.
pub(crate) fn fingerprint() -> String {
    digest(&texts())
}

fn digest(texts: &[(&str, &str)]) -> String {
    let each =
        texts.iter().map(|(file, text)| sha256_of(&[file.as_bytes(), b"\n", text.as_bytes()]));
    let each: Vec<_> = each.collect();
    let all: Vec<&[u8]> = each.iter().map(|digest| &digest.0[..]).collect();
    sha256_of(&all).to_string()[..16].to_owned()
}

/// The invocations of a workgroup of every kernel: what its `override WORKGROUP` is set to.
pub const WORKGROUP: u32 = 64;

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
    use naga::{
        back::{PipelineConstants, pipeline_constants::process_overrides},
        front::wgsl,
        valid::{Capabilities, ValidationFlags, Validator},
    };

    use super::*;
    use crate::gpu::Kernel;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders");

    /// Whether a text with one kernel is valid for a device with these capabilities: as it stands, and with
    /// its overrides set as the engine sets them, which is what a driver gets. The reason if it is not.
    ///
    /// # Panics
    /// If it cannot be read at all, or has not one kernel.
    pub(in crate::shaders) fn validated(text: &str, with: Capabilities) -> Result<(), String> {
        let module = wgsl::parse_str(text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(text)));
        let [kernel] = &module.entry_points[..] else { panic!("one kernel a text") };
        let mut validator = Validator::new(ValidationFlags::all(), with);
        let info = validator.validate(&module).map_err(|e| e.emit_to_string(text))?;
        let constants: PipelineConstants = Kernel::new(text, "", WORKGROUP)
            .constants()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let entry = Some((kernel.stage, kernel.name.as_str()));
        let (made, _) = process_overrides(&module, &info, entry, &constants)
            .map_err(|error| format!("its overrides cannot be set: {error}"))?;
        assert_eq!(made.entry_points[0].workgroup_size, [WORKGROUP, 1, 1]);
        let mut validator = Validator::new(ValidationFlags::all(), with);
        validator.validate(&made).map(drop).map_err(|e| e.emit_to_string(text))
    }

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
        let mut listed: Vec<_> = texts().into_iter().map(|(file, _)| file).collect();
        listed.sort_unstable();
        assert_eq!(found, listed);
    }

    /// Costs are kept under the fingerprint, so another text of any kernel must have another.
    #[test]
    fn every_text_counts() {
        let texts = texts();
        assert_eq!(digest(&texts), fingerprint());
        for at in 0..texts.len() {
            let (file, text) = texts[at];
            let other = format!("{text} ");
            let mut changed = texts.clone();
            changed[at].1 = &other;
            assert_ne!(digest(&changed), fingerprint(), "{file}");
        }
    }

    /// Every kernel is valid for a device without any optional feature, or with 64-bit integers alone
    /// if it says that it needs them.
    #[test]
    fn every_shader_is_valid() {
        for Shader { file, text, int64, .. } in ALL {
            let plain = validated(text, Capabilities::empty());
            assert_eq!(plain.is_err(), *int64, "{file}: {plain:?}");
            assert_eq!(validated(text, Capabilities::SHADER_INT64), Ok(()), "{file}");
        }
    }

    /// An override of a size that no workgroup has is found by the second look alone.
    #[test]
    fn overrides_are_looked_at() {
        let bad = sha256::NODES
            .text
            .replace("workgroup_size(WORKGROUP)", "workgroup_size(WORKGROUP - 64u)");
        assert!(validated(&bad, Capabilities::all()).is_err());
    }
}
