//! SHA-256 by the x86 SHA instructions, several messages abreast.
//!
//! One message alone waits for itself: each pair of rounds needs the pair before it, four cycles ago,
//! while the unit could start another every cycle or two. So these kernels carry [`LANES`] independent
//! messages through the rounds together. More lanes than that spill the sixteen vector registers.
//!
//! What is known before the message is not computed again:
//! - Behind a Merkle node (64 bytes) stands a block of padding that is always the same: its whole
//!   schedule is a constant.
//! - In a nonce search most of the inner hash's beginning is the puzzle's: see [`nonce`].
//!
//! The kernels do without AVX. The SHA instructions have no AVX encoding, and the compiler, were it
//! allowed 256-bit registers for a copy between them, would leave their upper halves in use: on some
//! processors each SHA instruction then costs what a hundred should (measured on Sapphire Rapids).
//!
//! # Safety
//! The kernels are safe functions with `#[target_feature]`; to call one from elsewhere is unsafe, as
//! the processor must have the instructions. [`ShaNi`] is the proof that it has: only
//! [`ShaNi::detect`] makes one. Its methods are the only calls, and besides them only three helpers
//! (a load of words, a load of bytes, a store) use pointers, each derived from a reference to exactly
//! the bytes touched.

// Lanes are indexed: what is done to all of them is one short loop that the compiler unrolls.
#![allow(clippy::needless_range_loop)]

mod nonce;

use std::arch::x86_64::*;

use byzlab_core::Digest;

use super::{
    constants::{INITIAL, ROUND, Rows, folded, padding, rows},
    feed::{BLOCK, Feed},
    scan::{HEADER_BITS, Scan},
};

/// Messages hashed abreast.
pub const LANES: usize = 4;

static CONSTANTS: Rows = rows(ROUND);
/// The block behind a 64-byte message.
static AFTER_NODE: Rows = rows(folded(padding(0, 512)));

/// Proof that this processor has the instructions used here.
#[derive(Clone, Copy, Debug)]
pub struct ShaNi(());

impl ShaNi {
    /// The proof, if it is true.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1"))
        .then_some(Self(()))
    }
    /// `out[i]` becomes SHA-256 of `prefix ‖ messages[i]`.
    pub fn hash_many(self, prefix: &'static [u8], messages: &[&[u8]], out: &mut [Digest]) {
        assert_eq!(messages.len(), out.len());
        // SAFETY: `self` proves that the processor has the features which `hash_many` enables.
        unsafe { hash_many(prefix, messages, out) }
    }
    /// `level[i]` becomes SHA-256 of `level[2i] ‖ level[2i + 1]`, for each `i` of `from..pairs`.
    pub fn nodes(self, level: &mut [Digest], from: usize, pairs: usize) {
        // SAFETY: `self` proves that the processor has the features which `nodes` enables.
        unsafe {
            let done = nodes::<LANES>(level, from, pairs);
            nodes::<1>(level, done, pairs);
        }
    }
    /// How far above `start` the first of `count` nonces stands whose hash has a top word that is not
    /// above the scan's.
    pub fn scan(self, scan: &Scan, start: u32, count: u64) -> Option<u64> {
        let wide = count - count % nonce::LANES as u64;
        // SAFETY: `self` proves that the processor has the features which `search` enables.
        unsafe {
            nonce::search::<{ nonce::LANES }>(scan, start, 0, wide)
                .or_else(|| nonce::search::<1>(scan, start, wide, count))
        }
    }
}

/// The eight words of a state, in the order of the instructions, highest first.
#[derive(Clone, Copy)]
struct State {
    abef: __m128i,
    cdgh: __m128i,
}

/// Sixteen words of a message; later, the last sixteen of its schedule. The lowest lane comes first.
type Words = [__m128i; 4];

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn words(row: &[u32; 4]) -> __m128i {
    // SAFETY: `row` is 16 readable bytes, and the load asks for no alignment.
    unsafe { _mm_loadu_si128(row.as_ptr().cast()) }
}

