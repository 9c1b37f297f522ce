//! Mysticeti-C: Babel, Chursin, Danezis, Kichidis, Kokoris-Kogias, Koshy, Sonnino, Tian, *Mysticeti: Reaching
//! the Limits of Latency with Uncertified DAGs*, arXiv 2310.14821.
//!
//! Every replica makes one signed block a round, with transactions of its own mempool, and sends it to all:
//! n(n − 1) messages a round and no others. A block names a quorum of blocks of the round before, which
//! are its votes. Nothing is certified by messages; *patterns* in the DAG do it (the paper's Figure 2):
//! a block of round r that a quorum of round r + 1 builds on is certified by every block of round r + 2 that
//! builds on that quorum. Each round has leaders; in order, each is
//!
//! - committed by certificates of a quorum (direct rule): three delays after it was proposed,
//! - skipped when a quorum of round r + 1 supports no block of its (direct rule),
//! - or else decided by the first later leader, a wave above, that is not skipped, its *anchor*: committed
//!   if the anchor has a certificate for it among its ancestors, else skipped (indirect rule).
//!
//! A committed leader brings its causal history into the ledger; see [`kit::dag`](crate::kit::dag).
//!
//! | file | paper | what |
//! |---|---|---|
//! | `rules` | direct and indirect decision rule, Figures 2 and 3 (d, e, f) | slots, and what decides them |
//! | `rounds` | block creation, leader timeouts | when a replica makes a block, and of what |
//! | `log`, `message`, `params`, `theory` | | saved state; messages; parameters; promises |
//!
//! # Safety
//! Let q = ⌈(n + f + 1)/2⌉, so that two quorums share an honest replica, which makes one block a round. *One block
//! a slot is certified*: two would have an honest supporter in common, and a block supports at most one of a
//! slot, for it names at most one a round and author. *A certified slot is never skipped directly*, by the
//! same count. *Direct commits bind anchors*: if a quorum's vertices of round r + 2 certify a block, each
//! later block builds on one of an honest author of them, so every anchor finds a certificate and commits
//! it. So no two replicas decide a slot differently, by induction from the last slot down; leaders are taken
//! in order, and a leader's history is a function of the leader and of what went before.
//!
//! *The ledger's proof.* A block of round r + 2 claims the cut through round r if its author has decided it, or
//! if rounds below are decided and the block itself certifies the committed leaders of r while the skipped
//! ones are skipped directly. Of a quorum of equal claims at least q − f are honest. If one of them has decided,
//! the cut is final. Else q − f honest blocks of round r + 2 certify those leaders; every later anchor builds on q
//! authors of that round, and q + (q − f) > n, so it finds one of them.
//!
//! *Across restarts.* A replica's blocks are saved before they leave, with all that they build on.
//!
//! # Liveness
//! After the network is timely, replicas that wait for the leaders of the round, and for a quorum of votes on
//! those of the last, make blocks that support and certify every honest leader; timeouts double until they
//! suffice. All honest ones then decide alike, so claims are equal, and the ledger follows.
//!
//! # Deviations from the paper
//! - A block names at most one parent a round and author. So "supports the first block it encounters in depth
//!   first order" is "names it".
//! - Mysticeti-C alone: no fast path for transactions without conflicts (Mysticeti-FPC), no epochs. Leaders take
//!   turns; there is no reputation.
//! - Blocks carry the cut that they claim and the height of the author's ledger: this laboratory's ledgers are
//!   audited without a DAG (see [`kit::dag`](crate::kit::dag)). A leader that is decided enters the ledger when its
//!   cut is proven: at the same moment where all is well.
//! - Old ancestors, and equivocations below an author's frontier, do not enter the ledger (there too).
//! - Idle replicas do not race: with no transactions anywhere, a replica makes a block `idle_gap` after its last,
//!   or when it sees one of a round it has not spoken in.
//! - Lost blocks are said again: a replica that gets no further repeats its last block, and who knows that
//!   already answers with its own last, whose ancestors can be fetched.
//! - Ancestors are fetched only for blocks at most 64 rounds ahead; beyond, a proven cut and the ledger come
//!   first.

use std::sync::Arc;

