//! Turns: a site takes what came to it, its replica says what to do, and it is done.
//!
//! Each site's CPU is a serial queue. An idle site serves what comes at once; its clock then runs
//! ahead of the world's by what the turn costs, and what comes before that waits in its inbox. When
//! it is free again it takes in all that waits, first every message up to its claims and then, in
//! one batch, the claims, as a real verifier drains its queue. A turn once begun is finished: a
//! crash comes before or after it. Where computing is free there are no queues and no waiting.

use byzlab_core::{Action, Batch, BatchLimit, Event, Height, Packet, Puzzle, Span, Ticket, Time};

use crate::{
    flights::Body,
    journal::Deed,
    prices::Weight,
    queue::Queue,
    site::{Ask, INBOX_MAX},
    trace::Kind,
    world::{Happening, Unproven, World},
};

/// How many waiting happenings one turn takes in at most.
pub const GATHER_MAX: usize = 1024;
/// How many events one replica may handle in one turn before that is called a livelock.
pub const TURN_EVENTS_MAX: u64 = 1 << 20;
/// The most blocks that one asking gets from the ledger.
pub const READ_MAX: u32 = 1024;

impl<Q: Queue<Happening>> World<'_, Q> {
    /// Something comes to a site: now, or when its CPU is free.
    pub(crate) fn turn(&mut self, number: u32, happening: Happening) {
        let site = &mut self.sites[number as usize];
        if site.replica.is_none() {
            return self.discard(happening);
        }
        if !self.cpu_is_free && (site.busy_until > self.now || !site.inbox.is_empty()) {
            if site.inbox.len() == INBOX_MAX {
                self.books.overflowed += 1;
                return self.discard(happening);
            }
            site.inbox.push_back(happening);
            if site.resume_at.is_none() {
                let at = site.busy_until.max(self.now);
                site.resume_at = Some(at);
                self.plan(at, Happening::Resume { site: number });
            }
            return;
        }
        self.clock = self.now;
        self.serve(number, happening);
        self.settle(number);
    }
    /// A site's CPU is free again.
    pub(crate) fn resume(&mut self, number: u32) {
        let site = &mut self.sites[number as usize];
        if site.resume_at != Some(self.now) {
            return; // planned before a crash
        }
        site.resume_at = None;
        self.clock = self.now;
        for _ in 0..GATHER_MAX {
            let Some(first) = self.sites[number as usize].inbox.pop_front() else { break };
            self.serve(number, first);
        }
        self.settle(number);
        let site = &mut self.sites[number as usize];
        if !site.inbox.is_empty() {
            let at = site.busy_until;
            site.resume_at = Some(at);
            self.plan(at, Happening::Resume { site: number });
        }
    }
    /// Lets go of a happening that reaches nobody.
    pub(crate) fn discard(&mut self, happening: Happening) {
        if let Happening::Arrive { flight, .. } | Happening::Deliver { flight, .. } = happening {
            self.books.to_nobody += 1;
            self.flights.release(flight);
        }
    }
    /// Serves one happening, but for the claims that it leaves to be proven.
    fn serve(&mut self, number: u32, happening: Happening) {
        match happening {
            Happening::Deliver { flight, .. } => self.take_in(number, flight),
            Happening::Start { .. } => self.handle(number, Event::Start, None),
            Happening::Wake { .. } => {
                let site = &mut self.sites[number as usize];
                if site.wake_at <= self.now {
                    site.wake_at = Time::NEVER;
                }
                let deadline = site.replica.as_ref().and_then(|replica| replica.deadline());
                if deadline.is_some_and(|at| at <= self.clock) {
                    self.handle(number, Event::Wake, None);
                }
            }
            Happening::BatchDue { ask, .. } => {
                if self.sites[number as usize].asks == ask {
                    self.batch_is_due(number);
                }
            }
            Happening::Sealed { puzzle, .. } => {
                if self.sites[number as usize].puzzles == puzzle {
                    self.seal(number);
                }
            }
            _ => unreachable!("{happening:?} is not for a site"),
        }
        self.follow_up(number);
    }
    fn take_in(&mut self, number: u32, flight: u32) {
        let slot = self.flights.get(flight);
        if !self.cpu_is_free {
            let bytes = slot.bytes as u64 * self.cpu.receive_byte_ps / 1000;
            self.clock += self.cpu.receive + Span(bytes);
        }
        if let Body::Packet(packet) = &slot.body {
            let packet = packet.clone();
            self.books.delivered += 1;
            self.handle(number, Event::Packet(packet), Some(flight));
        } else {
            self.take_transactions(number, flight);
        }
        self.flights.release(flight);
    }
    fn follow_up(&mut self, number: u32) {
        let mut handled = 0;
        while let Some(event) = self.follow.pop_front() {
            handled += 1;
            if handled > TURN_EVENTS_MAX {
                let id = self.sites[number as usize].id;
                let what = format!("{id} handled {TURN_EVENTS_MAX} events in one moment");
                self.checks.violated("livelock", self.clock, vec![id], what);
                self.follow.clear();
                self.stop(self.clock);
                return;
            }
            self.handle(number, event, None);
        }
    }
    /// Ends a turn: proves what waits for it, and plans what comes next.
    fn settle(&mut self, number: u32) {
        if self.unproven.len() > 1 {
            let packets = self.unproven.iter().filter_map(|waits| match waits {
                Unproven::Packet { packet, .. } => Some(packet),
                Unproven::Transactions { .. } => None,
            });
            self.prover.prepare(packets);
        }
        while !self.unproven.is_empty() {
            // In one call where calls have prices; else each has its own, and its answer when it is paid.
            let together = if self.prices.by_the_call() { self.unproven.len() } else { 1 };
            self.pay(together);
            for _ in 0..together {
                self.judge_next(number);
            }
        }
        let site = &mut self.sites[number as usize];
        site.busy_until = self.clock;
        let deadline = site.replica.as_ref().and_then(|replica| replica.deadline());
        if let Some(at) = deadline.map(|at| at.max(self.clock))
            && at < site.wake_at
        {
            site.wake_at = at;
            self.plan(at, Happening::Wake { site: number });
        }
    }
    /// Pays for proving the first `count` that wait.
    fn pay(&mut self, count: usize) {
        let mut sum = Weight::default();
        for waits in self.unproven.iter().take(count) {
            let known = match waits {
                Unproven::Packet { flight, .. } => {
                    flight.and_then(|flight| self.flights.get(flight).weight)
                }
                Unproven::Transactions { flight } => self.flights.get(*flight).weight,
            };
            let weight = known.unwrap_or_else(|| match waits {
                Unproven::Packet { packet, .. } => self.prices.weigh(packet.known_claims()),
                Unproven::Transactions { flight } => match &self.flights.get(*flight).body {
                    Body::Transactions(parcel) => self.prices.weigh_transactions(&parcel.list),
                    body => unreachable!("{body:?} is no transactions"),
                },
            });
            if let Unproven::Packet { flight: Some(flight), .. }
            | Unproven::Transactions { flight } = waits
            {
                self.flights.get_mut(*flight).weight = Some(weight);
            }
            sum.add(&weight);
        }
        let charge = self.prices.charge(&sum);
        self.books.signatures_checked += charge.signatures;
        self.books.checking_ns += charge.time.0;
        if self.prices.by_the_call() && !charge.time.is_zero() {
            self.books.proving_calls += 1;
            self.books.proving_signatures += charge.signatures;
            self.books.proving_on_gpu += charge.on_gpu;
            self.books.proving_ns += charge.time.0;
        }
        self.clock += charge.time;
    }
    /// Hands the first that waits its verdict.
    fn judge_next(&mut self, number: u32) {
        match self.unproven.pop_front() {
            Some(Unproven::Packet { ticket, packet, flight }) => {
                let holds = self.prover.judge(&packet);
                if let Some(flight) = flight {
                    self.flights.release(flight);
                }
                self.handle(number, Event::Verdict { ticket, holds }, None);
            }
            Some(Unproven::Transactions { flight }) => {
                self.take_proven(number, flight);
                self.flights.release(flight);
            }
            None => return,
        }
        self.follow_up(number);
    }
    /// Lets the replica handle one event and does what it wants done.
    fn handle(&mut self, number: u32, event: Event, flight: Option<u32>) {
        let (kind, fingerprint) = name(&event);
        self.tracer.fold(self.clock, number, kind, fingerprint);
        self.books.events += 1;
        if let Event::Batch(batch) = &event {
            self.jot(number, Deed::Took(batch.root()));
        }
        let mut actions = std::mem::take(&mut self.actions);
        let site = &mut self.sites[number as usize];
        let Some(replica) = &mut site.replica else {
            unreachable!("only running sites have turns")
        };
        replica.handle(self.clock, event, &mut actions);
        for action in actions.drain(..) {
            self.perform(number, action, flight);
        }
        self.actions = actions;
    }
    fn perform(&mut self, number: u32, action: Action, flight: Option<u32>) {
        match action {
            Action::Send { to, packet } => self.send(number, to, packet),
            Action::Verify { ticket, packet } => self.verify(ticket, packet, flight),
            Action::Signed(count) => {
                self.books.signatures_made += u64::from(count);
                let took = self.cpu.sign.times(u64::from(count));
                self.books.signing_ns += took.0;
                self.clock += took;
            }
            Action::Tossed(count) => self.clock += self.cpu.toss.times(u64::from(count)),
            Action::Save(record) => {
                self.clock += self.cpu.save;
                self.sites[number as usize].records.push(record);
            }
            Action::Compact(records) => {
                self.clock += self.cpu.save;
                self.sites[number as usize].records = records;
            }
            Action::WantBatch { limit, branch } => self.want_batch(number, limit, branch),
            Action::Mine(puzzle) => self.mine(number, puzzle),
            Action::Read { from, count, tag } => {
                let count = count.min(READ_MAX) as usize;
                let blocks = self.sites[number as usize].chain.read(from, count);
                self.follow.push_back(Event::Blocks { tag, blocks });
            }
            Action::Lead(leader) => self.lead(number, leader),
            Action::Commit(block) => self.commit(number, block),
            Action::Revert(to) => self.revert(number, to),
            Action::Note(note) => {
                self.weather.heed(&note);
                self.books.note(self.clock, self.sites[number as usize].id, note);
                self.jot(number, Deed::Noted(note));
            }
        }
    }
    /// A line in the journal, if one is kept.
    pub(crate) fn jot(&mut self, number: u32, deed: Deed) {
        self.journal.write(self.clock, self.sites[number as usize].id, deed);
    }
    fn verify(&mut self, ticket: Ticket, packet: Packet, flight: Option<u32>) {
        if let Some(flight) = flight {
            self.flights.hold(flight); // until judged: its claims' weight is kept there
        }
        self.unproven.push_back(Unproven::Packet { ticket, packet, flight });
    }
    fn want_batch(&mut self, number: u32, limit: BatchLimit, branch: Vec<Batch>) {
        let site = &mut self.sites[number as usize];
        site.asks += 1;
        let ask = site.asks;
        site.ask = Some(Ask { limit, branch, ripe: limit.patience.is_zero(), count: 0, bytes: 0 });
        if !self.try_batch(number) && !limit.patience.is_zero() {
            let due = self.clock + limit.patience;
            self.plan(due, Happening::BatchDue { site: number, ask });
        }
    }
    fn batch_is_due(&mut self, number: u32) {
        if let Some(ask) = &mut self.sites[number as usize].ask {
            ask.ripe = true;
            self.try_batch(number);
        }
    }
    /// Answers the current asking for a batch if it can be answered.
    pub(crate) fn try_batch(&mut self, number: u32) -> bool {
        let site = &mut self.sites[number as usize];
        let Some(ask) = &mut site.ask else { return false };
        let (picked, full) = site.mempool.pick(&ask.limit, &ask.branch);
        let goes = full || (ask.ripe && (ask.limit.empty || !picked.is_empty()));
        if !goes {
            ask.count = picked.len() as u64;
            ask.bytes = picked.iter().map(|t| t.bytes().len() as u64 + 4).sum();
            return false;
        }
        site.ask = None;
        let batch = match picked.is_empty() {
            true => self.empty.clone(),
            false => Batch::new(&picked, self.prover.accelerator()),
        };
        self.follow.push_back(Event::Batch(batch));
        true
    }
    fn mine(&mut self, number: u32, puzzle: Option<Puzzle>) {
        let site = &mut self.sites[number as usize];
        site.puzzles += 1;
        site.puzzle = puzzle;
        let Some(puzzle) = &site.puzzle else { return };
        let Some(mean) = self.prover.mint.mean(puzzle.target, site.hash_power) else { return };
        // Searching has no memory: a new puzzle is as good as the rest of the old one.
        let found = self.clock + site.miner(self.scenario.seed, number).exponential(mean);
        let puzzle = site.puzzles;
        if found <= self.end {
            self.plan(found, Happening::Sealed { site: number, puzzle });
        }
    }
    fn seal(&mut self, number: u32) {
        let site = &mut self.sites[number as usize];
        let Some(puzzle) = site.puzzle.take() else { return };
        let nonce = site.miner(self.scenario.seed, number).bits() as u32;
        let seal = self.prover.mint.issue(puzzle, nonce);
        self.handle(number, Event::Sealed(seal), None);
    }
    fn revert(&mut self, number: u32, to: Height) {
        let site = &mut self.sites[number as usize];
        let gone = site.chain.revert(to);
        self.jot(number, Deed::Reverted(to));
        let site = &self.sites[number as usize];
        let depth = gone.len() as u64;
        self.books.reverts += 1;
        self.books.deepest_revert = self.books.deepest_revert.max(depth);
        let (id, honest) = (site.id, site.honest);
        if honest {
            self.checks.revert(self.clock, id, to, depth);
        }
        self.give_back(number, &gone);
    }
}

/// What an event is called in the trace, and its fingerprint.
fn name(event: &Event) -> (Kind, u64) {
    match event {
        Event::Start => (Kind::Start, 0),
        Event::Packet(packet) => (Kind::Packet, packet.fingerprint()),
        Event::Verdict { ticket, holds } => (Kind::Verdict, ticket.0 << 1 | u64::from(*holds)),
        Event::Wake => (Kind::Wake, 0),
        Event::Waiting(waiting) => (Kind::Waiting, u64::from(*waiting)),
        Event::Batch(batch) => {
            let root = batch.root().0;
            let head = u64::from_le_bytes(root[..8].try_into().expect("eight bytes"));
            (Kind::Batch, head)
        }
        Event::Sealed(seal) => (Kind::Sealed, u64::from(seal.nonce)),
        Event::Blocks { tag, blocks } => (Kind::Blocks, tag << 16 ^ blocks.len() as u64),
    }
}
