//! State transfer: how a replica that fell behind, or came back, gets the blocks it lacks.
//!
//! Every block proves itself ([`Protocol::audit`]), so one honest peer that has a block is enough: a peer
//! that promises blocks and does not deliver costs one patience, and is not asked again until it promises
//! anew. Answers come straight from the ledger, one under way a peer, bounded in blocks and bytes.
//!
//! The protocol that uses it passes on what it hears ([`Sync::learn`]), calls [`Sync::pump`] whenever that
//! or its head changed, and commits what [`Sync::on_blocks`] gives it, in order.

use byzlab_core::{
    Block, Claim, Committee, Effects, Height, Invalid, Note, Protocol, ReplicaId, Seat, Span, Time,
    block::Head,
};
use serde::{Deserialize, Serialize};

use super::Signers;

/// The most blocks in one answer.
pub const ANSWER_BLOCKS_MAX: u32 = 32;
/// The most bytes in one answer, unless it is a single block: half a frame.
pub const ANSWER_BYTES_MAX: usize = 4 << 20;
/// How often the patience with a peer doubles at most.
const DOUBLINGS_MAX: u32 = 6;
/// What a block takes in an answer beside its transactions and its proof, at most.
const BLOCK_OVERHEAD: usize = 160;

/// What replicas say to each other to catch up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Catchup {
    /// Asks for blocks from this height on.
    Ask(Height),
    /// The answer: blocks in order, without gaps; none where the ledger ends before the asked height.
    Blocks(Vec<Block>),
}

impl Catchup {
    /// A short name for traces and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ask(_) => "ask-blocks",
            Self::Blocks(_) => "blocks",
        }
    }
    /// What must hold before `P` may see this: each block's audit.
    ///
    /// # Errors
    /// If there are too many blocks, gaps between them, or one that cannot be audited.
    pub fn claims<P: Protocol>(&self, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let Self::Blocks(blocks) = self else { return Ok(Vec::new()) };
        if blocks.len() > ANSWER_BLOCKS_MAX as usize {
            return Err(Invalid("more blocks than an answer may have"));
        }
        let linked = |pair: &[Block]| {
            pair[1].height.0.checked_sub(1) == Some(pair[0].height.0)
                && pair[1].parent == pair[0].digest
        };
        if !blocks.windows(2).all(linked) {
            return Err(Invalid("blocks that are no chain"));
        }
        let mut claims = Vec::new();
        for block in blocks {
            claims.extend(P::audit(block, committee)?);
        }
        Ok(claims)
    }
}

/// One replica's side of state transfer, as asker and as server.
#[derive(Clone, Debug)]
pub struct Sync {
    me: ReplicaId,
    patience: Span,
    /// How high each peer's ledger is said to be.
    tops: Vec<Height>,
    /// Who was asked and has not answered.
    asked: Option<ReplicaId>,
    /// Who was asked last: the next asking goes to someone else where there is a choice.
    last: ReplicaId,
    /// How many did not answer in a row.
    failures: u32,
    /// For whom the ledger is being read.
    serving: Signers,
}

impl Sync {
    /// Nothing known yet. An asked peer has `patience` to answer; longer after others have failed.
    pub fn new(seat: &Seat, patience: Span) -> Self {
        Self {
            me: seat.me,
            patience,
            tops: vec![Height::GENESIS; seat.committee.size()],
            asked: None,
            last: seat.me,
            failures: 0,
            serving: Signers::default(),
        }
    }
    /// Someone says, or something shows, that `peer` has blocks up to `top`.
    pub fn learn(&mut self, peer: ReplicaId, top: Height) {
        if peer != self.me {
            let known = &mut self.tops[peer.index()];
            *known = (*known).max(top);
        }
    }
    /// Whether someone is said to be above `head`.
    pub fn behind(&self, head: Height) -> bool {
        self.tops.iter().any(|&top| top > head)
    }
    /// Asks for the block above `head` if someone has it and nothing is asked for; `timer` must come back
    /// through [`on_timer`](Self::on_timer), and this be called again.
    pub fn pump<P: Protocol>(
        &mut self,
        now: Time,
        head: Height,
        timer: P::Timer,
        out: &mut Effects<P>,
    ) where
        P::Message: From<Catchup>,
    {
        if self.asked.is_some() {
            return;
        }
        let size = self.tops.len();
        let after_last = (1..=size).map(|step| (self.last.index() + step) % size);
        let Some(peer) = after_last.into_iter().find(|&peer| self.tops[peer] > head) else {
            return;
        };
        let peer = ReplicaId(peer as u16);
        (self.asked, self.last) = (Some(peer), peer);
        out.note(Note::CatchingUp { from: head.next() });
        out.send(peer, Catchup::Ask(head.next()).into());
        out.arm(timer, now + self.patience.times(1 << self.failures));
    }
    /// The asked peer did not answer in time: what it promised is void, and the next has longer.
    pub fn on_timer(&mut self) {
        if let Some(peer) = self.asked.take() {
            self.tops[peer.index()] = Height::GENESIS;
            self.failures = (self.failures + 1).min(DOUBLINGS_MAX);
        }
    }
    /// Takes an answer; gives the blocks that extend `head`, in order. They have been audited.
    pub fn on_blocks<P: Protocol>(
        &mut self,
        from: ReplicaId,
        blocks: Vec<Block>,
        head: Head,
        timer: P::Timer,
        out: &mut Effects<P>,
    ) -> Vec<Block> {
        // One that comes late is as good: it proves itself.
        if self.asked == Some(from) {
            self.asked = None;
            out.disarm(timer);
        }
        let mut blocks = blocks;
        blocks.retain(|block| block.height > head.height);
        let Some(first) = blocks.first() else {
            self.tops[from.index()] = Height::GENESIS;
            return blocks;
        };
        if first.height != head.height.next() || first.parent != head.digest {
            if first.height == head.height.next() {
                out.note(Note::Misbehaved { by: from, what: "its ledger forks from this one" });
            }
            self.tops[from.index()] = Height::GENESIS;
            return Vec::new();
        }
        self.failures = 0;
        // Whoever has these may have more by now: an empty answer will tell.
        let last = blocks.last().map_or(head.height, |block| block.height);
        self.learn(from, last.next());
        blocks
    }
    /// Serves an asking: reads the own ledger.
    pub fn on_ask<P: Protocol>(&mut self, from: ReplicaId, at: Height, out: &mut Effects<P>) {
        if !self.serving.insert(from, self.tops.len()) {
            out.drop(from, "ask-blocks", "one answer to it is under way");
            return;
        }
        out.read(at, ANSWER_BLOCKS_MAX, u64::from(from.0));
    }
    /// Serves an asking: what was read goes out, as much of it as an answer may hold.
    pub fn on_read<P: Protocol>(&mut self, tag: u64, mut blocks: Vec<Block>, out: &mut Effects<P>)
    where
        P::Message: From<Catchup>,
    {
        let Some(peer) = u16::try_from(tag).ok().map(ReplicaId) else { return };
        if !self.serving.remove(peer) {
            return;
        }
        let mut bytes = 0;
        let fit = blocks.iter().take_while(|block| {
            bytes += block.batch.byte_len() + block.proof.0.len() + BLOCK_OVERHEAD;
            bytes <= ANSWER_BYTES_MAX
        });
        let fit = fit.count().max(1);
        blocks.truncate(fit);
        out.send(peer, Catchup::Blocks(blocks).into());
    }
}
