//! The normal case (§4.2): three phases, then execution in order.

use std::sync::Arc;

use byzlab_core::{Batch, Digest, Effects, Height, Note, ReplicaId, Time, To, View};

use super::{
    Pbft,
    log::Entry,
    message::{Message, PrePrepare, Vote},
    proposal::{Phase, Proposal, vote_statement},
    slot::Slot,
    view_change::{Claimed, Evidence, Prepared},
};
use crate::kit::Certificate;

/// How many views ahead messages are kept for.
const EARLY_VIEWS_MAX: u64 = 2;

impl Pbft {
    /// Asks for a batch when this replica is the primary and may propose another height.
    pub(super) fn ask(&mut self, out: &mut Effects<Self>) {
        if self.asking || !self.active || self.primary() != self.seat.me {
            return;
        }
        if !self.has_room() {
            return;
        }
        let in_flight = self.head.height.0 + 1..self.next.0;
        let branch: Vec<Batch> = in_flight
            .filter_map(|h| self.slot(Height(h)))
            .filter_map(|slot| Some(slot.proposal(slot.accepted?)?.batch.clone()))
            .filter(|batch| !batch.is_empty())
            .collect();
        self.asking = true;
        out.want_batch(self.setup.batch, branch);
    }

    /// Whether the primary may propose another height: within the pipeline, and below the high watermark.
    fn has_room(&mut self) -> bool {
        let (head, stable) = (self.head.height, self.stable.head.height);
        self.next = self.next.max(head.next()).max(stable.next());
        self.next.0 <= head.0 + self.setup.in_flight && self.next.0 <= stable.0 + self.setup.window
    }

    pub(super) fn on_batch(&mut self, now: Time, batch: Batch, out: &mut Effects<Self>) {
        self.asking = false;
        if !self.active || self.primary() != self.seat.me || !self.has_room() {
            return out.note(Note::Waits { why: "a batch came for a view that was left" });
        }
        if batch.is_empty() {
            return out.note(Note::Waits { why: "there is nothing to propose" });
        }
        // §4.2: the primary assigns a sequence number n and multicasts a pre-prepare.
        let (view, height) = (self.view, self.next);
        self.next = height.next();
        let transactions = batch.len() as u32;
        let proposal = Proposal { origin: view, batch };
        let digest = proposal.digest();
        let slot = self.slot_mut(height).expect("there is room");
        (slot.voted, slot.proposed_at) = (true, Some(now));
        let known = slot.learn(digest, proposal.clone());
        Entry::accepted(view, height, known, |record| out.save(record));
        known.saved = true;
        out.note(Note::Proposed { view, height, transactions });
        self.send_pre_prepare(To::All, height, &proposal, out);
    }

    pub(super) fn send_pre_prepare(
        &self,
        to: To,
        height: Height,
        proposal: &Proposal,
        out: &mut Effects<Self>,
    ) {
        let (view, batch) = (self.view, proposal.batch.clone());
        let committee = &self.seat.committee;
        let statement = vote_statement(committee, Phase::Prepare, view, height, proposal.digest());
        let signature = out.sign(&statement);
        say(to, Message::PrePrepare(PrePrepare { view, height, batch, signature }), out);
    }

    pub(super) fn on_pre_prepare(
        &mut self,
        now: Time,
        from: ReplicaId,
        message: PrePrepare,
        out: &mut Effects<Self>,
    ) {
        let PrePrepare { view, height, signature, .. } = message;
        // §4.2: accepted if it is in view v, ...
        if view != self.view || !self.active {
            return self.on_other_view(now, from, Message::PrePrepare(message), out);
        }
        let proposal = message.proposal();
        let digest = proposal.digest();
        // ... n is between the watermarks, ...
        let Some(slot) = self.slot_mut(height) else {
            return self.on_out_of_window(now, from, height, "pre-prepare", out);
        };
        // ... and no pre-prepare for v and n with another digest was accepted.
        match slot.accepted {
            Some(accepted) if accepted != digest => {
                let what = "two proposals for one height in one view";
                return out.note(Note::Misbehaved { by: from, what });
            }
            Some(_) if slot.voted => {
                // Sent again: its vote may be what was missing.
                if let Some(certificate) = slot.prepares.add(from, digest, signature) {
                    self.on_prepared(height, digest, certificate, out);
                }
                return;
            }
            _ => {}
        }
        if slot.executed.as_ref().is_some_and(|(executed, _)| *executed != digest) {
            let what = "a proposal that contradicts a committed block";
            return out.note(Note::Misbehaved { by: from, what });
        }
        slot.accepted = Some(digest);
        slot.primary_vote = Some(signature);
        slot.learn(digest, proposal);
        self.accepted_top = self.accepted_top.max(height);
        self.vote(now, height, out);
        self.touch(now, height, out);
        self.watch(now, out);
        self.ask(out);
    }

