//! What every host shares beside the replicas: transactions that wait, execution, and clients.
//!
//! All of it is without I/O, so that the simulator and the QUIC node run the same code.

pub mod client;
pub mod execution;
pub mod mempool;
mod spread;

pub use client::{Arrivals, Client, Load, Submission};
pub use execution::{Application, Executor, KvStore, Reply};
pub use mempool::{Mempool, Refused, Sent};
