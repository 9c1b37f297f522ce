//! Tests of vertices, the store, the order and proofs.

use std::sync::Arc;

use byzlab_core::{
    Accelerator, Batch, Block, Claim, Digest, Effects, Height, Invalid, Proof, Reference,
    ReplicaId, Saved, Seat, Span, Transaction, block::Head, protocol::NoBlocks,
};

use super::{
    Claimed, Cut, Dag, Insert, Loom, Order, Proven, Round, Vertex,
    finality::{Finality, audit},
    picture::{Picture, signer},
    vertex::Draft,
};
use crate::mysticeti::Mysticeti;

const DOMAIN: &str = "test/vertex";

fn picture(text: &str) -> Picture {
    Picture::of::<Mysticeti>(text)
}

fn accepted(insert: Insert) -> usize {
    match insert {
        Insert::Accepted(vertices) => vertices.len(),
        Insert::Waits | Insert::Refused(_) | Insert::Equivocation => 0,
    }
}

#[test]
fn ancestors_first_whatever_the_order_of_arrival() {
    let p = picture("A B C D\nA B C D\nA B C");
    let mut dag = Dag::new(&p.committee, 8);
    let late = p.vertex(1, "B").clone();
    let mut counts = Vec::new();
    for vertex in p.vertices.iter().rev().filter(|vertex| vertex.name() != late.name()) {
        counts.push(accepted(dag.insert(vertex.clone())));
    }
    assert_eq!(counts, [0, 0, 0, 0, 0, 0, 0, 1, 1, 1]);
    assert_eq!((dag.top(), dag.highest()), (Round(1), Round(3)));
    assert!(dag.wanted(false, 9).is_empty(), "it may be on its way");
    assert_eq!(
        dag.wanted(false, 9).iter().map(|(_, name)| *name).collect::<Vec<_>>(),
        [late.name()]
    );
    assert_eq!(accepted(dag.insert(late)), 8, "and all that waited for it");
    assert_eq!(dag.top(), Round(3));
}

#[test]
fn an_equivocation_comes_in_only_if_something_builds_on_it() {
    let p = picture("A B B' C D\nA B C+B' D");
    let mut dag = Dag::new(&p.committee, 8);
    for vertex in &p.vertices[..2] {
        assert_eq!(accepted(dag.insert(vertex.clone())), 1);
    }
    let second = p.vertex(1, "B'").clone();
    assert!(matches!(dag.insert(second.clone()), Insert::Equivocation));
    for vertex in p.vertices[3..].iter() {
        let _ = dag.insert(vertex.clone());
    }
    assert!(dag.get(&p.vertex(2, "C").name()).is_none(), "it lacks B'");
    assert_eq!(accepted(dag.insert(second.clone())), 3, "and B's own next lacked it");
    assert_eq!(
        dag.first(Round(1), ReplicaId(1)).map(|v| v.digest()),
        Some(p.vertex(1, "B").digest())
    );
    assert_eq!(dag.round(Round(1)).count(), 5);
}

#[test]
fn far_ahead_and_settled_vertices_are_refused() {
    let p = picture("A B C D\nA B C D");
    let mut dag = Dag::new(&p.committee, 8);
    let mut ahead = Draft {
        round: Round(super::store::ROUNDS_AHEAD_MAX + 1),
        author: ReplicaId(0),
        parents: Vec::new(),
        height: Height(0),
        claim: None,
        toss: None,
        batch: Batch::empty(),
    };
    let sign = |draft: &Draft| {
        let mut out = Effects::<Mysticeti>::new(signer(0));
        Arc::new(Vertex::sign(draft.clone(), &p.committee, DOMAIN, &mut out))
    };
    assert!(matches!(dag.insert(sign(&ahead)), Insert::Refused("too far ahead")));
    ahead.round = Round(5);
    ahead.parents = vec![p.vertex(1, "B").name()];
    assert!(matches!(dag.insert(sign(&ahead)), Insert::Waits));
    let frontier = [0, 1, 0, 0].map(Round).to_vec();
    let cut = Cut { round: Round(2), head: Head::genesis(p.committee.chain), frontier };
    assert_eq!(dag.settle(&cut, cut.round).len(), 1, "what it waits for will never be needed");
    assert!(matches!(dag.insert(p.vertex(1, "B").clone()), Insert::Refused("settled")));
}

