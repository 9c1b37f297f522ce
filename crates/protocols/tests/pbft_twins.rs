//! PBFT against a replica that says two things: two honest copies under one key (Twins, Bano et al. 2021).
//!
//! The bound n ≥ 3f + 1 at work: with quorums of 2f + 1 one such replica in four does nothing but cost time;
//! with 2f it makes honest replicas commit different blocks.

#![allow(clippy::unwrap_used)]

use byzlab_core::{ReplicaId, Span, Time, outcome::Outcome};
use byzlab_protocols::builtin;
use byzlab_sim::{Clients, Delay, Fault, Scenario, run};

const PARAMS: &str = "
    checkpoint_interval = 4
    watermark_window = 12
    in_flight = 4
    view_timeout = \"200ms\"
";

/// Four replicas; the first primary or the second is a twin. In every third run the twins change sides
/// now and then. Short: each run decides a few dozen heights.
fn twins(seed: u64, more: &str) -> Outcome {
    let mut scenario = Scenario::new(builtin().find("pbft").unwrap(), 4, seed);
    scenario.params = toml::from_str(&format!("{PARAMS}{more}")).unwrap();
    scenario.network.delay = Delay::Range { low: Span::ms(2), high: Span::ms(30) };
    scenario.clients = Clients::open(2, Span::ms(25), Time::ms(600));
    scenario.clients.load.retry = Span::ms(300);
    let replica = ReplicaId((seed % 2) as u16);
    let reshuffle = seed.is_multiple_of(3).then_some(Span::ms(150));
    scenario.faults = vec![Fault::Twins { replica, reshuffle }];
    scenario.stop.after = Span::seconds(10);
    run(&scenario, &mut |_| {}).unwrap()
}

#[test]
fn one_twin_in_four_breaks_nothing() {
    let (mut view_changes, mut fetched, mut equivocations) = (0, 0, 0);
    for seed in 0..1_000 {
        let outcome = twins(seed, "");
        assert_eq!(outcome.violations, [], "seed {seed}");
        assert_eq!(outcome.committed_transactions(), outcome.submitted, "seed {seed}");
        view_changes += outcome.view_changes;
        fetched += outcome.traffic.get("fetched").map_or(0, |traffic| traffic.messages);
        let caught = outcome.notes.iter().filter(|(note, _)| note.contains("two proposals"));
        equivocations += caught.map(|(_, count)| count).sum::<u64>();
    }
    // What the test set out to provoke did happen.
    assert!(equivocations > 100, "{equivocations}");
    assert!(view_changes > 100, "{view_changes}");
    assert!(fetched > 100, "{fetched}");
}

#[test]
fn a_quorum_of_2f_breaks_agreement() {
    let broken = |seed| {
        let outcome = twins(seed, "quorum = 2");
        outcome.violations.iter().any(|violation| violation.property == "agreement")
    };
    assert!((0..20).any(broken), "the checkers see nothing");
}
