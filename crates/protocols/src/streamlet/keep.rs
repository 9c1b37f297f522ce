//! Keeping up: what comes in of which epoch, echoes, retransmission, missing blocks, state transfer.

use std::sync::Arc;

use byzlab_core::{Block, Effects, Note, ReplicaId, Time, View, block::Head};

use super::{
    EPOCHS_KEPT, Slot, Streamlet, Timer,
    message::{Finality, Message, Proposal, Status, Vote},
};
use crate::kit::{Beat, Catchup, Gap, Wanted, chain::DEPTH_MAX};

/// How many epochs ahead of its clock a replica keeps messages of: others' clocks may be ahead.
const EPOCHS_AHEAD: u64 = 2;
/// How many epochs' votes are said again, the latest.
const RESENT_VOTES_MAX: usize = 8;

impl Streamlet {
    pub(super) fn on_start(&mut self, now: Time, out: &mut Effects<Self>) {
        out.lead(self.rotation.hint());
        if self.came_back {
            self.journal.compact(out);
            self.resume(out);
            self.say_status(true, None, out);
        }
        out.arm(Timer::Status, self.pulse.next(now));
        self.on_epoch(now, out);
    }

    pub(super) fn slot(&mut self, epoch: View) -> &mut Slot {
        let size = self.seat.committee.size();
        self.slots.entry(epoch).or_insert_with(|| Slot::new(size))
    }

    pub(super) fn on_message(
        &mut self,
        now: Time,
        from: ReplicaId,
        message: Message,
        out: &mut Effects<Self>,
    ) {
        match message {
            Message::Proposal(proposal) => self.on_proposal(from, proposal, out),
            Message::Vote(vote) => self.on_vote(from, vote, out),
            Message::Notarization(notarization) => self.notarize(notarization),
            Message::Status(status) => self.on_status(now, from, status, out),
            Message::Catchup(catchup) => self.on_catchup(now, from, catchup, out),
            Message::Wanted(wanted) => self.on_wanted(from, wanted, out),
        }
        self.fire(now, out);
    }

    /// Whether messages of this epoch are of use now.
    fn admits(
        &self,
        from: ReplicaId,
        epoch: View,
        kind: &'static str,
        out: &mut Effects<Self>,
    ) -> bool {
        let near = epoch.0 <= self.epoch.0 + EPOCHS_AHEAD
            && epoch.0.saturating_add(EPOCHS_KEPT) >= self.epoch.0;
        if !near {
            out.drop(from, kind, "of an epoch too far away");
        }
        near
    }

    fn on_proposal(&mut self, from: ReplicaId, proposal: Arc<Proposal>, out: &mut Effects<Self>) {
        let (epoch, by, head) = (proposal.epoch, proposal.draft.producer, proposal.draft.head());
        if by != self.rotation.leader(epoch) {
            return out.drop(from, "proposal", "by one who does not lead that epoch");
        }
        if !self.admits(from, epoch, "proposal", out) {
            return;
        }
        match &self.slot(epoch).proposal {
            Some((known, _)) if *known == head => return, // An echo, or its own.
            Some(_) => {
                return out.note(Note::Misbehaved { by, what: "two proposals in one epoch" });
            }
            None => {}
        }
        if let Some(parent) = &proposal.parent {
            self.notarize(parent.clone());
        }
        if !self.chain.insert(proposal.draft.clone(), self.longest) {
            return out.drop(from, "proposal", "not above the ledger");
        }
        self.slot(epoch).proposal = Some((head, proposal.clone()));
        self.echo(from, Message::Proposal(proposal), out);
    }

    fn on_vote(&mut self, from: ReplicaId, vote: Vote, out: &mut Effects<Self>) {
        if self.admits(from, vote.epoch, "vote", out) && self.count(vote, out) {
            self.echo(from, Message::Vote(vote), out);
        }
    }

    /// "Whenever a player observes a new message, it echoes it to all others."
    fn echo(&self, from: ReplicaId, message: Message, out: &mut Effects<Self>) {
        if self.echoes && from != self.seat.me {
            out.broadcast(message);
        }
    }

    /// Whether there are transactions on the path to `head` that are not final; or whether there are
    /// any is not known.
    pub(super) fn has_unfinished(&self, head: Head) -> bool {
        self.chain.path(head).map_or(true, |path| path.iter().any(|d| !d.batch.is_empty()))
    }

    /// Whether the path to `head` is at hand; asks those who voted for it for what is missing.
    pub(super) fn has(&mut self, now: Time, head: Head, out: &mut Effects<Self>) -> bool {
        match self.chain.path(head) {
            Ok(_) => true,
            Err(Gap::Missing(missing)) => {
                let last = self.notarized.get(&head.digest).and_then(super::Notarized::last);
                let holders = last.map(|n| n.certificate.signers().collect()).unwrap_or_default();
                self.ask_for(now, missing, holders, out);
                false
            }
            Err(Gap::Fork) => false,
        }
    }

