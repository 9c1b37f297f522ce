//! Tests of what is decided by messages and blocks alone: claims, the set O, audits, certificates' sizes.

use std::sync::Arc;

use byzlab_core::{
    Accelerator, Action, Batch, Block, Claim, Committee, Digest, Event, Height, Invalid, Machine,
    Message as _, Note, Packet, Proof, Reference, Replica, ReplicaId, Saved, Scheme, Seat,
    Signature, Signer, Time, Transaction, View, block::Head,
};

use super::{
    message::{Message, PrePrepare, Stable, Vote, checkpoint_statement},
    proposal::{Commitment, Phase, Proposal, audit, vote_statement},
    view_change::{Claimed, Departure, Evidence, NewView, ViewChange, order},
};
use crate::kit::Certificate;

struct Four {
    signers: Vec<Signer>,
    committee: Committee,
}

impl Four {
    fn new() -> Self {
        let signers: Vec<_> =
            (0..4).map(|i| Signer::seeded(Scheme::Ed25519, 9, &format!("replica/{i}"))).collect();
        let keys = signers.iter().map(Signer::public).collect();
        Self { signers, committee: Committee::new("test", keys, true) }
    }
    fn certificate(&self, by: &[usize], statement: &byzlab_core::Statement) -> Certificate {
        let vote = |&i: &usize| (ReplicaId(i as u16), self.signers[i].sign(&statement.0));
        Certificate::of(&by.iter().map(vote).collect::<Vec<_>>())
    }
    fn evidence(&self, by: &[usize], phase: Phase, claimed: &Claimed) -> Evidence {
        let Claimed { height, view, digest } = *claimed;
        let statement = vote_statement(&self.committee, phase, view, height, digest);
        Evidence { phase, certificate: self.certificate(by, &statement) }
    }
    fn stable(&self, height: u64) -> Stable {
        if height == 0 {
            return Stable::genesis(self.committee.chain);
        }
        let head = Head { height: Height(height), digest: digest(height as u8) };
        let statement = checkpoint_statement(&self.committee, head);
        Stable { head, certificate: self.certificate(&[0, 1, 2], &statement) }
    }
    fn view_change(&self, by: usize, view: u64, stable: u64, prepared: &[Claimed]) -> ViewChange {
        let Stable { head, certificate } = self.stable(stable);
        let departure = Departure { view: View(view), stable: head, prepared: prepared.into() };
        let signature = self.signers[by].sign(&departure.statement(&self.committee).0);
        let evidence =
            prepared.iter().map(|c| self.evidence(&[0, 2, 3], Phase::Prepare, c)).collect();
        ViewChange { departure, signature, stable: certificate, evidence }
    }
    /// A view change to `view` by one that prepared nothing.
    fn says_it_moves(&self, by: u16, view: u64) -> (u16, Message) {
        let change = self.view_change(usize::from(by), view, 0, &[]);
        (by, Message::ViewChange(Arc::new(change)))
    }
    /// The new view that an honest primary makes of `changes`.
    fn new_view(&self, view: u64, changes: &[(u16, ViewChange)]) -> NewView {
        let changes: Vec<_> = changes.iter().map(|(by, c)| (ReplicaId(*by), c)).collect();
        let new_view = NewView::of(View(view), &changes);
        self.sign(new_view)
    }
    fn sign(&self, mut new_view: NewView) -> NewView {
        let primary = &self.signers[new_view.view.0 as usize % 4];
        let proposals: Vec<_> = new_view.proposals().collect();
        for ((height, digest, _), (_, vote)) in proposals.into_iter().zip(&mut new_view.order) {
            let committee = &self.committee;
            let statement =
                vote_statement(committee, Phase::Prepare, new_view.view, height, digest);
            *vote = primary.sign(&statement.0);
        }
        new_view.signature = primary.sign(&new_view.statement(&self.committee).0);
        new_view
    }
    fn batch(&self, size: u64) -> Batch {
        let client = Signer::seeded(Scheme::Ed25519, 9, "client/0");
        let transaction = |i| Transaction::new(&self.committee, &client, i, b"payload");
        Batch::new(&(0..size).map(transaction).collect::<Vec<_>>(), &Reference)
    }
    fn block(&self, origin: u64, view: u64, by: &[usize]) -> Block {
        let batch = self.batch(3);
        let proposal = Proposal { origin: View(origin), batch: batch.clone() };
        let claimed = Claimed { height: Height(7), view: View(view), digest: proposal.digest() };
        let certificate = self.evidence(by, Phase::Commit, &claimed).certificate;
        let proof = Commitment { view: View(view), origin: View(origin), certificate }.to_proof();
        Block::chained(Height(7), digest(6), self.committee.at_turn(origin), batch, proof)
    }
    /// Whether all claims can be stated, and hold.
    fn holds(&self, claims: Result<Vec<Claim>, Invalid>) -> bool {
        claims.is_ok_and(|claims| Reference.check(&claims).into_iter().all(|holds| holds))
    }
    fn accepts(&self, from: u16, message: &Message) -> bool {
        self.holds(message.claims(ReplicaId(from), &self.committee))
    }
}

