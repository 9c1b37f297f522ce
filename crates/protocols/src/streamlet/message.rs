//! What replicas say to each other, what must hold for it, and what proves that a block is final.

use std::sync::Arc;

use byzlab_core::{
    Block, Claim, Committee, Height, Invalid, Proof, ReplicaId, Signature, Statement, View,
    block::Head, codec,
};
use serde::{Deserialize, Serialize};

use super::Streamlet;
use crate::kit::{Catchup, Certificate, Draft, Wanted, Way, root_claim};

/// A quorum's votes for one block in one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notarization {
    /// The epoch in which it was proposed.
    pub epoch: View,
    /// Which block.
    pub head: Head,
    /// The votes.
    pub certificate: Certificate,
}

/// The block that an epoch's leader proposes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Which epoch.
    pub epoch: View,
    /// The block, whose producer is the leader.
    pub draft: Draft,
    /// Why the block below is notarized; nothing where that is the end of a ledger.
    pub parent: Option<Arc<Notarization>>,
    /// The leader's.
    pub signature: Signature,
}

/// A vote for a block; anyone may pass it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// The epoch in which the block was proposed.
    pub epoch: View,
    /// The block.
    pub head: Head,
    /// Who votes.
    pub by: ReplicaId,
    /// The voter's.
    pub signature: Signature,
}

/// Where a replica stands: what lets others see what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The height of its ledger.
    pub height: Height,
    /// The height of the longest notarized chain that it has seen.
    pub longest: Height,
    /// Whether it asks for what it lacks; an answer does not.
    pub asks: bool,
}

/// What Streamlet's replicas say to each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// A leader proposes.
    Proposal(Arc<Proposal>),
    /// A vote.
    Vote(Vote),
    /// For one who lacks it.
    Notarization(Arc<Notarization>),
    /// Where the sender stands.
    Status(Status),
    /// State transfer.
    Catchup(Catchup),
    /// A missing block that is not final yet.
    Wanted(Wanted),
}

impl From<Catchup> for Message {
    fn from(catchup: Catchup) -> Self {
        Self::Catchup(catchup)
    }
}
impl From<Wanted> for Message {
    fn from(wanted: Wanted) -> Self {
        Self::Wanted(wanted)
    }
}

/// What is signed by a proposal.
pub fn proposal_statement(committee: &Committee, epoch: View, head: Head) -> Statement {
    committee.statement("streamlet/propose", &(epoch, head))
}

/// What is signed by a vote.
pub fn vote_statement(committee: &Committee, epoch: View, head: Head) -> Statement {
    committee.statement("streamlet/vote", &(epoch, head))
}

impl Notarization {
    fn claims(&self, committee: &Committee, claims: &mut Vec<Claim>) -> Result<(), Invalid> {
        if self.certificate.len() < committee.quorum() {
            return Err(Invalid("a notarization below the quorum"));
        }
        let statement = vote_statement(committee, self.epoch, self.head);
        self.certificate.claims(&statement, committee, claims)
    }
}

impl Proposal {
    fn claims(&self, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let statement = proposal_statement(committee, self.epoch, self.draft.head());
        let signed = committee.signed(self.draft.producer, &statement, self.signature);
        let mut claims = vec![signed.ok_or(Invalid("an unknown leader"))?];
        self.draft.claims(committee, &mut claims)?;
        if let Some(parent) = &self.parent {
            let Head { height, digest } = parent.head;
            if digest != self.draft.parent || self.draft.height.0.checked_sub(1) != Some(height.0) {
                return Err(Invalid("a notarization of something that is not the block below"));
            }
            if parent.epoch >= self.epoch {
                return Err(Invalid("a block below of a later epoch"));
            }
            parent.claims(committee, &mut claims)?;
        }
        Ok(claims)
    }
}

impl byzlab_core::Message for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Proposal(_) => "proposal",
            Self::Vote(_) => "vote",
            Self::Notarization(_) => "notarization",
            Self::Status(_) => "status",
            Self::Catchup(catchup) => catchup.kind(),
            Self::Wanted(wanted) => wanted.kind(),
        }
    }

    fn claims(&self, _: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        match self {
            Self::Proposal(proposal) => proposal.claims(committee),
            Self::Vote(Vote { epoch, head, by, signature }) => {
                let statement = vote_statement(committee, *epoch, *head);
                let claim = committee.signed(*by, &statement, *signature);
                Ok(vec![claim.ok_or(Invalid("an unknown voter"))?])
            }
            Self::Notarization(notarization) => {
                let mut claims = Vec::new();
                notarization.claims(committee, &mut claims)?;
                Ok(claims)
            }
            Self::Status(_) => Ok(Vec::new()),
            Self::Catchup(catchup) => catchup.claims::<Streamlet>(committee),
            Self::Wanted(wanted) => wanted.claims(committee),
        }
    }
}

/// The proof in a block: three adjacent blocks notarized in consecutive epochs, of which the block is
/// the second, or stands below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finality {
    /// The epoch of the first of the three.
    pub epoch: View,
    /// The first of the three.
    pub first: Head,
    /// From the first to the second.
    pub second: Way,
    /// From the second to the third.
    pub third: Way,
    /// The votes for the three.
    pub certificates: [Certificate; 3],
    /// From the block that this proves to the second.
    pub way: Way,
}

impl Finality {
    /// This proof as a block carries it.
    pub fn to_proof(&self) -> Proof {
        Proof(codec::encode(self))
    }
    /// The finality in a block's proof.
    ///
    /// # Errors
    /// If the proof is none of this protocol's.
    pub fn of(proof: &Proof) -> Result<Self, Invalid> {
        codec::decode(&proof.0).map_err(|_| Invalid("a proof that is no finality"))
    }
    /// The three notarizations.
    ///
    /// # Errors
    /// If the three blocks are not adjacent.
    pub fn notarizations(&self) -> Result<[Notarization; 3], Invalid> {
        let second = self.second.top(self.first)?;
        let third = self.third.top(second)?;
        let above = |head: Head| Height(head.height.0.wrapping_add(1));
        if second.height != above(self.first) || third.height != above(second) {
            return Err(Invalid("three blocks that are not adjacent"));
        }
        let heads = [self.first, second, third];
        Ok(std::array::from_fn(|i| Notarization {
            epoch: View(self.epoch.0.wrapping_add(i as u64)),
            head: heads[i],
            certificate: self.certificates[i].clone(),
        }))
    }
}

/// See [`Protocol::audit`](byzlab_core::Protocol::audit).
pub fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
    if block.height == Height::GENESIS || !block.is_chained() {
        return Err(Invalid("a block whose digest is not its content's"));
    }
    if !committee.contains(block.producer) {
        return Err(Invalid("a block by nobody"));
    }
    let finality = Finality::of(&block.proof)?;
    let three = finality.notarizations()?;
    if finality.way.top(block.head())? != three[1].head {
        return Err(Invalid("a block that is not below the second of three"));
    }
    let mut claims = Vec::new();
    for notarization in &three {
        notarization.claims(committee, &mut claims)?;
    }
    claims.extend(root_claim(&block.batch)?);
    Ok(claims)
}
