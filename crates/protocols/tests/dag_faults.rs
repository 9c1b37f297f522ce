//! The DAG protocols under equivocation, crashed leaders, long absence, and load: what must happen does.

#![allow(clippy::unwrap_used)]

use byzlab_core::{ReplicaId, Span, Time, host::Arrivals, outcome::Outcome};
use byzlab_protocols::builtin;
use byzlab_sim::{Bandwidth, Clients, Delay, Fault, Scenario, run};

const NAMES: [&str; 3] = ["mysticeti", "bullshark", "tusk"];
const PARAMS: &str =
    "leader_timeout = \"200ms\"\nidle_gap = \"100ms\"\nround_gap = \"5ms\"\ndepth = 16";

fn scenario(name: &str, size: u16, seed: u64) -> Scenario {
    let mut scenario = Scenario::new(builtin().find(name).unwrap(), size, seed);
    if NAMES.contains(&name) {
        scenario.params = toml::from_str(PARAMS).unwrap();
    }
    scenario.network.delay = Delay::Range { low: Span::ms(2), high: Span::ms(30) };
    scenario.clients = Clients::open(4, Span::ms(25), Time::seconds(2));
    scenario.clients.load.retry = Span::ms(500);
    scenario.stop.after = Span::seconds(8);
    scenario
}

fn simulate(scenario: &Scenario) -> Outcome {
    run(scenario, &mut |_| {}).unwrap()
}

fn messages(outcome: &Outcome, kind: &str) -> u64 {
    outcome.traffic.get(kind).map_or(0, |traffic| traffic.messages)
}

fn noted(outcome: &Outcome, what: &str) -> u64 {
    outcome.notes.iter().filter(|(note, _)| note.contains(what)).map(|(_, count)| count).sum()
}

/// Replica 0 is a twin; in every third run the twins change sides now and then.
fn twins(name: &str, size: u16, how_many: u16, seed: u64) -> Outcome {
    let mut scenario = scenario(name, size, seed);
    let reshuffle = seed.is_multiple_of(3).then_some(Span::ms(150));
    let twin = |id| Fault::Twins { replica: ReplicaId(id), reshuffle };
    scenario.faults = (0..how_many).map(twin).collect();
    simulate(&scenario)
}

#[test]
fn a_twin_breaks_nothing_and_its_second_words_are_fetched() {
    for name in NAMES {
        let (mut equivocations, mut fetched) = (0, 0);
        for seed in 0..30 {
            let outcome = twins(name, 4, 1, seed);
            assert_eq!(outcome.violations, [], "{name}, seed {seed}");
            let (confirmed, sent) = (outcome.committed_transactions(), outcome.submitted);
            assert_eq!(confirmed, sent, "{name}, seed {seed}: {:?}", outcome.notes);
            equivocations += noted(&outcome, "in one round");
            fetched += messages(&outcome, "fetched");
        }
        assert!(equivocations > 20, "{name}: {equivocations}");
        // In a certified DAG nobody builds on what a quorum did not vote for.
        assert!(name != "mysticeti" || fetched > 20, "{name}: {fetched}");
    }
}

#[test]
fn two_twins_in_four_are_too_many() {
    for name in NAMES {
        let harmed = |seed| {
            let outcome = twins(name, 4, 2, seed);
            let forks = outcome.violations.iter().any(|v| v.property == "agreement");
            forks || outcome.committed_transactions() < outcome.submitted
        };
        assert!((0..20).any(harmed), "{name}: the checkers see nothing");
    }
}

#[test]
fn crashed_leaders_cost_a_timeout_each_turn_and_nothing_else() {
    for (name, size, down) in [("mysticeti", 4, 1), ("bullshark", 4, 1), ("mysticeti", 7, 2)] {
        let mut scenario = scenario(name, size, 1);
        let crash = |id| Fault::Crash { replica: ReplicaId(id), at: Time::ms(300) };
        scenario.faults = (0..down).map(crash).collect();
        let outcome = simulate(&scenario);
        assert_eq!(outcome.violations, [], "{name}");
        assert_eq!(outcome.committed_transactions(), outcome.submitted, "{name}");
        assert!(outcome.view_changes > 3, "{name}: {}", outcome.view_changes);
        // Clients pass over who did not serve them: few wait for more than one retry.
        let high = outcome.latency.quantile(0.95).unwrap();
        assert!(high < Span::ms(1_300), "{name}: {high}");
    }
}

/// While it was away the others made hundreds of idle rounds, of which the ledger has no trace.
#[test]
fn one_that_was_away_for_long_speaks_again() {
    for name in NAMES {
        for seed in 0..4 {
            let mut scenario = scenario(name, 4, seed);
            let (replica, idle) = (ReplicaId((seed % 4) as u16), Time::seconds(20));
            scenario.params.insert("idle_gap".into(), "20ms".into());
            scenario.faults = vec![
                Fault::Crash { replica, at: Time::ms(500 + 300 * seed) },
                Fault::Restart { replica, at: idle },
            ];
            scenario.clients.load.until = Time::seconds(24);
            scenario.clients.load.arrivals =
                Arrivals::Open { gap: Span::seconds(5), poisson: false };
            scenario.stop.after = Span::seconds(28);
            let outcome = simulate(&scenario);
            assert_eq!(outcome.violations, [], "{name}, seed {seed}");
            let heads = &outcome.heads;
            assert!(heads.iter().all(|head| *head == heads[0]), "{name}, seed {seed}: {heads:?}");
            assert!(messages(&outcome, "cut") > 0, "{name}, seed {seed}: {:?}", outcome.traffic);
            assert_eq!(outcome.committed_transactions(), outcome.submitted, "{name}, seed {seed}");
        }
    }
}

