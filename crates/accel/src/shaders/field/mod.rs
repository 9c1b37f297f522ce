//! Arithmetic modulo p = 2²⁵⁵ − 19 in WGSL, in two representations behind the same names.
//!
//! | | limbs | product of two limbs | needs |
//! |---|---|---|---|
//! | [`Limbs::U32`] | 20 of 13 bits: 2²⁶⁰ ≡ 608 | 26 bits: a column of 20 fits a `u32` | nothing |
//! | [`Limbs::U64`] | 10 of 26 and 25 bits in turn: 2²⁵⁵ ≡ 19 | 52 bits: a column fits a `u64` | `SHADER_INT64` |
//!
//! 13 bits are the widest limbs whose products add up in a `u32` without being split, so that every
//! partial product is one multiply-add. The 25½-bit limbs are those of Bernstein's `ref10`.
//!
//! **Ranges.** A *tight* element has limbs of at most 2^width + 7, limb 0 of at most 2^width − 1 + 3·608 or
//! 3·19, which is what three carries from the top come back as. A *loose* one may be as large as a tight one
//! plus twice the largest limb. Each function says what it takes and gives, and is written with
//! terms that check that no step can overflow. Only `fe_freeze` gives *the* limbs of a residue.

mod memory;
mod product;

use std::fmt::Write;

use super::terms::{Code, Kind, Term, function};

/// A representation of integers modulo p.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limbs {
    /// 20 limbs of 13 bits: any device.
    U32,
    /// 10 limbs of 26 and 25 bits: a device with 64-bit integers.
    U64,
}

/// −121665/121666, of the curve's equation (RFC 8032, section 5.1), as little-endian words.
const D: Words = [
    0x1359_78a3,
    0x75eb_4dca,
    0x4141_d8ab,
    0x0070_0a4d,
    0x7779_e898,
    0x8cc7_4079,
    0x2b6f_fe73,
    0x5203_6cee,
];
/// Twice that.
const D2: Words = [
    0x26b2_f159,
    0xebd6_9b94,
    0x8283_b156,
    0x00e0_149a,
    0xeef3_d130,
    0x198e_80f2,
    0x56df_fce7,
    0x2406_d9dc,
];
/// 2^((p−1)/4), a square root of −1.
const SQRT_MINUS_1: Words = [
    0x4a0e_a0b0,
    0xc4ee_1b27,
    0xad2f_e478,
    0x2f43_1806,
    0x3dfb_d7a7,
    0x2b4d_0099,
    0x4fc1_df0b,
    0x2b83_2480,
];

type Words = [u32; 8];

impl Limbs {
    /// Both.
    pub const ALL: [Self; 2] = [Self::U32, Self::U64];

