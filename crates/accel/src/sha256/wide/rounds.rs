//! The rounds of SHA-256 (FIPS 180-4, §6.2.2) on sixteen blocks, a word of each to a vector.
//!
//! Whatever is the same in all lanes and known to the compiler, such as padding, costs nothing: what
//! follows from it is folded, here as in a calculation with plain numbers.

use std::arch::x86_64::*;

use crate::{
    sha256::constants::{INITIAL, ROUND},
    unrolled::{places, unrolled},
};

/// A word of each of sixteen messages.
pub type Word = __m512i;
/// The state's words, a to h.
pub type State = [Word; 8];
/// The last sixteen words of the schedule: word t is at t mod 16.
pub type Schedule = [Word; 16];

/// Sixteen rounds from `$first` on, the schedule extended before each. No function: one of this size is
/// not inlined, and what is known of the words would not be known inside.
macro_rules! extended_rounds {
    ($first:literal, $state:expr, $words:expr) => {
        unrolled!(I => {
            extend::<I>($words);
            round::<I>($state, add($words[I], splat(ROUND[$first + I])));
        })
    };
}
pub(super) use extended_rounds;

/// The same word in all lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn splat(word: u32) -> Word {
    _mm512_set1_epi32(word.cast_signed())
}

/// The same state in all lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn splats(words: &[u32; 8]) -> State {
    let [a, b, c, d, e, f, g, h] = *words;
    [splat(a), splat(b), splat(c), splat(d), splat(e), splat(f), splat(g), splat(h)]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn add(x: Word, y: Word) -> Word {
    _mm512_add_epi32(x, y)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor(x: Word, y: Word, z: Word) -> Word {
    _mm512_ternarylogic_epi32::<0b1001_0110>(x, y, z)
}

/// The bits of `y` where `x` has ones, those of `z` elsewhere: Ch.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn choose(x: Word, y: Word, z: Word) -> Word {
    _mm512_ternarylogic_epi32::<0b1100_1010>(x, y, z)
}

/// The bits that two or three of them have: Maj.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn majority(x: Word, y: Word, z: Word) -> Word {
    _mm512_ternarylogic_epi32::<0b1110_1000>(x, y, z)
}

/// Σ₀, Σ₁: three rotations.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn rotations<const A: i32, const B: i32, const C: i32>(x: Word) -> Word {
    xor(_mm512_ror_epi32::<A>(x), _mm512_ror_epi32::<B>(x), _mm512_ror_epi32::<C>(x))
}

/// σ₀, σ₁: two rotations and a shift.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn shifted<const A: i32, const B: i32, const C: u32>(x: Word) -> Word {
    xor(_mm512_ror_epi32::<A>(x), _mm512_ror_epi32::<B>(x), _mm512_srli_epi32::<C>(x))
}

/// Round `I` (mod 8) with its word and its constant added up.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn round<const I: usize>(state: &mut State, word: Word) {
    let at = const { places(I) };
    let [a, b, c, d] = [state[at[0]], state[at[1]], state[at[2]], state[at[3]]];
    let [e, f, g, h] = [state[at[4]], state[at[5]], state[at[6]], state[at[7]]];
    let new = add(add(add(h, word), choose(e, f, g)), rotations::<6, 11, 25>(e));
    state[at[3]] = add(d, new);
    state[at[7]] = add(add(new, majority(a, b, c)), rotations::<2, 13, 22>(a));
}

/// Puts the schedule's next word in the place of its oldest, which is at `I`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn extend<const I: usize>(words: &mut Schedule) {
    let sum = add(words[I], words[(I + 9) % 16]);
    let sum = add(sum, shifted::<7, 18, 3>(words[(I + 1) % 16]));
    words[I] = add(sum, shifted::<17, 19, 10>(words[(I + 14) % 16]));
}

/// Sixty-four rounds over a block that is the same in every lane and known: `words` is its schedule
/// with the constants [added](super::super::constants::folded).
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn known_block(state: &mut State, words: &[u32; 64]) {
    let before = *state;
    for words in words.as_chunks::<16>().0 {
        unrolled!(I => round::<I>(state, splat(words[I])));
    }
    add_all(state, &before);
}

/// Compresses a block in each lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn compress(state: &mut State, mut words: Schedule) {
    let before = *state;
    unrolled!(I => round::<I>(state, add(words[I], splat(ROUND[I]))));
    extended_rounds!(16, state, &mut words);
    extended_rounds!(32, state, &mut words);
    extended_rounds!(48, state, &mut words);
    add_all(state, &before);
}

/// Adds the state from before a block to the one after it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn add_all(state: &mut State, before: &State) {
    for i in 0..8 {
        state[i] = add(state[i], before[i]);
    }
}

/// The state before any block.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn initial() -> State {
    splats(&INITIAL)
}
