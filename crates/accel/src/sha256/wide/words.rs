//! Bytes in memory to a word of each message in a vector, and back.

use std::arch::x86_64::*;

use byzlab_core::Digest;

use super::{
    LANES,
    rounds::{Schedule, State, Word},
};
use crate::sha256::feed::BLOCK;

/// Turns the bytes of each word around.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn swap(x: __m512i) -> __m512i {
    let order = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(order))
}

/// The lowest `bits` ones; all of them for 64 and more.
#[inline]
fn low(bits: usize) -> u64 {
    if bits < 64 { (1 << bits) - 1 } else { u64::MAX }
}

/// The bytes of block `block` of `prefix ‖ message ‖ 0x80`, zeros behind it. All of the prefix, at most
/// a block, lies in the lowest bytes of `prefix.0`; `prefix.1` is its length.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn row(prefix: (__m512i, usize), message: &[u8], block: usize) -> __m512i {
    let start = block * BLOCK;
    let end = prefix.1 + message.len();
    let mask = low(end.saturating_sub(start)) & !low(prefix.1.saturating_sub(start));
    let from = message.as_ptr().wrapping_add(start).wrapping_sub(prefix.1);
    // SAFETY: bit i of the mask is set only where prefix.1 ≤ start + i < end, and there `from + i` is
    // byte start + i − prefix.1 of the message. Bytes whose bit is clear are not touched.
    let row = unsafe { _mm512_maskz_loadu_epi8(mask, from.cast()) };
    let row = if block == 0 { _mm512_or_si512(row, prefix.0) } else { row };
    let mark = if (start..start + BLOCK).contains(&end) { 1 << (end - start) } else { 0 };
    _mm512_mask_mov_epi8(row, mark, _mm512_set1_epi8(i8::MIN))
}

/// Up to a block of bytes, zeros behind them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn bytes(bytes: &[u8]) -> __m512i {
    // SAFETY: the mask lets through as many bytes as there are, and the others are not touched.
    unsafe { _mm512_maskz_loadu_epi8(low(bytes.len()), bytes.as_ptr().cast()) }
}

/// The bytes of a Merkle node's two children.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn pair(left: &Digest, right: &Digest) -> __m512i {
    // SAFETY: each is 32 readable bytes, and the loads ask for no alignment.
    let (left, right) = unsafe {
        (_mm256_loadu_si256(left.0.as_ptr().cast()), _mm256_loadu_si256(right.0.as_ptr().cast()))
    };
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(left), right)
}

/// A number for each lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn load(words: &[u32; LANES]) -> Word {
    // SAFETY: `words` is 64 readable bytes, and the load asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// Four rows of four words in each quarter of 128 bits, turned into columns: word j of row i becomes word
/// i of row j.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn turn([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
    let (ab_high, cd_high) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab, cd),
        _mm512_unpackhi_epi64(ab, cd),
        _mm512_unpacklo_epi64(ab_high, cd_high),
        _mm512_unpackhi_epi64(ab_high, cd_high),
    ]
}

/// Four rows of four quarters, turned into columns.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn turn_quarters([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    const LOW: i32 = 0b01_00_01_00;
    const HIGH: i32 = 0b11_10_11_10;
    const EVEN: i32 = 0b10_00_10_00;
    const ODD: i32 = 0b11_01_11_01;
    let (ab, cd) = (_mm512_shuffle_i32x4::<LOW>(a, b), _mm512_shuffle_i32x4::<LOW>(c, d));
    let (ab_high, cd_high) =
        (_mm512_shuffle_i32x4::<HIGH>(a, b), _mm512_shuffle_i32x4::<HIGH>(c, d));
    [
        _mm512_shuffle_i32x4::<EVEN>(ab, cd),
        _mm512_shuffle_i32x4::<ODD>(ab, cd),
        _mm512_shuffle_i32x4::<EVEN>(ab_high, cd_high),
        _mm512_shuffle_i32x4::<ODD>(ab_high, cd_high),
    ]
}

/// The words of sixteen blocks, whose bytes are `rows`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn words(rows: [__m512i; LANES]) -> Schedule {
    let mut words = rows;
    for i in 0..4 {
        let four = turn([rows[4 * i], rows[4 * i + 1], rows[4 * i + 2], rows[4 * i + 3]]);
        // Quarter q of `four[j]` holds word 4q + j of messages 4i to 4i + 3.
        for j in 0..4 {
            words[4 * j + i] = swap(four[j]);
        }
    }
    let by_message = words;
    for j in 0..4 {
        let first = 4 * j;
        let four = turn_quarters([
            by_message[first],
            by_message[first + 1],
            by_message[first + 2],
            by_message[first + 3],
        ]);
        for q in 0..4 {
            words[4 * q + j] = four[q];
        }
    }
    words
}

/// The digests that a final state is.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub fn digests([a, b, c, d, e, f, g, h]: State) -> [Digest; LANES] {
    let (low, high) = (turn([a, b, c, d]), turn([e, f, g, h]));
    let mut out = [Digest::default(); LANES];
    for j in 0..4 {
        // Quarter q of each holds half a digest of message 4q + j.
        let (low, high) = (swap(low[j]), swap(high[j]));
        let first =
            _mm512_permutex2var_epi64(low, _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0), high);
        let last =
            _mm512_permutex2var_epi64(low, _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4), high);
        store(_mm512_castsi512_si256(first), &mut out[j]);
        store(_mm512_extracti64x4_epi64::<1>(first), &mut out[4 + j]);
        store(_mm512_castsi512_si256(last), &mut out[8 + j]);
        store(_mm512_extracti64x4_epi64::<1>(last), &mut out[12 + j]);
    }
    out
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store(bytes: __m256i, out: &mut Digest) {
    // SAFETY: `out` is 32 writable bytes, and the store asks for no alignment.
    unsafe { _mm256_storeu_si256(out.0.as_mut_ptr().cast(), bytes) }
}
