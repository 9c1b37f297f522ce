//! Execution in order (§4.2), and the timer that watches over it (§4.5.2).

use byzlab_core::{Block, Digest, Effects, Span, Time, block::Head};

use super::{
    Pbft, Timer,
    message::{Message, checkpoint_statement},
    proposal::{Commitment, Proposal},
};

impl Pbft {
    /// Executes what is committed and next.
    pub(super) fn execute(&mut self, now: Time, out: &mut Effects<Self>) {
        let (before, mut progress) = (self.head.height, false);
        while let Some((block, digest)) = self.next_block() {
            progress |= !block.batch.is_empty();
            let slot = self.slot(block.height);
            if let Some(at) = slot.and_then(|slot| slot.proposed_at) {
                self.round = now.since(at).max(Span(self.round.0 - self.round.0 / 8));
            }
            self.finish(block, digest, out);
        }
        if self.head.height > before {
            if progress {
                self.view_changes = 0;
            }
            self.collect_garbage();
            self.watch_anew(now, out);
            self.ask(out);
        }
    }

    /// The next block, if it is committed and its batch is at hand.
    fn next_block(&mut self) -> Option<(Block, Digest)> {
        let (head, committee) = (self.head, self.seat.committee.clone());
        let height = head.height.next();
        let slot = self.slot_mut(height)?;
        let digest = slot.committed.as_ref()?.1;
        let Proposal { origin, batch } = slot.proposal(digest)?.clone();
        let (view, _, certificate) = slot.committed.take()?;
        let proof = Commitment { view, origin, certificate }.to_proof();
        let producer = committee.at_turn(origin.0);
        Some((Block::chained(height, head.digest, producer, batch, proof), digest))
    }

    /// Commits `block`, which is final and next.
    pub(super) fn finish(&mut self, block: Block, digest: Digest, out: &mut Effects<Self>) {
        self.head = block.head();
        if let Some(slot) = self.slot_mut(block.height) {
            slot.executed = Some((digest, block.proof.clone()));
            (slot.prepared, slot.committed) = (None, None);
        }
        out.commit(block);
        // §4.3: a checkpoint is made when a request with a number divisible by K is executed.
        let Head { height, .. } = self.head;
        if height.0.is_multiple_of(self.setup.interval) && height > self.stable.head.height {
            let signature = out.sign(&checkpoint_statement(&self.seat.committee, self.head));
            out.broadcast(Message::Checkpoint(self.head, signature));
        }
    }

    /// §4.5.2: starts the timer if it does not run and this backup waits for a request to be executed.
    pub(super) fn watch(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.active && !self.timing && self.waits_for_primary() {
            self.timing = true;
            out.arm(Timer::View, now + self.setup.timeout(self.view_changes));
        }
    }

    /// Stops the timer, and starts it again if there is still something to wait for.
    pub(super) fn watch_anew(&mut self, now: Time, out: &mut Effects<Self>) {
        if !self.active {
            return;
        }
        if self.timing && !self.waits_for_primary() {
            out.disarm(Timer::View);
        }
        self.timing = false;
        self.watch(now, out);
    }

    pub(super) fn waits_for_primary(&self) -> bool {
        self.primary() != self.seat.me && (self.waiting || self.accepted_top > self.head.height)
    }
}
