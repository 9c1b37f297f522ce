//! Tendermint: Buchman, Kwon & Milosevic, *The latest gossip on BFT consensus*, arXiv 1807.04938.
//!
//! Each height is decided by itself, in rounds. The proposer of a round proposes a value; the others
//! *prevote* for it or for nil, and *precommit* it when 2f + 1 prevoted it; 2f + 1 precommits decide. Who
//! precommits a value is *locked* on it, and prevotes for another only if 2f + 1 prevoted that in a
//! later round. There is no view change apart: a round that fails is followed by the next, whose
//! proposer proposes the last value that 2f + 1 prevoted, if it knows one.
//!
//! | file | paper | what |
//! |---|---|---|
//! | `message` | | messages, and what must hold for each; a decision, and its audit |
//! | `rules` | Algorithm 1 | the `upon` rules, with its line numbers |
//! | `round` | | what is known of one round |
//! | `keep` | | messages of other heights, retransmission, state transfer |
//! | `log` | | what is saved, recovery |
//! | `params` | | parameters, timeouts |
//!
//! # Safety
//! Let q = ⌈(n + f + 1)/2⌉, which is 2f + 1 for n = 3f + 1: two quorums share an honest replica. An honest
//! replica prevotes and precommits once a round, and saves the vote before it leaves, so in one round
//! at most one value gets q prevotes. Let v be decided in round r: q precommits, so at least q − f honest
//! replicas are locked on v in r. Those prevote in a later round for another value only by l. 29, with q
//! prevotes for it in a round vr ≥ r; the first such round would need q prevotes without those q − f
//! honest ones, and n − (q − f) < q. So no other value gets q prevotes after r, nor precommits. A replica
//! that comes back has its votes of the last round, its lock and its valid value.
//!
//! # Liveness
//! After the network is timely, timeouts grow with the round until they suffice; l. 47 and l. 55 bring all
//! honest replicas into one round within a delay. The lock of one is seen by all others before they leave
//! the round (the prevote timeout is what makes that so), and then an honest proposer proposes it.
//!
//! # Deviations from the paper
//! - A proposal with a valid round carries the 2f + 1 prevotes for it (l. 28 waits for them to come by
//!   gossip). A value is named by the digest of the block that it would be.
//! - Links may lose messages, and there is no gossip: a replica that gets nowhere says its height and round, and
//!   others send it their votes, the proposal, and what votes made them leave its round, all of which anyone
//!   may pass on. Blocks below come by state transfer.
//! - Rounds last forever in the paper; here messages of rounds far below or above the current one are
//!   dropped, with their sender's round noted: f + 1 in rounds above bring a replica into the lowest round
//!   that f + 1 of them have reached (l. 55 asks for f + 1 in the very same one).
//! - While nothing waits, nothing is proposed in round 0, and its timeout does not run: it starts when
//!   transactions wait or someone else's message of the height comes. In later rounds, and when others
//!   vote already, an empty block is proposed if nothing waits, so that the height comes to an end.
//! - Blocks of one height follow another without the pause for slower replicas that deployed versions make.

use std::collections::BTreeMap;

use byzlab_core::{
    Batch, Block, BuildError, Claim, Committee, Digest, Effects, Height, Input, Invalid, Protocol,
    Saved, Seat, Time, View, block::Head,
};

use crate::kit::{Journal, Pulse, Sync};

mod keep;
mod log;
pub mod message;
mod params;
mod round;
mod rules;
mod theory;

#[cfg(test)]
mod tests;

pub use message::Message;
pub use params::Params;
pub use theory::THEORY;

use log::Entry;
use message::{Polka, Value};
use params::Setup;
use round::Round;

/// How many rounds below its own a replica keeps messages of: a quorum of their precommits still
/// decides.
const ROUNDS_BEHIND: u64 = 4;

/// Names of Tendermint's timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// OnTimeoutPropose
    Propose,
    /// OnTimeoutPrevote
    Prevote,
    /// OnTimeoutPrecommit
    Precommit,
    /// Time to look whether anything moves. Always armed.
    Status,
    /// A peer that was asked for blocks did not answer.
    Sync,
}

/// The paper's step_p.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Propose,
    Prevote,
    Precommit,
}

/// The paper's validValue_p and validRound_p, with the proof.
#[derive(Clone, Debug)]
struct Valid {
    value: Value,
    polka: Polka,
}

/// One replica of Tendermint.
#[derive(Debug)]
pub struct Tendermint {
    setup: Setup,
    seat: Seat,
    came_back: bool,
    /// The end of the ledger; h_p is the height above.
    head: Head,
    /// round_p
    round: View,
    step: Step,
    /// lockedRound_p and the id of lockedValue_p.
    locked: Option<(View, Digest)>,
    valid: Option<Valid>,
    /// Messages of this height by round, a bounded number of rounds.
    rounds: BTreeMap<View, Round>,
    /// The highest round in which each replica was heard at this height.
    rounds_of_peers: Vec<View>,
    /// Messages of the next height by sender, a bounded number each.
    early: Vec<Vec<Message>>,

    /// Whether transactions wait at the host.
    waiting: bool,
    /// Whether another was heard at this height.
    heard: bool,
    /// Whether a batch was asked for.
    asking: bool,
    /// Whether the timer of l. 21 is armed.
    timing: bool,

    journal: Journal,
    /// What was saved about heights from the ledger's end on.
    restored: Vec<(Entry, Option<Batch>)>,
    /// The highest height with a saved vote.
    bound: Height,
    sync: Sync,
    pulse: Pulse<(Height, View, Step)>,
}

impl Protocol for Tendermint {
    type Message = Message;
    type Timer = Timer;
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        let setup = Setup::new(&params, &seat.committee)?;
        let (journal, mut restored) = Journal::read::<Entry>(saved.records)?;
        let bound = restored.iter().map(|(entry, _)| entry.height()).max().unwrap_or_default();
        restored.retain(|(entry, _)| entry.height() == bound);
        let size = seat.committee.size();
        Ok(Self {
            sync: Sync::new(&seat, setup.status_gap()),
            pulse: Pulse::new(&seat, setup.status_gap()),
            setup,
            came_back: !saved.records.is_empty() || saved.head.height > Height::GENESIS,
            head: saved.head,
            round: View(0),
            step: Step::Propose,
            locked: None,
            valid: None,
            rounds: BTreeMap::new(),
            rounds_of_peers: vec![View(0); size],
            early: vec![Vec::new(); size],
            waiting: false,
            heard: false,
            asking: false,
            timing: false,
            journal,
            restored,
            bound,
            seat,
        })
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(now, out),
            Input::Message { from, message } => match message {
                Message::Proposal(proposal) => self.on_proposal(now, from, proposal, out),
                Message::Vote(vote) => self.on_vote(now, from, vote, out),
                Message::Passed(voter, vote) => self.on_vote(now, voter, vote, out),
                Message::Status(status) => self.on_status(now, from, status, out),
                Message::Catchup(catchup) => self.on_catchup(now, from, catchup, out),
            },
            Input::Timer(Timer::Propose) => self.on_propose_timeout(now, out),
            Input::Timer(Timer::Prevote) => self.on_prevote_timeout(now, out),
            Input::Timer(Timer::Precommit) => self.on_precommit_timeout(now, out),
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
        message::audit(block, committee)
    }
}
