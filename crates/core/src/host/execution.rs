//! Execution: committed blocks become application state and replies to clients.
//!
//! A transaction is executed once, however often it was proposed: `(client, sequence)` is checked here,
//! by the same rule on every replica.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{block::Block, crypto::PublicKey, id::Height, id::ReplicaId, transaction::Transaction};

/// A client's sequence numbers may run at most this far ahead of its oldest unexecuted one.
pub const SEQUENCE_WINDOW: u64 = 1 << 20;
/// The most clients that a chain knows; transactions of further ones have no effect.
pub const CLIENTS_MAX: usize = 1 << 20;
/// How many results are kept for a client that asks again.
pub const RESULTS_KEPT: usize = 1024;

/// What transactions act on. Deterministic: the same transactions in the same order give the same
/// results on every replica.
pub trait Application: Send + fmt::Debug {
    /// Executes one transaction; the result goes to the client.
    fn apply(&mut self, transaction: &Transaction) -> u64;
}

/// A key-value store: the payload's first 8 bytes are the key, the rest the value; the result is the
/// number of times that the key has been written.
#[derive(Debug, Default)]
pub struct KvStore {
    values: BTreeMap<[u8; 8], (u64, Bytes)>,
}

/// The most keys in a [`KvStore`]; a write of a further key has no effect and the result 0.
pub const KEYS_MAX: usize = 1 << 20;

impl KvStore {
    /// The value last written under `key`.
    pub fn get(&self, key: [u8; 8]) -> Option<&Bytes> {
        self.values.get(&key).map(|(_, value)| value)
    }
}

impl Application for KvStore {
    fn apply(&mut self, transaction: &Transaction) -> u64 {
        let payload = transaction.payload();
        let (head, value) = payload.split_at(payload.len().min(8));
        let mut key = [0; 8];
        key[..head.len()].copy_from_slice(head);
        let room = self.values.len() < KEYS_MAX;
        match self.values.get_mut(&key) {
            Some((writes, old)) => {
                *writes += 1;
                *old = Bytes::copy_from_slice(value);
                *writes
            }
            None if room => {
                self.values.insert(key, (1, Bytes::copy_from_slice(value)));
                1
            }
            None => 0,
        }
    }
}

/// A replica's answer to one client about one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The client.
    pub client: PublicKey,
    /// The block's height.
    pub height: Height,
    /// Sequence numbers and results.
    pub results: Vec<(u64, u64)>,
    /// Who proposes now, as far as the replica knows; `None`: everyone.
    pub leader: Option<ReplicaId>,
}

#[derive(Debug, Default)]
struct Session {
    /// Every number below has been executed.
    low: u64,
    /// Executed numbers from `low` on.
    above: BTreeSet<u64>,
    /// The last results: number, height, result.
    results: VecDeque<(u64, Height, u64)>,
}

impl Session {
    /// Marks `sequence` as executed; false if it was, or is out of the window.
    fn first_time(&mut self, sequence: u64) -> bool {
        let window = self.low..self.low.saturating_add(SEQUENCE_WINDOW);
        if !window.contains(&sequence) || !self.above.insert(sequence) {
            return false;
        }
        while self.above.remove(&self.low) {
            self.low += 1;
        }
        true
    }
}

/// One replica's execution of its ledger.
#[derive(Debug)]
pub struct Executor {
    application: Box<dyn Application>,
    sessions: BTreeMap<PublicKey, Session>,
    height: Height,
    executed: u64,
}

impl Executor {
    /// Nothing executed yet.
    pub fn new(application: Box<dyn Application>) -> Self {
        Self { application, sessions: BTreeMap::new(), height: Height::GENESIS, executed: 0 }
    }
    /// The height of the last executed block.
    pub fn height(&self) -> Height {
        self.height
    }
    /// Distinct transactions executed.
    pub fn executed(&self) -> u64 {
        self.executed
    }
    /// Executes the next block; gives one reply a client in it, in order of key.
    ///
    /// # Panics
    /// If the block is not the next one.
    pub fn apply(&mut self, block: &Block, leader: Option<ReplicaId>) -> Vec<Reply> {
        assert_eq!(block.height, self.height.next(), "blocks are executed in order");
        self.height = block.height;
        let mut replies: BTreeMap<PublicKey, Vec<(u64, u64)>> = BTreeMap::new();
        for transaction in block.batch.transactions() {
            let (client, sequence) = (transaction.client(), transaction.sequence());
            let known = self.sessions.contains_key(&client);
            if !known && self.sessions.len() >= CLIENTS_MAX {
                continue;
            }
            let session = self.sessions.entry(client).or_default();
            if !session.first_time(sequence) {
                continue;
            }
            let result = self.application.apply(&transaction);
            self.executed += 1;
            if session.results.len() == RESULTS_KEPT {
                session.results.pop_front();
            }
            session.results.push_back((sequence, block.height, result));
            replies.entry(client).or_default().push((sequence, result));
        }
        let reply = |(client, results)| Reply { client, height: block.height, results, leader };
        replies.into_iter().map(reply).collect()
    }
    /// Whether a transaction of this name has been executed.
    pub fn is_executed(&self, client: PublicKey, sequence: u64) -> bool {
        self.sessions
            .get(&client)
            .is_some_and(|session| sequence < session.low || session.above.contains(&sequence))
    }
    /// The reply to a transaction executed not long ago, for a client that asks again.
    pub fn reply_again(
        &self,
        client: PublicKey,
        sequence: u64,
        leader: Option<ReplicaId>,
    ) -> Option<Reply> {
        let results = &self.sessions.get(&client)?.results;
        let &(_, height, result) = results.iter().rev().find(|(s, ..)| *s == sequence)?;
        Some(Reply { client, height, results: vec![(sequence, result)], leader })
    }
}
