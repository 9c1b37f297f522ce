//! Mysticeti where nothing goes wrong: exact message counts, exact latency, idleness.

#![allow(clippy::unwrap_used)]

use byzlab_core::{Span, Time, outcome::Outcome};
use byzlab_protocols::builtin;
use byzlab_sim::{Clients, Delay, Scenario, run};

fn scenario(size: u16, seed: u64, params: &str) -> Scenario {
    let mut scenario = Scenario::new(builtin().find("mysticeti").unwrap(), size, seed);
    scenario.params = toml::from_str(params).unwrap();
    scenario.clients = Clients::open(4, Span::ms(10), Time::seconds(3));
    scenario.stop.after = Span::seconds(5);
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
    for size in [1, 2, 3, 4, 5, 7, 10] {
        for leaders in [1, 2, 3] {
            let leaders = format!("leaders = {}", leaders.min(size));
            let outcome = simulate(&scenario(size, 1, &leaders));
            assert_eq!(outcome.violations, [], "n = {size}");
            let (confirmed, sent) = (outcome.committed_transactions(), outcome.submitted);
            assert_eq!(confirmed, sent, "n = {size}, {leaders}: {:?}", outcome.notes);
            assert!(outcome.submitted > 1000, "n = {size}");
            assert_eq!(outcome.view_changes, 0, "n = {size}, {leaders}: {:?}", outcome.notes);
            assert!(outcome.heads.iter().all(|head| *head == outcome.heads[0]), "n = {size}");
        }
    }
}

#[test]
fn a_round_takes_exactly_as_many_messages_as_the_paper_says() {
    for size in [4, 7, 10] {
        let n = u64::from(size);
        let mut scenario = scenario(size, 2, "");
        scenario.network.delay = Delay::Range { low: Span::ms(5), high: Span::ms(50) };
        let outcome = simulate(&scenario);
        let all: u64 = outcome.traffic.values().map(|traffic| traffic.messages).sum();
        let (blocks, made) = (messages(&outcome, "block"), outcome.notes["proposed"]);
        assert!(made > 50 * n, "{made}");
        assert_eq!(blocks, made * (n - 1), "each block goes to each other replica once");
        assert_eq!(all, messages(&outcome, "block"), "and no others");
    }
}

#[test]
fn a_request_takes_five_to_six_delays() {
    let mut scenario = scenario(4, 3, "round_gap = \"0s\"\nleaders = 4");
    scenario.network.delay = Delay::Constant(Span::ms(40));
    let outcome = simulate(&scenario);
    let [low, p50] = [0.0, 0.5].map(|q| outcome.latency.quantile(q).unwrap());
    eprintln!("{low} {p50} {:?}", outcome.notes);
    assert!((200..242).contains(&(p50.0 / 1_000_000)), "{p50}");
}
