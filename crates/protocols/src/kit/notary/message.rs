//! What replicas say to each other, what must hold for it, and what proves that a block is final.

use std::{marker::PhantomData, sync::Arc};

use byzlab_core::{
    Block, Claim, Committee, Height, Invalid, Proof, ReplicaId, Signature, Statement, View,
    block::Head, codec,
};
use serde::{Deserialize, Serialize};

use super::{Notary, Rules};
use crate::kit::{Catchup, Certificate, Draft, Wanted, Way, root_claim};

/// A leader's proposal for its view; anyone may pass it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Which view.
    pub view: View,
    /// The block, whose producer is the leader.
    pub draft: Draft,
    /// The leader's.
    pub signature: Signature,
}

impl Proposal {
    /// The block that it stands on; claims see to it that there is one.
    pub fn parent(&self) -> Head {
        let Draft { height, parent, .. } = self.draft;
        Head { height: Height(height.0 - 1), digest: parent }
    }
}

/// Enough votes for one block in one view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notarization {
    /// In which view.
    pub view: View,
    /// For which block.
    pub head: Head,
    /// The votes.
    pub certificate: Certificate,
}

/// Enough votes to go on without a block of one view: the paper's notarized dummy block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nullification {
    /// Which view.
    pub view: View,
    /// The votes.
    pub certificate: Certificate,
}

/// Where a replica stands: what lets others see what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The height of its ledger.
    pub height: Height,
    /// The view in which its ledger's end was made final.
    pub base: View,
    /// The first view above that of which it has neither notarization nor nullification; or that of which
    /// it lacks the nullification to vote for the proposal of the view it is in.
    pub lacks: View,
    /// Whether it has the proposal of that view.
    pub proposed: bool,
    /// Whether it asks for what it lacks; an answer does not.
    pub asks: bool,
}

/// What is said, whatever the rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// A leader proposes.
    Proposal(Arc<Proposal>),
    /// A vote for a block.
    Vote(View, Head, Signature),
    /// A vote to go on without a block: the paper's vote for the dummy block.
    Nullify(View, Signature),
    /// The sender saw the block notarized, and has not voted and will not vote to nullify its view.
    Finalize(View, Head, Signature),
    /// Passed on when it is first seen.
    Notarization(Arc<Notarization>),
    /// Passed on when it is first seen.
    Nullification(Arc<Nullification>),
    /// Where the sender stands.
    Status(Status),
    /// State transfer.
    Catchup(Catchup),
    /// A missing block that is not final yet.
    Wanted(Wanted),
}

/// What replicas under rules `R` say to each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "", transparent)]
pub struct Said<R: Rules> {
    /// What.
    pub message: Message,
    #[serde(skip)]
    rules: PhantomData<R>,
}

impl<R: Rules> From<Message> for Said<R> {
    fn from(message: Message) -> Self {
        Self { message, rules: PhantomData }
    }
}
impl<R: Rules> From<Catchup> for Said<R> {
    fn from(catchup: Catchup) -> Self {
        Message::Catchup(catchup).into()
    }
}
impl<R: Rules> From<Wanted> for Said<R> {
    fn from(wanted: Wanted) -> Self {
        Message::Wanted(wanted).into()
    }
}

/// What is signed by a proposal, a vote or a finalize vote, by its domain.
pub fn head_statement(committee: &Committee, domain: &str, view: View, head: Head) -> Statement {
    committee.statement(domain, &(view, head))
}

/// What is signed by a vote to go on without a block.
pub fn nullify_statement<R: Rules>(committee: &Committee, view: View) -> Statement {
    committee.statement(R::NULLIFY, &view)
}

fn by(
    from: ReplicaId,
    committee: &Committee,
    statement: &Statement,
    signature: Signature,
) -> Result<Vec<Claim>, Invalid> {
    let claim = committee.signed(from, statement, signature);
    Ok(vec![claim.ok_or(Invalid("an unknown sender"))?])
}

