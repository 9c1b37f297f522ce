//! The words of the storage's callers.

use std::{fmt, ops::Range, path::PathBuf};

use byzlab_core::{Accelerator, Block, Digest, Height, Record, ReplicaId, block::Head, time::Span};
use serde::{Deserialize, Serialize};

/// How far an append has got when it returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// On the disk: it outlives a power failure.
    #[default]
    Fsync,
    /// With the operating system: it outlives `kill -9`, not a power failure.
    Os,
    /// In this process: nothing is written, and a restart finds nothing.
    Memory,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fsync => "fsync",
            Self::Os => "os",
            Self::Memory => "memory",
        })
    }
}

/// One operation of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Saves a record.
    Save(Record),
    /// Replaces all records by these, at once or not at all.
    Compact(Vec<Record>),
    /// Appends a block.
    Commit(Block),
    /// Takes back every block above this height.
    Revert(Height),
}

/// What a store is opened with.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The chain's id; a folder of another chain is refused.
    pub chain: Digest,
    /// Whose folder it is; a folder of another replica is refused.
    pub replica: ReplicaId,
    /// How far an append gets before it returns.
    pub durability: Durability,
    /// Computes the Merkle roots of the blocks found.
    pub accelerator: &'a dyn Accelerator,
}

/// What a store found when it was opened.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The saved records since the last compaction, in order.
    pub records: Vec<Record>,
    /// The last good block; the chain's genesis if there is none.
    pub head: Head,
    /// What was damaged. Empty but for a failing disk, or a hand that changed the files.
    ///
    /// The store has kept the good prefix and moved the rest aside: the replica takes no part with
    /// it, and asks its peers for the blocks that are missing. Where the *log* is damaged, promises
    /// made to peers may be lost too: until it has caught up, such a replica counts as one of the
    /// f.
    pub damage: Vec<Damage>,
    /// Ends of groups that were being written when the process or the machine stopped, now cut off.
    /// Nothing in them was ever acknowledged.
    pub cut: Vec<Cut>,
}

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The committed blocks.
    Ledger,
    /// The saved records.
    Log,
}

/// Something that cannot have been written by a store, or not at this place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// Which file, by its part in the store.
    pub part: Part,
    /// The file.
    pub file: PathBuf,
    /// The bytes that are bad.
    pub bytes: Range<u64>,
    /// The height of the block there; none in the log.
    pub height: Option<Height>,
    /// What is wrong with them.
    pub reason: String,
    /// Where the bytes from there to the end of the file were moved, if they were.
    pub aside: Option<PathBuf>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: bytes {}..{}", self.file.display(), self.bytes.start, self.bytes.end)?;
        if let Some(height) = self.height {
            write!(f, " (height {height})")?;
        }
        write!(f, ": {}", self.reason)?;
        if let Some(aside) = &self.aside {
            write!(f, "; moved to {}", aside.display())?;
        }
        Ok(())
    }
}

/// The unfinished end of a file, cut off at a start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Which file, by its part in the store.
    pub part: Part,
    /// The file.
    pub file: PathBuf,
    /// The bytes that were cut off.
    pub bytes: Range<u64>,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.bytes;
        write!(f, "{}: bytes {start}..{end}: an unfinished write, cut off", self.file.display())
    }
}

/// What a store has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Groups appended.
    pub groups: u64,
    /// Operations in them.
    pub operations: u64,
    /// Bytes written, framing included.
    pub bytes: u64,
    /// Calls to sync a file.
    pub syncs: u64,
    /// Time spent in them, in wall-clock time.
    pub syncing: Span,
}
