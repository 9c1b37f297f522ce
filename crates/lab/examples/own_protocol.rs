//! A protocol of one's own, and the whole laboratory around it:
//!
//! ```text
//! cargo run --release --example own_protocol -- protocols unanimous
//! cargo run --release --example own_protocol -- run crates/lab/examples/own_protocol.toml
//! ```
//!
//! *Unanimous*: replica 0 proposes a block, everyone signs it, and it is final when everyone has. Safe
//! whatever happens, for a replica signs one block a height and two blocks would need two signatures of
//! everyone; live only while nobody fails. The page to read beside this one is
//! `crates/core/src/protocol.rs`.

use std::process::ExitCode;

use byzlab::{
    core::{
        Batch, BatchLimit, Block, BuildError, Claim, Committee, Digest, Effects, Entry, Height,
        Input, Invalid, Message, Note, Proof, Protocol, Record, ReplicaId, Saved, Seat, Signature,
        Span, Time, View, block::Head, codec,
    },
    protocols::kit::{Certificate, Tally},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    let entry = Entry::of::<Unanimous>("unanimous", "final when everyone signed; an example");
    byzlab::main(byzlab::builtin().with(entry))
}

/// What an experiment file may set under `[protocol]`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// How long the leader waits for a block to fill.
    patience: Span,
}

impl Default for Params {
    fn default() -> Self {
        Self { patience: Span::ms(5) }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Say {
    Propose(Height, Batch),
    Vote(Height, Digest, Signature),
}

/// What a vote signs.
fn statement(committee: &Committee, block: Digest) -> byzlab::core::Statement {
    committee.statement("unanimous/vote", &block)
}

impl Message for Say {
    fn kind(&self) -> &'static str {
        match self {
            Self::Propose(..) => "propose",
            Self::Vote(..) => "vote",
        }
    }
    /// What must hold before `step` sees it: the host proves it, in batches, on whatever is fastest.
    fn claims(&self, from: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let mut claims = Vec::new();
        match self {
            Self::Propose(_, batch) => batch.claims(committee, &mut claims)?,
            Self::Vote(_, block, signature) => {
                claims.extend(committee.signed(from, &statement(committee, *block), *signature));
            }
        }
        Ok(claims)
    }
}

const LEADER: ReplicaId = ReplicaId(0);

#[derive(Debug)]
struct Unanimous {
    seat: Seat,
    params: Params,
    head: Head,
    /// The block voted for, above the head.
    pending: Option<Block>,
    votes: Tally<Digest>,
    /// What came for the height after the next: others may be one block ahead, and no more, for no
    /// block is final without this replica's vote.
    early: (Option<Batch>, Tally<Digest>),
}

impl Protocol for Unanimous {
    type Message = Say;
    type Timer = ();
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        // The vote saved last binds: after a restart no other block gets this replica's signature.
        let last = saved.records.last().map(Record::read::<Block>).transpose()?;
        let pending = last.filter(|block| block.height > saved.head.height);
        let n = seat.committee.size();
        let mut votes = Tally::new(n, n);
        if let Some(block) = &pending {
            votes.settle(block.digest);
        }
        let early = (None, Tally::new(n, n));
        Ok(Self { seat, params, head: saved.head, pending, votes, early })
    }

    fn step(&mut self, _: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => {
                out.lead(Some(LEADER));
                self.want(out);
            }
            Input::Batch(batch) => {
                let (height, transactions) = (self.head.height.next(), batch.len() as u32);
                out.note(Note::Proposed { view: View(0), height, transactions });
                out.broadcast(Say::Propose(height, batch));
            }
            Input::Message { from, message: Say::Propose(height, batch) } => {
                self.on_propose(from, height, batch, out);
            }
            Input::Message { from, message: Say::Vote(height, block, signature) } => {
                self.on_vote(from, height, block, signature, out);
            }
            Input::Timer(()) | Input::Waiting(_) | Input::Sealed(_) | Input::Blocks { .. } => {}
        }
    }

    /// Everyone's signature over the block's digest.
    fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        if !block.is_chained() {
            return Err(Invalid("the digest is not the block's"));
        }
        let votes: Certificate =
            codec::decode(&block.proof.0).map_err(|_| Invalid("the proof is no certificate"))?;
        if votes.len() != committee.size() {
            return Err(Invalid("not everyone signed"));
        }
        let mut claims = Vec::new();
        votes.claims(&statement(committee, block.digest), committee, &mut claims)?;
        block.batch.claims(committee, &mut claims)?;
        Ok(claims)
    }
}

impl Unanimous {
    fn want(&self, out: &mut Effects<Self>) {
        let limit = BatchLimit {
            transactions: 1000,
            bytes: 1 << 20,
            patience: self.params.patience,
            empty: false,
        };
        if self.seat.me == LEADER {
            out.want_batch(limit, Vec::new());
        }
    }

    fn on_propose(
        &mut self,
        from: ReplicaId,
        height: Height,
        batch: Batch,
        out: &mut Effects<Self>,
    ) {
        let next = self.head.height.next();
        if from == LEADER && height == next.next() {
            self.early.0 = Some(batch);
            return;
        }
        if from != LEADER || height != next || self.pending.is_some() {
            return out.drop(from, "propose", "not the leader's next block, or voted already");
        }
        let block = Block::chained(height, self.head.digest, from, batch, Proof::default());
        let signature = out.sign(&statement(&self.seat.committee, block.digest));
        out.save(Record::of(&block)); // durable before the vote leaves
        out.broadcast(Say::Vote(height, block.digest, signature));
        let full = self.votes.settle(block.digest);
        self.pending = Some(block);
        full.into_iter().for_each(|votes| self.commit(&votes, out));
    }

    fn on_vote(
        &mut self,
        from: ReplicaId,
        height: Height,
        block: Digest,
        signature: Signature,
        out: &mut Effects<Self>,
    ) {
        let next = self.head.height.next();
        if height == next {
            let full = self.votes.add(from, block, signature);
            full.into_iter().for_each(|votes| self.commit(&votes, out));
        } else if height == next.next() {
            self.early.1.add(from, block, signature); // not settled, so it cannot be full
        } else {
            out.drop(from, "vote", "for a height that is final, or far ahead");
        }
    }

    fn commit(&mut self, votes: &Certificate, out: &mut Effects<Self>) {
        let Some(mut block) = self.pending.take() else { return };
        block.proof = Proof(codec::encode(votes));
        self.head = block.head();
        out.commit(block);
        let n = self.seat.committee.size();
        let (batch, votes) = std::mem::replace(&mut self.early, (None, Tally::new(n, n)));
        self.votes = votes;
        match batch {
            Some(batch) => self.on_propose(LEADER, self.head.height.next(), batch, out),
            None => self.want(out),
        }
    }
}
