//! Tests of the order of anchors on drawn DAGs. The anchor of round 1 is A's, of round 3 B's, of round 5 C's.

use super::{Bullshark, rules::Anchors};
use crate::kit::dag::{Dag, Insert, Round, picture::Picture};

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
