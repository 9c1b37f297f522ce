//! The WGSL kernels in `shaders/`, and the generators that write them.
//!
//! A kernel is committed as text, so that it can be read and reviewed, and is written by a function
//! here, because good WGSL is unrolled: an array indexed by a run-time value is spilled to memory by
//! shader compilers, and SHA-256 with its round constants in such an array runs a hundred times slower
//! than with literals. A test holds each text against its generator; `BYZLAB_BLESS=1 cargo test -p
//! byzlab-accel shaders` writes the text anew. Another test parses and validates each with `naga`.
//!
//! **What is not here:** an engine. No kernel runs on a GPU in this crate, so validation is all that
//! these texts have passed: they are well-formed WGSL and use no optional feature of a device. Whether
//! they give the CPU's digests is for the engine's tests to show.

use std::fmt::Write;

use crate::sha256::{INITIAL, ROUND, folded, padding};

/// The committed text of every kernel, by its file's name in `shaders/`.
pub const ALL: [(&str, &str); 1] = [("sha256_nodes.wgsl", SHA256_NODES)];

/// SHA-256 of Merkle nodes (64 bytes → 32): one level of a tree in one dispatch.
///
/// Bindings of group 0: 0, the nodes, four `vec4<u32>` each, as bytes lie in memory; 1, their digests,
/// two `vec4<u32>` each. Entry point `nodes`; the workgroup has `WORKGROUP` invocations (64 unless
/// overridden), and the grid may have two dimensions.
pub const SHA256_NODES: &str = include_str!("../../../shaders/sha256_nodes.wgsl");

const HEAD: &str = "\
// SHA-256 of Merkle nodes: each invocation hashes the 64 bytes of one node.
// Written by byzlab_accel::shaders::sha256_nodes: edit that, not this.

override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> inputs: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> outputs: array<vec4<u32>>;

// Turns the bytes of each word around: SHA-256 reads big-endian, the device little-endian.
fn swap(x: vec4<u32>) -> vec4<u32> {
  let odd = (x >> vec4(8u)) & vec4(0x00ff00ffu);
  let even = (x & vec4(0x00ff00ffu)) << vec4(8u);
  let pairs = odd | even;
  return (pairs >> vec4(16u)) | (pairs << vec4(16u));
}
fn rotate(x: u32, by: u32) -> u32 { return (x >> by) | (x << (32u - by)); }
fn sigma0(x: u32) -> u32 { return rotate(x, 7u) ^ rotate(x, 18u) ^ (x >> 3u); }
fn sigma1(x: u32) -> u32 { return rotate(x, 17u) ^ rotate(x, 19u) ^ (x >> 10u); }
fn sum0(x: u32) -> u32 { return rotate(x, 2u) ^ rotate(x, 13u) ^ rotate(x, 22u); }
fn sum1(x: u32) -> u32 { return rotate(x, 6u) ^ rotate(x, 11u) ^ rotate(x, 25u); }
fn choose(e: u32, f: u32, g: u32) -> u32 { return g ^ (e & (f ^ g)); }
fn majority(a: u32, b: u32, c: u32) -> u32 { return (a & b) | (c & (a | b)); }

@compute @workgroup_size(WORKGROUP)
fn nodes(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let node = id.x + id.y * groups.x * WORKGROUP;
  if (node >= arrayLength(&outputs) / 2u) { return; }
";

const NAMES: [char; 8] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

/// Writes the kernel of [`SHA256_NODES`]: both compressions unrolled, every constant a literal, and the
/// schedule of the padding block worked out beforehand.
pub fn sha256_nodes() -> String {
    let mut text = String::from(HEAD);
    let out = &mut text;
    for row in 0..4 {
        line(out, &format!("let row{row} = swap(inputs[node * 4u + {row}u]);"));
    }
    for word in 0..16 {
        let part = ['x', 'y', 'z', 'w'][word % 4];
        line(out, &format!("var w{word} = row{}.{part};", word / 4));
    }
    for (name, initial) in NAMES.iter().zip(INITIAL) {
        line(out, &format!("var {name} = {initial:#010x}u;"));
    }
    line(out, "// The node itself.");
    for (round, constant) in ROUND.iter().enumerate() {
        let word = |back: usize| (round + 16 - back) % 16;
        if round >= 16 {
            let (now, two, seven, fifteen) = (word(16), word(2), word(7), word(15));
            line(out, &format!("w{now} += sigma1(w{two}) + w{seven} + sigma0(w{fifteen});"));
        }
        one_round(out, round, &format!("{constant:#010x}u + w{}", round % 16));
    }
    for (i, (name, initial)) in NAMES.iter().zip(INITIAL).enumerate() {
        line(out, &format!("let middle{i} = {name} + {initial:#010x}u;"));
    }
    line(out, "// The padding behind it, whose schedule is known.");
    for (i, name) in NAMES.iter().enumerate() {
        line(out, &format!("{name} = middle{i};"));
    }
    for (round, constant) in folded(padding(0, 512)).iter().enumerate() {
        one_round(out, round, &format!("{constant:#010x}u"));
    }
    for (half, names) in NAMES.chunks(4).enumerate() {
        let sums: Vec<_> =
            (0..4).map(|i| format!("{} + middle{}", names[i], 4 * half + i)).collect();
        line(out, &format!("outputs[node * 2u + {half}u] = swap(vec4({}));", sums.join(", ")));
    }
    text.push_str("}\n");
    text
}

/// One line of the kernel's body.
fn line(out: &mut String, statement: &str) {
    writeln!(out, "  {statement}").expect("a string takes every line");
}

/// One round; instead of moving eight variables along, it takes them under names moved along.
fn one_round(out: &mut String, round: usize, input: &str) {
    let [a, b, c, d, e, f, g, h] = std::array::from_fn(|i| NAMES[(i + 64 - round) % 8]);
    line(
        out,
        &format!(
            "{h} += sum1({e}) + choose({e}, {f}, {g}) + {input}; {d} += {h}; \
             {h} += sum0({a}) + majority({a}, {b}, {c});"
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use naga::{
        front::wgsl,
        valid::{Capabilities, ValidationFlags, Validator},
    };

    #[test]
    fn the_committed_text_is_the_generators() {
        let made = sha256_nodes();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders/sha256_nodes.wgsl");
        if std::env::var_os("BYZLAB_BLESS").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), made);
    }

    #[test]
    fn every_shader_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".wgsl"))
            .collect();
        found.sort();
        assert_eq!(found, ALL.map(|(name, _)| name));
    }

    /// Every kernel is valid WGSL for a device without any optional feature.
    #[test]
    fn every_shader_is_valid() {
        for (name, text) in ALL {
            let module =
                wgsl::parse_str(text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(text)));
            Validator::new(ValidationFlags::all(), Capabilities::empty())
                .validate(&module)
                .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(text)));
            assert_eq!(module.entry_points.len(), 1, "{name} has one kernel");
        }
    }
}
