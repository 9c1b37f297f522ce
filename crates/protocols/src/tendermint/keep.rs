//! Keeping up: what comes in at which height, retransmission, state transfer.

use std::sync::Arc;

use byzlab_core::{Block, Effects, Height, Note, ReplicaId, Time, View};

use super::{
    Step, Tendermint, Timer,
    message::{Message, Phase, Proposal, Status, Vote, proposer},
    round::Round,
};
use crate::kit::{Beat, Catchup};

/// How many rounds above its own a replica keeps messages of.
const ROUNDS_AHEAD: u64 = 4;
/// How many messages of the next height are kept a peer: hosts promise no order.
const EARLY_MAX: usize = 8;

impl Tendermint {
    pub(super) fn on_start(&mut self, now: Time, out: &mut Effects<Self>) {
        out.lead(None); // The proposer changes with each height: clients tell everyone.
        out.arm(Timer::Status, self.pulse.next(now));
        if self.came_back {
            self.journal.compact(out);
            self.say_status(true, None, out);
        }
        self.enter_height(now, out);
        self.fire(now, out);
    }

    /// Begins at the height above the ledger: anew, or where it left off before a restart.
    fn enter_height(&mut self, now: Time, out: &mut Effects<Self>) {
        self.restored.retain(|(entry, _)| entry.height() > self.head.height);
        let height = self.height();
        match self.restored.first() {
            Some((entry, _)) if entry.height() == height => self.resume(now, out),
            _ => self.start_round(now, View(0), out),
        }
    }

    /// Commits a block, which is next.
    pub(super) fn finish(&mut self, block: Block, out: &mut Effects<Self>) {
        self.head = block.head();
        out.commit(block);
        // One height more than needed is kept: so the journal always says how far votes went.
        self.journal.forget(self.head.height.0, out);
    }

    /// l. 53-54: forgets everything about the height that was decided.
    pub(super) fn next_height(&mut self, now: Time, out: &mut Effects<Self>) {
        self.round = View(0);
        (self.locked, self.valid) = (None, None);
        self.rounds.clear();
        self.rounds_of_peers.fill(View(0));
        self.heard = false;
        self.enter_height(now, out);
        for from in self.seat.committee.ids() {
            for message in std::mem::take(&mut self.early[from.index()]) {
                match message {
                    Message::Proposal(proposal) => self.on_proposal(now, from, proposal, out),
                    Message::Vote(vote) => self.on_vote(now, from, vote, out),
                    Message::Passed(..) | Message::Status(_) | Message::Catchup(_) => {}
                }
            }
        }
    }

    pub(super) fn is_proposer(&self) -> bool {
        proposer(&self.seat.committee, self.height(), self.round) == self.seat.me
    }

    pub(super) fn round_mut(&mut self, round: View) -> &mut Round {
        let size = self.seat.committee.size();
        self.rounds.entry(round).or_insert_with(|| Round::new(size))
    }

    /// Whether a message of this height and round can be used now; else it is kept or dropped.
    fn admits(
        &mut self,
        now: Time,
        from: ReplicaId,
        (height, round): (Height, View),
        message: impl FnOnce() -> Message,
        out: &mut Effects<Self>,
    ) -> bool {
        let (mine, kind) = (self.height(), "vote or proposal");
        if height < mine {
            return false; // Of a height that is decided: every decision leaves some of these over.
        }
        if height > mine {
            // Whoever is there has everything below.
            self.sync.learn(from, Height(height.0 - 1));
            let early = &mut self.early[from.index()];
            if height == mine.next() && early.len() < EARLY_MAX {
                early.push(message());
            } else {
                out.drop(from, kind, "of a height too far ahead");
                self.pump(now, out);
            }
            return false;
        }
        if from != self.seat.me && !self.heard {
            self.heard = true;
            if self.asking {
                self.ask(out);
            }
        }
        let last = &mut self.rounds_of_peers[from.index()];
        *last = (*last).max(round);
        let lowest = self.round.0.saturating_sub(super::ROUNDS_BEHIND);
        if round.0 < lowest || round.0 > self.round.0.saturating_add(ROUNDS_AHEAD) {
            out.drop(from, kind, "of a round too far away");
            self.watch(now, out);
            self.fire(now, out);
            return false;
        }
        true
    }

    pub(super) fn on_proposal(
        &mut self,
        now: Time,
        from: ReplicaId,
        proposal: Arc<Proposal>,
        out: &mut Effects<Self>,
    ) {
        let (height, round) = (proposal.height, proposal.round);
        let by = proposer(&self.seat.committee, height, round);
        // One that is passed on speaks for its proposer.
        if !self.admits(now, by, (height, round), || Message::Proposal(proposal.clone()), out) {
            return;
        }
        let id = proposal.value.id(height);
        match &self.round_mut(round).proposal {
            Some((known, _)) if *known != id => {
                let what = "two proposals in one round";
                out.note(Note::Misbehaved { by, what });
            }
            Some(_) => out.drop(from, "proposal", "it is here already"),
            None => self.round_mut(round).proposal = Some((id, proposal)),
        }
        self.watch(now, out);
        self.fire(now, out);
    }