#[test]
fn the_last_decided_round_has_its_quorum_with_leaders_that_are_in_the_ledger() {
    let p = picture("A B C\nA B C");
    let mut dag = Dag::new(&p.committee, 8);
    let frontier = [0, 1, 0, 0].map(Round).to_vec();
    let cut = Cut { round: Round(1), head: Head::genesis(p.committee.chain), frontier };
    assert!(dag.settle(&cut, cut.round).is_empty());
    assert!(matches!(dag.insert(p.vertex(2, "A").clone()), Insert::Waits), "for B too");
    for name in ["A", "C", "B"] {
        assert!(!dag.has_quorum(Round(1)));
        assert!(accepted(dag.insert(p.vertex(1, name).clone())) > 0, "{name}");
    }
    assert_eq!(dag.top(), Round(1));
    assert!(dag.get(&p.vertex(2, "A").name()).is_some());
}

#[test]
fn what_is_too_old_below_a_decided_cut_may_be_done_without_once_a_cut_is_proven() {
    let p = picture("A B C D\nA B C D\nA B C");
    let mut dag = Dag::new(&p.committee, 1);
    for vertex in p.vertices.iter().filter(|vertex| vertex.name() != p.vertex(1, "D").name()) {
        let _ = dag.insert(vertex.clone());
    }
    let head = Head::genesis(p.committee.chain);
    let cut = Cut { round: Round(2), head, frontier: vec![Round(0); 4] };
    assert!(dag.settle(&cut, Round(1)).is_empty());
    assert_eq!((dag.floor(), dag.top()), (Round(0), Round(1)));
    assert_eq!(dag.settle(&cut, Round(9)).len(), 7, "all that waited for D's first");
    assert_eq!((dag.floor(), dag.top()), (Round(1), Round(3)));
}

#[test]
fn a_well_formed_vertex_builds_on_a_quorum_in_order() {
    let p = picture("A B C D\nA B C D\nA");
    let good = p.vertex(3, "A");
    let holds = |draft: Draft| {
        let mut out = Effects::<Mysticeti>::new(signer(0));
        let vertex = Vertex::sign(draft, &p.committee, DOMAIN, &mut out);
        let mut claims = Vec::new();
        vertex.claims(&p.committee, DOMAIN, &mut claims).is_ok()
            && Reference.check(&claims).into_iter().all(|holds| holds)
    };
    let draft = || Draft {
        round: good.round,
        author: good.author,
        parents: good.parents.clone(),
        height: good.height,
        claim: None,
        toss: None,
        batch: Batch::empty(),
    };
    assert!(holds(draft()));
    let bad = |change: &dyn Fn(&mut Draft)| {
        let mut draft = draft();
        change(&mut draft);
        !holds(draft)
    };
    assert!(bad(&|d| d.author = ReplicaId(1)), "signed by another");
    assert!(bad(&|d| d.parents.truncate(2)), "no quorum");
    assert!(bad(&|d| d.parents.swap(1, 2)), "out of order");
    assert!(bad(&|d| d.parents.swap(0, 1)), "the own not first");
    assert!(bad(&|d| d.parents.push(d.parents[3])), "one twice");
    assert!(bad(&|d| d.parents[3].round = Round(3)), "a parent of its own round");
    assert!(bad(&|d| d.parents[3].author = ReplicaId(9)), "nobody's");
    assert!(bad(&|d| d.round = Round(4)), "none in the round before");
    assert!(bad(&|d| d.round = Round(1)), "the first round builds on nothing");
    assert!(!bad(&|d| d.parents.truncate(3)), "three are enough");
}

#[test]
fn a_leader_brings_its_history_in_order_and_once() {
    let p = picture("A B C D\nA B C D\nA B C D");
    let mut dag = Dag::new(&p.committee, 8);
    p.vertices.iter().for_each(|vertex| assert_eq!(accepted(dag.insert(vertex.clone())), 1));
    let mut order = Order::new(&p.committee, &Saved::nothing(&p.committee), None);
    let names = |vertices: Vec<Arc<Vertex>>| {
        let names: Vec<_> = vertices.iter().map(|vertex| p.call(&vertex.name())).collect();
        names.join(" ")
    };
    let frontier = order.decided().frontier.clone();
    assert_eq!(names(dag.history(p.vertex(2, "C"), &frontier)), "1A 1B 1C 1D 2C");
    order.decide(&dag, Round(2), &[p.vertex(2, "C").clone()]);
    let frontier = order.decided().frontier.clone();
    assert_eq!(frontier, [1, 1, 2, 1].map(Round));
    assert_eq!(names(dag.history(p.vertex(3, "D"), &frontier)), "2A 2B 2D 3D");
    assert!(dag.reaches(&p.vertex(3, "A").name(), &p.vertex(1, "D").name()));
    assert!(!dag.reaches(&p.vertex(2, "A").name(), &p.vertex(2, "B").name()));
}

