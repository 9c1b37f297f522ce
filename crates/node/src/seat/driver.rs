//! The loop of a seat: take an event, let the replica handle it, perform the actions.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc::Sender},
};

use byzlab_core::{
    Accelerator, Action, Batch, Committee, Event, Packet, Puzzle, Replica, ReplicaId, Span, To,
    Transaction,
    host::{Executor, KvStore, Sent},
};
use tokio::{sync::mpsc::UnboundedReceiver, time::sleep_until};

use super::{desk::Desk, gate::Gate, intake::Intake, replay};
use crate::{
    budget::Share,
    clock::Clock,
    counters::Counters,
    frame::Kind,
    happening::{Events, Happening, Origin},
    links::Links,
    log::LogJob,
    miner::Puzzles,
    storage::{Op, Reader},
    verifier::{Job, Jobs},
};

/// The most happenings taken in one turn, so that what they cause is sent and saved in time.
const TURN_MAX: usize = 256;
/// The most batches given in one turn.
const BATCHES_MAX: usize = 4;
/// How soon it is looked again whether links that were jammed have room.
const JAM_LOOK: Span = Span::ms(1);

/// Everything that a replica's actions act upon.
pub(super) struct Driver {
    pub clock: Clock,
    pub me: ReplicaId,
    pub committee: Arc<Committee>,
    pub neighbours: Arc<[ReplicaId]>,
    pub replica: Box<dyn Replica>,
    pub accelerator: Arc<dyn Accelerator>,
    pub links: Arc<Links>,
    pub verifier: Jobs,
    /// The way back to this loop.
    pub events: Events,
    pub log: Sender<LogJob>,
    pub reader: Reader,
    pub miner: Option<Puzzles>,
    pub puzzle: Option<Puzzle>,
    pub intake: Intake,
    pub executor: Executor,
    pub desk: Desk,
    pub gate: Gate,
    pub counters: Arc<Mutex<Counters>>,
    /// The share of the packet that is being handled, if nobody has taken it over.
    pub share: Option<Share>,
    pub actions: Vec<Action>,
}

/// How a loop ended.
#[derive(Debug)]
pub(super) enum End {
    /// As it was told to.
    Stopped,
    /// The storage failed.
    Failed(String),
}

