//! Names of replicas, heights and views.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A replica's place in the committee, from 0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct ReplicaId(pub u16);

/// A block's place in the ledger. Genesis is 0 and holds no block; the first block is 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Height(pub u64);

/// A view: a stretch of the run with one leader. Papers also call it round or epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct View(pub u64);

impl ReplicaId {
    /// The place as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
impl Height {
    /// Before the first block.
    pub const GENESIS: Self = Self(0);
    /// The height above this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
impl View {
    /// The view after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}
impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
