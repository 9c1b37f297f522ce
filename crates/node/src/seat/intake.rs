//! The mempool, and what hangs on it: batches that were asked for, and forwarding to the leader.

use bytes::Bytes;
use byzlab_core::{
    Batch, BatchLimit, Block, ReplicaId, Time, Transaction,
    host::{Mempool, Refused, Sent},
};
use tokio::sync::watch;

use crate::{frame::encode_transactions, plan::MempoolBounds};

/// Transactions that wait at this replica.
#[derive(Debug)]
pub(super) struct Intake {
    me: ReplicaId,
    /// The committee's size.
    size: usize,
    mempool: Mempool,
    bounds: MempoolBounds,
    /// Tells the gateway whether the mempool is full.
    full: watch::Sender<bool>,
    wanted: Option<Wanted>,
    /// How often a batch was asked for.
    asks: u64,
    /// What the protocol was last told by `Event::Waiting`.
    told: bool,
    leader: Option<ReplicaId>,
    forward: Vec<Transaction>,
    /// Transactions taken in so far.
    arrivals: u64,
}

/// A batch that was asked for.
#[derive(Debug)]
struct Wanted {
    limit: BatchLimit,
    branch: Vec<Batch>,
    due: Time,
    /// What the mempool was last searched with, in vain: nothing changes until one of these does.
    tried: Option<(u64, bool)>,
}

impl Intake {
    /// An empty mempool.
    pub fn new(
        me: ReplicaId,
        size: usize,
        bounds: MempoolBounds,
        full: watch::Sender<bool>,
    ) -> Self {
        Self {
            me,
            size,
            mempool: Mempool::new(bounds.transactions, bounds.bytes),
            bounds,
            full,
            wanted: None,
            asks: 0,
            told: false,
            leader: None,
            forward: Vec::new(),
            arrivals: 0,
        }
    }
    /// Takes in a proven transaction; false if there is no room. One that is to be passed on is forwarded
    /// to the leader, also when it comes again: the first forwarding may be lost.
    pub fn take(&mut self, transaction: Transaction, sent: Sent) -> bool {
        let follows = self.leader.is_some_and(|leader| leader != self.me);
        if follows && sent.is_passed_on(&transaction, self.me, self.size) {
            self.forward.push(transaction.clone());
        }
        match self.mempool.insert(transaction, sent) {
            Ok(()) => {
                self.arrivals += 1;
                true
            }
            Err(Refused::Duplicate) => true,
            Err(Refused::Full) => false,
        }
    }
    /// A batch is asked for: nothing that was asked for before is wanted any more.
    pub fn want(&mut self, now: Time, limit: BatchLimit, branch: Vec<Batch>) {
        let due = now + limit.patience;
        self.wanted = Some(Wanted { limit, branch, due, tried: None });
        self.asks += 1;
    }
    /// The number of the last asking.
    pub fn last_ask(&self) -> u64 {
        self.asks
    }
    /// The transactions of the batch that was asked for, once it is full or due.
    pub fn batch(&mut self, now: Time) -> Option<Vec<Transaction>> {
        let wanted = self.wanted.as_mut()?;
        let (due, limit) = (now >= wanted.due, &wanted.limit);
        let may_fill = self.mempool.len() >= limit.transactions as usize
            || self.mempool.byte_len() + 4 * self.mempool.len() >= limit.bytes as usize;
        if !(due || may_fill) || wanted.tried == Some((self.arrivals, due)) {
            return None;
        }
        let (picked, full) = self.mempool.pick(limit, &wanted.branch);
        if full || (due && (!picked.is_empty() || limit.empty)) {
            self.wanted = None;
            return Some(picked);
        }
        wanted.tried = Some((self.arrivals, due));
        None
    }
    /// When the batch that was asked for falls due, if that would change anything.
    pub fn deadline(&self) -> Option<Time> {
        let wanted = self.wanted.as_ref()?;
        let tried = wanted.tried == Some((self.arrivals, true));
        let waits = !self.mempool.is_empty() || wanted.limit.empty;
        (waits && !tried).then_some(wanted.due)
    }
    /// Whether transactions wait, if the protocol was last told otherwise.
    pub fn change(&mut self) -> Option<bool> {
        let waiting = !self.mempool.is_empty();
        (waiting != std::mem::replace(&mut self.told, waiting)).then_some(waiting)
    }
    /// Another replica leads, or none; what this one has to pass on is forwarded to it.
    pub fn lead(&mut self, leader: Option<ReplicaId>) {
        if leader != self.leader {
            self.leader = leader;
            self.forward.clear();
            if leader.is_some_and(|leader| leader != self.me) {
                self.forward.extend(self.mempool.passed_on(self.me, self.size).cloned());
            }
        }
    }
    /// Who leads.
    pub fn leader(&self) -> Option<ReplicaId> {
        self.leader
    }
    /// What is to be forwarded: to whom, how many, and the bodies of the frames.
    pub fn forwarding(&mut self) -> Option<(ReplicaId, u64, Vec<Bytes>)> {
        let leader = self.leader.filter(|_| !self.forward.is_empty())?;
        let bodies = encode_transactions(&self.forward);
        let count = self.forward.len() as u64;
        self.forward.clear();
        Some((leader, count, bodies))
    }
    /// Forgets the transactions of a committed block.
    pub fn committed(&mut self, block: &Block) {
        self.mempool.remove(block);
    }
    /// Tells the gateway when the mempool gets full, and when a tenth of it is free again.
    pub fn tell_gateway(&self) {
        let (count, bytes) = (self.mempool.len(), self.mempool.byte_len());
        let above = |share: usize| {
            count >= self.bounds.transactions / 10 * share
                || bytes >= self.bounds.bytes / 10 * share
        };
        self.full.send_if_modified(|full| {
            let now = if *full { above(8) } else { above(9) };
            std::mem::replace(full, now) != now
        });
    }
    /// How many wait, and their bytes.
    pub fn waiting(&self) -> (u64, u64) {
        (self.mempool.len() as u64, self.mempool.byte_len() as u64)
    }
}
