//! PBFT: Castro & Liskov, *Practical Byzantine Fault Tolerance*, OSDI 1999; the variant with signatures (§4).
//!
//! The primary of a view gives each batch a height (*pre-prepare*). The others agree that no other batch
//! gets that height in this view (*prepare*), then that none gets it in a later view either (*commit*).
//! What a quorum committed is executed in order of height. A primary under which nothing is executed while
//! transactions wait is replaced (*view change*); a quorum's signatures over the ledger's head
//! (*checkpoint*) let everything below be forgotten.
//!
//! | file | paper | what |
//! |---|---|---|
//! | `proposal` | | what is voted on; a block's proof, and its audit |
//! | `message` | | messages, and what must hold for each |
//! | `normal` | §4.2 | the three phases |
//! | `execution` | §4.2, §4.5.2 | execution in order, and the timer that watches over it |
//! | `checkpoint` | §4.3 | stable checkpoints, garbage collection |
//! | `view_change` | §4.4 | the set O as a pure function; VIEW-CHANGE and NEW-VIEW |
//! | `change` | §4.4 | leaving, opening, entering a view |
//! | `status` | | retransmission, missing batches, state transfer |
//! | `log` | | what is saved, recovery |
//! | `slot`, `params` | | one height's state; parameters |
//!
//! # Safety
//! Let q = ⌈(n + f + 1)/2⌉, so that two quorums share an honest replica, and n − f honest ones are a quorum.
//!
//! *Within a view.* An honest replica accepts one digest a height and view, and saves it before it
//! votes. Two prepared certificates of one height and view would share an honest voter; so they are for one
//! digest.
//!
//! *Across views.* Let digest d be committed at height h in view v: q replicas hold prepared certificates
//! for (d, h, v), saved before they voted. A later view starts from q departures; among them is one of an
//! honest replica that committed to d, unless h is at or below the stable checkpoint that the new view
//! starts from, and then a quorum has d in its ledgers. That departure claims d in view v or later, with
//! proof; by induction over views no certificate of a view ≥ v is for anything else at h. Since O picks the
//! claim of the highest view, the new view proposes d at h. A replica that executed d claims it by its
//! commit certificate, which excludes every other digest in later views too.
//!
//! *Across restarts.* A replica that comes back from its log has every digest it accepted and every
//! certificate it committed to above its stable checkpoint, and the last view it left; it cannot vote
//! against itself. Its ledger may be shorter than its log says (cut back where damage was found): then the
//! blocks come from others, each proven, and the votes stay bound.
//!
//! # Liveness
//! After the network is timely, §4.5.2 holds: timeouts double until they suffice, f + 1 departures pull
//! everyone along, and no more than f views in a row have a faulty primary. What a new view proposes again
//! is at hand: an honest replica prepares only a batch that it holds and has saved.
//!
//! # Deviations from the paper
//! - Requests come in batches, as in the authors' journal version (TOCS 20(4), 2002); a height is a batch.
//!   Clients talk to the host (§4.1); that transactions wait there is what starts the timer here.
//! - The primary's pre-prepare carries its *prepare* signature. So certificates are signatures under one
//!   statement, and a quorum of q takes the place of "2f that match the pre-prepare". Quorums are computed
//!   for any n, not only 3f + 1.
//! - The digest that is voted on covers the view of the first proposal, so that all agree on the
//!   producer of a block that a later view proposed again.
//! - A commit certificate suffices to execute, prepared here or not; the replica then commits too.
//! - A NEW-VIEW carries the signed parts of the departures and one certificate for each choice, not every
//!   certificate of each departure (see `view_change`). A departure may prove a claim with commits.
//! - A null request is an empty block in the ledger. Primaries must not propose empty batches otherwise.
//! - The timer between views starts when a quorum moved to this view or to later ones: a departure is not
//!   said again once its sender went on, and channels lose messages here.
//! - The timer restarts when any batch with transactions is executed, not a certain one.
//! - A replica whose ledger is below a stable checkpoint keeps its slots until the blocks are there: its low
//!   watermark is the lower of its stable checkpoint and its ledger. A vote is bound there as anywhere.
//! - State is transferred as blocks, each with its proof, and retransmission is driven by `Status` messages
//!   (as in Castro's thesis, 2001).

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use byzlab_core::{
    Block, BuildError, Claim, Committee, Digest, Effects, Height, Input, Invalid, Protocol,
    Recipients, Record, ReplicaId, Saved, Seat, Span, Time, View, block::Head,
};

use crate::kit::{Sync, Tally};

mod change;
mod checkpoint;
mod execution;
mod log;
pub mod message;
mod normal;
mod params;
pub mod proposal;
mod slot;
mod status;
mod theory;
pub mod view_change;

#[cfg(test)]
mod tests;

pub use message::Message;
pub use params::Params;
pub use theory::THEORY;

use log::Restored;
use message::Stable;
use params::Setup;
use slot::Slot;
use view_change::{NewView, ViewChange};

/// The widest window between the watermarks that parameters may ask for.
pub const WINDOW_MAX: u64 = 4096;

/// Names of PBFT's timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// In a view: the primary is suspected. Between views: the new view did not come.
    View,
    /// Nothing was executed for a while: time to say where one stands. Always armed.
    Status,
    /// A peer that was asked for blocks did not answer.
    Sync,
}

/// One replica of PBFT.
#[derive(Debug)]
pub struct Pbft {
    // Read for every vote:
    view: View,
    /// Whether `view` was entered; else its view change is under way.
    active: bool,
    fidgeting: bool,
    /// Slots begin above this height.
    base: Height,
    /// One slot a height from `base` + 1 on, up to the high watermark H; at most two windows of them.
    slots: VecDeque<Slot>,
    /// The highest height that anyone mentioned in this view.
    touched_top: Height,

