//! When a replica makes a header, and of what.

use byzlab_core::{Batch, Effects, Note, Time, View};

use super::{
    Bullshark, Message, Timer, log,
    rules::{has_anchor, tosses_in},
};
use crate::kit::dag::{Claimed, Loom, Round, VertexRef, pace::Turn, vertex::coin_of};

impl Bullshark {
    pub(super) fn on_waiting(&mut self, now: Time, waiting: bool, out: &mut Effects<Self>) {
        self.pace.waiting = waiting;
        if waiting {
            self.advance(now, out);
        }
    }

    fn is_busy(&self) -> bool {
        self.pace.waiting || self.votes.is_some() || self.loom.is_busy()
    }

    /// Asks for the next header's batch, if it is time to make one: with a quorum of the last round's vertices,
    /// the own among them, something to do, and nobody to wait for.
    pub(super) fn advance(&mut self, now: Time, out: &mut Effects<Self>) {
        let Some(base) = self.base() else { return };
        let highest = self.loom.dag.highest().max(self.heard);
        let called = self.is_busy() || highest > self.loom.last_round();
        let Self { pace, loom, anchors, .. } = self;
        // B, §2.3, "Advancing rounds": wait for the anchor in its round, and in the next for f + 1 votes on it
        // or 2f + 1 that are none (R, proposer.rs, l. 194-205, `ready`).
        let spoke = |round| match anchors.leader(round).filter(|_| has_anchor(round)) {
            _ if anchors.are_drawn() => true, // Tusk waits for nobody.
            Some(leader) => loom.dag.first(round, leader).is_some(),
            None => anchors.is_voted(round),
        };
        match pace.turn(now, base, called, |round| round == Round(0) || spoke(round)) {
            Turn::Rest => {}
            Turn::At(time) => out.arm(Timer::Pace, time),
            Turn::Leaders(until) => out.arm(Timer::Leader, until),
            Turn::Speak => {
                if self.loom.is_clogged() {
                    Loom::waits("too many decided blocks wait for proof", out);
                    return self.on_batch(now, Batch::empty(), out);
                }
                out.want_batch(self.setup.batch, self.loom.branch());
            }
        }
    }

    /// The round to build on (N, §3.1); while the own last header may yet be certified, a later one alone.
    fn base(&self) -> Option<Round> {
        let top = self.loom.dag.top();
        match self.votes {
            Some(_) => (self.loom.last_round() < top).then_some(top),
            None => self.loom.base(),
        }
    }

    /// B, §2.3: whom it waited for did not come (R, proposer.rs, l. 225-227).
    pub(super) fn on_leader_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        if let Some(Round(round)) = self.pace.give_up(self.base()) {
            out.note(Note::TimedOut { view: View(round) });
        }
        self.advance(now, out);
    }

    /// Makes the next header (R, proposer.rs, l. 108-132, `make_header`, and core.rs, l. 147-177,
    /// `process_own_header`).
    pub(super) fn on_batch(&mut self, now: Time, batch: Batch, out: &mut Effects<Self>) {
        self.pace.asking = false;
        let Some(base) = self.base() else {
            return Loom::waits("a batch came for a round that has its header", out);
        };
        let round = base.next();
        let view = View(round.0);
        // Where the coin draws, nobody leads; one that lags may know whom it drew.
        let leads = has_anchor(round) && !self.anchors.are_drawn();
        let leader = self.anchors.leader(round).filter(|_| leads);
        out.note(Note::Entered { view, leader });
        let parents = self.loom.parents(round, self.own);
        let claim = self.claim(round, &parents);
        let (transactions, height) = (batch.len() as u32, self.loom.order.head().height.next());
        let tosses = self.anchors.are_drawn() && tosses_in(round);
        let toss = tosses.then(|| Box::new(out.toss(&coin_of(&self.loom.seat.committee, round))));
        let header = self.loom.weave(round, parents, claim, toss, batch, out);
        self.count_votes_for(&header);
        log::header(&header).for_each(|record| out.save(record));
        out.note(Note::Proposed { view, height, transactions });
        self.pace.spoke(now);
        out.broadcast(Message::Header(header));
    }

    /// The cut that a header of `round` with these parents may claim: through the anchor that it votes for, if
    /// that is known; else what is decided.
    fn claim(&self, round: Round, parents: &[VertexRef]) -> Option<Claimed> {
        let Loom { dag, order, .. } = &self.loom;
        if self.anchors.are_drawn() {
            return order.first_claim();
        }
        let before = round.back(1);
        if !has_anchor(before) || before <= order.decided().round {
            return order.claim();
        }
        let leader = self.anchors.leader(before);
        let is_it = |parent: &&VertexRef| parent.round == before && Some(parent.author) == leader;
        let anchor = parents.iter().find(is_it).and_then(|name| dag.get(name));
        match anchor.and_then(|anchor| self.anchors.chain(dag, anchor)) {
            Some(chain) => Some(order.next(dag, before, &chain).0.claimed()),
            None => order.claim(),
        }
    }

    pub(super) fn on_look_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        out.arm(Timer::Look, now + self.setup.rhythm.look_gap());
        self.fetch_lacking(out);
        self.loom.look(now, Timer::Sync, out);
        if self.is_busy() && self.pace.repeats(now) {
            Loom::waits("no quorum in this round", out);
            self.repeat(out);
        }
        self.advance(now, out);
    }
}
