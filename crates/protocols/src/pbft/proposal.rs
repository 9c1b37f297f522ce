//! What is voted on, and what a block's proof says.

use byzlab_core::{
    Batch, Block, Claim, Committee, Digest, Height, Invalid, Proof, Statement, View, codec,
    crypto::sha256_of,
};
use serde::{Deserialize, Serialize};

use crate::kit::Certificate;

/// A batch and the view whose primary proposed it first.
///
/// The digest that is voted on covers both. So a batch keeps its producer when a later view proposes it
/// again, and all replicas give it the same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The view of the first proposal; for a null request, the view that filled the gap.
    pub origin: View,
    /// The transactions; none in a null request.
    pub batch: Batch,
}

impl Proposal {
    /// The null request with which view `origin` fills a gap (§4.4).
    pub fn null(origin: View) -> Self {
        Self { origin, batch: Batch::empty() }
    }
    /// What replicas vote on.
    pub fn digest(&self) -> Digest {
        digest(self.origin, self.batch.root())
    }
}

fn digest(origin: View, root: Digest) -> Digest {
    sha256_of(&[b"byzlab/pbft/proposal/1", &origin.0.to_le_bytes(), &root.0])
}

/// The two phases in which replicas vote (§4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// "I accepted this proposal for this height in this view, and no other."
    Prepare,
    /// "I hold a quorum of prepares for it, and will say so when views change."
    Commit,
}

/// What is signed by a vote.
pub fn vote_statement(
    committee: &Committee,
    phase: Phase,
    view: View,
    height: Height,
    digest: Digest,
) -> Statement {
    let domain = match phase {
        Phase::Prepare => "pbft/prepare",
        Phase::Commit => "pbft/commit",
    };
    committee.statement(domain, &(view, height, digest))
}

/// The proof in a block: a quorum committed its proposal at its height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commitment {
    /// In which view.
    pub view: View,
    /// The view whose primary proposed the batch first: the block's producer.
    pub origin: View,
    /// The commit votes.
    pub certificate: Certificate,
}

impl Commitment {
    /// This commitment as a block carries it.
    pub fn to_proof(&self) -> Proof {
        Proof(codec::encode(self))
    }
    /// The commitment in a block's proof.
    ///
    /// # Errors
    /// If the proof is none of this protocol's.
    pub fn of(proof: &Proof) -> Result<Self, Invalid> {
        codec::decode(&proof.0).map_err(|_| Invalid("a proof that is no commitment"))
    }
    /// The digest that was voted on if the batch has this root.
    pub fn digest(&self, root: Digest) -> Digest {
        digest(self.origin, root)
    }
}

/// See [`Protocol::audit`](byzlab_core::Protocol::audit): digest, producer, certificate and Merkle root.
///
/// The clients' signatures are not claimed again: among the quorum that voted are honest replicas, which
/// had them proven before they voted.
pub fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
    if block.height == Height::GENESIS || !block.is_chained() {
        return Err(Invalid("a block whose digest is not its content's"));
    }
    let commitment = Commitment::of(&block.proof)?;
    if commitment.origin > commitment.view {
        return Err(Invalid("a block committed before it was proposed"));
    }
    if block.producer != committee.at_turn(commitment.origin.0) {
        return Err(Invalid("a block whose producer was not primary"));
    }
    if commitment.certificate.len() < committee.quorum() {
        return Err(Invalid("a commit certificate below the quorum"));
    }
    let digest = commitment.digest(block.batch.root());
    let (view, height) = (commitment.view, block.height);
    let statement = vote_statement(committee, Phase::Commit, view, height, digest);
    let mut claims = Vec::with_capacity(commitment.certificate.len() + 1);
    commitment.certificate.claims(&statement, committee, &mut claims)?;
    if !block.batch.is_empty() {
        claims.push(Claim::Root(block.batch.clone()));
    } else if block.batch.root() != Batch::empty().root() {
        return Err(Invalid("an empty batch with a root of its own"));
    }
    Ok(claims)
}
