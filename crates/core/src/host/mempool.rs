//! Transactions that wait to be proposed, in order of arrival, within bounds.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    block::Block,
    crypto::PublicKey,
    id::ReplicaId,
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

/// How a transaction came, which says whether a replica passes it on to the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sent {
    /// By a replica, to the one that it takes for the leader.
    ByReplica,
    /// By its client, to one replica.
    ToOne,
    /// By its client, to every replica.
    ToAll,
}

impl Sent {
    /// Whether replica `me` of `size` passes `transaction` on to the leader.
    ///
    /// What it alone got it does. What all got has reached the leader too, and were it passed on by each
    /// of them, the leader would get it n times over: so one of them does, in turn by the transaction's
    /// number, lest a client depend on its own way to the leader.
    pub fn is_passed_on(self, transaction: &Transaction, me: ReplicaId, size: usize) -> bool {
        match self {
            Self::ByReplica => false,
            Self::ToOne => true,
            Self::ToAll => transaction.sequence() % size as u64 == u64::from(me.0),
        }
    }
}

/// The waiting transactions of one replica.
#[derive(Debug)]
pub struct Mempool {
    transactions_max: usize,
    bytes_max: usize,
    bytes: usize,
    arrivals: u64,
    waiting: BTreeMap<u64, (Transaction, Sent)>,
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
    /// What replica `me` of `size` [passes on](Sent::is_passed_on) to a new leader, oldest first.
    pub fn passed_on(&self, me: ReplicaId, size: usize) -> impl Iterator<Item = &Transaction> {
        let all = self.waiting.values();
        all.filter(move |(transaction, sent)| sent.is_passed_on(transaction, me, size))
            .map(|(transaction, _)| transaction)
    }
    /// Takes in a transaction, whose signature has been proven.
    ///
    /// # Errors
    /// [`Refused`]; that one which waits already came once more is remembered nevertheless.
    pub fn insert(&mut self, transaction: Transaction, sent: Sent) -> Result<(), Refused> {
        let length = transaction.bytes().len();
        let name = (transaction.client(), transaction.sequence());
        if let Some((_, before)) = self.by_name.get(&name).and_then(|n| self.waiting.get_mut(n)) {
            *before = sent.max(*before);
            return Err(Refused::Duplicate);
        }
        if self.waiting.len() >= self.transactions_max || self.bytes + length > self.bytes_max {
            return Err(Refused::Full);
        }
        self.by_name.insert(name, self.arrivals);
        self.waiting.insert(self.arrivals, (transaction, sent));
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
        for (arrival, (transaction, _)) in &self.waiting {
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
            if let Some((gone, _)) = arrival.and_then(|arrival| self.waiting.remove(&arrival)) {
                self.bytes -= gone.bytes().len();
            }
        }
    }
}
