//! Tests of what is decided by messages and blocks alone, and transcripts of whole clusters.

#![allow(clippy::unwrap_used)]

mod transcripts;

use std::sync::Arc;

use byzlab_core::{
    Accelerator, Action, Batch, Block, Claim, Committee, Event, Height, Invalid, Machine,
    Message as _, Packet, Proof, Record, Reference, Replica, ReplicaId, Saved, Scheme, Seat,
    Signature, Signer, Statement, Time, Transaction, View, block::Head,
};

use super::{
    HotStuff, Params,
    message::{Message, Proposal, Standing, TIMEOUT, Vote},
    rules::{Finality, Lineage, Phase, Qc, Rule, audit, vote_statement},
};
use crate::kit::{
    Certificate, Draft, TimeoutCertificate, TimeoutVote, Way, pacemaker::timeout_statement,
};

/// Four replicas' keys, and what they sign.
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
    fn sign(&self, by: usize, statement: &Statement) -> Signature {
        self.signers[by].sign(&statement.0)
    }
    fn qc(&self, phase: Phase, lineage: Lineage, by: &[usize]) -> Qc {
        let statement = vote_statement(&self.committee, phase, &lineage);
        let votes: Vec<_> =
            by.iter().map(|&i| (ReplicaId(i as u16), self.sign(i, &statement))).collect();
        Qc { lineage, certificate: Certificate::of(&votes) }
    }
    fn batch(&self, number: u64) -> Batch {
        let client = Signer::seeded(Scheme::Ed25519, 9, "client/0");
        let transaction = Transaction::new(&self.committee, &client, number, b"payload");
        Batch::new(&[transaction], &Reference)
    }
    /// Drafts of views 1, 2, … from genesis up.
    fn drafts(&self, count: u64) -> Vec<Draft> {
        let mut below = Head::genesis(self.committee.chain);
        let mut next = |view| {
            let draft = Draft::on(below, self.committee.at_turn(view), self.batch(view));
            below = draft.head();
            draft
        };
        (1..=count).map(&mut next).collect()
    }
    /// The lineage of the last of these, proposed in these views.
    fn lineage(&self, rule: Rule, nodes: &[(u64, &Draft)]) -> Lineage {
        let genesis = Lineage::genesis(rule, &self.committee);
        nodes.iter().fold(genesis, |below, &(view, draft)| below.next(View(view), draft.head()))
    }
    fn holds(&self, claims: Result<Vec<Claim>, Invalid>) -> bool {
        claims.is_ok_and(|claims| Reference.check(&claims).into_iter().all(|holds| holds))
    }
    fn accepts(&self, from: u16, message: &Message) -> bool {
        self.holds(message.claims(ReplicaId(from), &self.committee))
    }
    fn audits(&self, block: &Block) -> bool {
        self.holds(audit(block, &self.committee))
    }
    fn timeout(&self, view: u64, votes: &[(u16, u64)]) -> TimeoutCertificate {
        let vote = |&(by, high): &(u16, u64)| {
            let statement = timeout_statement(&self.committee, TIMEOUT, View(view), View(high));
            (ReplicaId(by), View(high), self.sign(by.into(), &statement))
        };
        TimeoutCertificate::of(View(view), votes.iter().map(vote).collect())
    }
}

fn finish(draft: &Draft, qc: &Qc, above: &[Draft]) -> Block {
    let finality = Finality { qc: Arc::new(qc.clone()), way: Way::through(above) };
    draft.clone().finish(finality.to_proof())
}

