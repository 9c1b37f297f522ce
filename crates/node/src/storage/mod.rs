//! What a replica keeps on disk: its ledger and its consensus log, durable in one group commit.
//!
//! ```text
//! DIR/lock     held by the process that writes here
//! DIR/ledger   committed blocks, append-only: the replica's full copy
//! DIR/log      what the protocol saved, since its last compaction
//! DIR/*.damaged-N   what was found damaged at a start and moved aside, for whoever looks into it
//! ```
//!
//! [`Store::append`] takes a group of operations in order, writes them with one write a file and syncs
//! once a file: what it returns `Ok` for is durable, as far as [`Durability`] says. Readers on other
//! threads hold a [`Reader`], and see a block once it is durable.

mod audit;
mod chain;
pub mod disk;
mod error;
mod frame;
mod mend;
mod reader;
mod recover;
mod show;
mod store;
#[cfg(test)]
mod tests;
mod types;

pub use audit::{Audit, DAMAGE_MAX, Report, verify};
pub use error::StorageError;
pub use reader::Reader;
pub use show::{Summaries, Summary, show};
pub use store::{LOG_ROTATE, Store};
pub use types::{Cut, Damage, Durability, Figures, Op, Opening, Part, Recovered};
