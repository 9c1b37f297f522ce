//! *Unanimous*: replica 0 proposes a block, everyone signs it, and it is final when everyone has.
//!
//! **Safety.** A replica signs one block a height: it saves what it signs before the signature leaves,
//! and after a restart stands by it. Two blocks of one height would need two signatures of everyone.
//! **Liveness.** Only while nobody stays away; whoever comes back goes on, for all repeat what they
//! said until it is final, and a vote for what is final already is answered with the block.
//!
//! The page to read beside this one is that of [`Protocol`].

use byzlab::{
    core::{
        Batch, BatchLimit, Block, BuildError, Claim, Committee, Digest, Effects, Entry, Height,
        Input, Invalid, Message, Note, Proof, Protocol, Record, ReplicaId, Saved, Seat, Signature,
        Span, Statement, Time, View,
        block::Head,
        codec,
        theory::{Delays, Formula, Resilience, Responsive, Theory, Timing},
    },
    kit::{Certificate, Tally},
    schemars::JsonSchema,
    serde::{Deserialize, Serialize},
};

/// The protocol, as a registry knows it.
pub const ENTRY: Entry =
    Entry::of::<Unanimous>("unanimous", "final when everyone signed").promising(&[THEORY]);

/// What it promises; `byzlab conform unanimous` and the tests measure it.
const THEORY: Theory = Theory {
    source: "its own documentation",
    ideal: "patience = \"0s\"",
    bounds: &["retry"],
    timing: Timing::rounds(Delays::delta(2), Delays::delta(2)),
    period: Some(Delays::delta(2)),
    messages: Formula { text: "(n − 1) + n(n − 1)", of: |n| (n - 1) + n * (n - 1) },
    resilience: Resilience::TRUSTED,
    responsive: Responsive::GoodCase,
    ..Theory::BLANK
};

/// What an experiment file may set under `[protocol]`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(crate = "byzlab::serde", default, deny_unknown_fields)]
#[schemars(crate = "byzlab::schemars")]
pub struct Params {
    /// How long the leader waits for a block to fill.
    pub patience: Span,
    /// How long a replica waits for the others before it says again what it said.
    pub retry: Span,
}

impl Default for Params {
    fn default() -> Self {
        Self { patience: Span::ms(5), retry: Span::ms(300) }
    }
}

/// What replicas say.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(crate = "byzlab::serde")]
pub enum Say {
    /// The leader's batch for a height.
    Propose(Height, Batch),
    /// A signature over a block of this height and digest.
    Vote(Height, Digest, Signature),
    /// A final block, for one who votes for it still.
    Final(Block),
}

/// What a vote signs.
fn statement(committee: &Committee, block: Digest) -> Statement {
    committee.statement("unanimous/vote", &block)
}

impl Message for Say {
    fn kind(&self) -> &'static str {
        match self {
            Self::Propose(..) => "propose",
            Self::Vote(..) => "vote",
            Self::Final(_) => "final",
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
            Self::Final(block) => claims = Unanimous::audit(block, committee)?,
        }
        Ok(claims)
    }
}

const LEADER: ReplicaId = ReplicaId(0);

/// The one timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The block voted for is not final yet.
    Retry,
}

/// One replica.
#[derive(Debug)]
pub struct Unanimous {
    seat: Seat,
    params: Params,
    head: Head,
    /// The block above the head that this replica voted for, and its vote.
    pending: Option<(Block, Signature)>,
    votes: Tally<Digest>,
    /// What came for the height after the next: others may be one block ahead, and no more, for no
    /// block is final without this replica's vote.
    early: (Option<Batch>, Tally<Digest>),
}

impl Protocol for Unanimous {
    type Message = Say;
    type Timer = Timer;
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        if params.retry.is_zero() {
            return Err(BuildError("`retry` must be longer than nothing".into()));
        }
        // The vote saved last binds: after a restart no other block gets this replica's signature.
        let last = saved.records.last().map(Record::read::<(Block, Signature)>).transpose()?;
        let pending = last.filter(|(block, _)| block.height > saved.head.height);
        let n = seat.committee.size();
        let mut votes = Tally::new(n, n);
        if let Some((block, _)) = &pending {
            votes.settle(block.digest);
        }
        let early = (None, Tally::new(n, n));
        Ok(Self { seat, params, head: saved.head, pending, votes, early })
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(now, out),
            Input::Batch(batch) => self.on_batch(now, batch, out),
            Input::Message { from, message: Say::Propose(height, batch) } => {
                self.on_propose(now, from, height, batch, out);
            }
            Input::Message { from, message: Say::Vote(height, block, signature) } => {
                self.on_vote(now, from, (height, block, signature), out);
            }
            Input::Message { from, message: Say::Final(block) } => {
                self.on_final(now, from, block, out);
            }
            Input::Blocks { tag, blocks } => {
                let to = ReplicaId(tag as u16); // on_vote's tag
                blocks.into_iter().for_each(|block| out.send(to, Say::Final(block)));
            }
            Input::Timer(Timer::Retry) => self.repeat(now, out),
            Input::Waiting(_) | Input::Sealed(_) => {}
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
    fn on_start(&mut self, now: Time, out: &mut Effects<Self>) {
        out.lead(Some(LEADER));
        match self.pending {
            Some(_) => self.repeat(now, out),
            None => self.want(out),
        }
    }

