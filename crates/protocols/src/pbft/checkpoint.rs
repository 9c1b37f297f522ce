//! Checkpoints and garbage collection (§4.3).

use std::sync::Arc;

use byzlab_core::{Effects, Height, ReplicaId, Signature, Time, block::Head};

use super::{
    Pbft,
    log::base,
    message::{Message, Stable},
};
use crate::kit::Tally;

impl Pbft {
    pub(super) fn on_checkpoint(
        &mut self,
        now: Time,
        from: ReplicaId,
        head: Head,
        signature: Signature,
        out: &mut Effects<Self>,
    ) {
        let height = head.height;
        if height <= self.stable.head.height {
            return out.drop(from, "checkpoint", "not above the stable one");
        }
        if !height.0.is_multiple_of(self.setup.interval) {
            return out.drop(from, "checkpoint", "at a height where none is made");
        }
        self.touch(now, height, out);
        if height.0 > self.head.height.max(self.stable.head.height).0 + self.setup.window {
            return out.drop(from, "checkpoint", "above the high watermark");
        }
        let (quorum, size) = (self.setup.quorum, self.seat.committee.size());
        let tally = self.checkpoints.entry(height).or_insert_with(|| Tally::new(quorum, size));
        let own = (from == self.seat.me).then(|| tally.settle(head.digest)).flatten();
        let fired = own.or_else(|| tally.add(from, head.digest, signature));
        if let Some(certificate) = fired.or_else(|| tally.settle_if_full()) {
            self.on_stable(now, Arc::new(Stable { head, certificate }), out);
        }
    }

    pub(super) fn on_stable_proof(
        &mut self,
        now: Time,
        from: ReplicaId,
        stable: Arc<Stable>,
        out: &mut Effects<Self>,
    ) {
        if stable.head.height <= self.stable.head.height {
            return out.drop(from, "stable", "not above the stable one");
        }
        if stable.certificate.len() < self.setup.quorum {
            return out.drop(from, "stable", "a certificate below the quorum");
        }
        self.sync.learn(from, stable.head.height);
        self.on_stable(now, stable, out);
    }

    /// §4.3: the checkpoint with its proof is stable; discard what is at or below it.
    pub(super) fn on_stable(&mut self, now: Time, stable: Arc<Stable>, out: &mut Effects<Self>) {
        if stable.head.height <= self.stable.head.height {
            return;
        }
        for signer in stable.certificate.signers() {
            self.sync.learn(signer, stable.head.height);
        }
        self.stable = stable;
        self.checkpoints = self.checkpoints.split_off(&self.stable.head.height.next());
        self.collect_garbage();
        out.compact(self.compacted());
        if self.lacks_blocks() {
            self.fidget(now, out);
        }
        self.ask(out);
    }

    /// Lets go of slots that are both stable and executed. What is stable and not executed is kept, up to a
    /// window of it: its votes may still come in, and else state transfer brings the block.
    pub(super) fn collect_garbage(&mut self) {
        let base = base(self.stable.head, self.head, self.setup.window);
        while self.base < base {
            self.slots.pop_front();
            self.base = self.base.next();
        }
    }

    /// Whether a quorum executed more than this replica has.
    pub(super) fn lacks_blocks(&self) -> bool {
        self.stable.head.height > self.head.height
    }

    /// Sends the proof of the stable checkpoint to one whose own is older.
    pub(super) fn send_stable(&self, to: ReplicaId, theirs: Height, out: &mut Effects<Self>) {
        if self.stable.head.height > theirs {
            out.send(to, Message::Stable(self.stable.clone()));
        }
    }
}
