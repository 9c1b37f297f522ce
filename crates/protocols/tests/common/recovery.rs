//! Replicas that are killed between any two actions, and come back from what was durable by then; some with
//! a ledger that was cut back. Whatever happens, a replica never contradicts what it said before, which a
//! [`Witness`] of its protocol judges, and ledgers never disagree.
//!
//! One replica may forget everything whenever it is killed, and so contradicts itself like any Byzantine one:
//! the others must not be led astray by it.
//!
//! The pump delivers messages in random order, one every 200 µs, one seed a run.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_core::{
    Action, Batch, Block, Committee, Digest, Entry, Event, Height, Packet, Record, Reference,
    Replica, ReplicaId, Saved, Scheme, Seat, Signer, Span, Time, To, Transaction, block::Head,
    protocol::Ledger, random::Stream,
};
use byzlab_protocols::builtin;

pub const SIZE: usize = 4;

/// Remembers what one replica said to others, restarts or not, and panics if it contradicts itself.
pub trait Witness: Default {
    fn hears(&mut self, packet: &Packet);
}

#[derive(Default)]
struct Node<W> {
    replica: Option<Box<dyn Replica>>,
    log: Vec<Record>,
    ledger: Vec<Block>,
    witness: W,
}

struct Blocks<'a>(&'a [Block]);

impl Ledger for Blocks<'_> {
    fn block(&self, height: Height) -> Option<Block> {
        self.0.get((height.0 as usize).checked_sub(1)?).cloned()
    }
}

impl<W> Node<W> {
    fn head(&self, committee: &Committee) -> Head {
        self.ledger.last().map_or(Head::genesis(committee.chain), Block::head)
    }
}

/// Four replicas of a protocol, and what goes wrong with them.
pub struct World<W> {
    entry: Entry,
    params: toml::Table,
    committee: Arc<Committee>,
    nodes: Vec<Node<W>>,
    flying: Vec<(ReplicaId, Packet)>,
    now: Time,
    draw: Stream,
    /// The next action to be performed is not, and the replica is killed: so many times.
    pub kills: u32,
    /// The one replica with a bad disk: its ledger loses its end at so many restarts. With more than f of
    /// them, blocks would be gone for good.
    pub cuts: (usize, u32),
    /// Forgets everything when it is killed, and is asked nothing.
    pub forgetful: Option<usize>,
    /// A killed replica comes back in one of so many turns.
    down: u64,
    sequence: u64,
    committed: BTreeMap<Height, Digest>,
}

impl<W: Witness> World<W> {
    pub fn new(name: &str, params: &str, seed: u64) -> Self {
        let keys = (0..SIZE).map(|i| signer(i).public()).collect();
        let (entry, params) = (builtin().find(name).unwrap(), toml::from_str(params).unwrap());
        let committee = Committee::new("byzlab", keys, false);
        let committee = entry.equip(committee, &params, Scheme::Simulated, 1).unwrap();
        let mut world = Self {
            entry,
            params,
            committee: Arc::new(committee),
            nodes: (0..SIZE).map(|_| Node::default()).collect(),
            flying: Vec::new(),
            now: Time::ZERO,
            draw: Stream::new(seed, "recovery"),
            kills: 12,
            cuts: (0, 0),
            forgetful: None,
            down: [20, 200, 1_000][seed as usize % 3],
            sequence: 0,
            committed: BTreeMap::new(),
        };
        (0..SIZE).for_each(|i| world.start(i));
        world
    }

    fn start(&mut self, i: usize) {
        if self.forgetful == Some(i) {
            self.nodes[i] = Node::default();
        }
        let node = &mut self.nodes[i];
        if i == self.cuts.0 && self.cuts.1 > 0 && !node.ledger.is_empty() {
            self.cuts.1 -= 1;
            let keep = self.draw.below(node.ledger.len() as u64) as usize;
            node.ledger.truncate(keep);
        }
        let (head, ledger) = (node.head(&self.committee), Blocks(&node.ledger));
        let saved = Saved { records: &node.log, head, ledger: &ledger };
        let seat = Seat::new(ReplicaId(i as u16), self.committee.clone());
        node.replica = Some(self.entry.build(seat, signer(i), &self.params, saved).unwrap());
        self.handle(i, Event::Start);
        self.handle(i, Event::Waiting(true));
    }