    /// The name in file names and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::U32 => "u32",
            Self::U64 => "u64",
        }
    }
    /// How many limbs.
    pub fn count(self) -> usize {
        match self {
            Self::U32 => 20,
            Self::U64 => 10,
        }
    }
    /// Bytes of an affine point as kernels store it: three coordinates and a mark, in whole quads.
    pub fn affine_bytes(self) -> u64 {
        4 * (3 * self.count() as u64 + 1).next_multiple_of(4)
    }
    /// Bytes of a projective one: four coordinates.
    pub fn projective_bytes(self) -> u64 {
        16 * self.count() as u64
    }
    /// How many bits limb `i` has.
    fn width(self, i: usize) -> u32 {
        match self {
            Self::U32 => 13,
            Self::U64 => 26 - (i % 2) as u32,
        }
    }
    /// The weight of limb `i`, as a power of two.
    pub(crate) fn offset(self, i: usize) -> u32 {
        (0..i).map(|i| self.width(i)).sum()
    }
    /// How many bits of the top limb lie below 2²⁵⁵.
    fn top(self) -> u32 {
        255 - self.offset(self.count() - 1)
    }
    /// What leaves the top limb comes back at limb 0 this many times.
    fn wrap(self) -> i128 {
        19 << (self.offset(self.count()) - 255)
    }
    fn mask(self, i: usize) -> i128 {
        (1 << self.width(i)) - 1
    }
    /// The largest limb `i` of a tight element.
    pub(crate) fn tight(self, i: usize) -> i128 {
        self.mask(i) + if i == 0 { 3 * self.wrap() } else { 8 }
    }
    /// Limb `i` of a multiple of p all of whose limbs are larger than a tight element's.
    fn bias(self, i: usize) -> i128 {
        2 * (self.mask(i) - if i == 0 { self.wrap() - 1 } else { 0 })
    }
    /// The parameter `name`, tight.
    fn tight_parameter(self, name: &str) -> Vec<Term> {
        let limb = |i| Term::named(Kind::U32, format!("{name}[{i}]"), 0, self.tight(i));
        (0..self.count()).map(limb).collect()
    }
    /// The parameter `name`, loose.
    fn loose_parameter(self, name: &str) -> Vec<Term> {
        let most = |i| self.tight(i) + self.bias(i);
        let limb = |i| Term::named(Kind::U32, format!("{name}[{i}]"), 0, most(i));
        (0..self.count()).map(limb).collect()
    }
    fn assert_tight(self, limbs: &[Term]) {
        for (i, limb) in limbs.iter().enumerate() {
            assert!(limb.most() <= self.tight(i), "limb {i} is up to {}", limb.most());
        }
    }
    /// The limbs of the number below 2²⁵⁵ that these little-endian words are.
    fn limbs_of(self, words: &Words) -> Vec<u32> {
        let bit = |at: u32| words[(at / 32) as usize] >> (at % 32) & 1;
        let limb = |i| {
            let (from, width) = (self.offset(i), self.width(i).min(255 - self.offset(i)));
            (0..width).map(|b| bit(from + b) << b).sum()
        };
        (0..self.count()).map(limb).collect()
    }
}

