//! The discrete-event world: thousands of replicas in virtual time, with exact replay.

pub mod regions;
pub mod scenario;
pub mod trace;

pub use regions::{Matrix, MatrixError, Measure};
pub use scenario::{
    Bandwidth, Clients, CpuModel, Delay, Fault, MempoolLimit, Mining, Network, Peers, Progress,
    QueueKind, Scenario, Stabilisation, Stop,
};
pub use trace::{Trace, TraceEvent, TracePoint};

use byzlab_core::{BuildError, outcome::Outcome};

/// Simulates a scenario. `progress` is called at each sample.
///
/// # Errors
/// If the protocol refuses its parameters, or the scenario contradicts itself; the message says how.
pub fn run(scenario: &Scenario, progress: &mut dyn FnMut(Progress)) -> Result<Outcome, BuildError> {
    run_traced(scenario, progress).map(|(outcome, _)| outcome)
}

/// As [`run`], and gives the trace too.
///
/// # Errors
/// As [`run`].
pub fn run_traced(
    _: &Scenario,
    _: &mut dyn FnMut(Progress),
) -> Result<(Outcome, Trace), BuildError> {
    Err(BuildError("the world is not built yet".into()))
}
