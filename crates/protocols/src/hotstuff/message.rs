//! What replicas say to each other, and what must hold for it to be heard.

use std::sync::Arc;

use byzlab_core::{
    Batch, Claim, Committee, Height, Invalid, ReplicaId, Signature, View, block::Head,
};
use serde::{Deserialize, Serialize};

use super::{
    HotStuff,
    rules::{Lineage, Phase, Qc, vote_statement},
};
use crate::kit::{Catchup, Draft, TimeoutCertificate, TimeoutVote, Wanted};

/// The domain of timeout votes.
pub const TIMEOUT: &str = "hotstuff/timeout";

/// A leader's node for its view: a batch on top of what `justify` certifies, or nothing (a blank).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proposal {
    /// The view.
    pub view: View,
    /// The certificate for its parent.
    pub justify: Arc<Qc>,
    /// Why the view was entered, where `justify` is not of the view before.
    pub timeout: Option<Arc<TimeoutCertificate>>,
    /// HotStuff-2: the decision of the view before, by which the view was entered.
    pub decision: Option<Arc<Qc>>,
    /// The transactions; none in a blank.
    pub batch: Batch,
}

impl Proposal {
    /// Its block, if it is no blank and `leader` proposed it.
    pub fn draft(&self, leader: ReplicaId) -> Option<Draft> {
        let empty = self.batch.is_empty();
        (!empty).then(|| Draft::on(self.justify.head(), leader, self.batch.clone()))
    }
    /// What is voted on, if `head` is the ledger's with its block.
    pub fn lineage(&self, head: Head) -> Lineage {
        self.justify.lineage.next(self.view, head)
    }
}

/// A vote for a node, or for its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// What for.
    pub lineage: Lineage,
    /// By the sender.
    pub signature: Signature,
}

/// What shows others where a replica stands: they take over what is newer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The best certificate it has.
    pub high: Arc<Qc>,
    /// The timeout certificate by which it entered its view, if it did so.
    pub timeout: Option<Arc<TimeoutCertificate>>,
    /// HotStuff-2: the best decision it has.
    pub decision: Option<Arc<Qc>>,
    /// How high its ledger is.
    pub height: Height,
}

/// What HotStuff's replicas say to each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// Algorithm 4, l. 28-31, `onPropose`: a leader's node. HotStuff-2, step (2) Propose.
    Propose(Box<Proposal>),
    /// Algorithm 4, l. 20: a vote for it. HotStuff-2, step (3) Vote and commit.
    Vote(Vote),
    /// HotStuff-2, step (4) Prepare: the leader has certified its block.
    Prepare(Arc<Qc>),
    /// HotStuff-2, step (5) Vote2: a vote for the certificate.
    Vote2(Vote),
    /// Algorithm 5, l. 10: the new-view, sent by whoever gives up on a view. HotStuff-2, step (1) Enter: what the
    /// sender is locked on.
    Timeout(TimeoutVote, Box<Standing>),
    /// Where the sender stands; `true` asks for an answer.
    Status(Box<Standing>, bool),
    /// Missing blocks that are not committed.
    Wanted(Wanted),
    /// State transfer.
    Catchup(Catchup),
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

fn vote_claims(
    vote: &Vote,
    from: ReplicaId,
    phase: Phase,
    committee: &Committee,
) -> Result<Vec<Claim>, Invalid> {
    let statement = vote_statement(committee, phase, &vote.lineage);
    let claim = committee.signed(from, &statement, vote.signature);
    claim.map(|claim| vec![claim]).ok_or(Invalid("an unknown sender"))
}

fn certificates(
    justify: &Qc,
    timeout: Option<&TimeoutCertificate>,
    decision: Option<&Qc>,
    committee: &Committee,
    claims: &mut Vec<Claim>,
) -> Result<(), Invalid> {
    justify.claims(Phase::Vote, committee, claims)?;
    if let Some(timeout) = timeout {
        timeout.claims(committee, TIMEOUT, claims)?;
    }
    if let Some(decision) = decision {
        decision.claims(Phase::Vote2, committee, claims)?;
    }
    Ok(())
}

impl Proposal {
    fn claims(&self, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        if self.justify.view() >= self.view {
            return Err(Invalid("a proposal with a certificate of its own view or a later one"));
        }
        let mut claims = Vec::new();
        let (timeout, decision) = (self.timeout.as_deref(), self.decision.as_deref());
        certificates(&self.justify, timeout, decision, committee, &mut claims)?;
        self.batch.claims(committee, &mut claims)?;
        Ok(claims)
    }
}

impl Standing {
    fn claims(&self, committee: &Committee, claims: &mut Vec<Claim>) -> Result<(), Invalid> {
        let (timeout, decision) = (self.timeout.as_deref(), self.decision.as_deref());
        certificates(&self.high, timeout, decision, committee, claims)
    }
}

impl byzlab_core::Message for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Propose(_) => "propose",
            Self::Vote(_) => "vote",
            Self::Prepare(_) => "prepare",
            Self::Vote2(_) => "vote-2",
            Self::Timeout(..) => "timeout",
            Self::Status(..) => "status",
            Self::Wanted(wanted) => wanted.kind(),
            Self::Catchup(catchup) => catchup.kind(),
        }
    }

    /// Who leads and how many votes decide is judged by the replica, which knows the parameters of the run;
    /// everything else here. Proposals need no signature of their own: links are authenticated, and
    /// nobody passes a proposal on.
    fn claims(&self, from: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let mut claims = Vec::new();
        match self {
            Self::Propose(proposal) => return proposal.claims(committee),
            Self::Vote(vote) => return vote_claims(vote, from, Phase::Vote, committee),
            Self::Vote2(vote) => return vote_claims(vote, from, Phase::Vote2, committee),
            Self::Prepare(qc) => qc.claims(Phase::Vote, committee, &mut claims)?,
            Self::Timeout(vote, standing) => {
                if vote.high != standing.high.view() {
                    return Err(Invalid("a timeout that speaks of another certificate"));
                }
                claims.push(vote.claim(from, committee, TIMEOUT)?);
                standing.claims(committee, &mut claims)?;
            }
            Self::Status(standing, _) => standing.claims(committee, &mut claims)?,
            Self::Wanted(wanted) => return wanted.claims(committee),
            Self::Catchup(catchup) => return catchup.claims::<HotStuff>(committee),
        }
        Ok(claims)
    }
}
