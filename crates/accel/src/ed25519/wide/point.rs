//! Points of Edwards25519, eight abreast: −x² + y² = 1 + d·x²·y².
//!
//! The formulas are those of Hisil, Wong, Carter and Dawson (ASIACRYPT 2008, §3.1 and §3.3). They are
//! complete: they hold for all points of the curve, also those of small order, and nothing asks which.

use std::{arch::x86_64::*, array};

use super::field::{
    Element, LANES, LIMBS, add, equal, load, load_limb, mul, negate_where, odd, power_252_3,
    select, splat, square, store, sub, twice_plus_minus,
};

const ZERO: [u64; LIMBS] = [0; LIMBS];
const ONE: [u64; LIMBS] = [1, 0, 0, 0, 0];
/// d = −121665 / 121666.
const D: [u64; LIMBS] =
    [929955233495203, 466365720129213, 1662059464998953, 2033849074728123, 1442794654840575];
/// 2d.
const TWICE_D: [u64; LIMBS] =
    [1859910466990425, 932731440258426, 1072319116312658, 1815898335770999, 633789495995903];
/// A root of −1.
const ROOT: [u64; LIMBS] =
    [1718705420411056, 234908883556509, 2233514472574048, 2117202627021982, 765476049583133];

/// A point as it is added: y + x, y − x and 2d·x·y, five limbs each, and a word of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub struct Addend([u64; 16]);

impl Addend {
    /// The neutral point, x = 0 and y = 1.
    pub const NEUTRAL: Self = {
        let mut words = [0; 16];
        words[0] = 1;
        words[LIMBS] = 1;
        Self(words)
    };
    /// The limbs of y + x and y − x.
    #[cfg(test)]
    pub fn sum_and_difference(&self) -> ([u64; LIMBS], [u64; LIMBS]) {
        (array::from_fn(|k| self.0[k]), array::from_fn(|k| self.0[LIMBS + k]))
    }
}

/// Eight points as they are added.
#[derive(Clone, Copy, Debug)]
pub struct Addends {
    /// y + x.
    plus: Element,
    /// y − x.
    minus: Element,
    /// 2d·x·y.
    product: Element,
}

/// Eight points: x = X / Z, y = Y / Z, x·y = T / Z.
#[derive(Clone, Copy, Debug)]
pub struct Points {
    x: Element,
    y: Element,
    z: Element,
    t: Element,
}

/// [`Points`] in memory: X, Y, Z, T, a lane to each point.
pub type Stored = [[[u64; LANES]; LIMBS]; 4];

/// Decodes eight points by the rule of ZIP-215: y need not be reduced, and zero may have a sign. The bits
/// of the second result say which lanes hold a point.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn decompress(encodings: &[[u8; 32]; LANES]) -> ([Addend; LANES], u8) {
    let (y, negative) = read(encodings);
    let one = splat(ONE);
    // x² = u / v, and u·v³·(u·v⁷)^((p − 5) / 8) is a root of it or of its negative, if there is one.
    let yy = square(y);
    let (u, v) = (sub(yy, one), add(mul(yy, splat(D)), one));
    let v3 = mul(square(v), v);
    let v7 = mul(square(v3), v);
    let x = mul(mul(u, v3), power_252_3(mul(u, v7)));
    let vxx = mul(v, square(x));
    let (straight, turned) = (equal(vxx, u), equal(vxx, negate_where(u8::MAX, u)));
    let x = select(turned, x, mul(x, splat(ROOT)));
    let x = negate_where(odd(x) ^ negative, x);
    let addends =
        Addends { plus: add(y, x), minus: sub(y, x), product: mul(mul(x, y), splat(TWICE_D)) };
    (addends.apart(), straight | turned)
}

