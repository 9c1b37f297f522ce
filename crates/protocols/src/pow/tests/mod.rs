//! One miner in hand: what it is told, and what it does.

#![allow(clippy::unwrap_used)]

mod forks;
mod ghost;
mod peers;

use std::sync::Arc;

use byzlab_core::{
    Accelerator, Action, Batch, Block, Committee, Digest, Event, Height, Machine, Note, Packet,
    Puzzle, Reference, Replica, ReplicaId, Saved, Scheme, Seal, Seat, Signer, Span, Time, To,
    Transaction, block::Head, codec, protocol::Ledger,
};

use super::{
    Params, Pow,
    header::{Header, VERSION},
    message::{Say, Sealed},
    work::Bits,
};

const REPLICAS: u16 = 4;
const CLIENT: &str = "client/0";

fn signer(name: &str) -> Signer {
    Signer::seeded(Scheme::Simulated, 7, name)
}

fn committee() -> Committee {
    let key = |i| signer(&format!("replica/{i}")).public();
    Committee::new("test", (0..REPLICAS).map(key).collect(), false)
}

fn genesis() -> Head {
    Head::genesis(committee().chain)
}

/// Blocks every second, two hashes each, committed when `confirmations` deep.
fn params(confirmations: u32) -> Params {
    Params { difficulty: 2, confirmations, ..Params::default() }
}

fn batch(sequences: &[u64]) -> Batch {
    let one = |&s| Transaction::new(&committee(), &signer(CLIENT), s, b"payload");
    Batch::new(&sequences.iter().map(one).collect::<Vec<_>>(), &Reference)
}

/// A mined block on `parent`, after changes by `alter`.
fn forge(parent: Head, time: u64, batch: Batch, alter: impl FnOnce(&mut Sealed)) -> Sealed {
    let (height, producer) = (parent.height.next(), ReplicaId(1));
    let header = Header {
        version: VERSION,
        producer,
        parent: parent.digest,
        commitment: Header::commitment(height, batch.root(), producer),
        time,
        bits: Bits::EASIEST,
        nonce: 0,
    };
    let mut sealed = Sealed { header, height, batch };
    alter(&mut sealed);
    if sealed.header.bits.is_canonical() {
        sealed.header.nonce = Reference.search(&sealed.header.puzzle(), 0..1 << 32).unwrap().nonce;
    }
    sealed
}

/// A mined block on `parent`, a second after `seconds − 1`, with a transaction of that number.
fn mined(parent: Head, seconds: u64) -> Sealed {
    forge(parent, seconds * 1000, batch(&[seconds]), |_| {})
}

/// `count` mined blocks above `parent`, a second apart from `seconds` on.
fn chain(mut parent: Head, seconds: u64, count: u64) -> Vec<Sealed> {
    let mut next = |at| {
        let sealed = mined(parent, at);
        parent = head(&sealed);
        sealed
    };
    (seconds..seconds + count).map(&mut next).collect()
}

fn head(sealed: &Sealed) -> Head {
    Head { height: sealed.height, digest: sealed.header.hash() }
}

struct Kept<'a>(&'a [Block]);

impl Ledger for Kept<'_> {
    fn block(&self, height: Height) -> Option<Block> {
        self.0.get(usize::try_from(height.0.checked_sub(1)?).ok()?).cloned()
    }
}

/// Replica 0 and its host.
struct Drill {
    machine: Machine<Pow>,
    now: Time,
    ledger: Vec<Block>,
    /// What it sent since one last looked.
    sent: Vec<(To, Say)>,
    notes: Vec<Note>,
    reverted: Vec<Height>,
    puzzle: Option<Puzzle>,
    branch: Option<Vec<Batch>>,
}

impl Drill {
    fn new(params: Params) -> Self {
        Self::restarted(params, Time::seconds(1000), Vec::new())
    }
    fn restarted(params: Params, now: Time, ledger: Vec<Block>) -> Self {
        let committee = Arc::new(committee());
        let seat = Seat::new(ReplicaId(0), committee.clone());
        let head = ledger.last().map_or(Head::genesis(committee.chain), Block::head);
        let saved = Saved { records: &[], head, ledger: &Kept(&ledger) };
        let machine = Machine::new(seat, signer("replica/0"), params, saved).unwrap();
        let (sent, notes, reverted) = (Vec::new(), Vec::new(), Vec::new());
        let (puzzle, branch) = (None, None);
        let mut drill = Self { machine, now, ledger, sent, notes, reverted, puzzle, branch };
        drill.event(Event::Start);
        drill
    }
    fn event(&mut self, event: Event) {
        let mut actions = Vec::new();
        self.machine.handle(self.now, event, &mut actions);
        for action in actions {
            self.perform(action);
        }
    }
    fn perform(&mut self, action: Action) {
        match action {
            Action::Send { to, packet } => {
                self.sent.push((to, codec::decode(packet.bytes()).unwrap()));
            }
            Action::Verify { ticket, packet } => {
                let holds = Reference.check(packet.known_claims()).iter().all(|holds| *holds);
                self.event(Event::Verdict { ticket, holds });
            }
            Action::WantBatch { branch, .. } => self.branch = Some(branch),
            Action::Mine(puzzle) => self.puzzle = puzzle,
            Action::Read { from, count, tag } => {
                let heights = from.0..from.0 + u64::from(count);
                let blocks = heights.map_while(|h| Kept(&self.ledger).block(Height(h))).collect();
                self.event(Event::Blocks { tag, blocks });
            }
            Action::Commit(block) => self.ledger.push(block),
            Action::Revert(to) => {
                self.reverted.push(to);
                self.ledger.truncate(to.0 as usize);
            }
            Action::Note(note) => self.notes.push(note),
            Action::Lead(leader) => assert_eq!(leader, None),
            Action::Signed(_) | Action::Tossed(_) | Action::Save(_) | Action::Compact(_) => {
                panic!("proof of work signs and saves nothing")
            }
        }
    }
    fn hear(&mut self, from: u16, message: &Say) {
        let packet = Packet::incoming(ReplicaId(from), codec::encode(message));
        self.event(Event::Packet(packet));
    }
    fn block(&mut self, from: u16, sealed: &Sealed) {
        self.hear(from, &Say::Block(sealed.clone()));
    }
    fn blocks(&mut self, sealed: &[Sealed]) {
        sealed.iter().for_each(|sealed| self.block(1, sealed));
    }
    fn wait(&mut self, span: Span) {
        self.now += span;
        if self.machine.deadline().is_some_and(|due| due <= self.now) {
            self.event(Event::Wake);
        }
    }
    fn take_sent(&mut self) -> Vec<(To, Say)> {
        std::mem::take(&mut self.sent)
    }
    fn head(&self) -> Head {
        self.ledger.last().map_or(genesis(), Block::head)
    }
    /// What it mines on.
    fn mines_on(&self) -> Digest {
        Digest(self.puzzle.as_ref().unwrap().prefix[4..36].try_into().unwrap())
    }
    /// Why it dropped what it dropped.
    fn dropped(&self) -> Vec<&'static str> {
        let why = |note: &Note| match note {
            Note::Dropped { why, .. } => Some(*why),
            _ => None,
        };
        self.notes.iter().filter_map(why).collect()
    }
    /// The solution of the puzzle that it was last given.
    fn solution(&self) -> Seal {
        Reference.search(self.puzzle.as_ref().unwrap(), 0..1 << 32).unwrap()
    }
}
