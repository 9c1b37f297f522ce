//! PBFT where nothing goes wrong: exact message counts, exact latency, checkpoints.

#![allow(clippy::unwrap_used)]

use byzlab_core::{Span, Time, outcome::Outcome};
use byzlab_protocols::builtin;
use byzlab_sim::{Clients, Delay, Scenario, run};

fn scenario(size: u16, seed: u64, params: &str) -> Scenario {
    let mut scenario = Scenario::new(builtin().find("pbft").unwrap(), size, seed);
    scenario.params = toml::from_str(params).unwrap();
    scenario.clients = Clients::open(2, Span::ms(10), Time::seconds(4));
    scenario.stop.after = Span::seconds(6);
    scenario
}

fn simulate(scenario: &Scenario) -> Outcome {
    run(scenario, &mut |_| {}).unwrap()
}

fn messages(outcome: &Outcome, kind: &str) -> u64 {
    outcome.traffic.get(kind).map_or(0, |traffic| traffic.messages)
}

#[test]
fn every_committee_agrees_and_everything_is_confirmed() {
    for size in [1, 2, 3, 4, 5, 7, 10, 13] {
        let outcome = simulate(&scenario(size, 1, ""));
        assert_eq!(outcome.violations, [], "n = {size}");
        assert_eq!(outcome.committed_transactions(), outcome.submitted, "n = {size}");
        assert!(outcome.submitted > 600 && outcome.view_changes == 0, "n = {size}");
        assert!(outcome.heads.iter().all(|head| *head == outcome.heads[0]), "n = {size}");
    }
}

#[test]
fn a_decision_takes_exactly_as_many_messages_as_the_paper_says() {
    for size in [4, 7, 10] {
        let n = u64::from(size);
        let mut scenario = scenario(size, 2, "checkpoint_interval = 32");
        scenario.network.delay = Delay::Range { low: Span::ms(5), high: Span::ms(50) };
        let outcome = simulate(&scenario);
        let blocks = outcome.committed_blocks;
        assert!(blocks > 64, "{blocks}");
        assert_eq!(messages(&outcome, "pre-prepare"), blocks * (n - 1));
        assert_eq!(messages(&outcome, "prepare"), blocks * (n - 1) * (n - 1));
        assert_eq!(messages(&outcome, "commit"), blocks * n * (n - 1));
        assert_eq!(messages(&outcome, "checkpoint"), blocks / 32 * n * (n - 1));
        let all: u64 = outcome.traffic.values().map(|traffic| traffic.messages).sum();
        let decisions = blocks * 2 * n * (n - 1) + blocks / 32 * n * (n - 1);
        assert_eq!(all - messages(&outcome, "forward"), decisions, "and no others");
    }
}

#[test]
fn a_request_takes_five_delays() {
    let mut scenario = scenario(4, 3, "batch_patience = \"0s\"\nin_flight = 64");
    scenario.network.delay = Delay::Constant(Span::ms(40));
    let outcome = simulate(&scenario);
    // Request, pre-prepare, prepare, commit, reply.
    let p50 = outcome.latency.quantile(0.5).unwrap();
    assert!((200..202).contains(&(p50.0 / 1_000_000)), "{p50}");
}

#[test]
fn a_pipeline_of_one_decides_one_after_another() {
    let blocks = |in_flight: u32| {
        let mut scenario =
            scenario(4, 4, &format!("in_flight = {in_flight}\nbatch_patience = \"0s\""));
        scenario.network.delay = Delay::Constant(Span::ms(50));
        simulate(&scenario).committed_blocks
    };
    let (one, eight) = (blocks(1), blocks(8));
    assert!((24..=30).contains(&one), "a decision every 150 ms: {one}");
    assert!(eight > 6 * one && eight <= 8 * one + 8, "{eight}");
}