#[test]
fn what_stays_saved_holds_whatever_the_next_vertices_build_on() {
    let p = picture("A B C D\nA B C D\nA B C D\nA B C D");
    let mut dag = Dag::new(&p.committee, 8);
    p.vertices.iter().for_each(|vertex| assert_eq!(accepted(dag.insert(vertex.clone())), 1));
    let frontier = [2, 2, 3, 2].map(Round).to_vec();
    let cut = Cut { round: Round(3), head: Head::genesis(p.committee.chain), frontier };
    let kept: Vec<_> = dag.unspent(&cut).cloned().collect();
    let names: Vec<_> = kept.iter().map(|vertex| p.call(&vertex.name())).collect();
    assert_eq!(names.join(" "), "3A 3B 3C 3D 4A 4B 4C 4D", "3C is in the ledger, and built on");
    let mut back = Dag::new(&p.committee, 8);
    assert!(back.settle(&cut, cut.round).is_empty());
    kept.into_iter().for_each(|vertex| assert_eq!(accepted(back.insert(vertex)), 1));
    assert_eq!(back.top(), Round(4));
}

/// Two ledger blocks, and the cut that proves both, signed by `by`.
fn proven(by: &[u16]) -> (Picture, Vec<Block>) {
    let p = picture("A B C D");
    let client = signer(0);
    let batch = |n| {
        let transaction = Transaction::new(&p.committee, &client, n, b"payload");
        Batch::new(&[transaction], &Reference)
    };
    let genesis = p.committee.chain;
    let one = Block::chained(Height(1), genesis, ReplicaId(2), batch(0), Proof::default());
    let two = Block::chained(Height(2), one.digest, ReplicaId(1), batch(1), Proof::default());
    let cut = Cut { round: Round(7), head: two.head(), frontier: vec![Round(6); 4] };
    let claim = Some(cut.claimed());
    let endorse = |&i: &u16| {
        let mut out = Effects::<Mysticeti>::new(signer(i));
        let (author, parents, batch) = (ReplicaId(i), Vec::new(), Batch::empty());
        let (round, height, toss) = (Round(9), Height(0), None);
        let draft = Draft { round, author, parents, height, claim, toss, batch };
        let vertex = Vertex::sign(draft, &p.committee, DOMAIN, &mut out);
        (author, vertex.core(), vertex.signature)
    };
    let proven = Arc::new(Proven { cut, by: by.iter().map(endorse).collect() });
    let mut blocks = vec![one, two];
    let links = vec![(blocks[1].producer, blocks[1].batch.root())];
    blocks[0].proof = Finality { proven: proven.clone(), links }.to_proof();
    blocks[1].proof = Finality { proven, links: Vec::new() }.to_proof();
    (p, blocks)
}

fn holds(claims: Result<Vec<Claim>, Invalid>) -> bool {
    claims.is_ok_and(|claims| Reference.check(&claims).into_iter().all(|holds| holds))
}

#[test]
fn an_audit_is_about_the_very_block() {
    let (p, blocks) = proven(&[0, 1, 3]);
    for block in &blocks {
        assert!(holds(audit(block, &p.committee, DOMAIN)), "{}", block.height);
        assert!(!holds(audit(block, &p.committee, "test/other")), "signed as something else");
    }
    let (first, second) = (&blocks[0], &blocks[1]);
    let swapped = Block { proof: second.proof.clone(), ..first.clone() };
    assert!(!holds(audit(&swapped, &p.committee, DOMAIN)), "another block's proof");
    let chained = |height, parent, producer, batch: &Batch| {
        let block = Block::chained(height, parent, producer, batch.clone(), second.proof.clone());
        holds(audit(&block, &p.committee, DOMAIN))
    };
    let (parent, batch) = (second.parent, &second.batch);
    assert!(chained(Height(2), parent, ReplicaId(1), batch));
    assert!(!chained(Height(3), parent, ReplicaId(1), batch), "another height");
    assert!(!chained(Height(2), Digest([1; 32]), ReplicaId(1), batch), "another parent");
    assert!(!chained(Height(2), parent, ReplicaId(0), batch), "another producer");
    assert!(!chained(Height(2), parent, ReplicaId(1), &first.batch), "another batch");
    let other = Batch::parse(batch.root(), first.batch.bytes().clone()).expect("well-formed");
    assert!(!chained(Height(2), parent, ReplicaId(1), &other), "others under the root");
}