    /// Votes for what was accepted at `height`, once its batch is at hand. Votes again if it did already.
    pub(super) fn vote(&mut self, now: Time, height: Height, out: &mut Effects<Self>) {
        let (view, primary, me) = (self.view, self.primary(), self.seat.me);
        let Some(slot) = self.slot_mut(height) else { return };
        let voted = std::mem::replace(&mut slot.voted, true);
        let Some(known) = slot.accepted_proposal() else {
            slot.voted = voted;
            return;
        };
        let digest = known.digest;
        if !voted {
            Entry::accepted(view, height, known, |record| out.save(record));
            known.saved = true;
        }
        if me != primary {
            self.send_prepare(To::All, height, digest, out);
        }
        let slot = self.slot_mut(height).expect("as above");
        let mut prepared = slot.prepares.settle(digest);
        if let Some(vote) = slot.primary_vote {
            prepared = prepared.or_else(|| slot.prepares.add(primary, digest, vote));
        }
        let committed = slot.commits.settle(digest);
        if let Some(certificate) = prepared {
            self.on_prepared(height, digest, certificate, out);
        }
        if let Some(certificate) = committed {
            self.on_committed(now, height, digest, certificate, out);
        }
    }

    pub(super) fn send_prepare(
        &self,
        to: To,
        height: Height,
        digest: Digest,
        out: &mut Effects<Self>,
    ) {
        let view = self.view;
        let committee = &self.seat.committee;
        let statement = vote_statement(committee, Phase::Prepare, view, height, digest);
        let signature = out.sign(&statement);
        say(to, Message::Prepare(Vote { view, height, digest, signature }), out);
    }

    pub(super) fn on_prepare(
        &mut self,
        now: Time,
        from: ReplicaId,
        vote: Vote,
        out: &mut Effects<Self>,
    ) {
        if vote.view != self.view || !self.active {
            return self.on_other_view(now, from, Message::Prepare(vote), out);
        }
        let Some(slot) = self.slot_mut(vote.height) else {
            return self.on_out_of_window(now, from, vote.height, "prepare", out);
        };
        let prepared = slot.prepares.add(from, vote.digest, vote.signature);
        self.touch(now, vote.height, out);
        if let Some(certificate) = prepared {
            self.on_prepared(vote.height, vote.digest, certificate, out);
        }
    }

    /// §4.2: prepared(m, v, n, i) became true; multicast a commit.
    fn on_prepared(
        &mut self,
        height: Height,
        digest: Digest,
        certificate: Certificate,
        out: &mut Effects<Self>,
    ) {
        let slot = self.slot_mut(height).expect("it was voted on");
        if slot.commits.fired() {
            return; // The commit went out with the commit certificate.
        }
        self.commit_to(height, digest, Phase::Prepare, certificate, out);
    }

    /// Saves why `digest` cannot lose its height in a later view, and says so.
    fn commit_to(
        &mut self,
        height: Height,
        digest: Digest,
        phase: Phase,
        certificate: Certificate,
        out: &mut Effects<Self>,
    ) {
        let view = self.view;
        let claimed = Claimed { height, view, digest };
        let prepared = Arc::new(Prepared { claimed, evidence: Evidence { phase, certificate } });
        // Saved even if it is executed: the log must not lean on a ledger that may be cut back.
        out.save(Entry::Prepared(prepared.clone()).record());
        let slot = self.slot_mut(height).expect("it was voted on");
        if slot.executed.is_none() {
            slot.prepared = Some(prepared);
        }
        self.send_commit(To::All, height, digest, out);
    }

