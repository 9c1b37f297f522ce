//! A client: makes load, counts replies, measures latency. Without I/O, like a protocol.
//!
//! Latency runs from the *intended* send time of an open loop, so a slow system cannot hide its queue
//! behind a client that waits (coordinated omission).

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{execution::Reply, spread::Spread};
use crate::{
    committee::Committee,
    crypto::{PublicKey, Signer},
    id::ReplicaId,
    protocol::Recipients,
    random::Stream,
    time::{Span, Time},
    transaction::Transaction,
};

/// The most transactions of one client that are on the way; an open loop beyond it queues at the client,
/// and the wait counts as latency.
pub const OUTSTANDING_MAX: usize = 1 << 16;

/// By how much slow replies lengthen the wait for them at most.
const PATIENCE_MAX: u64 = 4;

/// When transactions are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arrivals {
    /// At a rate, whatever comes back.
    Open {
        /// The mean gap between two transactions.
        gap: Span,
        /// Whether gaps are exponential (a Poisson process) or all the same.
        poisson: bool,
    },
    /// A fixed number on the way: a new one for each confirmed one.
    Closed {
        /// How many.
        outstanding: u32,
    },
}

/// What one client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// When.
    pub arrivals: Arrivals,
    /// The size of a whole transaction in bytes, signature included; raised to the least possible.
    pub transaction_bytes: u32,
    /// How many keys of the store the writes go to.
    pub keys: u64,
    /// The first send.
    pub from: Time,
    /// No sends from here on.
    pub until: Time,
    /// How long to wait for replies before the transaction is sent to every replica; to another one, where
    /// they are sent [in turn](Recipients::InTurn). Up to four times as long where replies come, but take
    /// longer: twice the longest time of late. A second copy would make a long queue only longer.
    pub retry: Span,
}

/// Transactions to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// To one replica, or to all.
    pub to: Option<ReplicaId>,
    /// What; without signatures if the client leaves them to its [host](Client::unsigned).
    pub transactions: Vec<Transaction>,
}

/// A transaction that the client holds for final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Its number.
    pub sequence: u64,
    /// The height at which it stands.
    pub height: crate::id::Height,
    /// From the intended send time to the reply that sufficed.
    pub latency: Span,
}

#[derive(Debug)]
struct Waiting {
    intended: Time,
    /// When it was sent last.
    sent: Time,
    transaction: Transaction,
    /// To whom it was sent last; `None`: to all.
    to: Option<ReplicaId>,
    /// Who said what.
    replies: Vec<(ReplicaId, u64)>,
}

/// One client with one key.
#[derive(Debug)]
pub struct Client {
    signer: Signer,
    public: PublicKey,
    committee: Arc<Committee>,
    load: Load,
    replies_needed: usize,
    stream: Stream,
    leader: Option<ReplicaId>,
    /// Where every replica proposes: whose turn it is.
    spread: Option<Spread>,
    /// Whether it signs what it sends.
    signs: bool,
    sequence: u64,
    next_arrival: Option<Time>,
    /// Intended times of transactions that cannot be sent yet.
    backlog: VecDeque<Time>,
    waiting: BTreeMap<u64, Waiting>,
    /// When to look again at what.
    retries: BTreeSet<(Time, u64)>,
    /// The longest time from sending to confirmation of late; each confirmation takes an eighth off it.
    longest: Span,
    submitted: u64,
}

