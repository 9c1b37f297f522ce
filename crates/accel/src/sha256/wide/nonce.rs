//! The nonce search: which 80-byte headers may have a double SHA-256 below the target.
//!
//! A header's first block never changes in a search: its state is the *midstate*. Of the second block
//! only word 3 is the nonce; so three rounds are the puzzle's, of the fourth only a sum is left, and
//! words 16 to 31 of the schedule have few terms that are not known. Of the outer hash only its last
//! word is needed to reject a nonce. That word is e of round 60: what the rounds from 57 on do to a, and
//! the schedule from word 61 on, is not computed.

use std::arch::x86_64::*;

use super::{
    LANES,
    rounds::*,
    words::{load, swap},
};
use crate::{
    sha256::{
        constants::{self, INITIAL, ROUND, padding},
        scan::{HEADER_BITS, Scan},
    },
    unrolled::unrolled,
};

/// What a search knows before the nonce.
struct Known {
    midstate: [u32; 8],
    /// The state after round 3 if the nonce were 0.
    state: [u32; 8],
    /// Words 0 to 2 of the header's second block.
    tail: [u32; 3],
}

/// The first of the `count` nonces from `start` on that passes the scan's filter, counted from `start`.
#[target_feature(enable = "avx512f,avx512bw")]
pub fn search(scan: &Scan, start: u32, count: u64) -> Option<u64> {
    let known = Known {
        midstate: scan.midstate,
        state: constants::round(scan.known().started, ROUND[3]),
        tail: scan.tail,
    };
    let lanes = load(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    let top = splat(scan.top);
    let mut at = 0;
    while at < count {
        let nonces = add(splat(start.wrapping_add(at as u32)), lanes);
        // The header holds the nonce little-endian; SHA-256 reads big-endian.
        let last = outer(inner(&known, swap(nonces)));
        let passed = _mm512_cmple_epu32_mask(swap(last), top);
        if passed != 0 {
            // Lanes past the end come last.
            let first = at + u64::from(passed.trailing_zeros());
            return (first < count).then_some(first);
        }
        at += LANES as u64;
    }
    None
}

/// A block of padding alone, in all lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn padded(used: usize, message_bits: u32) -> Schedule {
    let block = padding(used, message_bits);
    let mut words = [splat(0); 16];
    for i in 0..16 {
        words[i] = splat(block[i]);
    }
    words
}

/// The inner hash of a header with each nonce.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn inner(known: &Known, nonces: Word) -> State {
    let mut words = padded(4, HEADER_BITS);
    words[0] = splat(known.tail[0]);
    words[1] = splat(known.tail[1]);
    words[2] = splat(known.tail[2]);
    words[3] = nonces;
    let mut state = splats(&known.state);
    // After round 3, a is at 4 and e at 0.
    state.rotate_left(4);
    state[4] = add(state[4], nonces);
    state[0] = add(state[0], nonces);
    unrolled!(I in [4 5 6 7 8 9 10 11 12 13 14 15] => {
        round::<I>(&mut state, add(words[I], splat(ROUND[I])));
    });
    extended_rounds!(16, &mut state, &mut words);
    extended_rounds!(32, &mut state, &mut words);
    extended_rounds!(48, &mut state, &mut words);
    add_all(&mut state, &splats(&known.midstate));
    state
}

/// The last word of the outer hash of each inner one.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn outer(inner: State) -> Word {
    let mut words = padded(8, 256);
    words[..8].copy_from_slice(&inner);
    let mut state = initial();
    unrolled!(I => round::<I>(&mut state, add(words[I], splat(ROUND[I]))));
    extended_rounds!(16, &mut state, &mut words);
    extended_rounds!(32, &mut state, &mut words);
    extended_rounds!(48, &mut state, &mut words);
    add(state[7], splat(INITIAL[7]))
}