#[test]
fn an_audit_is_about_the_very_block_and_the_rule_that_was_voted_by() {
    let four = Four::new();
    let drafts = four.drafts(4);
    let [a, b, c, d] = &drafts[..] else { unreachable!() };
    let chain = |rule, nodes: &[_]| four.qc(Phase::Vote, four.lineage(rule, nodes), &[0, 1, 3]);
    let three = chain(Rule::ThreeChain, &[(2, a), (3, b), (4, c)]);
    assert!(four.audits(&finish(a, &three, &[])), "the tail of a three-chain");
    assert!(!four.audits(&finish(b, &three, &[])), "its middle");
    assert!(!four.audits(&finish(c, &three, &[])), "its top");
    let two = chain(Rule::TwoChain, &[(1, a), (3, b), (4, c)]);
    assert!(four.audits(&finish(b, &two, &[])));
    assert!(four.audits(&finish(a, &two, &drafts[1..2])), "committed with the one above");
    assert!(!four.audits(&finish(a, &two, &[])));
    assert!(!four.audits(&finish(a, &two, &drafts[1..3])), "past what is committed");
    let gap = chain(Rule::ThreeChain, &[(2, a), (3, b), (5, c)]);
    assert!(!four.audits(&finish(a, &gap, &[])), "not in consecutive views");
    let double = four.qc(Phase::Vote2, four.lineage(Rule::Double, &[(7, a)]), &[0, 1, 3]);
    assert!(four.audits(&finish(a, &double, &[])));
    let single = four.qc(Phase::Vote, four.lineage(Rule::Double, &[(7, a)]), &[0, 1, 3]);
    assert!(!four.audits(&finish(a, &single, &[])), "a certificate that was not certified");

    let fewer = four.qc(Phase::Vote, two.lineage, &[0, 1]);
    assert!(!four.audits(&finish(b, &fewer, &[])), "below the quorum");
    let mut other_rule = two.clone();
    other_rule.lineage.rule = Rule::ThreeChain;
    other_rule.lineage.grand = other_rule.lineage.parent;
    assert!(!four.audits(&finish(b, &other_rule, &[])), "nobody voted by that rule");
    let good = finish(b, &two, &[]);
    let changes: [fn(&mut Block); 5] = [
        |block| block.height = Height(9),
        |block| block.producer = ReplicaId(3),
        |block| block.batch = Batch::empty(),
        |block| block.proof = Proof::default(),
        |block| block.digest = block.parent,
    ];
    for change in changes {
        let mut changed = good.clone();
        change(&mut changed);
        assert!(!four.audits(&changed));
        let rebuilt = Block::chained(
            changed.height,
            changed.parent,
            changed.producer,
            changed.batch,
            changed.proof,
        );
        assert!(rebuilt == good || !four.audits(&rebuilt));
    }
    let other = Batch::parse(b.batch.root(), d.batch.bytes().clone()).unwrap();
    assert!(!four.audits(&Block { batch: other, ..good }), "other transactions under the root");
}

#[test]
fn votes_are_bound_to_phase_rule_and_lineage() {
    let four = Four::new();
    let drafts = four.drafts(2);
    let lineage = four.lineage(Rule::Double, &[(1, &drafts[0]), (2, &drafts[1])]);
    let signature = four.sign(2, &vote_statement(&four.committee, Phase::Vote, &lineage));
    let vote = Vote { lineage, signature };
    assert!(four.accepts(2, &Message::Vote(vote)));
    assert!(!four.accepts(3, &Message::Vote(vote)), "another's");
    assert!(!four.accepts(2, &Message::Vote2(vote)), "another phase");
    let mut other = vote;
    other.lineage.rule = Rule::TwoChain;
    assert!(!four.accepts(2, &Message::Vote(other)), "another rule");
    let mut other = vote;
    other.lineage.grand.view = View(1);
    assert!(!four.accepts(2, &Message::Vote(other)), "another lineage");
}