    pub(super) fn ask_for(
        &mut self,
        now: Time,
        missing: Head,
        holders: Vec<ReplicaId>,
        out: &mut Effects<Self>,
    ) {
        let height = self.chain.root().height;
        self.fetch.ask(now, missing, height, holders.into_iter(), Timer::Fetch, out);
    }

    fn on_wanted(&mut self, from: ReplicaId, wanted: Wanted, out: &mut Effects<Self>) {
        match wanted {
            Wanted::Ask(head, height) => match Wanted::answer(&self.chain, head, height) {
                Some(answer) => out.send(from, answer.into()),
                None if self.chain.root().height > height => {
                    self.say_status(false, Some(from), out);
                }
                None => out.drop(from, "ask-drafts", "that block is not at hand"),
            },
            Wanted::Drafts(drafts) => {
                if !self.fetch.on_drafts(&drafts, Timer::Fetch, out) {
                    return out.drop(from, "drafts", "nobody asked for these");
                }
                let needed = drafts[0].head();
                for draft in drafts {
                    self.chain.insert(draft, needed);
                }
            }
        }
    }

    pub(super) fn on_status_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        let root = self.chain.root();
        let restless =
            self.waiting || self.has_unfinished(self.longest) || self.sync.behind(root.height);
        match self.pulse.beat((root.height, self.longest.height), restless) {
            Beat::Still => {}
            Beat::TellAll => self.say_status(true, None, out),
            Beat::Ask(peer) => self.say_status(true, Some(peer), out),
        }
        out.arm(Timer::Status, self.pulse.next(now));
        self.has(now, self.longest, out);
        self.pump(now, out);
        self.fire(now, out);
    }

    fn say_status(&self, asks: bool, to: Option<ReplicaId>, out: &mut Effects<Self>) {
        let (height, longest) = (self.chain.root().height, self.longest.height);
        let status = Message::Status(Status { height, longest, asks });
        match to {
            None => out.broadcast(status),
            Some(peer) => out.send(peer, status),
        }
    }

    fn on_status(&mut self, now: Time, from: ReplicaId, status: Status, out: &mut Effects<Self>) {
        if from == self.seat.me {
            return;
        }
        self.sync.learn(from, status.height);
        self.pump(now, out);
        if !status.asks {
            return;
        }
        if !self.pulse.may_answer(from, now) {
            return out.drop(from, "status", "answered a moment ago");
        }
        if self.chain.root().height > status.height {
            self.say_status(false, Some(from), out);
        }
        self.say_again(from, status, out);
    }

    /// Sends the notarizations from the end of the other's ledger on, and its own latest votes.
    fn say_again(&self, to: ReplicaId, status: Status, out: &mut Effects<Self>) {
        let mut notarized: Vec<_> =
            self.notarized.values().filter(|n| n.head.height >= status.height).collect();
        notarized.sort_unstable_by_key(|n| (n.head.height, n.head.digest));
        let all = notarized.into_iter().flat_map(|n| n.epochs.iter());
        for notarization in all.take(DEPTH_MAX as usize) {
            out.send(to, Message::Notarization(notarization.clone()));
        }
        for (&epoch, slot) in self.slots.iter().rev().take(RESENT_VOTES_MAX) {
            if let Some((head, signature)) = slot.votes.of(self.seat.me) {
                let by = self.seat.me;
                out.send(to, Message::Vote(Vote { epoch, head, by, signature }));
            }
        }
    }

    fn on_catchup(
        &mut self,
        now: Time,
        from: ReplicaId,
        catchup: Catchup,
        out: &mut Effects<Self>,
    ) {
        match catchup {
            Catchup::Ask(height) => self.sync.on_ask(from, height, out),
            Catchup::Blocks(blocks) => {
                let root = self.chain.root();
                let blocks = self.sync.on_blocks(from, blocks, root, Timer::Sync, out);
                self.take_over(blocks, out);
                self.pump(now, out);
            }
        }
    }

    /// Commits audited blocks that extend the ledger.
    fn take_over(&mut self, blocks: Vec<Block>, out: &mut Effects<Self>) {
        let Some((head, proof)) = blocks.last().map(|b| (b.head(), b.proof.clone())) else {
            return;
        };
        blocks.into_iter().for_each(|block| out.commit(block));
        self.chain.reroot(head);
        self.asking = false; // What it was to extend may be below the ledger's end now.
        let finality = Finality::of(&proof).expect("it was audited");
        let three = finality.notarizations().expect("it was audited");
        let epoch = three[1].epoch;
        three.into_iter().for_each(|notarization| self.notarize(Arc::new(notarization)));
        self.settle(epoch, out);
    }

    pub(super) fn pump(&mut self, now: Time, out: &mut Effects<Self>) {
        self.sync.pump(now, self.chain.root().height, Timer::Sync, out);
    }
}