    fn handle(&mut self, i: usize, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let Some(replica) = &mut self.nodes[i].replica else { return };
            let mut actions = Vec::new();
            replica.handle(self.now, event, &mut actions);
            for action in actions {
                if self.kills > 0 && self.draw.below(150) == 0 {
                    self.kills -= 1;
                    self.nodes[i].replica = None;
                    return;
                }
                self.perform(i, action, &mut events);
            }
        }
    }

    fn perform(&mut self, i: usize, action: Action, events: &mut Vec<Event>) {
        let node = &mut self.nodes[i];
        match action {
            Action::Send { to, packet } => {
                if self.forgetful != Some(i) {
                    node.witness.hears(&packet);
                }
                let all = (0..SIZE).map(|j| ReplicaId(j as u16)).filter(|j| j.index() != i);
                let to = all.filter(|&j| to == To::All || to == To::One(j));
                self.flying.extend(to.map(|j| (j, packet.clone())));
            }
            Action::Verify { ticket, .. } => events.push(Event::Verdict { ticket, holds: true }),
            Action::Save(record) => node.log.push(record),
            Action::Compact(records) => node.log = records,
            Action::WantBatch { .. } => {
                self.sequence += 1;
                let client = Signer::seeded(Scheme::Simulated, 1, "client");
                let transaction =
                    Transaction::new(&self.committee, &client, self.sequence, b"write");
                events.push(Event::Batch(Batch::new(&[transaction], &Reference)));
            }
            Action::Read { from, count, tag } => {
                let blocks = node.ledger.iter().skip(from.0 as usize - 1).take(count as usize);
                events.push(Event::Blocks { tag, blocks: blocks.cloned().collect() });
            }
            Action::Commit(block) => {
                assert_eq!(node.head(&self.committee).digest, block.parent);
                let known = *self.committed.entry(block.height).or_insert(block.digest);
                assert_eq!(known, block.digest, "two blocks at {}", block.height);
                self.entry.audit(&block, &self.committee).unwrap();
                node.ledger.push(block);
            }
            _ => {}
        }
    }

    /// Something happens: a delivery, a restart, or time passes.
    fn turn(&mut self) {
        let dead: Vec<usize> = (0..SIZE).filter(|&i| self.nodes[i].replica.is_none()).collect();
        let quiet = self.flying.is_empty();
        if let Some(&i) = dead.first().filter(|_| quiet || self.draw.below(self.down) == 0) {
            return self.start(i);
        }
        let due = |i: usize| Some((self.nodes[i].replica.as_ref()?.deadline()?, i));
        let next = (0..SIZE).filter_map(due).min();
        if let Some((at, i)) = next.filter(|&(at, _)| quiet || at <= self.now) {
            self.now = self.now.max(at);
            return self.handle(i, Event::Wake);
        }
        assert!(!quiet, "nothing is on the way, and nobody waits");
        self.now += Span::us(200);
        let at = self.draw.below(self.flying.len() as u64) as usize;
        let (to, packet) = self.flying.swap_remove(at);
        self.handle(to.index(), Event::Packet(packet));
    }

    /// Goes on until every ledger has `height` blocks.
    pub fn until(&mut self, height: usize) {
        for _ in 0..80_000 {
            let reached = |node: &Node<W>| node.replica.is_some() && node.ledger.len() >= height;
            if self.kills == 0 && self.nodes.iter().all(reached) {
                return;
            }
            self.turn();
        }
        let heights: Vec<_> = self.nodes.iter().map(|node| node.ledger.len()).collect();
        panic!("no progress: {heights:?}, {} flying, at {}", self.flying.len(), self.now);
    }
}

fn signer(i: usize) -> Signer {
    Signer::seeded(Scheme::Simulated, 1, &format!("replica/{i}"))
}
