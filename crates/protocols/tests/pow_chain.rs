//! Proof of work in the simulated world: miners agree, fork as often as theory says, and lose
//! finality when they are split for longer than their confirmations last.

#![allow(clippy::unwrap_used)]

use std::ops::Range;

use byzlab_core::{ReplicaId, Span, Time, outcome::Outcome};
use byzlab_protocols::builtin;
use byzlab_sim::{Clients, Delay, Fault, Peers, Scenario, run};

/// Hashes a second of each replica.
const POWER: u64 = 1_000;

/// `size` equal miners, who together find a block every `spacing` seconds.
fn miners(size: u16, seed: u64, spacing: u64, more: &str) -> Scenario {
    let entry = builtin().find("pow").unwrap();
    let mut scenario = Scenario::new(entry, size, seed);
    let difficulty = u64::from(size) * POWER * spacing;
    let params = format!("spacing = \"{spacing}s\"\ndifficulty = {difficulty}\n{more}");
    scenario.params = params.parse().unwrap();
    scenario.mining.hash_power = vec![POWER];
    scenario
}

fn simulate(scenario: &Scenario) -> Outcome {
    run(scenario, &mut |_| {}).unwrap()
}

fn found(outcome: &Outcome, property: &str) -> bool {
    outcome.violations.iter().any(|violation| violation.property == property)
}

/// The heights at which the ledgers end.
fn heights(outcome: &Outcome) -> Range<u64> {
    let heights = || outcome.heads.iter().flatten().map(|head| head.height.0);
    heights().min().unwrap()..heights().max().unwrap()
}

#[test]
fn eight_miners_on_a_graph_agree() {
    let mut scenario = miners(8, 1, 2, "confirmations = 8");
    scenario.network.peers = Peers::Regular { degree: 3 };
    scenario.network.delay = Delay::Range { low: Span::ms(20), high: Span::ms(60) };
    scenario.clients = Clients::open(2, Span::ms(500), Time::seconds(240));
    scenario.stop.after = Span::seconds(300);
    let outcome = simulate(&scenario);
    assert_eq!(outcome.violations, []);
    let heights = heights(&outcome);
    assert!(heights.end - heights.start <= 1, "{heights:?}");
    assert!((100..200).contains(&heights.end), "{heights:?}");
    assert!(outcome.submitted > 500, "{}", outcome.submitted);
    assert_eq!(outcome.committed_transactions(), outcome.submitted);
    assert!(outcome.producers.len() == 8, "everyone has mined: {:?}", outcome.producers);
    // On average half an interval until a block takes it in, and eight more until it is final.
    let p50 = outcome.latency.quantile(0.5).unwrap();
    assert!(p50 > Span::seconds(10) && p50 < Span::seconds(30), "{p50}");
}

#[test]
fn runs_repeat_exactly() {
    let digest = |seed| simulate(&miners(8, seed, 1, "")).trace_digest.unwrap();
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

/// Constant delay D, mean interval T, x = D/T: the share x/(1 + x) of blocks goes stale among many
/// small miners; among n equal ones (1 − 1/n) of that, for nobody forks off from himself.
#[test]
fn as_many_blocks_go_stale_as_theory_says() {
    for (seed, delay_ms, want) in [(1, 20, 0.053), (2, 100, 0.216)] {
        let mut scenario = miners(16, seed, 1, "confirmations = 20");
        // A block is announced, asked for and sent: three times the delay of a message.
        scenario.network.delay = Delay::Constant(Span::ms(delay_ms));
        scenario.stop.after = Span::seconds(3_000);
        let outcome = simulate(&scenario);
        assert_eq!(outcome.violations, []);
        let mined = outcome.notes["proposed"] as f64;
        let stale = 1.0 - (heights(&outcome).end + 20) as f64 / mined;
        assert!((stale - want).abs() < 0.025, "{stale} of {mined} with {delay_ms} ms, not {want}");
    }
}

#[test]
fn a_split_longer_than_the_confirmations_breaks_finality_and_heals() {
    let group = |ids: Range<u16>| ids.map(ReplicaId).collect::<Vec<_>>();
    let split = |confirmations| {
        let mut scenario = miners(8, 3, 1, &format!("confirmations = {confirmations}"));
        scenario.network.delay = Delay::Constant(Span::ms(10));
        let groups = vec![group(0..4), group(4..8)];
        let during = Time::seconds(30)..Time::seconds(60);
        scenario.faults = vec![Fault::Partition { groups, during }];
        scenario.stop.after = Span::seconds(120);
        simulate(&scenario)
    };
    let hasty = split(3);
    assert!(found(&hasty, "finality"), "{:?}", hasty.violations);
    let ends = heights(&hasty);
    assert!(ends.end - ends.start <= 1 && ends.end > 80, "{ends:?}: it heals");
    assert_eq!(split(40).violations, []);
}

#[test]
fn a_miner_that_was_down_catches_up() {
    let mut scenario = miners(4, 5, 1, "confirmations = 10");
    let replica = ReplicaId(2);
    scenario.faults = vec![
        Fault::Crash { replica, at: Time::seconds(20) },
        Fault::Restart { replica, at: Time::seconds(200) },
    ];
    scenario.stop.after = Span::seconds(230);
    let outcome = simulate(&scenario);
    assert_eq!(outcome.violations, []);
    let ends = heights(&outcome);
    assert!(ends.end - ends.start <= 1 && ends.start > 120, "{ends:?}");
}

/// The first difficulty is far too low; after some periods of 32 blocks the interval is 32/30 of
/// the spacing.
#[test]
fn retargets_reach_the_spacing() {
    let mut scenario = miners(8, 7, 1, "retarget_interval = 32\nconfirmations = 30");
    let easy = 8 * POWER / 10;
    scenario.params.insert("difficulty".into(), toml::Value::Integer(easy as i64));
    scenario.network.delay = Delay::Constant(Span::ms(1));
    scenario.stop.after = Span::seconds(2_000);
    let outcome = simulate(&scenario);
    let height = |at: usize| outcome.timeline[at].heights[0].unwrap().0;
    let (early, late) = (height(16), height(1_999) - height(999));
    assert!(early + 29 > 50, "the first period is fast: {early} blocks in 17 s, and 29 on top");
    assert!((850..1_050).contains(&late), "{late} blocks in 1000 s");
}
