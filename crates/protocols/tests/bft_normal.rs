//! Tendermint, Simplex, Streamlet, Minimmit and Raft where nothing goes wrong: exact message counts,
//! exact latency, and quiet when nothing waits.

#![allow(clippy::unwrap_used)]

use byzlab_core::{Span, Theory, Time, outcome::Outcome};
use byzlab_protocols::builtin;
use byzlab_sim::{Clients, Delay, Scenario, run};

const NAMES: [&str; 5] = ["tendermint", "simplex", "streamlet", "minimmit", "raft"];
const DELTA: Span = Span::ms(20);

fn scenario(name: &str, theory: &Theory, size: u16, gap: Span) -> Scenario {
    let mut scenario = Scenario::new(builtin().find(name).unwrap(), size, 1);
    scenario.params = theory.params(theory.ideal).unwrap();
    scenario.network.delay = Delay::Constant(DELTA);
    scenario.clients = Clients::open(2, gap, Time::seconds(4));
    scenario.stop.after = Span::seconds(6);
    scenario
}

fn simulate(scenario: &Scenario) -> Outcome {
    let outcome = run(scenario, &mut |_| {}).unwrap();
    let name = scenario.entry.name;
    assert_eq!(outcome.violations, [], "{name}");
    assert_eq!(outcome.committed_transactions(), outcome.submitted, "{name} {:?}", outcome.notes);
    assert!(outcome.heads.iter().all(|head| *head == outcome.heads[0]), "{name}");
    outcome
}

fn messages(outcome: &Outcome, kind: &str) -> u64 {
    outcome.traffic.get(kind).map_or(0, |traffic| traffic.messages)
}

#[test]
fn a_decision_takes_exactly_as_many_messages_as_theory_says() {
    for name in NAMES {
        let theories = builtin().find(name).unwrap().theories;
        for theory in theories {
            for size in [1, 2].map(|faults| theory.resilience.smallest(faults)) {
                let n = u64::from(size);
                let outcome = simulate(&scenario(name, theory, size, Span::ms(5)));
                let what = format!("{name} {} n = {n}: {:?}", theory.variant, outcome.traffic);
                let proposed: u64 = outcome.notes["proposed"];
                let missing = proposed - outcome.committed_blocks;
                assert!(missing <= 1 && proposed > 20, "{what}, {proposed} proposed");
                let apart: u64 = theory.apart.iter().map(|kind| messages(&outcome, kind)).sum();
                let elections = messages(&outcome, "request-vote") + messages(&outcome, "vote");
                let elections = if name == "raft" { elections } else { 0 };
                let all: u64 = outcome.traffic.values().map(|traffic| traffic.messages).sum();
                let decisions = all - apart - elections - messages(&outcome, "forward");
                assert_eq!(decisions, proposed * (theory.messages.of)(n), "{what}");
            }
        }
    }
}

#[test]
fn every_replica_passes_a_notarization_on_once() {
    for name in ["simplex", "minimmit"] {
        let theory = &builtin().find(name).unwrap().theories[0];
        let outcome = simulate(&scenario(name, theory, 7, Span::ms(5)));
        assert_eq!(messages(&outcome, "notarization"), 42 * outcome.committed_blocks, "{name}");
        assert_eq!(messages(&outcome, "nullify"), 0, "{name}");
    }
}

#[test]
fn a_lone_request_takes_its_way_the_decision_and_the_reply() {
    for (name, delays) in [("tendermint", 5), ("simplex", 5), ("minimmit", 4), ("raft", 4)] {
        let theory = &builtin().find(name).unwrap().theories[0];
        let size = theory.resilience.smallest(1);
        let outcome = simulate(&scenario(name, theory, size, Span::ms(700)));
        let (least, p50) = (DELTA.times(delays), outcome.latency.quantile(0.5).unwrap());
        assert!(least <= p50 && p50 < least + Span::ms(1), "{name}: {p50}");
    }
}

#[test]
fn blocks_follow_each_other_at_the_pace_that_theory_says() {
    for name in NAMES {
        let entry = builtin().find(name).unwrap();
        let theory = &entry.theories[0];
        let size = theory.resilience.smallest(1);
        let mut scenario = scenario(name, theory, size, Span::ms(1));
        scenario.clients.load.until = Time::seconds(60);
        let outcome = run(&scenario, &mut |_| {}).unwrap();
        let params = entry.resolve(&scenario.params).unwrap();
        let bound = byzlab_core::theory::span(&params, theory.bounds[0]).unwrap();
        let period = theory.period.unwrap().span(DELTA, bound);
        let most = outcome.duration.0 / period.0;
        let blocks = outcome.committed_blocks;
        assert!(blocks <= most && blocks + 20 + most / 50 >= most, "{name}: {blocks} of {most}");
    }
}

#[test]
fn nobody_proposes_when_nothing_waits() {
    for name in NAMES {
        let theory = &builtin().find(name).unwrap().theories[0];
        let mut scenario = scenario(name, theory, theory.resilience.smallest(1), Span::ms(50));
        scenario.clients.load.until = Time::seconds(1);
        let early = { simulate(&scenario).notes["proposed"] };
        scenario.stop.after = Span::seconds(60);
        let late = simulate(&scenario);
        assert_eq!(late.notes["proposed"], early, "{name}");
        assert_eq!(late.view_changes, u64::from(name == "raft"), "{name} {:?}", late.notes);
    }
}
