//! The central page: what a consensus protocol is.
//!
//! A protocol is a pure function from inputs to effects. Network, time, chance, disk, hashing and
//! signature checks stand outside: they come in as [`Input`]s and go out through [`Effects`]. So the
//! same compiled protocol runs, unchanged, in simulation and on a real network.

use std::fmt;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    block::{Block, Head},
    claim::{Claim, Invalid, Puzzle, Seal},
    codec,
    committee::{Committee, Seat},
    crypto::{
        Signature, Signer, Statement, Toss,
        coin::{BadCoin, Part},
    },
    id::{Height, ReplicaId},
    note::Note,
    replica::To,
    time::{Span, Time},
    transaction::Batch,
};

/// One replica's consensus logic. It has no clock, socket, thread or dice of its own:
/// the same inputs in the same order give the same effects, bit for bit.
pub trait Protocol: Sized + Send + 'static {
    /// What replicas say to each other.
    type Message: Message;
    /// Names of timers; at most one of each is armed.
    type Timer: Copy + Ord + fmt::Debug + Send;
    /// Its section of the experiment file. Derive with `#[serde(default, deny_unknown_fields)]`;
    /// the doc comments of its fields are what `byzlab protocols NAME` prints.
    type Params: DeserializeOwned + Serialize + Default + JsonSchema;

    /// Takes a seat, with what was saved before a restart (nothing at first).
    fn new(seat: Seat, params: Self::Params, saved: Saved<'_>) -> Result<Self, BuildError>;

    /// Takes one input and records what is to be done. Never fails, never blocks.
    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>);

    /// What must hold for `block` to be final, read from the block and its proof alone.
    ///
    /// Used to audit ledgers and to accept blocks from a peer when catching up. Must check that the
    /// proof is *about this block*: its height, its digest, its batch.
    fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid>;

    /// How many equal replies make a client believe that its transaction is final.
    fn replies(committee: &Committee) -> usize {
        committee.one_honest()
    }

    /// Whether its replicas toss a common [coin](crate::crypto::coin) under these parameters: then hosts give
    /// the committee one, f + 1 tosses of which give its value.
    fn tosses(_params: &Self::Params) -> bool {
        false
    }

    /// Whom clients send their transactions to. Where who proposes changes with every block, all.
    fn recipients() -> Recipients {
        Recipients::All
    }
}

/// Whom a client sends a transaction to, as long as no reply has named a leader.
///
/// What it got no replies for within its retry time it sends to every replica, one of which
/// [passes it on](crate::host::Sent), but [in turn](Recipients::InTurn) to another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recipients {
    /// Every replica: any of them may be the next to propose.
    #[default]
    All,
    /// One replica: it passes on to the leader what it gets, and replies name the leader.
    One,
    /// One after another, for every replica proposes transactions of its own.
    InTurn,
}

/// What replicas of one protocol say to each other.
pub trait Message:
    Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static
{
    /// A short name for traces, metrics and filters.
    fn kind(&self) -> &'static str;

    /// Everything that must hold before the protocol may see this message: signatures of votes,
    /// certificates and clients, Merkle roots, proofs of work. `Err` for what no proof can save:
    /// an unknown signer, a certificate too small, a batch for another chain.
    fn claims(&self, from: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid>;
}

/// What happens to a replica.
#[derive(Debug)]
pub enum Input<P: Protocol> {
    /// The replica begins, or begins again after a restart.
    Start,
    /// A message, every claim of which has been proven, or one of its own.
    Message {
        /// Who sent it.
        from: ReplicaId,
        /// What it says.
        message: P::Message,
    },
    /// A timer fell due; it is no longer armed.
    Timer(P::Timer),
    /// Whether transactions wait at this replica: what a view-change timer hangs on.
    /// Given at every change; none wait at first.
    Waiting(bool),
    /// The batch asked for with [`Effects::want_batch`].
    Batch(Batch),
    /// The puzzle handed out with [`Effects::mine`] was solved.
    Sealed(Seal),
    /// The blocks asked for with [`Effects::read`], in order; fewer than asked for at the ledger's end.
    Blocks {
        /// The tag given to `read`.
        tag: u64,
        /// The blocks.
        blocks: Vec<Block>,
    },
}

/// How large a batch may be, and how long to wait for it to fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimit {
    /// The most transactions.
    pub transactions: u32,
    /// The most bytes of transactions.
    pub bytes: u32,
    /// How long after the asking the batch may still wait to fill up; a full batch comes at once.
    pub patience: Span,
    /// Whether an empty batch comes after `patience` when nothing waits; else the asking stays open
    /// until something does.
    pub empty: bool,
}