/// What comes next builds on the leaders that are in all ledgers, though nobody orders them again.
#[test]
fn all_come_back_and_once_more_before_anyone_has_spoken() {
    for name in NAMES {
        for seed in 0..4 {
            let mut scenario = scenario(name, 4, seed);
            for (id, again) in (0..4).flat_map(|id| [(id, 0), (id, 20)]) {
                let (replica, down) =
                    (ReplicaId(id), 1_000 + 100 * seed + 3 * u64::from(id) + again);
                scenario.faults.push(Fault::Crash { replica, at: Time::ms(down) });
                scenario.faults.push(Fault::Restart { replica, at: Time::ms(down + 18) });
            }
            let outcome = simulate(&scenario);
            assert_eq!(outcome.violations, [], "{name}, seed {seed}");
            let (confirmed, sent) = (outcome.committed_transactions(), outcome.submitted);
            assert_eq!(confirmed, sent, "{name}, seed {seed}: {:?}", outcome.notes);
        }
    }
}

/// With a narrow uplink, a leader that sends every transaction to n − 1 others gets slower as n grows; where
/// everyone sends its own, it does not.
#[test]
fn throughput_does_not_fall_as_leaders_egress_is_shared() {
    let confirmed = |name: &str, size| {
        let mut scenario = scenario(name, size, 1);
        scenario.params = toml::Table::new();
        scenario.network.delay = Delay::Constant(Span::ms(10));
        scenario.network.bandwidth = Bandwidth { up: Some(20_000_000), down: None };
        scenario.clients = Clients::open(20, Span::ms(5), Time::seconds(4));
        scenario.stop.after = Span::seconds(4);
        simulate(&scenario).committed_transactions()
    };
    let [small, large] = [4, 10].map(|size| confirmed("mysticeti", size));
    assert!(large * 10 > small * 9, "{small} at n = 4, {large} at n = 10");
    let led = confirmed("pbft", 10);
    assert!(large > 3 * led, "{large}, and {led} with a leader");
}

#[test]
fn nothing_to_do_is_done_slowly() {
    for name in NAMES {
        let mut scenario = scenario(name, 4, 1);
        scenario.clients = Clients::none();
        scenario.stop.after = Span::seconds(10);
        let outcome = simulate(&scenario);
        // A round every 100 ms and what it takes to hear of it.
        let rounds = outcome.notes["proposed"] / 4;
        assert!((50..=100).contains(&rounds), "{name}: {rounds}");
        assert_eq!(outcome.committed_blocks, 0, "{name}");
    }
}

/// Whatever the leader says takes ten seconds longer. Nobody knows whom the coin will draw, so the network guesses.
#[test]
fn a_hostile_network_stops_those_whose_leader_it_knows() {
    let confirmed = |name: &str, hunted: bool| {
        let mut scenario = scenario(name, 4, 1);
        let (during, by) = (Time::seconds(1)..Time::seconds(60), Span::seconds(10));
        scenario.faults.extend(hunted.then_some(Fault::Hunt { during, by }));
        scenario.clients.load.until = Time::seconds(6);
        let outcome = simulate(&scenario);
        assert_eq!(outcome.violations, [], "{name}");
        outcome.committed_transactions()
    };
    for name in ["pbft", "bullshark", "tusk"] {
        let [calm, hunted] = [false, true].map(|hunted| confirmed(name, hunted));
        assert_eq!(hunted * 2 > calm, name == "tusk", "{name}: {hunted} of {calm}");
    }
}

/// Links so busy that rounds last longer than the timeout: what is said again then would make them longer still,
/// and what answers it would be answered.
#[test]
fn busy_links_carry_each_vertex_once() {
    for (name, vertex) in [("mysticeti", "block"), ("bullshark", "header"), ("tusk", "header")] {
        let mut scenario = scenario(name, 16, 1);
        scenario.params.insert("batch_bytes".into(), 20_000.into());
        scenario.network.bandwidth = Bandwidth { up: Some(8_000_000), down: None };
        scenario.faults = vec![Fault::Slow {
            replica: ReplicaId(0),
            during: Time::ZERO..Time::seconds(60),
            factor: 5,
        }];
        scenario.clients.load.arrivals = Arrivals::Closed { outstanding: 1000 };
        scenario.clients.load.until = Time::seconds(20);
        scenario.clients.load.retry = Span::seconds(5);
        scenario.stop.after = Span::seconds(20);
        let outcome = simulate(&scenario);
        assert_eq!(outcome.violations, [], "{name}");
        let (sent, made) = (messages(&outcome, vertex), noted(&outcome, "proposed"));
        assert!(made > 100 && sent < made * 15 * 11 / 10, "{name}: {sent} messages for {made}");
    }
}
