//! What a replica saves, and how it comes back from it.
//!
//! A replica's own block is saved before it leaves, so that it says one thing a round whatever happens. A
//! block of another is saved before an own one builds on it: whoever asks for the ancestors of a block
//! must find them with its author, even if all replicas stop at once. When the ledger has grown by some
//! rounds, what is spent at the last proven cut is forgotten; the cut is kept in its place, for an idle
//! DAG's rounds leave no trace in the ledger.

use std::sync::Arc;

use byzlab_core::{BuildError, Record};
use serde::{Deserialize, Serialize};

use crate::kit::dag::{Proven, Vertex, vertex::Stored};

/// After how many rounds in the ledger what was saved is compacted.
pub(super) const COMPACT_ROUNDS: u64 = 16;

/// A saved record. A block's transactions follow in a record of their own, raw.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Entry<'a> {
    /// A block, whose ancestors are in the log before it or settled.
    Block(Stored<'a>),
    /// A proven cut.
    Cut(Arc<Proven>),
}

/// What a log says: the last proven cut, and the blocks in order.
pub(super) type Restored = (Option<Arc<Proven>>, Vec<Arc<Vertex>>);

/// The records of a block.
pub(super) fn block(block: &Vertex) -> impl Iterator<Item = Record> {
    block.records(|stored| Record::of(&Entry::Block(stored))).into_iter().flatten()
}

/// The records that say this much and no more.
pub(super) fn compacted(proven: Arc<Proven>, blocks: &[Arc<Vertex>]) -> Vec<Record> {
    let cut = Record::of(&Entry::Cut(proven));
    [cut].into_iter().chain(blocks.iter().flat_map(|b| block(b))).collect()
}

/// What the records say.
///
/// # Errors
/// If a record is none of this protocol's.
pub(super) fn read(records: &[Record]) -> Result<Restored, BuildError> {
    let (mut cut, mut blocks) = (None, Vec::new());
    let mut records = records.iter();
    while let Some(record) = records.next() {
        match record.read::<Entry<'static>>()? {
            Entry::Cut(proven) => cut = Some(proven),
            // Where its transactions are missing it was cut off at the log's end: nothing left on it.
            Entry::Block(stored) => blocks.extend(stored.vertex(&mut records)?),
        }
    }
    Ok((cut, blocks))
}
