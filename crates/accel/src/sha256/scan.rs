//! What a nonce search knows before the nonce.

use byzlab_core::Puzzle;
use sha2::block_api::compress256;

use super::constants::{INITIAL, ROUND, padding, round, sigma0, sigma1};

/// A header's length in bits, which is the last word of its second block.
pub const HEADER_BITS: u32 = 640;

/// A nonce search, prepared once a puzzle.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The state after the header's first block.
    pub(crate) midstate: [u32; 8],
    /// Words 0 to 2 of its second block; the nonce is word 3.
    pub(crate) tail: [u32; 3],
    /// The target's most significant word.
    pub(crate) top: u32,
}

/// What is the same under every nonce of a search.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The state after the three rounds of the second block that come before the nonce's.
    pub started: [u32; 8],
    /// Words 16 to 19 of the second block's schedule, the last two without the nonce's terms.
    pub words: [u32; 4],
}

impl Scan {
    /// The search for `puzzle`'s nonce.
    pub fn new(puzzle: &Puzzle) -> Self {
        let word = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("four bytes"));
        let (block, tail) = puzzle.prefix.split_first_chunk::<64>().expect("76 bytes");
        let mut midstate = INITIAL;
        compress256(&mut midstate, &[*block]);
        Self {
            midstate,
            tail: [word(&tail[..4]), word(&tail[4..8]), word(&tail[8..])],
            top: word(&puzzle.target.0[..4]),
        }
    }
    /// What comes before the nonce, worked out.
    pub(crate) fn known(&self) -> Known {
        let [w0, w1, w2] = self.tail;
        let mut started = self.midstate;
        for (word, constant) in self.tail.into_iter().zip(ROUND) {
            started = round(started, word.wrapping_add(constant));
        }
        let w16 = sigma0(w1).wrapping_add(w0);
        let w17 = sigma1(HEADER_BITS).wrapping_add(sigma0(w2)).wrapping_add(w1);
        let w18 = sigma1(w16).wrapping_add(w2);
        let w19 = sigma1(w17).wrapping_add(sigma0(0x8000_0000));
        Known { started, words: [w16, w17, w18, w19] }
    }
    /// The last word of the header's double hash.
    pub(super) fn last_word(&self, nonce: u32) -> u32 {
        let mut block = padding(4, HEADER_BITS);
        block[..3].copy_from_slice(&self.tail);
        block[3] = nonce.swap_bytes();
        let mut state = self.midstate;
        compress256(&mut state, &[bytes(block)]);
        let mut block = padding(8, 256);
        block[..8].copy_from_slice(&state);
        let mut state = INITIAL;
        compress256(&mut state, &[bytes(block)]);
        state[7]
    }
}

/// A block's bytes.
fn bytes(block: [u32; 16]) -> [u8; 64] {
    let mut bytes = [0; 64];
    for (four, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(block) {
        *four = word.to_be_bytes();
    }
    bytes
}