    pub(super) fn send_commit(
        &self,
        to: To,
        height: Height,
        digest: Digest,
        out: &mut Effects<Self>,
    ) {
        let view = self.view;
        let committee = &self.seat.committee;
        let statement = vote_statement(committee, Phase::Commit, view, height, digest);
        let signature = out.sign(&statement);
        say(to, Message::Commit(Vote { view, height, digest, signature }), out);
    }

    pub(super) fn on_commit(
        &mut self,
        now: Time,
        from: ReplicaId,
        vote: Vote,
        out: &mut Effects<Self>,
    ) {
        if vote.view != self.view || !self.active {
            return self.on_other_view(now, from, Message::Commit(vote), out);
        }
        let Some(slot) = self.slot_mut(vote.height) else {
            return self.on_out_of_window(now, from, vote.height, "commit", out);
        };
        let committed = slot.commits.add(from, vote.digest, vote.signature);
        self.touch(now, vote.height, out);
        if let Some(certificate) = committed {
            self.on_committed(now, vote.height, vote.digest, certificate, out);
        }
    }

    /// §4.2: committed-local(m, v, n, i) became true; execute when everything below is executed.
    fn on_committed(
        &mut self,
        now: Time,
        height: Height,
        digest: Digest,
        certificate: Certificate,
        out: &mut Effects<Self>,
    ) {
        let view = self.view;
        let slot = self.slot_mut(height).expect("it was voted on");
        if !slot.prepares.fired() {
            // A quorum committed, so a quorum prepared: their commits are as good a certificate.
            let certificate = certificate.clone();
            self.commit_to(height, digest, Phase::Commit, certificate, out);
        }
        let slot = self.slot_mut(height).expect("it was voted on");
        if slot.executed.is_none() {
            slot.committed = Some((view, digest, certificate));
        }
        self.execute(now, out);
    }

    /// The slot of `height`, if that is between the watermarks.
    pub(super) fn slot_mut(&mut self, height: Height) -> Option<&mut Slot> {
        let index = height.0.checked_sub(self.base.0 + 1)?;
        if height.0 > self.stable.head.height.0 + self.setup.window {
            return None;
        }
        let index = index as usize;
        if index >= self.slots.len() {
            let (quorum, size) = (self.setup.quorum, self.seat.committee.size());
            self.slots.resize_with(index + 1, || Slot::new(quorum, size));
        }
        self.slots.get_mut(index)
    }

    /// The slot of `height`, if anything was ever said about it.
    pub(super) fn slot(&self, height: Height) -> Option<&Slot> {
        let index = height.0.checked_sub(self.base.0 + 1)?;
        self.slots.get(index as usize)
    }

    /// Notes that something is going on at `height`: if it does not get executed, this replica asks.
    pub(super) fn touch(&mut self, now: Time, height: Height, out: &mut Effects<Self>) {
        if height > self.touched_top {
            self.touched_top = height;
            self.fidget(now, out);
        }
    }

    fn on_out_of_window(
        &mut self,
        now: Time,
        from: ReplicaId,
        height: Height,
        kind: &'static str,
        out: &mut Effects<Self>,
    ) {
        if height <= self.base {
            return out.drop(from, kind, "at or below the low watermark");
        }
        self.touch(now, height, out);
        out.drop(from, kind, "above the high watermark");
    }

    /// A message of the normal case in another view than this one: kept if the view may still come.
    fn on_other_view(
        &mut self,
        now: Time,
        from: ReplicaId,
        message: Message,
        out: &mut Effects<Self>,
    ) {
        let kind = message.name();
        if message.view() < Some(self.view) {
            return out.drop(from, kind, "of a view that was left");
        }
        if message.view() > Some(View(self.view.0 + EARLY_VIEWS_MAX)) {
            return out.drop(from, kind, "of a view too far ahead");
        }
        let kept = self.early.entry(from).or_default();
        if kept.len() >= self.setup.early_max() {
            return out.drop(from, kind, "too many of views to come");
        }
        kept.push(message);
        self.fidget(now, out);
    }
}

/// Sends to one or to all.
pub(super) fn say(to: To, message: Message, out: &mut Effects<Pbft>) {
    match to {
        To::One(peer) => out.send(peer, message),
        To::All | To::Neighbours { .. } => out.broadcast(message),
    }
}