    fn want(&self, out: &mut Effects<Self>) {
        let patience = self.params.patience;
        let limit = BatchLimit { transactions: 1000, bytes: 1 << 20, patience, empty: false };
        if self.seat.me == LEADER {
            out.want_batch(limit, Vec::new());
        }
    }

    fn on_batch(&mut self, now: Time, batch: Batch, out: &mut Effects<Self>) {
        let (height, transactions) = (self.head.height.next(), batch.len() as u32);
        out.note(Note::Proposed { view: View(0), height, transactions });
        // The vote first: it is saved before others can know of the block.
        self.vote(now, batch.clone(), out);
        out.broadcast(Say::Propose(height, batch));
    }

    fn on_propose(
        &mut self,
        now: Time,
        from: ReplicaId,
        height: Height,
        batch: Batch,
        out: &mut Effects<Self>,
    ) {
        let next = self.head.height.next();
        if from == self.seat.me {
            return; // it has voted
        }
        if from == LEADER && height == next.next() {
            self.early.0 = Some(batch);
            return;
        }
        if from != LEADER || height != next || self.pending.is_some() {
            return out.drop(from, "propose", "not the leader's next block, or voted already");
        }
        self.vote(now, batch, out);
    }

    /// Votes for the block of `batch` above the head: the only one of its height that ever gets this
    /// replica's vote.
    fn vote(&mut self, now: Time, batch: Batch, out: &mut Effects<Self>) {
        assert!(self.pending.is_none(), "one vote a height");
        let next = self.head.height.next();
        let block = Block::chained(next, self.head.digest, LEADER, batch, Proof::default());
        let signature = out.sign(&statement(&self.seat.committee, block.digest));
        let full = self.votes.settle(block.digest);
        let (digest, pending) = (block.digest, (block, signature));
        out.compact(vec![Record::of(&pending)]); // durable before the vote leaves
        self.pending = Some(pending);
        out.broadcast(Say::Vote(next, digest, signature));
        out.arm(Timer::Retry, now + self.params.retry);
        full.into_iter().for_each(|votes| self.finish(now, &votes, out));
    }

    fn on_vote(
        &mut self,
        now: Time,
        from: ReplicaId,
        (height, block, signature): (Height, Digest, Signature),
        out: &mut Effects<Self>,
    ) {
        let next = self.head.height.next();
        if height == next {
            let full = self.votes.add(from, block, signature);
            full.into_iter().for_each(|votes| self.finish(now, &votes, out));
        } else if height == next.next() {
            self.early.1.add(from, block, signature); // not settled, so it cannot be full
        } else if height < next && from != self.seat.me {
            out.read(height, 1, u64::from(from.0)); // it missed that this is final
        } else {
            out.drop(from, "vote", "for a height far ahead");
        }
    }

    /// Everyone voted for the pending block.
    fn finish(&mut self, now: Time, votes: &Certificate, out: &mut Effects<Self>) {
        let Some((mut block, _)) = self.pending.take() else { return };
        block.proof = Proof(codec::encode(votes));
        self.commit(now, block, out);
    }

    fn on_final(&mut self, now: Time, from: ReplicaId, block: Block, out: &mut Effects<Self>) {
        if block.height != self.head.height.next() || block.parent != self.head.digest {
            return out.drop(from, "final", "not the next block");
        }
        self.commit(now, block, out);
    }

    fn commit(&mut self, now: Time, block: Block, out: &mut Effects<Self>) {
        self.head = block.head();
        self.pending = None;
        out.commit(block);
        out.disarm(Timer::Retry);
        let n = self.seat.committee.size();
        let (batch, votes) = std::mem::replace(&mut self.early, (None, Tally::new(n, n)));
        self.votes = votes;
        match batch {
            Some(batch) => self.vote(now, batch, out),
            None => self.want(out),
        }
    }

    /// Says again what it said: someone may not have heard.
    fn repeat(&mut self, now: Time, out: &mut Effects<Self>) {
        let Some((block, signature)) = &self.pending else {
            return out.note(Note::Waits { why: "nothing to vote for" });
        };
        if self.seat.me == LEADER {
            out.broadcast(Say::Propose(block.height, block.batch.clone()));
        }
        out.broadcast(Say::Vote(block.height, block.digest, *signature));
        out.arm(Timer::Retry, now + self.params.retry);
    }
}
