//! Tests of the order of anchors on drawn DAGs, and a cluster as a story. The anchor of round 1 is A's (r0's), of
//! round 3 B's, of round 5 C's.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use byzlab_core::{Entry, ReplicaId, Scheme};
use toml::Table;

use super::{Anchoring, BULLSHARK, Bullshark, Message, TUSK, rules::Anchors};
use crate::kit::dag::{
    Dag, Insert, Round, Vertex,
    picture::{Picture, signer},
    vertex::coin_of,
};

type Cluster = crate::kit::steps::Steps<Message>;

const ENTRY: Entry = BULLSHARK;
const PARAMS: &str = "round_gap = \"0s\"\nleader_timeout = \"60ms\"";

#[track_caller]
fn assert_story(told: &str, expected: &str) {
    let expected: Vec<_> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(told.trim().lines().collect::<Vec<_>>(), expected, "\n{told}");
}

/// The anchors that are ordered, in order; after each round a stroke.
fn ordered(text: &str) -> String {
    let p = Picture::of::<Bullshark>(text);
    let mut dag = Dag::new(&p.committee, 64);
    let mut anchors = Anchors::new(&p.committee.clone().into(), Anchoring::InTurn, Round(0));
    let (mut told, mut last) = (Vec::new(), Round(1));
    for vertex in &p.vertices {
        if vertex.round > last {
            told.push("|".to_owned());
            last = vertex.round;
        }
        let Insert::Accepted(_) = dag.insert(vertex.clone()) else { panic!("a full picture") };
        anchors.count(vertex);
        if let Some(anchor) = anchors.committed(vertex.round.back(1)) {
            let anchor = dag.get(&anchor).expect("it was voted for").clone();
            let chain = anchors.chain(&dag, &anchor).expect("whose turn it is everyone knows");
            told.extend(chain.iter().map(|vertex| p.call(&vertex.name())));
            anchors.pass(anchor.round);
        }
    }
    told.join(" ")
}

#[test]
fn an_anchor_is_committed_by_f_plus_one_votes() {
    assert_eq!(ordered("A B C D\nA B C D\nA B C D\nA B C D"), "| 1A | | 3B");
    assert_eq!(ordered("A B C D\nA B-A C-A D-A"), "|", "one vote of two");
    assert_eq!(ordered("A B C D\nA B C-A D-A"), "| 1A");
}

#[test]
fn an_anchor_that_a_later_one_leads_to_comes_before_it() {
    let one_vote = "A B C D\nA B-A C-A D-A\n";
    assert_eq!(ordered(&format!("{one_vote}A B C D\nA B C D")), "| | | 1A 3B");
    let unseen = "A B C D\nA B-A C-A D-A\nA B-A C D\nA B C D";
    assert_eq!(ordered(unseen), "| | | 3B", "B's vertex does not build on A's");
    let passed = format!("{one_vote}A C D\nA C D\nA C D\nA C D");
    assert_eq!(ordered(&passed), "| | | | | 1A 5C", "with no anchor between");
}

#[test]
fn a_crashed_author_has_no_anchor() {
    let rest = "A C D\n".repeat(6);
    assert_eq!(ordered(&rest), "| 1A | | | | 5C");
}

/// Narwhal's round, three delays: headers, votes to their authors, certificates. The anchor of round 1 is final
/// when the headers of round 2 that vote for it are here.
#[test]
fn a_round_is_a_header_its_votes_and_a_certificate() {
    let mut steps = Cluster::new(ENTRY, PARAMS, 4, &[]);
    steps.load = 100;
    let expected = "
        0δ r0 r1 r2 r3 → all: header
        1δ r0 r1 r2 r3 → all: vote
        2δ r0 r1 r2 r3 → all: certificate
        3δ r0 r1 r2 r3 → all: header
        4δ r0 r1 r2 r3 → all: vote
        5δ r0 r1 r2 r3 → all: certificate
        6δ r0 r1 r2 r3: commits
        6δ r0 r1 r2 r3 → all: header
        7δ r0 r1 r2 r3 → all: vote";
    assert_story(steps.run(8), expected);
    assert!(steps.audited());
}