fn digest(x: u8) -> Digest {
    Digest([x; 32])
}

fn claimed(height: u64, view: u64, x: u8) -> Claimed {
    Claimed { height: Height(height), view: View(view), digest: digest(x) }
}

fn departure(stable: u64, prepared: &[Claimed]) -> Departure {
    let stable = Head { height: Height(stable), digest: digest(stable as u8) };
    Departure { view: View(9), stable, prepared: prepared.into() }
}

#[test]
fn o_has_the_highest_view_and_null_requests_between() {
    let departures = [
        departure(4, &[claimed(5, 1, 0xa), claimed(8, 2, 0xb)]),
        departure(2, &[claimed(3, 7, 0xc), claimed(5, 3, 0xd)]),
        departure(4, &[claimed(5, 2, 0xe)]),
    ];
    let order = order(departures.iter());
    assert_eq!(order.stable.height, Height(4), "min-s is the highest stable checkpoint");
    assert_eq!(order.top(), Height(8), "max-s is the highest prepared height");
    let (five, eight) = (claimed(5, 3, 0xd), claimed(8, 2, 0xb));
    assert_eq!(order.choices, [Some(five), None, None, Some(eight)]);
    let null = Proposal::null(View(9)).digest();
    let digests: Vec<_> = order.digests(View(9)).map(|(height, d)| (height.0, d)).collect();
    assert_eq!(digests, [(5, digest(0xd)), (6, null), (7, null), (8, digest(0xb))]);
}

#[test]
fn o_is_empty_when_nothing_was_prepared_above_the_checkpoint() {
    let departures = [departure(4, &[]), departure(0, &[claimed(3, 1, 1)]), departure(4, &[])];
    let order = order(departures.iter());
    assert_eq!((order.top(), order.choices.len()), (Height(4), 0));
}

#[test]
fn a_view_change_proves_what_it_claims() {
    let four = Four::new();
    let prepared = [claimed(5, 0, 1), claimed(6, 1, 2)];
    let good = four.view_change(3, 2, 4, &prepared);
    assert!(four.accepts(3, &Message::ViewChange(Arc::new(good.clone()))));
    assert!(good.certified(3) && !good.certified(4));
    let bad = |by: u16, change: fn(&mut ViewChange)| {
        let mut message = good.clone();
        change(&mut message);
        !four.accepts(by, &Message::ViewChange(Arc::new(message)))
    };
    assert!(bad(2, |_| {}), "by another");
    assert!(bad(3, |m| m.departure.view = View(3)), "to another view");
    assert!(bad(3, |m| drop(m.evidence.pop())), "with a claim unproven");
    assert!(bad(3, |m| m.evidence.swap(0, 1)), "with proofs of other claims");
    assert!(bad(3, |m| m.evidence[0].phase = Phase::Commit), "with votes of another phase");
    let mut unstable = good.clone();
    unstable.stable = Certificate::default();
    assert!(!unstable.certified(3), "with its checkpoint unproven");
    let out_of_bounds = [
        &[claimed(4, 0, 1)][..],
        &[claimed(5, 2, 1)],
        &[claimed(6, 0, 1), claimed(5, 0, 1)],
        &[claimed(5, 0, 1), claimed(5, 1, 1)],
        &[claimed(5 + super::WINDOW_MAX, 0, 1)],
    ];
    for prepared in out_of_bounds {
        let message = Message::ViewChange(Arc::new(four.view_change(3, 2, 4, prepared)));
        assert!(message.claims(ReplicaId(3), &four.committee).is_err(), "{prepared:?}");
    }
}

