//! Claims: what a message states, and a host proves, before a protocol sees the message.
//!
//! A protocol never verifies anything. Hosts gather the claims of all waiting messages and prove them
//! many at once with an [`Accelerator`](crate::Accelerator).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    crypto::{Digest, PublicKey, Signature, bls::Aggregate, coin::Tossed, double_sha256},
    transaction::Batch,
};

/// Something that must hold.
#[derive(Clone, Debug)]
pub enum Claim {
    /// `signature` over `statement` is by the holder of `by`.
    Signed {
        /// Whose signature.
        by: PublicKey,
        /// The exact signed bytes.
        statement: Bytes,
        /// The signature.
        signature: Signature,
    },
    /// All of several replicas signed one statement, by BLS; of one, too.
    Aggregate(Aggregate),
    /// A replica tossed the common coin.
    Tossed(Tossed),
    /// The batch's transactions have the Merkle root that the batch states.
    Root(Batch),
    /// The double SHA-256 of the sealed header is at most the puzzle's target.
    Work(Seal),
}

/// A message or block that no proof can save, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub &'static str);

/// The bytes of a proof-of-work header before its nonce (u32 LE).
pub const PUZZLE_PREFIX: usize = 76;

/// A number of 256 bits, most significant byte first; a hash read the same way must not be above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target(pub [u8; 32]);

impl Target {
    /// Met by every hash.
    pub const EASIEST: Self = Self([0xff; 32]);

    /// Whether `hash` meets it. As in Bitcoin, a hash is read least significant byte first.
    pub fn met_by(&self, hash: &Digest) -> bool {
        hash.0.iter().rev().cmp(self.0.iter()).is_le()
    }
}

/// A header in want of a nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Puzzle {
    /// The header's bytes before the nonce.
    pub prefix: [u8; PUZZLE_PREFIX],
    /// What the header's double SHA-256 must not be above.
    pub target: Target,
}

/// A solved puzzle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The puzzle.
    pub puzzle: Puzzle,
    /// The nonce that solves it.
    pub nonce: u32,
}

impl Puzzle {
    /// The 80-byte header with `nonce` in place.
    pub fn header(&self, nonce: u32) -> [u8; PUZZLE_PREFIX + 4] {
        let mut header = [0; PUZZLE_PREFIX + 4];
        header[..PUZZLE_PREFIX].copy_from_slice(&self.prefix);
        header[PUZZLE_PREFIX..].copy_from_slice(&nonce.to_le_bytes());
        header
    }
}

impl Seal {
    /// The sealed header's hash, which is the block's name.
    pub fn hash(&self) -> Digest {
        double_sha256(&self.puzzle.header(self.nonce))
    }
    /// Whether the nonce solves the puzzle.
    pub fn holds(&self) -> bool {
        self.puzzle.target.met_by(&self.hash())
    }
}
