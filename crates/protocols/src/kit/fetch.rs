//! Missing parents: how a replica gets the proposed blocks that others extend and it never saw.
//!
//! A proposed block is named by its digest, so whoever has it may answer, and an answer that does not hash
//! to what was asked for changes nothing. Those who signed a certificate for it have it. A peer that has
//! committed it by now answers through state transfer instead: the protocol tells how high its ledger is.
//!
//! The protocol calls [`Fetch::ask`] whenever [`Chain::path`](super::Chain::path) ends in a gap, at every
//! message that comes if need be, and when its timer fell due; it serves others with [`Wanted::answer`].
//! However often and in whatever turn it calls, one draft is asked for once within its patience, and at
//! most [`ASKED_MAX`] at a time.

use byzlab_core::{
    Claim, Committee, Effects, Height, Invalid, Protocol, ReplicaId, Span, Time, block::Head,
};
use serde::{Deserialize, Serialize};

use super::{
    Chain, Draft,
    sync::{ANSWER_BLOCKS_MAX, ANSWER_BYTES_MAX},
};

/// What replicas say to each other about missing drafts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Wanted {
    /// Asks for this draft, and for those below it down to above this height, where the asker's ledger
    /// ends.
    Ask(Head, Height),
    /// The answer: drafts, each the parent of the one before.
    Drafts(Vec<Draft>),
}

impl Wanted {
    /// A short name for traces and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ask(..) => "ask-drafts",
            Self::Drafts(_) => "drafts",
        }
    }
    /// What must hold before it may be seen: each draft's claims.
    ///
    /// # Errors
    /// If there are none or too many drafts, or they are no chain.
    pub fn claims(&self, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let Self::Drafts(drafts) = self else { return Ok(Vec::new()) };
        if drafts.is_empty() || drafts.len() > ANSWER_BLOCKS_MAX as usize {
            return Err(Invalid("no drafts, or more than an answer may have"));
        }
        let linked = |pair: &[Draft]| {
            pair[0].parent == pair[1].head().digest
                && pair[0].height.0.checked_sub(1) == Some(pair[1].height.0)
        };
        if !drafts.windows(2).all(linked) {
            return Err(Invalid("drafts that are no chain"));
        }
        let mut claims = Vec::new();
        for draft in drafts {
            draft.claims(committee, &mut claims)?;
        }
        Ok(claims)
    }
    /// The answer from what is in `chain`: `head`, and its parents above `height`, as many as an answer may
    /// hold. `None` if `head` is not there.
    pub fn answer(chain: &Chain, head: Head, height: Height) -> Option<Self> {
        let (mut drafts, mut bytes) = (Vec::<Draft>::new(), 0);
        let mut at = head.digest;
        while let Some(draft) = chain.get(&at) {
            bytes += draft.batch.byte_len() + DRAFT_OVERHEAD;
            let full = drafts.len() == ANSWER_BLOCKS_MAX as usize || bytes > ANSWER_BYTES_MAX;
            if draft.height <= height || (full && !drafts.is_empty()) {
                break;
            }
            at = draft.parent;
            drafts.push(draft.clone());
        }
        (!drafts.is_empty()).then_some(Self::Drafts(drafts))
    }
}

/// What a draft takes in an answer beside its transactions, at most.
const DRAFT_OVERHEAD: usize = 128;

/// How many drafts are asked for at once. A protocol mostly lacks one, or two: what is final, and what it
/// would build on.
pub const ASKED_MAX: usize = 4;

/// One replica's asking.
#[derive(Clone, Debug)]
pub struct Fetch {
    me: ReplicaId,
    patience: Span,
    /// What is asked for and has not come, and until when the asked peer has time: the soonest first.
    asked: Vec<(Head, Time)>,
    /// How often it asked: each time someone else, where there is a choice.
    turns: usize,
}