/// The y of eight encodings, and the lanes whose x shall be negative.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn read(encodings: &[[u8; 32]; LANES]) -> (Element, u8) {
    const MASK: u64 = (1 << 51) - 1;
    let (mut limbs, mut negative) = ([[0; LANES]; LIMBS], 0);
    for l in 0..LANES {
        let words = encodings[l].as_chunks::<8>().0;
        let [a, b, c, d] = [words[0], words[1], words[2], words[3]].map(u64::from_le_bytes);
        limbs[0][l] = a & MASK;
        limbs[1][l] = (a >> 51 | b << 13) & MASK;
        limbs[2][l] = (b >> 38 | c << 26) & MASK;
        limbs[3][l] = (c >> 25 | d << 39) & MASK;
        limbs[4][l] = d >> 12 & MASK;
        negative |= ((d >> 63) as u8) << l;
    }
    (load(&limbs), negative)
}

impl Addends {
    /// One addend to each lane, the negative of it in the lanes of `negative`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn gather(from: [&Addend; LANES], negative: u8) -> Self {
        let mut rows = [[splat(ZERO).0[0]; LANES]; 2];
        for l in 0..LANES {
            let halves = from[l].0.as_chunks::<LANES>().0;
            rows[0][l] = load_limb(&halves[0]);
            rows[1][l] = load_limb(&halves[1]);
        }
        let [a, b, c, d, e, f, g, h] = transpose(rows[0]);
        let [i, j, k, l, m, n, o, _] = transpose(rows[1]);
        let plus = Element([a, b, c, d, e]);
        let minus = Element([f, g, h, i, j]);
        let product = Element([k, l, m, n, o]);
        Self {
            plus: select(negative, plus, minus),
            minus: select(negative, minus, plus),
            product: negate_where(negative, product),
        }
    }
    /// The addend of each lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn apart(self) -> [Addend; LANES] {
        let mut out = [Addend([0; 16]); LANES];
        for (i, part) in [self.plus, self.minus, self.product].into_iter().enumerate() {
            let mut limbs = [[0; LANES]; LIMBS];
            store(part, &mut limbs);
            for l in 0..LANES {
                for k in 0..LIMBS {
                    out[l].0[LIMBS * i + k] = limbs[k][l];
                }
            }
        }
        out
    }
}

/// Eight points as they are added, if their Z is any.
#[derive(Clone, Copy, Debug)]
pub struct Cached {
    /// Y + X.
    plus: Element,
    /// Y − X.
    minus: Element,
    /// 2d·T.
    product: Element,
    z: Element,
}

impl Cached {
    /// In each lane, the multiple of the size that is asked for there, its negative in the lanes of
    /// `negative`; `multiples[i]` is i + 1 times something, and nothing is neutral.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn pick(multiples: &[Self], sizes: [u16; LANES], negative: u8) -> Self {
        let (zero, one) = (splat(ZERO), splat(ONE));
        let mut found = Self { plus: one, minus: one, product: zero, z: one };
        for (multiple, size) in multiples.iter().zip(1..) {
            let mut here = 0;
            for l in 0..LANES {
                here |= u8::from(sizes[l] == size) << l;
            }
            found.plus = select(here, found.plus, multiple.plus);
            found.minus = select(here, found.minus, multiple.minus);
            found.product = select(here, found.product, multiple.product);
            found.z = select(here, found.z, multiple.z);
        }
        Self {
            plus: select(negative, found.plus, found.minus),
            minus: select(negative, found.minus, found.plus),
            product: negate_where(negative, found.product),
            z: found.z,
        }
    }
}