#[test]
fn a_proposal_proves_its_certificates_and_its_clients() {
    let four = Four::new();
    let drafts = four.drafts(1);
    let lineage = four.lineage(Rule::TwoChain, &[(1, &drafts[0])]);
    let justify = Arc::new(four.qc(Phase::Vote, lineage, &[0, 2, 3]));
    let timeout = Some(Arc::new(four.timeout(4, &[(0, 1), (1, 0), (3, 1)])));
    let good = Proposal { view: View(5), justify, timeout, decision: None, batch: four.batch(7) };
    let accepts = |change: &dyn Fn(&mut Proposal)| {
        let mut proposal = good.clone();
        change(&mut proposal);
        four.accepts(1, &Message::Propose(Box::new(proposal)))
    };
    assert!(accepts(&|_| {}));
    assert!(!accepts(&|p| p.view = View(1)), "not above its certificate");
    assert!(!accepts(&|p| Arc::make_mut(&mut p.justify).lineage.own.view = View(2)));
    assert!(!accepts(&|p| Arc::make_mut(p.timeout.as_mut().unwrap()).view = View(3)));
    assert!(!accepts(&|p| p.decision = Some(p.justify.clone())), "votes of the first phase");
    let lie = Batch::parse(four.batch(8).root(), four.batch(7).bytes().clone()).unwrap();
    assert!(!accepts(&|p| p.batch = lie.clone()), "a root of its own");
}

#[test]
fn a_timeout_speaks_of_the_certificate_beside_it() {
    let four = Four::new();
    let drafts = four.drafts(1);
    let lineage = four.lineage(Rule::TwoChain, &[(1, &drafts[0])]);
    let standing = |high| Standing { high, timeout: None, decision: None, height: Height(0) };
    let say = |high: u64, standing| {
        let statement = timeout_statement(&four.committee, TIMEOUT, View(3), View(high));
        let signature = four.sign(2, &statement);
        let vote = TimeoutVote { view: View(3), high: View(high), signature };
        four.accepts(2, &Message::Timeout(vote, Box::new(standing)))
    };
    let genesis = Qc::genesis(Rule::TwoChain, &four.committee);
    let first = Arc::new(four.qc(Phase::Vote, lineage, &[0, 2, 3]));
    assert!(say(1, standing(first.clone())) && say(0, standing(genesis.clone())));
    assert!(!say(0, standing(first)), "it knows a higher one than it says");
    assert!(!say(1, standing(genesis)), "it has no such certificate");
}

/// Seats replica 0 with these records, hands it `message`, and gives what it does.
fn seated(four: &Four, records: &[Record], message: Option<(u16, Message)>) -> Vec<Action> {
    let committee = Arc::new(four.committee.clone());
    let saved = Saved { records, ..Saved::nothing(&committee) };
    let seat = Seat::new(ReplicaId(0), committee.clone());
    let params = Params { chain: 2, ..Params::default() };
    let mut machine =
        Machine::<HotStuff>::new(seat, four.signers[0].clone(), params, saved).unwrap();
    let mut actions = Vec::new();
    machine.handle(Time::ZERO, Event::Start, &mut actions);
    if let Some((from, message)) = message {
        let packet = Packet::outgoing(ReplicaId(from), &message);
        machine.handle(Time::ZERO, Event::Packet(packet), &mut actions);
        if let Some(&Action::Verify { ticket, .. }) = actions.last() {
            machine.handle(Time::ZERO, Event::Verdict { ticket, holds: true }, &mut actions);
        }
    }
    actions
}

#[test]
fn what_a_view_was_entered_by_survives_a_restart() {
    // Replica 0 votes in view 3, which it alone may have entered: the others need the proof from it.
    let four = Four::new();
    let timeout = Some(Arc::new(four.timeout(2, &[(1, 0), (2, 0), (3, 0)])));
    let justify = Qc::genesis(Rule::TwoChain, &four.committee);
    let batch = four.batch(1);
    let proposal = Proposal { view: View(3), justify, timeout, decision: None, batch };
    let actions = seated(&four, &[], Some((3, Message::Propose(Box::new(proposal)))));
    let records: Vec<Record> = actions
        .into_iter()
        .filter_map(|action| match action {
            Action::Save(record) => Some(record),
            _ => None,
        })
        .collect();
    assert!(!records.is_empty(), "it voted");
    let said = seated(&four, &records, None).into_iter().find_map(|action| match action {
        Action::Send { packet, .. } => packet.message::<Message>().ok(),
        _ => None,
    });
    let Some(Message::Status(standing, true)) = said else { panic!("it asks: {said:?}") };
    assert_eq!(standing.timeout.map(|timeout| timeout.view), Some(View(2)));
}
