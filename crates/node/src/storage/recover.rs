//! What a folder holds when it is opened: which prefix of the replica's operations is there.
//!
//! Both files are read to the end of their good prefix. What ends a prefix is one of
//! - *a cut*: the file ends within a frame. A crash does that, in a group that was never
//!   acknowledged;
//! - *damage*: anything else. No crash leaves it, save on a file system that makes a length durable
//!   before the content; then too it is in a group that was never acknowledged.
//!
//! Then the numbers of the operations tell whether one file lacks what the other one builds on. The
//! files are written one after the other, so a crash may leave a group's later operations without
//! the earlier ones: they are dropped. But if a *later group* is there, the gap had been synced,
//! and what is missing was taken away: damage, in the file that ends before the gap.

use std::{ops::Range, path::Path, sync::Arc};

use bytes::Bytes;
use byzlab_core::{Block, Height, Record, codec};

use super::{
    Damage, Opening, Part, StorageError,
    chain::{Chain, misfit, root_holds},
    disk::{Disk, DiskFile},
    frame::{self, FILE_HEAD, FileHead, Found, FrameHead, Kind, Walk, u64_at},
};

/// One operation's frame, without its content.
#[derive(Clone, Copy, Debug)]
struct Mark {
    seq: u64,
    /// First of its group.
    first: bool,
    offset: u64,
}

/// One file's good prefix.
#[derive(Debug)]
pub struct Prefix {
    /// The file, if there is one with a good head.
    pub file: Option<Arc<dyn DiskFile>>,
    /// Where the good prefix ends.
    pub end: u64,
    /// Where the file ends.
    pub length: u64,
    /// Where reading stops: the file's end, or where unfinished operations begin.
    limit: u64,
    /// What ended the prefix, if not a cut.
    pub damage: Option<Damage>,
    /// The number of the last operation; 0 if there is none.
    last: u64,
    /// The operations after the log's first.
    marks: Vec<Mark>,
}

/// What was found.
#[derive(Debug)]
pub struct State {
    /// The ledger file.
    pub ledger: Prefix,
    /// The log file.
    pub log: Prefix,
    /// The ledger's blocks.
    pub chain: Chain,
    /// The saved records.
    pub records: Vec<Record>,
}

impl State {
    /// The number of the last operation in either file.
    pub fn last_seq(&self) -> u64 {
        self.ledger.last.max(self.log.last)
    }
    /// What is damaged.
    pub fn into_damage(self) -> Vec<Damage> {
        self.ledger.damage.into_iter().chain(self.log.damage).collect()
    }
    /// The number of the last operation in the ledger.
    pub fn ledger_seq(&self) -> u64 {
        self.ledger.last
    }
}

enum Saved {
    Save(Record),
    Compact { ledger_seq: u64, records: Vec<Record> },
}

/// Reads and checks the folder. Changes nothing.
pub fn read(disk: &dyn Disk, opening: &Opening<'_>) -> Result<State, StorageError> {
    let mut log = Prefix::open(disk, Part::Log, opening)?;
    let mut ledger = Prefix::open(disk, Part::Ledger, opening)?;
    let mut saved = log.read_log(disk)?;
    let base = log.marks.first().map_or(0, |mark| mark.seq);
    let mut chain = ledger.read_ledger(disk, opening, base)?;
    let needs = match saved.first() {
        Some((_, Saved::Compact { ledger_seq, .. })) => *ledger_seq,
        _ => 0,
    };
    let whole = log.damage.is_none() && ledger.damage.is_none();
    match whole.then(|| missing(&log, &ledger, needs)).flatten() {
        Some(Missing::Unfinished(seq)) => {
            log.drop_from(seq);
            saved.retain(|(at, _)| *at < seq);
            if ledger.drop_from(seq) {
                chain = ledger.read_ledger(disk, opening, base)?;
            }
        }
        Some(Missing::Taken(Part::Ledger)) => {
            let height = Some(chain.head().height.next());
            ledger.ends_early(&disk.path(Part::Ledger.name()), Part::Ledger, height);
        }
        Some(Missing::Taken(Part::Log)) => {
            log.ends_early(&disk.path(Part::Log.name()), Part::Log, None);
        }
        None => {}
    }
    let mut records = Vec::new();
    for (_, saved) in saved {
        match saved {
            Saved::Save(record) => records.push(record),
            Saved::Compact { records: all, .. } => records = all,
        }
    }
    Ok(State { ledger, log, chain, records })
}

