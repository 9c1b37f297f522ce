//! What a replica saves before it leaves, and how it comes back from it.

use std::sync::Arc;

use byzlab_core::{Batch, Digest, Effects, Height, ReplicaId, View, block::Head};
use serde::{Deserialize, Serialize};

use super::{
    Streamlet,
    message::{Message, Notarization, Proposal, proposal_statement},
};
use crate::kit::Draft;

/// An entry of the journal; its age is the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Entry {
    /// The content of a block that was proposed or voted for; its batch goes with the entry.
    Draft { epoch: View, height: Height, parent: Digest, producer: ReplicaId },
    /// Why the block below one that is voted for is notarized: after a restart, no shorter chain will do.
    Notarized(Arc<Notarization>),
    /// A vote may have left.
    Voted { epoch: View, head: Head },
}

impl Streamlet {
    pub(super) fn save_draft(&mut self, epoch: View, draft: &Draft, out: &mut Effects<Self>) {
        let Draft { height, parent, producer, ref batch } = *draft;
        let entry = Entry::Draft { epoch, height, parent, producer };
        self.journal.save(epoch.0, entry, Some(batch), out);
    }

    /// Takes up what the entries say: no second vote in an epoch, nor one for a shorter chain.
    pub(super) fn bind(&mut self) {
        for (entry, batch) in self.restored.clone() {
            match entry {
                Entry::Draft { height, parent, producer, .. } => {
                    let batch = batch.unwrap_or_else(Batch::empty);
                    let draft = Draft { height, parent, producer, batch };
                    self.chain.insert(draft.clone(), draft.head());
                }
                Entry::Notarized(notarization) => self.notarize(notarization),
                Entry::Voted { epoch, head } => {
                    self.bound = self.bound.max(epoch);
                    self.lock = self.lock.max(Height(head.height.0 - 1));
                }
            }
        }
    }

    /// Says again what it said before it stopped.
    pub(super) fn resume(&mut self, out: &mut Effects<Self>) {
        for (entry, batch) in std::mem::take(&mut self.restored) {
            match entry {
                Entry::Voted { epoch, head } => self.say_vote(epoch, head, out),
                Entry::Draft { epoch, height, parent, producer } if producer == self.seat.me => {
                    let batch = batch.unwrap_or_else(Batch::empty);
                    let draft = Draft { height, parent, producer, batch };
                    let (committee, head) = (&self.seat.committee, draft.head());
                    let signature = out.sign(&proposal_statement(committee, epoch, head));
                    let proposal = Arc::new(Proposal { epoch, draft, parent: None, signature });
                    self.slot(epoch).proposal = Some((head, proposal.clone()));
                    out.broadcast(Message::Proposal(proposal));
                }
                Entry::Draft { .. } | Entry::Notarized(_) => {}
            }
        }
    }
}