/// Changes to view 2, whose primary is replica 2: heights 5 and 7 are prepared, 6 is a gap.
fn changes(four: &Four) -> Vec<(u16, ViewChange)> {
    vec![
        (0, four.view_change(0, 2, 4, &[claimed(5, 0, 1)])),
        (1, four.view_change(1, 2, 0, &[claimed(3, 1, 9)])),
        (3, four.view_change(3, 2, 4, &[claimed(5, 1, 2), claimed(7, 0, 3)])),
    ]
}

#[test]
fn an_honest_new_view_is_accepted_from_whoever_passes_it_on() {
    let four = Four::new();
    let new_view = four.new_view(2, &changes(&four));
    assert!(new_view.certified(3) && !new_view.certified(4));
    assert_eq!((new_view.stable.head.height, new_view.top()), (Height(4), Height(7)));
    assert_eq!(new_view.order[0].0, digest(2));
    let holders = |h| new_view.holders(Height(h)).map(Certificate::len);
    assert_eq!((holders(5), holders(6), holders(7)), (Some(3), None, Some(3)));
    let message = Message::NewView(Arc::new(new_view));
    assert!(four.accepts(2, &message) && four.accepts(1, &message));
}

#[test]
fn every_replica_checks_o() {
    let four = Four::new();
    let good = four.new_view(2, &changes(&four));
    let bad = |change: &dyn Fn(&mut NewView)| {
        let mut new_view = good.clone();
        change(&mut new_view);
        // Even if the primary signs it.
        !four.accepts(2, &Message::NewView(Arc::new(four.sign(new_view))))
    };
    assert!(!bad(&|_| {}));
    assert!(bad(&|m| m.order[0].0 = digest(1)), "the claim of a lower view is chosen");
    assert!(bad(&|m| m.order[1].0 = digest(1)), "something stands where a null request must");
    assert!(bad(&|m| m.order.truncate(2)), "a prepared height is left out");
    assert!(bad(&|m| m.order.push((digest(1), Signature::default()))), "a height is added");
    assert!(bad(&|m| m.stable = four.stable(0)), "it starts too low");
    assert!(bad(&|m| m.evidence.swap(0, 1)), "the proofs are of other heights");
    assert!(bad(&|m| drop(m.evidence.pop())), "a proof is missing");
    assert!(bad(&|m| m.departed[2] = m.departed[0].clone()), "one departs twice");
    assert!(bad(&|m| m.departed[2].from = ReplicaId(2)), "one departs in another's name");
    assert!(bad(&|m| m.departed[2].departure.prepared.clear()), "a departure is rewritten");
    let mut unsigned = good.clone();
    unsigned.signature = Signature::default();
    assert!(!four.accepts(2, &Message::NewView(Arc::new(unsigned))));
    let mut fewer = good.clone();
    fewer.departed.pop();
    assert!(!fewer.certified(3), "a quorum must depart");
}

#[test]
fn votes_are_bound_to_phase_view_height_and_digest() {
    let four = Four::new();
    let (view, height, of) = (View(1), Height(5), digest(7));
    let statement = vote_statement(&four.committee, Phase::Prepare, view, height, of);
    let signature = four.signers[2].sign(&statement.0);
    let vote = Vote { view, height, digest: of, signature };
    assert!(four.accepts(2, &Message::Prepare(vote)));
    assert!(!four.accepts(3, &Message::Prepare(vote)), "another's");
    assert!(!four.accepts(2, &Message::Commit(vote)), "another phase");
    for other in [
        Vote { view: View(2), ..vote },
        Vote { height: Height(6), ..vote },
        Vote { digest: digest(8), ..vote },
    ] {
        assert!(!four.accepts(2, &Message::Prepare(other)));
    }
    let from_primary = Message::Prepare(vote).claims(ReplicaId(1), &four.committee);
    assert!(from_primary.is_err(), "the pre-prepare is the primary's vote");
}

