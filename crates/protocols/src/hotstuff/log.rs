//! What a replica saves, and how it comes back from it.
//!
//! Before a vote, a proposal or a timeout leaves: the views in which it did so, the lock and the highest
//! certificate; before a vote also the block. So a replica that comes back votes as it did, and a certified
//! block survives a crash of everyone. What it entered its view by is saved too: perhaps nobody else has
//! it, and then only this replica can bring the others there. Now and then, and when it comes back, the log
//! is compacted to the last state and the blocks above the ledger.

use std::sync::Arc;

use byzlab_core::{
    Batch, BuildError, Digest, Effects, Height, Record, ReplicaId, Saved, View, block::Head,
};
use serde::{Deserialize, Serialize};

use super::{
    HotStuff,
    rules::{Finality, Qc, Rule},
};
use crate::kit::{Draft, TimeoutCertificate};

/// After how many records the log is compacted.
const RECORDS_MAX: u32 = 256;

/// A saved record.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Entry {
    /// A block that is not empty; its transactions follow in a record of their own, raw, so that they are
    /// shared with the batch and not copied.
    Block { height: Height, parent: Digest, producer: ReplicaId, root: Digest },
    /// What binds it; the last one counts.
    State {
        voted: View,
        proposed: View,
        prepared: View,
        lock: View,
        high: Arc<Qc>,
        timeout: Option<Arc<TimeoutCertificate>>,
        decision: Option<Arc<Qc>>,
    },
}

fn block_records(draft: &Draft) -> [Record; 2] {
    let Draft { height, parent, producer, ref batch } = *draft;
    let entry = Entry::Block { height, parent, producer, root: batch.root() };
    [Record::of(&entry), Record(batch.bytes().clone())]
}

impl HotStuff {
    fn state(&self) -> Record {
        let Self { voted, proposed, prepared, lock, .. } = *self;
        let (high, timeout) = (self.high.clone(), self.timeout.clone());
        let decision = self.decision.clone();
        Record::of(&Entry::State { voted, proposed, prepared, lock, high, timeout, decision })
    }

    /// Saves what binds this replica from now on.
    pub(super) fn save(&mut self, out: &mut Effects<Self>) {
        self.records += 1;
        if self.records < RECORDS_MAX {
            return out.save(self.state());
        }
        self.records = 0;
        out.compact(self.compacted());
    }

    /// Saves the block of `head`, if it is at hand and not in the ledger.
    pub(super) fn save_block(&mut self, head: Head, out: &mut Effects<Self>) {
        let Some(draft) = self.chain.get(&head.digest) else { return };
        self.records += 2;
        block_records(draft).into_iter().for_each(|record| out.save(record));
    }

    /// The records that say all that the log must say now.
    pub(super) fn compacted(&self) -> Vec<Record> {
        let mut records: Vec<Record> = self.chain.drafts().flat_map(block_records).collect();
        records.push(self.state());
        records
    }

    /// Takes up where records and ledger end.
    pub(super) fn restore(&mut self, saved: &Saved<'_>) -> Result<(), BuildError> {
        let mut drafts = Vec::new();
        let mut records = saved.records.iter();
        while let Some(record) = records.next() {
            match record.read::<Entry>()? {
                Entry::Block { height, parent, producer, root } => {
                    // Without its transactions: killed between the two, and no vote has left.
                    let Some(record) = records.next() else { break };
                    let batch = Batch::parse(root, record.0.clone())
                        .map_err(|e| BuildError(format!("a saved batch cannot be read: {e}")))?;
                    drafts.push(Draft { height, parent, producer, batch });
                }
                Entry::State { voted, proposed, prepared, lock, high, timeout, decision } => {
                    if high.lineage.rule != self.setup.rule {
                        let what = "the saved state is of another commit rule: `chain` or \
                                    `pipelined` has changed";
                        return Err(BuildError(what.to_owned()));
                    }
                    (self.voted, self.proposed, self.prepared) = (voted, proposed, prepared);
                    (self.lock, self.high) = (lock, high);
                    (self.timeout, self.decision) = (timeout, decision);
                }
            }
        }
        let needed = self.high.head();
        for draft in drafts {
            self.chain.insert(draft, needed);
        }
        self.restore_ledger(saved);
        let entered = match self.setup.rule {
            Rule::Double => self.decision.as_ref().map_or(View(1), |qc| qc.view().next()),
            Rule::ThreeChain | Rule::TwoChain => self.high.view().next(),
        };
        let view = entered.max(self.voted).max(self.proposed);
        self.timeout = self.timeout.take().filter(|timeout| timeout.view.next() == view);
        self.pacemaker.begin(view);
        Ok(())
    }

    /// The ledger may know of later certificates than the log.
    fn restore_ledger(&mut self, saved: &Saved<'_>) {
        let Some(block) = saved.ledger.block(saved.head.height) else { return };
        let Ok(finality) = Finality::of(&block.proof) else { return };
        if !self.trusts(&finality.qc) {
            return;
        }
        match self.setup.rule {
            Rule::Double => {
                let known = self.decision.as_ref().map(|decision| decision.view());
                if known < Some(finality.qc.view()) {
                    self.decision = Some(finality.qc);
                }
            }
            Rule::ThreeChain | Rule::TwoChain => {
                self.lock = self.lock.max(finality.qc.lineage.locks());
                if finality.qc.view() > self.high.view() {
                    self.high = finality.qc;
                }
            }
        }
    }
}
