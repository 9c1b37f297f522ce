//! Many hashes, many signatures, many nonces at once: the seam behind which CPU and GPU stand.

use std::{fmt, ops::Range};

use crate::{
    claim::{Claim, Puzzle, Seal},
    crypto::{Digest, sha256, verify_ed25519},
    merkle,
};

/// Proves claims and computes hashes in bulk. Every implementation gives the same answers.
pub trait Accelerator: Send + Sync + fmt::Debug {
    /// A name for records: what computes, and how wide.
    fn name(&self) -> String;
    /// One verdict a claim, in order.
    fn check(&self, claims: &[Claim]) -> Vec<bool>;
    /// SHA-256 of each message.
    fn hash_many(&self, messages: &[&[u8]]) -> Vec<Digest>;
    /// The Merkle root over `items`, each hashed as a [leaf](merkle::leaf).
    fn merkle_root(&self, items: &[&[u8]]) -> Digest;
    /// The lowest nonce in `nonces` (all within u32) that solves `puzzle`.
    fn search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Option<Seal>;
}

/// One thing after another, by the plainest code there is: what the others are held against.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

impl Accelerator for Reference {
    fn name(&self) -> String {
        "reference".into()
    }
    fn check(&self, claims: &[Claim]) -> Vec<bool> {
        let check = |claim: &Claim| match claim {
            Claim::Signed { by, statement, signature } => verify_ed25519(by, statement, signature),
            Claim::Root(batch) => batch.computed_root(self) == batch.root(),
            Claim::Work(seal) => seal.holds(),
        };
        claims.iter().map(check).collect()
    }
    fn hash_many(&self, messages: &[&[u8]]) -> Vec<Digest> {
        messages.iter().map(|message| sha256(message)).collect()
    }
    fn merkle_root(&self, items: &[&[u8]]) -> Digest {
        let leaves: Vec<_> = items.iter().map(|item| merkle::leaf(item)).collect();
        merkle::root(&leaves)
    }
    fn search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Option<Seal> {
        nonces.map(|nonce| Seal { puzzle: puzzle.clone(), nonce: nonce as u32 }).find(Seal::holds)
    }
}
