//! Swarms of faults, seed by seed: what `byzlab conform --seeds N` and an own crate's tests run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use byzlab_core::{Entry, Theory};
use byzlab_sim::swarm;

use super::title;
use crate::runner::said;

/// The most failed seeds that are told.
const FAILURES_MAX: usize = 10;

/// What came of one seed.
#[derive(Clone, Debug)]
pub struct Run {
    /// The seed that draws the scenario.
    pub seed: u64,
    /// The scenario in one line; empty if there is none.
    pub scenario: String,
    /// What is wrong, if anything is.
    pub result: Result<(), String>,
}

/// Runs the [swarm] that `seed` draws for one variant of a protocol.
pub fn run(entry: Entry, theory: &Theory, seed: u64) -> Run {
    let scenario = match swarm::scenario(entry, theory, seed) {
        Ok(scenario) => scenario,
        Err(error) => return Run { seed, scenario: String::new(), result: Err(error.to_string()) },
    };
    let mut told = swarm::InWords(&scenario).to_string();
    if !swarm::asks_progress(theory, &scenario) {
        told += "; agreement alone is asked";
    }
    // A protocol under development may assert what does not hold; other seeds need not care.
    let run = AssertUnwindSafe(|| byzlab_sim::run(&scenario, &mut |_| {}));
    let result = match catch_unwind(run) {
        Ok(Ok(outcome)) => swarm::judge(theory, &scenario, &outcome),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(format!("it panicked: {}", said(&*panic))),
    };
    Run { seed, scenario: told, result }
}

/// What came of all seeds of a variant, the failed ones line by line.
pub fn in_words(entry: Entry, theory: &Theory, runs: &[Run]) -> String {
    let failed: Vec<_> =
        runs.iter().filter_map(|run| Some((run, run.result.as_ref().err()?))).collect();
    let good = runs.len() - failed.len();
    let mut text = format!("{}: {good} of {} seeds good\n", title(entry, theory), runs.len());
    if let ([only], []) = (runs, &failed[..]) {
        text += &format!("  {}\n", only.scenario);
    }
    for (run, what) in failed.iter().take(FAILURES_MAX) {
        text += &format!("FAILS  {}\n       {what}\n", run.scenario);
        text += &format!("       alone: conform {} --seed {}\n", entry.name, run.seed);
    }
    if let Some(more @ 1..) = failed.len().checked_sub(FAILURES_MAX) {
        text += &format!("FAILS  and {more} more\n");
    }
    text
}
