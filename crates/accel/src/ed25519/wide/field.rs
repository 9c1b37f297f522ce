//! Numbers modulo p = 2²⁵⁵ − 19, eight abreast.
//!
//! A number is five limbs, limb k standing for 2^(51 k); a vector holds the same limb of eight numbers.
//! The multiplier (`vpmadd52`) takes 52 bits, so every [`Element`] is *carried*: each limb is below
//! 2⁵¹ + 2¹⁵. Functions take carried elements and give carried ones.

use std::arch::x86_64::*;

/// Numbers abreast.
pub const LANES: usize = 8;
/// Limbs of a number.
pub const LIMBS: usize = 5;

/// A limb of each of eight numbers.
type Limb = __m512i;

/// Eight numbers modulo p.
#[derive(Clone, Copy, Debug)]
pub struct Element(pub [Limb; LIMBS]);

/// The lowest 51 bits.
const MASK: u64 = (1 << 51) - 1;
/// The limbs of 2p, each above those of a carried element.
pub const TWICE_P: [u64; LIMBS] = [2 * (MASK - 18), 2 * MASK, 2 * MASK, 2 * MASK, 2 * MASK];

/// The same number in all lanes; its limbs must be carried.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn splat(limbs: [u64; LIMBS]) -> Element {
    let mut out = [_mm512_setzero_si512(); LIMBS];
    for k in 0..LIMBS {
        out[k] = word(limbs[k]);
    }
    Element(out)
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn word(word: u64) -> Limb {
    _mm512_set1_epi64(word.cast_signed())
}

/// A number to each lane; `limbs[k]` has limb k of all, and they must be carried.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn load(limbs: &[[u64; LANES]; LIMBS]) -> Element {
    let mut out = [_mm512_setzero_si512(); LIMBS];
    for k in 0..LIMBS {
        out[k] = load_limb(&limbs[k]);
    }
    Element(out)
}

/// Eight words.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn load_limb(words: &[u64; LANES]) -> Limb {
    // SAFETY: `words` is 64 readable bytes, and the load asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// The inverse of [`load`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn store(x: Element, out: &mut [[u64; LANES]; LIMBS]) {
    for k in 0..LIMBS {
        store_limb(x.0[k], &mut out[k]);
    }
}

/// The inverse of [`load_limb`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn store_limb(x: Limb, out: &mut [u64; LANES]) {
    // SAFETY: `out` is 64 writable bytes, and the store asks for no alignment.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), x) }
}

/// Each limb gives what is above its 51 bits to the next, all at once; the highest to the lowest, as
/// 2²⁵⁵ = 19. Limbs below 2⁶¹ become carried ones.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn carry(x: [Limb; LIMBS]) -> Element {
    let mut out = x;
    for k in 0..LIMBS {
        out[k] = _mm512_and_si512(x[k], word(MASK));
    }
    for k in 1..LIMBS {
        out[k] = _mm512_add_epi64(out[k], _mm512_srli_epi64::<51>(x[k - 1]));
    }
    out[0] = _mm512_madd52lo_epu64(out[0], _mm512_srli_epi64::<51>(x[4]), word(19));
    Element(out)
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn plus(x: [Limb; LIMBS], y: [Limb; LIMBS]) -> [Limb; LIMBS] {
    let mut out = x;
    for k in 0..LIMBS {
        out[k] = _mm512_add_epi64(x[k], y[k]);
    }
    out
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn minus(x: [Limb; LIMBS], y: [Limb; LIMBS]) -> [Limb; LIMBS] {
    let mut out = x;
    for k in 0..LIMBS {
        out[k] = _mm512_sub_epi64(_mm512_add_epi64(x[k], word(TWICE_P[k])), y[k]);
    }
    out
}

/// x + y.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn add(x: Element, y: Element) -> Element {
    carry(plus(x.0, y.0))
}

/// x − y.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn sub(x: Element, y: Element) -> Element {
    carry(minus(x.0, y.0))
}

/// 2x + y and 2x − y.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn twice_plus_minus(x: Element, y: Element) -> (Element, Element) {
    let twice = plus(x.0, x.0);
    (carry(plus(twice, y.0)), carry(minus(twice, y.0)))
}

/// `−x` in the lanes of `mask`, `x` in the others.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn negate_where(mask: u8, x: Element) -> Element {
    let mut out = x.0;
    for k in 0..LIMBS {
        out[k] = _mm512_mask_sub_epi64(x.0[k], mask, word(TWICE_P[k]), x.0[k]);
    }
    carry(out)
}

