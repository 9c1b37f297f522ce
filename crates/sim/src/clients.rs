//! Transactions on their way: from clients into mempools, through blocks, and back as replies.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use byzlab_core::{
    Block, Claim, Committee, Event, Height, PublicKey, ReplicaId, Signer, Time, Transaction,
    host::{Client, Refused, Sent, Submission, client::Confirmed},
    random::{fold, fold_bytes},
};

use crate::{
    execution::Settled,
    flights::{Answer, Body, Parcel},
    journal::Deed,
    queue::Queue,
    scenario::Scenario,
    site::Site,
    trace::{CLIENT_BASE, Kind},
    world::{Happening, Unproven, World},
};

/// The most bytes of transactions that are passed on at once.
const FORWARD_BYTES_MAX: usize = 1 << 20;

/// All clients.
#[derive(Debug)]
pub(crate) struct Customers {
    list: Vec<Customer>,
    numbers: BTreeMap<PublicKey, u32>,
}

#[derive(Debug)]
struct Customer {
    client: Client,
    wake_at: Time,
    /// The fingerprint of each transaction that it sent, by sequence number.
    sent: Vec<Option<u64>>,
    /// What it saw confirmed.
    confirmed: Vec<(u64, Height)>,
}

impl Customers {
    pub(crate) fn new(scenario: &Scenario, committee: &Arc<Committee>) -> Self {
        let needed = scenario.entry.replies(committee);
        let customer = |number: u32| {
            let name = format!("client/{number}");
            let signer = Signer::seeded(scenario.scheme.of_clients(), scenario.seed, &name);
            let load = scenario.clients.load.clone();
            let committee = Arc::clone(committee);
            let client = Client::new(signer, committee, load, needed, scenario.seed, &name)
                .sending_to(scenario.entry.recipients());
            Customer { client, wake_at: Time::NEVER, sent: Vec::new(), confirmed: Vec::new() }
        };
        let list: Vec<_> = (0..scenario.clients.count).map(customer).collect();
        let numbers = list.iter().map(|c| c.client.public()).zip(0..).collect();
        Self { list, numbers }
    }
    pub(crate) fn count(&self) -> u32 {
        self.list.len() as u32
    }
    pub(crate) fn outstanding(&self) -> usize {
        self.list.iter().map(|customer| customer.client.outstanding()).sum()
    }
    pub(crate) fn submitted(&self) -> u64 {
        self.list.iter().map(|customer| customer.client.submitted()).sum()
    }
    /// Whether some client sent exactly this.
    pub(crate) fn sent(&self, transaction: &Transaction) -> bool {
        let number = self.numbers.get(&transaction.client());
        let customer = number.map(|&number| &self.list[number as usize]);
        let sent = customer.and_then(|c| c.sent.get(transaction.sequence() as usize));
        sent == Some(&Some(fold_bytes(0, transaction.bytes())))
    }
    /// Confirmed transactions that stand in none of `blocks`: client, sequence number, height.
    pub(crate) fn missing(&self, blocks: &[Rc<Block>]) -> Vec<(u32, u64, Height)> {
        let mut stands: Vec<Vec<bool>> =
            self.list.iter().map(|customer| vec![false; customer.sent.len()]).collect();
        for transaction in blocks.iter().flat_map(|block| block.batch.transactions()) {
            let number = self.numbers.get(&transaction.client());
            let place = number.and_then(|&number| {
                stands[number as usize].get_mut(transaction.sequence() as usize)
            });
            if let Some(place) = place {
                *place = true;
            }
        }
        let confirmed = self.list.iter().zip(0..).flat_map(|(customer, number)| {
            customer.confirmed.iter().map(move |&(sequence, height)| (number, sequence, height))
        });
        confirmed
            .filter(|&(number, sequence, _)| !stands[number as usize][sequence as usize])
            .collect()
    }
}

