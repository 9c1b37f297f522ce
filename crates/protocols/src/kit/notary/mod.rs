//! What protocols share that go from view to view by notarizing a block or doing without one.
//!
//! A view has a leader, who proposes one block. Enough votes for it are a *notarization*, enough votes to go
//! without are a *nullification*; either ends the view. A block may be proposed, and voted for, when it
//! stands on a notarized block and every view since is nullified. So far [Simplex](crate::simplex) and
//! [Minimmit](crate::minimmit) are one; what makes a block final, how many votes are enough, and who may
//! say what after what, is in their [`Rules`]. Each states its own safety argument.
//!
//! Kept in common, beside the papers:
//! - Links may lose messages. A replica that gets nowhere says which view it knows no end of; others send
//!   the certificates from there on, and their own latest votes. Votes, once lost, are so said again.
//! - A voter has the whole path below the block that it votes for, saved before its vote leaves. So what
//!   can become final is at hand at honest replicas, and whoever lacks a block asks those who signed.
//! - A replica may enter a view on a certificate of the view before alone. It votes there when it has the
//!   certificates of all views down to the block proposed on.
//! - While nothing waits, all notarized blocks are final and nobody is heard in the view, no timer runs and
//!   nothing is proposed. Where blocks are not final and nothing waits, an empty block is proposed after Δ.
//! - No more than [`DEPTH_MAX`](crate::kit::chain::DEPTH_MAX) blocks with transactions stand above the
//!   ledger.

use std::{fmt, marker::PhantomData};

use byzlab_core::{
    Batch, Block, BuildError, Claim, Committee, Effects, Height, Input, Invalid, Protocol, Saved,
    Seat, Time, View, block::Head,
};

use crate::kit::{Certificate, Chain, Fetch, Journal, Pulse, Rotation, Sync};

mod keep;
mod log;
pub mod message;
mod params;
mod rules;
mod views;

#[cfg(test)]
mod tests;

pub use params::Params;
pub use views::Mine;

use log::Entry;
use message::Said;
use params::Setup;
use views::Views;

/// How a protocol that notarizes differs from the others.
pub trait Rules: Copy + fmt::Debug + Send + std::marker::Sync + 'static {
    /// What proposals are signed as, unless they are votes.
    const PROPOSE: &'static str;
    /// What votes are signed as.
    const VOTE: &'static str;
    /// What votes to go on without a block are signed as.
    const NULLIFY: &'static str;
    /// What finalize votes are signed as.
    const FINALIZE: &'static str;
    /// After how many Δ a view is given up.
    const TIMEOUT: u64;
    /// Whether a proposal is its leader's vote.
    const PROPOSAL_VOTES: bool;
    /// Whether replicas say that they saw a notarization, and a quorum of that makes a block final;
    /// else enough votes do.
    const CONFIRMS: bool;
    /// Whether one that voted nullifies when enough others contradict its vote.
    const CONTRADICTS: bool;

    /// How many votes notarize a block, and how many nullify a view.
    fn notarize(committee: &Committee) -> usize;
    /// How many finalize votes, or votes, make a block final.
    fn finalize(committee: &Committee) -> usize;
    /// How many equal replies make a client believe.
    fn replies(committee: &Committee) -> usize;
    /// Whether one that said this in a view may still vote for a block of it.
    fn may_vote(mine: &Mine) -> bool;
    /// Whether one that said this in a view may give it up when its time is over.
    fn may_nullify(mine: &Mine) -> bool;
}

/// Names of timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The view takes too long.
    View,
    /// A leader found nothing to propose.
    Idle,
    /// Time to look whether anything moves. Always armed.
    Status,
    /// A peer that was asked for blocks did not answer.
    Sync,
    /// A peer that was asked for a missing draft did not answer.
    Fetch,
}

/// A block that is final, and perhaps not here yet.
#[derive(Clone, Debug)]
struct Pending {
    view: View,
    head: Head,
    certificate: Certificate,
}

/// What a leader asked a batch for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    parent: Head,
    /// Whether an empty one will do.
    empty: bool,
}

/// One replica under rules `R`.
#[derive(Debug)]
pub struct Notary<R: Rules> {
    setup: Setup,
    seat: Seat,
    rotation: Rotation,
    came_back: bool,
    view: View,
    /// The view in which it began, or came back: it votes in none below, of which it may have forgotten.
    since: View,
    views: Views,
    /// The drafts above the ledger, whose end is its root.
    chain: Chain,
    pending: Option<Pending>,
    asked: Option<Asked>,
    /// Whether transactions wait at the host.
    waiting: bool,
    /// Whether the view's timer was armed in this view.
    timing: bool,
    /// Whether the leader of this view was asked what its proposal stands on.
    questioned: bool,

    journal: Journal,
    restored: Vec<(Entry, Option<Batch>)>,
    sync: Sync,
    fetch: Fetch,
    pulse: Pulse<(Height, View)>,
    rules: PhantomData<R>,
}

impl<R: Rules> Protocol for Notary<R> {
    type Message = Said<R>;
    type Timer = Timer;
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        let setup = Setup::new::<R>(&params, &seat.committee)?;
        let (journal, restored) = Journal::read::<Entry>(saved.records)?;
        let (base, pending) = log::ledger_end(&saved);
        Ok(Self {
            rotation: Rotation::new(params.leaders, &seat.committee),
            came_back: !saved.records.is_empty() || saved.head.height > Height::GENESIS,
            view: base.next(),
            since: base.next(),
            views: Views::new(base, saved.head, seat.committee.size()),
            chain: Chain::new(saved.head),
            pending,
            asked: None,
            waiting: false,
            timing: false,
            questioned: false,
            journal,
            restored,
            sync: Sync::new(&seat, params.delta.times(2)),
            fetch: Fetch::new(seat.me, params.delta),
            pulse: Pulse::new(&seat, params.delta.times(2)),
            rules: PhantomData,
            setup,
            seat,
        })
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(now, out),
            Input::Message { from, message } => self.on_message(now, from, message.message, out),
            Input::Timer(Timer::View) => self.on_view_timer(now, out),
            Input::Timer(Timer::Idle) => self.on_idle_timer(now, out),
            Input::Timer(Timer::Status) => self.on_status_timer(now, out),
            Input::Timer(Timer::Sync) => {
                self.sync.on_timer();
                self.pump(now, out);
            }
            Input::Timer(Timer::Fetch) => {
                self.fetch.on_timer(now, Timer::Fetch, out);
                self.fire(now, out);
            }
            Input::Waiting(waiting) => self.on_waiting(now, waiting, out),
            Input::Batch(batch) => self.on_batch(now, batch, out),
            Input::Blocks { tag, blocks } => self.sync.on_read(tag, blocks, out),
            Input::Sealed(_) => unreachable!("no puzzle was handed out"),
        }
    }

    fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        message::audit::<R>(block, committee)
    }

    fn replies(committee: &Committee) -> usize {
        R::replies(committee)
    }
}
