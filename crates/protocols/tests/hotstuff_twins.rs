//! The HotStuff family against a replica that says two things: two honest copies under one key (Twins, Bano
//! et al. 2021). With quorums of 2f + 1 one such replica in four does nothing but cost time; with 2f it makes
//! two halves of the committee commit different blocks.

#![allow(clippy::unwrap_used)]

use byzlab_core::{ReplicaId, Span, Time, outcome::Outcome};
use byzlab_protocols::builtin;
use byzlab_sim::{Clients, Delay, Fault, Scenario, run};

const FAMILY: [&str; 4] = ["hotstuff", "fast-hotstuff", "jolteon", "hotstuff-2"];
const PARAMS: &str = "view_timeout = \"200ms\"\nleader_wait = \"35ms\"\nleaders = \"random\"\n";

fn scenario(name: &str, seed: u64, params: &str) -> Scenario {
    let mut scenario = Scenario::new(builtin().find(name).unwrap(), 4, seed);
    scenario.params = toml::from_str(&format!("{PARAMS}{params}")).unwrap();
    scenario.network.delay = Delay::Range { low: Span::ms(2), high: Span::ms(30) };
    scenario.clients = Clients::open(2, Span::ms(25), Time::ms(600));
    scenario.clients.load.retry = Span::ms(300);
    scenario.stop.after = Span::seconds(15);
    scenario
}

/// Four replicas, one of them a twin; in every third run the twins change sides now and then.
fn twins(name: &str, seed: u64) -> Outcome {
    let mut scenario = scenario(name, seed, "");
    let replica = ReplicaId((seed % 4) as u16);
    let reshuffle = seed.is_multiple_of(3).then_some(Span::ms(150));
    scenario.faults = vec![Fault::Twins { replica, reshuffle }];
    run(&scenario, &mut |_| {}).unwrap()
}

#[test]
fn one_twin_in_four_breaks_nothing() {
    for name in FAMILY {
        let (mut view_changes, mut fetched, mut equivocations) = (0, 0, 0);
        for seed in 0..100 {
            let outcome = twins(name, seed);
            assert_eq!(outcome.violations, [], "{name}, seed {seed}");
            assert_eq!(outcome.committed_transactions(), outcome.submitted, "{name}, seed {seed}");
            view_changes += outcome.view_changes;
            fetched += outcome.traffic.get("drafts").map_or(0, |traffic| traffic.messages);
            let caught = outcome.notes.iter().filter(|(note, _)| note.contains("two proposals"));
            equivocations += caught.map(|(_, count)| count).sum::<u64>();
        }
        // What the test set out to provoke did happen.
        assert!(view_changes > 100, "{name}: {view_changes}");
        assert!(fetched > 0, "{name}: {fetched}");
        assert!(equivocations > 0, "{name}: {equivocations}");
    }
}

#[test]
fn a_quorum_of_2f_breaks_agreement() {
    for name in FAMILY {
        let broken = |seed| {
            // Two and two, out of each other's sight for a minute: no replica need lie, and on each side
            // the leaders of a run of views are all there, once in a while.
            let mut scenario = scenario(name, seed, "quorum = 2");
            scenario.stop.after = Span::seconds(70);
            let groups = vec![vec![ReplicaId(0), ReplicaId(1)]];
            let during = Time::ZERO..Time::seconds(60);
            scenario.faults = vec![Fault::Partition { groups, during }];
            let outcome = run(&scenario, &mut |_| {}).unwrap();
            outcome.violations.iter().any(|violation| violation.property == "agreement")
        };
        assert!((0..10).any(broken), "{name}: the checkers see nothing");
    }
}
