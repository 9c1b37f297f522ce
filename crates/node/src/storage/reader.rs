//! Reading committed blocks beside the store that appends them.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use byzlab_core::{Block, Height, block::Head, protocol::Ledger};

use super::{
    Part, StorageError,
    chain::{Chain, Place},
    disk::DiskFile,
    frame::{FRAME_HEAD, FrameHead},
    recover::read_block,
};

/// What a store and its readers share.
#[derive(Debug)]
pub struct Shared {
    /// The ledger file.
    pub file: Arc<dyn DiskFile>,
    /// Its path.
    pub path: PathBuf,
    /// The durable blocks.
    pub chain: RwLock<Chain>,
}

/// Reads committed blocks, on any thread, beside the store that appends. Cheap to clone.
///
/// Sees a block once it is durable. Every read checks the block's checksum again.
#[derive(Clone, Debug)]
pub struct Reader(Arc<Shared>);

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
    /// The last durable block.
    pub fn head(&self) -> Head {
        self.0.chain.read().unwrap_or_else(PoisonError::into_inner).head()
    }
    /// The block at `height`, if there is one.
    pub fn block(&self, height: Height) -> Result<Option<Block>, StorageError> {
        let place = self.place(height);
        place.map(|place| self.read(height, place)).transpose()
    }
    /// Blocks from height `from` on, in order: at most `count`, and at most `bytes` bytes of them
    /// (but at least one, if there is one). Serves [`Action::Read`](byzlab_core::Action::Read).
    pub fn blocks(
        &self,
        from: Height,
        count: u32,
        bytes: usize,
    ) -> Result<Vec<Block>, StorageError> {
        let (mut blocks, mut left) = (Vec::new(), bytes);
        let mut height = from.max(Height(1));
        for _ in 0..count {
            let Some(place) = self.place(height) else { break };
            let length = place.length as usize;
            if length > left && !blocks.is_empty() {
                break;
            }
            left = left.saturating_sub(length);
            blocks.push(self.read(height, place)?);
            height = height.next();
        }
        Ok(blocks)
    }
    fn place(&self, height: Height) -> Option<Place> {
        self.0.chain.read().unwrap_or_else(PoisonError::into_inner).place(height)
    }
    fn read(&self, height: Height, place: Place) -> Result<Block, StorageError> {
        let mut frame = vec![0; place.length as usize];
        let read = self.0.file.read_at(&mut frame, place.offset);
        read.map_err(|e| StorageError::io(&self.0.path, "read", e))?;
        let (head, payload) = frame.split_at(FRAME_HEAD);
        let head = FrameHead::parse(head, Part::Ledger, place.offset);
        let block = match head.is_some_and(|head| head.covers(payload)) {
            true => read_block(payload),
            false => Err("the checksum does not hold".to_owned()),
        };
        let block = block.and_then(|block| match block.digest == place.digest {
            true => Ok(block),
            false => Err("it is another block".to_owned()),
        });
        block.map_err(|reason| StorageError::Unreadable {
            file: self.0.path.clone(),
            height: height.0,
            reason,
        })
    }
}

/// For [`Saved`](byzlab_core::Saved). A block that can no longer be read is logged, and absent.
impl Ledger for Reader {
    fn block(&self, height: Height) -> Option<Block> {
        Reader::block(self, height).unwrap_or_else(|error| {
            tracing::error!(%error, "the ledger cannot be read");
            None
        })
    }
}
