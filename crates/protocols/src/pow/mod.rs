//! Proof of work: Nakamoto, *Bitcoin: A Peer-to-Peer Electronic Cash System*, 2008.
//!
//! Every replica mines on the end of the chain with the most work that it knows, and commits a
//! block when it has [`confirmations`](Params::confirmations), itself the first. Nobody leads,
//! nobody votes.
//!
//! ```text
//! miner              neighbour          neighbour's neighbours
//!   ├─ announce ───────▶│
//!   │◀───── get blocks ─┤
//!   ├─ block ──────────▶│  proven, in the tree, the best chain's end
//!   │                   ├─ announce ───────▶│ …
//! ```
//! Whoever hears of a block far ahead, or gets one without its parent, asks for headers from the
//! last block in common on, then for the blocks, oldest first. A block beside the best chain is
//! kept, but not passed on until its branch is the best; under GHOST it counts, and is passed on.
//!
//! Which chain is best is a [parameter](Params::fork_choice): the one with the most work, or the
//! one that GHOST picks. Where blocks come faster than they travel, stale blocks weaken the first
//! against an attacker who wastes none, and hardly the second (Sompolinsky & Zohar, §4).
//!
//! # Rooms
//! [`work`]: targets, work, the difficulty rule. [`header`]: the 80 bytes. [`message`]: what is
//! said, and its claims. [`tree`]: known blocks and the best chain. [`gossip`]: who is asked for
//! what. `mine`: the block that is being mined.
//!
//! # Safety
//! Finality is a matter of odds: a block with k confirmations is reverted by whoever outruns k
//! blocks. An attacker with the share q < 1/2 of the work succeeds with a chance that falls
//! exponentially in k (Nakamoto §11; Rosenfeld 2014 has the exact law). When it happens the replica
//! [reverts], and hosts report it, with its depth, as a failure of finality. A network that takes
//! the time D to pass a block on wastes work: with x = D/T, the share x/(1 + x) of blocks goes
//! stale.
//!
//! # Where this differs from Bitcoin
//! - The header's version and time fields carry a miner's id and milliseconds; its Merkle root, a
//!   digest that also binds height and miner. See [`header`].
//! - Blocks hold ordered batches, not spends of coins: a transaction in two blocks of one chain is
//!   executed once, so there is nothing invalid about it. There is no coinbase; shares of blocks
//!   are counted by the miner's id, which work does not prove.
//! - Genesis is the chain's id, begun at time 0; the first target is a
//!   [parameter](Params::difficulty).
//! - The *easiest* target is that of two hashes: there is no further floor to the difficulty.
//! - Clients hand transactions to all replicas, and replicas do not pass them on.
//! - A replica keeps the blocks of a [window](tree::WINDOW) below what it has committed, and does
//!   not follow a chain that leaves its own further below: a split that lasted longer does not
//!   heal.
//! - Under GHOST a replica counts the blocks that it has seen. One that was away, and fetches the
//!   best chain alone, lacks those beside it (Ethereum's blocks name theirs), and may hold another
//!   chain for the best until new blocks decide.
//! - Blocks are held back until their parents are here ([`ORPHANS_MAX`](gossip::ORPHANS_MAX)),
//!   headers are not kept ahead of blocks, and misbehaving peers are noted, not banned.
//!
//! [reverts]: byzlab_core::Effects::revert

pub mod gossip;
pub mod header;
pub mod message;
mod mine;
mod theory;
pub mod tree;
pub mod work;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use byzlab_core::{
    Block, BuildError, Claim, Committee, Effects, Height, Input, Invalid, Note, Protocol,
    ReplicaId, Saved, Seat, Span, Time, block::Head,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::theory::THEORY;
use self::{
    gossip::Gossip,
    message::{Say, Sealed},
    mine::Mine,
    tree::{Change, Rules, Tree, WINDOW, WINDOW_BYTES},
    work::Bits,
};

/// Which of two chains is the best.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ForkChoice {
    /// The one with the most work from genesis to its end (Nakamoto).
    #[default]
    Longest,
    /// At each fork the child whose subtree has the most work, blocks beside the chain included
    /// (GHOST, Sompolinsky & Zohar 2015).
    Ghost,
}

