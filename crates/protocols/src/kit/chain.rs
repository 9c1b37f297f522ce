//! Proposed blocks that are not committed yet: a bounded tree over the ledger's head.
//!
//! A [`Draft`] is a block without its proof: content, and the digest that follows from it. A [`Chain`]
//! keeps drafts by digest, whatever the order in which they come, and finds the way from any of them
//! down to the ledger's head ([`Chain::path`]): what it would take to commit that draft, or the one
//! draft that is missing for it. Digests are collision-free, so a way that is found is the only one.
//!
//! ```text
//!   ledger ── head ── a ── b ── c          path(c) = a, b, c;  branch(b) = the batches of a and b
//!                      └── d ── …          path(…) = d is missing: Gap::Missing
//!   (older block) ── e                     path(e) = beside the ledger: Gap::Fork
//! ```
//!
//! What is committed in one go has one certificate, which names the topmost draft. The others prove
//! themselves by their [`Way`] up to it, which gives that very digest again only if they stand below.
//!
//! Bounds: at most [`DRAFTS_MAX`] drafts and [`DRAFT_BYTES_MAX`] bytes of transactions. Beyond, the
//! oldest that the caller does not need goes; a protocol should propose nothing more than
//! [`DEPTH_MAX`] blocks above the ledger, so that what it needs always fits.

use byzlab_core::{
    Batch, Block, Claim, Committee, Digest, Height, Invalid, Proof, ReplicaId, block::Head,
};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

/// The most blocks that a leader should have above the ledger before it waits for commits.
pub const DEPTH_MAX: u64 = 64;
/// The most drafts in a tree.
pub const DRAFTS_MAX: usize = 8 * DEPTH_MAX as usize;
/// The most bytes of transactions in a tree; one path of [`DEPTH_MAX`] is kept even beyond.
pub const DRAFT_BYTES_MAX: usize = 256 << 20;
/// The longest [`Way`] that is believed.
pub const WAY_MAX: usize = 4 * DEPTH_MAX as usize;

/// A block without the proof that would make it final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Its place in the ledger, if it gets there.
    pub height: Height,
    /// The digest of the block below.
    pub parent: Digest,
    /// Who proposed it.
    pub producer: ReplicaId,
    /// Its transactions.
    pub batch: Batch,
}

impl Draft {
    /// The draft of `batch` on top of `below`.
    pub fn on(below: Head, producer: ReplicaId, batch: Batch) -> Self {
        Self { height: below.height.next(), parent: below.digest, producer, batch }
    }
    /// Its height and digest: the ledger's head if it is committed.
    pub fn head(&self) -> Head {
        let Self { height, parent, producer, ref batch } = *self;
        let digest = Block::chain_digest(height, parent, producer, batch.root());
        Head { height, digest }
    }
    /// The block that it is once `proof` has made it final.
    pub fn finish(self, proof: Proof) -> Block {
        let Self { height, parent, producer, batch } = self;
        Block::chained(height, parent, producer, batch, proof)
    }
    /// Adds what must hold for it to be proposed: its batch's root, and each client's signature.
    ///
    /// # Errors
    /// If it stands where no block can, or its producer or batch are nobody's and nothing.
    pub fn claims(&self, committee: &Committee, claims: &mut Vec<Claim>) -> Result<(), Invalid> {
        if self.height == Height::GENESIS || !committee.contains(self.producer) {
            return Err(Invalid("a block at genesis, or by nobody in the committee"));
        }
        self.batch.claims(committee, claims)
    }
}

/// Why there is no path from a draft down to the ledger's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// This draft is not at hand. Its parent may be missing too.
    Missing(Head),
    /// The way leads past the ledger's head: what stands there can never be committed, or is.
    Fork,
}

/// The tree of drafts over a ledger's head. See the [module](self).
#[derive(Clone, Debug)]
pub struct Chain {
    root: Head,
    /// In order of arrival.
    drafts: IndexMap<Digest, Draft, FxBuildHasher>,
    bytes: usize,
}

