//! Streamlet: Chan & Shi, *Streamlet: Textbook Streamlined Blockchains*, AFT 2020 (eprint 2020/088).
//!
//! Time is cut into epochs of 2Δ, by synchronised clocks. The leader of an epoch proposes a block on top of the
//! longest notarized chain that it has seen; everyone votes for the leader's first proposal if it extends a
//! longest notarized chain; a quorum of votes notarizes it. Of three adjacent blocks that are notarized in
//! consecutive epochs the second is final, with everything below. That is all of it: the same steps whether
//! or not anything goes wrong, at the price of going at the speed of Δ.
//!
//! | file | what |
//! |---|---|
//! | `message` | messages, and what must hold for each; a block's proof, and its audit |
//! | `rules` | propose, vote, notarize, finalize, in the words of the paper's introduction (Propose-Vote, Finalize) |
//! | `keep` | messages of other epochs, echoes, retransmission, state transfer |
//! | `log` | what is saved, recovery |
//!
//! # Safety
//! Let q = ⌈(n + f + 1)/2⌉: two quorums share an honest replica, so one block an epoch is notarized. Let a, b, c be
//! adjacent blocks of heights h − 1, h, h + 1, notarized in epochs e, e + 1, e + 2; then no other block b' is
//! notarized at height h. Were it, then in an epoch before e or after e + 2. If before, an honest voter for b'
//! had seen a notarized chain of length h − 1, and so could not vote in e for a, which extends one of h − 2. If
//! after, an honest voter for c had seen a chain of length h, and could not vote for b', which extends one of
//! h − 1. Both voters would be honest ones that two quorums share. A replica that comes back votes in no epoch
//! twice, nor for a block that extends a shorter chain than one it voted for before.
//!
//! # Liveness
//! After the network is timely, three to five honest leaders in a row make a block final. One crashed leader in
//! four leaves three in a row; with Byzantine ones, `leaders = "random"` brings longer runs.
//!
//! # Deviations from the paper
//! - Everyone echoes every new message there; here only with `echo = true`. Without, a proposal carries the
//!   notarization of the block that it extends, and a replica that gets nowhere says where it stands: others
//!   send it the notarizations that it lacks, and their votes. A voter has the whole path below a block.
//! - Leaders take turns, unless `leaders = "random"` asks for the paper's random ones.
//! - A vote signs epoch and block; the block itself does not name the epoch. So one block may be notarized in
//!   two epochs; the argument above is about heights alone.
//! - A leader proposes nothing when nothing waits and all blocks with transactions are final; else an empty
//!   block, if need be. It proposes at the beginning of its epoch alone.
//! - Genesis is not one of three blocks: the first final block is in the ledger with the second.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_core::{
    Batch, BatchLimit, Block, BuildError, Claim, Committee, Digest, Effects, Height, Input,
    Invalid, Protocol, Saved, Seat, Span, Time, View,
    block::Head,
    theory::{Delays, Formula, Recovery, Resilience, Responsive, Theory, Timing, ViewChange},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kit::{Ballot, Chain, Fetch, Journal, Leaders, Pulse, Rotation, Sync, batch_limit};

mod keep;
mod log;
pub mod message;
mod rules;

#[cfg(test)]
mod tests;

pub use message::Message;

use log::Entry;
use message::{Finality, Notarization, Proposal};

/// How many epochs votes are kept for.
const EPOCHS_KEPT: u64 = 64;
/// In how many epochs one block may be notarized before later ones are not remembered.
const EPOCHS_OF_BLOCK_MAX: usize = 8;

/// Parameters of Streamlet. All replicas of a run must have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// The most transactions in a block.
    pub batch_transactions: u32,
    /// The most bytes of transactions in a block.
    pub batch_bytes: u32,
    /// The bound Δ on a message's delay: an epoch lasts 2Δ.
    pub delta: Span,
    /// Whether everyone passes every new message on to everyone, as in the paper: O(n³) messages a block.
    pub echo: bool,
    /// Who leads which epoch.
    pub leaders: Leaders,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            batch_transactions: 4_000,
            batch_bytes: 4 << 20,
            delta: Span::ms(100),
            echo: false,
            leaders: Leaders::RoundRobin,
        }
    }
}

/// Names of timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The next epoch begins. Always armed.
    Epoch,
    /// Time to look whether anything moves. Always armed.
    Status,
    /// A peer that was asked for blocks did not answer.
    Sync,
    /// A peer that was asked for a missing draft did not answer.
    Fetch,
}

/// What is known of one epoch.
#[derive(Debug)]
struct Slot {
    /// The leader's first proposal.
    proposal: Option<(Head, Arc<Proposal>)>,
    votes: Ballot<Head>,
}

impl Slot {
    fn new(size: usize) -> Self {
        Self { proposal: None, votes: Ballot::new(size) }
    }
}

/// A notarized block, and the epochs in which it was.
#[derive(Debug)]
struct Notarized {
    head: Head,
    epochs: Vec<Arc<Notarization>>,
}

