//! The one adapter between a [`Protocol`] and the hosts.
//!
//! It decodes bytes within bounds, keeps messages until their claims are proven, owns the timers, brings
//! a replica's messages to itself round without recursion, and asserts that commits have no gaps.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use crate::{
    block::Head,
    committee::Seat,
    crypto::Signer,
    id::{Height, ReplicaId},
    note::Note,
    packet::Packet,
    protocol::{BuildError, Effect, Effects, Input, Message, Protocol, Saved},
    replica::{Action, Event, Replica, Ticket, To},
    time::{Span, Time},
};

/// The most messages of one peer that wait for their claims to be proven; more are dropped with a note.
pub const UNPROVEN_PER_PEER_MAX: u16 = 1024;

/// A [`Protocol`] as a [`Replica`].
pub struct Machine<P: Protocol> {
    seat: Seat,
    protocol: P,
    out: Effects<P>,
    timers: BTreeMap<P::Timer, Time>,
    /// The earliest of `timers`: asked for after every event, and changed by few.
    deadline: Option<Time>,
    /// Packets whose claims are being proven, from ticket `first_ticket` on; `None` once judged.
    unproven: VecDeque<Option<Packet>>,
    first_ticket: u64,
    /// How many of them are whose, in order of id. Mostly short: who has none is not in it.
    unproven_by: Vec<(ReplicaId, u16)>,
    inputs: VecDeque<Input<P>>,
    /// Digests of heads that a revert may go back to: the ledger's, from its start in this process.
    heads: VecDeque<Head>,
}

impl<P: Protocol> Machine<P> {
    /// Seats a `P`. Its messages are signed by `signer`, whose key must be the seat's.
    pub fn new(
        seat: Seat,
        signer: Signer,
        params: P::Params,
        saved: Saved<'_>,
    ) -> Result<Self, BuildError> {
        if seat.committee.key(seat.me) != Some(signer.public()) {
            return Err(BuildError(format!("the key of {} is not the committee's", seat.me)));
        }
        let head = saved.head;
        let first = head.height.0.saturating_sub(HEADS_MAX as u64 - 1).max(1);
        let mut heads: VecDeque<_> = (first..head.height.0)
            .filter_map(|h| saved.ledger.block(Height(h)).map(|b| b.head()))
            .collect();
        heads.push_back(head);
        let part = match &seat.committee.coin {
            Some(coin) if P::tosses(&params) => Some(coin.open(seat.me, &signer)?),
            None if P::tosses(&params) => {
                return Err(BuildError("this committee has no common coin".into()));
            }
            _ => None,
        };
        let protocol = P::new(seat.clone(), params, saved)?;
        Ok(Self {
            seat,
            protocol,
            out: Effects::new(signer).tossing(part),
            timers: BTreeMap::new(),
            deadline: None,
            unproven: VecDeque::new(),
            first_ticket: 0,
            unproven_by: Vec::new(),
            inputs: VecDeque::new(),
            heads,
        })
    }

    fn admit(&mut self, now: Time, packet: Packet, actions: &mut Vec<Action>) {
        let from = packet.from();
        let mut refuse = |kind, why| actions.push(Action::Note(Note::Dropped { from, kind, why }));
        if !self.seat.committee.contains(from) {
            return refuse("?", "from nobody in the committee");
        }
        let packet = packet.read_as::<P::Message>();
        let Ok(message) = packet.message::<P::Message>() else {
            return refuse("?", "not a canonical message of this protocol");
        };
        let kind = message.kind();
        match packet.claims(&message, &self.seat.committee) {
            Err(invalid) => return refuse(kind, invalid.0),
            Ok([]) => return self.step(now, Input::Message { from, message }, actions),
            Ok(_) => {}
        }
        match self.unproven_by.binary_search_by_key(&from, |&(peer, _)| peer) {
            Ok(at) if self.unproven_by[at].1 >= UNPROVEN_PER_PEER_MAX => {
                return refuse(kind, "too many unproven messages of this peer");
            }
            Ok(at) => self.unproven_by[at].1 += 1,
            Err(at) => self.unproven_by.insert(at, (from, 1)),
        }
        let ticket = Ticket(self.first_ticket + self.unproven.len() as u64);
        self.unproven.push_back(Some(packet.clone()));
        actions.push(Action::Verify { ticket, packet });
    }

    fn judged(&mut self, now: Time, ticket: Ticket, holds: bool, actions: &mut Vec<Action>) {
        let slot = ticket.0.checked_sub(self.first_ticket).map(|i| i as usize);
        let packet = slot.and_then(|i| self.unproven.get_mut(i)).and_then(Option::take);
        let packet = packet.expect("hosts judge each ticket once");
        while let Some(None) = self.unproven.front() {
            self.unproven.pop_front();
            self.first_ticket += 1;
        }
        let from = packet.from();
        if let Ok(at) = self.unproven_by.binary_search_by_key(&from, |&(peer, _)| peer) {
            self.unproven_by[at].1 -= 1;
            if self.unproven_by[at].1 == 0 {
                self.unproven_by.remove(at);
            }
        }
        let message = packet.message::<P::Message>().expect("it decoded when it was admitted");
        if holds {
            self.step(now, Input::Message { from, message }, actions);
        } else {
            let (kind, why) = (message.kind(), "a claim does not hold");
            actions.push(Action::Note(Note::Dropped { from, kind, why }));
        }
    }

