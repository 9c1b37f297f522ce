//! The four ways into this crate.

use std::sync::Arc;

use byzlab_core::{Accelerator, Registry, outcome::Outcome};

use crate::plan::{ClientPlan, ClusterPlan, NodeError, Progress, SeatPlan};

/// Runs a whole cluster with its clients; blocks until it is over. `progress` hears from it once a sample.
///
/// # Errors
/// A plan that contradicts itself, an unusable folder, a failing disk. What the *cluster* does wrong is
/// no error but a violation in the outcome.
pub fn run_cluster(
    plan: &ClusterPlan,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, NodeError> {
    let _ = progress;
    unimplemented!("{plan:?}")
}

/// Runs one replica until SIGINT or SIGTERM, and then ends it in order.
///
/// # Errors
/// A busy port, a missing folder, a wrong key, a failing disk.
pub fn run_seat(plan: SeatPlan) -> Result<(), NodeError> {
    unimplemented!("{plan:?}")
}

/// Runs clients against a deployment; blocks until they are done. Of the outcome, only what clients see
/// is filled in.
///
/// # Errors
/// If no replica answers.
pub fn run_client(
    plan: &ClientPlan,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, NodeError> {
    let _ = progress;
    unimplemented!("{plan:?}")
}

/// Runs one replica of a cluster in [`Processes`](crate::plan::Mode::Processes) mode: takes its plan from
/// stdin, reports on stdout, and ends in order when stdin does.
///
/// # Errors
/// As [`run_seat`]; and an unknown protocol.
pub fn run_supervised(
    registry: &Registry,
    accelerator: Arc<dyn Accelerator>,
) -> Result<(), NodeError> {
    unimplemented!("{registry:?} {accelerator:?}")
}
