//! Keeping up: what a replica does that was away, lost messages, or lacks blocks.
//!
//! An idle replica asks one other now and then. A replica for which something is under way and nothing
//! happens says where it stands ([`Status`]); each other answers with what it lacks: the stable
//! checkpoint, the new view, votes, and how high the ledger is, from which [`Sync`](crate::kit::Sync) goes
//! on. This is the paper's retransmission, driven by the receiver.

use byzlab_core::{Block, Digest, Effects, Height, Note, ReplicaId, Time, To};

use super::{
    Pbft, Timer,
    message::{Message, Status},
    proposal::{Commitment, Proposal},
};
use crate::kit::Catchup;

/// How many peers are asked at once for a missing batch.
const FETCH_FANOUT: usize = 2;
/// For how many heights votes are sent again to one that asks.
const RESENT_HEIGHTS_MAX: u64 = 32;

impl Pbft {
    pub(super) fn on_start(&mut self, now: Time, out: &mut Effects<Self>) {
        self.announce(out);
        self.rest(now, out);
        if self.came_back {
            self.resume(now, out);
        }
        self.ask(out);
    }

    /// Takes up where the log ends: says again what it said last, and asks what it missed.
    fn resume(&mut self, now: Time, out: &mut Effects<Self>) {
        out.compact(self.compacted());
        if self.active {
            for height in (self.head.height.0 + 1..self.next.0).map(Height) {
                self.vote(now, height, out);
                self.resend_batch(To::All, height, out);
                self.resend_votes(To::All, height, out);
            }
            self.fetch_missing(out);
        } else {
            self.send_view_change(To::All, out);
        }
        for signer in self.stable.certificate.signers() {
            self.sync.learn(signer, self.stable.head.height);
        }
        self.say_status(true, To::All, out);
        self.pump(now, out);
        self.fidget(now, out);
    }

    fn say_status(&self, asks: bool, to: To, out: &mut Effects<Self>) {
        let status = Status {
            view: self.view,
            active: self.active,
            stable: self.stable.head.height,
            executed: self.head.height,
            has: self.has(),
            asks,
        };
        super::normal::say(to, Message::Status(status), out);
    }

    /// Up to where the batches of this view are at hand, without a gap.
    fn has(&self) -> Height {
        let at_hand = |height: &Height| {
            self.slot(*height).is_some_and(|slot| {
                slot.accepted.is_some_and(|digest| slot.proposal(digest).is_some())
            })
        };
        let head = self.head.height;
        (head.0 + 1..).map(Height).take_while(at_hand).last().unwrap_or(head)
    }

    /// Something is under way: looks again in a while whether it got anywhere.
    pub(super) fn fidget(&mut self, now: Time, out: &mut Effects<Self>) {
        if !self.fidgeting {
            (self.fidgeting, self.resting) = (true, false);
            self.seen = self.head.height;
            out.arm(Timer::Status, now + self.setup.status_gap(self.quiet));
        }
    }

    fn is_restless(&self) -> bool {
        let head = self.head.height;
        self.waiting
            || !self.active
            || self.touched_top > head
            || self.lacks_blocks()
            || self.sync.behind(head)
    }

    /// Nothing is under way: asks one peer, another each time, after a long while. Else a replica that was
    /// cut off when the last block was committed would not hear of it before the next.
    fn rest(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.resting && self.head.height == self.seen {
            let size = self.seat.committee.size() as u64;
            let others = 1 + self.asked % (size - 1).max(1);
            let peer = self.seat.committee.at_turn(u64::from(self.seat.me.0) + others);
            self.asked += 1;
            self.say_status(true, To::One(peer), out);
        }
        (self.resting, self.seen, self.quiet) = (true, self.head.height, 0);
        out.arm(Timer::Status, now + self.setup.idle_gap());
    }