#[test]
fn a_cut_needs_a_quorum_of_distinct_signers_of_that_very_cut() {
    let good = |by: &[u16], change: &dyn Fn(&mut Proven)| {
        let (p, blocks) = proven(by);
        let mut proven = Finality::of(&blocks[1].proof).expect("a proof").proven;
        change(Arc::make_mut(&mut proven));
        let proof = Finality { proven, links: Vec::new() }.to_proof();
        holds(audit(&Block { proof, ..blocks[1].clone() }, &p.committee, DOMAIN))
    };
    assert!(good(&[0, 1, 3], &|_| {}) && good(&[0, 1, 2, 3], &|_| {}));
    assert!(!good(&[0, 1], &|_| {}), "two of four");
    assert!(!good(&[0, 1, 3], &|p| p.by[1] = p.by[0]), "one twice");
    assert!(!good(&[0, 1, 3], &|p| p.by.swap(0, 1)), "out of order");
    assert!(!good(&[0, 1, 3], &|p| p.cut.round = Round(8)), "another round");
    assert!(!good(&[0, 1, 3], &|p| p.cut.frontier[0] = Round(5)), "another frontier");
    assert!(!good(&[0, 1, 3], &|p| p.by[2].1 = Digest([0; 32])), "another vertex");
}

#[test]
fn a_ledger_is_taken_up_from_its_last_complete_cut() {
    let (p, blocks) = proven(&[0, 1, 3]);
    let saved = Saved { records: &[], head: blocks[1].head(), ledger: &Blocks(&blocks) };
    let whole = Order::new(&p.committee, &saved, None);
    assert_eq!((whole.decided().round, whole.is_complete()), (Round(7), true));
    let saved = Saved { records: &[], head: blocks[0].head(), ledger: &Blocks(&blocks[..1]) };
    let amid = Order::new(&p.committee, &saved, None);
    assert_eq!((amid.decided().round, amid.head().height), (Round(0), Height(1)));
    let cut = Finality::of(&blocks[1].proof).expect("a proof").proven;
    let beyond = Order::new(&p.committee, &saved, Some(cut.clone()));
    assert_eq!(beyond.decided().round, Round(0), "a saved cut that the ledger does not reach");
    let nothing = Saved { records: &[], head: Head::genesis(p.committee.chain), ledger: &NoBlocks };
    let mut order = Order::new(&p.committee, &nothing, None);
    assert!(!order.adopt(&cut), "the ledger does not end there");
    let mut out = Effects::<Mysticeti>::new(signer(0));
    assert_eq!(order.take_over(blocks[0].clone(), &mut out), None);
    let complete = order.take_over(blocks[1].clone(), &mut out).expect("it completes the cut");
    assert!(order.adopt(&complete) && !order.adopt(&complete), "once");
    assert_eq!(order.decided().claimed(), Claimed { round: Round(7), ..cut.cut.claimed() });
}

/// Whoever is a round behind may lack what everyone else forgot and built on.
#[test]
fn one_who_asks_for_what_is_forgotten_gets_the_proof_that_it_is_not_needed() {
    let (p, blocks) = proven(&[0, 1, 3]);
    let answer = |saved: &Saved<'_>| {
        let seat = Seat::new(ReplicaId(0), Arc::new(p.committee.clone()));
        let loom = Loom::new(seat, 4, Span::ms(1), DOMAIN, saved, None);
        let mut out = Effects::<Mysticeti>::new(signer(0));
        assert!(loom.fetched(ReplicaId(1), &[p.vertex(1, "B").name()], 0, &mut out).is_empty());
        format!("{out:?}")
    };
    let whole = Saved { records: &[], head: blocks[1].head(), ledger: &Blocks(&blocks) };
    assert!(answer(&whole).contains("Cut("));
    let nothing = Saved { records: &[], head: Head::genesis(p.committee.chain), ledger: &NoBlocks };
    assert!(!answer(&nothing).contains("Cut("), "it never had it");
}

