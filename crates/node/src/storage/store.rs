//! One replica's folder, open for writing.

use std::path::Path;

use byzlab_core::{Block, Height, block::Head, protocol::Ledger};

use super::{Figures, Op, Opening, Recovered, StorageError};

/// One replica's ledger and consensus log, open for writing by this process alone.
#[derive(Debug)]
pub struct Store {}

impl Store {
    /// Opens the folder `dir`, which must exist; an empty one becomes the folder of a replica that
    /// has nothing yet. With [`Durability::Memory`](super::Durability::Memory), `dir` is not touched.
    ///
    /// Reads and checks everything: each frame's checksum, heights without gaps, parents, digests of
    /// chained blocks, Merkle roots. Damage is no error but part of [`Recovered`].
    pub fn open(dir: &Path, opening: Opening<'_>) -> Result<(Self, Recovered), StorageError> {
        unimplemented!("{dir:?} {opening:?}")
    }
    /// Writes `ops` in order and syncs once. After an error the store takes nothing more.
    ///
    /// After a crash in the middle, a prefix of `ops` is found, or all of it.
    ///
    /// # Panics
    /// If a block does not extend the head, or a revert goes to a height that is not there: the
    /// replica's adapter asserts both.
    pub fn append(&mut self, ops: &[Op]) -> Result<(), StorageError> {
        unimplemented!("{ops:?}")
    }
    /// The last block.
    pub fn head(&self) -> Head {
        unimplemented!()
    }
    /// A reader of the ledger, for any thread.
    pub fn reader(&self) -> Reader {
        unimplemented!()
    }
    /// What has been done since the opening.
    pub fn figures(&self) -> Figures {
        unimplemented!()
    }
}

/// Reads committed blocks, on any thread, beside the store that appends. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader {}

impl Reader {
    /// The last durable block's height.
    pub fn height(&self) -> Height {
        unimplemented!()
    }
    /// The block at `height`, if there is one.
    pub fn block(&self, height: Height) -> Result<Option<Block>, StorageError> {
        unimplemented!("{height:?}")
    }
    /// Blocks from height `from` on, in order: at most `count`, and at most `bytes` bytes of them
    /// (but at least one, if there is one). Serves [`Action::Read`](byzlab_core::Action::Read).
    pub fn blocks(
        &self,
        from: Height,
        count: u32,
        bytes: usize,
    ) -> Result<Vec<Block>, StorageError> {
        unimplemented!("{from:?} {count} {bytes}")
    }
}

/// For [`Saved`](byzlab_core::Saved). A block that can no longer be read is logged, and absent.
impl Ledger for Reader {
    fn block(&self, height: Height) -> Option<Block> {
        self.block(height).ok().flatten()
    }
}
