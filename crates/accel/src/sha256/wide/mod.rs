//! SHA-256 of sixteen things abreast by AVX-512, one to a lane of 32 bits.
//!
//! The SHA instructions do two rounds of one message at once, but a processor may start few of them: on
//! Intel's they share one port with the message schedule's, and a block costs about 95 cycles however
//! many messages go abreast. Plain vector instructions have two ports of 512 bits. A rotation is one
//! instruction, any function of three words (`vpternlogd`) is another, so a round costs 17 of them and
//! a new word of the schedule 11: 1,616 a block, or 51 cycles a message.
//!
//! Where that loses is measured, not guessed: see [`Sha256::detect`](super::Sha256::detect).
//!
//! | room | what |
//! |---|---|
//! | `rounds` | the rounds and the schedule, of sixteen blocks |
//! | `words` | bytes in memory to a word of each message in a vector, and back |
//! | `messages` | messages of any lengths, and Merkle nodes |
//! | `nonce` | the nonce search |
//!
//! # Safety
//! As in [`ni`](super::ni): the kernels are safe functions with `#[target_feature]`, and [`Avx512`] is
//! the proof that the processor has the features. Its methods are the only calls from outside; besides
//! them only the loads and stores in `words` use pointers.

// Lanes are indexed: what is done to all of them is one short loop that the compiler unrolls.
#![allow(clippy::needless_range_loop)]

mod messages;
mod nonce;
mod rounds;
mod words;

use byzlab_core::Digest;

pub use self::messages::Placed;
use super::Scan;

/// Messages, nodes or nonces abreast.
pub const LANES: usize = 16;

/// Proof that this processor has the instructions used here.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// The proof, if it is true.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw"))
            .then_some(Self(()))
    }
    /// `out[i]` becomes SHA-256 of `prefix ‖ messages[i]`, except for those `i` that `left` is told of,
    /// and given `out` for: where fewer than [`LANES`] of a length in blocks are near each other.
    ///
    /// # Panics
    /// When there are not as many places in `out` as messages, or the prefix is longer than a block.
    pub fn hash_many(
        self,
        prefix: &'static [u8],
        messages: &[&[u8]],
        out: &mut [Digest],
        left: impl FnMut(&[Placed], &mut [Digest]),
    ) {
        assert_eq!(messages.len(), out.len());
        // SAFETY: `self` proves that the processor has the features which `hash_many` enables.
        unsafe { messages::hash_many(prefix, messages, out, left) }
    }
    /// `level[i]` becomes SHA-256 of `level[2i] ‖ level[2i + 1]`, for each `i` of `from..pairs` that is
    /// below what is returned: fewer than [`LANES`] are left.
    pub fn nodes(self, level: &mut [Digest], from: usize, pairs: usize) -> usize {
        // SAFETY: `self` proves that the processor has the features which `nodes` enables.
        unsafe { messages::nodes(level, from, pairs) }
    }
    /// How far above `start` the first of `count` nonces stands whose hash has a top word that is not
    /// above the scan's.
    pub fn scan(self, scan: &Scan, start: u32, count: u64) -> Option<u64> {
        // SAFETY: `self` proves that the processor has the features which `search` enables.
        unsafe { nonce::search(scan, start, count) }
    }
}
