//! One trusted sequencer that all others follow: the baseline, and the shortest example of a
//! plugin.
//!
//! The server turns what waits into blocks, signs each, and sends it to all; the others check the
//! signature and commit in order. Whoever misses a block asks for it, and anyone may answer, for a
//! block proves itself.
//!
//! **Safety** rests on the server alone: it must not sign two blocks for one height. So it saves a
//! block before it sends it, and after a restart sends that very block again; a server whose ledger
//! is shorter than what it has signed fetches the rest from its followers before it signs anew.
//! **Liveness** does too: when the server stops, the system stops. That is the point of the
//! baseline.

use std::collections::BTreeMap;

use bytes::Bytes;
use byzlab_core::{
    Batch, BatchLimit, Block, BuildError, Claim, Committee, Effects, Height, Input, Invalid,
    Message, Note, Proof, Protocol, Recipients, Record, ReplicaId, Saved, Seat, Signature, Span,
    Time, View,
    block::Head,
    theory::{Delays, Formula, Resilience, Responsive, Theory, Timing, ViewChange},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most blocks that one asking brings.
const ANSWER_BLOCKS_MAX: u32 = 16;
/// How far above the ledger a block may be that came before its turn: hosts promise no order, and
/// small messages overtake large ones.
const EARLY_BLOCKS_MAX: u64 = 32;
/// How many signed blocks are saved before the older ones, long in the ledger, are forgotten.
const SAVED_BLOCKS: u64 = 64;

/// How often the wait for an answer doubles at most.
const VAIN_MAX: u32 = 6;

/// What it promises; `byzlab conform central` holds it to this.
pub const THEORY: &[Theory] = &[Theory {
    source: "each block goes from the server to all, once",
    ideal: "patience = \"0s\"",
    swarm: "poll = \"400ms\"",
    bounds: &["poll"],
    timing: Timing::rounds(Delays::ZERO, Delays::delta(1)),
    messages: Formula { text: "n − 1", of: |n| n - 1 },
    apart: &["get"],
    resilience: Resilience::TRUSTED,
    responsive: Responsive::GoodCase,
    view_change: ViewChange::None("the server is never replaced"),
    ..Theory::BLANK
}];

/// Parameters of the sequencer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Which replica is the server.
    pub server: u16,
    /// The most transactions in a block.
    pub batch_transactions: u32,
    /// The most bytes of transactions in a block.
    pub batch_bytes: u32,
    /// How long the server waits for a block to fill.
    pub patience: Span,
    /// After how long without a block a follower asks for those that it may not have heard of. One that
    /// knows that it is behind asks at once, and again after an eighth of it, twice that, and so on.
    pub poll: Span,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            server: 0,
            batch_transactions: 4_000,
            batch_bytes: 1 << 20,
            patience: Span::ms(5),
            poll: Span::seconds(1),
        }
    }
}

/// What the server and its followers say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Say {
    /// A block, signed by its producer.
    Block(Block),
    /// Asks for the blocks from this height on.
    Get(Height),
}

impl Message for Say {
    fn kind(&self) -> &'static str {
        match self {
            Self::Block(_) => "block",
            Self::Get(_) => "get",
        }
    }
    fn claims(&self, _: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        match self {
            Self::Block(block) => Central::audit(block, committee),
            Self::Get(_) => Ok(Vec::new()),
        }
    }
}

/// The one timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Time to ask for blocks.
    Poll,
}

/// One replica of the sequencer: the server, or a follower.
#[derive(Debug)]
pub struct Central {
    seat: Seat,
    params: Params,
    server: ReplicaId,
    head: Head,
    /// The last block that this server signed; it signs the next only when the ledger has this one.
    signed: Option<Block>,
    /// The highest block heard of.
    heard: Height,
    /// The highest block asked for, so that a gap is asked for once.
    asked: Height,
    /// How often it asked and got no further.
    vain: u32,
    /// The height of the ledger at the last poll.
    polled: Height,
    /// Blocks that came before their turn, at most [`EARLY_BLOCKS_MAX`] above the ledger.
    early: BTreeMap<Height, Block>,
}

impl Protocol for Central {
    type Message = Say;
    type Timer = Timer;
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        let server = ReplicaId(params.server);
        if !seat.committee.contains(server) {
            return Err(BuildError(format!("`server = {}`: no such replica", params.server)));
        }
        let signed = saved.records.last().map(Record::read::<Block>).transpose()?;
        let heard = signed.as_ref().map_or(saved.head.height, |b| b.height.max(saved.head.height));
        let (head, asked) = (saved.head, saved.head.height);
        let early = BTreeMap::new();
        let (vain, polled) = (0, head.height);
        Ok(Self { seat, params, server, head, signed, heard, asked, vain, polled, early })
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(now, out),
            Input::Message { from, message: Say::Block(block) } => {
                self.on_block(now, from, block, out)
            }
            Input::Message { from, message: Say::Get(height) } => self.on_get(from, height, out),
            Input::Timer(Timer::Poll) => self.on_poll(now, out),
            Input::Batch(batch) => self.on_batch(batch, out),
            Input::Blocks { tag, blocks } => {
                let to = ReplicaId(tag as u16); // on_get's tag
                blocks.into_iter().for_each(|block| out.send(to, Say::Block(block)));
            }
            Input::Waiting(_) | Input::Sealed(_) => {}
        }
    }

    /// The block is signed by the producer it names. *That* this is the server, only a replica
    /// knows: its parameters say so.
    fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        if !block.is_chained() {
            return Err(Invalid("the digest is not the block's"));
        }
        let signature = <[u8; 64]>::try_from(&block.proof.0[..])
            .map_err(|_| Invalid("the proof is no signature"))?;
        let statement = committee.statement("central/block", &block.digest);
        let signed = committee.signed(block.producer, &statement, Signature(signature));
        let mut claims = vec![signed.ok_or(Invalid("no such producer"))?];
        block.batch.claims(committee, &mut claims)?;
        Ok(claims)
    }

    fn replies(_: &Committee) -> usize {
        1 // the server is trusted, and followers repeat only what it signed
    }

    fn recipients() -> Recipients {
        Recipients::One
    }
}

