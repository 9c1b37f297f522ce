//! Rules and audits on their own, and whole clusters as stories.

#![allow(clippy::unwrap_used)]

use byzlab_core::{
    Accelerator, Batch, Block, Committee, Digest, Entry, Height, Message as _, PublicKey,
    Reference, ReplicaId, Scheme, Signature, Signer, View,
};

use super::{
    Message, Tendermint,
    message::{Decision, Phase, Polka, Proposal, Value, Vote, audit, proposer, vote_statement},
    rules::may_prevote,
};
use crate::kit::Certificate;

type Cluster = crate::kit::steps::Steps<Message>;

const ENTRY: Entry = Entry::of::<Tendermint>("tendermint", "");
const PARAMS: &str =
    "propose_timeout = \"40ms\"\nvote_timeout = \"20ms\"\ntimeout_increment = \"20ms\"";

#[track_caller]
fn assert_story(told: &str, expected: &str) {
    let expected: Vec<_> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(told.trim().lines().collect::<Vec<_>>(), expected, "\n{told}");
}

#[test]
fn a_height_takes_three_delays() {
    let mut steps = Cluster::new(ENTRY, PARAMS, 4, &[]);
    let expected = "
        0δ r1 → all: prevote
        0δ r1 → all: proposal
        1δ r0 r2 r3 → all: prevote
        2δ r0 r1 r2 r3 → all: precommit
        3δ r0 r1 r2 r3: commits";
    assert_story(steps.run(5), expected);
    assert!(steps.audited());
}

#[test]
fn a_round_without_a_proposal_is_followed_by_the_next() {
    let mut steps = Cluster::new(ENTRY, PARAMS, 4, &[1]);
    let expected = "
        4δ r0 r2 r3 → all: prevote
        5δ r0 r2 r3 → all: precommit
        8δ r2 → all: prevote
        8δ r2 → all: proposal
        9δ r0 r3 → all: prevote
        10δ r0 r2 r3 → all: precommit
        11δ r0 r2 r3: commits";
    let told = steps.run(12).lines().filter(|line| !line.contains("status"));
    assert_story(&told.collect::<Vec<_>>().join("\n"), expected);
    assert!(steps.audited());
}

#[test]
fn a_lock_yields_to_a_later_quorum_alone() {
    let [a, b] = [1, 2].map(|x| Digest([x; 32]));
    let locked = Some((View(3), a));
    assert!(may_prevote(None, b, None), "l. 23: no lock");
    assert!(may_prevote(locked, a, None) && !may_prevote(locked, b, None), "l. 23");
    assert!(!may_prevote(locked, b, Some(View(2))), "l. 29: prevoted before the lock");
    assert!(may_prevote(locked, b, Some(View(3))) && may_prevote(locked, b, Some(View(4))));
}

#[test]
fn proposers_take_turns_over_heights_and_rounds() {
    let committee = Committee::new("test", vec![PublicKey::default(); 4], false);
    let of = |height, round| proposer(&committee, Height(height), View(round)).0;
    assert_eq!([of(1, 0), of(2, 0), of(1, 1), of(4, 0), of(3, 2)], [1, 2, 2, 0, 1]);
}

struct Four {
    signers: Vec<Signer>,
    committee: Committee,
}

impl Four {
    fn new() -> Self {
        let signer = |i| Signer::seeded(Scheme::Ed25519, 9, &format!("replica/{i}"));
        let signers: Vec<_> = (0..4).map(signer).collect();
        let keys = signers.iter().map(Signer::public).collect();
        Self { signers, committee: Committee::new("test", keys, true) }
    }
    fn certificate(&self, phase: Phase, round: u64, id: Digest, by: &[usize]) -> Certificate {
        let (height, round) = (Height(5), View(round));
        let statement = vote_statement(&self.committee, phase, height, round, Some(id));
        let vote = |&i: &usize| (ReplicaId(i as u16), self.signers[i].sign(&statement.0));
        Certificate::of(&by.iter().map(vote).collect::<Vec<_>>())
    }
    fn accepts(&self, from: u16, message: &Message) -> bool {
        let claims = message.claims(ReplicaId(from), &self.committee);
        claims.is_ok_and(|claims| Reference.check(&claims).into_iter().all(|holds| holds))
    }
    fn audits(&self, block: &Block) -> bool {
        let claims = audit(block, &self.committee);
        claims.is_ok_and(|claims| Reference.check(&claims).into_iter().all(|holds| holds))
    }
}

