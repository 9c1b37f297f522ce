//! Where one copy of a replica runs, with the host's parts around it: mempool, ledger, records,
//! miner, and a queue before its CPU.

use std::{collections::VecDeque, sync::Arc};

use byzlab_core::{
    Batch, BatchLimit, BuildError, Committee, Entry, Puzzle, Record, Replica, ReplicaId, Saved,
    Seat, Signer, Time, host::Mempool, random::Stream,
};

use crate::{
    execution::Chain,
    links::Pipe,
    scenario::{MempoolLimit, Scenario},
    world::Happening,
};

/// The most happenings that wait before one replica's CPU; more are dropped and counted.
pub const INBOX_MAX: usize = 1 << 20;

/// One copy of a replica. What every turn reads comes first, on one cache line: with ten thousand
/// sites that is what a turn costs.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Site {
    /// `None` while it is down.
    pub(crate) replica: Option<Box<dyn Replica>>,
    /// When the earliest pending wake-up comes.
    pub(crate) wake_at: Time,
    /// Until when its CPU is busy.
    pub(crate) busy_until: Time,
    /// The names of its current asking for a batch and of its current puzzle: how many there were.
    pub(crate) asks: u32,
    pub(crate) puzzles: u32,
    pub(crate) id: ReplicaId,
    /// Whether checks ask something of it.
    pub(crate) honest: bool,
    /// What it was last told about waiting transactions.
    pub(crate) told_waiting: bool,
    pub(crate) leader: Option<ReplicaId>,
    /// When it goes on with its inbox, if that is planned.
    pub(crate) resume_at: Option<Time>,
    /// What waits for the CPU.
    pub(crate) inbox: VecDeque<Happening>,
    pub(crate) up: Pipe,
    pub(crate) down: Pipe,
    pub(crate) ask: Option<Ask>,
    pub(crate) puzzle: Option<Puzzle>,
    pub(crate) hash_power: u64,
    miner: Option<Box<Stream>>,
    pub(crate) mempool: Mempool,
    limit: MempoolLimit,
    pub(crate) records: Vec<Record>,
    pub(crate) chain: Chain,
    entry: Entry,
    params: Arc<toml::Table>,
}

/// A batch that was asked for.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) limit: BatchLimit,
    pub(crate) branch: Vec<Batch>,
    /// Its patience is used up: whatever comes next goes out.
    pub(crate) ripe: bool,
    /// Transactions that could go out, and their bytes.
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

impl Site {
    pub(crate) fn new(scenario: &Scenario, committee: &Committee, id: ReplicaId) -> Self {
        let powers = &scenario.mining.hash_power;
        let hash_power = match powers.is_empty() {
            true => 0,
            false => powers[id.index() % powers.len()],
        };
        let limit = scenario.mempool;
        Self {
            id,
            honest: true,
            entry: scenario.entry,
            params: Arc::new(toml::Table::new()),
            replica: None,
            wake_at: Time::NEVER,
            busy_until: Time::ZERO,
            inbox: VecDeque::new(),
            resume_at: None,
            up: Pipe::default(),
            down: Pipe::default(),
            limit,
            mempool: Mempool::new(limit.transactions, limit.bytes),
            told_waiting: false,
            ask: None,
            asks: 0,
            puzzle: None,
            puzzles: 0,
            hash_power,
            miner: None,
            leader: None,
            records: Vec::new(),
            chain: Chain::new(committee.chain),
        }
    }
    /// Says what it runs.
    pub(crate) fn runs(&mut self, entry: Entry, params: Arc<toml::Table>) {
        (self.entry, self.params) = (entry, params);
    }
    /// Seats its replica, with what was saved and its ledger.
    pub(crate) fn seat(&mut self, seat: Seat, signer: Signer, now: Time) -> Result<(), BuildError> {
        let head = self.chain.head();
        let saved = Saved { records: &self.records, head, ledger: &self.chain };
        self.replica = Some(self.entry.build(seat, signer, &self.params, saved)?);
        self.busy_until = now;
        Ok(())
    }
    /// Stops it: all is lost but its records and its ledger. Gives what waited for the CPU.
    pub(crate) fn crash(&mut self) -> VecDeque<Happening> {
        self.replica = None;
        self.wake_at = Time::NEVER;
        self.resume_at = None;
        self.mempool = Mempool::new(self.limit.transactions, self.limit.bytes);
        self.told_waiting = false;
        self.ask = None;
        self.asks += 1;
        self.puzzle = None;
        self.puzzles += 1;
        self.leader = None;
        std::mem::take(&mut self.inbox)
    }
    /// The stream that its mining draws from; `number` is its site's.
    pub(crate) fn miner(&mut self, seed: u64, number: u32) -> &mut Stream {
        self.miner.get_or_insert_with(|| Box::new(Stream::new(seed, &format!("miner/{number}"))))
    }
}