impl Chain {
    /// No drafts yet above the ledger's head.
    pub fn new(head: Head) -> Self {
        Self { root: head, drafts: IndexMap::default(), bytes: 0 }
    }
    /// The ledger's head.
    pub fn root(&self) -> Head {
        self.root
    }
    /// How many drafts there are.
    pub fn len(&self) -> usize {
        self.drafts.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }
    /// All drafts, in order of arrival.
    pub fn drafts(&self) -> impl Iterator<Item = &Draft> {
        self.drafts.values()
    }
    /// The draft of this digest.
    pub fn get(&self, digest: &Digest) -> Option<&Draft> {
        self.drafts.get(digest)
    }
    /// Whether `head` is the ledger's, or that of a draft at hand.
    pub fn contains(&self, head: Head) -> bool {
        head == self.root || self.drafts.contains_key(&head.digest)
    }
    /// How many blocks `head` stands above the ledger.
    pub fn depth(&self, head: Head) -> u64 {
        head.height.0.saturating_sub(self.root.height.0)
    }
    /// Takes in a draft; its parent may be unknown. Whether it is at hand now: not at or below the
    /// ledger's head. What stands below `needed` is never given up for it.
    pub fn insert(&mut self, draft: Draft, needed: Head) -> bool {
        let Head { height, digest } = draft.head();
        if height <= self.root.height {
            return false;
        }
        if self.drafts.contains_key(&digest) {
            return true;
        }
        self.bytes += draft.batch.byte_len();
        self.drafts.insert(digest, draft);
        self.shrink(needed, digest);
        true
    }
    /// Gives up the oldest drafts that stand neither below `needed` nor for `newest`, down to the bounds.
    fn shrink(&mut self, needed: Head, newest: Digest) {
        if self.drafts.len() <= DRAFTS_MAX && self.bytes <= DRAFT_BYTES_MAX {
            return;
        }
        let (mut kept, mut at) = (vec![newest], needed.digest);
        while let Some(draft) = self.drafts.get(&at).filter(|_| kept.len() <= DRAFTS_MAX / 2) {
            kept.push(at);
            at = draft.parent;
        }
        let spare: Vec<Digest> =
            self.drafts.keys().filter(|digest| !kept.contains(digest)).copied().collect();
        for digest in spare {
            if self.drafts.len() <= DRAFTS_MAX && self.bytes <= DRAFT_BYTES_MAX {
                return;
            }
            self.remove(&digest);
        }
    }
    fn remove(&mut self, digest: &Digest) -> Option<Draft> {
        let draft = self.drafts.shift_remove(digest)?;
        self.bytes -= draft.batch.byte_len();
        Some(draft)
    }
    /// The drafts from above the ledger's head up to `head`, lowest first; none for the head itself.
    ///
    /// # Errors
    /// If one of them is missing, or `head` does not stand above the ledger's.
    pub fn path(&self, head: Head) -> Result<Vec<&Draft>, Gap> {
        let (mut path, mut at) = (Vec::new(), head);
        while at != self.root {
            if at.height <= self.root.height {
                return Err(Gap::Fork);
            }
            let draft = self.drafts.get(&at.digest).ok_or(Gap::Missing(at))?;
            if draft.height != at.height {
                return Err(Gap::Fork); // Someone gave a block a height that is not above its parent's.
            }
            path.push(draft);
            at = Head { height: Height(at.height.0 - 1), digest: draft.parent };
        }
        path.reverse();
        Ok(path)
    }
    /// Whether `head` is `below`, or stands above it as far as drafts and ledger tell.
    pub fn extends(&self, head: Head, below: Head) -> bool {
        let on_way = |path: Vec<&Draft>| path.iter().any(|draft| draft.head() == below);
        head == below || self.path(head).is_ok_and(|path| below == self.root || on_way(path))
    }
    /// The batches on the path to `head`, for [`want_batch`](byzlab_core::Effects::want_batch).
    ///
    /// # Errors
    /// As [`path`](Self::path).
    pub fn branch(&self, head: Head) -> Result<Vec<Batch>, Gap> {
        let path = self.path(head)?;
        Ok(path.into_iter().map(|draft| draft.batch.clone()).filter(|b| !b.is_empty()).collect())
    }
    /// Takes out the path to `to`, lowest first, to be committed in this order; `to` is the ledger's head
    /// then, and what stands beside is forgotten.
    ///
    /// # Errors
    /// As [`path`](Self::path); nothing changes then.
    pub fn commit(&mut self, to: Head) -> Result<Vec<Draft>, Gap> {
        let path: Vec<Digest> = self.path(to)?.iter().map(|draft| draft.head().digest).collect();
        let path = path.iter().filter_map(|digest| self.remove(digest)).collect();
        self.reroot(to);
        Ok(path)
    }
    /// The ledger's head has moved up, by a commit or by state transfer: forgets what stands at its height
    /// or below, and what is known to stand beside it.
    ///
    /// # Panics
    /// If it moves down.
    pub fn reroot(&mut self, head: Head) {
        assert!(head.height >= self.root.height, "ledgers only grow");
        self.root = head;
        let mut heights: Vec<(Height, Digest)> =
            self.drafts.iter().map(|(&digest, draft)| (draft.height, digest)).collect();
        heights.sort_unstable();
        let mut gone: Vec<Digest> = Vec::new();
        for (height, digest) in heights {
            let parent = self.drafts[&digest].parent;
            let beside = height == head.height.next() && parent != head.digest;
            let on_gone = parent != head.digest && gone.contains(&parent);
            if height <= head.height || beside || on_gone {
                gone.push(digest);
            }
        }
        gone.iter().for_each(|digest| drop(self.remove(digest)));
    }
}

/// The blocks above another, lowest first, each by what its digest needs beside height and parent:
/// producer and Merkle root. Leads from that block to the head that a certificate names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way(Vec<(ReplicaId, Digest)>);