/// The first operation that is missing though something after it is there.
enum Missing {
    /// It was never synced: it and all after it are to be dropped.
    Unfinished(u64),
    /// It had been: this file has lost it.
    Taken(Part),
}

fn missing(log: &Prefix, ledger: &Prefix, ledger_needs: u64) -> Option<Missing> {
    let no_base = log.marks.is_empty() && (log.file.is_some() || ledger.last > 0);
    if no_base {
        return Some(Missing::Taken(Part::Log));
    }
    if ledger.last < ledger_needs {
        return Some(Missing::Taken(Part::Ledger));
    }
    let mut marks: Vec<Mark> = log.marks.iter().chain(&ledger.marks).copied().collect();
    marks.sort_unstable_by_key(|mark| mark.seq);
    let gap = marks.windows(2).position(|pair| pair[1].seq != pair[0].seq + 1)?;
    let seq = marks[gap].seq + 1;
    if !marks[gap + 1..].iter().any(|mark| mark.first) {
        return Some(Missing::Unfinished(seq));
    }
    Some(Missing::Taken(if ledger.last < seq { Part::Ledger } else { Part::Log }))
}

impl Prefix {
    fn open(disk: &dyn Disk, part: Part, opening: &Opening<'_>) -> Result<Self, StorageError> {
        let none = Self {
            file: None,
            end: 0,
            length: 0,
            limit: 0,
            damage: None,
            last: 0,
            marks: Vec::new(),
        };
        let Some(file) = frame::open(disk, part)? else { return Ok(none) };
        let path = disk.path(part.name());
        let length = file.len().map_err(|e| StorageError::io(&path, "measure", e))?;
        let head = match FileHead::read(&*file, part, &path)? {
            Ok(head) => head,
            Err(reason) => {
                let height = (part == Part::Ledger).then_some(Height(1));
                let bytes = 0..length.min(FILE_HEAD as u64);
                let reason = reason.to_owned();
                let damage = Damage { part, file: path, bytes, height, reason, aside: None };
                return Ok(Self { length, damage: Some(damage), ..none });
            }
        };
        if head.chain != opening.chain {
            let (found, wanted) = (head.chain, opening.chain);
            return Err(StorageError::OtherChain { file: path, found, wanted });
        }
        if head.replica != opening.replica {
            let (found, wanted) = (head.replica, opening.replica);
            return Err(StorageError::OtherReplica { file: path, found, wanted });
        }
        Ok(Self { file: Some(file), end: FILE_HEAD as u64, length, limit: length, ..none })
    }

