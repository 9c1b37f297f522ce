//! Raft: Ongaro & Ousterhout, *In Search of an Understandable Consensus Algorithm*, USENIX ATC 2014.
//!
//! **Not Byzantine tolerant.** It is here as the baseline that stands crashes alone: what is left when nobody
//! lies. Nothing is signed; a follower believes its leader, a client believes the first reply, and a block's
//! proof shows nothing but the term in which a leader received it. One replica that says two things breaks it.
//!
//! Terms have at most one leader, elected by a majority. The leader appends batches to its log and has the
//! others append them; an entry of its own term that a majority has is committed, with all below. Only one
//! whose log is at least as up to date as a majority's is elected, so a leader has all that is committed.
//!
//! | file | paper | what |
//! |---|---|---|
//! | `message` | Figure 2 | the two calls and their answers; what of a block can be audited |
//! | `elect` | §5.2, §5.4.1 | leader election |
//! | `replicate` | §5.3, §5.4.2 | log replication, commitment |
//! | `log` | | the log above the ledger |
//!
//! # Safety
//! For f = ⌊(n − 1)/2⌋ replicas that stop and may come back. currentTerm, votedFor and entries are saved before
//! anyone hears of them, so a majority that had an entry still has it. Any two majorities share a replica: the
//! argument of the paper's §5.4.3 (Leader Completeness) applies as it stands.
//!
//! # Liveness
//! With election timeouts well above a round trip, a candidate is alone often enough to be elected.
//!
//! # Deviations from the paper
//! - An entry is a block: its digest names all below it. Views are terms.
//! - Blocks that are committed long since are not in the log but in the ledger, and a follower that lacks them
//!   gets them by state transfer, from anyone: the place of snapshots (§7).
//! - Calls are messages. Several may be under way; a follower keeps what comes before its turn, and the leader
//!   does not send again what may still be on its way.
//! - A refusal says up to where the logs are certainly the same, so that nextIndex need not go back one by one
//!   (the end of §5.3).
//! - Election timeouts are drawn by a hash, so that runs can be repeated.
//! - No change of membership, no pre-vote, no read leases.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_core::{
    Batch, BatchLimit, Block, BuildError, Claim, Committee, Effects, Height, Input, Invalid,
    Protocol, Recipients, ReplicaId, Saved, Seat, Span, Time, View,
    theory::{Delays, Formula, Recovery, Resilience, Responsive, Theory, Timing, ViewChange},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kit::{Catchup, Draft, Journal, Signers, Sync, batch_limit};

mod elect;
mod log;
pub mod message;
mod replicate;

#[cfg(test)]
mod tests;

pub use message::Message;

use log::Log;
use message::{Append, LogEntry};

/// Parameters of Raft. All replicas of a run must have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// The most transactions in a block.
    pub batch_transactions: u32,
    /// The most bytes of transactions in a block.
    pub batch_bytes: u32,
    /// How long the leader waits for a block to fill, counted from when it could append one.
    pub batch_patience: Span,
    /// How many blocks may be under way at once (pipelining).
    pub in_flight: u32,
    /// How long a follower waits for word from a leader, at least; at most twice as long.
    pub election_timeout: Span,
    /// How often a leader says that it is there; followers learn by it, too, what is committed when
    /// nothing follows.
    pub heartbeat: Span,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            batch_transactions: 1_000,
            batch_bytes: 1 << 20,
            batch_patience: Span::ms(5),
            in_flight: 8,
            election_timeout: Span::ms(500),
            heartbeat: Span::ms(50),
        }
    }
}

/// Names of timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// No word from a leader.
    Election,
    /// Time for a leader to say that it is there.
    Heartbeat,
    /// A peer that was asked for blocks did not answer.
    Sync,
}

/// A replica's part in a term.
#[derive(Debug)]
enum Role {
    Follower,
    /// Who voted for it.
    Candidate(Signers),
    Leader(Leading),
}

/// Volatile state on leaders (Figure 2), by replica.
#[derive(Debug)]
struct Leading {
    /// nextIndex
    next: Vec<Height>,
    /// matchIndex
    matched: Vec<Height>,
    /// When entries were sent last.
    sent: Vec<Time>,
}

/// One replica of Raft.
#[derive(Debug)]
pub struct Raft {
    params: Params,
    batch: BatchLimit,
    seat: Seat,
    majority: usize,
    /// currentTerm
    term: View,
    /// votedFor
    voted: Option<ReplicaId>,
    log: Log,
    role: Role,
    leader: Option<ReplicaId>,
    /// Calls whose entries came before those below them, by what stands below.
    early: BTreeMap<Height, (ReplicaId, Arc<Append>)>,
    /// Whether a batch was asked for.
    asking: bool,
    /// How many election timeouts were drawn.
    draws: u64,
    came_back: bool,
    journal: Journal,
    sync: Sync,
}