use byzlab_core::{
    Block, BuildError, Claim, Committee, Effects, Input, Invalid, Protocol, Recipients, ReplicaId,
    Saved, Seat, Time,
};

use crate::kit::dag::{Insert, Loom, Upkeep, Vertex, finality, pace::Pace};

mod log;
pub mod message;
mod params;
mod rounds;
pub mod rules;
mod theory;

#[cfg(test)]
mod tests;

pub use message::Message;
pub use params::Params;
pub use theory::THEORY;

use params::Setup;
use rules::Slots;

/// What blocks are signed as.
pub const DOMAIN: &str = "mysticeti/block";

/// Names of Mysticeti's timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A round's leaders, or votes on the last round's, did not come.
    Leader,
    /// The own last block is so old that the next may be made: after the round's gap, or when idle.
    Pace,
    /// Time to look for what is missing. Always armed.
    Look,
    /// A peer that was asked for blocks of the ledger did not answer.
    Sync,
}

/// One replica of Mysticeti.
#[derive(Debug)]
pub struct Mysticeti {
    setup: Setup,
    loom: Loom,
    slots: Slots,
    pace: Pace,
    /// Blocks from before a restart, until the start.
    restored: Vec<Arc<Vertex>>,
    came_back: bool,
}

impl Protocol for Mysticeti {
    type Message = Message;
    type Timer = Timer;
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        let setup = Setup::new(&params, &seat.committee)?;
        let (cut, restored) = log::read(saved.records)?;
        let (me, committee) = (seat.me, seat.committee.clone());
        let mut loom = Loom::new(seat, setup.depth, setup.rhythm.look_gap(), DOMAIN, &saved, cut);
        for own in restored.iter().filter(|block| block.author == me) {
            loom.remember(own.clone());
        }
        Ok(Self {
            slots: Slots::new(&committee, setup.leaders, loom.order.decided().round),
            pace: Pace::new(setup.rhythm, Time::ZERO),
            setup,
            loom,
            came_back: !saved.records.is_empty(),
            restored,
        })
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(now, out),
            Input::Message { from, message } => self.on_message(now, from, message, out),
            Input::Timer(Timer::Leader) => self.on_leader_timer(now, out),
            Input::Timer(Timer::Pace) => self.advance(now, out),
            Input::Timer(Timer::Look) => self.on_look_timer(now, out),
            Input::Timer(Timer::Sync) => self.loom.on_sync_timer(now, Timer::Sync, out),
            Input::Waiting(waiting) => self.on_waiting(now, waiting, out),
            Input::Batch(batch) => self.on_batch(now, batch, out),
            Input::Blocks { tag, blocks } => self.loom.on_read(tag, blocks, out),
            Input::Sealed(_) => unreachable!("no puzzle was handed out"),
        }
    }

    fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        finality::audit(block, committee, DOMAIN)
    }

    fn recipients() -> Recipients {
        Recipients::InTurn
    }
}

impl Mysticeti {
    fn on_start(&mut self, now: Time, out: &mut Effects<Self>) {
        out.lead(None); // Everyone proposes.
        out.arm(Timer::Look, now + self.setup.rhythm.look_gap());
        self.pace.spoke(now);
        for block in std::mem::take(&mut self.restored) {
            self.loom.hear(&block);
            if let Insert::Accepted(accepted) = self.loom.dag.insert(block) {
                self.accept(accepted, false, out);
            }
        }
        if self.came_back {
            // Half of an entry that was cut off at the log's end must not stand before others.
            let (proven, kept) = self.loom.kept();
            out.compact(log::compacted(proven, &kept));
            self.repeat(out);
        }
        self.advance(now, out);
    }

    fn on_message(
        &mut self,
        now: Time,
        from: ReplicaId,
        message: Message,
        out: &mut Effects<Self>,
    ) {
        match message {
            // A round's one message; all that decides (Figures 2 and 3) is read from the DAG of these.
            Message::Block(block) => self.on_block(now, from, block, out),
            Message::Fetched(blocks) => self.on_fetched(now, from, blocks, out),
            Message::Upkeep(Upkeep::Fetch(names)) => {
                let here = self.loom.fetched(from, &names, 0, out);
                if !here.is_empty() {
                    out.send(from, Message::Fetched(here));
                }
            }
            Message::Upkeep(Upkeep::Cut(proven)) => {
                let ready = self.loom.on_cut(now, from, proven, Timer::Sync, out);
                self.go_on(now, ready, out);
            }
            Message::Upkeep(Upkeep::Catchup(catchup)) => {
                let ready = self.loom.on_catchup(now, from, catchup, Timer::Sync, out);
                self.go_on(now, ready, out);
            }
        }
    }