fn certified(
    certificate: &Certificate,
    quorum: usize,
    statement: &Statement,
    committee: &Committee,
) -> Result<Vec<Claim>, Invalid> {
    if certificate.len() < quorum {
        return Err(Invalid("a certificate below the quorum"));
    }
    let mut claims = Vec::with_capacity(certificate.len() + 1);
    certificate.claims(statement, committee, &mut claims)?;
    Ok(claims)
}

impl<R: Rules> byzlab_core::Message for Said<R> {
    fn kind(&self) -> &'static str {
        match &self.message {
            Message::Proposal(_) => "proposal",
            Message::Vote(..) => "vote",
            Message::Nullify(..) => "nullify",
            Message::Finalize(..) => "finalize",
            Message::Notarization(_) => "notarization",
            Message::Nullification(_) => "nullification",
            Message::Status(_) => "status",
            Message::Catchup(catchup) => catchup.kind(),
            Message::Wanted(wanted) => wanted.kind(),
        }
    }

    fn claims(&self, from: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let quorum = R::notarize(committee);
        match &self.message {
            Message::Proposal(proposal) => {
                let Proposal { view, draft, signature } = &**proposal;
                let domain = if R::PROPOSAL_VOTES { R::VOTE } else { R::PROPOSE };
                let statement = head_statement(committee, domain, *view, draft.head());
                let mut claims = by(draft.producer, committee, &statement, *signature)?;
                draft.claims(committee, &mut claims)?;
                Ok(claims)
            }
            Message::Vote(view, head, signature) => {
                let statement = head_statement(committee, R::VOTE, *view, *head);
                by(from, committee, &statement, *signature)
            }
            Message::Nullify(view, signature) => {
                by(from, committee, &nullify_statement::<R>(committee, *view), *signature)
            }
            Message::Finalize(_, _, _) if !R::CONFIRMS => {
                Err(Invalid("a finalize vote, which these rules have not"))
            }
            Message::Finalize(view, head, signature) => {
                let statement = head_statement(committee, R::FINALIZE, *view, *head);
                by(from, committee, &statement, *signature)
            }
            Message::Notarization(notarization) => {
                let Notarization { view, head, certificate } = &**notarization;
                let statement = head_statement(committee, R::VOTE, *view, *head);
                certified(certificate, quorum, &statement, committee)
            }
            Message::Nullification(nullification) => {
                let Nullification { view, certificate } = &**nullification;
                let statement = nullify_statement::<R>(committee, *view);
                certified(certificate, quorum, &statement, committee)
            }
            Message::Status(_) => Ok(Vec::new()),
            Message::Catchup(catchup) => catchup.claims::<Notary<R>>(committee),
            Message::Wanted(wanted) => wanted.claims(committee),
        }
    }
}

/// The proof in a block: a quorum's votes on it, or on a block above it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finality {
    /// In which view.
    pub view: View,
    /// From the block to the one that was voted on.
    pub way: Way,
    /// The votes.
    pub certificate: Certificate,
}

impl Finality {
    /// This proof as a block carries it.
    pub fn to_proof(&self) -> Proof {
        Proof(codec::encode(self))
    }
    /// The finality in a block's proof.
    ///
    /// # Errors
    /// If the proof is none of these protocols'.
    pub fn of(proof: &Proof) -> Result<Self, Invalid> {
        codec::decode(&proof.0).map_err(|_| Invalid("a proof that is no finality"))
    }
}

/// See [`Protocol::audit`](byzlab_core::Protocol::audit): the block is the one that the quorum's
/// votes made final, or stands below it.
pub fn audit<R: Rules>(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
    if block.height == Height::GENESIS || !block.is_chained() {
        return Err(Invalid("a block whose digest is not its content's"));
    }
    if !committee.contains(block.producer) {
        return Err(Invalid("a block by nobody"));
    }
    let Finality { view, way, certificate } = Finality::of(&block.proof)?;
    let domain = if R::CONFIRMS { R::FINALIZE } else { R::VOTE };
    let statement = head_statement(committee, domain, view, way.top(block.head())?);
    let mut claims = certified(&certificate, R::finalize(committee), &statement, committee)?;
    claims.extend(root_claim(&block.batch)?);
    Ok(claims)
}