/// Parameters of proof of work.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Which chain is mined on and committed: `"longest"`, the one with the most work, or
    /// `"ghost"`, which goes at each fork into the subtree with the most work.
    pub fork_choice: ForkChoice,
    /// The mean interval between blocks: what retargets aim at, and the measure for how often the
    /// block being mined is renewed.
    pub spacing: Span,
    /// How many hashes the first blocks take on average: the hash power of all replicas together
    /// times `spacing` gives blocks at that interval. The easiest target there is takes 2.
    pub difficulty: u64,
    /// After how many blocks the difficulty is set anew, as in Bitcoin (there 2016): N − 1 gaps are
    /// held against N · `spacing`, and the target changes by a factor of 4 at most. At constant
    /// hash power the mean interval so becomes `spacing` · N/(N − 2). 0: the difficulty never
    /// changes.
    pub retarget_interval: u32,
    /// How many blocks a block must be deep in the best chain to be committed, itself counted: 1
    /// commits the chain's end.
    pub confirmations: u32,
    /// How far a block's time may be ahead of a replica's clock.
    pub clock_tolerance: Span,
    /// The most transactions in a block.
    pub batch_transactions: u32,
    /// The most bytes of transactions in a block.
    pub batch_bytes: u32,
    /// How many times an interval the block being mined takes in the transactions that came
    /// meanwhile.
    pub renewals: u32,
    /// How long a neighbour may take to answer before another one is asked.
    pub request_timeout: Span,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            fork_choice: ForkChoice::Longest,
            spacing: Span::seconds(1),
            difficulty: 400_000,
            retarget_interval: 0,
            confirmations: 6,
            clock_tolerance: Span::seconds(10),
            batch_transactions: 4_000,
            batch_bytes: 1 << 20,
            renewals: 8,
            request_timeout: Span::seconds(2),
        }
    }
}

impl Params {
    /// The rules that follow, or what is wrong with them.
    fn rules(&self) -> Result<Rules, BuildError> {
        let wrong = |what: &str| Err(BuildError(what.to_owned()));
        if self.difficulty == 0 {
            return wrong("`difficulty` must be at least 1 hash");
        }
        if self.confirmations == 0 || u64::from(self.confirmations) > WINDOW {
            return wrong("`confirmations` must be from 1 to 1024");
        }
        if self.spacing < Span::ms(1) || self.request_timeout < Span::ms(1) {
            return wrong("`spacing` and `request_timeout` must be at least 1ms");
        }
        if self.renewals == 0 {
            return wrong("`renewals` must be at least 1");
        }
        if self.retarget_interval == 1 {
            return wrong(
                "`retarget_interval` must be 0 or at least 2: one block has no gap to measure",
            );
        }
        Ok(Rules {
            choice: self.fork_choice,
            initial: Bits::expecting(self.difficulty),
            spacing: tree::span_millis(self.spacing),
            interval: u64::from(self.retarget_interval),
            tolerance: tree::span_millis(self.clock_tolerance),
        })
    }
}

/// What a miner waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The block being mined is renewed.
    Renew,
    /// Neighbours that have not answered are given up on.
    Requests,
}

/// One miner.
#[derive(Debug)]
pub struct Pow {
    seat: Seat,
    params: Params,
    tree: Tree,
    /// The end of the ledger.
    committed: Head,
    gossip: Gossip,
    mine: Mine,
}

impl Protocol for Pow {
    type Message = Say;
    type Timer = Timer;
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        let tree = grow(params.rules()?, &seat, saved)?;
        let committed = saved.head;
        Ok(Self { seat, params, tree, committed, gossip: Gossip::default(), mine: Mine::default() })
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(now, out),
            Input::Message { from, message } => match message {
                // Nakamoto §5, steps 4 and 5: whoever finds a block tells all; §5, end: who lacks one asks for it.
                Say::Announce(head) => self.on_announce(now, from, head, out),
                Say::GetHeaders(locator) => self.on_get_headers(from, locator, out),
                Say::Headers(headers) => self.on_headers(now, from, headers, out),
                Say::GetBlocks(heads) => self.on_get_blocks(from, heads, out),
                Say::Block(sealed) => self.on_block(now, from, sealed, out),
            },
            Input::Timer(Timer::Renew) => self.renew(now, out),
            Input::Timer(Timer::Requests) => self.on_requests_due(now, out),
            Input::Waiting(waiting) => self.on_waiting(now, waiting, out),
            // Nakamoto §5, steps 2 and 3: collect transactions into a block, and work on its proof.
            Input::Batch(batch) => self.on_batch(now, batch, out),
            Input::Sealed(seal) => self.on_sealed(now, seal, out),
            Input::Blocks { tag, blocks } => self.on_blocks_read(tag, blocks, out),
        }
    }

    /// The header is about this block (name, parent, height, batch, producer), its target is met,
    /// and the transactions are their clients'.
    ///
    /// Whether the target was the one that the chain asked for, and whether the time was right,
    /// cannot be told from a block alone: that takes the blocks below and the run's parameters. So
    /// an audit of single blocks finds altered ones, but not a chain that was mined anew at ease;
    /// comparing the work of the whole chain with others' does.
    fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let sealed = Sealed::of(block).ok_or(Invalid("the proof is no header"))?;
        let header = &sealed.header;
        if header.hash() != block.digest {
            return Err(Invalid("the header's hash is not the block's digest"));
        }
        if header.parent != block.parent || header.producer != block.producer {
            return Err(Invalid("the header has another parent or producer"));
        }
        sealed.claims(committee)
    }

    /// The client believes the replica that it asked: how deep a block lies, everyone can count.
    fn replies(_: &Committee) -> usize {
        1
    }
}

