//! The adapter: a program as a [`Protocol`].

use byzlab_core::{
    Batch, BatchLimit, Block, BuildError, Claim, Committee, Digest, Effects, Input, Invalid, Note,
    Protocol, Record, Saved, Seat, Span, Time, View, block::Head,
};

use super::{
    Failure, Params,
    child::Child,
    frame::{
        BatchSeen, Begun, Commit, Effect, Event, Keep, KeptSeen, Many, Question, Said as Noted,
        Send, Sign, Stepped, WantBatch, Whom,
    },
    message::{
        ATTACHED_MAX, BODY_MAX, KINDS, SIGNED_MAX, Said, Signed, full, is_domain, join, proof, seen,
    },
    shelf::Shelf,
};

/// The most names of timers.
pub const TIMERS_MAX: usize = 64;
/// The longest name of a timer, in bytes.
pub const TIMER_NAME_MAX: usize = 64;

/// A program in a seat.
#[derive(Debug)]
pub(super) struct Process {
    seat: Seat,
    params: Params,
    /// `None` once it has failed: the replica is silent then.
    child: Option<Child>,
    head: Head,
    /// The names of timers; a timer is an index into it.
    timers: Vec<String>,
    batches: Shelf<Batch>,
    blocks: Shelf<Block>,
}

/// Why a program cannot go on.
type Broken = String;

impl Protocol for Process {
    type Message = Said;
    type Timer = u8;
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        let n = seat.committee.size();
        let (mut batches, blocks) = (Shelf::new(n), Shelf::new(n));
        let mut records = Vec::new();
        for record in saved.records {
            let (text, kept): (String, Vec<Batch>) = record.read()?;
            records.push(KeptSeen { text, batches: kept.iter().map(BatchSeen::of).collect() });
            for batch in kept {
                let (root, bytes) = (batch.root(), batch.byte_len());
                batches.put(seat.me, root, batch, bytes);
            }
        }
        let wrong = |what: String| BuildError(format!("{}: {what}", params.command()));
        let mut child = Child::start(&params.process, params.deadline.to_std()).map_err(wrong)?;
        let question = Question::begin(&seat, &params.params, saved.head, records);
        let begun: Begun = child.ask(&question).map_err(wrong)?;
        if let Some(error) = begun.error {
            return Err(wrong(error));
        }
        let (child, timers, head) = (Some(child), Vec::new(), saved.head);
        Ok(Self { seat, params, child, head, timers, batches, blocks })
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        if self.child.is_none() {
            return out.note(Note::Waits { why: "its program has failed" });
        }
        if let Err(what) = self.take(now, input, out) {
            self.child = None; // killed
            let failure = Failure { at: now, replica: Some(self.seat.me), what };
            self.params.failures.add(&self.params, failure);
            out.note(Note::Waits { why: "its program has failed" });
        }
    }

    /// Whether the block is final, only its program knows: see [`Bound`](super::Bound).
    fn audit(_: &Block, _: &Committee) -> Result<Vec<Claim>, Invalid> {
        Err(Invalid("only the program that made it final can tell whether it is"))
    }
}

impl Process {
    fn take(
        &mut self,
        now: Time,
        input: Input<Self>,
        out: &mut Effects<Self>,
    ) -> Result<(), Broken> {
        let timers = self.timers.clone();
        let event = match input {
            Input::Start => Event::Start {},
            Input::Message { from, message } => {
                let batches = message.batches.iter().map(BatchSeen::of).collect();
                let blocks = message.blocks.iter().map(seen).collect();
                let signed = message.signed.iter().map(Signed::seen).collect();
                let kind = KINDS[usize::from(message.kind)];
                let body = serde_json::from_str(&message.body);
                let body = body.map_err(|e| format!("a proven body is no JSON: {e}"))?;
                for batch in message.batches {
                    let (root, bytes) = (batch.root(), batch.byte_len());
                    self.batches.put(from, root, batch, bytes);
                }
                message.blocks.into_iter().for_each(|block| self.keep(from, block));
                Event::Message { from, kind, body, signed, batches, blocks }
            }
            Input::Timer(timer) => Event::Timer(&timers[usize::from(timer)]),
            Input::Waiting(waiting) => Event::Waiting(waiting),
            Input::Batch(batch) => {
                let seen = BatchSeen::of(&batch);
                self.batches.put(self.seat.me, batch.root(), batch.clone(), batch.byte_len());
                Event::Batch(seen)
            }
            Input::Blocks { tag, blocks } => {
                let event = Event::Blocks { tag, blocks: blocks.iter().map(seen).collect() };
                let me = self.seat.me;
                blocks.into_iter().for_each(|block| self.keep(me, block));
                event
            }
            Input::Sealed(_) => return Err("it never asked for a seal".into()),
        };
        let child = self.child.as_mut().ok_or("it has failed before")?;
        let answer: Stepped = child.ask(&Question::Step { now: now.0, event })?;
        answer.r#do.into_iter().try_for_each(|effect| self.perform(effect, out))
    }

    fn keep(&mut self, from: byzlab_core::ReplicaId, block: Block) {
        let bytes = block.batch.byte_len() + block.proof.0.len();
        self.blocks.put(from, block.digest, block, bytes);
    }