    setup: Setup,
    seat: Seat,
    came_back: bool,
    /// The end of the ledger: everything up to here is executed.
    head: Head,
    /// The last stable checkpoint.
    stable: Arc<Stable>,
    /// Checkpoint votes by height, each a multiple of the interval within the window.
    checkpoints: BTreeMap<Height, Tally<Digest>>,

    /// The highest height accepted in this view.
    accepted_top: Height,
    /// The next height to propose at, as primary.
    next: Height,
    /// Whether a batch was asked for.
    asking: bool,
    /// Whether transactions wait at the host.
    waiting: bool,
    /// Whether the view timer is armed.
    timing: bool,
    /// View changes in a row without anything executed.
    view_changes: u32,

    /// How this view was opened, and the record of it; none in view 0.
    entered: Option<(Arc<NewView>, Record)>,
    /// The last view change of each replica.
    changes: Vec<Option<Arc<ViewChange>>>,
    /// How many of those are to this view, and to later ones.
    agree: usize,
    ahead: usize,
    /// Whether this replica, its primary, opened this view.
    opened: bool,
    /// Messages of views to come, a bounded number a peer.
    early: BTreeMap<ReplicaId, Vec<Message>>,

    sync: Sync,
    /// The ledger's height when the status timer was armed.
    seen: Height,
    /// How many times in a row that timer found nothing new.
    quiet: u32,
    /// As primary: the longest time of late from proposing to executing; each block takes an eighth off it.
    round: Span,
    /// When each peer's status was answered last.
    answered: Vec<Option<Time>>,
    /// Whether the status timer is armed for the long while of a replica with nothing to do.
    resting: bool,
    /// How many peers were asked in such whiles, and how many for batches: to ask another each time.
    asked: u64,
    fetches: usize,
}

impl Protocol for Pbft {
    type Message = Message;
    type Timer = Timer;
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        let setup = Setup::new(&params, &seat.committee)?;
        let restored = Restored::read(saved.records, seat.committee.chain)?;
        let stable = restored.stable.clone();
        let size = seat.committee.size();
        let entered = restored.entered.clone().map(|new_view| {
            let record = log::Entry::Entered(new_view.clone()).record();
            (new_view, record)
        });
        let mut pbft = Self {
            view: restored.view,
            active: restored.active,
            fidgeting: false,
            base: log::base(stable.head, saved.head, setup.window),
            slots: VecDeque::new(),
            touched_top: Height::GENESIS,
            sync: Sync::new(&seat, setup.status_gap(1)),
            setup,
            seat,
            came_back: log::came_back(&saved),
            head: saved.head,
            stable,
            checkpoints: BTreeMap::new(),
            accepted_top: Height::GENESIS,
            next: Height(1),
            asking: false,
            waiting: false,
            timing: false,
            view_changes: 0,
            entered,
            changes: vec![None; size],
            agree: 0,
            ahead: 0,
            opened: false,
            early: BTreeMap::new(),
            seen: Height::GENESIS,
            quiet: 0,
            round: Span::ZERO,
            answered: vec![None; size],
            resting: false,
            asked: 0,
            fetches: 0,
        };
        pbft.restore(restored, &saved);
        Ok(pbft)
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(now, out),
            Input::Message { from, message } => self.on_message(now, from, message, out),
            Input::Timer(Timer::View) => self.on_view_timer(now, out),
            Input::Timer(Timer::Status) => self.on_status_timer(now, out),
            Input::Timer(Timer::Sync) => {
                self.sync.on_timer();
                self.pump(now, out);
            }
            Input::Waiting(waiting) => self.on_waiting(now, waiting, out),
            Input::Batch(batch) => self.on_batch(now, batch, out),
            Input::Blocks { tag, blocks } => self.sync.on_read(tag, blocks, out),
            Input::Sealed(_) => unreachable!("no puzzle was handed out"),
        }
    }

    fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        proposal::audit(block, committee)
    }

    fn recipients() -> Recipients {
        Recipients::One
    }
}

impl Pbft {
    fn on_message(
        &mut self,
        now: Time,
        from: ReplicaId,
        message: Message,
        out: &mut Effects<Self>,
    ) {
        match message {
            Message::PrePrepare(message) => self.on_pre_prepare(now, from, message, out),
            Message::Prepare(vote) => self.on_prepare(now, from, vote, out),
            Message::Commit(vote) => self.on_commit(now, from, vote, out),
            Message::Checkpoint(head, vote) => self.on_checkpoint(now, from, head, vote, out),
            Message::ViewChange(change) => self.on_view_change(now, from, change, out),
            Message::NewView(new_view) => self.on_new_view(now, from, new_view, out),
            Message::Fetch(height, digest) => self.on_fetch(from, height, digest, out),
            Message::Fetched(height, proposal) => {
                self.on_fetched(now, from, height, proposal, out);
            }
            Message::Status(status) => self.on_status(now, from, status, out),
            Message::Stable(stable) => self.on_stable_proof(now, from, stable, out),
            Message::Catchup(catchup) => self.on_catchup(now, from, catchup, out),
        }
    }

    /// The primary of a view is replica v mod n (§4).
    fn primary(&self) -> ReplicaId {
        self.seat.committee.at_turn(self.view.0)
    }

    fn on_waiting(&mut self, now: Time, waiting: bool, out: &mut Effects<Self>) {
        self.waiting = waiting;
        if waiting {
            self.fidget(now, out);
            self.watch(now, out);
        } else if self.active && !self.waits_for_primary() && std::mem::take(&mut self.timing) {
            out.disarm(Timer::View);
        }
    }
}
