//! Claims sorted by what proves them.

use byzlab_core::{Batch, Digest, crypto::bls::Aggregate};

use crate::{
    ed25519::Item,
    scratch::{Reuse, empty, recycled},
};

/// The most claims of a kind, and leaves of a batch, for which there is room from call to call.
const KEPT_MAX: usize = 1 << 16;

/// Lists that the claims of a call are sorted into.
#[derive(Debug, Default)]
pub struct Sorted<'a> {
    /// Signatures.
    pub items: Vec<Item<'a>>,
    /// Where they stand among the claims.
    pub places: Vec<usize>,
    /// Whether they hold.
    pub held: Vec<bool>,
    /// Aggregates, and where they stand.
    pub sums: Vec<(usize, &'a Aggregate)>,
    leaves: Vec<&'a [u8]>,
}

impl<'a> Sorted<'a> {
    /// The same memory for claims of another life.
    pub fn recycled<'b>(self) -> Sorted<'b> {
        let Self { items, mut places, mut held, sums, leaves } = self;
        places.clear();
        held.clear();
        let (items, sums, leaves) = (recycled(items), recycled(sums), recycled(leaves));
        Sorted { items, places, held, sums, leaves }
    }
    /// Whether the root that `batch` states is the one that `root` makes of its leaves.
    pub fn root_holds(&mut self, batch: &'a Batch, root: impl FnOnce(&[&[u8]]) -> Digest) -> bool {
        self.leaves.clear();
        batch.leaves(&mut self.leaves);
        root(&self.leaves) == batch.root()
    }
}

impl Reuse for Sorted<'static> {
    fn empty(&mut self) {
        let Self { items, places, held, sums, leaves } = self;
        empty(items, KEPT_MAX);
        empty(places, KEPT_MAX);
        empty(held, KEPT_MAX);
        empty(sums, KEPT_MAX);
        empty(leaves, KEPT_MAX);
    }
}
