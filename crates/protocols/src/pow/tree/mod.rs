//! The tree of known blocks, and the best chain in it.
//!
//! The tree keeps a window: the blocks above the chain's last [`WINDOW`] committed ones, on the
//! best chain and beside it. Whatever forks off below is refused. So memory is bounded, and a
//! revert can always be made; what it costs in safety is discussed in the [module](super).

use std::collections::VecDeque;

use byzlab_core::{Batch, Block, Digest, Height, Span, Time, block::Head};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{
    ForkChoice,
    header::{Header, TIME_MAX},
    message::{LOCATOR_MAX, Sealed},
    work::Bits,
};

mod ghost;

/// The most committed blocks that stay in memory, and so the deepest revert.
pub const WINDOW: u64 = 1024;
/// The most bytes of transactions that the best chain keeps in memory, unless that leaves less than
/// [`WINDOW_MIN`] committed blocks.
pub const WINDOW_BYTES: usize = 256 << 20;
/// The fewest committed blocks that stay in memory.
pub const WINDOW_MIN: u64 = 16;
/// The most blocks in the tree, on all branches.
pub const TREE_MAX: usize = 8 * WINDOW as usize;
/// Over how many blocks the median time is taken.
pub const MEDIAN: usize = 11;

/// What a miner knows of the rules of its chain.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Which of two chains is the best.
    pub choice: ForkChoice,
    /// The first target.
    pub initial: Bits,
    /// The mean interval between blocks that retargets aim at, in milliseconds.
    pub spacing: u64,
    /// How many blocks from one retarget to the next; 0: none.
    pub interval: u64,
    /// How far ahead of the own clock a header's time may be, in milliseconds.
    pub tolerance: u64,
}

/// A block in the tree.
#[derive(Clone, Debug)]
struct Entry {
    header: Header,
    height: Height,
    /// All work from the tree's root to here.
    work: u128,
    /// Under GHOST: the work of its subtree, without what goes on through the best chain.
    weight: u128,
    /// How many blocks came before it.
    arrival: u64,
    /// When the first block of its difficulty period was begun.
    period_start: u64,
    /// The median time of it and the ten blocks below.
    median: u64,
    batch: Batch,
}

/// A block of the best chain: what is asked for most often, side by side.
#[derive(Clone, Copy, Debug)]
struct Link {
    digest: Digest,
    time: u64,
}

/// The blocks of one replica.
#[derive(Clone, Debug)]
pub struct Tree {
    rules: Rules,
    blocks: IndexMap<Digest, Entry, FxBuildHasher>,
    /// The best chain, from height `base` up.
    chain: VecDeque<Link>,
    base: Height,
    /// The bytes of the best chain's transactions.
    bytes: usize,
    arrivals: u64,
}

/// How a new block changed the best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It did not: what there was is as good, and was seen first.
    Beside,
    /// It left the old chain above this height, and ends in the new block now, or, under GHOST, in
    /// one of its branch.
    Best {
        /// The height of the last block that both have.
        fork: Height,
    },
}

/// A moment as headers state it, in milliseconds.
pub fn millis(now: Time) -> u64 {
    now.0 / 1_000_000
}

/// A span as headers count it, in milliseconds.
pub fn span_millis(span: Span) -> u64 {
    span.0 / 1_000_000
}

impl Tree {
    /// The tree of a chain without blocks. Genesis counts as begun at 0 with the first target.
    pub fn new(rules: Rules, chain: Digest) -> Self {
        let header = Header {
            version: 0,
            producer: byzlab_core::ReplicaId(0),
            parent: Digest::default(),
            commitment: Digest::default(),
            time: 0,
            bits: rules.initial,
            nonce: 0,
        };
        let root = Sealed { header, height: Height::GENESIS, batch: Batch::empty() };
        Self::rooted(rules, chain, root, 0)
    }
    /// The tree above `root`, whose difficulty period began at `period_start`.
    pub fn rooted(rules: Rules, digest: Digest, root: Sealed, period_start: u64) -> Self {
        let Sealed { header, height, batch } = root;
        let bytes = batch.byte_len();
        let time = header.time;
        let entry = Entry {
            header,
            height,
            work: 0,
            weight: 0,
            arrival: 0,
            period_start,
            median: time,
            batch,
        };
        let blocks = IndexMap::from_iter([(digest, entry)]);
        let chain = VecDeque::from([Link { digest, time }]);
        Self { rules, blocks, chain, base: height, bytes, arrivals: 0 }
    }

