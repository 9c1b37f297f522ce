//! Ledgers and execution, shared where they are equal.
//!
//! Every replica has a ledger and executes it. But honest replicas' ledgers are equal, and
//! execution is deterministic, so a thousand copies would be kept and computed for nothing: equal
//! blocks are kept once, and the *main line* of blocks is executed once, by whoever commits first.
//! A replica whose ledger leaves the main line gets an execution of its own, made from its ledger.

use std::{collections::VecDeque, rc::Rc};

use byzlab_core::{
    Block, Digest, Height, PublicKey, ReplicaId,
    block::Head,
    codec,
    host::{Executor, KvStore, Reply},
    protocol::Ledger,
};

/// How many blocks' replies are kept for replicas that commit late; later ones answer nobody.
const SETTLED_MAX: usize = 4096;
/// How many proofs of one block are kept once each; further ones are kept by each replica.
const VARIANTS_MAX: usize = 8;

/// The replies of one executed block.
#[derive(Debug)]
pub(crate) struct Settled {
    /// Client by number, size on the wire, reply.
    pub(crate) replies: Vec<(u32, usize, Reply)>,
}

/// One replica's ledger.
#[derive(Debug)]
pub(crate) struct Chain {
    genesis: Digest,
    blocks: Vec<Rc<Block>>,
    /// Its own execution, where it has left the main line.
    fork: Option<Box<Executor>>,
}

impl Chain {
    pub(crate) fn new(genesis: Digest) -> Self {
        Self { genesis, blocks: Vec::new(), fork: None }
    }
    pub(crate) fn head(&self) -> Head {
        self.blocks.last().map_or(Head::genesis(self.genesis), |block| block.head())
    }
    pub(crate) fn blocks(&self) -> &[Rc<Block>] {
        &self.blocks
    }
    pub(crate) fn append(&mut self, block: Rc<Block>) {
        self.blocks.push(block);
    }
    /// Takes back all blocks above `to`; gives them.
    pub(crate) fn revert(&mut self, to: Height) -> Vec<Rc<Block>> {
        self.fork = None;
        self.blocks.split_off((to.0 as usize).min(self.blocks.len()))
    }
    /// At most `count` blocks from height `from` on.
    pub(crate) fn read(&self, from: Height, count: usize) -> Vec<Block> {
        let skip = from.0.saturating_sub(1) as usize;
        self.blocks.iter().skip(skip).take(count).map(|block| Block::clone(block)).collect()
    }
}

impl Ledger for Chain {
    fn block(&self, height: Height) -> Option<Block> {
        let index = height.0.checked_sub(1)? as usize;
        self.blocks.get(index).map(|block| Block::clone(block))
    }
}

/// Blocks by height, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    heights: Vec<Vec<Rc<Block>>>,
}

impl Shelf {
    /// The kept copy of `block`, and whether a block of its digest is new here.
    pub(crate) fn keep(&mut self, block: Block) -> (Rc<Block>, bool) {
        let index = (block.height.0 - 1) as usize;
        if self.heights.len() <= index {
            self.heights.resize_with(index + 1, Vec::new);
        }
        let known = &mut self.heights[index];
        let new = known.iter().all(|other| other.digest != block.digest);
        if let Some(same) = known.iter().find(|other| ***other == block) {
            return (Rc::clone(same), false);
        }
        let block = Rc::new(block);
        if new || known.len() < VARIANTS_MAX {
            known.push(Rc::clone(&block));
        }
        (block, new)
    }
}

/// The main line's execution.
#[derive(Debug)]
pub(crate) struct Execution {
    executor: Executor,
    line: Vec<Digest>,
    settled: VecDeque<Rc<Settled>>,
}

