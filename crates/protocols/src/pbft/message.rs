//! What replicas say to each other, and what must hold for it to be heard.

use std::sync::Arc;

use byzlab_core::{
    Batch, Claim, Committee, Digest, Height, Invalid, Message as _, ReplicaId, Signature,
    Statement, View, block::Head,
};
use serde::{Deserialize, Serialize};

use super::{
    Pbft,
    proposal::{Phase, Proposal, vote_statement},
    view_change::{NewView, ViewChange},
};
use crate::kit::{Catchup, Certificate};

/// A replica's vote on a proposal, in one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// In which view.
    pub view: View,
    /// For which height, the paper's sequence number n.
    pub height: Height,
    /// For which proposal.
    pub digest: Digest,
    /// By the sender.
    pub signature: Signature,
}

/// A primary's proposal in its own view.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PrePrepare {
    /// The view, which is the proposal's origin.
    pub view: View,
    /// For which height.
    pub height: Height,
    /// The transactions: never none, for null requests come with the new view alone.
    pub batch: Batch,
    /// The primary's prepare vote.
    pub signature: Signature,
}

/// A checkpoint that a quorum signed: no view change needs to look below it (§4.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stable {
    /// The ledger's head at the checkpoint; genesis needs no signatures.
    pub head: Head,
    /// Who signed it.
    pub certificate: Certificate,
}

/// Where a replica stands: what lets others see what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The view it is in, or wants to be in.
    pub view: View,
    /// Whether it is in that view; else its view change is under way.
    pub active: bool,
    /// Its stable checkpoint.
    pub stable: Height,
    /// The height of its ledger.
    pub executed: Height,
    /// Up to where it has the batches of this view, without a gap.
    pub has: Height,
    /// Whether it asks for what it lacks; an answer does not.
    pub asks: bool,
}

/// What PBFT's replicas say to each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// §4.2: the primary assigns a height to a batch.
    PrePrepare(PrePrepare),
    /// §4.2: a backup agrees to the assignment within the view.
    Prepare(Vote),
    /// §4.2: a replica holds a prepared certificate.
    Commit(Vote),
    /// §4.3: a replica's ledger has this head at a checkpoint.
    Checkpoint(Head, Signature),
    /// §4.4: a replica leaves its view.
    ViewChange(Arc<ViewChange>),
    /// §4.4: the primary of a view opens it.
    NewView(Arc<NewView>),
    /// Asks for the batch behind a digest that a new view proposes again.
    Fetch(Height, Digest),
    /// The answer to it.
    Fetched(Height, Proposal),
    /// Where the sender stands.
    Status(Status),
    /// Proof of a stable checkpoint, for one whose own is older.
    Stable(Arc<Stable>),
    /// State transfer.
    Catchup(Catchup),
}

impl From<Catchup> for Message {
    fn from(catchup: Catchup) -> Self {
        Self::Catchup(catchup)
    }
}

/// What is signed by a checkpoint message.
pub fn checkpoint_statement(committee: &Committee, head: Head) -> Statement {
    committee.statement("pbft/checkpoint", &head)
}

impl Stable {
    /// The start of the ledger, which everyone agrees on.
    pub fn genesis(chain: Digest) -> Self {
        Self { head: Head::genesis(chain), certificate: Certificate::default() }
    }
    /// Adds what must hold for it.
    ///
    /// # Errors
    /// If it is another chain's genesis, or its certificate is malformed.
    pub fn claims(&self, committee: &Committee, claims: &mut Vec<Claim>) -> Result<(), Invalid> {
        if self.head.height == Height::GENESIS {
            return match *self == Self::genesis(committee.chain) {
                true => Ok(()),
                false => Err(Invalid("another chain's genesis")),
            };
        }
        let statement = checkpoint_statement(committee, self.head);
        self.certificate.claims(&statement, committee, claims)
    }
}

fn signed(
    from: ReplicaId,
    committee: &Committee,
    statement: &Statement,
    signature: Signature,
) -> Result<Vec<Claim>, Invalid> {
    committee
        .signed(from, statement, signature)
        .map(|claim| vec![claim])
        .ok_or(Invalid("an unknown sender"))
}

fn vote_claims(
    from: ReplicaId,
    committee: &Committee,
    phase: Phase,
    vote: &Vote,
) -> Result<Vec<Claim>, Invalid> {
    if phase == Phase::Prepare && from == committee.at_turn(vote.view.0) {
        return Err(Invalid("a prepare by the primary, whose pre-prepare is its vote"));
    }
    let statement = vote_statement(committee, phase, vote.view, vote.height, vote.digest);
    signed(from, committee, &statement, vote.signature)
}

impl PrePrepare {
    /// The proposal, whose origin is this view.
    pub fn proposal(&self) -> Proposal {
        Proposal { origin: self.view, batch: self.batch.clone() }
    }
    fn claims(&self, from: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        if from != committee.at_turn(self.view.0) {
            return Err(Invalid("a proposal by someone who is not the primary"));
        }
        if self.batch.is_empty() {
            return Err(Invalid("a proposal of nothing"));
        }
        let digest = self.proposal().digest();
        let statement = vote_statement(committee, Phase::Prepare, self.view, self.height, digest);
        let mut claims = signed(from, committee, &statement, self.signature)?;
        self.batch.claims(committee, &mut claims)?;
        Ok(claims)
    }
}

impl byzlab_core::Message for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::PrePrepare(_) => "pre-prepare",
            Self::Prepare(_) => "prepare",
            Self::Commit(_) => "commit",
            Self::Checkpoint(..) => "checkpoint",
            Self::ViewChange(_) => "view-change",
            Self::NewView(_) => "new-view",
            Self::Fetch(..) => "fetch",
            Self::Fetched(..) => "fetched",
            Self::Status(_) => "status",
            Self::Stable(_) => "stable",
            Self::Catchup(catchup) => catchup.kind(),
        }
    }

    /// Sizes of certificates are judged by the replica, which knows the quorum of the run; everything else
    /// here.
    fn claims(&self, from: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        match self {
            Self::PrePrepare(pre_prepare) => pre_prepare.claims(from, committee),
            Self::Prepare(vote) => vote_claims(from, committee, Phase::Prepare, vote),
            Self::Commit(vote) => vote_claims(from, committee, Phase::Commit, vote),
            Self::Checkpoint(head, signature) => {
                signed(from, committee, &checkpoint_statement(committee, *head), *signature)
            }
            Self::ViewChange(change) => change.claims(from, committee),
            Self::NewView(new_view) => new_view.claims(committee),
            Self::Fetched(_, proposal) => {
                let mut claims = Vec::new();
                proposal.batch.claims(committee, &mut claims)?;
                Ok(claims)
            }
            Self::Stable(stable) => {
                let mut claims = Vec::new();
                stable.claims(committee, &mut claims)?;
                Ok(claims)
            }
            Self::Catchup(catchup) => catchup.claims::<Pbft>(committee),
            Self::Fetch(..) | Self::Status(_) => Ok(Vec::new()),
        }
    }
}

impl Message {
    /// The view of a message of the normal case.
    pub(super) fn view(&self) -> Option<View> {
        match self {
            Self::PrePrepare(pre_prepare) => Some(pre_prepare.view),
            Self::Prepare(vote) | Self::Commit(vote) => Some(vote.view),
            _ => None,
        }
    }
    /// Its name for notes.
    pub(super) fn name(&self) -> &'static str {
        self.kind()
    }
}