/// Something saved: opaque bytes that come back in [`Saved`] after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record(pub Bytes);

impl Record {
    /// The record of `value`.
    pub fn of<T: Serialize>(value: &T) -> Self {
        Self(codec::encode(value))
    }
    /// The value in this record.
    pub fn read<T: Serialize + DeserializeOwned>(&self) -> Result<T, BuildError> {
        codec::decode(&self.0)
            .map_err(|e| BuildError(format!("a saved record cannot be read: {e}")))
    }
}

/// What a replica finds when it begins: its saved records and its ledger.
#[derive(Clone, Copy)]
pub struct Saved<'a> {
    /// What [`Effects::save`] recorded, in order, since the last [`Effects::compact`].
    pub records: &'a [Record],
    /// The end of its ledger. Commits go on from here.
    pub head: Head,
    /// Its ledger.
    pub ledger: &'a dyn Ledger,
}

impl fmt::Debug for Saved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Saved({} records, head {})", self.records.len(), self.head.height)
    }
}

/// Committed blocks by height.
pub trait Ledger {
    /// The block at `height`, if there is one.
    fn block(&self, height: Height) -> Option<Block>;
}

/// A ledger without blocks.
#[derive(Clone, Copy, Debug)]
pub struct NoBlocks;

impl Ledger for NoBlocks {
    fn block(&self, _: Height) -> Option<Block> {
        None
    }
}

impl<'a> Saved<'a> {
    /// What the first start finds: nothing.
    pub fn nothing(committee: &Committee) -> Self {
        Self { records: &[], head: Head::genesis(committee.chain), ledger: &NoBlocks }
    }
}

/// A protocol could not take its seat: bad parameters, or unreadable records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);

impl From<BadCoin> for BuildError {
    fn from(bad: BadCoin) -> Self {
        Self(bad.to_string())
    }
}

/// What a protocol wants done, in order.
///
/// The order is a promise: what was [saved](Effects::save) is durable before anything recorded after
/// it leaves the replica.
#[derive(Debug)]
pub struct Effects<P: Protocol> {
    pub(crate) list: Vec<Effect<P>>,
    signer: Signer,
    coin: Option<Part>,
    pub(crate) signed: u32,
    pub(crate) tossed: u32,
}

#[derive(Debug)]
pub(crate) enum Effect<P: Protocol> {
    Send { to: To, message: P::Message },
    Arm { timer: P::Timer, at: Time },
    Disarm(P::Timer),
    Save(Record),
    Compact(Vec<Record>),
    WantBatch { limit: BatchLimit, branch: Vec<Batch> },
    Mine(Option<Puzzle>),
    Read { from: Height, count: u32, tag: u64 },
    Lead(Option<ReplicaId>),
    Commit(Block),
    Revert(Height),
    Note(Note),
}

