//! One replica's folder, open for writing.

use std::{
    ops::Range,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use byzlab_core::{Height, Record, block::Head, codec, time::Span};

use super::{
    Durability, Figures, Op, Opening, Part, Reader, Recovered, StorageError,
    disk::{Disk, DiskFile, Folder, Memory},
    frame::{FileHead, Kind, push_frame},
    mend::{Mended, Mender, new_log},
    reader::Shared,
    recover::{self, write_compaction},
};

/// The length from which the log gets a new file at its next compaction, in bytes.
pub const LOG_ROTATE: u64 = 16 << 20;
/// How much of a write buffer is kept between groups, in bytes.
const BUFFER_KEPT: usize = 4 << 20;

/// One replica's ledger and consensus log, open for writing by this process alone.
#[derive(Debug)]
pub struct Store {
    disk: Arc<dyn Disk>,
    head: FileHead,
    durability: Durability,
    ledger: Tail,
    log: Tail,
    shared: Arc<Shared>,
    /// The last block, of those too that are not written yet.
    last: Head,
    /// What the blocks and reverts not yet written will do to the chain.
    changes: Vec<Change>,
    /// The last operation's number, and the last of the ledger's.
    seq: u64,
    ledger_seq: u64,
    /// Whether the next operation begins a group.
    first: bool,
    failed: bool,
    figures: Figures,
    log_rotate: u64,
}

#[derive(Debug)]
enum Change {
    Push(Head, Range<u64>),
    Revert(Height),
}

/// The end of a file, and what is to be appended.
#[derive(Debug)]
struct Tail {
    part: Part,
    file: Arc<dyn DiskFile>,
    length: u64,
    buffer: Vec<u8>,
}

impl Store {
    /// Opens the folder `dir`, which must exist; an empty one becomes the folder of a replica that
    /// has nothing yet. With [`Durability::Memory`], `dir` is not touched.
    ///
    /// Reads and checks everything: each frame's checksum, heights without gaps, parents, Merkle
    /// roots. Damage is no error but part of [`Recovered`].
    pub fn open(dir: &Path, opening: Opening<'_>) -> Result<(Self, Recovered), StorageError> {
        match opening.durability {
            Durability::Memory => Self::open_on(Arc::new(Memory::default()), opening),
            Durability::Fsync | Durability::Os => {
                Self::open_on(Arc::new(Folder::lock(dir)?), opening)
            }
        }
    }
    /// Opens the store on `disk`: as [`open`](Self::open), for a [`Memory`] that outlives a restart
    /// within one process, and for tests.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        opening: Opening<'_>,
    ) -> Result<(Self, Recovered), StorageError> {
        let state = recover::read(&*disk, &opening)?;
        let durable = opening.durability == Durability::Fsync;
        let head = FileHead { replica: opening.replica, chain: opening.chain };
        let (seq, ledger_seq) = (state.last_seq(), state.ledger_seq());
        let Mended { ledger, log, chain, recovered } =
            Mender { disk: &*disk, durable, head }.mend(state)?;
        let last = chain.head();
        let ledger = Tail::at_end(&*disk, Part::Ledger, ledger)?;
        let log = Tail::at_end(&*disk, Part::Log, log)?;
        let shared = Arc::new(Shared {
            file: Arc::clone(&ledger.file),
            path: disk.path(Part::Ledger.name()),
            chain: RwLock::new(chain),
        });
        let store = Self {
            disk,
            head,
            durability: opening.durability,
            ledger,
            log,
            shared,
            last,
            changes: Vec::new(),
            seq,
            ledger_seq,
            first: true,
            failed: false,
            figures: Figures::default(),
            log_rotate: LOG_ROTATE,
        };
        Ok((store, recovered))
    }

    /// Writes `ops` in order and syncs once. After an error the store takes nothing more: what is
    /// on the disk, only opening the folder again tells.
    ///
    /// After a crash in the middle, a prefix of `ops` is found, or all of it.
    ///
    /// # Panics
    /// If a block does not extend the head, or a revert goes to a height that is not there: the
    /// replica's adapter asserts both.
    pub fn append(&mut self, ops: &[Op]) -> Result<(), StorageError> {
        if self.failed {
            return Err(StorageError::Failed(self.disk.path("")));
        }
        self.failed = true;
        self.first = true;
        for op in ops {
            self.push(op)?;
        }
        self.flush()?;
        self.figures.groups += 1;
        self.figures.operations += ops.len() as u64;
        self.failed = false;
        Ok(())
    }
    /// The last block.
    pub fn head(&self) -> Head {
        self.last
    }
    /// A reader of the ledger, for any thread.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }
    /// What has been done since the opening.
    pub fn figures(&self) -> Figures {
        self.figures
    }
    /// Lets the log rotate at another length than [`LOG_ROTATE`].
    #[cfg(test)]
    pub(super) fn rotate_log_at(&mut self, length: u64) {
        self.log_rotate = length;
    }

    fn push(&mut self, op: &Op) -> Result<(), StorageError> {
        match op {
            Op::Save(Record(bytes)) => {
                self.frame(Part::Log, Kind::Save, |to| to.extend_from_slice(bytes))?;
            }
            Op::Compact(records) if self.log.end() >= self.log_rotate => self.rotate(records)?,
            Op::Compact(records) => {
                let ledger_seq = self.ledger_seq;
                self.frame(Part::Log, Kind::Compact, |to| {
                    write_compaction(to, ledger_seq, records);
                })?;
            }
            Op::Commit(block) => {
                assert_eq!(block.height, self.last.height.next(), "blocks come without gaps");
                assert_eq!(block.parent, self.last.digest, "a block extends the head");
                let bytes = self.frame(Part::Ledger, Kind::Block, |to| {
                    *to = codec::encode_after(std::mem::take(to), block);
                })?;
                self.last = block.head();
                self.changes.push(Change::Push(self.last, bytes));
            }
            Op::Revert(to) => {
                self.last = self.head_at(*to).expect("a revert goes to a block that is there");
                let height = to.0.to_le_bytes();
                self.frame(Part::Ledger, Kind::Revert, |to| to.extend_from_slice(&height))?;
                self.changes.push(Change::Revert(*to));
            }
        }
        Ok(())
    }
    fn frame(
        &mut self,
        part: Part,
        kind: Kind,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Range<u64>, StorageError> {
        self.seq += 1;
        let tail = match part {
            Part::Ledger => {
                self.ledger_seq = self.seq;
                &mut self.ledger
            }
            Part::Log => &mut self.log,
        };
        let first = std::mem::take(&mut self.first);
        push_frame(&mut tail.buffer, tail.length, kind, first, self.seq, write)
    }
    /// The block at `height`, of those too that are not written yet.
    fn head_at(&self, height: Height) -> Option<Head> {
        if height > self.last.height {
            return None;
        }
        let pushed = self.changes.iter().rev().find_map(|change| match change {
            Change::Push(head, _) if head.height == height => Some(*head),
            _ => None,
        });
        pushed
            .or_else(|| self.shared.chain.read().unwrap_or_else(PoisonError::into_inner).at(height))
    }

    /// Writes what is buffered, the log first, and syncs what was written.
    fn flush(&mut self) -> Result<(), StorageError> {
        let written = [self.log.write(&*self.disk)?, self.ledger.write(&*self.disk)?];
        self.figures.bytes += written.iter().sum::<u64>();
        if self.durability == Durability::Fsync {
            for (tail, written) in [&self.log, &self.ledger].into_iter().zip(written) {
                if written > 0 {
                    let began = Instant::now();
                    tail.sync(&*self.disk)?;
                    let took = Span::from(began.elapsed());
                    self.figures.syncs += 1;
                    self.figures.syncing = self.figures.syncing + took;
                }
            }
        }
        if !self.changes.is_empty() {
            let mut chain = self.shared.chain.write().unwrap_or_else(PoisonError::into_inner);
            for change in self.changes.drain(..) {
                match change {
                    Change::Push(head, bytes) => chain.push(head.digest, &bytes),
                    Change::Revert(to) => assert!(chain.revert(to), "checked when it was pushed"),
                }
            }
        }
        Ok(())
    }
    /// Compacts into a new file, in place of the old one.
    fn rotate(&mut self, records: &[Record]) -> Result<(), StorageError> {
        self.flush()?;
        self.seq += 1;
        let durable = self.durability == Durability::Fsync;
        let file = new_log(&*self.disk, durable, &self.head, self.seq, self.ledger_seq, records)?;
        self.log.length = file.len().map_err(|e| self.log.error(&*self.disk, "measure", e))?;
        self.log.file = file;
        self.figures.bytes += self.log.length;
        self.first = true;
        Ok(())
    }
}

impl Tail {
    fn at_end(disk: &dyn Disk, part: Part, file: Arc<dyn DiskFile>) -> Result<Self, StorageError> {
        let mut tail = Self { part, file, length: 0, buffer: Vec::new() };
        tail.length = tail.file.len().map_err(|e| tail.error(disk, "measure", e))?;
        Ok(tail)
    }
    fn end(&self) -> u64 {
        self.length + self.buffer.len() as u64
    }
    fn error(&self, disk: &dyn Disk, doing: &'static str, error: std::io::Error) -> StorageError {
        StorageError::io(disk.path(self.part.name()), doing, error)
    }
    fn write(&mut self, disk: &dyn Disk) -> Result<u64, StorageError> {
        let written = self.buffer.len() as u64;
        if written > 0 {
            let done = self.file.write_at(&self.buffer, self.length);
            done.map_err(|e| self.error(disk, "write", e))?;
            self.length += written;
            self.buffer.clear();
            self.buffer.shrink_to(BUFFER_KEPT);
        }
        Ok(written)
    }
    fn sync(&self, disk: &dyn Disk) -> Result<(), StorageError> {
        self.file.sync().map_err(|e| self.error(disk, "sync", e))
    }
}