#[test]
fn an_audit_is_about_the_very_block() {
    let four = Four::new();
    let block = |parent: u8, phase, by: &[usize]| {
        let parent = Digest([parent; 32]);
        let producer = ReplicaId(1);
        let value = Value { parent, producer, batch: Batch::empty() };
        let id = Value { parent: Digest([4; 32]), ..value.clone() }.id(Height(5));
        let certificate = four.certificate(phase, 2, id, by);
        let proof = Decision { round: View(2), certificate }.to_proof();
        Block::chained(Height(5), parent, producer, value.batch, proof)
    };
    let good = block(4, Phase::Precommit, &[0, 1, 3]);
    assert!(four.audits(&good));
    assert!(!four.audits(&block(4, Phase::Precommit, &[0, 1])), "below the quorum");
    assert!(!four.audits(&block(4, Phase::Prevote, &[0, 1, 3])), "of the first phase");
    assert!(!four.audits(&block(5, Phase::Precommit, &[0, 1, 3])), "of another block");
    assert!(!four.audits(&Block { height: Height(6), ..good.clone() }));
    assert!(!four.audits(&Block { producer: ReplicaId(2), ..good }));
}

#[test]
fn a_value_proposed_again_proves_its_valid_round() {
    let four = Four::new();
    let proposal = |round: u64, producer: u16, valid: Option<(u64, &[usize])>| {
        let value =
            Value { parent: Digest([4; 32]), producer: ReplicaId(producer), batch: Batch::empty() };
        let (height, id) = (Height(5), value.id(Height(5)));
        let valid = valid.map(|(vr, by)| Polka {
            round: View(vr),
            certificate: four.certificate(Phase::Prevote, vr, id, by),
        });
        let signature = Signature::default();
        let mut proposal = Proposal { height, round: View(round), value, valid, signature };
        let by = proposer(&four.committee, height, View(round)).index();
        proposal.signature = four.signers[by].sign(&proposal.statement(&four.committee).0);
        Message::Proposal(proposal.into())
    };
    let accepts = |message| four.accepts(3, &message);
    assert!(accepts(proposal(0, 1, None)), "whoever passes it on");
    assert!(!accepts(proposal(1, 1, None)), "a new value is its proposer's own");
    assert!(accepts(proposal(1, 1, Some((0, &[0, 1, 2])))));
    assert!(!accepts(proposal(1, 1, Some((0, &[0, 1])))), "below the quorum");
    assert!(!accepts(proposal(1, 1, Some((1, &[0, 1, 2])))), "of no earlier round");
}

#[test]
fn votes_are_bound_to_phase_height_round_and_value() {
    let four = Four::new();
    let (phase, height, round, id) = (Phase::Prevote, Height(5), View(1), Some(Digest([7; 32])));
    let statement = vote_statement(&four.committee, phase, height, round, id);
    let vote = Vote { phase, height, round, id, signature: four.signers[2].sign(&statement.0) };
    assert!(four.accepts(2, &Message::Vote(vote)));
    assert!(!four.accepts(3, &Message::Vote(vote)));
    for other in [
        Vote { phase: Phase::Precommit, ..vote },
        Vote { height: Height(6), ..vote },
        Vote { round: View(2), ..vote },
        Vote { id: None, ..vote },
    ] {
        assert!(!four.accepts(2, &Message::Vote(other)));
    }
}
