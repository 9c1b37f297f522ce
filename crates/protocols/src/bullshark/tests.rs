//! Tests of the order of anchors on drawn DAGs, and a cluster as a story. The anchor of round 1 is A's (r0's), of
//! round 3 B's, of round 5 C's.

#![allow(clippy::unwrap_used)]

use byzlab_core::Entry;

use super::{Bullshark, Message, rules::Anchors};
use crate::kit::dag::{Dag, Insert, Round, picture::Picture};

type Cluster = crate::kit::steps::Steps<Message>;

const ENTRY: Entry = Entry::of::<Bullshark>("bullshark", "");
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
    let mut anchors = Anchors::new(&p.committee, Round(0));
    let (mut told, mut last) = (Vec::new(), Round(1));
    for vertex in &p.vertices {
        if vertex.round > last {
            told.push("|".to_owned());
            last = vertex.round;
        }
        let Insert::Accepted(_) = dag.insert(vertex.clone()) else { panic!("a full picture") };
        if let Some(anchor) = anchors.count(vertex) {
            let anchor = dag.get(&anchor).expect("it was voted for").clone();
            let chain = anchors.chain(&dag, &anchor);
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