impl Client {
    /// A client whose payloads and arrivals are drawn from the stream `name` of `seed`.
    pub fn new(
        signer: Signer,
        committee: Arc<Committee>,
        load: Load,
        replies_needed: usize,
        seed: u64,
        name: &str,
    ) -> Self {
        let mut stream = Stream::new(seed, name);
        let next_arrival = match load.arrivals {
            // Constant arrivals of many clients do not all fall on one moment.
            Arrivals::Open { gap, .. } => Some(load.from + Span(stream.below(gap.0.max(1)))),
            Arrivals::Closed { .. } => Some(load.from),
        };
        Self {
            public: signer.public(),
            signer,
            committee,
            load,
            replies_needed,
            stream,
            leader: None,
            spread: None,
            signs: true,
            sequence: 0,
            next_arrival,
            backlog: VecDeque::new(),
            waiting: BTreeMap::new(),
            retries: BTreeSet::new(),
            longest: Span::ZERO,
            submitted: 0,
        }
    }
    /// This client, sending to those `recipients`, and not to all.
    #[must_use]
    pub fn sending_to(mut self, recipients: Recipients) -> Self {
        let size = self.committee.size();
        match recipients {
            Recipients::All => {}
            // Some replica is taken for the leader until a reply tells better, or none comes.
            Recipients::One => {
                self.leader = Some(ReplicaId(self.stream.below(size as u64) as u16));
            }
            Recipients::InTurn => {
                self.spread = Some(Spread::new(size, self.stream.below(size as u64)));
            }
        }
        self
    }
    /// This client, which leaves signing to its host: [`Transaction::sign_all`] of what many send at once.
    #[must_use]
    pub fn unsigned(self) -> Self {
        Self { signs: false, ..self }
    }
    /// Who signs for it.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }
    /// Its key.
    pub fn public(&self) -> PublicKey {
        self.public
    }
    /// Transactions sent so far, each counted once.
    pub fn submitted(&self) -> u64 {
        self.submitted
    }
    /// Transactions sent and not confirmed.
    pub fn outstanding(&self) -> usize {
        self.waiting.len()
    }
    /// When it next wants to be [woken](Self::wake).
    pub fn deadline(&self) -> Option<Time> {
        let retry = self.retries.first().map(|&(at, _)| at);
        [self.next_arrival, retry].into_iter().flatten().min()
    }
    /// Sends what is due.
    pub fn wake(&mut self, now: Time) -> Vec<Submission> {
        match self.load.arrivals {
            Arrivals::Open { gap, poisson } => self.arrive(now, gap, poisson),
            Arrivals::Closed { outstanding } => {
                if self.next_arrival.is_some_and(|at| at <= now) {
                    self.next_arrival = None;
                    self.backlog.extend((0..outstanding).map(|_| now));
                }
            }
        }
        let mut submissions = self.send_backlog(now);
        submissions.extend(self.due_again(now));
        submissions
    }
    /// Takes a replica's reply; gives what became final by it, and what a closed loop sends next.
    pub fn reply(
        &mut self,
        now: Time,
        from: ReplicaId,
        reply: &Reply,
    ) -> (Vec<Confirmed>, Vec<Submission>) {
        if reply.client != self.public || !self.committee.contains(from) {
            return (Vec::new(), Vec::new());
        }
        let mut confirmed = Vec::new();
        for &(sequence, result) in &reply.results {
            let Some(waiting) = self.waiting.get_mut(&sequence) else { continue };
            if waiting.replies.iter().any(|&(who, _)| who == from) {
                continue;
            }
            waiting.replies.push((from, result));
            let equal = waiting.replies.iter().filter(|&&(_, r)| r == result).count();
            if equal >= self.replies_needed {
                let latency = now.since(waiting.intended);
                let took = now.since(waiting.sent);
                self.longest = took.max(Span(self.longest.0 - self.longest.0 / 8));
                self.waiting.remove(&sequence);
                confirmed.push(Confirmed { sequence, height: reply.height, latency });
            }
        }
        if !confirmed.is_empty() {
            // A replica alone may lie about the leader; one whose word helped to confirm did not stall us.
            self.leader = reply.leader.filter(|&id| self.committee.contains(id));
        }
        if let (Arrivals::Closed { .. }, true) = (self.load.arrivals, now < self.load.until) {
            self.backlog.extend(confirmed.iter().map(|_| now));
        }
        (confirmed, self.send_backlog(now))
    }