impl<Q: Queue<Happening>> World<'_, Q> {
    /// Plans a client's next wake-up.
    pub(crate) fn plan_client(&mut self, number: u32) {
        let customer = &mut self.customers.list[number as usize];
        if let Some(at) = customer.client.deadline().map(|at| at.max(self.now))
            && at < customer.wake_at
        {
            customer.wake_at = at;
            self.plan(at, Happening::ClientWake { client: number });
        }
    }
    pub(crate) fn client_wake(&mut self, number: u32) {
        let customer = &mut self.customers.list[number as usize];
        if customer.wake_at <= self.now {
            customer.wake_at = Time::NEVER;
        }
        if customer.client.deadline().is_some_and(|at| at <= self.now) {
            let submissions = customer.client.wake(self.now);
            self.trace(CLIENT_BASE + number, Kind::ClientWake, submissions.len() as u64);
            self.submit(number, submissions);
        }
        self.plan_client(number);
    }
    /// A reply is at a client.
    pub(crate) fn answer(&mut self, flight: u32, number: u32) {
        let Body::Reply(answer) = &self.flights.get(flight).body else {
            unreachable!("only replies go to clients");
        };
        let reply = &answer.settled.replies[answer.index as usize].2;
        let customer = &mut self.customers.list[number as usize];
        let (confirmed, submissions) = match reply.leader == answer.leader {
            true => customer.client.reply(self.now, answer.from, reply),
            false => {
                let mut reply = reply.clone();
                reply.leader = answer.leader;
                customer.client.reply(self.now, answer.from, &reply)
            }
        };
        let print = u64::from(answer.from.0) << 48 ^ reply.height.0 << 16 ^ confirmed.len() as u64;
        for &Confirmed { sequence, height, latency } in &confirmed {
            customer.confirmed.push((sequence, height));
            self.books.confirmed(latency);
        }
        self.flights.release(flight);
        self.trace(CLIENT_BASE + number, Kind::Reply, print);
        let enough = self.scenario.stop.transactions;
        if enough.is_some_and(|enough| self.books.latency.0.len() >= enough) {
            self.stop(self.now);
        }
        self.submit(number, submissions);
        self.plan_client(number);
    }
    fn submit(&mut self, number: u32, submissions: Vec<Submission>) {
        for Submission { to, transactions } in submissions {
            let customer = &mut self.customers.list[number as usize];
            let mut fingerprint = u64::from(number);
            for transaction in &transactions {
                let print = fold_bytes(0, transaction.bytes());
                fingerprint = fold(fingerprint, print);
                // One that is not new is sent again. Numbers are given in order, but a burst is spread
                // over replicas, and comes here one replica's part after another's.
                let place = transaction.sequence() as usize;
                customer.sent.resize(customer.sent.len().max(place + 1), None);
                customer.sent[place].get_or_insert(print);
            }
            let bytes = transactions.iter().map(|t| t.bytes().len()).sum();
            let list = Rc::from(transactions);
            let sent = if to.is_some() { Sent::ToOne } else { Sent::ToAll };
            let parcel = Parcel { list, sent, fingerprint, verdict: None };
            self.prover.sent_transactions(&parcel.list);
            let flight = self.flights.launch(Body::Transactions(parcel), bytes, u32::MAX, u32::MAX);
            let ids = match to {
                Some(id) => id.0..id.0 + 1,
                None => 0..self.scenario.size,
            };
            for id in ids.map(ReplicaId) {
                let site = match self.weather.twins(id) {
                    Some(twins) => twins.either(),
                    None => u32::from(id.0),
                };
                self.ship_from_client(number, flight, site);
            }
            self.flights.release(flight);
        }
    }
    /// Transactions are at a site.
    pub(crate) fn take_transactions(&mut self, number: u32, flight: u32) {
        let Body::Transactions(parcel) = &self.flights.get(flight).body else {
            unreachable!("sites get packets and transactions");
        };
        let parcel = parcel.clone();
        self.tracer.fold(self.clock, number, Kind::Transactions, parcel.fingerprint);
        if self.committee.client_signatures {
            if self.prices.by_the_call() {
                // They are proven with everything else that waits.
                self.flights.hold(flight);
                return self.unproven.push_back(Unproven::Transactions { flight });
            }
            let count = parcel.list.len() as u64;
            self.clock += self.cpu.check_signature.times(count);
            self.books.signatures_checked += count;
        }
        self.take_proven(number, flight);
    }
    /// Takes in transactions whose proof is paid for, if it holds.
    pub(crate) fn take_proven(&mut self, number: u32, flight: u32) {
        let Body::Transactions(parcel) = &self.flights.get(flight).body else {
            unreachable!("these are transactions");
        };
        let parcel = parcel.clone();
        if self.committee.client_signatures {
            let holds = parcel.verdict.unwrap_or_else(|| self.signed(&parcel.list));
            if let Body::Transactions(parcel) = &mut self.flights.get_mut(flight).body {
                parcel.verdict = Some(holds);
            }
            if !holds {
                return;
            }
        }
        let mut onward = Vec::new();
        for transaction in parcel.list.iter() {
            if self.take_transaction(number, transaction, parcel.sent) {
                onward.push(transaction.clone());
            }
        }
        let site = &self.sites[number as usize];
        if let Some(leader) = site.leader.filter(|&leader| leader != site.id) {
            let size = self.committee.size();
            onward.retain(|one| parcel.sent.is_passed_on(one, site.id, size));
            if !onward.is_empty() {
                self.forward(number, leader, Parcel { list: Rc::from(onward), ..parcel });
            }
        }
        self.tell_waiting(number);
    }
    fn signed(&mut self, list: &[Transaction]) -> bool {
        let claims: Result<Vec<Option<Claim>>, _> =
            list.iter().map(|transaction| transaction.claim(&self.committee)).collect();
        let claims = claims.map(|claims| claims.into_iter().flatten().collect::<Vec<_>>());
        claims.is_ok_and(|claims| self.prover.all_hold(&claims))
    }
    /// Takes one transaction into the mempool, or answers it; true if it waits there now.
    fn take_transaction(&mut self, number: u32, transaction: &Transaction, sent: Sent) -> bool {
        let (client, sequence) = (transaction.client(), transaction.sequence());
        let site = &mut self.sites[number as usize];
        if let Some(reply) = self.execution.executed(&site.chain, client, sequence, site.leader) {
            if let (Some(reply), Some(&who)) = (reply, self.customers.numbers.get(&client)) {
                let bytes = byzlab_core::codec::encode(&reply).len();
                let settled = Rc::new(Settled { replies: vec![(who, bytes, reply)] });
                self.reply(number, &settled, 0);
            }
            return false;
        }
        match site.mempool.insert(transaction.clone(), sent) {
            Err(Refused::Full) => {
                self.books.mempool_full += 1;
                false
            }
            Err(Refused::Duplicate) => true,
            Ok(()) => {
                if let Some(ask) = &mut site.ask {
                    ask.count += 1;
                    ask.bytes += transaction.bytes().len() as u64 + 4;
                }
                true
            }
        }
    }
    /// Tells the replica whether transactions wait, if that has changed, and answers its asking for
    /// a batch if that can be answered now.
    fn tell_waiting(&mut self, number: u32) {
        let site = &mut self.sites[number as usize];
        let waiting = !site.mempool.is_empty();
        if waiting != site.told_waiting {
            site.told_waiting = waiting;
            self.follow.push_back(Event::Waiting(waiting));
        }
        if let Some(ask) = &site.ask {
            let full = ask.count >= u64::from(ask.limit.transactions)
                || ask.bytes >= u64::from(ask.limit.bytes);
            if full || (ask.ripe && waiting) {
                self.try_batch(number);
            }
        }
    }
    /// A site's replica says who leads.
    pub(crate) fn lead(&mut self, number: u32, leader: Option<ReplicaId>) {
        let site = &mut self.sites[number as usize];
        if site.leader == leader {
            return;
        }
        site.leader = leader;
        let Some(leader) = leader.filter(|&leader| leader != site.id) else { return };
        let size = self.committee.size();
        let waiting: Vec<_> = site.mempool.passed_on(site.id, size).cloned().collect();
        let mut rest = &waiting[..];
        while !rest.is_empty() {
            let mut bytes = 0;
            let mut fits = |transaction: &Transaction| {
                bytes += transaction.bytes().len();
                bytes <= FORWARD_BYTES_MAX
            };
            let count = rest.iter().position(|t| !fits(t)).unwrap_or(rest.len());
            let (chunk, later) = rest.split_at(count);
            let list: Rc<[Transaction]> = Rc::from(chunk);
            let fingerprint = fold(u64::from(leader.0), count as u64);
            let parcel = Parcel { list, sent: Sent::ByReplica, fingerprint, verdict: None };
            self.forward(number, leader, parcel);
            rest = later;
        }
    }
    /// A site's replica commits a block: into the ledger, out of the mempool, executed, answered.
    pub(crate) fn commit(&mut self, number: u32, block: Block) {
        let site = &mut self.sites[number as usize];
        let (id, head) = (site.id, site.chain.head());
        if site.honest {
            self.checks.commit(self.clock, id, head, &block);
        }
        let (height, producer, root) = (block.height, block.producer, block.batch.root());
        self.jot(number, Deed::Committed { height, producer, root });
        let (block, new) = self.shelf.keep(block);
        if new && self.sites[number as usize].honest {
            self.check_block(id, &block);
        }
        let site = &mut self.sites[number as usize];
        site.chain.append(Rc::clone(&block));
        site.mempool.remove(&block);
        if !self.cpu_is_free {
            self.clock += self.cpu.execute.times(block.batch.len() as u64);
        }
        if self.customers.count() > 0 {
            let numbers = &self.customers.numbers;
            let client = |key: &PublicKey| numbers.get(key).copied();
            if let Some(settled) = self.execution.apply(&mut site.chain, client) {
                for index in 0..settled.replies.len() as u32 {
                    self.reply(number, &settled, index);
                }
            }
            self.tell_waiting(number);
        }
        if self.scenario.stop.blocks == Some(block.height.0) {
            let there = |site: &Site| site.chain.head().height >= block.height;
            let mut asked = self.sites.iter().filter(|site| site.honest && site.replica.is_some());
            if asked.all(there) {
                self.stop(self.clock);
            }
        }
    }
    /// Checks a block that no honest replica committed before.
    fn check_block(&mut self, by: ReplicaId, block: &Block) {
        let audit = self.scenario.entry.audit(block, &self.committee);
        let batch = &block.batch;
        let what = match audit {
            Err(invalid) => Some(format!("its proof is no proof: {invalid}")),
            Ok(claims) if !self.prover.all_hold(&claims) => {
                Some("a claim of its proof does not hold".to_owned())
            }
            _ if !batch.root_holds(self.prover.accelerator()) => {
                Some("its batch has another root than it states".to_owned())
            }
            _ => batch.transactions().find(|t| !self.customers.sent(t)).map(|transaction| {
                format!("it holds a transaction that no client sent: {transaction:?}")
            }),
        };
        if let Some(what) = what {
            let what = format!("block {} is not valid: {what}", block.height);
            self.checks.violated("validity", self.clock, vec![by], what);
        }
    }
    /// Blocks were taken back: what stood in them waits again.
    pub(crate) fn give_back(&mut self, number: u32, gone: &[Rc<Block>]) {
        if self.customers.count() == 0 {
            return;
        }
        let transactions = gone.iter().flat_map(|block| block.batch.transactions());
        for transaction in transactions.collect::<Vec<_>>() {
            // Full or known: it is lost here, and its client sends it again.
            let _ = self.sites[number as usize].mempool.insert(transaction, Sent::ByReplica);
        }
        self.tell_waiting(number);
    }
    fn reply(&mut self, number: u32, settled: &Rc<Settled>, index: u32) {
        let site = &self.sites[number as usize];
        if self.weather.is_silent(site.id) {
            return;
        }
        let (client, bytes, _) = settled.replies[index as usize];
        let (from, leader, settled) = (site.id, site.leader, Rc::clone(settled));
        let answer = Answer { from, leader, settled, index };
        let flight = self.flights.launch(Body::Reply(answer), bytes, number, u32::MAX);
        self.ship_to_client(number, flight, client);
    }
}
