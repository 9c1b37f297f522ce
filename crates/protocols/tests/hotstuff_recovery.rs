//! Replicas of the HotStuff family that are killed between any two actions keep their word: see
//! `common/recovery.rs`.

#![allow(clippy::unwrap_used)]

#[path = "common/recovery.rs"]
mod recovery;

use std::collections::BTreeMap;

use byzlab_core::{Digest, Packet, ReplicaId, Span, Time, View};
use byzlab_protocols::{
    builtin,
    hotstuff::{
        Message,
        rules::{Lineage, Phase, Rule},
    },
};
use byzlab_sim::{Clients, Deed, Fault, Scenario, run_traced};

use recovery::{SIZE, Witness};

const FAMILY: [&str; 4] = ["hotstuff", "fast-hotstuff", "jolteon", "hotstuff-2"];
const PARAMS: &str = "view_timeout = \"15ms\"\nleader_wait = \"3ms\"";

type World = recovery::World<Said>;

#[derive(Default)]
struct Said {
    votes: BTreeMap<(Phase, View), Lineage>,
    proposals: BTreeMap<View, (View, Digest)>,
    /// The last view that it gave up.
    left: View,
    /// The highest view on which a vote of it shows a lock, and of a certificate that it knew.
    lock: View,
    known: View,
}

impl Witness for Said {
    fn hears(&mut self, packet: &Packet) {
        match packet.message::<Message>().unwrap() {
            Message::Propose(proposal) => {
                let said = (proposal.justify.view(), proposal.batch.root());
                let before = *self.proposals.entry(proposal.view).or_insert(said);
                assert_eq!(before, said, "two proposals in view {}", proposal.view);
            }
            Message::Vote(vote) => {
                let Lineage { rule, own, parent, grand } = vote.lineage;
                let before = self.votes.insert((Phase::Vote, own.view), vote.lineage);
                assert!(before.is_none_or(|before| before == vote.lineage), "two votes in a view");
                assert!(own.view > self.left, "a vote in a view that it gave up");
                if rule != Rule::TwoChain {
                    assert!(parent.view >= self.lock, "a vote below its lock");
                }
                let lock = if rule == Rule::ThreeChain { grand.view } else { parent.view };
                (self.lock, self.known) = (self.lock.max(lock), self.known.max(parent.view));
            }
            Message::Vote2(vote) => {
                let before = self.votes.insert((Phase::Vote2, vote.lineage.view()), vote.lineage);
                assert!(before.is_none_or(|before| before == vote.lineage), "two votes in a view");
                self.lock = self.lock.max(vote.lineage.view());
            }
            Message::Timeout(vote, _) => {
                assert!(vote.view >= self.left, "views only rise");
                assert!(vote.high >= self.known, "a certificate that it voted on is hidden");
                self.left = vote.view;
            }
            _ => {}
        }
    }
}

#[test]
fn killed_between_any_two_actions_a_replica_keeps_its_word() {
    for name in FAMILY {
        for seed in 0..40 {
            World::new(name, PARAMS, seed).until(40);
        }
    }
}

#[test]
fn a_ledger_cut_back_is_filled_again_and_votes_stay_bound() {
    for name in FAMILY {
        for seed in 0..40 {
            let mut world = World::new(name, PARAMS, 1_000 + seed);
            world.cuts = (seed as usize % SIZE, 3);
            world.until(40);
        }
    }
}

#[test]
fn one_that_forgets_what_it_said_leads_nobody_astray() {
    for name in FAMILY {
        for seed in 0..40 {
            let mut world = World::new(name, PARAMS, 2_000 + seed);
            world.forgetful = Some(seed as usize % SIZE);
            world.kills = 24;
            world.until(40);
        }
    }
}

/// Waits are long, and one replica is down for a second: votes that it was to collect went nowhere. As
/// soon as it is back, and asks, they are said again.
#[test]
fn one_that_comes_back_is_told_what_was_said_to_it_in_this_view() {
    let (down, up) = (Time::seconds(1), Time::seconds(2));
    for name in FAMILY {
        let mut scenario = Scenario::new(builtin().find(name).unwrap(), 4, 1);
        scenario.params = "view_timeout = \"10s\"".parse().unwrap();
        scenario.clients = Clients::open(2, Span::ms(10), Time::NEVER);
        scenario.journal = true;
        scenario.stop.after = Span::seconds(3);
        let replica = ReplicaId(3);
        scenario.faults =
            vec![Fault::Crash { replica, at: down }, Fault::Restart { replica, at: up }];
        let (outcome, trace) = run_traced(&scenario, &mut |_| {}).unwrap();
        assert_eq!(outcome.violations, []);
        let commits = trace.journal.iter().filter(|l| matches!(l.deed, Deed::Committed { .. }));
        let after = |moment: Time| commits.clone().map(|line| line.at).find(|&at| at > moment);
        let stalled = after(down + Span::ms(100));
        assert_eq!(stalled, after(up), "{name}: views last till the leader is back");
        let soon = up + Span::ms(100);
        assert!(stalled.is_some_and(|at| at < soon), "{name} went on at {stalled:?}");
    }
}
