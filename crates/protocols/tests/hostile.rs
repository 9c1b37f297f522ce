//! A Byzantine replica says anything at all; honest replicas of every protocol must neither panic nor
//! act on a claim that does not hold.
//!
//! The smallest cluster that stands one liar is pumped by hand to collect real messages; then mutations
//! of them come to replica 0 from the last replica. That one can sign whatever it likes, so its own
//! signature claims hold; those of others do not, unless the bytes are theirs. Of a protocol that stands
//! crashes alone no more is asked than that nothing panics.

use std::{collections::VecDeque, sync::Arc};

use byzlab_core::{
    Action, Batch, Block, Claim, Committee, Entry, Event, Packet, Reference, Replica, ReplicaId,
    Saved, Scheme, Seal, Seat, Signer, Span, Time, To, Transaction, crypto::SimulatedVerifier,
    random::Stream, theory::Adversary,
};

const SEED: u64 = 5;

struct Seated {
    replica: Box<dyn Replica>,
    ledger: Vec<Block>,
}

/// Four replicas of one protocol and the packets between them.
struct Pump {
    committee: Arc<Committee>,
    verifier: SimulatedVerifier,
    seated: Vec<Seated>,
    queue: VecDeque<(ReplicaId, Event)>,
    now: Time,
    seen: Vec<Packet>,
    sequence: u64,
    liar: ReplicaId,
}

fn params(name: &str) -> toml::Table {
    // Proofs of work that a test can find.
    let text = if name == "pow" { "difficulty = 1\nspacing = \"50ms\"" } else { "" };
    toml::from_str(text).expect("valid TOML")
}

fn signer(name: &str) -> Signer {
    Signer::seeded(Scheme::Simulated, SEED, name)
}

impl Pump {
    fn new(entry: Entry) -> Self {
        let size = entry.theories[0].resilience.smallest(1).max(4);
        let keys = (0..size).map(|i| signer(&format!("replica/{i}")).public()).collect();
        let committee = Committee::new("byzlab", keys, true);
        let committee = entry.equip(committee, &params(entry.name), Scheme::Simulated, SEED);
        let committee = Arc::new(committee.expect("the defaults equip it"));
        let seat = |me: ReplicaId| {
            let signer = signer(&format!("replica/{}", me.0));
            let saved = Saved::nothing(&committee);
            let seat = Seat::new(me, committee.clone());
            let replica = entry.build(seat, signer, &params(entry.name), saved);
            Seated { replica: replica.expect("defaults build"), ledger: Vec::new() }
        };
        let seated = committee.ids().map(seat).collect();
        let mut queue: VecDeque<_> = committee.ids().map(|id| (id, Event::Start)).collect();
        queue.extend(committee.ids().map(|id| (id, Event::Waiting(true))));
        let verifier = SimulatedVerifier::new(SEED);
        let (now, seen, sequence) = (Time::ms(1), Vec::new(), 0);
        let liar = ReplicaId(size - 1);
        Self { committee, verifier, seated, queue, now, seen, sequence, liar }
    }

    /// Handles up to `most` events; time moves when nothing else does.
    fn turn(&mut self, most: usize) {
        for _ in 0..most {
            match self.queue.pop_front() {
                Some((to, event)) => self.handle(to, event),
                None => {
                    let due = self.seated.iter().filter_map(|s| s.replica.deadline()).min();
                    self.now = due.unwrap_or(self.now).max(self.now + Span::us(100));
                    for id in self.committee.ids() {
                        let deadline = self.seated[id.index()].replica.deadline();
                        if deadline.is_some_and(|at| at <= self.now) {
                            self.queue.push_back((id, Event::Wake));
                        }
                    }
                }
            }
        }
    }

    fn handle(&mut self, to: ReplicaId, event: Event) {
        let mut actions = Vec::new();
        self.seated[to.index()].replica.handle(self.now, event, &mut actions);
        for action in actions {
            self.perform(to, action);
        }
    }

