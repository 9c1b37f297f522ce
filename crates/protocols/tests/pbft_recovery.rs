//! PBFT replicas that are killed between any two actions keep their word: see `common/recovery.rs`.

#![allow(clippy::unwrap_used)]

#[path = "common/recovery.rs"]
mod recovery;

use std::collections::BTreeMap;

use byzlab_core::{Digest, Height, Packet, View};
use byzlab_protocols::pbft::{Message, proposal::Phase};

use recovery::{SIZE, Witness};

const PARAMS: &str =
    "checkpoint_interval = 4\nwatermark_window = 12\nin_flight = 3\nview_timeout = \"15ms\"";

type World = recovery::World<Said>;

#[derive(Default)]
struct Said {
    /// The view that it said it moves to, at last.
    left: View,
    /// What it voted for, ever.
    votes: BTreeMap<(Phase, View, Height), Digest>,
    checkpoints: BTreeMap<Height, Digest>,
}

impl Witness for Said {
    fn hears(&mut self, packet: &Packet) {
        let message: Message = packet.message().unwrap();
        let (phase, view, height, digest) = match &message {
            Message::PrePrepare(m) => (Phase::Prepare, m.view, m.height, m.proposal().digest()),
            Message::Prepare(v) => (Phase::Prepare, v.view, v.height, v.digest),
            Message::Commit(v) => (Phase::Commit, v.view, v.height, v.digest),
            Message::ViewChange(change) => {
                let to = change.departure.view;
                assert!(to >= self.left, "views only rise");
                // A departure tells, for each height, of what was committed to last, or of a later view.
                let (low, told) = (change.departure.stable.height, &change.departure.prepared);
                let mut last = BTreeMap::new();
                for (&(phase, view, height), &digest) in &self.votes {
                    if phase == Phase::Commit && height > low {
                        last.insert(height, (view, digest)); // In order of view.
                    }
                }
                for (height, (view, digest)) in last {
                    let claim = told.iter().find(|claim| claim.height == height);
                    let told = claim.is_some_and(|c| c.digest == digest || c.view > view);
                    assert!(told, "a commit at {height} is hidden");
                }
                self.left = to;
                return;
            }
            Message::Checkpoint(head, _) => {
                let said = *self.checkpoints.entry(head.height).or_insert(head.digest);
                assert_eq!(said, head.digest, "two checkpoints at {}", head.height);
                return;
            }
            _ => return,
        };
        assert!(view >= self.left, "a vote in {view} after leaving for {}", self.left);
        let said = *self.votes.entry((phase, view, height)).or_insert(digest);
        assert_eq!(said, digest, "two votes, {phase:?} in view {view} at {height}");
    }
}

#[test]
fn killed_between_any_two_actions_a_replica_keeps_its_word() {
    for seed in 0..120 {
        World::new("pbft", PARAMS, seed).until(60);
    }
}

#[test]
fn a_ledger_cut_back_is_filled_again_and_votes_stay_bound() {
    for seed in 0..120 {
        let mut world = World::new("pbft", PARAMS, 1_000 + seed);
        world.cuts = (seed as usize % SIZE, 3);
        world.until(60);
    }
}

#[test]
fn one_that_forgets_what_it_said_leads_nobody_astray() {
    for seed in 0..120 {
        let mut world = World::new("pbft", PARAMS, 2_000 + seed);
        world.forgetful = Some(seed as usize % SIZE);
        world.kills = 24;
        world.until(60);
    }
}
