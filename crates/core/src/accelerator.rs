//! Many hashes, many signatures, many nonces at once: the seam behind which CPU and GPU stand.

use std::{fmt, ops::Range, sync::Arc};

use crate::{
    claim::{Claim, Puzzle, Seal},
    crypto::{Digest, PublicKey, Signature, Signer, sha256, verify_ed25519},
    merkle,
    usage::Usage,
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
        let mut signatures = vec![Signature::default(); items.len()];
        sign_in_runs(items, &mut signatures);
        signatures
    }
    /// Whether it pays to gather what many signers sign for one [`sign_many`](Self::sign_many).
    fn gathers_signing(&self) -> bool {
        false
    }
    /// Whether a call may wait for a device: then it is not for a thread that others wait for.
    fn may_wait(&self) -> bool {
        false
    }
    /// Says that much will be signed by [`sign_many`](Self::sign_many), before anyone waits for it: what must be
    /// compiled for that is. Changes no answer.
    fn expect_signing(&self) {}
    /// Says that much will be signed by `keys`: a committee's. Changes no answer, only how soon it comes.
    fn expect_keys(&self, _keys: &[PublicKey]) {}
    /// What was done so far; [`Reference`] and the like count nothing.
    fn usage(&self) -> Usage {
        Usage::default()
    }
    /// The same hands for somebody who wants a count of its own, such as one of several runs at once: what is asked
    /// through it, and nothing else. What is found out about a GPU concerns all, and stays one count. `None` where
    /// nothing is counted.
    fn apart(&self) -> Option<Arc<dyn Accelerator>> {
        None
    }
}

/// [`Accelerator::sign_many`] on the caller's thread, `out[i]` for `items[i]`: statements of one signer that stand
/// together share work.
pub fn sign_in_runs(items: &[(&Signer, &[u8])], out: &mut [Signature]) {
    assert_eq!(items.len(), out.len(), "a place for each signature");
    let mut rest = out;
    for run in items.chunk_by(|(a, _), (b, _)| std::ptr::eq(*a, *b)) {
        let (out, others) = rest.split_at_mut(run.len());
        run[0].0.sign_each(|i| run[i].1, out);
        rest = others;
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
            Claim::Tossed(tossed) => tossed.holds(),
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
