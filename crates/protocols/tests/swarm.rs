//! Every protocol of the table in a swarm of faults: agreement, and progress once they are over.
//!
//! One test a protocol, with few seeds; `cargo test -p byzlab-protocols --test swarm pbft` runs one.
//! `BYZLAB_SEEDS=200` before it runs more, `byzlab conform pbft --seeds 1000` on all cores. What a
//! seed draws is in [`byzlab_sim::swarm`].

#![allow(clippy::unwrap_used)]

use byzlab_core::{Span, Time, host::client::Arrivals};
use byzlab_protocols::builtin;
use byzlab_sim::{Clients, Scenario, run, swarm};

/// How many seeds each variant is given.
const SEEDS: u64 = 8;

/// A test a protocol, called like it with `_` for `-`, and the list of them.
macro_rules! swarms {
    ($($name:ident),* $(,)?) => {
        const ALL: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { swarm(stringify!($name)) })*
    };
}

swarms![
    pbft,
    tendermint,
    simplex,
    streamlet,
    minimmit,
    hotstuff,
    fast_hotstuff,
    jolteon,
    hotstuff_2,
    mysticeti,
    bullshark,
    tusk,
    raft,
    pow,
    central
];

#[test]
fn every_protocol_of_the_table_has_its_swarm() {
    let table: Vec<_> = builtin().entries().iter().map(|e| e.name.replace('-', "_")).collect();
    assert_eq!(table, ALL, "add it to the list above");
}

fn swarm(name: &str) {
    let seeds = std::env::var("BYZLAB_SEEDS").ok().map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let entry = builtin().find(&name.replace('_', "-")).unwrap();
    assert!(!entry.theories.is_empty(), "{name} promises nothing: `Entry::promising`");
    for theory in entry.theories {
        for seed in 0..seeds {
            let scenario = swarm::scenario(entry, theory, seed).unwrap();
            let outcome = run(&scenario, &mut |_| {}).unwrap();
            if let Err(what) = swarm::judge(theory, &scenario, &outcome) {
                let (variant, told) = (theory.variant, swarm::InWords(&scenario));
                panic!("{told}\n  {variant}\n  {what}\n  byzlab conform {name} --seed {seed}");
            }
        }
    }
}

/// What these seeds draw ends well, for every variant.
fn good(name: &str, seeds: &[u64]) {
    let entry = builtin().find(name).unwrap();
    for (theory, &seed) in entry.theories.iter().flat_map(|t| seeds.iter().map(move |s| (t, s))) {
        let scenario = swarm::scenario(entry, theory, seed).unwrap();
        let outcome = run(&scenario, &mut |_| {}).unwrap();
        assert_eq!(
            swarm::judge(theory, &scenario, &outcome),
            Ok(()),
            "{}",
            swarm::InWords(&scenario)
        );
    }
}

/// All stood still: who was a round behind lacked what the others had forgotten and built on, or
/// the vertex of a leader in its ledger that made up its quorum.
#[test]
fn seeds_in_which_a_dag_got_stuck() {
    good("mysticeti", &[199, 603, 604]);
    good("bullshark", &[193, 342]);
}

/// A quorum restarted before it had all spoken again. All had forgotten the last anchor in their ledgers, on
/// which whatever came after it was built.
#[test]
fn a_seed_in_which_all_forgot_the_last_anchor() {
    good("bullshark", &[10_784]);
}

/// All that were up were just a quorum, and messages went on being lost: one vote that was not said
/// again cost a round of leaders, and the waits grew to sixteen times what they were.
#[test]
fn seeds_in_which_a_chain_starved_for_single_votes() {
    good("hotstuff", &[797, 2757, 3062, 3452]);
    good("jolteon", &[479, 2829]);
}

/// One view had ended both ways: half of the replicas heard of its block alone, and the others of its
/// nullification alone. Each half refused what the other's leaders proposed.
#[test]
fn a_seed_in_which_a_view_ended_both_ways() {
    good("simplex", &[10_581]);
}

/// One left a round by the vote of a replica that was down from then on. The other two had no quorum without
/// that vote, and it had none in the next round without them.
#[test]
fn a_seed_in_which_a_round_was_left_by_a_vote_that_one_alone_had() {
    good("tendermint", &[70_981]);
}

/// A burst that a client spreads over replicas is known as sent, whichever part comes first.
#[test]
fn bursts_are_spread_over_replicas() {
    let mut scenario = Scenario::new(builtin().find("mysticeti").unwrap(), 4, 1);
    scenario.clients = Clients::open(2, Span::ms(10), Time::NEVER);
    scenario.clients.load.arrivals = Arrivals::Closed { outstanding: 20 };
    scenario.stop.after = Span::seconds(1);
    let outcome = run(&scenario, &mut |_| {}).unwrap();
    assert_eq!(outcome.violations, []);
    assert!(outcome.committed_transactions() > 100, "{}", outcome.committed_transactions());
}
