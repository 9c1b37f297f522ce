//! Seeded and named random streams, and a 64-bit mix for trace digests. The same on every machine.
//!
//! Each purpose draws from a stream of its own, split from the seed by name: one more draw in one place
//! does not shift any other.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::{crypto::sha256_of, time::Span};

/// A stream of random numbers: ChaCha8, keyed by `SHA-256("byzlab/rng/1" ‖ seed ‖ name)`.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream called `name` of the run seeded by `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        let key = sha256_of(&[b"byzlab/rng/1", &seed.to_le_bytes(), name.as_bytes()]);
        Self(ChaCha8Rng::from_seed(key.0))
    }
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }
    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
    /// A number below `bound`, each equally likely (Lemire 2019). Zero when `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        let mut wide = u128::from(self.bits()) * u128::from(bound);
        if (wide as u64) < bound {
            let reject = bound.wrapping_neg() % bound;
            while (wide as u64) < reject {
                wide = u128::from(self.bits()) * u128::from(bound);
            }
        }
        (wide >> 64) as u64
    }
    /// A span from `low` to `high`, both possible.
    pub fn span(&mut self, low: Span, high: Span) -> Span {
        Span(low.0 + self.below((high.0 - low.0).saturating_add(1)))
    }
    /// True `share` times in a million.
    pub fn chance(&mut self, share_ppm: u32) -> bool {
        share_ppm > 0 && self.below(1_000_000) < u64::from(share_ppm)
    }
    /// An exponentially distributed span with the given mean, by integer arithmetic alone.
    pub fn exponential(&mut self, mean: Span) -> Span {
        // −ln(u) for u uniform in (0, 1], as a fixed-point number with 32 binary places.
        let nats = neg_ln(self.bits());
        Span(((u128::from(mean.0) * u128::from(nats)) >> 32).min(u128::from(u64::MAX)) as u64)
    }
    /// Puts `items` into a random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

/// ln 2 with 32 binary places.
const LN_2: u64 = 0xB172_17F8;

/// −ln((bits + 1) / 2^64) with 32 binary places, in integers: right to about 2⁻³⁰.
fn neg_ln(bits: u64) -> u64 {
    let Some(x) = bits.checked_add(1) else { return 0 };
    // x = m · 2^e with m in [1, 2): log2(x) by repeated squaring, one binary place a step.
    let e = 63 - u64::from(x.leading_zeros());
    let mut m = x << (63 - e); // m · 2^63
    let mut fraction = 0u64;
    for place in (0..32).rev() {
        let square = (u128::from(m) * u128::from(m)) >> 63;
        if square >> 64 != 0 {
            fraction |= 1 << place;
            m = (square >> 1) as u64;
        } else {
            m = square as u64;
        }
    }
    let log2 = (e << 32) | fraction;
    let gap = (64u64 << 32) - log2;
    ((u128::from(gap) * u128::from(LN_2)) >> 32) as u64
}

/// Folds a word into a running 64-bit digest. Fast, the same everywhere, not cryptographic.
pub const fn fold(digest: u64, word: u64) -> u64 {
    let mixed = (digest ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9).rotate_left(23)
}

/// Folds bytes into a running digest, eight at a time, and their number.
pub fn fold_bytes(mut digest: u64, bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        digest = fold(digest, u64::from_le_bytes(word.try_into().expect("eight bytes")));
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    fold(fold(digest, u64::from_le_bytes(last)), bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_right() {
        for bits in [0, 1, 2, 12345, u64::MAX / 3, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
            let want = -((bits as f64 + 1.0) / 2f64.powi(64)).ln();
            let got = neg_ln(bits) as f64 / 2f64.powi(32);
            assert!((want - got).abs() < 1e-8, "{bits}: {want} against {got}");
        }
    }

    #[test]
    fn streams_are_golden_and_independent() {
        let mut a = Stream::new(1, "a");
        assert_eq!(a.bits(), Stream::new(1, "a").bits());
        assert_ne!(Stream::new(1, "a").bits(), Stream::new(1, "b").bits());
        let mean = Span::ms(600);
        let total: u64 = (0..20_000).map(|_| a.exponential(mean).0 / 20_000).sum();
        assert!(total.abs_diff(mean.0) < mean.0 / 40, "mean {total}");
    }
}
