//! What a replica saves, and how it comes back from it.
//!
//! Everything that binds a vote is saved before the vote leaves: the accepted proposal with its batch
//! before the prepare, the prepared certificate before the commit, the departure before the VIEW-CHANGE,
//! the NEW-VIEW before anything in it is acted on. So a replica that comes back votes as it did. A stable
//! checkpoint compacts the log to what lies above it, and so does coming back: half of an entry that was
//! cut off at the end of the log must not stand before others.

use std::sync::Arc;

use byzlab_core::{Batch, Block, BuildError, Digest, Height, Record, Saved, View, block::Head};
use serde::{Deserialize, Serialize};

use super::{
    Pbft,
    message::Stable,
    proposal::{Commitment, Proposal},
    slot::{Known, Slot},
    view_change::{NewView, Prepared},
};

/// A saved record. Transactions of an accepted batch follow in a record of their own, raw, so that they
/// are shared with the batch and not copied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Entry {
    /// A proposal was accepted in `view`, and its prepare (or pre-prepare) may have left; or it is just
    /// kept, for a later view may propose it again.
    Accepted { view: Option<View>, height: Height, digest: Digest, content: Content },
    /// A commit may have left.
    Prepared(Arc<Prepared>),
    /// Every view below this one was left.
    Left(View),
    /// A view was entered.
    Entered(Arc<NewView>),
    /// A checkpoint is stable.
    Stable(Arc<Stable>),
}

/// Where the content of an accepted proposal is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Content {
    /// In an earlier record, or in the ledger.
    Elsewhere,
    /// Here, and its transactions, if there are any, in the next record.
    Here { origin: View, root: Digest, transactions: bool },
}

impl Entry {
    pub fn record(&self) -> Record {
        Record::of(self)
    }
    /// Saves that `known` was accepted in `view`, with its content unless that is saved already.
    pub fn accepted(view: View, height: Height, known: &Known, save: impl FnMut(Record)) {
        Self::content(Some(view), height, known, known.saved, save);
    }
    fn content(
        view: Option<View>,
        height: Height,
        known: &Known,
        elsewhere: bool,
        mut save: impl FnMut(Record),
    ) {
        let Known { digest, proposal, .. } = known;
        let (origin, root) = (proposal.origin, proposal.batch.root());
        let transactions = !proposal.batch.is_empty();
        let content = match elsewhere {
            true => Content::Elsewhere,
            false => Content::Here { origin, root, transactions },
        };
        save(Self::Accepted { view, height, digest: *digest, content }.record());
        if transactions && !elsewhere {
            save(Record(proposal.batch.bytes().clone()));
        }
    }
}

/// What the records say, put together.
#[derive(Debug)]
pub(super) struct Restored {
    pub stable: Arc<Stable>,
    /// The view, and whether it was entered.
    pub view: View,
    pub active: bool,
    pub entered: Option<Arc<NewView>>,
    pub accepted: Vec<(View, Height, Digest)>,
    pub proposals: Vec<(Height, Digest, Proposal)>,
    pub prepared: Vec<Arc<Prepared>>,
}

impl Restored {
    /// Reads the records.
    ///
    /// # Errors
    /// If a record is none of this protocol's.
    pub fn read(records: &[Record], chain: Digest) -> Result<Self, BuildError> {
        let mut all = Self {
            stable: Arc::new(Stable::genesis(chain)),
            view: View(0),
            active: true,
            entered: None,
            accepted: Vec::new(),
            proposals: Vec::new(),
            prepared: Vec::new(),
        };
        let mut records = records.iter().peekable();
        while let Some(record) = records.next() {
            match record.read::<Entry>()? {
                Entry::Accepted { view, height, digest, content } => {
                    if let Content::Here { origin, root, transactions } = content {
                        let batch = match (transactions, records.next_if(|_| transactions)) {
                            (true, None) => break, // Killed between the two; no vote has left.
                            (true, Some(record)) => raw(record, root)?,
                            (false, _) => Batch::empty(),
                        };
                        all.proposals.push((height, digest, Proposal { origin, batch }));
                    }
                    all.accepted.extend(view.map(|view| (view, height, digest)));
                }
                Entry::Prepared(prepared) => all.prepared.push(prepared),
                Entry::Left(view) => {
                    if view > all.view {
                        (all.view, all.active) = (view, false);
                    }
                }
                Entry::Entered(new_view) => {
                    if new_view.view >= all.view {
                        (all.view, all.active) = (new_view.view, true);
                        all.entered = Some(new_view);
                    }
                }
                Entry::Stable(stable) => all.stable = stable,
            }
        }
        Ok(all)
    }
}

