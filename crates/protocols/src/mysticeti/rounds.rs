//! When a replica makes a block, and of what.

use byzlab_core::{Batch, Effects, Note, Time, View};

use super::{Message, Mysticeti, Timer, log};
use crate::kit::dag::{Claimed, Loom, Round, VertexRef, pace::Turn};

impl Mysticeti {
    pub(super) fn on_waiting(&mut self, now: Time, waiting: bool, out: &mut Effects<Self>) {
        self.pace.waiting = waiting;
        if waiting {
            self.advance(now, out);
        }
    }

    fn is_busy(&self) -> bool {
        self.pace.waiting || self.loom.is_busy()
    }

    /// Asks for the next block's batch, if it is time to make one: with a quorum of the last round's blocks,
    /// something to do, and nobody to wait for.
    pub(super) fn advance(&mut self, now: Time, out: &mut Effects<Self>) {
        let Some(base) = self.loom.base() else { return };
        let called = self.is_busy() || self.loom.dag.highest() > self.loom.last_round();
        let Self { pace, loom, slots, .. } = self;
        let spoke = |round| {
            let here = |leader| loom.dag.first(round, leader).is_some();
            slots.leaders(round).all(here) && (round == Round(1) || slots.is_voted(round.back(1)))
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

    pub(super) fn on_leader_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        if let Some(Round(round)) = self.pace.give_up(self.loom.base()) {
            out.note(Note::TimedOut { view: View(round) });
        }
        self.advance(now, out);
    }

    /// Makes the next block.
    pub(super) fn on_batch(&mut self, now: Time, batch: Batch, out: &mut Effects<Self>) {
        self.pace.asking = false;
        let Some(base) = self.loom.base() else {
            return Loom::waits("a batch came for a round that has its block", out);
        };
        let round = base.next();
        let view = View(round.0);
        out.note(Note::Entered { view, leader: self.slots.leaders(round).next() });
        let own = self.loom.last.as_ref().map(|last| last.name());
        let parents = self.loom.parents(round, own);
        let claim = self.claim(round, &parents);
        let (transactions, height) = (batch.len() as u32, self.loom.order.head().height.next());
        let block = self.loom.weave(round, parents, claim, None, batch, out);
        log::block(&block).for_each(|record| out.save(record));
        out.note(Note::Proposed { view, height, transactions });
        self.pace.spoke(now);
        out.broadcast(Message::Block(block));
    }

    /// The cut that a block of `round` with these parents may claim: through the leaders whom it
    /// certifies, if all before is decided; else what is decided.
    fn claim(&self, round: Round, parents: &[VertexRef]) -> Option<Claimed> {
        let Loom { dag, order, .. } = &self.loom;
        let certified = order.decided().round.next();
        if certified.next().next() != round {
            return order.claim();
        }
        let Some(blocks) = self.slots.certified_by(dag, certified, parents) else {
            return order.claim();
        };
        let leaders: Vec<_> = blocks.iter().filter_map(|name| dag.get(name).cloned()).collect();
        Some(order.next(dag, certified, &leaders).0.claimed())
    }

    pub(super) fn on_look_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        out.arm(Timer::Look, now + self.setup.rhythm.look_gap());
        self.loom.fetch(false, out);
        self.loom.look(now, Timer::Sync, out);
        if self.is_busy() && self.pace.repeats(now) {
            Loom::waits("no quorum in this round", out);
            self.repeat(out);
        }
        self.advance(now, out);
    }
}