#[test]
fn only_the_primary_proposes_and_never_nothing() {
    let four = Four::new();
    let (view, height) = (View(1), Height(5));
    let pre_prepare = |by: usize, batch: Batch| {
        let digest = Proposal { origin: view, batch: batch.clone() }.digest();
        let statement = vote_statement(&four.committee, Phase::Prepare, view, height, digest);
        let signature = four.signers[by].sign(&statement.0);
        Message::PrePrepare(PrePrepare { view, height, batch, signature })
    };
    assert!(four.accepts(1, &pre_prepare(1, four.batch(2))));
    assert!(!four.accepts(2, &pre_prepare(2, four.batch(2))));
    assert!(!four.accepts(1, &pre_prepare(1, Batch::empty())));
    let lie = Batch::parse(digest(1), four.batch(2).bytes().clone()).expect("well-formed");
    assert!(!four.accepts(1, &pre_prepare(1, lie)), "a root of its own");
}

#[test]
fn an_audit_is_about_the_very_block() {
    let four = Four::new();
    let holds = |block: &Block| four.holds(audit(block, &four.committee));
    let good = four.block(1, 2, &[0, 1, 3]);
    assert!(holds(&good));
    assert!(!holds(&four.block(1, 2, &[0, 1])), "a certificate below the quorum");
    assert!(!holds(&four.block(3, 2, &[0, 1, 3])), "committed before it was proposed");

    let chained = |height, producer, batch: Batch, proof: Proof| {
        Block::chained(Height(height), digest(6), ReplicaId(producer), batch, proof)
    };
    let (batch, proof) = (good.batch.clone(), good.proof.clone());
    assert!(holds(&chained(7, 1, batch.clone(), proof.clone())));
    assert!(!holds(&chained(8, 1, batch.clone(), proof.clone())), "another height");
    assert!(!holds(&chained(7, 2, batch.clone(), proof.clone())), "another producer");
    assert!(!holds(&chained(7, 1, four.batch(2), proof.clone())), "another batch");
    assert!(!holds(&chained(7, 1, Batch::empty(), proof.clone())), "no batch");
    assert!(!holds(&chained(7, 1, batch.clone(), Proof::default())), "no proof");
    let other = four.batch(2);
    let swapped = Batch::parse(batch.root(), other.bytes().clone()).expect("well-formed");
    assert!(!holds(&chained(7, 1, swapped, proof)), "other transactions under the root");
    assert!(!holds(&Block { digest: digest(1), ..good.clone() }));

    let mut commitment = Commitment::of(&good.proof).expect("it is one");
    commitment.view = View(3);
    assert!(!holds(&Block { proof: commitment.to_proof(), ..good }), "votes of another view");
}

#[test]
fn genesis_is_stable_on_its_own_chain_alone() {
    let four = Four::new();
    assert!(four.accepts(0, &Message::Stable(Arc::new(four.stable(0)))));
    assert!(four.accepts(0, &Message::Stable(Arc::new(four.stable(8)))));
    let foreign = Stable::genesis(digest(1));
    assert!(!four.accepts(0, &Message::Stable(Arc::new(foreign))));
    let mut moved = four.stable(8);
    moved.head.height = Height(9);
    assert!(!four.accepts(0, &Message::Stable(Arc::new(moved))));
}

/// A replica in a committee of four that has just started.
fn started(four: &Four, me: u16) -> Machine<super::Pbft> {
    let committee = Arc::new(four.committee.clone());
    let (seat, saved) = (Seat::new(ReplicaId(me), committee.clone()), Saved::nothing(&committee));
    let (signer, params) = (four.signers[usize::from(me)].clone(), super::Params::default());
    let mut machine = Machine::new(seat, signer, params, saved).expect("good");
    machine.handle(Time::ZERO, Event::Start, &mut Vec::new());
    machine
}

/// What the replica does that hears `messages`.
fn hear(machine: &mut Machine<super::Pbft>, now: Time, messages: &[(u16, Message)]) -> Vec<Action> {
    let mut actions = Vec::new();
    for (from, message) in messages {
        let packet = Packet::outgoing(ReplicaId(*from), message);
        machine.handle(now, Event::Packet(packet), &mut actions);
        if let Some(&Action::Verify { ticket, .. }) = actions.last() {
            machine.handle(now, Event::Verdict { ticket, holds: true }, &mut actions);
        }
    }
    actions
}