    fn on_block(
        &mut self,
        now: Time,
        from: ReplicaId,
        block: Arc<Vertex>,
        out: &mut Effects<Self>,
    ) {
        let round = block.round;
        if self.setup.is_oversized(&block.batch) {
            return out.drop(from, "block", "its batch is over the limit");
        }
        self.loom.hear(&block);
        match self.loom.dag.insert(block) {
            Insert::Accepted(accepted) => return self.go_on(now, accepted, out),
            Insert::Waits => self.loom.fetch_overtaken(round, out),
            Insert::Equivocation => {
                out.note(byzlab_core::Note::Misbehaved {
                    by: from,
                    what: "two blocks in one round",
                });
            }
            Insert::Refused(why) => {
                out.drop(from, "block", why);
                // Said again, or from long ago: the sender lost the others' trail. So did this replica, if
                // the block is far ahead; then its last word gets it help.
                let late = self.pace.is_late(now);
                let helps = self.loom.helps(now, from, round, late, out);
                if let Some(last) = self.loom.last.clone().filter(|_| helps) {
                    out.send(from, Message::Block(last));
                }
            }
        }
        // Even then it may have claimed what proves a cut, or be the first of a round to speak in.
        self.go_on(now, Vec::new(), out);
    }

    fn on_fetched(
        &mut self,
        now: Time,
        from: ReplicaId,
        blocks: Vec<Arc<Vertex>>,
        out: &mut Effects<Self>,
    ) {
        let mut accepted = Vec::new();
        for block in blocks {
            if self.setup.is_oversized(&block.batch) {
                out.drop(from, "fetched", "its batch is over the limit");
                continue;
            }
            self.loom.hear(&block);
            match self.loom.dag.insert(block) {
                Insert::Accepted(more) => accepted.extend(more),
                Insert::Waits => {}
                Insert::Equivocation => out.drop(from, "fetched", "nothing builds on it"),
                Insert::Refused(why) => out.drop(from, "fetched", why),
            }
        }
        self.loom.fetch(true, out);
        self.go_on(now, accepted, out);
    }

    /// Takes in blocks, decides and commits what can be, and makes the next block if it is time.
    fn go_on(&mut self, now: Time, accepted: Vec<Arc<Vertex>>, out: &mut Effects<Self>) {
        self.accept(accepted, true, out);
        self.advance(now, out);
    }

    /// Counts blocks all of whose ancestors are here, and decides what follows.
    fn accept(&mut self, mut accepted: Vec<Arc<Vertex>>, save: bool, out: &mut Effects<Self>) {
        let mut at = 0;
        while let Some(block) = accepted.get(at).cloned() {
            at += 1;
            if save && block.author != self.loom.seat.me {
                log::block(&block).for_each(|record| out.save(record));
            }
            self.slots.pass(self.loom.order.decided().round);
            if self.slots.count(&self.loom.dag, &block) {
                accepted.extend(self.decide());
            }
        }
        self.slots.pass(self.loom.order.decided().round);
        if self.loom.order.commit(out)
            && let Some((proven, kept)) = self.loom.compact(log::COMPACT_ROUNDS)
        {
            out.compact(log::compacted(proven, &kept));
        }
    }

    fn decide(&mut self) -> Vec<Arc<Vertex>> {
        let mut ready = Vec::new();
        for (round, blocks) in self.slots.decide(&self.loom.dag) {
            if !blocks.is_empty() {
                self.pace.committed();
            }
            let leader = |name| self.loom.dag.get(name).cloned();
            let leaders: Vec<_> = blocks.iter().filter_map(leader).collect();
            ready.extend(self.loom.decide(round, &leaders));
        }
        ready
    }

    /// Says its last block again.
    fn repeat(&self, out: &mut Effects<Self>) {
        if let Some(last) = self.loom.last.clone() {
            out.broadcast(Message::Block(last));
        }
    }
}
