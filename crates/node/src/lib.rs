//! The QUIC host: the same protocols as in simulation, on real sockets, disks and clocks.
//!
//! A *seat* is one replica with everything around it: links to its peers, a verifier
//! thread, a log thread over its [ledger and consensus log](storage), a mempool, a gateway for
//! clients, and a loop of ten lines that takes an event, lets the replica handle it, and performs
//! the actions.
//!
//! [`plan`] says what can be asked of this crate; [`run_cluster`] runs a whole cluster with its
//! clients, [`run_seat`] and [`run_client`] one part of a deployment by hand.
//!
//! This crate names no protocol: a seat gets an [`Entry`](byzlab_core::Entry).

mod budget;
mod client;
mod clock;
mod cluster;
pub mod counters;
mod cpu;
mod endpoint;
pub mod frame;
mod gateway;
mod happening;
mod links;
mod log;
mod metrics;
mod miner;
mod outbox;
pub mod plan;
mod run;
mod seat;
pub mod storage;
#[cfg(test)]
mod tests;
mod tls;
mod verifier;

pub use plan::{ClientPlan, ClusterPlan, NodeError, Progress, SeatPlan};
pub use run::{run_client, run_cluster, run_seat, run_supervised};