impl Way {
    /// The way through these drafts, lowest first: those above the block that it is for.
    pub fn through(above: &[Draft]) -> Self {
        Self(above.iter().map(|draft| (draft.producer, draft.batch.root())).collect())
    }
    /// Where it leads from `below`.
    ///
    /// # Errors
    /// If it is longer than [`WAY_MAX`].
    pub fn top(&self, below: Head) -> Result<Head, Invalid> {
        if self.0.len() > WAY_MAX {
            return Err(Invalid("a block too far below the certified one"));
        }
        Ok(self.0.iter().fold(below, |below, &(producer, root)| {
            let height = Height(below.height.0.saturating_add(1));
            Head { height, digest: Block::chain_digest(height, below.digest, producer, root) }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Head {
        Head { height: Height(7), digest: Digest([7; 32]) }
    }
    fn on(below: Head, by: u16) -> Draft {
        Draft::on(below, ReplicaId(by), Batch::empty())
    }
    /// `count` drafts above `below`.
    fn above(mut below: Head, by: u16, count: u64) -> Vec<Draft> {
        let next = |_| {
            let draft = on(below, by);
            below = draft.head();
            draft
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn a_path_is_found_whatever_the_order_of_arrival() {
        let drafts = above(root(), 1, 3);
        let (a, b, c) = (drafts[0].head(), drafts[1].head(), drafts[2].head());
        let mut chain = Chain::new(root());
        assert_eq!(chain.path(c), Err(Gap::Missing(c)));
        assert!(chain.insert(drafts[2].clone(), root()));
        assert_eq!(chain.path(c), Err(Gap::Missing(b)), "the parent, which may be asked for");
        assert!(chain.insert(drafts[0].clone(), root()));
        assert!(chain.insert(drafts[1].clone(), root()));
        assert_eq!(chain.path(c), Ok(drafts.iter().collect()));
        assert_eq!(chain.path(root()), Ok(Vec::new()));
        assert!(chain.extends(c, a) && chain.extends(c, root()) && !chain.extends(a, c));
        assert_eq!((chain.depth(c), chain.depth(root())), (3, 0));
    }

    #[test]
    fn a_commit_takes_the_path_out_and_forgets_what_stands_beside() {
        let (main, beside) = (above(root(), 1, 3), above(root(), 2, 2));
        let mut chain = Chain::new(root());
        main.iter().chain(&beside).for_each(|d| assert!(chain.insert(d.clone(), root())));
        assert_eq!(chain.commit(main[1].head()), Ok(main[..2].to_vec()));
        assert_eq!((chain.root(), chain.len()), (main[1].head(), 1));
        assert_eq!(chain.path(beside[1].head()), Err(Gap::Fork));
        assert_eq!(chain.commit(beside[1].head()), Err(Gap::Fork));
        assert!(!chain.insert(main[0].clone(), root()), "it is in the ledger");
        assert_eq!(chain.path(main[2].head()), Ok(vec![&main[2]]));
        // State transfer goes on from there; a draft whose parents are not known may still fit.
        let far = on(Head { height: Height(20), digest: Digest([1; 32]) }, 3);
        assert!(chain.insert(far.clone(), root()));
        chain.reroot(Head { height: Height(12), digest: Digest([9; 32]) });
        assert_eq!(chain.drafts().collect::<Vec<_>>(), [&far]);
    }

    #[test]
    fn what_stands_on_a_block_that_came_by_state_transfer_stays() {
        let drafts = above(root(), 1, 4);
        let mut chain = Chain::new(root());
        drafts.iter().for_each(|d| assert!(chain.insert(d.clone(), root())));
        chain.reroot(drafts[1].head());
        assert_eq!(chain.path(drafts[3].head()), Ok(vec![&drafts[2], &drafts[3]]));
    }

    #[test]
    fn a_height_that_does_not_fit_is_no_path() {
        let a = on(root(), 1);
        let liar = Draft { height: Height(10), parent: a.head().digest, ..on(root(), 2) };
        let mut chain = Chain::new(root());
        chain.insert(a, root());
        chain.insert(liar.clone(), root());
        assert_eq!(chain.path(liar.head()), Err(Gap::Fork));
    }

    #[test]
    fn what_is_needed_stays_when_the_tree_is_full() {
        let needed = above(root(), 1, DEPTH_MAX);
        let mut chain = Chain::new(root());
        needed.iter().for_each(|d| assert!(chain.insert(d.clone(), root())));
        let top = needed.last().map(Draft::head).unwrap_or(root());
        let mut below = root();
        for _ in 0..2 * DRAFTS_MAX {
            let spam = on(below, 9);
            below = spam.head();
            chain.insert(spam, top);
        }
        assert_eq!(chain.len(), DRAFTS_MAX);
        assert_eq!(chain.path(top).map(|path| path.len() as u64), Ok(DEPTH_MAX));
        assert!(chain.contains(below), "the newest comes in all the same");
    }

    #[test]
    fn a_way_leads_to_one_head_alone() {
        let drafts = above(root(), 1, 4);
        let way = Way::through(&drafts[1..]);
        assert_eq!(way.top(drafts[0].head()), Ok(drafts[3].head()));
        assert_ne!(way.top(root()), Ok(drafts[3].head()));
        assert_eq!(Way::default().top(root()), Ok(root()));
        let long = Way(vec![(ReplicaId(0), Digest::default()); WAY_MAX + 1]);
        assert!(long.top(root()).is_err());
    }
}
