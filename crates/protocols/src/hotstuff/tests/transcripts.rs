//! Whole clusters in lockstep, as stories: one block from its proposal to the last commit, and a leader
//! that is down.

use byzlab_core::{Entry, ReplicaId};

use super::{
    super::{FAST_HOTSTUFF, HOTSTUFF, HOTSTUFF_2, JOLTEON},
    Message,
};
use crate::kit::chain::DEPTH_MAX;

type Steps = crate::kit::steps::Steps<Message>;

#[track_caller]
fn assert_story(told: &str, expected: &str) {
    let expected: Vec<_> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(told.trim().lines().collect::<Vec<_>>(), expected, "\n{told}");
}

/// What four replicas say about one block, until they rest.
fn one_block(entry: Entry) -> String {
    Steps::new(entry, "view_timeout = \"10s\"", 4, &[]).run(40).to_owned()
}

#[test]
fn a_three_chain_takes_seven_delays() {
    let expected = "
        0δ r1 → all: propose
        0δ r1 → r2: vote
        1δ r0 r3 → r2: vote
        2δ r2 → all: propose
        2δ r2 → r3: vote
        3δ r0 r1 → r3: vote
        4δ r3 → all: propose
        4δ r3 → r0: vote
        5δ r1 r2 → r0: vote
        6δ r0: commits
        6δ r0 → all: propose
        6δ r0 → r1: vote
        7δ r1 r2 r3: commits
        7δ r2 r3 → r1: vote";
    assert_story(&one_block(HOTSTUFF), expected);
}

#[test]
fn a_two_chain_takes_five() {
    let expected = "
        0δ r1 → all: propose
        0δ r1 → r2: vote
        1δ r0 r3 → r2: vote
        2δ r2 → all: propose
        2δ r2 → r3: vote
        3δ r0 r1 → r3: vote
        4δ r3: commits
        4δ r3 → all: propose
        4δ r3 → r0: vote
        5δ r0 r1 r2: commits
        5δ r1 r2 → r0: vote";
    assert_story(&one_block(FAST_HOTSTUFF), expected);
    assert_story(&one_block(JOLTEON), expected);
}

#[test]
fn so_does_a_certified_certificate() {
    // The second view's blank tells of the decision; that nobody tells of its own is no loss.
    let expected = "
        0δ r1 → all: propose
        1δ r0 r2 r3 → r1: vote
        2δ r1 → all: prepare
        2δ r1 → r2: vote-2
        3δ r0 r3 → r2: vote-2
        4δ r2: commits
        4δ r2 → all: propose
        5δ r0 r1 r3: commits
        5δ r0 r1 r3 → r2: vote
        6δ r2 → all: prepare
        6δ r2 → r3: vote-2
        7δ r0 r1 → r3: vote-2";
    assert_story(&one_block(HOTSTUFF_2), expected);
}

/// The first leader is down.
fn leaderless(entry: Entry, params: &str) -> String {
    let params = format!("view_timeout = \"50ms\"\n{params}");
    Steps::new(entry, &params, 4, &[1]).run(14).to_owned()
}

#[test]
fn new_views_go_to_the_next_leader_alone() {
    let expected = "
        5δ r0 r3 → r2: timeout
        6δ r2 → all: propose
        6δ r2 → r3: vote
        7δ r0 → r3: vote
        8δ r3 → all: propose
        8δ r3 → r0: vote
        9δ r2 → r0: vote
        10δ r0: commits
        10δ r0 → all: propose
        10δ r0 → r1: vote
        11δ r2 r3: commits
        11δ r2 r3 → r1: vote";
    assert_story(&leaderless(FAST_HOTSTUFF, ""), expected);
}

#[test]
fn timeouts_go_to_all() {
    let expected = "
        5δ r0 r2 r3 → all: timeout
        6δ r2 → all: propose
        6δ r2 → r3: vote
        7δ r0 → r3: vote
        8δ r3 → all: propose
        8δ r3 → r0: vote
        9δ r2 → r0: vote
        10δ r0: commits
        10δ r0 → all: propose
        10δ r0 → r1: vote
        11δ r2 r3: commits
        11δ r2 r3 → r1: vote";
    assert_story(&leaderless(JOLTEON, ""), expected);
}

