//! Minimmit as a story: a block from its proposal to the last commit, and a leader that is down.

#![allow(clippy::unwrap_used)]

use byzlab_core::Entry;

use super::{Minimmit, Spec};
use crate::kit::notary::message::Said;

type Message = Said<Spec>;

type Cluster = crate::kit::steps::Steps<Message>;

const ENTRY: Entry = Entry::of::<Minimmit>("minimmit", "");
const PARAMS: &str = "delta = \"20ms\"";

#[track_caller]
fn assert_story(told: &str, expected: &str) {
    let told: Vec<_> = told.trim().lines().filter(|line| !line.contains("status")).collect();
    let expected: Vec<_> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(told, expected, "\n{}", told.join("\n"));
}

#[test]
fn a_block_is_final_after_two_delays() {
    let mut steps = Cluster::new(ENTRY, PARAMS, 6, &[]);
    let expected = "
        0δ r1 → all: proposal
        1δ r0 r2 r3 r4 r5 → all: vote
        2δ r0 r1 r2 r3 r4 r5: commits
        2δ r0 r1 r2 r3 r4 r5 → all: notarization";
    assert_story(steps.run(4), expected);
    assert!(steps.audited());
}

#[test]
fn it_nullifies_the_view_of_a_leader_that_is_down() {
    let mut steps = Cluster::new(ENTRY, PARAMS, 6, &[1]);
    let expected = "
        4δ r0 r2 r3 r4 r5 → all: nullify
        5δ r0 r2 r3 r4 r5 → all: nullification
        5δ r2 → all: proposal
        6δ r0 r3 r4 r5 → all: vote
        7δ r0 r2 r3 r4 r5: commits
        7δ r0 r2 r3 r4 r5 → all: notarization";
    assert_story(steps.run(9), expected);
    assert!(steps.audited());
}