    fn perform(&mut self, effect: Effect, out: &mut Effects<Self>) -> Result<(), Broken> {
        match effect {
            Effect::Send(send) => return self.send(send, out),
            Effect::Arm { timer, at } => {
                let timer = self.timer(timer)?;
                out.arm(timer, Time(at));
            }
            Effect::Disarm(timer) => {
                let timer = self.timer(timer)?;
                out.disarm(timer);
            }
            Effect::Save(keep) => out.save(self.record(&keep)?),
            Effect::Compact(all) => {
                let records = all.iter().map(|keep| self.record(keep)).collect::<Result<_, _>>()?;
                out.compact(records);
            }
            Effect::WantBatch(want) => return self.want_batch(want, out),
            Effect::Read { from, count, tag } => out.read(from, count, tag),
            Effect::Lead(leader) => {
                if leader.is_some_and(|leader| !self.seat.committee.contains(leader)) {
                    return Err("it names a leader that there is not".into());
                }
                out.lead(leader);
            }
            Effect::Commit(commit) => return self.commit(commit, out),
            Effect::Note(note) => out.note(noted(note)),
        }
        Ok(())
    }

    fn record(&self, keep: &Keep) -> Result<Record, Broken> {
        let batches: Vec<_> =
            keep.batches.iter().map(|root| self.batch(root)).collect::<Result<_, _>>()?;
        Ok(Record::of(&(&keep.text, batches)))
    }

    fn batch(&self, root: &Digest) -> Result<Batch, Broken> {
        self.batches.get(root).ok_or_else(|| format!("no batch {root} is here"))
    }

    fn timer(&mut self, name: String) -> Result<u8, Broken> {
        if let Some(at) = self.timers.iter().position(|known| *known == name) {
            return Ok(at as u8);
        }
        if self.timers.len() == TIMERS_MAX || name.len() > TIMER_NAME_MAX {
            return Err(format!(
                "it names more than {TIMERS_MAX} timers, or one by more than {TIMER_NAME_MAX} bytes"
            ));
        }
        self.timers.push(name);
        Ok(self.timers.len() as u8 - 1)
    }

    fn want_batch(&self, want: WantBatch, out: &mut Effects<Self>) -> Result<(), Broken> {
        let WantBatch { transactions, bytes, patience, empty, branch } = want;
        let limit = BatchLimit { transactions, bytes, patience: Span(patience), empty };
        let branch = branch.iter().map(|root| self.batch(root)).collect::<Result<_, _>>()?;
        out.want_batch(limit, branch);
        Ok(())
    }

    fn send(&self, send: Send, out: &mut Effects<Self>) -> Result<(), Broken> {
        let Send { to, kind, body, signed, batches, blocks } = send;
        let at = KINDS.iter().position(|known| *known == kind);
        let at = at.ok_or_else(|| format!("no kind `{kind}`; there are {}", KINDS.join(", ")))?;
        if batches.len() > ATTACHED_MAX || blocks.len() > ATTACHED_MAX {
            return Err(format!("more than {ATTACHED_MAX} batches or blocks in one message"));
        }
        let block = |name| self.blocks.get(name).ok_or_else(|| format!("no block {name} is here"));
        let said = Said {
            kind: at as u8,
            body: body.to_string(),
            signed: self.signed(signed, out)?,
            batches: batches.iter().map(|root| self.batch(root)).collect::<Result<_, _>>()?,
            blocks: blocks.iter().map(block).collect::<Result<_, _>>()?,
        };
        match to {
            Whom::One(to) if self.seat.committee.contains(to) => out.send(to, said),
            Whom::One(to) => return Err(format!("there is no replica {}", to.0)),
            Whom::Many(Many::All) => out.broadcast(said),
            Whom::Many(Many::Neighbours) => out.gossip(said),
        }
        Ok(())
    }

    /// Signs what is to be signed, and joins the certificates of the rest.
    fn signed(&self, list: Vec<Sign>, out: &mut Effects<Self>) -> Result<Vec<Signed>, Broken> {
        if list.len() > SIGNED_MAX {
            return Err(format!("more than {SIGNED_MAX} statements at once"));
        }
        let mut signed = Vec::with_capacity(list.len());
        for Sign { domain, body, certificates } in list {
            if !is_domain(&domain) || body.len() > BODY_MAX {
                return Err(format!(
                    "`{domain}` is no domain (letters, digits, `-`, `_`, `/`), or its body is \
                     longer than {BODY_MAX} bytes"
                ));
            }
            let certificate = if certificates.is_empty() {
                let statement = self.seat.committee.statement(&full(&domain), body.as_str());
                byzlab_protocols::kit::Certificate::of(&[(self.seat.me, out.sign(&statement))])
            } else {
                join(&certificates).map_err(|e| e.to_string())?
            };
            signed.push(Signed { domain, body, certificate });
        }
        Ok(signed)
    }

    fn commit(&mut self, commit: Commit, out: &mut Effects<Self>) -> Result<(), Broken> {
        let block = match commit {
            Commit::Known { block } => {
                self.blocks.get(&block).ok_or_else(|| format!("no block {block} is here"))?
            }
            Commit::New { height, producer, batch, signed } => {
                let batch = self.batch(&batch)?;
                let proof = proof(&self.signed(signed, out)?);
                Block::chained(height, self.head.digest, producer, batch, proof)
            }
        };
        if block.height != self.head.height.next() || block.parent != self.head.digest {
            let (height, head) = (block.height, self.head.height);
            return Err(format!("it commits block {height}, which does not extend block {head}"));
        }
        self.head = block.head();
        out.commit(block);
        Ok(())
    }
}

fn noted(note: Noted) -> Note {
    match note {
        Noted::Entered { view, leader } => Note::Entered { view: View(view), leader },
        Noted::TimedOut { view } => Note::TimedOut { view: View(view) },
        Noted::Proposed { view, height, transactions } => {
            Note::Proposed { view: View(view), height, transactions }
        }
        Noted::CatchingUp { from } => Note::CatchingUp { from },
        Noted::Dropped { from, kind } => {
            let kind = KINDS.iter().find(|known| **known == kind).copied().unwrap_or("?");
            Note::Dropped { from, kind, why: "its program made nothing of it" }
        }
    }
}
