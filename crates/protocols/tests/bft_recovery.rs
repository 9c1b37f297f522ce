//! Replicas of Tendermint, Simplex, Streamlet, Minimmit and Raft that are killed between any two actions
//! keep their word: see `common/recovery.rs`.

#![allow(clippy::unwrap_used)]

#[path = "common/recovery.rs"]
mod recovery;

use std::collections::{BTreeMap, BTreeSet};

use byzlab_core::{Digest, Height, Packet, View, block::Head};
use byzlab_protocols::{
    kit::notary::{Rules, message as notary},
    minimmit, raft, simplex, streamlet, tendermint,
};

use recovery::{SIZE, Witness, World};

/// What must be said once: the same, whenever it is said.
fn once<K: Ord, V: PartialEq + Copy + std::fmt::Debug>(said: &mut BTreeMap<K, V>, key: K, it: V) {
    assert_eq!(*said.entry(key).or_insert(it), it, "two things said in one place");
}

#[derive(Default)]
struct Tendermint {
    proposals: BTreeMap<(Height, View), Digest>,
    votes: BTreeMap<(Height, View, tendermint::message::Phase), Option<Digest>>,
}

impl Witness for Tendermint {
    fn hears(&mut self, packet: &Packet) {
        use tendermint::Message;
        match packet.message::<Message>().unwrap() {
            // One that is passed on may be of two that another made.
            Message::Proposal(p)
                if u64::from(packet.from().0) == (p.height.0 + p.round.0) % SIZE as u64 =>
            {
                once(&mut self.proposals, (p.height, p.round), p.value.id(p.height));
            }
            Message::Vote(v) => once(&mut self.votes, (v.height, v.round, v.phase), v.id),
            _ => {}
        }
    }
}

/// Of protocols that notarize.
struct Notary<R> {
    proposals: BTreeMap<View, Head>,
    votes: BTreeMap<View, Head>,
    nullified: BTreeSet<View>,
    finalized: BTreeMap<View, Head>,
    rules: std::marker::PhantomData<R>,
}

impl<R> Default for Notary<R> {
    fn default() -> Self {
        Self {
            proposals: BTreeMap::new(),
            votes: BTreeMap::new(),
            nullified: BTreeSet::new(),
            finalized: BTreeMap::new(),
            rules: std::marker::PhantomData,
        }
    }
}

impl<R: Rules> Witness for Notary<R> {
    fn hears(&mut self, packet: &Packet) {
        match packet.message::<notary::Said<R>>().unwrap().message {
            notary::Message::Proposal(p) => once(&mut self.proposals, p.view, p.draft.head()),
            notary::Message::Vote(view, head, _) => {
                let late = self.nullified.contains(&view) && !self.votes.contains_key(&view);
                assert!(R::CONFIRMS || !late, "a vote after nullifying");
                once(&mut self.votes, view, head);
            }
            notary::Message::Nullify(view, _) => {
                assert!(!self.finalized.contains_key(&view), "nullified after finalizing");
                self.nullified.insert(view);
            }
            notary::Message::Finalize(view, head, _) => {
                assert!(!self.nullified.contains(&view), "finalized after nullifying");
                once(&mut self.finalized, view, head);
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct Streamlet {
    proposals: BTreeMap<View, Head>,
    votes: BTreeMap<View, Head>,
}

impl Witness for Streamlet {
    fn hears(&mut self, packet: &Packet) {
        match packet.message::<streamlet::Message>().unwrap() {
            streamlet::Message::Proposal(p) => once(&mut self.proposals, p.epoch, p.draft.head()),
            streamlet::Message::Vote(vote) => {
                once(&mut self.votes, vote.epoch, vote.head);
                let before = self.votes.range(..vote.epoch).map(|(_, head)| head.height).max();
                let after = self.votes.range(vote.epoch..).map(|(_, head)| head.height).min();
                assert!(before <= after, "a vote for a shorter chain");
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct Raft {
    entries: BTreeMap<(View, Height), Digest>,
    term: View,
}

impl Witness for Raft {
    fn hears(&mut self, packet: &Packet) {
        let term = match packet.message::<raft::Message>().unwrap() {
            raft::Message::RequestVote(term, _) | raft::Message::Vote(term, _) => term,
            raft::Message::Append(append) => {
                for entry in &append.entries {
                    let Head { height, digest } = entry.draft.head();
                    once(&mut self.entries, (entry.term, height), digest);
                }
                append.term
            }
            raft::Message::Appended(appended) => appended.term,
            _ => self.term,
        };
        assert!(term >= self.term, "terms only rise");
        self.term = term;
    }
}

const TENDERMINT: &str =
    "propose_timeout = \"15ms\"\nvote_timeout = \"8ms\"\ntimeout_increment = \"4ms\"";
const NOTARY: &str = "delta = \"8ms\"";
/// One vote in four moves a view, so in a narrow network views run away until they are paced by Δ.
const MINIMMIT: &str = "delta = \"60ms\"";
const STREAMLET: &str = "delta = \"6ms\"";
const RAFT: &str = "election_timeout = \"15ms\"\nheartbeat = \"4ms\"";

fn survives<W: Witness>(name: &str, params: &str, byzantine: bool) {
    for seed in 0..40 {
        World::<W>::new(name, params, seed).until(40);
        let mut world = World::<W>::new(name, params, 1_000 + seed);
        world.cuts = (seed as usize % SIZE, 3);
        world.until(40);
        if byzantine {
            let mut world = World::<W>::new(name, params, 2_000 + seed);
            world.forgetful = Some(seed as usize % SIZE);
            world.kills = 24;
            world.until(40);
        }
    }
}

#[test]
fn tendermint_keeps_its_word() {
    survives::<Tendermint>("tendermint", TENDERMINT, true);
}

#[test]
fn simplex_keeps_its_word() {
    survives::<Notary<simplex::Steps>>("simplex", NOTARY, true);
}

#[test]
fn streamlet_keeps_its_word() {
    survives::<Streamlet>("streamlet", STREAMLET, true);
}

#[test]
fn minimmit_keeps_its_word() {
    // Four replicas stand no Byzantine one.
    survives::<Notary<minimmit::Spec>>("minimmit", MINIMMIT, false);
}

#[test]
fn raft_keeps_its_word() {
    survives::<Raft>("raft", RAFT, false);
}
