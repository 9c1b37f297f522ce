//! PBFT against a replica that says two things: two honest copies under one key (Twins).

#![allow(clippy::unwrap_used)]

use byzlab_core::{ReplicaId, Span, Time, outcome::Outcome};
use byzlab_protocols::builtin;
use byzlab_sim::{Clients, Delay, Fault, Scenario, run};

/// Four replicas, the first primary is two. Short: each run decides a few dozen heights.
fn twins(seed: u64, quorum: &str) -> Outcome {
    let mut scenario = Scenario::new(builtin().find("pbft").unwrap(), 4, seed);
    let params = format!("checkpoint_interval = 4\nwatermark_window = 12\nin_flight = 4\nview_timeout = \"200ms\"\n{quorum}");
    scenario.params = toml::from_str(&params).unwrap();
    scenario.network.delay = Delay::Range { low: Span::ms(2), high: Span::ms(30) };
    scenario.clients = Clients::open(2, Span::ms(25), Time::ms(600));
    scenario.clients.load.retry = Span::ms(300);
    let replica = ReplicaId((seed % 2) as u16);
    scenario.faults = vec![Fault::Twins { replica, reshuffle: (seed % 3 == 0).then_some(Span::ms(150)) }];
    scenario.stop.after = Span::seconds(10);
    run(&scenario, &mut |_| {}).unwrap()
}

#[test]
fn one_twin_in_four_breaks_nothing() {
    let (mut changes, mut fetched, mut equivocations) = (0, 0, 0);
    let mut unhealed = 0;
    for seed in 0..1_000 {
        let outcome = twins(seed, "");
        assert_eq!(outcome.violations, [], "seed {seed}");
        if outcome.committed_transactions() != outcome.submitted { unhealed += 1; if unhealed < 5 { eprintln!("{seed} {:?} {:?}", outcome.notes, outcome.heads); } }
        changes += outcome.view_changes;
        fetched += outcome.traffic.get("fetched").map_or(0, |t| t.messages);
        equivocations += outcome.notes.iter().filter(|(n, _)| n.contains("two proposals")).map(|(_, c)| c).sum::<u64>();
    }
    eprintln!("{changes} {fetched} {equivocations} unhealed {unhealed}");
    assert!(changes > 100 && equivocations > 100);
}

#[test]
fn a_quorum_of_2f_breaks_agreement() {
    let broken = (0..200).filter(|&seed| {
        let outcome = twins(seed, "quorum = 2");
        outcome.violations.iter().any(|violation| violation.property == "agreement")
    });
    let n = broken.count();
    eprintln!("broken {n}");
    assert!(n > 0);
}