/// Turns the bytes of each word around.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn swap(x: __m128i) -> __m128i {
    _mm_shuffle_epi8(x, _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203))
}

/// Four words from their big-endian bytes.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: `bytes` is 16 readable bytes, and the load asks for no alignment.
    swap(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn load_block(block: &[u8; BLOCK]) -> Words {
    let (quarters, _) = block.as_chunks::<16>();
    [load(&quarters[0]), load(&quarters[1]), load(&quarters[2]), load(&quarters[3])]
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn load_pair(left: &Digest, right: &Digest) -> Words {
    let ((left, _), (right, _)) = (left.0.as_chunks::<16>(), right.0.as_chunks::<16>());
    [load(&left[0]), load(&left[1]), load(&right[0]), load(&right[1])]
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn state(words: &[u32; 8]) -> State {
    let [a, b, c, d, e, f, g, h] = words.map(u32::cast_signed);
    State { abef: _mm_set_epi32(a, b, e, f), cdgh: _mm_set_epi32(c, d, g, h) }
}

/// The state's words in their own order: a to d, and e to h.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn in_order(state: State) -> (__m128i, __m128i) {
    let abef = _mm_shuffle_epi32(state.abef, 0b00_01_10_11);
    let cdgh = _mm_shuffle_epi32(state.cdgh, 0b00_01_10_11);
    (_mm_unpacklo_epi64(abef, cdgh), _mm_unpackhi_epi64(abef, cdgh))
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn store(state: State, out: &mut Digest) {
    let (low, high) = in_order(state);
    let (halves, _) = out.0.as_chunks_mut::<16>();
    // SAFETY: each half is 16 writable bytes, and the stores ask for no alignment.
    unsafe {
        _mm_storeu_si128(halves[0].as_mut_ptr().cast(), swap(low));
        _mm_storeu_si128(halves[1].as_mut_ptr().cast(), swap(high));
    }
}

/// Adds the state from before a block to the one after it.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn add<const N: usize>(states: &mut [State; N], before: &[State; N]) {
    for l in 0..N {
        states[l].abef = _mm_add_epi32(states[l].abef, before[l].abef);
        states[l].cdgh = _mm_add_epi32(states[l].cdgh, before[l].cdgh);
    }
}

/// Four rounds in each lane; `wk` holds words of the schedule with their round constants added.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn rounds<const N: usize>(states: &mut [State; N], wk: &[__m128i; N]) {
    for l in 0..N {
        states[l].cdgh = _mm_sha256rnds2_epu32(states[l].cdgh, states[l].abef, wk[l]);
    }
    last_two_rounds(states, wk);
}

/// The second half of [`rounds`].
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn last_two_rounds<const N: usize>(states: &mut [State; N], wk: &[__m128i; N]) {
    for l in 0..N {
        let wk = _mm_shuffle_epi32(wk[l], 0b11_10);
        states[l].abef = _mm_sha256rnds2_epu32(states[l].abef, states[l].cdgh, wk);
    }
}

/// Four rounds over a row that is the same in every lane.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn known_rounds<const N: usize>(states: &mut [State; N], row: &[u32; 4]) {
    rounds(states, &[words(row); N]);
}

/// `words[Q]` of each lane with the constants of `row` added.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn with_constants<const N: usize, const Q: usize>(
    schedule: &[Words; N],
    row: usize,
) -> [__m128i; N] {
    let constants = words(&CONSTANTS[row]);
    let mut wk = [constants; N];
    for l in 0..N {
        wk[l] = _mm_add_epi32(schedule[l][Q], constants);
    }
    wk
}

