//! GHOST: the greedy heaviest-observed subtree (Sompolinsky & Zohar, *Secure High-Rate Transaction
//! Processing in Bitcoin*, FC 2015, Algorithm 1).
//!
//! From the root up the chain goes on, at each fork, into the child whose *subtree* has the most
//! work, not into the one with the longest branch: blocks beside the chain count for the block that
//! they stand on. Of equals the chain's own child stays, else the first that came.
//!
//! Weights are kept so that a block on the chain's end, the common case, costs nothing: an entry
//! beside the chain knows the work of its subtree; one on the chain that of its subtree *without*
//! what goes on through the chain. A new block beside the chain adds its work on the way down to
//! the fork, and there alone may the choice change: below, the chain's side has gained as much.

use byzlab_core::Digest;

use super::{Change, Tree};

impl Tree {
    /// Takes account of a block that has just come in.
    pub(super) fn weigh(&mut self, digest: Digest) -> Change {
        let parent = self.entry(&digest).header.parent;
        if parent == self.tip().digest {
            return self.adopt(digest);
        }
        let work = self.entry(&digest).header.bits.work();
        let (mut child, mut at) = (digest, parent);
        let fork = loop {
            // A branch may have lost its root to pruning: it forks off below the window.
            let Some(entry) = self.blocks.get_mut(&at) else { return Change::Beside };
            entry.weight = entry.weight.saturating_add(work);
            let (height, below) = (entry.height, entry.header.parent);
            if self.at(height) == Some(at) {
                break height;
            }
            (child, at) = (at, below);
        };
        let first = (fork.0 + 1 - self.base.0) as usize;
        let weights = self.chain.iter().skip(first).map(|link| self.entry(&link.digest).weight);
        let ours = weights.fold(0, u128::saturating_add);
        if self.entry(&child).weight <= ours {
            return Change::Beside;
        }
        let branch = self.heaviest(child);
        self.shift(at, first, &branch);
        self.adopt(*branch.last().expect("it has its first block"))
    }

    /// From `first`, which stands beside the chain, up into the heaviest subtrees to the end (Sompolinsky &
    /// Zohar 2015, Algorithm 1).
    fn heaviest(&self, first: Digest) -> Vec<Digest> {
        let mut branch = vec![first];
        let mut at = first;
        let children =
            |of: Digest| self.blocks.iter().filter(move |(_, entry)| entry.header.parent == of);
        while let Some((&next, _)) =
            children(at).min_by_key(|(_, entry)| (std::cmp::Reverse(entry.weight), entry.arrival))
        {
            branch.push(next);
            at = next;
        }
        branch
    }

    /// Sets the weights right for the chain's change at `fork` from its links `first` on to
    /// `branch`.
    fn shift(&mut self, fork: Digest, first: usize, branch: &[Digest]) {
        let left: Vec<Digest> = self.chain.iter().skip(first).map(|link| link.digest).collect();
        let mut above = 0u128;
        for digest in left.iter().rev() {
            let entry = self.blocks.get_mut(digest).expect("chains are in the tree");
            entry.weight = entry.weight.saturating_add(above);
            above = entry.weight;
        }
        let joined = branch.iter().map(|digest| self.entry(digest).weight).collect::<Vec<_>>();
        let entry = self.blocks.get_mut(&fork).expect("forks are in the tree");
        entry.weight = entry.weight.saturating_add(above).saturating_sub(joined[0]);
        for (digest, above) in branch.iter().zip(&joined[1..]) {
            let entry = self.blocks.get_mut(digest).expect("it was just walked");
            entry.weight = entry.weight.saturating_sub(*above);
        }
    }
}
