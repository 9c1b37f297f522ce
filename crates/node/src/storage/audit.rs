//! Looking at a ledger from outside: `byzlab ledger show` and `byzlab ledger verify`.
//!
//! Both only read, take no lock, and may look at the folder of a running replica: they see what is
//! written at that moment.

use std::{ops::Range, path::Path};

use byzlab_core::{Accelerator, Block, Claim, Digest, Height, Invalid, ReplicaId, block::Head};

use super::{Cut, Damage, StorageError};

/// What [`verify`] found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whose folder it is, if its head can be read.
    pub replica: Option<ReplicaId>,
    /// The last block of the good prefix.
    pub head: Head,
    /// Blocks read, good ones and bad ones; those that were reverted count too.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Signatures, roots and proofs of work that were checked.
    pub claims: u64,
    /// Records in the log since its last compaction.
    pub records: u64,
    /// Bytes of both files.
    pub bytes: u64,
    /// What is bad, in order of place; at most [`DAMAGE_MAX`] of it.
    pub damage: Vec<Damage>,
    /// How much is bad, told above or not.
    pub damages: u64,
    /// Unfinished writes at the ends of files: what a crash leaves, and the next start cuts off.
    pub cut: Vec<Cut>,
}

/// The most damages that a [`Report`] tells in full.
pub const DAMAGE_MAX: usize = 1000;

impl Report {
    /// Whether nothing is bad. An unfinished write at the end is not.
    pub fn is_good(&self) -> bool {
        self.damages == 0
    }
}

/// Checks a folder: checksums, heights, parents, digests, Merkle roots, and for each block every claim
/// that `audit` names (its certificate or proof of work, its clients' signatures).
///
/// Goes on behind what is bad, so that each bad block is told once, by height and byte range.
pub fn verify(
    dir: &Path,
    chain: Digest,
    audit: &dyn Fn(&Block) -> Result<Vec<Claim>, Invalid>,
    accelerator: &dyn Accelerator,
) -> Result<Report, StorageError> {
    unimplemented!("{dir:?} {chain:?} {accelerator:?} {:?}", audit as *const _ as *const ())
}

/// One block of the ledger file, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its place.
    pub height: Height,
    /// The digest of the block below.
    pub parent: Digest,
    /// Its own digest.
    pub digest: Digest,
    /// Who proposed or mined it.
    pub producer: ReplicaId,
    /// The Merkle root that its batch states.
    pub root: Digest,
    /// How many transactions.
    pub transactions: usize,
    /// The bytes of them.
    pub transaction_bytes: usize,
    /// The bytes of what made it final.
    pub proof_bytes: usize,
    /// Where it stands in the ledger file.
    pub bytes: Range<u64>,
}

/// The blocks of the ledger in `dir`, in the order of the file: after a revert, a height comes again.
pub fn show(dir: &Path) -> Result<Summaries, StorageError> {
    unimplemented!("{dir:?}")
}

/// See [`show`]. What is damaged comes as `Err`, and the blocks behind it follow.
#[derive(Debug)]
pub struct Summaries {}

impl Iterator for Summaries {
    type Item = Result<Summary, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        unimplemented!()
    }
}