#[test]
fn hotstuff_2s_leader_waits_for_locks_after_a_view_that_failed() {
    // New-views at 5δ; there at 6δ; Δ of two steps; then as ever.
    let told = leaderless(HOTSTUFF_2, "leader_wait = \"20ms\"");
    let proposes: Vec<_> = told.lines().filter(|line| line.contains("propose")).collect();
    assert_eq!(proposes[0], "8δ r2 → all: propose", "\n{told}");
}

/// Three of four are up, so all of their votes are needed; the first message of this kind that replica 1
/// sends, who leads the first view, is lost.
fn with_a_loss(entry: Entry, kind: &'static str) -> String {
    let mut steps = Steps::new(entry, "view_timeout = \"80ms\"", 4, &[0]);
    steps.lose = Some((ReplicaId(1), kind));
    steps.run(10).to_owned()
}

#[test]
fn what_was_lost_is_said_again_halfway_through_the_view_and_the_chain_goes_on() {
    let expected = "
        0δ r1 → all: propose
        0δ r1 → r2: vote
        4δ r1 → all: propose
        4δ r1 → r2: vote
        5δ r3 → r2: vote
        6δ r2 → all: propose
        6δ r2 → r3: vote
        7δ r1 → r3: vote
        8δ r3: commits
        8δ r3 → all: propose
        8δ r3 → r0: vote
        9δ r1 r2: commits
        9δ r1 r2 → r0: vote";
    assert_story(&with_a_loss(FAST_HOTSTUFF, "propose"), expected);
    assert_story(&with_a_loss(JOLTEON, "propose"), expected);
}

#[test]
fn each_of_two_phases_is_said_again() {
    let expected = "
        0δ r1 → all: propose
        1δ r2 r3 → r1: vote
        2δ r1 → all: prepare
        2δ r1 → r2: vote-2
        4δ r1 → all: prepare
        4δ r2 r3 → r1: vote
        4δ r1 → r2: vote-2
        5δ r3 → r2: vote-2
        6δ r2: commits
        6δ r2 → all: propose
        7δ r1 r3: commits
        7δ r1 r3 → r2: vote
        8δ r2 → all: prepare
        8δ r2 → r3: vote-2
        9δ r1 → r3: vote-2";
    assert_story(&with_a_loss(HOTSTUFF_2, "prepare"), expected);
}

/// Blocks that everyone who is up has, and views, after a long time under load with replica 3 down.
fn with_one_down(entry: Entry) -> (usize, u64) {
    let mut steps = Steps::new(entry, "view_timeout = \"50ms\"", 4, &[3]);
    steps.load = u64::MAX;
    steps.run(3_000);
    let heights = steps.ledgers[..3].iter().map(Vec::len);
    (heights.min().unwrap_or_default(), steps.view.0)
}

#[test]
fn with_one_of_four_down_the_three_chain_commits_nothing_and_the_two_chain_half_a_block_a_view() {
    let (blocks, views) = with_one_down(HOTSTUFF);
    assert!(blocks == 0 && views > 100, "{blocks} blocks in {views} views");
    for entry in [FAST_HOTSTUFF, JOLTEON] {
        let (blocks, views) = with_one_down(entry);
        let half = views as usize / 2;
        assert!(views > 100 && blocks.abs_diff(half) <= 2, "{blocks} blocks in {views} views");
    }
}

#[test]
fn what_a_starved_three_chain_has_gathered_is_committed_at_once_when_the_fourth_comes() {
    let mut steps = Steps::new(HOTSTUFF, "view_timeout = \"50ms\"", 4, &[3]);
    steps.load = u64::MAX;
    steps.run(3_000);
    assert!(steps.ledgers.iter().all(Vec::is_empty));
    let gathered = u64::MAX - steps.load;
    assert!(gathered < 3 * DEPTH_MAX, "{gathered} batches: beyond {DEPTH_MAX} blocks, blanks");
    steps.begin(3);
    steps.run(60);
    for ledger in &steps.ledgers {
        assert!(ledger.len() as u64 > DEPTH_MAX, "{}", ledger.len());
    }
    assert!(steps.audited());
}
