//! What replicas say to each other, what must hold for it, and what proves a decision.

use std::sync::Arc;

use byzlab_core::{
    Batch, Block, Claim, Committee, Digest, Height, Invalid, Proof, ReplicaId, Signature,
    Statement, View, codec,
};
use serde::{Deserialize, Serialize};

use super::Tendermint;
use crate::kit::{Catchup, Certificate, root_claim};

/// proposer(h, r): round robin over heights and rounds.
pub fn proposer(committee: &Committee, height: Height, round: View) -> ReplicaId {
    committee.at_turn(height.0.wrapping_add(round.0))
}

/// A value v: what may become the block of a height. id(v) is that block's digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// The digest of the block below.
    pub parent: Digest,
    /// Who proposed it first.
    pub producer: ReplicaId,
    /// Its transactions.
    pub batch: Batch,
}

impl Value {
    /// id(v).
    pub fn id(&self, height: Height) -> Digest {
        Block::chain_digest(height, self.parent, self.producer, self.batch.root())
    }
}

/// Why a value may be proposed again: 2f + 1 prevotes for it in an earlier round (the paper's
/// `validRound`, with its proof).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Polka {
    /// The round of the prevotes, vr.
    pub round: View,
    /// The prevotes.
    pub certificate: Certificate,
}

/// ⟨PROPOSAL, h, r, v, vr⟩, signed by the proposer; anyone may pass it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// h
    pub height: Height,
    /// r
    pub round: View,
    /// v
    pub value: Value,
    /// vr, or nothing for −1.
    pub valid: Option<Polka>,
    /// The proposer's.
    pub signature: Signature,
}

/// The two phases in which replicas vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// PREVOTE
    Prevote,
    /// PRECOMMIT
    Precommit,
}

/// ⟨PREVOTE, h, r, id⟩ or ⟨PRECOMMIT, h, r, id⟩.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Which of the two.
    pub phase: Phase,
    /// h
    pub height: Height,
    /// r
    pub round: View,
    /// id(v), or nothing for nil.
    pub id: Option<Digest>,
    /// The sender's.
    pub signature: Signature,
}

/// Where a replica stands: what lets others see what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The height it decides on; everything below is in its ledger.
    pub height: Height,
    /// Its round there.
    pub round: View,
    /// Whether it has that round's proposal.
    pub proposed: bool,
    /// Whether it asks for what it lacks; an answer does not.
    pub asks: bool,
}

/// What Tendermint's replicas say to each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// PROPOSAL
    Proposal(Arc<Proposal>),
    /// PREVOTE or PRECOMMIT
    Vote(Vote),
    /// Another's vote, passed on: the paper's *gossip communication* (§2.1), by which what one correct process
    /// receives all do.
    Passed(ReplicaId, Vote),
    /// Where the sender stands.
    Status(Status),
    /// State transfer.
    Catchup(Catchup),
}

impl From<Catchup> for Message {
    fn from(catchup: Catchup) -> Self {
        Self::Catchup(catchup)
    }
}

/// What is signed by a vote.
pub fn vote_statement(
    committee: &Committee,
    phase: Phase,
    height: Height,
    round: View,
    id: Option<Digest>,
) -> Statement {
    let domain = match phase {
        Phase::Prevote => "tendermint/prevote",
        Phase::Precommit => "tendermint/precommit",
    };
    committee.statement(domain, &(height, round, id))
}

impl Vote {
    fn claim(&self, voter: ReplicaId, committee: &Committee) -> Result<Claim, Invalid> {
        let Self { phase, height, round, id, signature } = *self;
        let statement = vote_statement(committee, phase, height, round, id);
        committee.signed(voter, &statement, signature).ok_or(Invalid("an unknown voter"))
    }
}

impl Proposal {
    /// What its proposer signs.
    pub fn statement(&self, committee: &Committee) -> Statement {
        let (id, vr) = (self.value.id(self.height), self.valid.as_ref().map(|polka| polka.round));
        committee.statement("tendermint/proposal", &(self.height, self.round, id, vr))
    }
    fn claims(&self, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let (height, round) = (self.height, self.round);
        if height == Height::GENESIS || !committee.contains(self.value.producer) {
            return Err(Invalid("a proposal for no height, or by nobody"));
        }
        let by = proposer(committee, height, round);
        let signed = committee.signed(by, &self.statement(committee), self.signature);
        let mut claims = vec![signed.ok_or(Invalid("an unknown proposer"))?];
        match &self.valid {
            None if self.value.producer != by => {
                return Err(Invalid("a new value by someone else"));
            }
            None => {}
            Some(polka) if polka.round >= round => {
                return Err(Invalid("a valid round that is not an earlier one"));
            }
            Some(polka) if polka.certificate.len() < committee.quorum() => {
                return Err(Invalid("a valid round without a quorum of prevotes"));
            }
            Some(polka) => {
                let id = Some(self.value.id(height));
                let statement = vote_statement(committee, Phase::Prevote, height, polka.round, id);
                polka.certificate.claims(&statement, committee, &mut claims)?;
            }
        }
        self.value.batch.claims(committee, &mut claims)?;
        Ok(claims)
    }
}

impl byzlab_core::Message for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Proposal(_) => "proposal",
            Self::Vote(Vote { phase: Phase::Prevote, .. }) => "prevote",
            Self::Vote(Vote { phase: Phase::Precommit, .. }) => "precommit",
            Self::Passed(..) => "passed-vote",
            Self::Status(_) => "status",
            Self::Catchup(catchup) => catchup.kind(),
        }
    }

    fn claims(&self, from: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        match self {
            Self::Proposal(proposal) => proposal.claims(committee),
            Self::Vote(vote) => Ok(vec![vote.claim(from, committee)?]),
            Self::Passed(voter, vote) => Ok(vec![vote.claim(*voter, committee)?]),
            Self::Status(_) => Ok(Vec::new()),
            Self::Catchup(catchup) => catchup.claims::<Tendermint>(committee),
        }
    }
}

/// The proof in a block: 2f + 1 precommits of one round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The round.
    pub round: View,
    /// The precommits.
    pub certificate: Certificate,
}

impl Decision {
    /// This decision as a block carries it.
    pub fn to_proof(&self) -> Proof {
        Proof(codec::encode(self))
    }
}

/// See [`Protocol::audit`](byzlab_core::Protocol::audit): the block's digest is what 2f + 1 replicas
/// precommitted at its height.
pub fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
    if block.height == Height::GENESIS || !block.is_chained() {
        return Err(Invalid("a block whose digest is not its content's"));
    }
    if !committee.contains(block.producer) {
        return Err(Invalid("a block by nobody"));
    }
    let decision: Decision =
        codec::decode(&block.proof.0).map_err(|_| Invalid("a proof that is no decision"))?;
    if decision.certificate.len() < committee.quorum() {
        return Err(Invalid("a decision below the quorum"));
    }
    let (round, id) = (decision.round, Some(block.digest));
    let statement = vote_statement(committee, Phase::Precommit, block.height, round, id);
    let mut claims = Vec::with_capacity(decision.certificate.len() + 1);
    decision.certificate.claims(&statement, committee, &mut claims)?;
    claims.extend(root_claim(&block.batch)?);
    Ok(claims)
}
