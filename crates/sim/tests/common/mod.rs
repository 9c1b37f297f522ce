//! Protocols small enough to compute by hand.
#![allow(dead_code, clippy::unwrap_used)]

pub mod burst;
pub mod miner;
pub mod trio;

use byzlab_core::outcome::Outcome;
use byzlab_sim::{QueueKind, Scenario, Trace, TraceEvent, run, run_traced};

/// Runs a scenario that must build.
pub fn outcome(scenario: &Scenario) -> Outcome {
    run(scenario, &mut |_| ()).expect("the scenario is sound")
}

/// Runs a scenario and gives the events of a window.
pub fn traced(scenario: &Scenario, events: u64) -> (Outcome, Trace) {
    let scenario = Scenario { window: Some(0..events), ..scenario.clone() };
    run_traced(&scenario, &mut |_| ()).expect("the scenario is sound")
}

/// The moments of events of one kind at one target.
pub fn moments(trace: &Trace, target: u32, what: &str) -> Vec<u64> {
    let wanted = |event: &&TraceEvent| event.target == target && event.what == what;
    trace.window.iter().filter(wanted).map(|event| event.at.0).collect()
}

/// Runs twice on each queue and gives the outcome, which is the same every time.
pub fn repeatable(scenario: &Scenario) -> Outcome {
    let on = |queue| outcome(&Scenario { queue, ..scenario.clone() });
    let first = on(QueueKind::Wheel);
    for queue in [QueueKind::Wheel, QueueKind::Heap] {
        let again = on(queue);
        assert_eq!(again.trace_digest, first.trace_digest, "{queue:?}");
        assert_eq!(again.heads, first.heads);
        assert_eq!(again.events, first.events);
    }
    first
}

/// The properties that a run violated, each once.
pub fn violated(outcome: &Outcome) -> Vec<&str> {
    let mut list: Vec<&str> = outcome.violations.iter().map(|v| v.property.as_str()).collect();
    list.sort_unstable();
    list.dedup();
    list
}