    pub(super) fn on_vote(
        &mut self,
        now: Time,
        from: ReplicaId,
        vote: Vote,
        out: &mut Effects<Self>,
    ) {
        let Vote { phase, height, round, id, signature } = vote;
        if !self.admits(now, from, (height, round), || Message::Vote(vote), out) {
            return;
        }
        let votes = self.round_mut(round).votes(phase);
        if !votes.add(from, id, signature) {
            if votes.of(from).is_some_and(|(said, _)| said != id) {
                let what = "two votes in one round";
                out.note(Note::Misbehaved { by: from, what });
            }
            return;
        }
        self.watch(now, out);
        self.fire(now, out);
    }

    pub(super) fn on_waiting(&mut self, now: Time, waiting: bool, out: &mut Effects<Self>) {
        self.waiting = waiting;
        if !self.is_due() && self.step == Step::Propose && std::mem::take(&mut self.timing) {
            out.disarm(Timer::Propose);
        }
        self.watch(now, out);
    }

    /// Whether there is something to propose, or someone is past that.
    fn is_due(&self) -> bool {
        self.waiting || self.heard || self.round > View(0)
    }

    /// l. 20-21: the proposal is waited for, once it is due.
    pub(super) fn watch(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.is_due() && !self.timing && self.step == Step::Propose && !self.is_proposer() {
            self.timing = true;
            out.arm(Timer::Propose, now + self.setup.propose_timeout(self.round));
        }
    }

    fn is_restless(&self) -> bool {
        self.is_due() || self.is_bound_above() || self.sync.behind(self.head.height)
    }

    pub(super) fn on_status_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        let mark = (self.head.height, self.round, self.step);
        match self.pulse.beat(mark, self.is_restless()) {
            Beat::Still => {}
            Beat::TellAll => self.say_status(true, None, out),
            Beat::Ask(peer) => self.say_status(true, Some(peer), out),
        }
        self.pump(now, out);
        out.arm(Timer::Status, self.pulse.next(now));
    }

    fn say_status(&self, asks: bool, to: Option<ReplicaId>, out: &mut Effects<Self>) {
        let (height, round) = (self.height(), self.round);
        let proposed = self.rounds.get(&round).is_some_and(|r| r.proposal.is_some());
        let status = Message::Status(Status { height, round, proposed, asks });
        match to {
            None => out.broadcast(status),
            Some(peer) => out.send(peer, status),
        }
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
        let mine = self.height();
        self.sync.learn(from, Height(status.height.0.saturating_sub(1)));
        if status.height > mine {
            self.pump(now, out);
        }
        if !status.asks {
            return;
        }
        if !self.pulse.may_answer(from, now) {
            return out.drop(from, "status", "answered a moment ago");
        }
        if status.height < mine {
            self.say_status(false, Some(from), out);
        } else if status.height == mine {
            self.say_again(from, status, out);
        }
    }

    /// Sends its votes from the other's round on, and that round's proposal if it is missing there. Of the
    /// rounds that it left it sends all votes: it may have left one by those of a replica that is down now, and
    /// the other can follow only if it has them, too.
    fn say_again(&self, to: ReplicaId, status: Status, out: &mut Effects<Self>) {
        let height = self.height();
        for (&round, messages) in self.rounds.range(status.round..) {
            let missing = round > status.round || !status.proposed;
            if let Some((_, proposal)) = messages.proposal.as_ref().filter(|_| missing) {
                out.send(to, Message::Proposal(proposal.clone()));
            }
            let votes =
                [(Phase::Prevote, &messages.prevotes), (Phase::Precommit, &messages.precommits)];
            for (phase, ballot) in votes {
                for voter in self.seat.committee.ids().filter(|&voter| voter != to) {
                    let Some((id, signature)) = ballot.of(voter) else { continue };
                    let vote = Vote { phase, height, round, id, signature };
                    if voter == self.seat.me {
                        out.send(to, Message::Vote(vote));
                    } else if round < self.round {
                        out.send(to, Message::Passed(voter, vote));
                    }
                }
            }
        }
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
                let progress = !blocks.is_empty();
                blocks.into_iter().for_each(|block| self.finish(block, out));
                if progress {
                    self.next_height(now, out);
                }
                self.pump(now, out);
                self.fire(now, out);
            }
        }
    }

    pub(super) fn pump(&mut self, now: Time, out: &mut Effects<Self>) {
        self.sync.pump(now, self.head.height, Timer::Sync, out);
    }
}
