//! Bullshark where nothing goes wrong: exact message counts, exact latency, idleness.

#![allow(clippy::unwrap_used)]

use byzlab_core::{Span, Time, outcome::Outcome};
use byzlab_protocols::builtin;
use byzlab_sim::{Clients, Delay, Scenario, run};

fn scenario(size: u16, seed: u64, params: &str) -> Scenario {
    let mut scenario = Scenario::new(builtin().find("bullshark").unwrap(), size, seed);
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
    for size in [1, 2, 3, 4, 5, 6, 7, 10] {
        let outcome = simulate(&scenario(size, 1, ""));
        assert_eq!(outcome.violations, [], "n = {size}");
        let (confirmed, sent) = (outcome.committed_transactions(), outcome.submitted);
        assert_eq!(confirmed, sent, "n = {size}: {:?}", outcome.notes);
        assert!(outcome.submitted > 1000, "n = {size}");
        assert_eq!(outcome.view_changes, 0, "n = {size}: {:?}", outcome.notes);
        assert!(outcome.heads.iter().all(|head| *head == outcome.heads[0]), "n = {size}");
    }
}

#[test]
fn a_round_takes_exactly_as_many_messages_as_the_paper_says() {
    for size in [4, 7, 10] {
        let n = u64::from(size);
        let mut scenario = scenario(size, 2, "");
        scenario.network.delay = Delay::Range { low: Span::ms(5), high: Span::ms(50) };
        let outcome = simulate(&scenario);
        let headers = outcome.notes["proposed"];
        assert!(headers > 20 * n, "{headers}");
        for kind in ["header", "vote", "certificate"] {
            let sent = messages(&outcome, kind);
            // The run may end amid a round.
            assert!(sent.abs_diff(headers * (n - 1)) <= n * (n - 1), "{kind}: {sent} of {headers}");
        }
        let others: Vec<_> = outcome.traffic.keys().collect();
        assert_eq!(others.len(), 3, "and no others: {others:?}");
    }
}

#[test]
fn latency_is_that_of_two_broadcasts_to_four() {
    let mut scenario = scenario(4, 3, "round_gap = \"0s\"");
    scenario.network.delay = Delay::Constant(Span::ms(20));
    let outcome = simulate(&scenario);
    // Request and reply, up to a round's wait for the next header, and 6 to 12 delays.
    let [low, median, high] = [0.0, 0.5, 1.0].map(|q| outcome.latency.quantile(q).unwrap());
    // Latencies are kept to within a hundredth.
    let delays = |span: Span| (span.0 + Span::ms(1).0) / Span::ms(20).0;
    assert_eq!(delays(low), 8, "{low}");
    assert!((11..15).contains(&delays(median)), "{median}");
    assert!(delays(high) > 16, "{high}");
    assert!(delays(high) <= 2 + 3 + 3 + 12, "{high}");
}