/// The text of `shaders/field_u32.wgsl` or `shaders/field_u64.wgsl`.
pub fn field(limbs: Limbs) -> String {
    let (name, count) = (limbs.name(), limbs.count());
    let sizes = match limbs {
        Limbs::U32 => "20 limbs of 13 bits",
        Limbs::U64 => "10 limbs of 26 and 25 bits in turn",
    };
    let mut text = format!(
        "// Integers modulo p = 2^255 - 19 as {sizes}, with products in {name}.\n\
         // Written by byzlab_accel::shaders::field, which says what the ranges mean: edit that, not this.\n\n\
         alias Fe = array<u32, {count}>;\n\n"
    );
    let constants = [
        ("ZERO", [0; 8]),
        ("ONE", [1, 0, 0, 0, 0, 0, 0, 0]),
        ("TWO", [2, 0, 0, 0, 0, 0, 0, 0]),
        ("D", D),
        ("D2", D2),
        ("SQRT_MINUS_1", SQRT_MINUS_1),
    ];
    for (name, words) in constants {
        let limbs: Vec<_> = limbs.limbs_of(&words).iter().map(|limb| format!("{limb}u")).collect();
        writeln!(text, "const {name}: Fe = Fe({});", limbs.join(", ")).expect("a string");
    }
    text.push('\n');
    text += &sums(limbs);
    text += &match limbs {
        Limbs::U32 => product::u32s(false) + &product::u32s(true),
        Limbs::U64 => product::u64s(false) + &product::u64s(true),
    };
    text += &freeze(limbs);
    text += &choices(limbs);
    text += &memory::words(limbs);
    text += &memory::points(limbs);
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// Lets each limb keep its own bits and give the rest to the next: one pass, which leaves small sums
/// tight.
fn carry_once(limbs: Limbs, code: &mut Code, sums: &[Term]) -> Vec<Term> {
    let named: Vec<_> = (0..).zip(sums).map(|(i, sum)| code.bind(format!("t{i}"), sum)).collect();
    let count = limbs.count();
    let carried = |i: usize| {
        let own = named[i].low(limbs.width(i));
        let from = (i + count - 1) % count;
        let carry = named[from].right(limbs.width(from));
        own.plus(&if i == 0 { carry.scaled(limbs.wrap()) } else { carry })
    };
    let out: Vec<_> = (0..count).map(carried).collect();
    limbs.assert_tight(&out);
    out
}

/// `fe_add`, `fe_sub` and their variants without carries.
fn sums(limbs: Limbs) -> String {
    let (a, b) = (limbs.tight_parameter("a"), limbs.tight_parameter("b"));
    let bias = |i| Term::literal(Kind::U32, limbs.bias(i));
    let sum: Vec<_> = a.iter().zip(&b).map(|(a, b)| a.plus(b)).collect();
    let difference: Vec<_> =
        (0..).zip(a.iter().zip(&b)).map(|(i, (a, b))| a.plus(&bias(i)).minus(b)).collect();
    let mut text = String::new();
    for (name, what, limb_sums) in [("add", "a + b", &sum), ("sub", "a - b", &difference)] {
        let mut code = Code::default();
        let carried = carry_once(limbs, &mut code, limb_sums);
        text += &function(
            &format!("{what}: from tight to tight."),
            &format!("fe_{name}(a: Fe, b: Fe) -> Fe"),
            &code.give("Fe", &carried),
        );
        text += &function(
            &format!("{what}: from tight to loose."),
            &format!("fe_{name}_loose(a: Fe, b: Fe) -> Fe"),
            &Code::default().give("Fe", limb_sums),
        );
    }
    let loose = limbs.loose_parameter("a");
    let mut code = Code::default();
    let carried = carry_once(limbs, &mut code, &loose);
    text + &function(
        "a: from loose to tight.",
        "fe_tighten(a: Fe) -> Fe",
        &code.give("Fe", &carried),
    )
}

/// `fe_freeze`: the limbs of the residue itself.
fn freeze(limbs: Limbs) -> String {
    let (n, top) = (limbs.count(), limbs.top());
    let mut code = Code::default();
    let mut l = limbs.tight_parameter("a");
    code.line(
        "// What lies above 2^255 comes back 19-fold: at most 608 at first, then 19 or nothing.",
    );
    for pass in ["x", "y"] {
        let above = l[n - 1].right(top).scaled(19);
        l[0] = l[0].plus(&above);
        l[n - 1] = l[n - 1].low(top);
        for i in 0..n - 1 {
            let sum = code.bind(format!("{pass}{i}"), &l[i]);
            l[i] = sum.low(limbs.width(i));
            l[i + 1] = l[i + 1].plus(&sum.right(limbs.width(i)));
        }
        l[n - 1] = code.bind(format!("{pass}{}", n - 1), &l[n - 1]);
    }
    code.line("// a >= p exactly when a + 19 reaches 2^255; then a - p = a + 19 - 2^255.");
    let mut carry = Term::literal(Kind::U32, 19);
    for (i, limb) in l.iter().enumerate() {
        let width = if i == n - 1 { top } else { limbs.width(i) };
        carry = code.bind(format!("c{i}"), &limb.plus(&carry).right(width));
    }
    let mut carry = carry.scaled(19);
    let mut out = Vec::new();
    for (i, limb) in l.iter().enumerate() {
        let width = if i == n - 1 { top } else { limbs.width(i) };
        let sum = code.bind(format!("z{i}"), &limb.plus(&carry));
        out.push(sum.low(width));
        carry = sum.right(width);
    }
    function("The limbs of a mod p, from tight.", "fe_freeze(a: Fe) -> Fe", &code.give("Fe", &out))
}

/// `fe_is_zero` and `fe_select`.
fn choices(limbs: Limbs) -> String {
    let each = |limb: &dyn Fn(usize) -> String, between: &str| {
        (0..limbs.count()).map(limb).collect::<Vec<_>>().join(between)
    };
    let any = each(&|i| format!("f[{i}]"), " | ");
    let zero = format!("  let f = fe_freeze(a);\n  return ({any}) == 0u;\n");
    let choice = each(&|i| format!("select(a[{i}], b[{i}], second)"), ", ");
    function("Whether a, tight, is 0 mod p.", "fe_is_zero(a: Fe) -> bool", &zero)
        + &function(
            "b if second, else a.",
            "fe_select(a: Fe, b: Fe, second: bool) -> Fe",
            &format!("  return Fe({choice});\n"),
        )
}