    fn arrive(&mut self, now: Time, gap: Span, poisson: bool) {
        while let Some(at) = self.next_arrival.filter(|&at| at <= now) {
            if at >= self.load.until {
                self.next_arrival = None;
                return;
            }
            self.backlog.push_back(at);
            let gap = if poisson { self.stream.exponential(gap) } else { gap };
            self.next_arrival = Some(at + Span(gap.0.max(1)));
        }
    }
    fn send_backlog(&mut self, now: Time) -> Vec<Submission> {
        let room = OUTSTANDING_MAX.saturating_sub(self.waiting.len()).min(self.backlog.len());
        if room == 0 {
            return Vec::new();
        }
        let payloads: Vec<_> = (self.sequence..).take(room).map(|n| self.payload(n)).collect();
        let (committee, signer, first) = (&self.committee, &self.signer, self.sequence);
        let transactions = match self.signs {
            true => Transaction::many(committee, signer, first, payloads),
            false => Transaction::many_unsigned(committee, signer, first, payloads),
        };
        let mut submissions = Submissions::default();
        for (intended, transaction) in self.backlog.drain(..room).zip(transactions) {
            let to = match &mut self.spread {
                Some(spread) => Some(spread.next(now)),
                None => self.leader,
            };
            submissions.add(to, transaction.clone());
            let waiting = Waiting { intended, sent: now, transaction, to, replies: Vec::new() };
            self.waiting.insert(self.sequence, waiting);
            self.retries.insert((now + self.load.retry, self.sequence));
            self.sequence += 1;
            self.submitted += 1;
        }
        submissions.0
    }
    /// A write to a key that is drawn from the stream. Its value need not be random to a protocol,
    /// but must differ from the next one.
    fn payload(&mut self, sequence: u64) -> Vec<u8> {
        let overhead = Transaction::overhead(self.committee.client_signatures);
        let length = (self.load.transaction_bytes as usize).saturating_sub(overhead).max(8);
        let mut payload = vec![0; length];
        payload[..8].copy_from_slice(&self.stream.below(self.load.keys.max(1)).to_le_bytes());
        let word = sequence.to_le_bytes();
        payload[8..].chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&word[..chunk.len()]));
        payload
    }
    /// How long it waits for replies now. What is sent in turn goes to one other replica, which makes no
    /// queue longer.
    fn patience(&self) -> Span {
        let retry = self.load.retry;
        match self.spread {
            Some(_) => retry,
            None => self.longest.times(2).clamp(retry, retry.times(PATIENCE_MAX)),
        }
    }
    fn due_again(&mut self, now: Time) -> Vec<Submission> {
        let mut due = Submissions::default();
        let patience = self.patience();
        while let Some(&(at, sequence)) = self.retries.first() {
            let Some(waiting) = self.waiting.get_mut(&sequence) else {
                self.retries.pop_first();
                continue;
            };
            if at > now {
                break;
            }
            self.retries.pop_first();
            if waiting.sent + patience > now {
                self.retries.insert((waiting.sent + patience, sequence));
                continue;
            }
            waiting.sent = now;
            waiting.to = self.spread.as_mut().map(|spread| {
                let failed = waiting.to.expect("it was sent to one");
                spread.after(failed, now, self.load.retry)
            });
            due.add(waiting.to, waiting.transaction.clone());
            self.retries.insert((now + patience, sequence));
        }
        if !due.0.is_empty() {
            self.leader = None;
        }
        due.0
    }
}

/// What is to be sent, gathered by receiver.
#[derive(Default)]
struct Submissions(Vec<Submission>);

impl Submissions {
    fn add(&mut self, to: Option<ReplicaId>, transaction: Transaction) {
        match self.0.iter_mut().find(|submission| submission.to == to) {
            Some(submission) => submission.transactions.push(transaction),
            None => self.0.push(Submission { to, transactions: vec![transaction] }),
        }
    }
}