impl Execution {
    pub(crate) fn new() -> Self {
        Self { executor: executor(), line: Vec::new(), settled: VecDeque::new() }
    }
    /// Executes the last block of `chain`; `client` finds a client's number.
    pub(crate) fn apply(
        &mut self,
        chain: &mut Chain,
        client: impl Fn(&PublicKey) -> Option<u32>,
    ) -> Option<Rc<Settled>> {
        let settle = |replies: Vec<Reply>| {
            let number =
                |reply: Reply| Some((client(&reply.client)?, codec::encode(&reply).len(), reply));
            Rc::new(Settled { replies: replies.into_iter().filter_map(number).collect() })
        };
        let block = Rc::clone(chain.blocks.last()?);
        let below = (block.height.0 - 1) as usize;
        if chain.fork.is_none() {
            let on_main = below == 0 || self.line.get(below - 1) == Some(&block.parent);
            match self.line.get(below) {
                Some(known) if on_main && *known == block.digest => {
                    let newer = self.line.len() - 1 - below;
                    let kept = self.settled.len().checked_sub(1 + newer)?;
                    return self.settled.get(kept).cloned();
                }
                None if on_main && self.line.len() == below => {
                    self.line.push(block.digest);
                    if self.settled.len() == SETTLED_MAX {
                        self.settled.pop_front();
                    }
                    let settled = settle(self.executor.apply(&block, None));
                    self.settled.push_back(Rc::clone(&settled));
                    return Some(settled);
                }
                _ => {
                    let mut own = Box::new(executor());
                    let earlier = &chain.blocks[..chain.blocks.len() - 1];
                    earlier.iter().for_each(|block| drop(own.apply(block, None)));
                    chain.fork = Some(own);
                }
            }
        }
        chain.fork.as_mut().map(|own| settle(own.apply(&block, None)))
    }
    /// What `chain`'s replica says of a transaction: `Some` if its ledger holds it, with the reply
    /// if that is still known.
    pub(crate) fn executed(
        &self,
        chain: &Chain,
        client: PublicKey,
        sequence: u64,
        leader: Option<ReplicaId>,
    ) -> Option<Option<Reply>> {
        let executor = chain.fork.as_deref().unwrap_or(&self.executor);
        if !executor.is_executed(client, sequence) {
            return None;
        }
        match executor.reply_again(client, sequence, leader) {
            // Executed on the main line, but this replica is not there yet.
            Some(reply) if reply.height > chain.head().height => None,
            reply => Some(reply),
        }
    }
}

fn executor() -> Executor {
    Executor::new(Box::new(KvStore::default()))
}

#[cfg(test)]
mod tests {
    use byzlab_core::{Batch, Committee, Proof, Reference, Scheme, Signer, Transaction};

    use super::*;

    fn block(parent: Head, sequences: std::ops::Range<u64>, committee: &Committee) -> Block {
        let signer = Signer::seeded(Scheme::Simulated, 1, "client/0");
        let transaction = |s| Transaction::new(committee, &signer, s, &[0; 16]);
        let batch = Batch::new(&sequences.map(transaction).collect::<Vec<_>>(), &Reference);
        let next = parent.height.next();
        Block::chained(next, parent.digest, ReplicaId(0), batch, Proof::default())
    }

    #[test]
    fn the_main_line_is_executed_once_and_forks_alone() {
        let committee = Committee::new("test", vec![PublicKey([1; 32])], false);
        let (mut shelf, mut execution) = (Shelf::default(), Execution::new());
        let mut chains = [0; 3].map(|_| Chain::new(committee.chain));
        let mut commit = |chain: &mut Chain, sequences| {
            let (kept, new) = shelf.keep(block(chain.head(), sequences, &committee));
            chain.append(kept);
            let settled = execution.apply(chain, |_| Some(0)).expect("replies are known");
            (new, settled.replies[0].2.results.clone())
        };
        let [a, b, c] = &mut chains;
        assert_eq!(commit(a, 0..2), (true, vec![(0, 1), (1, 2)]));
        assert_eq!(commit(b, 0..2), (false, vec![(0, 1), (1, 2)]), "b is answered from what a did");
        assert_eq!(commit(c, 1..3), (true, vec![(1, 1), (2, 2)]), "c is on its own");
        assert_eq!(commit(c, 0..1), (true, vec![(0, 3)]));
        assert_eq!(commit(a, 2..3), (true, vec![(2, 3)]));
        let client = Signer::seeded(Scheme::Simulated, 1, "client/0").public();
        let knows = |chain: &Chain| execution.executed(chain, client, 2, None).is_some();
        assert!(knows(a) && !knows(b) && knows(c), "b has not come to that block");
        assert!(Rc::ptr_eq(&a.blocks()[0], &b.blocks()[0]));
    }
}
