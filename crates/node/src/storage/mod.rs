//! What a replica keeps on disk: its ledger and its consensus log, durable in one group commit.
//!
//! ```text
//! DIR/lock            held by the process that writes here
//! DIR/ledger          committed blocks, append-only: the replica's full copy
//! DIR/log             what the protocol saved, since its last compaction
//! DIR/*.damaged-N     what was found damaged at a start and moved aside, for whoever looks into it
//! ```
//!
//! [`Store::append`] takes a group of operations in order, writes each file once, the log first,
//! and syncs what it wrote: what it returns `Ok` for is durable, as far as [`Durability`] says.
//! Readers on other threads hold a [`Reader`], and see a block once it is durable.
//!
//! # What a start finds
//! Both files are a head and frames with checksums (the `frame` module has the format), and
//! operations are numbered through both. [`Store::open`] reads everything and checks it: checksums,
//! numbers, heights without gaps, parents, Merkle roots. It finds the longest prefix of the
//! operations:
//! - after a crash, all that was acknowledged, and of the unfinished group a prefix: a [`Cut`];
//! - after anything else ([`Damage`]), the good prefix of the damaged file, and all of the other.
//!   The rest is moved aside, and the replica gets what it lacks from its peers.
//!
//! Only a protocol knows how a digest comes about (a mined block's is its header's), so a start
//! asks no more than that all blocks' come about in one way. Whoever can forge checksums, roots and
//! digests is found by [`verify`], which proves what the protocol's audit claims. A ledger's end
//! can be taken away unseen only where the log says nothing of later operations.
//!
//! The log begins anew, in a new file put in place by a rename, at the first compaction beyond
//! [`LOG_ROTATE`] bytes; below that, a compaction is one more frame. The ledger is one file that
//! only grows, so that a byte range says where a block stands; a start reads all of it.
//!
//! # Why not a database
//! Measured for blocks of 500 × 512 bytes, one group a block, on two busy cores (ext4; CPU of the
//! process, lowest and highest of four runs):
//!
//! | | CPU a transaction |
//! |---|---|
//! | this store, `fsync` | 0.4 – 1.0 µs |
//! | redb 4.5, `Durability::Immediate` | 1.8 – 2.2 µs |
//! | this store, `os` | 0.2 – 1.0 µs |
//! | redb 4.5, `Durability::None` | 0.3 µs |
//! | this store, `memory` | 0.3 – 1.5 µs |
//!
//! Four replicas and their clients together have 26 µs a transaction. redb's file of the same
//! ledger is 128 MiB against 98, and cannot say which height a bad byte belongs to; files of
//! frames can, and `byzlab ledger` can read them beside a running replica. `benches/storage.rs`
//! measures again.

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
