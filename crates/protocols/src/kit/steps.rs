//! A cluster in lockstep: what is sent in one step is there in the next, so a step is a δ.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use byzlab_core::{
    Action, Batch, BatchLimit, Block, Claim, Committee, Entry, Event, Message, Note, Packet,
    Reference, Replica, ReplicaId, Saved, Scheme, Seat, Signer, Span, Time, To, Transaction, View,
    crypto::SimulatedVerifier,
};

const SEED: u64 = 3;

fn signer(i: u16) -> Signer {
    Signer::seeded(Scheme::Simulated, SEED, &format!("replica/{i}"))
}

/// How long a step takes.
const STEP: Span = Span::ms(10);

/// Replicas that say `M` to each other, and what they said.
pub(crate) struct Steps<M> {
    /// Everything said, in order: in which step, by whom, what.
    pub(crate) messages: Vec<(u64, ReplicaId, M)>,
    entry: Entry,
    params: toml::Table,
    committee: Arc<Committee>,
    /// `None`: down.
    replicas: Vec<Option<Box<dyn Replica>>>,
    now: Time,
    flying: Vec<(ReplicaId, Event)>,
    /// Batches with a transaction that leaders still get; then blanks alone.
    pub(crate) load: u64,
    asked: Vec<Option<BatchLimit>>,
    /// Whose next message of which kind the network loses.
    pub(crate) lose: Option<(ReplicaId, &'static str)>,
    /// Whether it did: then nothing on the way is no rest.
    lost: bool,
    step: u64,
    said: BTreeMap<(ReplicaId, &'static str), Vec<ReplicaId>>,
    pub(crate) ledgers: Vec<Vec<Block>>,
    /// The highest view that anyone entered.
    pub(crate) view: View,
    /// What was said and committed: a line a step and sender.
    pub(crate) transcript: String,
}

impl<M: Message> Steps<M> {
    /// `n` replicas of an entry of the table; those in `down` never begin.
    pub(crate) fn new(entry: Entry, params: &str, n: u16, down: &[u16]) -> Self {
        let keys = (0..n).map(|i| signer(i).public()).collect();
        let params = toml::from_str(params).unwrap();
        let committee = Committee::new("test", keys, false);
        let committee = entry.equip(committee, &params, Scheme::Simulated, SEED).unwrap();
        let committee = Arc::new(committee);
        let size = usize::from(n);
        let mut steps = Self {
            messages: Vec::new(),
            entry,
            params,
            committee,
            replicas: (0..n).map(|_| None).collect(),
            now: Time::ZERO,
            flying: Vec::new(),
            load: 1,
            asked: vec![None; size],
            lose: None,
            lost: false,
            step: 0,
            said: BTreeMap::new(),
            ledgers: vec![Vec::new(); size],
            view: View(0),
            transcript: String::new(),
        };
        (0..n).filter(|i| !down.contains(i)).for_each(|i| steps.begin(i));
        steps
    }

    /// A replica begins, with nothing saved.
    pub(crate) fn begin(&mut self, i: u16) {
        let id = ReplicaId(i);
        let seat = Seat::new(id, self.committee.clone());
        let saved = Saved::nothing(&self.committee);
        let replica = self.entry.build(seat, signer(i), &self.params, saved).unwrap();
        self.replicas[id.index()] = Some(replica);
        self.flying.extend([Event::Start, Event::Waiting(true)].map(|event| (id, event)));
    }

    /// A replica goes down; what it said before is on its way.
    pub(crate) fn crash(&mut self, i: u16) {
        self.replicas[ReplicaId(i).index()] = None;
    }

    /// Whether an auditor finds every block of every ledger proven.
    pub(crate) fn audited(&self) -> bool {
        let verifier = SimulatedVerifier::new(SEED);
        let holds = |claim: &Claim| match claim {
            Claim::Signed { by, statement, signature } => verifier.verify(by, statement, signature),
            Claim::Aggregate(aggregate) => aggregate.holds(),
            Claim::Tossed(tossed) => tossed.holds(),
            Claim::Root(batch) => batch.computed_root(&Reference) == batch.root(),
            Claim::Work(_) => false,
        };
        let proven = |block: &Block| {
            let claims = self.entry.audit(block, &self.committee);
            claims.is_ok_and(|claims| claims.iter().all(holds))
        };
        self.ledgers.iter().flatten().all(proven)
    }

    /// Goes on for so many steps, or until nothing is on the way.
    pub(crate) fn run(&mut self, steps: u64) -> &str {
        for _ in 0..steps {
            for (to, event) in std::mem::take(&mut self.flying) {
                self.handle(to, event);
            }
            for id in self.committee.ids() {
                let due = self.replicas[id.index()].as_ref().and_then(|r| r.deadline());
                if due.is_some_and(|at| at <= self.now) {
                    self.handle(id, Event::Wake);
                }
            }
            self.write();
            if self.flying.is_empty() && self.load == 0 && !self.lost {
                break;
            }
            self.step += 1;
            self.now += STEP;
        }
        &self.transcript
    }

    fn write(&mut self) {
        let mut lines: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
        for ((from, what), to) in &self.said {
            let names: Vec<_> = to.iter().map(ToString::to_string).collect();
            let to = match names.len() {
                0 => String::new(),
                all if all + 1 == self.replicas.len() => " → all".into(),
                _ => format!(" → {}", names.join(" ")),
            };
            lines.entry((what, to)).or_default().push(from.to_string());
        }
        for ((what, to), from) in lines {
            writeln!(self.transcript, "{}δ {}{to}: {what}", self.step, from.join(" ")).unwrap();
        }
        self.said.clear();
    }

    fn handle(&mut self, to: ReplicaId, event: Event) {
        let mut actions = Vec::new();
        let Some(replica) = &mut self.replicas[to.index()] else { return };
        replica.handle(self.now, event, &mut actions);
        actions.into_iter().for_each(|action| self.perform(to, action));
    }

    fn perform(&mut self, me: ReplicaId, action: Action) {
        match action {
            Action::Send { to, packet } => self.send(me, to, &packet),
            Action::Verify { ticket, .. } => {
                self.handle(me, Event::Verdict { ticket, holds: true });
            }
            Action::WantBatch { limit, .. } => {
                self.asked[me.index()] = Some(limit);
                self.serve(me);
            }
            Action::Read { from, count, tag } => {
                let ledger = &self.ledgers[me.index()];
                let blocks = ledger.iter().skip(from.0 as usize - 1).take(count as usize);
                let blocks = blocks.cloned().collect();
                self.handle(me, Event::Blocks { tag, blocks });
            }
            Action::Commit(block) => {
                self.said.insert((me, "commits"), Vec::new());
                self.ledgers[me.index()].push(block);
                if self.load == 0 {
                    self.handle(me, Event::Waiting(false));
                }
            }
            Action::Note(Note::Entered { view, .. }) => self.view = self.view.max(view),
            _ => {}
        }
    }

    fn serve(&mut self, me: ReplicaId) {
        let Some(limit) = self.asked[me.index()].take() else { return };
        let batch = match (self.load, limit.empty) {
            (0, false) => return,
            (0, true) => Batch::empty(),
            _ => {
                self.load -= 1;
                let client = Signer::seeded(Scheme::Simulated, SEED, "client/0");
                let transaction = Transaction::new(&self.committee, &client, self.step, b"payload");
                Batch::new(&[transaction], &Reference)
            }
        };
        self.handle(me, Event::Batch(batch));
    }

    fn send(&mut self, me: ReplicaId, to: To, packet: &Packet) {
        let message: M = packet.message().unwrap();
        let others = self.committee.ids().filter(|&id| id != me);
        let to: Vec<_> = others.filter(|&id| to == To::All || to == To::One(id)).collect();
        self.said.entry((me, message.kind())).or_default().extend(&to);
        self.messages.push((self.step, me, message.clone()));
        if self.lose.take_if(|lose| *lose == (me, message.kind())).is_some() {
            return self.lost = true;
        }
        let event = Event::Packet(packet.clone());
        self.flying.extend(to.into_iter().map(|id| (id, event.clone())));
    }
}