/// Replaces quarter `Q`, the oldest four words of the schedule, by the next four.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn extend<const N: usize, const Q: usize>(schedule: &mut [Words; N]) {
    for l in 0..N {
        let words = &mut schedule[l];
        let (c, d) = (words[(Q + 2) % 4], words[(Q + 3) % 4]);
        let sum = _mm_sha256msg1_epu32(words[Q], words[(Q + 1) % 4]);
        let sum = _mm_add_epi32(sum, _mm_alignr_epi8(d, c, 4));
        words[Q] = _mm_sha256msg2_epu32(sum, d);
    }
}

/// Rounds `4 · row` to `4 · row + 15`, the schedule extended before each four.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn extended_rounds<const N: usize>(states: &mut [State; N], schedule: &mut [Words; N], row: usize) {
    extend::<N, 0>(schedule);
    rounds(states, &with_constants::<N, 0>(schedule, row));
    extend::<N, 1>(schedule);
    rounds(states, &with_constants::<N, 1>(schedule, row + 1));
    extend::<N, 2>(schedule);
    rounds(states, &with_constants::<N, 2>(schedule, row + 2));
    extend::<N, 3>(schedule);
    rounds(states, &with_constants::<N, 3>(schedule, row + 3));
}

/// Compresses one block in each lane.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress<const N: usize>(states: &mut [State; N], mut schedule: [Words; N]) {
    let before = *states;
    rounds(states, &with_constants::<N, 0>(&schedule, 0));
    rounds(states, &with_constants::<N, 1>(&schedule, 1));
    rounds(states, &with_constants::<N, 2>(&schedule, 2));
    rounds(states, &with_constants::<N, 3>(&schedule, 3));
    extended_rounds(states, &mut schedule, 4);
    extended_rounds(states, &mut schedule, 8);
    extended_rounds(states, &mut schedule, 12);
    add(states, &before);
}

/// Hashes messages of any lengths: a lane that is done takes the next message at once.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn hash_many(prefix: &'static [u8], messages: &[&[u8]], out: &mut [Digest]) {
    let initial = state(&INITIAL);
    let mut waiting = messages.iter().enumerate();
    let mut next = || waiting.next().map(|(at, message)| (at, Feed::new(prefix, message)));
    let mut lanes: [Option<(usize, Feed)>; LANES] = [const { None }; LANES];
    lanes.fill_with(&mut next);
    let mut states = [initial; LANES];
    while let [Some(a), Some(b), Some(c), Some(d)] = &mut lanes {
        // Not by `map`: closures handed to functions without the features are not inlined.
        let schedule = [
            load_block(a.1.next()),
            load_block(b.1.next()),
            load_block(c.1.next()),
            load_block(d.1.next()),
        ];
        compress(&mut states, schedule);
        for l in 0..LANES {
            if let Some((at, feed)) = &lanes[l]
                && feed.is_done()
            {
                store(states[l], &mut out[*at]);
                states[l] = initial;
                lanes[l] = next();
            }
        }
    }
    // Too few are left to go abreast.
    for (lane, state) in lanes.into_iter().zip(states) {
        let Some((at, mut feed)) = lane else { continue };
        let mut state = [state];
        while !feed.is_done() {
            compress(&mut state, [load_block(feed.next())]);
        }
        store(state[0], &mut out[at]);
    }
}

/// Hashes pairs of `level` from `from` on, `N` at a time, in place; says how far it came.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn nodes<const N: usize>(level: &mut [Digest], from: usize, pairs: usize) -> usize {
    let initial = state(&INITIAL);
    let mut at = from;
    while at + N <= pairs {
        let mut schedule = [[_mm_setzero_si128(); 4]; N];
        for l in 0..N {
            let pair = 2 * (at + l);
            schedule[l] = load_pair(&level[pair], &level[pair + 1]);
        }
        let mut states = [initial; N];
        compress(&mut states, schedule);
        let before = states;
        for row in &AFTER_NODE {
            known_rounds(&mut states, row);
        }
        add(&mut states, &before);
        for l in 0..N {
            store(states[l], &mut level[at + l]);
        }
        at += N;
    }
    at
}