    fn expired(&mut self, now: Time) -> Option<P::Timer> {
        let due = self.timers.iter().filter(|&(_, &at)| at <= now);
        let (&timer, _) = due.min_by_key(|&(&timer, &at)| (at, timer))?;
        self.timers.remove(&timer);
        self.timers_changed();
        Some(timer)
    }

    fn timers_changed(&mut self) {
        self.deadline = self.timers.values().min().copied();
    }

    /// Steps the protocol, then whatever it said to itself, until it falls silent.
    fn step(&mut self, now: Time, input: Input<P>, actions: &mut Vec<Action>) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            self.protocol.step(now, input, &mut self.out);
            if self.out.signed > 0 {
                actions.push(Action::Signed(std::mem::take(&mut self.out.signed)));
            }
            if self.out.tossed > 0 {
                actions.push(Action::Tossed(std::mem::take(&mut self.out.tossed)));
            }
            let mut list = std::mem::take(&mut self.out.list);
            for effect in list.drain(..) {
                self.record(now, effect, actions);
            }
            self.out.list = list; // keeps its allocation
        }
    }

    fn record(&mut self, now: Time, effect: Effect<P>, actions: &mut Vec<Action>) {
        let me = self.seat.me;
        match effect {
            Effect::Send { to, message } => {
                let alone = self.seat.committee.size() == 1;
                if to != To::One(me) && !alone {
                    let packet = Packet::outgoing(me, &message);
                    actions.push(Action::Send { to, packet });
                }
                if to == To::All || to == To::One(me) {
                    self.inputs.push_back(Input::Message { from: me, message });
                }
            }
            Effect::Arm { timer, at } => {
                // Strictly later, so that a timeout of zero cannot stop time.
                self.timers.insert(timer, at.max(now + Span::ns(1)));
                self.timers_changed();
            }
            Effect::Disarm(timer) => {
                if self.timers.remove(&timer).is_some() {
                    self.timers_changed();
                }
            }
            Effect::Save(record) => actions.push(Action::Save(record)),
            Effect::Compact(records) => actions.push(Action::Compact(records)),
            Effect::WantBatch { limit, branch } => {
                actions.push(Action::WantBatch { limit, branch });
            }
            Effect::Mine(puzzle) => actions.push(Action::Mine(puzzle)),
            Effect::Read { from, count, tag } => actions.push(Action::Read { from, count, tag }),
            Effect::Lead(leader) => actions.push(Action::Lead(leader)),
            Effect::Commit(block) => {
                let head = self.heads.back().expect("there is always a head");
                assert_eq!(block.height, head.height.next(), "commits are gapless and in order");
                assert_eq!(block.parent, head.digest, "a commit extends the head");
                self.heads.push_back(block.head());
                if self.heads.len() > HEADS_MAX {
                    self.heads.pop_front();
                }
                actions.push(Action::Commit(block));
            }
            Effect::Revert(to) => {
                while self.heads.back().is_some_and(|head| head.height > to) {
                    self.heads.pop_back();
                }
                let back = self.heads.back().map(|head| head.height);
                assert_eq!(back, Some(to), "a revert goes back at most {HEADS_MAX} blocks");
                actions.push(Action::Revert(to));
            }
            Effect::Note(note) => actions.push(Action::Note(note)),
        }
    }
}

/// How many heads are kept to revert to.
const HEADS_MAX: usize = 4096;

impl<P: Protocol> Replica for Machine<P> {
    fn handle(&mut self, now: Time, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Start => self.step(now, Input::Start, actions),
            Event::Packet(packet) => self.admit(now, packet, actions),
            Event::Verdict { ticket, holds } => self.judged(now, ticket, holds, actions),
            Event::Wake => {
                while let Some(timer) = self.expired(now) {
                    self.step(now, Input::Timer(timer), actions);
                }
            }
            Event::Waiting(waiting) => self.step(now, Input::Waiting(waiting), actions),
            Event::Batch(batch) => self.step(now, Input::Batch(batch), actions),
            Event::Sealed(seal) => self.step(now, Input::Sealed(seal), actions),
            Event::Blocks { tag, blocks } => {
                self.step(now, Input::Blocks { tag, blocks }, actions);
            }
        }
    }
    fn deadline(&self) -> Option<Time> {
        self.deadline
    }
}

impl<P: Protocol> fmt::Debug for Machine<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Machine({} of {})", self.seat.me, self.seat.committee.size())
    }
}
