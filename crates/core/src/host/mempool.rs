//! Transactions that wait to be proposed, in order of arrival, within bounds.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    block::Block,
    crypto::PublicKey,
    protocol::BatchLimit,
    transaction::{BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX, Batch, Transaction},
};

/// Why a transaction was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The mempool is full: the client should slow down and send again.
    #[error("the mempool is full")]
    Full,
    /// One with the same client and sequence number waits already.
    #[error("it waits already")]
    Duplicate,
}

/// The waiting transactions of one replica.
#[derive(Debug)]
pub struct Mempool {
    transactions_max: usize,
    bytes_max: usize,
    bytes: usize,
    arrivals: u64,
    waiting: BTreeMap<u64, Transaction>,
    by_name: BTreeMap<(PublicKey, u64), u64>,
}

impl Mempool {
    /// An empty mempool that holds at most so many transactions and bytes.
    pub fn new(transactions_max: usize, bytes_max: usize) -> Self {
        Self {
            transactions_max,
            bytes_max,
            bytes: 0,
            arrivals: 0,
            waiting: BTreeMap::new(),
            by_name: BTreeMap::new(),
        }
    }
    /// How many transactions wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }
    /// Whether none wait.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
    /// Their bytes.
    pub fn byte_len(&self) -> usize {
        self.bytes
    }
    /// All that wait, oldest first.
    pub fn transactions(&self) -> impl Iterator<Item = &Transaction> {
        self.waiting.values()
    }
    /// Takes in a transaction, whose signature has been proven.
    pub fn insert(&mut self, transaction: Transaction) -> Result<(), Refused> {
        let length = transaction.bytes().len();
        if self.waiting.len() >= self.transactions_max || self.bytes + length > self.bytes_max {
            return Err(Refused::Full);
        }
        let name = (transaction.client(), transaction.sequence());
        if self.by_name.contains_key(&name) {
            return Err(Refused::Duplicate);
        }
        self.by_name.insert(name, self.arrivals);
        self.waiting.insert(self.arrivals, transaction);
        self.arrivals += 1;
        self.bytes += length;
        Ok(())
    }
    /// The oldest transactions within `limit` that stand in none of `branch`. They stay in the mempool
    /// until [removed](Self::remove). The flag says whether the limit was reached.
    pub fn pick(&self, limit: &BatchLimit, branch: &[Batch]) -> (Vec<Transaction>, bool) {
        let most = (limit.transactions as usize).min(BATCH_TRANSACTIONS_MAX);
        let room = (limit.bytes as usize).min(BATCH_BYTES_MAX);
        let taken: BTreeSet<u64> = branch
            .iter()
            .flat_map(Batch::transactions)
            .filter_map(|t| self.by_name.get(&(t.client(), t.sequence())).copied())
            .collect();
        let (mut picked, mut bytes) = (Vec::new(), 0);
        for (arrival, transaction) in &self.waiting {
            if taken.contains(arrival) {
                continue;
            }
            let length = transaction.bytes().len() + 4;
            if picked.len() == most || bytes + length > room {
                return (picked, true);
            }
            bytes += length;
            picked.push(transaction.clone());
        }
        let full = picked.len() == most;
        (picked, full)
    }
    /// Forgets the transactions of a committed block.
    pub fn remove(&mut self, block: &Block) {
        if self.is_empty() {
            return;
        }
        for transaction in block.batch.transactions() {
            let name = (transaction.client(), transaction.sequence());
            let arrival = self.by_name.remove(&name);
            if let Some(gone) = arrival.and_then(|arrival| self.waiting.remove(&arrival)) {
                self.bytes -= gone.bytes().len();
            }
        }
    }
}
