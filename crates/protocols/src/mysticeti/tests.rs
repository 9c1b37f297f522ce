//! Tests of the decision rules on drawn DAGs. Round robin: B leads round 1, C round 2, D round 3, A round 4.

use super::{Mysticeti, rules::Slots};
use crate::kit::dag::{Dag, Insert, Round, picture::Picture};

/// What is decided, in order, by all of a picture: `1B` for a committed block, `1-` for a round in which nothing
/// is. After each round a stroke.
fn decisions(leaders: u16, text: &str) -> String {
    let p = Picture::of::<Mysticeti>(text);
    let mut dag = Dag::new(&p.committee, 64);
    let mut slots = Slots::new(&p.committee, leaders, Round(0));
    let mut told = Vec::new();
    let mut last = Round(1);
    for vertex in &p.vertices {
        if vertex.round > last {
            told.push("|".to_owned());
            last = vertex.round;
        }
        let accepted = match dag.insert(vertex.clone()) {
            Insert::Accepted(accepted) => accepted,
            // A second vertex comes in when something builds on it: here, at once.
            Insert::Equivocation => continue,
            Insert::Waits => {
                let missing = dag.wanted(true, 9).into_iter().map(|(_, name)| name);
                let found: Vec<_> =
                    missing.filter_map(|n| p.vertices.iter().find(|v| v.name() == n)).collect();
                found
                    .into_iter()
                    .flat_map(|v| match dag.insert(v.clone()) {
                        Insert::Accepted(accepted) => accepted,
                        other => panic!("{other:?}"),
                    })
                    .collect()
            }
            refused => panic!("{refused:?}"),
        };
        for vertex in accepted {
            slots.count(&dag, &vertex);
            for (round, blocks) in slots.decide(&dag) {
                match blocks.is_empty() {
                    true => told.push(format!("{round}-")),
                    false => told.extend(blocks.iter().map(|name| p.call(name))),
                }
            }
        }
    }
    told.join(" ")
}

#[test]
fn a_leader_is_committed_by_a_quorum_of_certificates_two_rounds_later() {
    let full = "A B C D\nA B C D\nA B C D\nA B C D";
    assert_eq!(decisions(1, full), "| | 1B | 2C");
    assert_eq!(decisions(1, "A B C D\nA B C D\nA B"), "| |", "two certificates of three");
}

#[test]
fn several_leaders_are_committed_in_order_of_rank() {
    let full = "A B C D\nA B C D\nA B C D\nA B C D";
    assert_eq!(decisions(2, full), "| | 1B 1C | 2C 2D");
    assert_eq!(decisions(4, full), "| | 1B 1C 1D 1A | 2C 2D 2A 2B");
    // Without C's block in round 1, the second slot is skipped one round later, and the first waits for no one.
    assert_eq!(decisions(2, "A B D\nA B C D\nA B C D"), "| | 1B");
}

#[test]
fn a_leader_that_a_quorum_does_not_support_is_skipped() {
    assert_eq!(decisions(1, "A C D\nA C D\nA C D\nA C D"), "| 1- | | 2C");
    assert_eq!(decisions(1, "A B C D\nA-B B C-B D-B"), "| 1-");
    assert_eq!(decisions(1, "A B C D\nA B C-B D-B"), "|", "two do, two do not");
}

#[test]
fn an_anchor_commits_what_it_has_a_certificate_for() {
    // Three support B's block, and only A's in round 3 builds on all three.
    let one = "A B C D\nA B C D-B\nA-D B-A C-A D-A\n";
    let full = "A B C D\nA B C D\nA B C D";
    assert_eq!(decisions(1, &format!("{one}{full}")), "| | | | | 1B 2C 3D 4A");
    // The anchor, A's block in round 4, builds on its author's certificate.
    let skipped = "A B C D\nA B C D-B\nA-D B-A C-A D-A\nB C D\nB C D\nB C D\nB C D\nB C D";
    assert!(
        decisions(1, skipped).contains("1B"),
        "and so does every other: {}",
        decisions(1, skipped)
    );
}

#[test]
fn an_anchor_skips_what_it_has_no_certificate_for() {
    let none = "A B C D\nA B C-B D-B\nA B C D\n";
    let full = "A B C D\nA B C D\nA B C D";
    assert_eq!(decisions(1, &format!("{none}{full}")), "| | | | | 1- 2C 3D 4A");
}

#[test]
fn of_an_equivocators_blocks_at_most_one_is_committed() {
    // Author B builds on its second.
    let split = "A B B' C D\nA B C D+B'\nA B C D\n";
    let full = "A B C D\nA B C D\nA B C D";
    assert_eq!(decisions(1, &format!("{split}{full}")), "| | | | | 1- 2C 3D 4A");
    let second = "A B B' C D\nA+B' B' C+B' D+B'\nA-B+B' B' C-B+B' D-B+B'";
    assert_eq!(decisions(1, second), "| | 1B'");
}