impl<P: Protocol> Effects<P> {
    /// No effects yet; signatures are made by `signer`.
    pub fn new(signer: Signer) -> Self {
        Self { list: Vec::new(), signer, coin: None, signed: 0, tossed: 0 }
    }
    /// This, tossing with this part of the committee's coin.
    #[must_use]
    pub fn tossing(self, part: Option<Part>) -> Self {
        Self { coin: part, ..self }
    }
    /// Signs a statement. Deterministic; the host accounts for its cost.
    pub fn sign(&mut self, statement: &Statement) -> Signature {
        self.signed += 1;
        self.signer.sign(&statement.0)
    }
    /// Tosses the coin called `name`. Deterministic; the host accounts for its cost.
    ///
    /// # Panics
    /// If there is no coin: the protocol did not [say](Protocol::tosses) that it tosses one.
    pub fn toss(&mut self, name: &Statement) -> Toss {
        self.tossed += 1;
        self.coin.as_ref().expect("protocols that toss say so").toss(name)
    }
    /// Sends to one replica; to oneself too.
    pub fn send(&mut self, to: ReplicaId, message: P::Message) {
        self.list.push(Effect::Send { to: To::One(to), message });
    }
    /// Sends to all, oneself included.
    pub fn broadcast(&mut self, message: P::Message) {
        self.list.push(Effect::Send { to: To::All, message });
    }
    /// Sends to the seat's neighbours; not to oneself.
    pub fn gossip(&mut self, message: P::Message) {
        self.list.push(Effect::Send { to: To::Neighbours { except: None }, message });
    }
    /// Sends to the seat's neighbours but `except`, from whom it came.
    pub fn relay(&mut self, except: ReplicaId, message: P::Message) {
        self.list.push(Effect::Send { to: To::Neighbours { except: Some(except) }, message });
    }
    /// Arms `timer`, replacing it if it is armed. A moment that is not later than now means the next
    /// nanosecond.
    pub fn arm(&mut self, timer: P::Timer, at: Time) {
        self.list.push(Effect::Arm { timer, at });
    }
    /// Disarms `timer` if it is armed.
    pub fn disarm(&mut self, timer: P::Timer) {
        self.list.push(Effect::Disarm(timer));
    }
    /// Saves a record: durable before anything recorded after it leaves.
    pub fn save(&mut self, record: Record) {
        self.list.push(Effect::Save(record));
    }
    /// Replaces everything saved so far by `records`, at once or not at all.
    pub fn compact(&mut self, records: Vec<Record>) {
        self.list.push(Effect::Compact(records));
    }
    /// Asks for a batch of waiting transactions that stand in none of `branch`, the batches of the
    /// uncommitted blocks that the proposal extends. Replaces an earlier asking.
    pub fn want_batch(&mut self, limit: BatchLimit, branch: Vec<Batch>) {
        self.list.push(Effect::WantBatch { limit, branch });
    }
    /// Hands out a puzzle, replacing the current one.
    pub fn mine(&mut self, puzzle: Puzzle) {
        self.list.push(Effect::Mine(Some(puzzle)));
    }
    /// Takes the current puzzle back.
    pub fn stop_mining(&mut self) {
        self.list.push(Effect::Mine(None));
    }
    /// Asks for `count` committed blocks from height `from` on, out of this replica's own ledger.
    pub fn read(&mut self, from: Height, count: u32, tag: u64) {
        self.list.push(Effect::Read { from, count, tag });
    }
    /// Says who proposes now, so that hosts route clients' transactions there; `None`: everyone.
    /// Everyone does until this is said.
    pub fn lead(&mut self, leader: Option<ReplicaId>) {
        self.list.push(Effect::Lead(leader));
    }
    /// Commits a block: without gaps and in order, which the adapter asserts.
    pub fn commit(&mut self, block: Block) {
        self.list.push(Effect::Commit(block));
    }
    /// Takes back every commit above `to`. Only for protocols whose finality is probabilistic;
    /// every host reports it as a safety failure.
    pub fn revert(&mut self, to: Height) {
        self.list.push(Effect::Revert(to));
    }
    /// Says something about itself.
    pub fn note(&mut self, note: Note) {
        self.list.push(Effect::Note(note));
    }
    /// Notes that a message was not acted on, and why.
    pub fn drop(&mut self, from: ReplicaId, kind: &'static str, why: &'static str) {
        self.note(Note::Dropped { from, kind, why });
    }
}