impl Protocol for Raft {
    type Message = Message;
    type Timer = Timer;
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        let batch =
            batch_limit(params.batch_transactions, params.batch_bytes, params.batch_patience)?;
        if params.heartbeat.is_zero() || params.election_timeout <= params.heartbeat {
            return Err(BuildError(
                "`election_timeout` must be above `heartbeat`, above zero".into(),
            ));
        }
        if params.in_flight == 0 {
            return Err(BuildError("`in_flight` must be at least 1".into()));
        }
        let (journal, entries) = Journal::read::<log::Saved>(saved.records)?;
        let last = saved.ledger.block(saved.head.height);
        let ledger_term = last.and_then(|block| message::term_of(&block.proof).ok());
        let mut raft = Self {
            batch,
            majority: seat.committee.size() / 2 + 1,
            term: View(0),
            voted: None,
            log: Log::new(saved.head, ledger_term.unwrap_or_default()),
            role: Role::Follower,
            leader: None,
            early: BTreeMap::new(),
            asking: false,
            draws: 0,
            came_back: !saved.records.is_empty(),
            journal,
            sync: Sync::new(&seat, params.election_timeout),
            params,
            seat,
        };
        for (entry, batch) in entries {
            raft.restore(entry, batch);
        }
        Ok(raft)
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(now, out),
            Input::Message { from, message } => match message {
                Message::RequestVote(term, end) => {
                    self.on_request_vote(now, from, (term, end), out);
                }
                Message::Vote(term, granted) => self.on_vote(now, from, (term, granted), out),
                Message::Append(append) => self.on_append(now, from, append, out),
                Message::Appended(appended) => self.on_appended(now, from, appended, out),
                Message::Ledger(height) => {
                    self.sync.learn(from, height);
                    self.pump(now, out);
                }
                Message::Catchup(catchup) => self.on_catchup(now, from, catchup, out),
            },
            Input::Timer(Timer::Election) => self.on_election_timer(now, out),
            Input::Timer(Timer::Heartbeat) => self.on_heartbeat_timer(now, out),
            Input::Timer(Timer::Sync) => {
                self.sync.on_timer();
                self.pump(now, out);
            }
            Input::Batch(batch) => self.on_batch(now, batch, out),
            Input::Blocks { tag, blocks } => self.sync.on_read(tag, blocks, out),
            Input::Waiting(_) => {} // Silence of a leader, not of clients, makes an election.
            Input::Sealed(_) => unreachable!("no puzzle was handed out"),
        }
    }

    fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        message::audit(block, committee)
    }

    fn replies(_: &Committee) -> usize {
        1 // nobody lies, and a replica that replies has committed
    }

    fn recipients() -> Recipients {
        Recipients::One
    }
}

impl Raft {
    fn on_start(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.came_back {
            self.journal.compact(out);
            self.draws = self.term.0.wrapping_mul(1 << 20);
        }
        self.rearm_election(now, out);
    }

    /// Puts a saved entry back.
    fn restore(&mut self, entry: log::Saved, batch: Option<Batch>) {
        match entry {
            log::Saved::Term { term, voted } => (self.term, self.voted) = (term, voted),
            log::Saved::Log { term, height, parent, producer } => {
                let batch = batch.unwrap_or_else(Batch::empty);
                let draft = Draft { height, parent, producer, batch };
                self.log.put(Arc::new(LogEntry { term, draft }));
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
                let head = self.log.ledger();
                let blocks = self.sync.on_blocks(from, blocks, head, Timer::Sync, out);
                for block in blocks {
                    let term = message::term_of(&block.proof).expect("it was audited");
                    self.log.rebase(block.head(), term);
                    out.commit(block);
                }
                self.pump(now, out);
            }
        }
    }

    fn pump(&mut self, now: Time, out: &mut Effects<Self>) {
        self.sync.pump(now, self.log.ledger().height, Timer::Sync, out);
    }
}

/// What Raft promises; `byzlab conform raft` holds it to this.
pub const THEORY: &[Theory] = &[Theory {
    source: "Ongaro & Ousterhout 2014, Figure 2",
    ideal: "in_flight = 1\nbatch_patience = \"0s\"",
    swarm: "election_timeout = \"200ms\"\nheartbeat = \"40ms\"",
    bounds: &["election_timeout", "heartbeat"],
    // The leader commits at the answers; the others hear of it with the next entry.
    timing: Timing::rounds(Delays::delta(2), Delays::delta(3)),
    period: Some(Delays::delta(2)),
    messages: Formula { text: "2(n − 1)", of: |n| 2 * (n - 1) },
    apart: &["heartbeat", "heartbeat-ack", "ledger"],
    resilience: Resilience::crash(2),
    responsive: Responsive::Always,
    // Asked and elected; the first entry of the new term and its answers.
    recovery: Some(Recovery { delays: Delays::delta(4), waits: &[] }),
    view_change: ViewChange::Messages {
        kinds: &["request-vote", "vote"],
        // A candidate asks n - 1, of whom one is down.
        count: Formula { text: "2n − 3", of: |n| 2 * n - 3 },
        carrying: "",
    },
    turn: Some(Formula { text: "2n − 3", of: |n| 2 * n - 3 }),
    remark: "crashes only; one client reply is believed",
    ..Theory::BLANK
}];
