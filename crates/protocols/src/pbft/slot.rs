//! One height between the watermarks: what was proposed there, and the votes on it.

use std::sync::Arc;

use byzlab_core::{Digest, Height, Proof, Signature, Time, View};

use super::{
    proposal::{Commitment, Phase, Proposal},
    view_change::{Claimed, Evidence, Prepared},
};
use crate::kit::{Certificate, Tally};

/// The most proposals remembered for one height, one a view; older ones that are not prepared go first.
pub(super) const PROPOSALS_MAX: usize = 8;

/// A proposal at hand.
#[derive(Debug)]
pub(super) struct Known {
    /// Its digest.
    pub digest: Digest,
    /// The proposal.
    pub proposal: Proposal,
    /// Whether its content is in the log or the ledger.
    pub saved: bool,
}

/// What a replica knows of one height.
#[derive(Debug)]
pub(super) struct Slot {
    /// The prepares of the current view; the primary's pre-prepare counts as one.
    pub prepares: Tally<Digest>,
    /// The commits of the current view.
    pub commits: Tally<Digest>,
    /// What this replica accepted in the current view: at most one digest, ever.
    pub accepted: Option<Digest>,
    /// The primary's vote for it, which came with the pre-prepare or the new view.
    pub primary_vote: Option<Signature>,
    /// Whether it has voted for it, having the batch, and saved that.
    pub voted: bool,
    /// When this replica, the primary, proposed it.
    pub proposed_at: Option<Time>,
    /// A commit certificate that waits for the heights below.
    pub committed: Option<(View, Digest, Certificate)>,
    /// The prepared certificate of the highest view, for view changes.
    pub prepared: Option<Arc<Prepared>>,
    /// The executed proposal and its block's proof, which takes the place of the prepared certificate.
    pub executed: Option<(Digest, Proof)>,
    /// What was proposed here, in this view and earlier ones: what a later view may propose again must
    /// be at hand for those who lack it.
    proposals: Vec<Known>,
}

impl Slot {
    pub fn new(quorum: usize, size: usize) -> Self {
        Self {
            prepares: Tally::new(quorum, size),
            commits: Tally::new(quorum, size),
            accepted: None,
            primary_vote: None,
            voted: false,
            proposed_at: None,
            committed: None,
            prepared: None,
            executed: None,
            proposals: Vec::new(),
        }
    }
    /// Forgets the votes of the view that was left; what was prepared stays.
    pub fn next_view(&mut self, quorum: usize, size: usize) {
        self.prepares = Tally::new(quorum, size);
        self.commits = Tally::new(quorum, size);
        self.accepted = None;
        self.primary_vote = None;
        self.voted = false;
        self.proposed_at = None;
    }
    /// The proposal of this digest, if it is at hand.
    pub fn proposal(&self, digest: Digest) -> Option<&Proposal> {
        self.proposals.iter().find(|known| known.digest == digest).map(|known| &known.proposal)
    }
    /// All proposals at hand.
    pub fn known(&self) -> &[Known] {
        &self.proposals
    }
    /// Keeps a proposal, the digest of which was computed.
    pub fn learn(&mut self, digest: Digest, proposal: Proposal) -> &mut Known {
        let at = self.proposals.iter().position(|known| known.digest == digest);
        let at = at.unwrap_or_else(|| {
            if self.proposals.len() == PROPOSALS_MAX {
                let needed = self.prepared.as_ref().map(|p| p.claimed.digest);
                let spare = self.proposals.iter().position(|known| Some(known.digest) != needed);
                self.proposals.remove(spare.unwrap_or_default());
            }
            self.proposals.push(Known { digest, proposal, saved: false });
            self.proposals.len() - 1
        });
        &mut self.proposals[at]
    }
    /// The accepted proposal, if it is at hand.
    pub fn accepted_proposal(&mut self) -> Option<&mut Known> {
        let digest = self.accepted?;
        self.proposals.iter_mut().find(|known| known.digest == digest)
    }
    /// What a view change says of this height: the prepared certificate of the highest view, or the
    /// commit certificate of the executed block, which implies every later one.
    pub fn evidence(&self, height: Height) -> Option<Arc<Prepared>> {
        let Some((digest, proof)) = &self.executed else { return self.prepared.clone() };
        let Commitment { view, certificate, .. } =
            Commitment::of(proof).expect("made here, or audited");
        let claimed = Claimed { height, view, digest: *digest };
        let evidence = Evidence { phase: Phase::Commit, certificate };
        Some(Arc::new(Prepared { claimed, evidence }))
    }
}
