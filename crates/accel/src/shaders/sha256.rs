//! SHA-256 kernels: many messages, one level of a Merkle tree, the nonce search.
//!
//! All rounds stand one after another, with their constants as literals. Instead of moving eight
//! variables along, a round takes them under names moved along.

use super::{Shader, indented, line};
use crate::sha256::{INITIAL, ROUND, folded, padding};

/// SHA-256 of messages of any length below 2²⁹ bytes; entry point `messages`.
///
/// Binding 0: how many, and the number of the digest that the first writes. Binding 1: the messages,
/// each from a whole word on, followed by the byte 0x80 and zeros up to a whole word; behind the last,
/// 15 words of anything. Binding 2: for each message the word where it begins, and its length in bytes.
/// Binding 3: the digests, 32 bytes each, as bytes lie in memory.
pub const MESSAGES: Shader = Shader {
    file: "sha256_messages.wgsl",
    text: include_str!("../../../../shaders/sha256_messages.wgsl"),
    make: messages,
    int64: false,
};

/// One level of a Merkle tree (64 bytes → 32); entry point `nodes`.
///
/// Binding 0: how many parents, the numbers of the first child and of the first parent among the
/// digests, and how many children; a last child without a sibling is its own parent. Binding 3: the
/// digests.
pub const NODES: Shader = Shader {
    file: "sha256_nodes.wgsl",
    text: include_str!("../../../../shaders/sha256_nodes.wgsl"),
    make: nodes,
    int64: false,
};

/// Double SHA-256 of headers that differ in their nonce; entry point `nonces`.
///
/// Binding 0: what `crate::gpu` makes of a puzzle. Each invocation tries the offsets from its own number
/// on, `stride` apart. Binding 1: 0, and after it the complement of the lowest offset whose hash has a top
/// word not above the target's, if any has. Whether it is a solution is for the CPU to say.
pub const NONCES: Shader = Shader {
    file: "sha256d_nonces.wgsl",
    text: include_str!("../../../../shaders/sha256d_nonces.wgsl"),
    make: nonces,
    int64: false,
};

const FUNCTIONS: &str = "
fn rotate(x: u32, by: u32) -> u32 { return (x >> by) | (x << (32u - by)); }
fn sigma0(x: u32) -> u32 { return rotate(x, 7u) ^ rotate(x, 18u) ^ (x >> 3u); }
fn sigma1(x: u32) -> u32 { return rotate(x, 17u) ^ rotate(x, 19u) ^ (x >> 10u); }
fn sum0(x: u32) -> u32 { return rotate(x, 2u) ^ rotate(x, 13u) ^ rotate(x, 22u); }
fn sum1(x: u32) -> u32 { return rotate(x, 6u) ^ rotate(x, 11u) ^ rotate(x, 25u); }
fn choose(e: u32, f: u32, g: u32) -> u32 { return g ^ (e & (f ^ g)); }
fn majority(a: u32, b: u32, c: u32) -> u32 { return (a & b) | (c & (a | b)); }
";

/// For kernels that read or write bytes.
const SWAP: &str = "
// Turns the bytes of each word around: SHA-256 reads big-endian, the device little-endian.
fn swap(x: vec4<u32>) -> vec4<u32> {
  let odd = (x >> vec4(8u)) & vec4(0x00ff00ffu);
  let even = (x & vec4(0x00ff00ffu)) << vec4(8u);
  let pairs = odd | even;
  return (pairs >> vec4(16u)) | (pairs << vec4(16u));
}";

const NAMES: [char; 8] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const PARTS: [char; 4] = ['x', 'y', 'z', 'w'];

/// The variable that plays part `part` (0 for a, 7 for h) once `round` rounds are done.
fn name(part: usize, round: usize) -> char {
    NAMES[(part + 64 - round) % 8]
}

fn one_round(out: &mut String, round: usize, input: &str) {
    let [a, b, c, d, e, f, g, h] = std::array::from_fn(|part| name(part, round));
    line(
        out,
        &format!(
            "{h} += sum1({e}) + choose({e}, {f}, {g}) + {input}; {d} += {h}; \
             {h} += sum0({a}) + majority({a}, {b}, {c});"
        ),
    );
}

/// All rounds over the block in `w0` to `w15`, which they use up.
fn rounds(out: &mut String) {
    for (round, constant) in ROUND.iter().enumerate() {
        let word = |back: usize| (round + 16 - back) % 16;
        if round >= 16 {
            let (now, two, seven, fifteen) = (word(16), word(2), word(7), word(15));
            line(out, &format!("w{now} += sigma1(w{two}) + w{seven} + sigma0(w{fifteen});"));
        }
        one_round(out, round, &format!("{constant:#010x}u + w{}", round % 16));
    }
}

