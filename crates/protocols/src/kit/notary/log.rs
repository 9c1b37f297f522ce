//! What a replica saves before it leaves, and how it comes back from it: every draft that it voted
//! for or proposed, and every vote, above the view in which its ledger ends.

use std::sync::Arc;

use byzlab_core::{Batch, Digest, Effects, Height, ReplicaId, Saved, View, block::Head};
use serde::{Deserialize, Serialize};

use super::{
    Notary, Pending, Rules,
    message::{Finality, Message, Proposal, head_statement, nullify_statement},
    views::Mine,
};
use crate::kit::Draft;

/// An entry of the journal; its age is the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Entry {
    /// The content of a block that was proposed or voted for; its batch goes with the entry.
    Draft { view: View, height: Height, parent: Digest, producer: ReplicaId },
    /// A vote may have left.
    Voted { view: View, head: Head },
    /// A vote to go on without a block may have left.
    Nullified { view: View },
    /// A finalize vote may have left.
    Finalized { view: View, head: Head },
}

impl Entry {
    pub fn view(&self) -> View {
        let (Self::Draft { view, .. }
        | Self::Voted { view, .. }
        | Self::Nullified { view }
        | Self::Finalized { view, .. }) = self;
        *view
    }
}

/// Where the ledger ends, in views: what its last block's proof makes final, and in which view; only
/// half of that if the last commits were cut off.
pub(super) fn ledger_end(saved: &Saved<'_>) -> (View, Option<Pending>) {
    let last = saved.ledger.block(saved.head.height);
    let finality = last.and_then(|block| Finality::of(&block.proof).ok());
    let Some(Finality { view, way, certificate }) = finality else { return (View(0), None) };
    match way.top(saved.head) {
        Ok(head) if head == saved.head => (view, None),
        Ok(head) => (View(0), Some(Pending { view, head, certificate })),
        Err(_) => (View(0), None),
    }
}

impl<R: Rules> Notary<R> {
    pub(super) fn save_draft(&mut self, view: View, draft: &Draft, out: &mut Effects<Self>) {
        let Draft { height, parent, producer, ref batch } = *draft;
        let entry = Entry::Draft { view, height, parent, producer };
        self.journal.save(view.0, entry, Some(batch), out);
    }

    /// Says again what it said before it stopped, in every view above its ledger.
    pub(super) fn resume(&mut self, out: &mut Effects<Self>) {
        for (entry, batch) in std::mem::take(&mut self.restored) {
            self.view = self.view.max(entry.view());
            if entry.view() > self.views.base().0 {
                self.restore(entry, batch.unwrap_or_else(Batch::empty), out);
            }
        }
        self.since = self.view;
        let base = self.views.base().0;
        let said: Vec<_> = self.views.from(base.next()).map(|(v, slot)| (v, slot.mine)).collect();
        for (view, mine) in said {
            let Mine { voted, nullified, finalized: _ } = mine;
            if let Some(head) = voted {
                self.say_vote(view, head, out);
            }
            if nullified {
                self.say_nullify(view, out);
            }
        }
    }

    fn restore(&mut self, entry: Entry, batch: Batch, out: &mut Effects<Self>) {
        match entry {
            Entry::Draft { view, height, parent, producer } => {
                let draft = Draft { height, parent, producer, batch };
                self.chain.insert(draft.clone(), draft.head());
                if producer == self.seat.me {
                    let domain = if R::PROPOSAL_VOTES { R::VOTE } else { R::PROPOSE };
                    let (committee, head) = (&self.seat.committee, draft.head());
                    let signature = out.sign(&head_statement(committee, domain, view, head));
                    let proposal = Arc::new(Proposal { view, draft, signature });
                    self.views.slot(view).proposal = Some((head, proposal.clone()));
                    out.broadcast(Message::Proposal(proposal).into());
                }
            }
            Entry::Voted { view, head } => self.views.slot(view).mine.voted = Some(head),
            Entry::Nullified { view } => self.views.slot(view).mine.nullified = true,
            Entry::Finalized { view, head } => {
                self.views.slot(view).mine.finalized = true;
                self.say_finalize(view, head, out);
            }
        }
    }

    pub(super) fn say_vote(&self, view: View, head: Head, out: &mut Effects<Self>) {
        let signature = out.sign(&head_statement(&self.seat.committee, R::VOTE, view, head));
        self.say(Message::Vote(view, head, signature), out);
    }
    pub(super) fn say_nullify(&self, view: View, out: &mut Effects<Self>) {
        let signature = out.sign(&nullify_statement::<R>(&self.seat.committee, view));
        self.say(Message::Nullify(view, signature), out);
    }
    pub(super) fn say_finalize(&self, view: View, head: Head, out: &mut Effects<Self>) {
        let signature = out.sign(&head_statement(&self.seat.committee, R::FINALIZE, view, head));
        self.say(Message::Finalize(view, head, signature), out);
    }
    fn say(&self, message: Message, out: &mut Effects<Self>) {
        out.broadcast(message.into());
    }
}