impl Driver {
    /// Runs until it is told to stop, or until the storage fails.
    pub async fn run(mut self, mut events: UnboundedReceiver<Happening>) -> End {
        let mut inbox = Vec::with_capacity(TURN_MAX);
        let mut stopping = false;
        self.step(Event::Start);
        self.finish_turn();
        while !(stopping && self.gate.is_settled()) {
            tokio::select! {
                biased;
                count = events.recv_many(&mut inbox, TURN_MAX) => if count == 0 { break },
                () = sleep_until(self.wake_at()) => {}
            }
            for happening in inbox.drain(..) {
                match happening {
                    Happening::Stop => stopping = true,
                    Happening::Failed(error) => return End::Failed(error),
                    happening => self.take(happening),
                }
            }
            if self.replica.deadline().is_some_and(|at| at <= self.clock.now()) {
                self.step(Event::Wake);
            }
            self.finish_turn();
            // The network runs on the same thread: what was queued leaves now.
            tokio::task::yield_now().await;
        }
        self.links.close();
        End::Stopped
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Packet { packet, share } => {
                self.share = Some(share);
                self.step(Event::Packet(packet));
                self.share = None;
            }
            Happening::Verdict { ticket, holds } => self.step(Event::Verdict { ticket, holds }),
            Happening::Transactions { origin, transactions, share } => {
                if self.committee.client_signatures {
                    let job = Job::Transactions { origin, transactions, share };
                    self.verifier.send(job).expect("the verifier outlives the loop");
                } else {
                    self.take_unsigned(origin, transactions);
                }
            }
            Happening::Proven { origin, transactions, refused, share } => {
                self.count().refused += refused;
                self.take_in(origin, transactions);
                drop(share);
            }
            Happening::ClientsJoined { connection, clients, outbox } => {
                self.desk.join(connection, clients, outbox);
            }
            Happening::ClientsLeft { connection } => self.desk.leave(connection),
            Happening::Durable(number) => {
                self.gate.opened(number);
                while let Some((to, packet)) = self.gate.release() {
                    self.send(to, &packet);
                }
                self.desk.opened(number);
            }
            Happening::Batch { ask, batch } => {
                if ask == self.intake.last_ask() {
                    self.give(batch);
                }
            }
            Happening::Blocks { tag, blocks } => self.step(Event::Blocks { tag, blocks }),
            Happening::Sealed(seal) => {
                // One that was solved while the next puzzle was on its way is of no use any more.
                if self.puzzle.as_ref() == Some(&seal.puzzle) {
                    self.puzzle = None;
                    self.step(Event::Sealed(seal));
                }
            }
            Happening::Stop | Happening::Failed(_) => {}
        }
    }

    fn take_unsigned(&mut self, origin: Origin, mut transactions: Vec<Transaction>) {
        let before = transactions.len();
        transactions.retain(|t| matches!(t.claim(&self.committee), Ok(None)));
        self.count().refused += (before - transactions.len()) as u64;
        self.take_in(origin, transactions);
    }

    fn take_in(&mut self, origin: Origin, transactions: Vec<Transaction>) {
        let mut refused = 0;
        for transaction in transactions {
            let (client, sequence) = (transaction.client(), transaction.sequence());
            if !self.executor.is_executed(client, sequence) {
                let sent = match origin {
                    Origin::Clients { sent, .. } => sent,
                    Origin::Peer(_) => Sent::ByReplica,
                };
                refused += u64::from(!self.intake.take(transaction, sent));
            } else if let Origin::Clients { connection, .. } = origin {
                let leader = self.intake.leader();
                if let Some(reply) = self.executor.reply_again(client, sequence, leader) {
                    self.desk.again(connection, reply);
                }
            }
        }
        if refused > 0 {
            self.count().refused += refused;
        }
    }

    /// Lets the replica handle one event, and performs what it wants done.
    fn step(&mut self, event: Event) {
        let mut actions = mem::take(&mut self.actions);
        self.replica.handle(self.clock.now(), event, &mut actions);
        self.count().events += 1;
        for action in actions.drain(..) {
            self.perform(action);
        }
        self.actions = actions; // keeps its allocation
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Send { to, packet } => {
                if let Some((to, packet)) = self.gate.pass(to, packet) {
                    self.send(to, &packet);
                }
            }
            Action::Verify { ticket, packet } => {
                let share = self.share.take().expect("only incoming packets are verified, once");
                let job = Job::Packet { ticket, packet, share };
                self.verifier.send(job).expect("the verifier outlives the loop");
            }
            Action::Signed(_) | Action::Tossed(_) => {}
            Action::Save(record) => drop(self.gate.record(Op::Save(record))),
            Action::Compact(records) => drop(self.gate.record(Op::Compact(records))),
            Action::WantBatch { limit, branch } => {
                self.intake.want(self.clock.now(), limit, branch);
            }
            Action::Mine(puzzle) => {
                self.puzzle.clone_from(&puzzle);
                if let Some(miner) = &self.miner {
                    miner.send(puzzle).expect("the miner outlives the loop");
                }
            }
            Action::Read { from, count, tag } => {
                self.hand_over();
                self.log(LogJob::Read { from, count, tag });
            }
            Action::Lead(leader) => self.intake.lead(leader),
            Action::Commit(block) => {
                let replies = self.executor.apply(&block, self.intake.leader());
                self.intake.committed(&block);
                self.links.set_height(block.height);
                self.count().height = block.height;
                let number = self.gate.record(Op::Commit(block));
                self.desk.hold(number, replies);
            }
            Action::Revert(to) => self.revert(to),
            Action::Note(note) => self.count().noted(&note),
        }
    }

    fn send(&mut self, to: To, packet: &Packet) {
        let mut receivers = 0;
        let mut one = |id: ReplicaId| {
            self.links.send(id, Kind::Packet, packet.bytes().clone());
            receivers += 1;
        };
        match to {
            To::One(id) => one(id),
            To::All => self.committee.ids().filter(|&id| id != self.me).for_each(one),
            To::Neighbours { except } => {
                self.neighbours.iter().copied().filter(|&id| Some(id) != except).for_each(one);
            }
        }
        self.count().sent(packet.kind(), packet.bytes().len(), receivers);
    }

    /// Takes commits back: a safety failure of the run, but the replica lives on. Everything stands
    /// still while it waits for the disk and executes the ledger anew.
    fn revert(&mut self, to: byzlab_core::Height) {
        let from = self.executor.height();
        tracing::error!(me = %self.me, %from, %to, "commits are taken back");
        self.count().reverted(self.clock.now(), from, to);
        self.hand_over();
        let (answer, reverted) = std::sync::mpsc::channel();
        self.log(LogJob::Revert { to, answer });
        // No answer: the storage failed, and the word is on its way.
        let Ok(gone) = reverted.recv() else { return };
        self.executor = Executor::new(Box::<KvStore>::default());
        if let Err(error) = replay(&mut self.executor, &self.reader, to) {
            tracing::error!(me = %self.me, %error, "the ledger cannot be executed anew");
        }
        self.count().height = to;
        self.links.set_height(to);
        for transaction in gone.iter().flat_map(|block| block.batch.transactions()) {
            if !self.executor.is_executed(transaction.client(), transaction.sequence()) {
                self.intake.take(transaction, Sent::ByReplica);
            }
        }
    }

    /// Gives the replica a batch that it asked for.
    fn give(&mut self, batch: Batch) {
        {
            let mut counters = self.count();
            counters.batches += 1;
            counters.batched += batch.len() as u64;
        }
        self.step(Event::Batch(batch));
    }

    /// What a turn has gathered leaves: batches to the replica, groups to the log, replies to
    /// clients.
    fn finish_turn(&mut self) {
        for _ in 0..BATCHES_MAX {
            if let Some(waiting) = self.intake.change() {
                self.step(Event::Waiting(waiting));
            }
            if self.is_jammed() {
                break;
            }
            let Some(transactions) = self.intake.batch(self.clock.now()) else { break };
            if !self.accelerator.may_wait() {
                self.give(Batch::new(&transactions, &*self.accelerator));
                continue;
            }
            let (accelerator, events) = (self.accelerator.clone(), self.events.clone());
            let ask = self.intake.last_ask();
            tokio::task::spawn_blocking(move || {
                let batch = Batch::new(&transactions, &*accelerator);
                // Nobody wants it any more if the loop has ended.
                drop(events.send(Happening::Batch { ask, batch }));
            });
        }
        if let Some((leader, count, bodies)) = self.intake.forwarding() {
            for body in bodies {
                self.count().sent("forward", body.len(), 1);
                self.links.send(leader, Kind::Transactions, body);
            }
            self.count().forwarded += count;
        }
        self.hand_over();
        self.desk.flush();
        self.intake.tell_gateway();
        let (waiting, bytes) = self.intake.waiting();
        let (executed, leader) = (self.executor.executed(), self.intake.leader());
        let mut counters = self.count();
        (counters.waiting, counters.waiting_bytes) = (waiting, bytes);
        (counters.executed, counters.leader) = (executed, leader);
    }

    /// Whether so many links are jammed that a new batch would only queue up behind the old ones.
    /// Slow peers alone, up to f of them, hold nothing up.
    fn is_jammed(&self) -> bool {
        self.links.jammed() > self.committee.faults()
    }

    fn hand_over(&mut self) {
        if let Some((number, ops)) = self.gate.group() {
            self.log(LogJob::Append { ops, number });
        }
    }

    fn log(&self, job: LogJob) {
        // After a failure the thread is gone, and its last word on the way to this loop.
        let _ = self.log.send(job);
    }

    fn wake_at(&self) -> tokio::time::Instant {
        let batch = self.intake.deadline().map(|at| match self.is_jammed() {
            true => at.max(self.clock.now() + JAM_LOOK),
            false => at,
        });
        let next = [self.replica.deadline(), batch].into_iter().flatten().min();
        self.clock.instant(next.unwrap_or(byzlab_core::Time::NEVER)).into()
    }

    fn count(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
