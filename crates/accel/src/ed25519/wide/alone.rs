//! Eight signatures abreast, each by an equation of its own (Straus' way, with digits of four bits).

use super::{
    field::LANES,
    point::{Addend, Addends, Cached, Points},
    sum::{Digits, columns},
};

/// Bits of a digit.
const WIDTH: usize = 4;
/// Digits of a scalar.
const COLUMNS: usize = columns(WIDTH);
/// The multiples that a digit chooses from: 1 to 8, or their negatives.
pub const MULTIPLES: usize = 1 << (WIDTH - 1);

/// What is asked of a lane: whether 8·(s·B − k·A − R) is the neutral point. Scalars are little-endian and
/// below 2²⁵³.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub key: &'a Addend,
    pub r: &'a Addend,
    pub k: [u8; 32],
    pub s: [u8; 32],
}

/// The lanes where the answer is yes; `base` has 1·B to 8·B.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn hold(questions: &[Question; LANES], base: &[Addend; MULTIPLES]) -> u8 {
    let (mut keys, mut rs) = ([questions[0].key; LANES], [questions[0].r; LANES]);
    let (mut ks, mut ss) = ([[0; 32]; LANES], [[0; 32]; LANES]);
    for l in 0..LANES {
        let Question { key, r, k, s } = questions[l];
        (keys[l], rs[l], ks[l], ss[l]) = (key, r, k, s);
    }
    let mut digits = [[0; COLUMNS * LANES]; 2];
    let [of_ks, of_ss] = &mut digits;
    let (ks, ss) = (Digits::of(&ks, WIDTH, of_ks), Digits::of(&ss, WIDTH, of_ss));
    let multiples = multiples(&Addends::gather(keys, 0));
    let mut sum = Points::neutral();
    for column in (0..ks.columns()).rev() {
        for _ in 0..WIDTH {
            sum = sum.doubled();
        }
        let (of_key, negative) = split(ks.column(column));
        sum = sum.plus_cached(&Cached::pick(&multiples, of_key, !negative));
        let (of_base, negative) = split(ss.column(column));
        let mut from = [&Addend::NEUTRAL; LANES];
        for l in 0..LANES {
            if let Some(at) = usize::from(of_base[l]).checked_sub(1) {
                from[l] = &base[at];
            }
        }
        sum = sum.plus_addends(&Addends::gather(from, negative));
    }
    sum = sum.plus_addends(&Addends::gather(rs, u8::MAX));
    sum.doubled().doubled().doubled().are_neutral()
}

/// 1 to 8 times each point.
#[target_feature(enable = "avx512f,avx512ifma")]
fn multiples(point: &Addends) -> [Cached; MULTIPLES] {
    let mut sum = Points::neutral().plus_addends(point);
    let mut multiples = [sum.cached(); MULTIPLES];
    for multiple in &mut multiples[1..] {
        sum = sum.plus_addends(point);
        *multiple = sum.cached();
    }
    multiples
}

/// How large the digits are, and which are below zero.
fn split(digits: &[i16]) -> ([u16; LANES], u8) {
    let (mut sizes, mut negative) = ([0; LANES], 0);
    for (l, &digit) in digits.iter().enumerate() {
        sizes[l] = digit.unsigned_abs();
        negative |= u8::from(digit < 0) << l;
    }
    (sizes, negative)
}