    /// Hands each good frame to `take`, which says what is wrong with its content, and at what
    /// height.
    fn walk(
        &mut self,
        disk: &dyn Disk,
        part: Part,
        mut take: impl FnMut(&mut Self, FrameHead, Range<u64>, Bytes) -> Result<(), String>,
    ) -> Result<(), StorageError> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let path = disk.path(part.name());
        let error = |e| StorageError::io(&path, "read", e);
        let mut walk = Walk::new(file, part).map_err(error)?.until(self.limit);
        self.end = FILE_HEAD as u64;
        self.last = 0;
        self.marks.clear();
        while let Some(found) = walk.next().map_err(error)? {
            let (bytes, reason) = match found {
                Found::Cut(_) => break,
                Found::Bad { bytes, reason } => (bytes, reason.to_owned()),
                Found::Frame { head, bytes, payload } => {
                    let (end, seq) = (bytes.end, head.seq);
                    let ordered = seq > self.last || self.end == FILE_HEAD as u64;
                    let taken = match ordered {
                        true => take(self, head, bytes.clone(), payload),
                        false => Err("an operation that was written before".to_owned()),
                    };
                    match taken {
                        Ok(()) => {
                            (self.end, self.last) = (end, seq);
                            continue;
                        }
                        Err(reason) => (bytes, reason),
                    }
                }
            };
            let file = path.clone();
            self.damage = Some(Damage { part, file, bytes, height: None, reason, aside: None });
            break;
        }
        Ok(())
    }

    fn read_log(&mut self, disk: &dyn Disk) -> Result<Vec<(u64, Saved)>, StorageError> {
        let mut saved = Vec::new();
        self.walk(disk, Part::Log, |prefix, head, bytes, payload| {
            let what = match head.kind {
                Kind::Compact => read_compaction(&payload).ok_or("not a compaction")?,
                _ if saved.is_empty() => return Err("a log that does not begin at its base".into()),
                _ => Saved::Save(Record(payload)),
            };
            saved.push((head.seq, what));
            prefix.mark(head, bytes.start);
            Ok(())
        })?;
        Ok(saved)
    }

    fn read_ledger(
        &mut self,
        disk: &dyn Disk,
        opening: &Opening<'_>,
        base: u64,
    ) -> Result<Chain, StorageError> {
        let mut chain = Chain::new(opening.chain);
        let mut chained = None;
        self.walk(disk, Part::Ledger, |prefix, head, bytes, payload| {
            match head.kind {
                Kind::Block => {
                    let block = read_block(&payload)?;
                    let below = chain.head();
                    if let Some(reason) = misfit(&block, below.height.next(), Some(below.digest)) {
                        return Err(reason);
                    }
                    if !root_holds(&block, opening.accelerator) {
                        return Err("the Merkle root is not that of its transactions".into());
                    }
                    // One protocol made all of them.
                    if *chained.get_or_insert(block.is_chained()) != block.is_chained() {
                        return Err("its digest is not made as those of the blocks below".into());
                    }
                    chain.push(block.digest, &bytes);
                }
                _ => {
                    let to = read_revert(&payload)?;
                    if !chain.revert(to) {
                        return Err(format!("a revert to height {to}, which is not there"));
                    }
                }
            }
            if head.seq > base {
                prefix.mark(head, bytes.start);
            }
            Ok(())
        })?;
        if let Some(damage) = &mut self.damage {
            damage.height.get_or_insert(chain.head().height.next());
        }
        Ok(chain)
    }

    fn mark(&mut self, head: FrameHead, offset: u64) {
        self.marks.push(Mark { seq: head.seq, first: head.first, offset });
    }

    /// Drops the operations from `seq` on; false if there are none.
    fn drop_from(&mut self, seq: u64) -> bool {
        let keep = self.marks.partition_point(|mark| mark.seq < seq);
        let Some(dropped) = self.marks.get(keep) else { return false };
        (self.end, self.limit) = (dropped.offset, dropped.offset);
        self.marks.truncate(keep);
        self.last = self.marks.last().map_or(0, |mark| mark.seq);
        true
    }

    fn ends_early(&mut self, path: &Path, part: Part, height: Option<Height>) {
        let reason = match self.file {
            Some(_) => "its end has been taken away: operations are missing",
            None => "the file has been taken away",
        };
        let (file, bytes, reason) = (path.to_owned(), self.end..self.end, reason.to_owned());
        self.damage = Some(Damage { part, file, bytes, height, reason, aside: None });
    }
}

/// The block in a payload.
pub fn read_block(payload: &[u8]) -> Result<Block, String> {
    codec::decode(payload).map_err(|e| format!("not a block: {e}"))
}

/// The height in a revert's payload.
pub fn read_revert(payload: &[u8]) -> Result<Height, String> {
    match payload.len() {
        8 => Ok(Height(u64_at(payload, 0))),
        _ => Err("not a revert".into()),
    }
}

/// Appends a compaction's payload.
pub fn write_compaction(buffer: &mut Vec<u8>, ledger_seq: u64, records: &[Record]) {
    buffer.extend_from_slice(&ledger_seq.to_le_bytes());
    for Record(bytes) in records {
        buffer.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        buffer.extend_from_slice(bytes);
    }
}

fn read_compaction(payload: &Bytes) -> Option<Saved> {
    let ledger_seq = u64_at(payload.get(..8)?, 0);
    let (mut at, mut records) = (8, Vec::new());
    while at < payload.len() {
        let length = u32::from_le_bytes(payload.get(at..at + 4)?.try_into().ok()?) as usize;
        let end = at.checked_add(4)?.checked_add(length).filter(|&end| end <= payload.len())?;
        records.push(Record(payload.slice(at + 4..end)));
        at = end;
    }
    Some(Saved::Compact { ledger_seq, records })
}

/// How many records a compaction's payload holds, if it is one.
pub fn count_records(payload: &Bytes) -> Option<u64> {
    match read_compaction(payload)? {
        Saved::Compact { records, .. } => Some(records.len() as u64),
        Saved::Save(_) => None,
    }
}
