//! Simplex as a story: a block from its proposal to the last commit, and a leader that is down.

#![allow(clippy::unwrap_used)]

use byzlab_core::Entry;

use super::{Simplex, Steps};
use crate::kit::notary::message::Said;

type Message = Said<Steps>;

type Cluster = crate::kit::steps::Steps<Message>;

const ENTRY: Entry = Entry::of::<Simplex>("simplex", "");
const PARAMS: &str = "delta = \"20ms\"";

#[track_caller]
fn assert_story(told: &str, expected: &str) {
    let told: Vec<_> = told.trim().lines().filter(|line| !line.contains("status")).collect();
    let expected: Vec<_> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(told, expected, "\n{}", told.join("\n"));
}

#[test]
fn it_notarizes_after_two_delays_and_is_final_after_three() {
    let mut steps = Cluster::new(ENTRY, PARAMS, 4, &[]);
    let expected = "
        0δ r1 → all: proposal
        0δ r1 → all: vote
        1δ r0 r2 r3 → all: vote
        2δ r0 r1 r2 r3 → all: finalize
        2δ r0 r1 r2 r3 → all: notarization
        3δ r0 r1 r2 r3: commits";
    assert_story(steps.run(5), expected);
    assert!(steps.audited());
}

#[test]
fn it_does_without_a_block_of_a_leader_that_is_down() {
    let mut steps = Cluster::new(ENTRY, PARAMS, 4, &[1]);
    let expected = "
        6δ r0 r2 r3 → all: nullify
        7δ r0 r2 r3 → all: nullification
        7δ r2 → all: proposal
        7δ r2 → all: vote
        8δ r0 r3 → all: vote
        9δ r0 r2 r3 → all: finalize
        9δ r0 r2 r3 → all: notarization
        10δ r0 r2 r3: commits";
    assert_story(steps.run(12), expected);
    assert!(steps.audited());
}
