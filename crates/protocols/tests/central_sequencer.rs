//! The sequencer in the simulated world.

#![allow(clippy::unwrap_used)]

use byzlab_core::{ReplicaId, Span, Time, host::Arrivals, outcome::Outcome};
use byzlab_protocols::builtin;
use byzlab_sim::{Clients, Fault, Scenario, run};

fn scenario(seed: u64, crash: u16, down: std::ops::Range<Time>) -> Scenario {
    let mut scenario = Scenario::new(builtin().find("central").unwrap(), 4, seed);
    scenario.clients = Clients::open(2, Span::ms(20), Time::seconds(8));
    let replica = ReplicaId(crash);
    scenario.faults =
        vec![Fault::Crash { replica, at: down.start }, Fault::Restart { replica, at: down.end }];
    scenario.stop.after = Span::seconds(20);
    scenario
}

fn simulate(scenario: &Scenario) -> Outcome {
    run(scenario, &mut |_| {}).unwrap()
}

fn assert_all_equal(outcome: &Outcome) {
    let first = outcome.heads[0].unwrap();
    assert!(outcome.heads.iter().all(|head| *head == Some(first)), "{:?}", outcome.heads);
    assert_eq!(outcome.violations, []);
    assert_eq!(outcome.committed_transactions(), outcome.submitted);
}

#[test]
fn a_follower_that_was_down_catches_up() {
    let outcome = simulate(&scenario(1, 2, Time::seconds(2)..Time::seconds(6)));
    assert_all_equal(&outcome);
    assert!(outcome.committed_blocks > 100);
}

#[test]
fn when_the_server_stops_the_system_stops_and_goes_on_with_it() {
    let down = Time::seconds(3)..Time::seconds(6);
    let outcome = simulate(&scenario(2, 0, down));
    assert_all_equal(&outcome);
    let committed = |second: usize| outcome.timeline[second].committed;
    assert!(committed(1) > 0 && committed(7) > 0);
    assert_eq!(committed(4), 0, "nobody takes over");
}

#[test]
fn lost_blocks_are_asked_for_again() {
    for seed in 0..8 {
        let mut scenario = scenario(seed, 3, Time::seconds(1)..Time::seconds(2));
        scenario.network.loss_ppm = 100_000;
        let outcome = simulate(&scenario);
        assert_eq!(outcome.violations, []);
        let heights = outcome.heads.iter().map(|head| head.unwrap().height);
        assert_eq!(heights.clone().min(), heights.max(), "seed {seed}");
    }
}

#[test]
fn what_stands_in_the_queue_of_a_busy_link_is_not_asked_for_again() {
    let mut scenario = Scenario::new(builtin().find("central").unwrap(), 4, 1);
    scenario.clients = Clients::open(4, Span::ms(10), Time::seconds(8));
    scenario.clients.load.arrivals = Arrivals::Closed { outstanding: 500 };
    scenario.params.insert("batch_transactions".into(), 100.into());
    scenario.network.bandwidth.up = Some(2_000_000);
    scenario.stop.after = Span::seconds(8);
    let outcome = simulate(&scenario);
    assert_eq!(outcome.violations, []);
    let sent = outcome.traffic["block"].messages;
    let blocks = outcome.heads[0].unwrap().height.0;
    assert!(blocks > 15, "{blocks} blocks");
    assert!(sent <= 3 * (blocks + 2), "{sent} messages for {blocks} blocks");
}
