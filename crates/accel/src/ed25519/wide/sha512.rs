//! SHA-512 (FIPS 180-4, §6.4.2) of eight messages abreast.

use std::arch::x86_64::*;

use super::field::{LANES, load_limb, store_limb};
use crate::{
    shaders::sha512::{INITIAL, ROUND},
    unrolled::{places, unrolled},
};

/// The bytes of a block.
const BLOCK: usize = 128;
/// The bytes before a statement: R and the key.
pub const HEAD: usize = 64;

/// A word of each of eight messages.
type Word = __m512i;

/// What is hashed in a lane: 64 bytes and a statement.
pub type Message<'a> = ([u8; HEAD], &'a [u8]);

/// The blocks that a message makes up: one byte of mark and sixteen of length come behind it.
pub const fn blocks(statement: usize) -> usize {
    (HEAD + statement + 17).div_ceil(BLOCK)
}

/// The hashes of eight messages, each of which makes up `blocks` blocks.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn hash(messages: &[Message; LANES], blocks: usize) -> [[u8; 64]; LANES] {
    let mut state = [_mm512_setzero_si512(); 8];
    for i in 0..8 {
        state[i] = splat(INITIAL[i]);
    }
    for block in 0..blocks {
        let mut words = [[0; LANES]; 16];
        for l in 0..LANES {
            let bytes = padded(&messages[l], block, block + 1 == blocks);
            for (word, eight) in words.iter_mut().zip(bytes.as_chunks().0) {
                word[l] = u64::from_be_bytes(*eight);
            }
        }
        compress(&mut state, &words);
    }
    let mut digests = [[0; 64]; LANES];
    for i in 0..8 {
        let mut words = [0; LANES];
        store_limb(state[i], &mut words);
        for l in 0..LANES {
            digests[l].as_chunks_mut().0[i] = words[l].to_be_bytes();
        }
    }
    digests
}

/// A block of a message and its padding.
fn padded((head, statement): &Message, block: usize, last: bool) -> [u8; BLOCK] {
    let mut bytes = [0; BLOCK];
    let skipped = if block == 0 { HEAD } else { 0 };
    bytes[..skipped].copy_from_slice(&head[..skipped]);
    // Where the block begins in the statement, its head counted.
    let start = block * BLOCK + skipped - HEAD;
    if let Some(rest) = statement.get(start..) {
        let taken = rest.len().min(BLOCK - skipped);
        bytes[skipped..skipped + taken].copy_from_slice(&rest[..taken]);
        if skipped + taken < BLOCK {
            bytes[skipped + taken] = 0x80;
        }
    }
    if last {
        let bits = 8 * (HEAD + statement.len()) as u64;
        bytes[BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
    }
    bytes
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn splat(word: u64) -> Word {
    _mm512_set1_epi64(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn add(x: Word, y: Word) -> Word {
    _mm512_add_epi64(x, y)
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn xor(x: Word, y: Word, z: Word) -> Word {
    _mm512_ternarylogic_epi64::<0b1001_0110>(x, y, z)
}

/// Compresses a block in each lane.
#[target_feature(enable = "avx512f,avx512ifma")]
fn compress(state: &mut [Word; 8], block: &[[u64; LANES]; 16]) {
    let before = *state;
    let mut words = [before[0]; 16];
    for i in 0..16 {
        words[i] = load_limb(&block[i]);
    }
    for (turn, constants) in ROUND.as_chunks::<16>().0.iter().enumerate() {
        unrolled!(I => {
            if turn > 0 {
                extend::<I>(&mut words);
            }
            round::<I>(state, add(words[I], splat(constants[I])));
        });
    }
    for i in 0..8 {
        state[i] = add(state[i], before[i]);
    }
}

/// Puts the schedule's next word in the place of its oldest, which is at `I`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn extend<const I: usize>(words: &mut [Word; 16]) {
    let (x, y) = (words[(I + 1) % 16], words[(I + 14) % 16]);
    let x = xor(_mm512_ror_epi64::<1>(x), _mm512_ror_epi64::<8>(x), _mm512_srli_epi64::<7>(x));
    let y = xor(_mm512_ror_epi64::<19>(y), _mm512_ror_epi64::<61>(y), _mm512_srli_epi64::<6>(y));
    words[I] = add(add(words[I], words[(I + 9) % 16]), add(x, y));
}

/// Round `I` (mod 8) with its word and its constant added up.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn round<const I: usize>(state: &mut [Word; 8], word: Word) {
    let at = const { places(I) };
    let [a, b, c, d] = [state[at[0]], state[at[1]], state[at[2]], state[at[3]]];
    let [e, f, g, h] = [state[at[4]], state[at[5]], state[at[6]], state[at[7]]];
    let sum1 = xor(_mm512_ror_epi64::<14>(e), _mm512_ror_epi64::<18>(e), _mm512_ror_epi64::<41>(e));
    let sum0 = xor(_mm512_ror_epi64::<28>(a), _mm512_ror_epi64::<34>(a), _mm512_ror_epi64::<39>(a));
    let choose = _mm512_ternarylogic_epi64::<0b1100_1010>(e, f, g);
    let majority = _mm512_ternarylogic_epi64::<0b1110_1000>(a, b, c);
    let new = add(add(add(h, word), choose), sum1);
    state[at[3]] = add(d, new);
    state[at[7]] = add(add(new, majority), sum0);
}
