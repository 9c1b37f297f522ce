//! Many hashes, many signatures, many nonces at once: the seam behind which CPU and GPU stand.

use std::{
    fmt,
    ops::{AddAssign, Range},
};

use serde::{Deserialize, Serialize};

use crate::{
    claim::{Claim, Puzzle, Seal},
    crypto::{Digest, PublicKey, Signature, Signer, sha256, verify_ed25519},
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
    /// Each statement signed by the signer beside it, as [`Signer::sign`] does.
    ///
    /// For making load: the time that it takes, and a device's memory, may tell secrets.
    fn sign_many(&self, items: &[(&Signer, &[u8])]) -> Vec<Signature> {
        sign_in_runs(items)
    }
    /// Whether it pays to gather what many signers sign for one [`sign_many`](Self::sign_many).
    fn gathers_signing(&self) -> bool {
        false
    }
    /// Whether a call may wait for a device: then it is not for a thread that others wait for.
    fn may_wait(&self) -> bool {
        false
    }
    /// Says that much will be signed by `keys`: a committee's. Changes no answer, only how soon it comes.
    fn expect_keys(&self, _keys: &[PublicKey]) {}
    /// What was done so far; only those count that have something to tell.
    fn usage(&self) -> Usage {
        Usage::default()
    }
}

/// [`Accelerator::sign_many`] on the caller's thread: statements of one signer that stand together share work.
pub fn sign_in_runs(items: &[(&Signer, &[u8])]) -> Vec<Signature> {
    let runs = items.chunk_by(|(a, _), (b, _)| std::ptr::eq(*a, *b));
    runs.flat_map(|run| {
        let statements: Vec<&[u8]> = run.iter().map(|&(_, statement)| statement).collect();
        run[0].0.sign_many(&statements)
    })
    .collect()
}

/// What an accelerator with a GPU has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Calls that were done on the CPU.
    pub cpu_calls: u64,
    /// Their items: signatures, messages, leaves, nonces.
    pub cpu_items: u64,
    /// Calls that were done on the GPU.
    pub gpu_calls: u64,
    /// Their items.
    pub gpu_items: u64,
    /// The time callers waited for the GPU, in nanoseconds.
    pub gpu_ns: u64,
    /// Items that the GPU was to do and the CPU did: it was too late, lost, or refused.
    pub taken_over: u64,
    /// Answers of the GPU that the CPU computed again to compare.
    pub rechecked: u64,
    /// Answers of the GPU that were not the CPU's. One is too many: the GPU is not used any more.
    pub mismatches: u64,
    /// Times that the GPU was lost.
    pub lost: u64,
    /// Times that it was opened again, and right.
    pub reopened: u64,
}

impl Usage {
    fn fields(&mut self) -> [&mut u64; 10] {
        let Self { cpu_calls, cpu_items, gpu_calls, gpu_items, gpu_ns, .. } = self;
        let Self { taken_over, rechecked, mismatches, lost, reopened, .. } = self;
        [
            cpu_calls, cpu_items, gpu_calls, gpu_items, gpu_ns, taken_over, rechecked, mismatches,
            lost, reopened,
        ]
    }
    /// What was done since it was `earlier`.
    #[must_use]
    pub fn since(mut self, mut earlier: Self) -> Self {
        let pairs = self.fields().into_iter().zip(earlier.fields());
        pairs.for_each(|(now, then)| *now = now.saturating_sub(*then));
        self
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, mut other: Self) {
        let pairs = self.fields().into_iter().zip(other.fields());
        pairs.for_each(|(sum, more)| *sum += *more);
    }
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
            Claim::Aggregate(aggregate) => aggregate.holds(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_adds_up_and_comes_apart_again() {
        let early = Usage { cpu_calls: 1, gpu_items: 5, mismatches: 1, ..Usage::default() };
        let more = Usage { cpu_calls: 2, gpu_items: 3, gpu_ns: 9, ..Usage::default() };
        let mut both = early;
        both += more;
        assert_eq!((both.cpu_calls, both.gpu_items, both.gpu_ns, both.mismatches), (3, 8, 9, 1));
        assert_eq!(both.since(early), more);
    }
}
