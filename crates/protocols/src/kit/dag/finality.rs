//! What proves the ledger to one who has no DAG.

use std::sync::Arc;

use byzlab_core::{
    Block, Claim, Committee, Digest, Height, Invalid, Proof, ReplicaId, Signature, block::Head,
    codec, crypto::sha256_of,
};
use serde::{Deserialize, Serialize};

use super::{Round, vertex::digest_with};
use crate::kit::root_claim;

/// The most blocks between a block and the head of the cut that proves it.
pub const LINKS_MAX: usize = 1 << 14;

/// The ledger through the leaders of a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Every leader up to this round is decided.
    pub round: Round,
    /// The ledger's head then.
    pub head: Head,
    /// Each author's highest round in the ledger, 0 for none.
    pub frontier: Vec<Round>,
}

/// What a vertex claims: a cut, by its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claimed {
    /// The cut's round.
    pub round: Round,
    /// The cut's digest.
    pub cut: Digest,
}

/// One signer of a cut: who, all of its vertex but the claim, and its signature over both.
pub type Endorsement = (ReplicaId, Digest, Signature);

/// A cut that a quorum claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// The cut.
    pub cut: Cut,
    /// Who claimed it, in order of signer.
    pub by: Vec<Endorsement>,
}

/// The proof of a ledger block: the first cut that has it, and the way there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finality {
    /// The cut.
    pub proven: Arc<Proven>,
    /// Producer and batch root of each block from the next one up to the cut's head.
    pub links: Vec<(ReplicaId, Digest)>,
}

impl Cut {
    /// Before the first round.
    pub fn genesis(committee: &Committee) -> Self {
        let frontier = vec![Round(0); committee.size()];
        Self { round: Round(0), head: Head::genesis(committee.chain), frontier }
    }
    /// What vertices claim it by.
    pub fn claimed(&self) -> Claimed {
        let cut = sha256_of(&[b"byzlab/dag/cut/1", &codec::encode(self)]);
        Claimed { round: self.round, cut }
    }
}

impl Proven {
    /// The start, which everyone agrees on.
    pub fn genesis(committee: &Committee) -> Self {
        Self { cut: Cut::genesis(committee), by: Vec::new() }
    }
    /// Adds what must hold for it, for vertices signed in `domain`.
    ///
    /// # Errors
    /// If it is another chain's genesis, no quorum signed it, or signers are unknown, repeated or out of
    /// order.
    pub fn claims(
        &self,
        committee: &Committee,
        domain: &str,
        claims: &mut Vec<Claim>,
    ) -> Result<(), Invalid> {
        if self.cut.round == Round(0) {
            return match *self == Self::genesis(committee) {
                true => Ok(()),
                false => Err(Invalid("another chain's genesis")),
            };
        }
        if self.cut.frontier.len() != committee.size() {
            return Err(Invalid("a cut of another committee"));
        }
        if self.by.len() < committee.quorum() {
            return Err(Invalid("a cut below the quorum"));
        }
        if !self.by.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Err(Invalid("a cut with signers repeated or out of order"));
        }
        let claimed = Some(self.cut.claimed());
        for &(signer, core, signature) in &self.by {
            let statement = committee.statement(domain, &digest_with(core, claimed));
            let claim = committee.signed(signer, &statement, signature);
            claims.push(claim.ok_or(Invalid("a cut with an unknown signer"))?);
        }
        Ok(())
    }
}

impl Finality {
    /// As the ledger keeps it.
    pub fn to_proof(&self) -> Proof {
        Proof(codec::encode(self))
    }
    /// Out of the ledger.
    ///
    /// # Errors
    /// If it is none.
    pub fn of(proof: &Proof) -> Result<Self, Invalid> {
        codec::decode(&proof.0).map_err(|_| Invalid("the proof is none of this protocol"))
    }
    /// Whether the block it belongs to is the last of its cut.
    pub fn completes(&self) -> bool {
        self.links.is_empty()
    }
}

/// What must hold for `block` to be final, for vertices signed in `domain`.
///
/// # Errors
/// If its proof is not about this very block, or not by a quorum.
pub fn audit(block: &Block, committee: &Committee, domain: &str) -> Result<Vec<Claim>, Invalid> {
    if !block.is_chained() {
        return Err(Invalid("the digest is not the block's"));
    }
    if !committee.contains(block.producer) || block.batch.is_empty() {
        return Err(Invalid("a block of nothing, or by nobody"));
    }
    let finality = Finality::of(&block.proof)?;
    if finality.links.len() > LINKS_MAX {
        return Err(Invalid("a proof that is too far from its cut"));
    }
    let mut head = block.head();
    for &(producer, root) in &finality.links {
        let height = Height(head.height.0.checked_add(1).ok_or(Invalid("no such height"))?);
        let digest = Block::chain_digest(height, head.digest, producer, root);
        head = Head { height, digest };
    }
    let proven = &finality.proven;
    if head != proven.cut.head || proven.cut.round == Round(0) {
        return Err(Invalid("the proof is about another block"));
    }
    let mut claims = Vec::new();
    proven.claims(committee, domain, &mut claims)?;
    claims.extend(root_claim(&block.batch)?);
    Ok(claims)
}
