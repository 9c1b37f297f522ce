//! Three phases under a fixed leader, one block after another, without recovery of any kind:
//! proposal, prepare, commit. What is decided is decided three delays after it was proposed.

use std::collections::BTreeMap;

use byzlab_core::{
    Batch, BatchLimit, Block, BuildError, Claim, Committee, Digest, Effects, Entry, Height, Input,
    Invalid, Message, Note, Proof, Protocol, Record, ReplicaId, Saved, Seat, Signature, Span, Time,
    View, block::Head,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const TRIO: Entry = Entry::of::<Trio>("trio", "three phases under a fixed leader");

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// How many votes are a quorum; 0 for the committee's.
    quorum: usize,
    /// How many transactions a block may hold; 0 for empty blocks without end.
    transactions: u32,
    /// How long a block may wait to fill.
    patience: Span,
    /// Whether votes are signed.
    signed: bool,
    /// Takes back the block at this height.
    revert: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Say {
    Propose(Height, Batch),
    Prepare(Height, Digest, Option<Signature>),
    Commit(Height, Digest, Option<Signature>),
}

impl Message for Say {
    fn kind(&self) -> &'static str {
        match self {
            Self::Propose(..) => "propose",
            Self::Prepare(..) => "prepare",
            Self::Commit(..) => "commit",
        }
    }
    fn claims(&self, from: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let mut claims = Vec::new();
        match self {
            Self::Propose(_, batch) => batch.claims(committee, &mut claims)?,
            Self::Prepare(height, digest, Some(signature))
            | Self::Commit(height, digest, Some(signature)) => {
                let statement = committee.statement(self.kind(), &(height, digest));
                claims.extend(committee.signed(from, &statement, *signature));
            }
            Self::Prepare(..) | Self::Commit(..) => {}
        }
        Ok(claims)
    }
}

#[derive(Debug, Default)]
struct Slot {
    batch: Option<Batch>,
    prepares: BTreeMap<Digest, Vec<ReplicaId>>,
    commits: BTreeMap<Digest, Vec<ReplicaId>>,
    committing: bool,
}

#[derive(Debug)]
pub struct Trio {
    seat: Seat,
    params: Params,
    quorum: usize,
    head: Head,
    slots: BTreeMap<Height, Slot>,
}

const LEADER: ReplicaId = ReplicaId(0);

impl Trio {
    fn block(&self, batch: &Batch) -> Block {
        let (height, parent) = (self.head.height.next(), self.head.digest);
        Block::chained(height, parent, LEADER, batch.clone(), Proof::default())
    }
    fn ask(&mut self, out: &mut Effects<Self>) {
        if self.seat.me == LEADER {
            let Params { transactions, patience, .. } = self.params;
            let empty = transactions == 0;
            out.want_batch(BatchLimit { transactions, bytes: 1 << 20, patience, empty }, vec![]);
        }
    }
    fn sign(&self, kind: &str, at: (Height, Digest), out: &mut Effects<Self>) -> Option<Signature> {
        let statement = self.seat.committee.statement(kind, &at);
        self.params.signed.then(|| out.sign(&statement))
    }
    fn go_on(&mut self, out: &mut Effects<Self>) {
        let height = self.head.height.next();
        let Some(slot) = self.slots.get(&height) else { return };
        let Some(batch) = slot.batch.clone() else { return };
        let block = self.block(&batch);
        let votes =
            |votes: &BTreeMap<Digest, Vec<ReplicaId>>| votes.get(&block.digest).map_or(0, Vec::len);
        let (prepared, decided) = (votes(&slot.prepares), votes(&slot.commits));
        if prepared >= self.quorum && !slot.committing {
            let signature = self.sign("commit", (height, block.digest), out);
            out.broadcast(Say::Commit(height, block.digest, signature));
            self.slots.get_mut(&height).unwrap().committing = true;
        }
        if decided >= self.quorum {
            self.decide(block, out);
        }
    }
    fn decide(&mut self, block: Block, out: &mut Effects<Self>) {
        out.save(Record::of(&block.height));
        self.head = block.head();
        self.slots.remove(&block.height);
        let height = block.height;
        let parent = Head { height: Height(height.0 - 1), digest: block.parent };
        out.commit(block);
        if self.params.revert == height.0 && self.seat.me == LEADER {
            out.revert(parent.height);
            self.head = parent;
            return;
        }
        self.ask(out);
        self.vote(out);
        self.go_on(out);
    }
    fn vote(&mut self, out: &mut Effects<Self>) {
        let height = self.head.height.next();
        if let Some(batch) = self.slots.get(&height).and_then(|slot| slot.batch.clone()) {
            let digest = self.block(&batch).digest;
            let signature = self.sign("prepare", (height, digest), out);
            out.broadcast(Say::Prepare(height, digest, signature));
        }
    }
}

impl Protocol for Trio {
    type Message = Say;
    type Timer = ();
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        for (record, height) in saved.records.iter().zip(1..) {
            assert_eq!(record.read::<Height>()?, Height(height), "records come back in order");
        }
        assert_eq!(saved.records.len() as u64, saved.head.height.0);
        assert_eq!(
            saved.ledger.block(saved.head.height).map(|b| b.head().height.0).unwrap_or(0),
            saved.head.height.0
        );
        let quorum = match params.quorum {
            0 => seat.committee.quorum(),
            quorum => quorum,
        };
        Ok(Self { seat, params, quorum, head: saved.head, slots: BTreeMap::new() })
    }

    fn step(&mut self, _: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => {
                out.lead(Some(LEADER));
                self.ask(out);
            }
            Input::Batch(batch) => {
                let height = self.head.height.next();
                out.note(Note::Proposed {
                    view: View(0),
                    height,
                    transactions: batch.len() as u32,
                });
                out.broadcast(Say::Propose(height, batch));
            }
            Input::Message { from, message } => {
                let (height, digest) = match &message {
                    Say::Propose(height, _) => (*height, Digest::default()),
                    Say::Prepare(height, digest, _) | Say::Commit(height, digest, _) => {
                        (*height, *digest)
                    }
                };
                if height <= self.head.height {
                    return out.drop(from, message.kind(), "decided long ago");
                }
                let slot = self.slots.entry(height).or_default();
                match message {
                    Say::Propose(_, batch) => {
                        if from == LEADER && slot.batch.is_none() {
                            slot.batch = Some(batch);
                            if height == self.head.height.next() {
                                self.vote(out);
                            }
                        }
                    }
                    Say::Prepare(..) => slot.prepares.entry(digest).or_default().push(from),
                    Say::Commit(..) => slot.commits.entry(digest).or_default().push(from),
                }
                self.go_on(out);
            }
            Input::Timer(()) | Input::Waiting(_) | Input::Sealed(_) | Input::Blocks { .. } => {}
        }
    }

    fn audit(block: &Block, _: &Committee) -> Result<Vec<Claim>, Invalid> {
        if block.is_chained() { Ok(Vec::new()) } else { Err(Invalid("a digest of another block")) }
    }
}