/// The tree that a ledger's end gives: as many blocks as the window holds.
fn grow(rules: Rules, seat: &Seat, saved: Saved<'_>) -> Result<Tree, BuildError> {
    let at = |height: Height| {
        let block = saved.ledger.block(height);
        let sealed = block.and_then(|block| Sealed::of(&block).map(|s| (block.digest, s)));
        sealed.ok_or_else(|| BuildError(format!("the ledger has no mined block {height}")))
    };
    let (mut blocks, mut bytes) = (VecDeque::new(), 0);
    let mut height = saved.head.height;
    while height > Height::GENESIS && blocks.len() as u64 <= WINDOW && bytes <= WINDOW_BYTES {
        let (digest, sealed) = at(height)?;
        bytes += sealed.batch.byte_len();
        blocks.push_front((digest, sealed));
        height = Height(height.0 - 1);
    }
    let mut tree = match height {
        Height::GENESIS => Tree::new(rules, seat.committee.chain),
        _ => {
            let (digest, root) = blocks.pop_front().expect("the ledger has blocks");
            let first = root.height.0.checked_rem(rules.interval).map(|past| root.height.0 - past);
            let start = match first {
                None | Some(0) => 0,
                Some(first) => at(Height(first))?.1.header.time,
            };
            Tree::rooted(rules, digest, root, start)
        }
    };
    for (digest, sealed) in blocks {
        tree.insert(digest, sealed);
    }
    Ok(tree)
}

impl Pow {
    fn on_start(&mut self, now: Time, out: &mut Effects<Self>) {
        out.lead(None);
        out.gossip(Say::GetHeaders(self.tree.locator(self.seat.committee.chain)));
        self.renew(now, out);
    }

    /// Follows the best chain to its new end: takes back what it left, commits what is deep enough
    /// (Nakamoto §11), tells the neighbours, and mines on (§5, step 6).
    fn on_new_tip(
        &mut self,
        now: Time,
        from: Option<ReplicaId>,
        before: Head,
        fork: Height,
        out: &mut Effects<Self>,
    ) {
        if before.height > fork {
            out.note(Note::Reorganised { depth: before.height.0 - fork.0 });
        }
        self.tell(from, out);
        if self.committed.height > fork {
            out.revert(fork);
            let digest = self.tree.at(fork).expect("forks are in the tree");
            self.committed = Head { height: fork, digest };
        }
        let confirmed = self.tree.tip().height.0 + 1;
        while self.committed.height.0 + u64::from(self.params.confirmations) < confirmed {
            let block = self.tree.block(self.committed.height.next()).expect("it is in the tree");
            self.committed = block.head();
            out.commit(block);
        }
        self.tree.prune(self.committed.height);
        self.renew(now, out);
    }

    /// Takes a block whose parent is known into the tree, and then the orphans that waited for it.
    /// `from` is who sent it; nobody, if it was mined here.
    fn take(
        &mut self,
        now: Time,
        from: Option<ReplicaId>,
        digest: byzlab_core::Digest,
        sealed: Sealed,
        out: &mut Effects<Self>,
    ) {
        let before = self.tree.tip();
        let mut fork = before.height;
        let mut ready = VecDeque::from([(from, digest, sealed)]);
        while let Some((from, digest, sealed)) = ready.pop_front() {
            if let Some(why) = self.tree.objection(&sealed.header, sealed.height, now) {
                out.drop(from.unwrap_or(self.seat.me), "block", why);
                continue;
            }
            let head = Head { height: sealed.height, digest };
            match self.tree.insert(digest, sealed) {
                Change::Best { fork: at } => fork = fork.min(at),
                Change::Beside => self.tell_beside(from, head, out),
            }
            let adopted = self.gossip.adopt(digest);
            ready
                .extend(adopted.map(|(digest, orphan)| (Some(orphan.from), digest, orphan.sealed)));
        }
        if self.tree.tip() != before {
            self.on_new_tip(now, from, before, fork, out);
        }
    }
}
