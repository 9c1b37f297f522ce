//! Replicas of the DAG protocols that are killed between any two actions keep their word: one vertex a round,
//! and one vote for an author and round. See `common/recovery.rs`.

#![allow(clippy::unwrap_used)]

#[path = "common/recovery.rs"]
mod recovery;

use std::collections::BTreeMap;

use byzlab_core::{Digest, Packet, ReplicaId};
use byzlab_protocols::{
    bullshark,
    kit::dag::{Round, Vertex},
    mysticeti,
};

use recovery::{SIZE, Witness, World};

const PARAMS: &str =
    "leader_timeout = \"15ms\"\nidle_gap = \"30ms\"\nround_gap = \"1ms\"\ndepth = 8";

/// The one vertex of each round.
#[derive(Default)]
struct Vertices(BTreeMap<Round, Digest>);

impl Vertices {
    fn hears(&mut self, vertex: &Vertex) {
        let digest = *self.0.entry(vertex.round).or_insert(vertex.digest());
        assert_eq!(digest, vertex.digest(), "two vertices in round {}", vertex.round);
    }
}

#[derive(Default)]
struct Mysticeti(Vertices);

impl Witness for Mysticeti {
    fn hears(&mut self, packet: &Packet) {
        if let mysticeti::Message::Block(block) = packet.message().unwrap() {
            self.0.hears(&block);
        }
    }
}

#[derive(Default)]
struct Bullshark {
    headers: Vertices,
    votes: BTreeMap<(Round, ReplicaId), Digest>,
}

impl Witness for Bullshark {
    fn hears(&mut self, packet: &Packet) {
        match packet.message().unwrap() {
            bullshark::Message::Header(header) => self.headers.hears(&header),
            bullshark::Message::Vote(header, _) => {
                let slot = (header.round, header.author);
                let voted = *self.votes.entry(slot).or_insert(header.digest);
                assert_eq!(voted, header.digest, "two votes for {slot:?}");
            }
            _ => {}
        }
    }
}

fn killed_between_any_two_actions<W: Witness>(name: &str) {
    for seed in 0..20 {
        World::<W>::new(name, PARAMS, seed).until(150);
    }
}

fn with_a_ledger_cut_back<W: Witness>(name: &str) {
    for seed in 0..20 {
        let mut world = World::<W>::new(name, PARAMS, 1_000 + seed);
        world.cuts = (seed as usize % SIZE, 3);
        world.until(150);
    }
}

fn with_one_that_forgets<W: Witness>(name: &str) {
    for seed in 0..20 {
        let mut world = World::<W>::new(name, PARAMS, 2_000 + seed);
        world.forgetful = Some(seed as usize % SIZE);
        world.kills = 24;
        world.until(150);
    }
}

#[test]
fn killed_between_any_two_actions_a_replica_keeps_its_word() {
    killed_between_any_two_actions::<Mysticeti>("mysticeti");
    killed_between_any_two_actions::<Bullshark>("bullshark");
    killed_between_any_two_actions::<Bullshark>("tusk");
}

#[test]
fn a_ledger_cut_back_is_filled_again_and_words_stay_kept() {
    with_a_ledger_cut_back::<Mysticeti>("mysticeti");
    with_a_ledger_cut_back::<Bullshark>("bullshark");
}

#[test]
fn one_that_forgets_what_it_said_leads_nobody_astray() {
    with_one_that_forgets::<Mysticeti>("mysticeti");
    with_one_that_forgets::<Bullshark>("bullshark");
    with_one_that_forgets::<Bullshark>("tusk");
}