impl Central {
    fn on_start(&mut self, now: Time, out: &mut Effects<Self>) {
        out.lead(Some(self.server));
        self.produce(out);
        if self.head.height == Height::GENESIS && self.seat.me != self.server {
            return out.arm(Timer::Poll, now + self.params.poll); // the first blocks are on their way
        }
        self.on_poll(now, out);
    }

    /// The server's next block: the one it signed, if the ledger still lacks it, else a new one.
    fn produce(&self, out: &mut Effects<Self>) {
        if self.seat.me != self.server {
            return;
        }
        let next = self.head.height.next();
        match &self.signed {
            Some(block) if block.height > next => out.note(Note::Waits { why: "signed further" }),
            Some(block) if block.height == next => out.broadcast(Say::Block(block.clone())),
            _ => out.want_batch(self.limit(), Vec::new()),
        }
    }

    fn limit(&self) -> BatchLimit {
        BatchLimit {
            transactions: self.params.batch_transactions,
            bytes: self.params.batch_bytes,
            patience: self.params.patience,
            empty: false,
        }
    }

    fn on_batch(&mut self, batch: Batch, out: &mut Effects<Self>) {
        let (height, parent, me) = (self.head.height.next(), self.head.digest, self.seat.me);
        let mut block = Block::chained(height, parent, me, batch, Proof::default());
        let signature = out.sign(&self.seat.committee.statement("central/block", &block.digest));
        block.proof = Proof(Bytes::copy_from_slice(&signature.0));
        match height.0 % SAVED_BLOCKS {
            0 => out.compact(vec![Record::of(&block)]),
            _ => out.save(Record::of(&block)), // before it is sent: never two for one height
        }
        let transactions = block.batch.len() as u32;
        out.note(Note::Proposed { view: View(0), height, transactions });
        self.signed = Some(block.clone());
        out.broadcast(Say::Block(block));
    }

    fn on_block(&mut self, now: Time, from: ReplicaId, block: Block, out: &mut Effects<Self>) {
        if block.producer != self.server {
            return out.drop(from, "block", "not by the server");
        }
        self.heard = self.heard.max(block.height);
        if block.height > self.head.height
            && block.height.0 <= self.head.height.0 + EARLY_BLOCKS_MAX
        {
            self.early.insert(block.height, block);
        }
        while let Some(block) = self.early.remove(&self.head.height.next()) {
            if block.parent != self.head.digest {
                return out.drop(from, "block", "it does not extend what the server signed before");
            }
            self.head = block.head();
            out.commit(block);
            self.produce(out);
        }
        if self.is_behind() && self.head.height >= self.asked {
            out.note(Note::CatchingUp { from: self.head.height.next() });
            self.vain = 0;
            self.ask(now, out);
        }
    }

    fn on_poll(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.seat.me == self.server && !self.is_behind() {
            return;
        }
        if self.head.height > std::mem::replace(&mut self.polled, self.head.height) {
            self.vain = 0;
            if !self.is_behind() {
                // More is on its way, if slowly: a second copy would stand in the same queue.
                return out.arm(Timer::Poll, now + self.params.poll);
            }
        }
        self.ask(now, out);
    }

    fn is_behind(&self) -> bool {
        self.heard > self.head.height
    }

    /// Asks the server for what comes next; the server asks its followers. Who is behind asks again
    /// soon, but ever later: the answer may be long.
    fn ask(&mut self, now: Time, out: &mut Effects<Self>) {
        let get = Say::Get(self.head.height.next());
        self.asked = Height(self.head.height.0 + u64::from(ANSWER_BLOCKS_MAX));
        match self.seat.me == self.server {
            true => out.gossip(get),
            false => out.send(self.server, get),
        }
        let poll = self.params.poll;
        let wait = match self.is_behind() {
            true => Span(poll.0 / 8).times(1 << self.vain.min(VAIN_MAX)),
            false => poll,
        };
        self.vain += 1;
        out.arm(Timer::Poll, now + wait);
    }

    fn on_get(&self, from: ReplicaId, height: Height, out: &mut Effects<Self>) {
        if height <= self.head.height && from != self.seat.me {
            out.read(height, ANSWER_BLOCKS_MAX, u64::from(from.0));
        }
    }
}