impl Notarized {
    fn new(head: Head) -> Self {
        Self { head, epochs: Vec::new() }
    }
    fn add(&mut self, notarization: Arc<Notarization>) {
        if self.in_epoch(notarization.epoch).is_none() && self.epochs.len() < EPOCHS_OF_BLOCK_MAX {
            self.epochs.push(notarization);
        }
    }
    fn in_epoch(&self, epoch: View) -> Option<&Arc<Notarization>> {
        self.epochs.iter().find(|notarization| notarization.epoch == epoch)
    }
    fn last(&self) -> Option<Arc<Notarization>> {
        self.epochs.last().cloned()
    }
}

/// One replica of Streamlet.
#[derive(Debug)]
pub struct Streamlet {
    batch: BatchLimit,
    epoch_span: Span,
    echoes: bool,
    rotation: Rotation,
    seat: Seat,
    came_back: bool,
    epoch: View,
    /// The last epoch in which it voted.
    bound: View,
    /// The longest chain below a block that it voted for.
    lock: Height,
    /// The end of a longest notarized chain that it has seen.
    longest: Head,
    /// The drafts above the ledger, whose end is its root.
    chain: Chain,
    /// Notarized blocks from the ledger's end on.
    notarized: BTreeMap<Digest, Notarized>,
    /// By epoch, the last [`EPOCHS_KEPT`].
    slots: BTreeMap<View, Slot>,
    /// Whether a batch was asked for in this epoch.
    asking: bool,
    /// Whether transactions wait at the host.
    waiting: bool,

    journal: Journal,
    restored: Vec<(Entry, Option<Batch>)>,
    sync: Sync,
    fetch: Fetch,
    pulse: Pulse<(Height, Height)>,
}

impl Protocol for Streamlet {
    type Message = Message;
    type Timer = Timer;
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        let batch = batch_limit(params.batch_transactions, params.batch_bytes, Span::ZERO)?;
        if params.delta.is_zero() {
            return Err(BuildError("`delta` must not be zero".into()));
        }
        let (journal, restored) = Journal::read::<Entry>(saved.records)?;
        let mut streamlet = Self {
            batch,
            epoch_span: params.delta.times(2),
            echoes: params.echo,
            rotation: Rotation::new(params.leaders, &seat.committee),
            came_back: !saved.records.is_empty() || saved.head.height > Height::GENESIS,
            epoch: View(0),
            bound: View(0),
            lock: Height::GENESIS,
            longest: saved.head,
            chain: Chain::new(saved.head),
            notarized: BTreeMap::new(),
            slots: BTreeMap::new(),
            asking: false,
            waiting: false,
            journal,
            restored,
            sync: Sync::new(&seat, params.delta.times(4)),
            fetch: Fetch::new(seat.me, params.delta.times(2)),
            pulse: Pulse::new(&seat, params.delta.times(4)),
            seat,
        };
        let last = saved.ledger.block(saved.head.height);
        let finality = last.and_then(|block| Finality::of(&block.proof).ok());
        if let Some(three) = finality.and_then(|finality| finality.notarizations().ok()) {
            three.into_iter().for_each(|n| streamlet.notarize(Arc::new(n)));
        }
        streamlet.bind();
        Ok(streamlet)
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(now, out),
            Input::Message { from, message } => self.on_message(now, from, message, out),
            Input::Timer(Timer::Epoch) => self.on_epoch(now, out),
            Input::Timer(Timer::Status) => self.on_status_timer(now, out),
            Input::Timer(Timer::Sync) => {
                self.sync.on_timer();
                self.pump(now, out);
            }
            Input::Timer(Timer::Fetch) => {
                self.fetch.on_timer(now, Timer::Fetch, out);
                self.fire(now, out);
            }
            Input::Waiting(waiting) => self.waiting = waiting,
            Input::Batch(batch) => self.on_batch(now, batch, out),
            Input::Blocks { tag, blocks } => self.sync.on_read(tag, blocks, out),
            Input::Sealed(_) => unreachable!("no puzzle was handed out"),
        }
    }

    fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        message::audit(block, committee)
    }
}

/// What Streamlet promises, without and with echoes; `byzlab conform streamlet` holds it to this.
pub const THEORY: &[Theory] = &[
    QUIET,
    Theory {
        variant: "echo = true",
        // Each of the n + 1 messages above is passed on by everyone who gets it.
        messages: Formula { text: "n(n² − 1)", of: |n| n * (n * n - 1) },
        ..QUIET
    },
];

const QUIET: Theory = Theory {
    source: "Chan & Shi 2020, introduction: Propose-Vote, Finalize",
    ideal: "",
    swarm: "delta = \"60ms\"",
    bounds: &["delta"],
    // A block is final when the next one is notarized, an epoch later.
    timing: Timing::rounds(Delays::delta(2).and_bound(2), Delays::delta(2).and_bound(2)),
    period: Some(Delays::ZERO.and_bound(2)),
    messages: Formula { text: "n² − 1", of: |n| n * n - 1 },
    apart: &["status", "notarization"],
    resilience: Resilience::byzantine(3),
    responsive: Responsive::No,
    // The crashed leader's epoch and the two that begin three consecutive ones, of 2Δ each, and the votes
    // of the third.
    recovery: Some(Recovery { delays: Delays::delta(2).and_bound(6), waits: &[] }),
    view_change: ViewChange::None("an epoch ends by the clock"),
    turn: Some(Formula { text: "0", of: |_| 0 }),
    remark: "three epochs of 2Δ from the first block of three to the end of the third; in a steady \
             run each block is the second of three",
    ..Theory::BLANK
};