fn messages() -> String {
    let mut text = String::from(
        "// SHA-256 of many messages: each invocation hashes one, block after block.
// Written by byzlab_accel::shaders::sha256: edit that, not this.

override WORKGROUP: u32 = 64u;

struct Params { count: u32, first: u32 }
struct Place { start: u32, length: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> words: array<u32>;
@group(0) @binding(2) var<storage, read> places: array<Place>;
@group(0) @binding(3) var<storage, read_write> digests: array<vec4<u32>>;
",
    );
    text.push_str(SWAP);
    text.push_str(FUNCTIONS);
    text.push_str(
        "
@compute @workgroup_size(WORKGROUP)
fn messages(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  let place = places[i];
  // Words that hold the message and the mark of its end; zeros follow, and its length in bits.
  let filled = place.length / 4u + 1u;
  let blocks = (place.length + 8u) / 64u + 1u;
",
    );
    let out = &mut text;
    for (i, initial) in INITIAL.iter().enumerate() {
        line(out, &format!("var state{i} = {initial:#010x}u;"));
    }
    line(out, "for (var block = 0u; block < blocks; block++) {");
    text.push_str(&indented(&one_block()));
    let out = &mut text;
    line(out, "}");
    line(out, "let at = 2u * (params.first + i);");
    line(out, "digests[at] = swap(vec4(state0, state1, state2, state3));");
    line(out, "digests[at + 1u] = swap(vec4(state4, state5, state6, state7));");
    text.push_str("}\n");
    text
}

/// What is done to a message's block number `block`.
fn one_block() -> String {
    let mut text = String::new();
    let out = &mut text;
    line(out, "let at = block * 16u;");
    line(out, "let start = place.start + at;");
    for row in 0..4 {
        let each = |write: &dyn Fn(usize) -> String| {
            (4 * row..4 * row + 4).map(write).collect::<Vec<_>>().join(", ")
        };
        let read = each(&|word| format!("words[start + {word}u]"));
        let within = each(&|word| format!("at + {word}u < filled"));
        line(out, &format!("let row{row} = swap(select(vec4(0u), vec4({read}), vec4({within})));"));
    }
    for word in 0..16 {
        line(out, &format!("var w{word} = row{}.{};", word / 4, PARTS[word % 4]));
    }
    line(out, "w15 += select(0u, place.length * 8u, block + 1u == blocks);");
    for (i, name) in NAMES.iter().enumerate() {
        line(out, &format!("var {name} = state{i};"));
    }
    rounds(out);
    for (i, name) in NAMES.iter().enumerate() {
        line(out, &format!("state{i} += {name};"));
    }
    text
}

fn nodes() -> String {
    let mut text = String::from(
        "// One level of a Merkle tree: each invocation hashes the 64 bytes of two digests.
// Written by byzlab_accel::shaders::sha256: edit that, not this.

override WORKGROUP: u32 = 64u;

struct Params { count: u32, children: u32, parents: u32, width: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read_write> digests: array<vec4<u32>>;
",
    );
    text.push_str(SWAP);
    text.push_str(FUNCTIONS);
    text.push_str(
        "
@compute @workgroup_size(WORKGROUP)
fn nodes(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  // A last child without a sibling is hashed with itself, for nothing, and carried up.
  let paired = 2u * i + 1u < params.width;
  let left = 2u * (params.children + 2u * i);
  let right = select(left, left + 2u, paired);
  let upper = digests[left];
  let lower = digests[left + 1u];
  let row0 = swap(upper);
  let row1 = swap(lower);
  let row2 = swap(digests[right]);
  let row3 = swap(digests[right + 1u]);
",
    );
    let out = &mut text;
    for word in 0..16 {
        line(out, &format!("var w{word} = row{}.{};", word / 4, PARTS[word % 4]));
    }
    for (name, initial) in NAMES.iter().zip(INITIAL) {
        line(out, &format!("var {name} = {initial:#010x}u;"));
    }
    line(out, "// The node itself.");
    rounds(out);
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
    line(out, "let at = 2u * (params.parents + i);");
    for (half, names) in NAMES.chunks(4).enumerate() {
        let sums: Vec<_> =
            (0..4).map(|i| format!("{} + middle{}", names[i], 4 * half + i)).collect();
        let (digest, child) = (sums.join(", "), ["upper", "lower"][half]);
        line(
            out,
            &format!("digests[at + {half}u] = select({child}, swap(vec4({digest})), paired);"),
        );
    }
    text.push_str("}\n");
    text
}

fn nonces() -> String {
    let mut text = String::from(
        "// Double SHA-256 of headers of 80 bytes that differ in their nonce, in search of a low one.
// Written by byzlab_accel::shaders::sha256: edit that, not this.

override WORKGROUP: u32 = 64u;

struct Params {
  stride: u32,                  // how many invocations there are
  count: u32,                   // how many nonces to try
  start: u32,                   // the first of them
  top: u32,                     // the target's most significant word
  state: array<vec4<u32>, 2>,   // of the header's second block, after the three rounds before its nonce
  middle: array<vec4<u32>, 2>,  // the state between the header's blocks
  schedule: vec4<u32>,          // words 16 and 17; 18 and 19 without what the nonce adds to them
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> found: atomic<u32>;

fn swap(x: u32) -> u32 {
  let pairs = ((x >> 8u) & 0x00ff00ffu) | ((x & 0x00ff00ffu) << 8u);
  return (pairs >> 16u) | (pairs << 16u);
}",
    );
    text.push_str(FUNCTIONS);
    text.push_str(
        "
@compute @workgroup_size(WORKGROUP)
fn nonces(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let first = id.x + id.y * groups.x * WORKGROUP;
  let stride = params.stride;
  if (first >= stride) { return; }
  let count = params.count;
  let start = params.start;
  let top = params.top;
  let state = params.state;
  let middle = params.middle;
  let schedule = params.schedule;
  var lowest = 0xffffffffu;
  for (var offset = first; offset < count; offset += stride) {
",
    );
    text.push_str(&indented(&one_nonce()));
    let out = &mut text;
    line(out, "}");
    line(out, "if (lowest != 0xffffffffu) { atomicMax(&found, ~lowest); }");
    text.push_str("}\n");
    text
}

/// What is done to the nonce at `offset`.
fn one_nonce() -> String {
    let mut text = String::new();
    let out = &mut text;
    let element = |array: &str, i: usize| format!("{array}[{}].{}", i / 4, PARTS[i % 4]);
    line(out, "let x3 = swap(start + offset);");
    for part in 0..8 {
        line(out, &format!("var {} = {};", name(part, 3), element("state", part)));
    }
    // What is zero in the block is left out of every sum.
    let mut words: Vec<Option<String>> = vec![None; 16];
    words[3] = Some("x3".into());
    words[4] = Some("0x80000000u".into());
    words[15] = Some("640u".into());
    for round in 3..64 {
        let known = match round {
            16 | 17 => Some(format!("schedule.{}", PARTS[round - 16])),
            18 => Some("schedule.z + sigma0(x3)".into()),
            19 => Some("schedule.w + x3".into()),
            _ => None,
        };
        if round >= 16 {
            let sum = known.unwrap_or_else(|| expansion(&words, round));
            line(out, &format!("let x{round} = {sum};"));
            words.push(Some(format!("x{round}")));
        }
        round_with(out, round, &words);
    }
    line(out, "// The hash of the header is the block of the second hash.");
    let mut words: Vec<Option<String>> = vec![None; 16];
    for part in 0..8 {
        line(out, &format!("let y{part} = {} + {};", NAMES[part], element("middle", part)));
        words[part] = Some(format!("y{part}"));
    }
    words[8] = Some("0x80000000u".into());
    words[15] = Some("256u".into());
    for (name, initial) in NAMES.iter().zip(INITIAL) {
        line(out, &format!("{name} = {initial:#010x}u;"));
    }
    // The last word of the digest is known three rounds before the end.
    for round in 0..61 {
        if round >= 16 {
            line(out, &format!("let y{round} = {};", expansion(&words, round)));
            words.push(Some(format!("y{round}")));
        }
        round_with(out, round, &words);
    }
    line(out, &format!("let hit = swap({} + {:#010x}u) <= top;", name(4, 61), INITIAL[7]));
    line(out, "lowest = min(lowest, select(0xffffffffu, offset, hit));");
    text
}

/// The sum that expands a block's schedule by word `at`, without the words that are zero.
fn expansion(words: &[Option<String>], at: usize) -> String {
    let [two, seven, fifteen, sixteen] = [2, 7, 15, 16].map(|back| words[at - back].as_ref());
    let terms = [
        two.map(|word| format!("sigma1({word})")),
        seven.cloned(),
        fifteen.map(|word| format!("sigma0({word})")),
        sixteen.cloned(),
    ];
    terms.into_iter().flatten().collect::<Vec<_>>().join(" + ")
}

fn round_with(out: &mut String, round: usize, words: &[Option<String>]) {
    let constant = ROUND[round];
    match &words[round] {
        Some(word) => one_round(out, round, &format!("{constant:#010x}u + {word}")),
        None => one_round(out, round, &format!("{constant:#010x}u")),
    }
}
