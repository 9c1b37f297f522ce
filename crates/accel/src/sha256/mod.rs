//! SHA-256 of many things at once.
//!
//! Two ways lead to every answer: [`ni`] takes several messages abreast where the processor has the
//! SHA instructions, and the portable one goes one at a time through `sha2`, which knows the machines
//! that `ni` does not. Tests hold each against the other.

mod constants;
mod feed;
#[cfg(target_arch = "x86_64")]
mod ni;
#[cfg(test)]
mod tests;

use byzlab_core::{
    Digest, Puzzle,
    crypto::{sha256, sha256_of},
};
pub(crate) use constants::{INITIAL, ROUND, folded, padding, sigma0, sigma1};
use sha2::block_api::compress256;

/// How SHA-256 is computed here.
#[derive(Clone, Copy, Debug)]
pub enum Sha256 {
    /// By the x86 SHA instructions, several messages abreast.
    #[cfg(target_arch = "x86_64")]
    Ni(ni::ShaNi),
    /// One message at a time, by `sha2`.
    Portable,
}

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
    /// The last word of the header's double hash.
    fn last_word(&self, nonce: u32) -> u32 {
        let mut block = padding(4, 640);
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

impl Sha256 {
    /// The fastest way on this machine.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(found) = ni::ShaNi::detect() {
            return Self::Ni(found);
        }
        Self::Portable
    }
    /// A name for records.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Ni(_) => "sha-ni",
            Self::Portable => "portable sha",
        }
    }
    /// `out[i]` becomes SHA-256 of `prefix ‖ messages[i]`.
    ///
    /// # Panics
    /// When there are not as many places in `out` as messages.
    pub fn hash_many(self, prefix: &'static [u8], messages: &[&[u8]], out: &mut [Digest]) {
        assert_eq!(messages.len(), out.len());
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Ni(ni) => ni.hash_many(prefix, messages, out),
            Self::Portable if prefix.is_empty() => {
                out.iter_mut().zip(messages).for_each(|(out, message)| *out = sha256(message));
            }
            Self::Portable => {
                out.iter_mut()
                    .zip(messages)
                    .for_each(|(out, message)| *out = sha256_of(&[prefix, message]));
            }
        }
    }
    /// The node at the top of the tree over `level`, which is used up; zeros over nothing.
    pub fn top(self, level: &mut [Digest]) -> Digest {
        let mut width = level.len();
        while width > 1 {
            let pairs = width / 2;
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Ni(ni) => ni.nodes(level, pairs),
                Self::Portable => {
                    for i in 0..pairs {
                        level[i] = sha256_of(&[&level[2 * i].0, &level[2 * i + 1].0]);
                    }
                }
            }
            if width % 2 == 1 {
                level[pairs] = level[width - 1];
            }
            width = width.div_ceil(2);
        }
        level.first().copied().unwrap_or_default()
    }
    /// How far above `start` the first of `count` nonces stands that the scan's filter lets through:
    /// the top word of its hash is not above the target's. All that solve the puzzle are let through.
    pub fn scan(self, scan: &Scan, start: u32, count: u64) -> Option<u64> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Ni(ni) => ni.scan(scan, start, count),
            Self::Portable => (0..count)
                .find(|&i| scan.last_word(start.wrapping_add(i as u32)).swap_bytes() <= scan.top),
        }
    }
}
