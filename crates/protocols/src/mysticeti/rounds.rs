//! When a replica makes a block, and of what.

use byzlab_core::{Batch, Effects, Note, Time, View};

use super::{Message, Mysticeti, Timer, log, params::Setup};
use crate::kit::dag::{Claimed, Loom, Round};

/// What decides when the next block is made.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Whether transactions wait at the host.
    waiting: bool,
    /// Whether a batch was asked for.
    asking: bool,
    /// When the next block may be made, and when it is made though there is nothing to do.
    ready_at: Time,
    idle_until: Time,
    /// When the last block is said again if there is no other.
    repeat_at: Time,
    repeats: u32,
    /// The round whose leaders are waited for, and the last for whom no longer.
    watched: Round,
    given_up: Round,
    /// How many waits in a row were in vain.
    in_vain: u32,
}

impl Pace {
    /// A block was made now.
    pub fn spoke(&mut self, now: Time, setup: &Setup) {
        self.ready_at = now + setup.round_gap;
        self.idle_until = now + setup.idle_gap;
        self.repeat_at = now + setup.timeout(self.in_vain);
        self.repeats = 0;
    }
    /// A leader was committed.
    pub fn committed(&mut self) {
        self.in_vain = 0;
    }
}

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
        if self.pace.asking {
            return;
        }
        let Some(base) = self.base() else { return };
        let called = self.is_busy() || self.loom.dag.highest() > self.loom.last_round();
        if !called && now < self.pace.idle_until {
            return out.arm(Timer::Pace, self.pace.idle_until);
        }
        if self.pace.given_up < base && !self.leaders_spoke(base) {
            if self.pace.watched < base {
                self.pace.watched = base;
                out.arm(Timer::Leader, now + self.setup.timeout(self.pace.in_vain));
            }
            return;
        }
        if now < self.pace.ready_at {
            return out.arm(Timer::Pace, self.pace.ready_at);
        }
        if self.loom.is_clogged() {
            Loom::waits("too many decided blocks wait for proof", out);
            return self.propose(now, Batch::empty(), out);
        }
        self.pace.asking = true;
        out.want_batch(self.setup.batch, self.loom.branch());
    }

    /// The round to build on: the last that has a quorum; or the one before if the own last block is there,
    /// so that no round is passed over for being a little late. None if it was built on.
    fn base(&self) -> Option<Round> {
        let (top, last) = (self.loom.dag.top(), self.loom.last_round());
        match last.next() == top && self.loom.dag.has_quorum(last) {
            true => Some(last),
            false => (last <= top).then_some(top),
        }
    }

    /// Whether `round` has blocks of all its leaders, and votes enough on those of the last round.
    fn leaders_spoke(&self, round: Round) -> bool {
        if round == Round(0) {
            return true;
        }
        let mut leaders = self.slots.leaders(round);
        leaders.all(|leader| self.loom.dag.first(round, leader).is_some())
            && (round == Round(1) || self.slots.is_voted(round.back(1)))
    }

    pub(super) fn on_leader_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.base() == Some(self.pace.watched) {
            self.pace.given_up = self.pace.watched;
            self.pace.in_vain += 1;
            out.note(Note::TimedOut { view: View(self.pace.watched.0) });
        }
        self.advance(now, out);
    }

    pub(super) fn on_pace_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        self.advance(now, out);
    }

    pub(super) fn on_batch(&mut self, now: Time, batch: Batch, out: &mut Effects<Self>) {
        self.pace.asking = false;
        self.propose(now, batch, out);
    }

    /// Makes the next block.
    fn propose(&mut self, now: Time, batch: Batch, out: &mut Effects<Self>) {
        let Some(base) = self.base() else {
            return Loom::waits("a batch came for a round that has its block", out);
        };
        let round = base.next();
        let view = View(round.0);
        out.note(Note::Entered { view, leader: self.slots.leaders(round).next() });
        let parents = self.loom.parents(round);
        let claim = self.claim(round, &parents);
        let (transactions, height) = (batch.len() as u32, self.loom.order.head().height.next());
        let block = self.loom.weave(round, parents, claim, batch, out);
        log::block(&block).for_each(|record| out.save(record));
        out.note(Note::Proposed { view, height, transactions });
        self.pace.spoke(now, &self.setup);
        out.broadcast(Message::Block(block));
    }

    /// The cut that a block of `round` with these parents may claim: through the leaders whom it
    /// certifies, if all before is decided; else what is decided.
    fn claim(&self, round: Round, parents: &[crate::kit::dag::VertexRef]) -> Option<Claimed> {
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
        out.arm(Timer::Look, now + self.setup.look_gap());
        self.loom.fetch(false, out);
        self.loom.look(now, Timer::Sync, out);
        if now >= self.pace.repeat_at && self.is_busy() {
            self.pace.repeats += 1;
            self.pace.repeat_at =
                now + self.setup.timeout(self.pace.repeats.min(REPEAT_DOUBLINGS_MAX));
            Loom::waits("no quorum in this round", out);
            self.repeat(out);
        }
        self.advance(now, out);
    }
}

/// How often the gap between two repetitions of a block doubles at most.
const REPEAT_DOUBLINGS_MAX: u32 = 2;