/// Word j of row i becomes word i of row j.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn transpose(rows: [__m512i; LANES]) -> [__m512i; LANES] {
    // Blocks of two by two words, then of two by two of those, then of four by four words.
    let mut pairs = rows;
    for i in 0..4 {
        pairs[2 * i] = _mm512_unpacklo_epi64(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi64(rows[2 * i], rows[2 * i + 1]);
    }
    // Quarter q of `pairs[2i + o]` holds word 2q + o of rows 2i and 2i + 1.
    let mut out = rows;
    for o in 0..2 {
        let [a, b, c, d] = [pairs[o], pairs[2 + o], pairs[4 + o], pairs[6 + o]];
        let (ab, ab_high) =
            (_mm512_shuffle_i64x2::<0b0100_0100>(a, b), _mm512_shuffle_i64x2::<0b1110_1110>(a, b));
        let (cd, cd_high) =
            (_mm512_shuffle_i64x2::<0b0100_0100>(c, d), _mm512_shuffle_i64x2::<0b1110_1110>(c, d));
        out[o] = _mm512_shuffle_i64x2::<0b1000_1000>(ab, cd);
        out[2 + o] = _mm512_shuffle_i64x2::<0b1101_1101>(ab, cd);
        out[4 + o] = _mm512_shuffle_i64x2::<0b1000_1000>(ab_high, cd_high);
        out[6 + o] = _mm512_shuffle_i64x2::<0b1101_1101>(ab_high, cd_high);
    }
    out
}

impl Points {
    /// The neutral point in all lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn neutral() -> Self {
        let (zero, one) = (splat(ZERO), splat(ONE));
        Self { x: zero, y: one, z: one, t: zero }
    }
    /// Reads them from memory.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn load([x, y, z, t]: &Stored) -> Self {
        Self { x: load(x), y: load(y), z: load(z), t: load(t) }
    }
    /// Writes them to memory.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn store(self, [x, y, z, t]: &mut Stored) {
        store(self.x, x);
        store(self.y, y);
        store(self.z, z);
        store(self.t, t);
    }
    /// Lane `from(l)` of `self` in each lane `l`.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn lanes(self, from: impl Fn(usize) -> usize) -> Self {
        let mut all = [[[0; LANES]; LIMBS]; 4];
        self.store(&mut all);
        for limb in all.as_flattened_mut() {
            *limb = array::from_fn(|l| limb[from(l)]);
        }
        Self::load(&all)
    }
    /// `self + other`, lane by lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn plus_addends(self, other: &Addends) -> Self {
        let a = mul(sub(self.y, self.x), other.minus);
        let b = mul(add(self.y, self.x), other.plus);
        sum(a, b, mul(self.t, other.product), self.z)
    }
    /// `self + other`, lane by lane.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn plus_cached(self, other: &Cached) -> Self {
        let a = mul(sub(self.y, self.x), other.minus);
        let b = mul(add(self.y, self.x), other.plus);
        sum(a, b, mul(self.t, other.product), mul(self.z, other.z))
    }
    /// These points as they are added.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn cached(self) -> Cached {
        let Self { x, y, z, t } = self;
        Cached { plus: add(y, x), minus: sub(y, x), product: mul(t, splat(TWICE_D)), z }
    }
    /// `2 · self`, lane by lane.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn doubled(self) -> Self {
        let (a, b, c) = (square(self.x), square(self.y), square(self.z));
        let (h, g) = (add(a, b), sub(a, b));
        let e = sub(h, square(add(self.x, self.y)));
        let (f, _) = twice_plus_minus(c, g);
        Self { x: mul(e, f), y: mul(g, h), z: mul(f, g), t: mul(e, h) }
    }
    /// The lanes that hold the neutral point.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn are_neutral(self) -> u8 {
        equal(self.x, splat(ZERO)) & equal(self.y, self.z)
    }
}

/// The second half of an addition, from (Y₁ − X₁)(Y₂ − X₂), (Y₁ + X₁)(Y₂ + X₂), 2d·T₁·T₂ and Z₁·Z₂.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn sum(a: Element, b: Element, c: Element, z: Element) -> Points {
    let (e, h) = (sub(b, a), add(b, a));
    let (g, f) = twice_plus_minus(z, c);
    Points { x: mul(e, f), y: mul(g, h), z: mul(f, g), t: mul(e, h) }
}