/// `y` in the lanes of `mask`, `x` in the others.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn select(mask: u8, x: Element, y: Element) -> Element {
    let mut out = x.0;
    for k in 0..LIMBS {
        out[k] = _mm512_mask_blend_epi64(mask, x.0[k], y.0[k]);
    }
    Element(out)
}

/// Ten limbs, each below 2⁵⁶, to five: 2²⁵⁵ = 19.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn fold(t: [Limb; 2 * LIMBS]) -> Element {
    let mut out = [t[0]; LIMBS];
    for k in 0..LIMBS {
        let high = t[k + LIMBS];
        let three = _mm512_add_epi64(_mm512_add_epi64(high, high), high);
        let nineteen = _mm512_add_epi64(_mm512_slli_epi64::<4>(high), three);
        out[k] = _mm512_add_epi64(t[k], nineteen);
    }
    carry(out)
}

/// x · y.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn mul(x: Element, y: Element) -> Element {
    // The upper half of a product stands for 2⁵² = 2 · 2⁵¹ times as much as the lower: it goes to the next
    // limb, twice.
    let mut t = [_mm512_setzero_si512(); 2 * LIMBS];
    for i in 0..LIMBS {
        for j in 0..LIMBS {
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], x.0[i], y.0[j]);
        }
    }
    for k in 1..2 * LIMBS {
        t[k] = _mm512_add_epi64(t[k], t[k]);
    }
    for i in 0..LIMBS {
        for j in 0..LIMBS {
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], x.0[i], y.0[j]);
        }
    }
    fold(t)
}

/// x².
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn square(x: Element) -> Element {
    let x = x.0;
    // Products of different limbs count twice, upper halves twice again.
    let mut t = [_mm512_setzero_si512(); 2 * LIMBS];
    for i in 0..LIMBS {
        for j in i + 1..LIMBS {
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], x[i], x[j]);
        }
    }
    for k in 2..2 * LIMBS - 1 {
        t[k] = _mm512_add_epi64(t[k], t[k]);
    }
    for i in 0..LIMBS {
        t[2 * i + 1] = _mm512_madd52hi_epu64(t[2 * i + 1], x[i], x[i]);
        for j in i + 1..LIMBS {
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], x[i], x[j]);
        }
    }
    for k in 1..2 * LIMBS {
        t[k] = _mm512_add_epi64(t[k], t[k]);
    }
    for i in 0..LIMBS {
        t[2 * i] = _mm512_madd52lo_epu64(t[2 * i], x[i], x[i]);
    }
    fold(t)
}

/// x squared `times` times.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn squares(mut x: Element, times: u32) -> Element {
    for _ in 0..times {
        x = square(x);
    }
    x
}

/// x to the power of (p − 5) / 8 = 2²⁵² − 3.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn power_252_3(x: Element) -> Element {
    // `ones(n)` is x to the power of 2ⁿ − 1.
    let ones2 = mul(square(x), x);
    let ones4 = mul(squares(ones2, 2), ones2);
    let ones5 = mul(square(ones4), x);
    let ones10 = mul(squares(ones5, 5), ones5);
    let ones20 = mul(squares(ones10, 10), ones10);
    let ones40 = mul(squares(ones20, 20), ones20);
    let ones50 = mul(squares(ones40, 10), ones10);
    let ones100 = mul(squares(ones50, 50), ones50);
    let ones200 = mul(squares(ones100, 100), ones100);
    let ones250 = mul(squares(ones200, 50), ones50);
    mul(squares(ones250, 2), x)
}

/// The limbs of the least number that is not negative.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn canonical(x: Element) -> [Limb; LIMBS] {
    // A carried element is below 2p. It is not below p where adding 19 reaches 2²⁵⁵.
    let mut x = x.0;
    let mut over = _mm512_srli_epi64::<51>(_mm512_add_epi64(x[0], word(19)));
    for k in 1..LIMBS {
        over = _mm512_srli_epi64::<51>(_mm512_add_epi64(x[k], over));
    }
    x[0] = _mm512_madd52lo_epu64(x[0], over, word(19));
    for k in 0..LIMBS {
        let high = _mm512_srli_epi64::<51>(x[k]);
        x[k] = _mm512_and_si512(x[k], word(MASK));
        if k + 1 < LIMBS {
            x[k + 1] = _mm512_add_epi64(x[k + 1], high);
        }
    }
    x
}

/// The lanes where x = y.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn equal(x: Element, y: Element) -> u8 {
    let [a, b, c, d, e] = canonical(sub(x, y));
    let any = _mm512_or_si512(_mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d)), e);
    _mm512_testn_epi64_mask(any, any)
}

/// The lanes where x is odd, which is what its encoding calls negative.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn odd(x: Element) -> u8 {
    _mm512_test_epi64_mask(canonical(x)[0], word(1))
}