    pub(super) fn on_status_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        self.fidgeting = false;
        if !self.is_restless() {
            return self.rest(now, out);
        }
        if self.head.height > self.seen {
            self.quiet = 0;
        } else {
            self.quiet = self.quiet.saturating_add(1);
            self.say_status(true, To::All, out);
            if !self.active {
                self.send_view_change(To::All, out);
            }
            self.fetch_missing(out);
            self.pump(now, out);
        }
        self.fidget(now, out);
    }

    pub(super) fn on_status(
        &mut self,
        now: Time,
        from: ReplicaId,
        status: Status,
        out: &mut Effects<Self>,
    ) {
        if from == self.seat.me {
            return;
        }
        self.sync.learn(from, status.executed);
        if !status.asks {
            return self.pump(now, out);
        }
        let answered = &mut self.answered[from.index()];
        if answered.is_some_and(|at| now < at + self.setup.status_gap(0)) {
            return out.drop(from, "status", "answered a moment ago");
        }
        *answered = Some(now);
        self.answer(now, from, status, out);
        if self.is_restless() {
            self.fidget(now, out);
        }
    }

    fn answer(&self, now: Time, to: ReplicaId, theirs: Status, out: &mut Effects<Self>) {
        self.send_stable(to, theirs.stable, out);
        if theirs.view < self.view || (theirs.view == self.view && !theirs.active) {
            match &self.entered {
                Some((new_view, _)) if self.active => {
                    out.send(to, Message::NewView(new_view.clone()));
                }
                _ if !self.active => self.send_view_change(To::One(to), out),
                _ => {}
            }
        } else if theirs.view > self.view {
            if theirs.active {
                self.say_status(true, To::One(to), out);
            }
        } else if self.active {
            let low = self.head.height.max(theirs.executed).0;
            let top = self.accepted_top.0.min(low + RESENT_HEIGHTS_MAX);
            let lacked = Height(self.head.height.max(theirs.has).0.saturating_add(1));
            if self.is_late(now, lacked) {
                self.resend_batch(To::One(to), lacked, out);
            }
            for height in low + 1..=top {
                self.resend_votes(To::One(to), Height(height), out);
            }
        }
        if self.head.height > theirs.executed {
            self.say_status(false, To::One(to), out);
        }
    }

    /// Whether what this replica, the primary, proposed at `height` should be executed by now. Before that
    /// it is under way: batches stand in the queue of a busy link for long, and a second copy behind the
    /// first would hold up all that come after.
    fn is_late(&self, now: Time, height: Height) -> bool {
        let proposed_at = self.slot(height).and_then(|slot| slot.proposed_at);
        let wait = self.setup.status_gap(0).max(self.round.times(2));
        proposed_at.is_none_or(|at| now >= at + wait)
    }

    /// Sends again what it proposed at `height` in this view, as primary.
    fn resend_batch(&self, to: To, height: Height, out: &mut Effects<Self>) {
        let Some(slot) = self.slot(height) else { return };
        let Some(digest) = slot.accepted.filter(|_| slot.voted) else { return };
        let Some(proposal) = slot.proposal(digest) else { return };
        let mine = self.primary() == self.seat.me && proposal.origin == self.view;
        if mine && !proposal.batch.is_empty() {
            self.send_pre_prepare(to, height, proposal, out);
        }
    }

    /// Sends again its votes on `height` in this view.
    fn resend_votes(&self, to: To, height: Height, out: &mut Effects<Self>) {
        let Some(slot) = self.slot(height) else { return };
        let Some(digest) = slot.accepted.filter(|_| slot.voted) else { return };
        if slot.proposal(digest).is_none() {
            return;
        }
        if self.primary() != self.seat.me && to != To::All {
            self.send_prepare(to, height, digest, out);
        }
        let prepared = slot.prepared.as_ref().map(|p| (p.claimed.view, p.claimed.digest));
        if prepared == Some((self.view, digest)) {
            self.send_commit(to, height, digest, out);
        }
    }

    /// Asks for the batches that the new view proposes again and this replica never had.
    pub(super) fn fetch_missing(&mut self, out: &mut Effects<Self>) {
        let Some((new_view, _)) = self.entered.clone().filter(|_| self.active) else { return };
        for (height, digest, _) in new_view.proposals() {
            let Some(slot) = self.slot(height).filter(|_| height > self.head.height) else {
                continue;
            };
            if slot.accepted != Some(digest) || slot.proposal(digest).is_some() {
                continue;
            }
            let Some(holders) = new_view.holders(height) else { continue };
            let me = self.seat.me;
            let peers: Vec<_> = holders.signers().filter(|&peer| peer != me).collect();
            for _ in 0..FETCH_FANOUT.min(peers.len()) {
                self.fetches += 1;
                out.send(peers[self.fetches % peers.len()], Message::Fetch(height, digest));
            }
        }
    }

    pub(super) fn on_fetch(
        &mut self,
        from: ReplicaId,
        height: Height,
        digest: Digest,
        out: &mut Effects<Self>,
    ) {
        match self.slot(height).and_then(|slot| slot.proposal(digest)) {
            Some(proposal) => out.send(from, Message::Fetched(height, proposal.clone())),
            None => out.drop(from, "fetch", "that batch is not at hand"),
        }
    }

    pub(super) fn on_fetched(
        &mut self,
        now: Time,
        from: ReplicaId,
        height: Height,
        proposal: Proposal,
        out: &mut Effects<Self>,
    ) {
        let digest = proposal.digest();
        let wanted = |slot: &&mut super::slot::Slot| {
            slot.accepted == Some(digest) && slot.proposal(digest).is_none()
        };
        let Some(slot) = self.slot_mut(height).filter(wanted) else {
            return out.drop(from, "fetched", "nothing lacks it");
        };
        slot.learn(digest, proposal);
        if self.active {
            self.vote(now, height, out);
        }
        self.execute(now, out);
    }

    pub(super) fn on_catchup(
        &mut self,
        now: Time,
        from: ReplicaId,
        catchup: Catchup,
        out: &mut Effects<Self>,
    ) {
        match catchup {
            Catchup::Ask(height) => self.sync.on_ask(from, height, out),
            Catchup::Blocks(blocks) => {
                let blocks = self.sync.on_blocks(from, blocks, self.head, Timer::Sync, out);
                self.take_over(now, blocks, out);
                self.pump(now, out);
            }
        }
    }

    /// Asks for blocks, unless those would be above the high watermark: then the stable checkpoint, which
    /// comes with every answer to a status, is needed first.
    pub(super) fn pump(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.head.height.0 < self.stable.head.height.0 + self.setup.window {
            self.sync.pump(now, self.head.height, Timer::Sync, out);
        }
    }

    /// Commits audited blocks that extend the head.
    fn take_over(&mut self, now: Time, blocks: Vec<Block>, out: &mut Effects<Self>) {
        for block in blocks {
            if block.height.0 > self.stable.head.height.0 + self.setup.window {
                out.note(Note::Waits {
                    why: "the stable checkpoint is too far below these blocks",
                });
                break;
            }
            let commitment = Commitment::of(&block.proof).expect("it was audited");
            let proposal = Proposal { origin: commitment.origin, batch: block.batch.clone() };
            let digest = proposal.digest();
            if let Some(slot) = self.slot_mut(block.height) {
                slot.learn(digest, proposal).saved = true;
            }
            self.finish(block, digest, out);
            self.collect_garbage();
        }
        self.execute(now, out);
        self.watch_anew(now, out);
        self.ask(out);
    }
}