fn raw(record: &Record, root: Digest) -> Result<Batch, BuildError> {
    Batch::parse(root, record.0.clone())
        .map_err(|e| BuildError(format!("a saved batch cannot be read: {e}")))
}

impl Pbft {
    /// Fills the slots from the records and from the ledger.
    pub(super) fn restore(&mut self, restored: Restored, saved: &Saved<'_>) {
        for height in self.base.0 + 1..=self.head.height.0 {
            if let Some(block) = saved.ledger.block(Height(height)) {
                self.restore_block(&block);
            }
        }
        for (height, digest, proposal) in restored.proposals {
            if let Some(slot) = self.slot_mut(height) {
                slot.learn(digest, proposal).saved = true;
            }
        }
        for prepared in restored.prepared {
            let Some(slot) = self.slot_mut(prepared.claimed.height) else { continue };
            if slot.executed.is_none() {
                slot.prepared = Some(prepared);
            }
        }
        let mut top = self.head.height.max(self.stable.head.height);
        if let Some(new_view) = restored.entered.filter(|entered| entered.view == self.view) {
            for (height, digest, vote) in new_view.proposals() {
                if let Some(slot) = self.slot_mut(height) {
                    (slot.accepted, slot.primary_vote) = (Some(digest), Some(vote));
                }
            }
            top = top.max(new_view.top());
        }
        for (view, height, digest) in restored.accepted {
            if view != self.view || !self.active {
                continue;
            }
            if let Some(slot) = self.slot_mut(height) {
                (slot.accepted, slot.voted) = (Some(digest), true);
                top = top.max(height);
            }
        }
        self.next = top.next();
        self.accepted_top = top;
        self.touched_top = top;
    }

    fn restore_block(&mut self, block: &Block) {
        let Ok(commitment) = Commitment::of(&block.proof) else { return };
        let proposal = Proposal { origin: commitment.origin, batch: block.batch.clone() };
        if let Some(slot) = self.slot_mut(block.height) {
            let digest = proposal.digest();
            slot.learn(digest, proposal).saved = true;
            slot.executed = Some((digest, block.proof.clone()));
        }
    }

    /// The records that say all that the log must say now.
    pub(super) fn compacted(&self) -> Vec<Record> {
        let mut records = vec![Entry::Stable(self.stable.clone()).record()];
        if let Some((_, record)) = &self.entered {
            records.push(record.clone());
        }
        if !self.active {
            records.push(Entry::Left(self.view).record());
        }
        let heights = (self.base.0 + 1..).map(Height);
        for (height, slot) in heights.zip(&self.slots) {
            self.compact_slot(height, slot, &mut records);
        }
        records
    }

    fn compact_slot(&self, height: Height, slot: &Slot, records: &mut Vec<Record>) {
        for known in slot.known() {
            let accepted = slot.voted && slot.accepted == Some(known.digest);
            let in_ledger = slot.executed.as_ref().is_some_and(|(of, _)| *of == known.digest);
            let view = accepted.then_some(self.view);
            Entry::content(view, height, known, in_ledger, |record| records.push(record));
        }
        if let Some(prepared) = slot.evidence(height) {
            records.push(Entry::Prepared(prepared).record());
        }
    }
}

/// Whether a replica that finds this was seated before.
pub(super) fn came_back(saved: &Saved<'_>) -> bool {
    !saved.records.is_empty() || saved.head.height > Height::GENESIS
}

/// Where slots begin: above what is both stable and executed; but a replica that lacks more blocks than a
/// window has no use for slots there, for state transfer will bring them.
pub(super) fn base(stable: Head, head: Head, window: u64) -> Height {
    match stable.height.0.saturating_sub(head.height.0) <= window {
        true => stable.height.min(head.height),
        false => stable.height,
    }
}