/// The anchor of round 1 is down: the others wait for it from 3δ to 9δ, and say their last word again in the
/// middle of that; the anchor of round 3, proposed at 12δ, is final two rounds later.
#[test]
fn an_anchor_that_is_down_is_waited_for_and_passed_over() {
    let mut steps = Cluster::new(ENTRY, PARAMS, 4, &[0]);
    steps.load = 100;
    let told = steps.run(19).lines().map(str::to_owned).collect::<Vec<_>>();
    // Who votes for whom was seen above.
    let told = told.iter().filter(|line| !line.ends_with("vote")).cloned().collect::<Vec<_>>();
    let expected = "
        0δ r1 r2 r3 → all: header
        2δ r1 r2 r3 → all: certificate
        6δ r1 r2 r3 → all: certificate
        7δ r3 → r1 r1 r2 r2: certificate
        7δ r2 → r1 r1 r3 r3: certificate
        7δ r1 → r2 r2 r3 r3: certificate
        9δ r1 r2 r3 → all: header
        11δ r1 r2 r3 → all: certificate
        12δ r1 r2 r3 → all: header
        14δ r1 r2 r3 → all: certificate
        15δ r1 r2 r3 → all: header
        17δ r1 r2 r3 → all: certificate
        18δ r1 r2 r3: commits
        18δ r1 r2 r3 → all: header";
    assert_story(&told.join("\n"), expected);
    assert!(steps.audited());
}

/// The same DAG; the coin of round 1 is tossed in round 3, its anchor decided at 7δ, and claimed by the headers of
/// round 4.
#[test]
fn a_coin_draws_the_anchor_when_the_votes_are_in() {
    let mut steps = Cluster::new(TUSK, PARAMS, 4, &[]);
    steps.load = 100;
    let told = steps.run(11).lines().map(str::to_owned).collect::<Vec<_>>();
    let told: Vec<_> = told.into_iter().filter(|line| !line.ends_with("vote")).collect();
    let expected = "
        0δ r0 r1 r2 r3 → all: header
        2δ r0 r1 r2 r3 → all: certificate
        3δ r0 r1 r2 r3 → all: header
        5δ r0 r1 r2 r3 → all: certificate
        6δ r0 r1 r2 r3 → all: header
        8δ r0 r1 r2 r3 → all: certificate
        9δ r0 r1 r2 r3 → all: header
        10δ r0 r1 r2 r3: commits";
    assert_story(&told.join("\n"), expected);
    assert!(steps.audited());
}

/// A drawn anchor is committed by f + 1 votes, as one in turn is; before it is drawn nobody's is.
#[test]
fn nobody_knows_the_anchor_before_the_coin_is_tossed() {
    let p = Picture::of::<Bullshark>("A B C D\nA B C D\nA B C D");
    let equipped = TUSK.equip(p.committee.clone(), &Table::new(), Scheme::Ed25519, 3).unwrap();
    let (committee, coin) = (Arc::new(equipped.clone()), equipped.coin.unwrap());
    let mut anchors = Anchors::new(&committee, Anchoring::ByCoin, Round(0));
    p.vertices.iter().for_each(|vertex| anchors.count(vertex));
    assert_eq!((anchors.leader(Round(1)), anchors.committed(Round(1))), (None, None));
    let mut drawn = None;
    for vertex in p.vertices.iter().filter(|vertex| vertex.round == Round(3)) {
        let part = coin.open(vertex.author, &signer(vertex.author.0)).unwrap();
        let toss = part.toss(&coin_of(&committee, Round(3)));
        let mut tossing = Vertex::clone(vertex);
        tossing.toss = Some(Box::new(toss));
        drawn = drawn.or(anchors.hear(&tossing));
        // f + 1 are two.
        assert_eq!(drawn.is_some(), vertex.author > ReplicaId(0), "{}", vertex.author);
    }
    let leader = anchors.leader(Round(1)).expect("four have tossed");
    assert_eq!(anchors.committed(Round(1)).map(|anchor| anchor.author), Some(leader));
}