impl Fetch {
    /// Nothing asked for. An asked peer has `patience` to answer before another is asked.
    pub fn new(me: ReplicaId, patience: Span) -> Self {
        Self { me, patience, asked: Vec::new(), turns: me.index() }
    }
    /// Asks one of `holders` for `missing`, and for what is below it down to the own ledger's `height`;
    /// nothing, if that is being asked for already, or [`ASKED_MAX`] others are. `timer` must come back
    /// through [`on_timer`](Self::on_timer), and this be called again.
    pub fn ask<P: Protocol>(
        &mut self,
        now: Time,
        missing: Head,
        height: Height,
        holders: impl Iterator<Item = ReplicaId>,
        timer: P::Timer,
        out: &mut Effects<P>,
    ) where
        P::Message: From<Wanted>,
    {
        let known = self.asked.iter().any(|&(asked, _)| asked == missing);
        if known || self.asked.len() >= ASKED_MAX {
            return;
        }
        let holders: Vec<ReplicaId> = holders.filter(|&peer| peer != self.me).collect();
        if holders.is_empty() {
            return;
        }
        self.asked.push((missing, now + self.patience));
        self.turns = self.turns.wrapping_add(1);
        out.send(holders[self.turns % holders.len()], Wanted::Ask(missing, height).into());
        self.watch(timer, out);
    }
    /// Someone who was asked did not answer in time: another may be.
    pub fn on_timer<P: Protocol>(&mut self, now: Time, timer: P::Timer, out: &mut Effects<P>) {
        self.asked.retain(|&(_, due)| due > now);
        self.watch(timer, out);
    }
    /// An answer came: whether it is to what was asked for.
    pub fn on_drafts<P: Protocol>(
        &mut self,
        drafts: &[Draft],
        timer: P::Timer,
        out: &mut Effects<P>,
    ) -> bool {
        let Some(top) = drafts.first().map(Draft::head) else { return false };
        let Some(at) = self.asked.iter().position(|&(asked, _)| asked == top) else { return false };
        self.asked.remove(at);
        self.watch(timer, out);
        true
    }
    /// The timer is that of whoever has the least time left.
    fn watch<P: Protocol>(&self, timer: P::Timer, out: &mut Effects<P>) {
        match self.asked.first() {
            Some(&(_, due)) => out.arm(timer, due),
            None => out.disarm(timer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use byzlab_core::{
        Action, Batch, Block, BuildError, Digest, Event, Input, Machine, Packet, PublicKey,
        Replica as _, Saved, Scheme, Seat, Signer,
    };

    use super::*;

    #[test]
    fn an_answer_goes_down_to_the_askers_ledger_and_is_a_chain() {
        let root = Head { height: Height(2), digest: Digest([2; 32]) };
        let (mut chain, mut heads, mut below) = (Chain::new(root), vec![root], root);
        for _ in 0..3 {
            let draft = Draft::on(below, ReplicaId(1), Batch::empty());
            below = draft.head();
            heads.push(below);
            chain.insert(draft, root);
        }
        let answer = |head: Head, height| match Wanted::answer(&chain, head, Height(height)) {
            Some(Wanted::Drafts(drafts)) => drafts.iter().map(|draft| draft.height.0).collect(),
            _ => Vec::new(),
        };
        assert_eq!(answer(heads[3], 2), [5, 4, 3]);
        assert_eq!(answer(heads[2], 3), [4]);
        assert_eq!(answer(root, 0), [0u64; 0], "it is in the ledger");

        let committee = Committee::new("test", vec![PublicKey::default(); 4], false);
        let Some(Wanted::Drafts(drafts)) = Wanted::answer(&chain, heads[3], Height(2)) else {
            panic!("as above");
        };
        let fine = |drafts: Vec<Draft>| Wanted::Drafts(drafts).claims(&committee).is_ok();
        assert!(fine(drafts.clone()) && !fine(Vec::new()));
        assert!(!fine(drafts.iter().rev().cloned().collect()), "no chain");
        assert!(!fine(vec![drafts[0].clone(), drafts[2].clone()]), "with a gap");
        assert!(!fine(vec![Draft { producer: ReplicaId(4), ..drafts[0].clone() }]));
    }

    /// Lacks drafts, and asks for all of them at every input.
    struct Lacking {
        fetch: Fetch,
        heads: Vec<Head>,
    }

    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Said(Wanted);

    impl From<Wanted> for Said {
        fn from(wanted: Wanted) -> Self {
            Self(wanted)
        }
    }

    impl byzlab_core::Message for Said {
        fn kind(&self) -> &'static str {
            self.0.kind()
        }
        fn claims(&self, _: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
            self.0.claims(committee)
        }
    }

    /// One draft each, above genesis.
    fn lacked(count: u64) -> Vec<Draft> {
        let on = |number| Head { height: Height(0), digest: Digest([number as u8; 32]) };
        (0..count).map(|number| Draft::on(on(number), ReplicaId(1), Batch::empty())).collect()
    }

    impl Protocol for Lacking {
        type Message = Said;
        type Timer = ();
        /// How many drafts it lacks.
        type Params = u64;

        fn new(seat: Seat, lacks: u64, _: Saved<'_>) -> Result<Self, BuildError> {
            let heads = lacked(lacks).iter().map(Draft::head).collect();
            Ok(Self { fetch: Fetch::new(seat.me, Span::ms(10)), heads })
        }
        fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
            match input {
                Input::Timer(()) => self.fetch.on_timer(now, (), out),
                Input::Message { message: Said(Wanted::Drafts(drafts)), .. } => {
                    assert!(self.fetch.on_drafts(&drafts, (), out), "asked for, and once");
                    self.heads.retain(|&head| head != drafts[0].head());
                }
                _ => {}
            }
            for &missing in &self.heads {
                let holders = (0..4).map(ReplicaId);
                self.fetch.ask(now, missing, Height::GENESIS, holders, (), out);
            }
        }
        fn audit(_: &Block, _: &Committee) -> Result<Vec<Claim>, Invalid> {
            Ok(Vec::new())
        }
    }

    /// What it asks for when something happens.
    fn asked(machine: &mut Machine<Lacking>, at: u64, event: Event) -> Vec<Head> {
        let mut actions = Vec::new();
        machine.handle(Time::ms(at), event, &mut actions);
        let sent = actions.into_iter().filter_map(|action| match action {
            Action::Send { packet, .. } => packet.message::<Said>().ok(),
            _ => None,
        });
        sent.filter_map(|said| match said.0 {
            Wanted::Ask(head, _) => Some(head),
            Wanted::Drafts(_) => None,
        })
        .collect()
    }
    fn lacking(count: u64) -> Machine<Lacking> {
        let signer = Signer::seeded(Scheme::Simulated, 1, "replica/0");
        let committee = Arc::new(Committee::new("test", vec![signer.public(); 4], false));
        let seat = Seat::new(ReplicaId(0), committee.clone());
        Machine::new(seat, signer, count, Saved::nothing(&committee)).expect("it builds")
    }

    #[test]
    fn drafts_that_are_missing_in_turn_are_asked_for_once_a_patience() {
        let heads: Vec<Head> = lacked(2).iter().map(Draft::head).collect();
        let mut machine = lacking(2);
        assert_eq!(asked(&mut machine, 0, Event::Start), heads);
        for at in 0..10 {
            assert_eq!(asked(&mut machine, at, Event::Waiting(at % 2 == 0)), [], "{at} ms");
        }
        assert_eq!(machine.deadline(), Some(Time::ms(10)));
        assert_eq!(asked(&mut machine, 10, Event::Wake), heads, "of others");
    }

    #[test]
    fn an_answer_makes_room_for_the_next() {
        let all = lacked(ASKED_MAX as u64 + 2);
        let heads: Vec<Head> = all.iter().map(Draft::head).collect();
        let mut machine = lacking(all.len() as u64);
        assert_eq!(asked(&mut machine, 0, Event::Start), heads[..ASKED_MAX]);
        let answer = Said(Wanted::Drafts(vec![all[1].clone()]));
        let packet = Packet::outgoing(ReplicaId(2), &answer);
        assert_eq!(asked(&mut machine, 4, Event::Packet(packet)), [heads[ASKED_MAX]]);
        let again = asked(&mut machine, 10, Event::Wake);
        assert_eq!(again, [heads[0], heads[2], heads[3]], "the fifth has till 14 ms");
        assert_eq!(machine.deadline(), Some(Time::ms(14)));
    }
}
