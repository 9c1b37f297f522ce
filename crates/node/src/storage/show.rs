//! The blocks of a ledger file, one by one: `byzlab ledger show`.
//!
//! Only reads, and takes no lock, as [`verify`](super::verify).

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use byzlab_core::{Block, Digest, Height, ReplicaId};

use super::{
    Damage, Part, StorageError,
    disk::{Disk, Folder},
    frame::{self, FileHead, Found, Kind, Walk},
    recover::{read_block, read_revert},
};

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

/// The blocks of the ledger in `dir`, in the order of the file: after a revert, a height comes
/// again.
pub fn show(dir: &Path) -> Result<Summaries, StorageError> {
    let disk = Folder::peek(dir)?;
    let path = disk.path(Part::Ledger.name());
    let Some(file) = frame::open(&disk, Part::Ledger)? else {
        return Err(StorageError::Missing(path));
    };
    let head = FileHead::read(&*file, Part::Ledger, &path)?.ok();
    let walk = Walk::new(file, Part::Ledger);
    let walk = walk.map_err(|e| StorageError::io(&path, "read", e))?;
    Ok(Summaries { head, path, walk: Some(walk), next: Height(1) })
}

/// See [`show`]. What is damaged comes as `Err`, and the blocks behind it follow; nothing but
/// checksums is checked.
#[derive(Debug)]
pub struct Summaries {
    head: Option<FileHead>,
    path: PathBuf,
    walk: Option<Walk>,
    next: Height,
}

impl Summaries {
    /// Whose ledger it is, if its head can be read.
    pub fn replica(&self) -> Option<ReplicaId> {
        self.head.map(|head| head.replica)
    }
    /// Of which chain it is, if its head can be read.
    pub fn chain(&self) -> Option<Digest> {
        self.head.map(|head| head.chain)
    }
    fn bad(&mut self, bytes: Range<u64>, reason: String) -> Damage {
        let (part, file, height) = (Part::Ledger, self.path.clone(), Some(self.next));
        self.next = self.next.next();
        Damage { part, file, bytes, height, reason, aside: None }
    }
}

impl Iterator for Summaries {
    type Item = Result<Summary, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = match self.walk.as_mut()?.next() {
                Ok(found) => found?,
                Err(e) => {
                    self.walk = None;
                    return Some(Err(self.bad(0..0, format!("cannot be read: {e}"))));
                }
            };
            let (head, bytes, payload) = match found {
                Found::Cut(_) => return None,
                Found::Bad { bytes, reason } => {
                    return Some(Err(self.bad(bytes, reason.to_owned())));
                }
                Found::Frame { head, bytes, payload } => (head, bytes, payload),
            };
            if head.kind == Kind::Revert {
                if let Ok(to) = read_revert(&payload) {
                    self.next = to.next();
                }
                continue;
            }
            return Some(match read_block(&payload) {
                Err(reason) => Err(self.bad(bytes, reason)),
                Ok(block) => {
                    self.next = block.height.next();
                    Ok(Summary::of(&block, bytes))
                }
            });
        }
    }
}

impl Summary {
    fn of(block: &Block, bytes: Range<u64>) -> Self {
        Self {
            height: block.height,
            parent: block.parent,
            digest: block.digest,
            producer: block.producer,
            root: block.batch.root(),
            transactions: block.batch.len(),
            transaction_bytes: block.batch.byte_len(),
            proof_bytes: block.proof.0.len(),
            bytes,
        }
    }
}
