//! What a replica saves, and how it comes back from it.

use std::sync::Arc;

use byzlab_core::{Batch, Digest, Effects, Height, ReplicaId, Signature, Time, View};
use serde::{Deserialize, Serialize};

use super::{
    Step, Tendermint, Valid,
    message::{Phase, Polka, Proposal, Value},
};

/// An entry of the journal; its age is the height.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Entry {
    /// A proposal, the batch of which goes with the entry, may have left.
    Proposed {
        height: Height,
        round: View,
        parent: Digest,
        producer: ReplicaId,
        valid: Option<Polka>,
    },
    /// A vote may have left.
    Voted { height: Height, round: View, phase: Phase, id: Option<Digest> },
    /// A quorum prevoted for this value, the batch of which goes with the entry; and perhaps the
    /// replica locked it.
    Valid { height: Height, parent: Digest, producer: ReplicaId, polka: Polka, locks: bool },
}

impl Entry {
    pub fn height(&self) -> Height {
        let (Self::Proposed { height, .. }
        | Self::Voted { height, .. }
        | Self::Valid { height, .. }) = self;
        *height
    }
}

impl Tendermint {
    /// Whether it has voted at a height that its ledger has lost: until that is there again, it
    /// says nothing.
    pub(super) fn is_bound_above(&self) -> bool {
        self.bound > self.height()
    }

    /// At the height that saved entries are about: takes up what they say.
    pub(super) fn resume(&mut self, now: Time, out: &mut Effects<Self>) {
        let mut votes = Vec::new();
        let (mut round, mut step) = (View(0), Step::Propose);
        let mut mine = None;
        for (entry, batch) in std::mem::take(&mut self.restored) {
            let batch = batch.unwrap_or_else(Batch::empty);
            match entry {
                Entry::Voted { round: at, phase, id, .. } => {
                    votes.push((phase, at, id));
                    let after = match phase {
                        Phase::Prevote => Step::Prevote,
                        Phase::Precommit => Step::Precommit,
                    };
                    (round, step) = (round, step).max((at, after));
                }
                Entry::Proposed { round: at, parent, producer, valid, .. } => {
                    (round, step) = (round, step).max((at, Step::Propose));
                    mine = Some((at, Value { parent, producer, batch }, valid));
                }
                Entry::Valid { parent, producer, polka, locks, .. } => {
                    let value = Value { parent, producer, batch };
                    if locks {
                        self.locked = Some((polka.round, value.id(self.height())));
                    }
                    self.valid = Some(Valid { value, polka });
                }
            }
        }
        self.round = round;
        if let Some((at, value, valid)) = mine.filter(|&(at, ..)| at == round) {
            self.remember(at, value, valid, out);
        }
        self.start_round(now, round, out);
        self.step = step;
        for (phase, at, id) in votes.into_iter().filter(|&(_, at, _)| at == round) {
            self.say_vote(phase, at, id, out);
        }
    }

    /// Puts its own proposal back where it was.
    fn remember(
        &mut self,
        round: View,
        value: Value,
        valid: Option<Polka>,
        out: &mut Effects<Self>,
    ) {
        let height = self.height();
        let signature = Signature::default();
        let mut proposal = Proposal { height, round, value, valid, signature };
        proposal.signature = out.sign(&proposal.statement(&self.seat.committee));
        let id = proposal.value.id(height);
        self.round_mut(round).proposal = Some((id, Arc::new(proposal)));
    }
}