    /// The end of the best chain.
    pub fn tip(&self) -> Head {
        let last = self.chain.back().expect("a chain has its root");
        Head { height: self.top(), digest: last.digest }
    }
    /// The lowest height in the tree.
    pub fn base(&self) -> Height {
        self.base
    }
    /// Whether a block is known.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.blocks.contains_key(digest)
    }
    /// A known block's height.
    pub fn height(&self, digest: &Digest) -> Option<Height> {
        self.blocks.get(digest).map(|entry| entry.height)
    }
    /// A known block, to send; never genesis.
    pub fn sealed(&self, digest: &Digest) -> Option<Sealed> {
        let Entry { header, height, batch, .. } = self.blocks.get(digest)?;
        let real = *height != Height::GENESIS;
        real.then(|| Sealed { header: *header, height: *height, batch: batch.clone() })
    }
    /// The digest at `height` on the best chain, as far down as the tree goes.
    pub fn at(&self, height: Height) -> Option<Digest> {
        let place = usize::try_from(height.0.checked_sub(self.base.0)?).ok()?;
        self.chain.get(place).map(|link| link.digest)
    }
    /// Whether `head` stands on the best chain.
    pub fn on_chain(&self, head: Head) -> bool {
        self.at(head.height) == Some(head.digest)
    }
    /// The best chain's block at `height`, for the ledger.
    pub fn block(&self, height: Height) -> Option<Block> {
        let digest = self.at(height)?;
        Some(self.sealed(&digest)?.block(digest))
    }
    /// At most `most` headers of the best chain above `height`.
    pub fn headers_above(&self, height: Height, most: usize) -> Vec<Header> {
        let first = (height.0 + 1).saturating_sub(self.base.0) as usize;
        let links = self.chain.iter().skip(first).take(most);
        links.map(|link| self.entry(&link.digest).header).collect()
    }
    /// The batches of the best chain above `height`, without the empty ones.
    pub fn batches_above(&self, height: Height) -> Vec<Batch> {
        let first = (height.0 + 1).saturating_sub(self.base.0) as usize;
        let links = self.chain.iter().skip(first);
        let batches = links.map(|link| &self.entry(&link.digest).batch);
        batches.filter(|batch| !batch.is_empty()).cloned().collect()
    }
    /// Heads of the best chain for another to find the last one in common: the highest first, each
    /// of the first ten, then ever fewer, and genesis.
    pub fn locator(&self, chain: Digest) -> Vec<Head> {
        let (mut heads, mut step) = (Vec::new(), 1);
        let mut height = Some(self.top());
        while let Some(digest) = height.and_then(|height| self.at(height)) {
            let here = height.expect("it has a digest");
            heads.push(Head { height: here, digest });
            if heads.len() >= 10 {
                step *= 2;
            }
            height = match here.0.checked_sub(step) {
                Some(below) if below >= self.base.0 => Some(Height(below)),
                _ if here > self.base => Some(self.base),
                _ => None,
            };
        }
        if self.base > Height::GENESIS {
            heads.push(Head::genesis(chain));
        }
        debug_assert!(heads.len() <= LOCATOR_MAX);
        heads
    }

    /// The target of a block on `parent`: its parent's, but after each [interval](Rules::interval)
    /// that times the ratio of how long the interval's blocks took to how long they should have
    /// taken. (Nakamoto §4 asks for a moving average that aims at a number of blocks an hour.)
    ///
    /// As in Bitcoin, N blocks have N − 1 gaps between them, which are held against N · spacing; so
    /// the mean interval settles at spacing · N / (N − 2) when the hash rate is constant.
    fn bits_on(&self, parent: &Entry) -> Bits {
        let Rules { spacing, interval, .. } = self.rules;
        // No height above genesis is a multiple of 0.
        if !parent.height.next().0.is_multiple_of(interval) {
            return parent.header.bits;
        }
        let actual = parent.header.time.saturating_sub(parent.period_start);
        parent.header.bits.retarget(actual, interval.saturating_mul(spacing).max(1))
    }
    /// What a block on the best chain's end must have: its target, and the latest time it must be
    /// above.
    pub fn next(&self) -> (Bits, u64) {
        let tip = self.entry(&self.tip().digest);
        (self.bits_on(tip), tip.median)
    }
    /// Why a block, whose parent is known, must not enter the tree now; nothing, if it may.
    pub fn objection(&self, header: &Header, height: Height, now: Time) -> Option<&'static str> {
        let parent = self.entry(&header.parent);
        let settled = parent.height.0 >= self.base.0 + MEDIAN as u64;
        if height != parent.height.next() {
            Some("its height is not its parent's plus one")
        } else if self.base > Height::GENESIS && !settled {
            Some("it forks off below the window")
        } else if header.bits != self.bits_on(parent) {
            Some("its target is not the one that the chain asks for")
        } else if header.time <= parent.median {
            Some("its time is not above the median of the eleven before")
        } else if header.time > (millis(now) + self.rules.tolerance).min(TIME_MAX) {
            Some("its time is too far ahead")
        } else if self.blocks.len() >= TREE_MAX && header.parent != self.tip().digest {
            Some("too many blocks beside the best chain")
        } else {
            None
        }
    }
    /// Takes in a block to which there is no [objection](Self::objection). Of two chains that are
    /// equally good the one seen first stays the best until the other is better (Nakamoto §5: the tie is
    /// broken by the next proof of work).
    pub fn insert(&mut self, digest: Digest, sealed: Sealed) -> Change {
        let Sealed { header, height, batch } = sealed;
        let parent = self.entry(&header.parent);
        assert_eq!(height, parent.height.next(), "objections come first");
        let begins = height.0.is_multiple_of(self.rules.interval);
        let entry = Entry {
            header,
            height,
            work: parent.work.saturating_add(header.bits.work()),
            weight: header.bits.work(),
            arrival: self.arrivals,
            period_start: if begins { header.time } else { parent.period_start },
            median: self.median_with(&header, height),
            batch,
        };
        let better = entry.work > self.entry(&self.tip().digest).work;
        self.blocks.insert(digest, entry);
        self.arrivals += 1;
        match self.rules.choice {
            // Nakamoto §4: the chain with the most work in it.
            ForkChoice::Longest if better => self.adopt(digest),
            ForkChoice::Longest => Change::Beside,
            // Sompolinsky & Zohar 2015, Algorithm 1.
            ForkChoice::Ghost => self.weigh(digest),
        }
    }
    /// Makes the branch that ends in `digest` the best chain, if it leaves it within the window.
    fn adopt(&mut self, digest: Digest) -> Change {
        let (mut branch, mut at) = (Vec::new(), digest);
        let fork = loop {
            // A branch may have lost its root to pruning: it forks off below the window.
            let Some(entry) = self.blocks.get(&at) else { return Change::Beside };
            if self.at(entry.height) == Some(at) {
                break entry.height;
            }
            branch.push(at);
            at = entry.header.parent;
        };
        while self.top() > fork {
            let left = self.chain.pop_back().expect("it is above the fork");
            self.bytes -= self.entry(&left.digest).batch.byte_len();
        }
        for digest in branch.into_iter().rev() {
            let entry = self.entry(&digest);
            let (time, bytes) = (entry.header.time, entry.batch.byte_len());
            self.bytes += bytes;
            self.chain.push_back(Link { digest, time });
        }
        Change::Best { fork }
    }
    /// Forgets what lies too far below the last committed height.
    pub fn prune(&mut self, committed: Height) {
        let lowest = Height(committed.0.saturating_sub(WINDOW));
        let before = self.base;
        while self.base < lowest
            || self.bytes > WINDOW_BYTES && self.base.0 + WINDOW_MIN < committed.0
        {
            let gone = self.chain.pop_front().expect("the committed block stays");
            self.base = self.base.next();
            let entry = self.blocks.swap_remove(&gone.digest).expect("chains are in the tree");
            self.bytes -= entry.batch.byte_len();
        }
        // Branches go less often than blocks: finding them takes a walk through the tree.
        let base = self.base;
        if base.0 / 64 != before.0 / 64 {
            self.blocks.retain(|_, entry| entry.height >= base);
        }
    }

    fn top(&self) -> Height {
        Height(self.base.0 + self.chain.len() as u64 - 1)
    }
    fn entry(&self, digest: &Digest) -> &Entry {
        self.blocks.get(digest).expect("what is asked for is in the tree")
    }
    /// The median time of `header` and the ten blocks below it, or of as many as there are.
    fn median_with(&self, header: &Header, height: Height) -> u64 {
        let mut times = [header.time; MEDIAN];
        let mut count = 1;
        let mut below = Head { height: Height(height.0 - 1), digest: header.parent };
        while count < MEDIAN && !self.on_chain(below) {
            let Some(entry) = self.blocks.get(&below.digest) else { break };
            times[count] = entry.header.time;
            count += 1;
            below = Head { height: Height(entry.height.0 - 1), digest: entry.header.parent };
        }
        if self.on_chain(below) {
            let top = (below.height.0 - self.base.0) as usize;
            for link in self.chain.range(..=top).rev().take(MEDIAN - count) {
                times[count] = link.time;
                count += 1;
            }
        }
        times[..count].sort_unstable();
        times[count / 2]
    }
}
