//! The discrete-event world: thousands of replicas in virtual time, with exact replay.
//!
//! Say what is to happen in a [`Scenario`], [`run`] it, and read the [`Outcome`]. The replicas are
//! those that a real network runs, behind [`Replica`](byzlab_core::Replica); network, clocks,
//! clients, miners, disks and faults are modelled.
//!
//! - **Time** is virtual: integer nanoseconds. A run of a day takes as long as its events do.
//! - **Order**: what is due first happens first; at one moment, what was planned first. No thread,
//!   no clock and no hash order has a say, so equal scenarios give equal trace digests ([`trace`]).
//! - **Chance**: every sender, miner, client and fault draws from a stream of its own, split from
//!   the seed by name, so one more draw in one place does not reshuffle the world.
//! - **Network**: [`scenario::Network`]; regions in [`regions`].
//! - **Computing** costs what the [`CpuModel`] says. Wall time and virtual time are apart: a
//!   broadcast's claims are proven once for all receivers, and charged to each.
//! - **Faults** act from outside, on any protocol: [`Fault`].
//! - **Checks** stand outside the replicas: [`checks`].
//! - **Swarms** draw whole scenarios from a seed: [`swarm`].

mod carry;
pub mod checks;
mod clients;
mod execution;
mod faults;
mod flights;
mod graph;
pub mod journal;
mod links;
mod mining;
mod prices;
mod prover;
pub mod queue;
mod record;
pub mod regions;
mod report;
pub mod scenario;
mod site;
pub mod swarm;
pub mod trace;
mod turns;
mod weather;
mod world;

pub use journal::{Deed, Line};
pub use regions::{Matrix, MatrixError, Measure};
pub use scenario::{
    Bandwidth, Clients, CpuModel, Delay, Fault, MempoolLimit, Mining, Network, Peers, Progress,
    QueueKind, Scenario, Stabilisation, Stop,
};
pub use site::INBOX_MAX;
pub use trace::{Trace, TraceEvent, TracePoint};
pub use turns::{GATHER_MAX, READ_MAX, TURN_EVENTS_MAX};

use byzlab_core::{BuildError, outcome::Outcome};

use crate::world::World;

/// Simulates a scenario. `progress` is called at each sample.
///
/// # Errors
/// If the protocol refuses its parameters, or the scenario contradicts itself; the message says
/// how.
pub fn run(scenario: &Scenario, progress: &mut dyn FnMut(Progress)) -> Result<Outcome, BuildError> {
    run_traced(scenario, progress).map(|(outcome, _)| outcome)
}

/// As [`run`], and gives the trace too.
///
/// # Errors
/// As [`run`].
pub fn run_traced(
    scenario: &Scenario,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Outcome, Trace), BuildError> {
    match scenario.queue {
        QueueKind::Wheel => Ok(World::new(scenario, queue::Wheel::new())?.run(progress)),
        QueueKind::Heap => Ok(World::new(scenario, queue::Heap::new())?.run(progress)),
    }
}