    fn perform(&mut self, me: ReplicaId, action: Action) {
        match action {
            Action::Send { to, packet } => {
                if self.seen.len() < 4000 {
                    self.seen.push(packet.clone());
                }
                let others = self.committee.ids().filter(|&id| id != me);
                let to: Vec<_> = others
                    .filter(|&id| match to {
                        To::All => true,
                        To::One(one) => one == id,
                        To::Neighbours { except } => except != Some(id),
                    })
                    .collect();
                let event = Event::Packet(packet);
                self.queue.extend(to.into_iter().map(|id| (id, event.clone())));
            }
            Action::Verify { ticket, packet } => {
                let holds = packet.known_claims().iter().all(|claim| self.holds(&packet, claim));
                self.queue.push_front((me, Event::Verdict { ticket, holds }));
            }
            Action::WantBatch { .. } => {
                let client = signer("client/0");
                self.sequence += 1;
                let tx = Transaction::new(&self.committee, &client, self.sequence, b"payload");
                self.queue.push_back((me, Event::Batch(Batch::new(&[tx], &Reference))));
            }
            // One miner: where all find blocks in no time, honest chains fork without a liar's help.
            Action::Mine(Some(puzzle)) if me == ReplicaId(1) => {
                let seal = (0..1000).map(|nonce| Seal { puzzle: puzzle.clone(), nonce });
                if let Some(seal) = seal.into_iter().find(Seal::holds) {
                    self.queue.push_back((me, Event::Sealed(seal)));
                }
            }
            Action::Read { from, count, tag } => {
                let ledger = &self.seated[me.index()].ledger;
                let first = (from.0.max(1) - 1) as usize;
                let blocks = ledger.iter().skip(first).take(count as usize).cloned().collect();
                self.queue.push_back((me, Event::Blocks { tag, blocks }));
            }
            Action::Commit(block) => self.seated[me.index()].ledger.push(block),
            Action::Revert(to) => self.seated[me.index()].ledger.truncate(to.0 as usize),
            _ => {}
        }
    }

    fn holds(&self, packet: &Packet, claim: &Claim) -> bool {
        match claim {
            Claim::Signed { by, .. }
                if packet.from() == self.liar && Some(*by) == self.committee.key(self.liar) =>
            {
                true
            }
            Claim::Signed { by, statement, signature } => {
                self.verifier.verify(by, statement, signature)
            }
            Claim::Aggregate(aggregate) => aggregate.holds(),
            Claim::Tossed(tossed) => tossed.holds(),
            Claim::Root(batch) => batch.computed_root(&Reference) == batch.root(),
            Claim::Work(seal) => seal.holds(),
        }
    }
}

/// A small change: a byte up or down, a bit, a cut, a stretch of another message.
fn mutate(stream: &mut Stream, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=stream.below(2) {
        let Some(at) = (!bytes.is_empty()).then(|| stream.below(bytes.len() as u64) as usize)
        else {
            break;
        };
        match stream.below(6) {
            0 => bytes[at] = bytes[at].wrapping_add(1),
            1 => bytes[at] = bytes[at].wrapping_sub(1),
            2 => bytes[at] ^= 1 << stream.below(8),
            3 => bytes[at] = 0xff,
            4 => bytes.truncate(at),
            _ => {
                let end = (at + 16).min(bytes.len()).min(other.len());
                if at < end {
                    bytes[at..end].copy_from_slice(&other[at..end]);
                }
            }
        }
    }
    bytes
}

#[test]
fn no_protocol_panics_or_forks_under_a_liar() {
    for entry in byzlab_protocols::builtin().entries() {
        let mut pump = Pump::new(*entry);
        pump.turn(3000);
        let committed = pump.seated[0].ledger.len();
        assert!(
            committed > 0,
            "{}: the pump commits nothing, so the test shows nothing",
            entry.name
        );
        let seen = std::mem::take(&mut pump.seen);
        let mut stream = Stream::new(SEED, entry.name);
        for round in 0..6000u64 {
            let base = &seen[stream.below(seen.len() as u64) as usize];
            let other = &seen[stream.below(seen.len() as u64) as usize];
            let bytes = match round % 8 {
                0 => base.bytes().to_vec(), // A replay, perhaps of another's words.
                _ => mutate(&mut stream, base.bytes(), other.bytes()),
            };
            let packet = Packet::incoming(pump.liar, bytes.into());
            pump.queue.push_front((ReplicaId(0), Event::Packet(packet)));
            pump.turn(4);
        }
        if entry.theories[0].resilience.adversary == Adversary::Crash && entry.name != "central" {
            continue;
        }
        let honest = pump.liar.index();
        let ledgers: Vec<_> = pump.seated[..honest].iter().map(|s| &s.ledger).collect();
        for other in &ledgers[1..] {
            for (a, b) in ledgers[0].iter().zip(other.iter()) {
                assert_eq!(a.digest, b.digest, "{}: a fork at {}", entry.name, a.height);
            }
        }
    }
}
