//! Where each block of the ledger stands, and what makes the next one fit.

use std::ops::Range;

use byzlab_core::{Accelerator, Block, Digest, Height, block::Head};

/// One block's place in the ledger file.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Where its frame begins.
    pub offset: u64,
    /// The bytes of its frame.
    pub length: u32,
    /// The block's digest.
    pub digest: Digest,
}

/// The blocks that stand, by height. 48 bytes a block.
#[derive(Clone, Debug)]
pub struct Chain {
    genesis: Digest,
    places: Vec<Place>,
}

impl Chain {
    /// No blocks.
    pub fn new(genesis: Digest) -> Self {
        Self { genesis, places: Vec::new() }
    }
    /// The last block.
    pub fn head(&self) -> Head {
        self.at(Height(self.places.len() as u64)).expect("the last place is there")
    }
    /// The block at `height`, or genesis.
    pub fn at(&self, height: Height) -> Option<Head> {
        match height {
            Height::GENESIS => Some(Head::genesis(self.genesis)),
            _ => self.place(height).map(|place| Head { height, digest: place.digest }),
        }
    }
    /// Where the block at `height` stands.
    pub fn place(&self, height: Height) -> Option<Place> {
        let index = usize::try_from(height.0.checked_sub(1)?).ok()?;
        self.places.get(index).copied()
    }
    /// The next block stands at `bytes`.
    pub fn push(&mut self, digest: Digest, bytes: &Range<u64>) {
        let length = (bytes.end - bytes.start) as u32;
        self.places.push(Place { offset: bytes.start, length, digest });
    }
    /// Takes back every block above `to`; false if there is no block there.
    pub fn revert(&mut self, to: Height) -> bool {
        let known = to.0 <= self.places.len() as u64;
        if known {
            self.places.truncate(to.0 as usize);
        }
        known
    }
}

/// Why `block` cannot stand on `head`, whose digest may be unknown.
pub fn misfit(block: &Block, height: Height, parent: Option<Digest>) -> Option<String> {
    if block.height != height {
        return Some(format!("a block of height {} in the place of height {height}", block.height));
    }
    match parent {
        Some(parent) if parent != block.parent => {
            Some(format!("its parent is {:?}, but the block below is {parent:?}", block.parent))
        }
        _ => None,
    }
}

/// Whether the batch has the root that it states.
pub fn root_holds(block: &Block, accelerator: &dyn Accelerator) -> bool {
    block.batch.root_holds(accelerator)
}