/// What a replica that hears `messages` notes about those it drops.
fn dropped(four: &Four, messages: &[(u16, Message)]) -> Vec<&'static str> {
    let actions = hear(&mut started(four, 0), Time::ZERO, messages);
    let why = |action: &Action| match action {
        Action::Note(Note::Dropped { why, .. }) => Some(*why),
        _ => None,
    };
    actions.iter().filter_map(why).collect()
}

/// The views that it said it moves to, and those that it opened.
fn said(actions: &[Action]) -> (Vec<u64>, Vec<u64>) {
    let (mut left, mut opened) = (Vec::new(), Vec::new());
    for action in actions {
        let Action::Send { packet, .. } = action else { continue };
        match packet.message().expect("its own") {
            Message::ViewChange(change) => left.push(change.departure.view.0),
            Message::NewView(new_view) => opened.push(new_view.view.0),
            _ => {}
        }
    }
    left.dedup(); // It says so again while nothing comes of it.
    (left, opened)
}

#[test]
fn one_that_missed_a_quorum_goes_after_those_who_went_on() {
    let four = Four::new();
    let mut machine = started(&four, 0);
    // Replica 1 moved to view 1 too, while this one was down, and will not say so again.
    let changes = [four.says_it_moves(3, 1), four.says_it_moves(1, 2)];
    let joined = hear(&mut machine, Time::ZERO, &changes);
    assert_eq!(said(&joined), (vec![1], vec![]), "f + 1 are ahead, the nearest in view 1");
    let mut actions = Vec::new();
    machine.handle(Time::seconds(1), Event::Wake, &mut actions);
    assert_eq!(said(&actions), (vec![1, 2], vec![]), "a quorum left view 0");
}

#[test]
fn a_view_is_opened_by_a_quorum_that_is_still_in_it() {
    let four = Four::new();
    let mut machine = started(&four, 1);
    let (now, mut actions) = (Time::seconds(1), Vec::new());
    machine.handle(Time::ZERO, Event::Waiting(true), &mut actions);
    machine.handle(now, Event::Wake, &mut actions);
    assert_eq!(said(&actions).0, [1], "it suspects the primary");
    // Replica 0 comes and goes on: with replica 3 there are two in view 1, with replica 2 three.
    let changes = [four.says_it_moves(0, 1), four.says_it_moves(0, 2), four.says_it_moves(3, 1)];
    assert_eq!(said(&hear(&mut machine, now, &changes)), (vec![], vec![]));
    let last = hear(&mut machine, now, &[four.says_it_moves(2, 1)]);
    assert_eq!(said(&last), (vec![], vec![1]));
}

#[test]
fn certificates_below_the_quorum_are_dropped() {
    let four = Four::new();
    let small = "a certificate below the quorum";
    let head = four.stable(64).head;
    let stable = |by: &[usize]| {
        let statement = checkpoint_statement(&four.committee, head);
        Message::Stable(Arc::new(Stable { head, certificate: four.certificate(by, &statement) }))
    };
    assert_eq!(dropped(&four, &[(1, stable(&[0, 1, 2]))]), [""; 0]);
    assert_eq!(dropped(&four, &[(1, stable(&[0, 1]))]), [small]);

    let mut change = four.view_change(3, 1, 0, &[claimed(5, 0, 1)]);
    let good = Message::ViewChange(Arc::new(change.clone()));
    assert_eq!(dropped(&four, &[(3, good)]), [""; 0]);
    change.evidence = vec![four.evidence(&[0, 3], Phase::Prepare, &claimed(5, 0, 1))];
    assert_eq!(dropped(&four, &[(3, Message::ViewChange(Arc::new(change)))]), [small]);

    let changes = changes(&four);
    let new_view = |of: &[(u16, ViewChange)]| Message::NewView(Arc::new(four.new_view(2, of)));
    assert_eq!(dropped(&four, &[(2, new_view(&changes))]), [""; 0]);
    assert_eq!(dropped(&four, &[(2, new_view(&changes[1..]))]), [small]);
}

#[test]
fn slots_begin_above_what_is_stable_and_executed() {
    let head = |height| Head { height: Height(height), digest: Digest::default() };
    let base = |stable, executed| super::log::base(head(stable), head(executed), 10).0;
    assert_eq!((base(8, 12), base(8, 8), base(8, 3)), (8, 8, 3));
    assert_eq!((base(20, 10), base(20, 9)), (10, 20), "not below by more than a window");
}
