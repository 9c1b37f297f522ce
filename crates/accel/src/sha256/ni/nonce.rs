//! The nonce search: which 80-byte headers may have a double SHA-256 below the target.
//!
//! A header's first block never changes in a search: its state is the *midstate*. Of the second block
//! only word 3 is the nonce; so rounds 0 and 1, words 16 and 17 of the schedule and most of the terms of
//! words 18 to 31 are the puzzle's, and are worked out once. Of the outer hash only its last word is
//! needed to reject a nonce, and that word is fixed three rounds before the end.

#![allow(clippy::needless_range_loop)] // As in the folder's root.

use super::{
    super::constants::{sigma0, sigma1},
    *,
};

/// Nonces tried abreast: a nonce needs more registers than a message.
pub const LANES: usize = 3;

/// Words 4 to 15 of a header's second block; the rows for words 0 to 3 and from 16 on are not used.
static IN_HEADER: Rows = rows(folded(padding(4, HEADER_BITS)));
/// Words 8 to 15 of the block that holds a digest; the other rows are not used.
static IN_DIGEST: Rows = rows(folded(padding(8, 256)));

/// What a search knows before the nonce, as the instructions take it.
struct Known {
    /// The header's midstate.
    midstate: State,
    /// The midstate with rounds 0 and 1 of the second block behind it.
    started: State,
    /// Words 0 to 2 of the second block, and a zero in the nonce's place.
    first: __m128i,
    /// The terms of words 16 to 19, 20 to 23 and 28 to 31 that do not hang on the nonce.
    terms: [__m128i; 3],
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn known(scan: &Scan) -> Known {
    const LENGTH: u32 = HEADER_BITS;
    let [w0, w1, w2] = scan.tail;
    let [w16, w17, ..] = scan.known().words;
    let midstate = state(&scan.midstate);
    let first = words(&[w0, w1, w2, 0]);
    let wk = _mm_add_epi32(first, words(&CONSTANTS[0]));
    let cdgh = _mm_sha256rnds2_epu32(midstate.cdgh, midstate.abef, wk);
    Known {
        midstate,
        started: State { abef: midstate.abef, cdgh },
        first,
        terms: [
            words(&[0, sigma1(LENGTH), sigma1(w16), sigma1(w17)]),
            words(&[0x8000_0000, 0, LENGTH, w16]),
            words(&[0, 0, sigma0(LENGTH), sigma0(w16).wrapping_add(LENGTH)]),
        ],
    }
}

/// The inner hash of `N` headers.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn inner<const N: usize>(known: &Known, first: [__m128i; N]) -> [State; N] {
    let constants = words(&CONSTANTS[0]);
    let mut states = [known.started; N];
    let mut wk = [constants; N];
    for l in 0..N {
        wk[l] = _mm_add_epi32(first[l], constants);
    }
    last_two_rounds(&mut states, &wk);
    known_rounds(&mut states, &IN_HEADER[1]);
    known_rounds(&mut states, &IN_HEADER[2]);
    known_rounds(&mut states, &IN_HEADER[3]);

    // Words 16 to 31, the known terms in place of what they are made of.
    let mark = _mm_set_epi32(0, 0, 0, i32::MIN);
    let mut schedule = [[mark; 4]; N];
    for l in 0..N {
        schedule[l][0] = _mm_add_epi32(_mm_sha256msg1_epu32(first[l], mark), known.terms[0]);
    }
    rounds(&mut states, &with_constants::<N, 0>(&schedule, 4));
    for l in 0..N {
        schedule[l][1] = _mm_sha256msg2_epu32(known.terms[1], schedule[l][0]);
    }
    rounds(&mut states, &with_constants::<N, 1>(&schedule, 5));
    for l in 0..N {
        let [a, b, ..] = schedule[l];
        schedule[l][2] = _mm_sha256msg2_epu32(_mm_alignr_epi8(b, a, 4), b);
    }
    rounds(&mut states, &with_constants::<N, 2>(&schedule, 6));
    for l in 0..N {
        let [_, b, c, _] = schedule[l];
        let sum = _mm_add_epi32(_mm_alignr_epi8(c, b, 4), known.terms[2]);
        schedule[l][3] = _mm_sha256msg2_epu32(sum, c);
    }
    rounds(&mut states, &with_constants::<N, 3>(&schedule, 7));
    extended_rounds(&mut states, &mut schedule, 8);
    extended_rounds(&mut states, &mut schedule, 12);
    add(&mut states, &[known.midstate; N]);
    states
}

/// The last word of the outer hash of `N` inner ones.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn outer<const N: usize>(inner: [State; N]) -> [u32; N] {
    let initial = state(&INITIAL);
    let mark = _mm_set_epi32(0, 0, 0, i32::MIN);
    let length = _mm_set_epi32(256, 0, 0, 0);
    let mut schedule = [[mark, mark, mark, length]; N];
    for l in 0..N {
        (schedule[l][0], schedule[l][1]) = in_order(inner[l]);
        schedule[l][2] = mark;
    }
    let mut states = [initial; N];
    rounds(&mut states, &with_constants::<N, 0>(&schedule, 0));
    rounds(&mut states, &with_constants::<N, 1>(&schedule, 1));
    known_rounds(&mut states, &IN_DIGEST[2]);
    known_rounds(&mut states, &IN_DIGEST[3]);
    extended_rounds(&mut states, &mut schedule, 4);
    extended_rounds(&mut states, &mut schedule, 8);
    extend::<N, 0>(&mut schedule);
    rounds(&mut states, &with_constants::<N, 0>(&schedule, 12));
    extend::<N, 1>(&mut schedule);
    rounds(&mut states, &with_constants::<N, 1>(&schedule, 13));
    extend::<N, 2>(&mut schedule);
    rounds(&mut states, &with_constants::<N, 2>(&schedule, 14));
    extend::<N, 3>(&mut schedule);
    let wk = with_constants::<N, 3>(&schedule, 15);
    let mut last = [0; N];
    for l in 0..N {
        // What is f after round 61 was e after round 60 and would be h after round 63.
        let abef = _mm_sha256rnds2_epu32(states[l].cdgh, states[l].abef, wk[l]);
        last[l] = _mm_cvtsi128_si32(abef).cast_unsigned().wrapping_add(INITIAL[7]);
    }
    last
}

/// The first of the nonces `start + from` to `start + to` (excluded, and a multiple of `N` away) that
/// passes the scan's filter, counted from `start`.
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub fn search<const N: usize>(scan: &Scan, start: u32, from: u64, to: u64) -> Option<u64> {
    let known = known(scan);
    let mut at = from;
    while at < to {
        let mut first = [known.first; N];
        for l in 0..N {
            // The header holds the nonce little-endian; SHA-256 reads big-endian.
            let nonce = start.wrapping_add(at as u32).wrapping_add(l as u32).swap_bytes();
            first[l] = _mm_insert_epi32(known.first, nonce.cast_signed(), 3);
        }
        let last = outer(inner(&known, first));
        for l in 0..N {
            if last[l].swap_bytes() <= scan.top {
                return Some(at + l as u64);
            }
        }
        at += N as u64;
    }
    None
}