/// C decided rounds 1 and 3, and heard X's claim of the first, which nobody else heard: it goes on. A, who heard too
/// few, learns it from the proof alone, and claims the next.
#[test]
fn a_cut_that_one_alone_can_prove_is_learnt_from_its_proof() {
    let p = picture("A B C D\nA B C D\nA B C D");
    let mut dag = Dag::new(&p.committee, 8);
    p.vertices.iter().for_each(|vertex| assert_eq!(accepted(dag.insert(vertex.clone())), 1));
    let decided = || {
        let mut order = Order::new(&p.committee, &Saved::nothing(&p.committee), None);
        order.decide(&dag, Round(1), &[p.vertex(1, "B").clone()]);
        order.decide(&dag, Round(3), &[p.vertex(3, "C").clone()]);
        order
    };
    let first = decided().first_claim().expect("two are decided");
    assert_eq!(first.round, Round(1));
    let claim = |by: u16| {
        let (round, author) = (Round(4), ReplicaId(by));
        let draft = Draft {
            round,
            author,
            parents: Vec::new(),
            height: Height(0),
            claim: Some(first),
            toss: None,
            batch: Batch::empty(),
        };
        Vertex::sign(draft, &p.committee, DOMAIN, &mut Effects::<Mysticeti>::new(signer(by)))
    };
    let mut out = Effects::<Mysticeti>::new(signer(0));
    let (mut a, mut c) = (decided(), decided());
    [0, 1].into_iter().for_each(|by| a.hear(&claim(by)));
    [0, 1, 3].into_iter().for_each(|by| c.hear(&claim(by)));
    assert!(!a.commit(&mut out) && c.commit(&mut out));
    assert_eq!(c.first_claim().map(|claim| claim.round), Some(Round(3)), "and never 1 again");
    let proven = c.proven().clone();
    let mut other = proven.clone();
    Arc::make_mut(&mut other).cut.frontier[0] = Round(1);
    assert!(!a.learn(&other, &mut out), "not what is decided here");
    assert!(a.learn(&proven, &mut out) && !a.learn(&proven, &mut out), "once");
    assert_eq!((a.proven(), a.first_claim()), (&proven, c.first_claim()));
}

/// Who claims what is long proven is shown the proof, now and then.
#[test]
fn an_old_claim_is_answered_with_the_proof() {
    let (p, blocks) = proven(&[0, 1, 3]);
    let seat = Seat::new(ReplicaId(0), Arc::new(p.committee.clone()));
    let saved = Saved { records: &[], head: blocks[1].head(), ledger: &Blocks(&blocks) };
    let mut loom = Loom::new(seat, 4, Span::ms(10), DOMAIN, &saved, None);
    let mut shown = |at, round, claimed| {
        let cut = Digest([7; 32]);
        let mut vertex = Vertex::clone(p.vertex(1, "B"));
        (vertex.round, vertex.claim) = (Round(round), Some(Claimed { round: Round(claimed), cut }));
        let mut out = Effects::<Mysticeti>::new(signer(0));
        loom.show(byzlab_core::Time::ms(at), &vertex, &mut out);
        format!("{out:?}").contains("Cut(")
    };
    assert!(!shown(1, 12, 7), "it may be on its way to the next");
    assert!(!shown(2, 40, 8), "that is not proven here");
    assert!(shown(3, 40, 7) && !shown(12, 41, 7), "once in a while");
    assert!(shown(13, u64::MAX, 7));
    let (now, mut out) = (byzlab_core::Time::ms(1), Effects::<Mysticeti>::new(signer(0)));
    assert!(loom.helps(now, ReplicaId(2), Round(u64::MAX), true, &mut out));
}

struct Blocks<'a>(&'a [Block]);

impl byzlab_core::protocol::Ledger for Blocks<'_> {
    fn block(&self, height: Height) -> Option<Block> {
        self.0.get((height.0 as usize).checked_sub(1)?).cloned()
    }
}
