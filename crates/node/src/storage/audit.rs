//! Checking a folder from outside: `byzlab ledger verify`.
//!
//! Only reads, takes no lock, and may look at the folder of a running replica: it sees what is
//! written at that moment, so that the last write may look unfinished.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use byzlab_core::{Accelerator, Block, Claim, Digest, Height, Invalid, ReplicaId, block::Head};

use super::{
    Cut, Damage, Durability, Opening, Part, StorageError,
    chain::misfit,
    disk::{Disk, Folder},
    frame::{self, FILE_HEAD, FileHead, Found, FrameHead, Kind, Walk},
    recover::{self, State, count_records, read_block, read_revert},
};

/// What [`verify`] found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whose folder it is, if its head can be read.
    pub replica: Option<ReplicaId>,
    /// The last block of the good prefix.
    pub head: Head,
    /// Blocks read; those that were reverted count too.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Signatures, roots and proofs of work that were checked.
    pub claims: u64,
    /// Records in the log since its last compaction.
    pub records: u64,
    /// Bytes of both files.
    pub bytes: u64,
    /// What is bad; at most [`DAMAGE_MAX`] of it.
    pub damage: Vec<Damage>,
    /// How much is bad, told above or not.
    pub damages: u64,
    /// Unfinished writes at the ends of files: what a crash leaves, and the next start cuts off.
    pub cut: Vec<Cut>,
}

/// The most damages that a [`Report`] tells in full.
pub const DAMAGE_MAX: usize = 1000;
/// How many claims are proven at once, about.
const CLAIMS: usize = 8192;
/// How many bytes of blocks wait for their claims, at most about.
const WAITING_BYTES: usize = 64 << 20;

impl Report {
    /// Whether nothing is bad. An unfinished write at the end is not.
    pub fn is_good(&self) -> bool {
        self.damages == 0
    }
}

/// What must hold for a block to be final: see [`Entry::audit`](byzlab_core::Entry::audit) and
/// [`Batch::claims`](byzlab_core::Batch::claims).
pub type Audit<'a> = &'a dyn Fn(&Block) -> Result<Vec<Claim>, Invalid>;

/// Checks a folder: checksums, heights, parents, Merkle roots, and for each block every claim that
/// `audit` names (its certificate or proof of work, its clients' signatures).
///
/// Goes on behind what is bad, so that each bad block is told, by height and byte range.
pub fn verify(
    dir: &Path,
    chain: Digest,
    audit: Audit<'_>,
    accelerator: &dyn Accelerator,
) -> Result<Report, StorageError> {
    verify_on(&Folder::peek(dir)?, chain, audit, accelerator)
}

pub(super) fn verify_on(
    disk: &dyn Disk,
    chain: Digest,
    audit: Audit<'_>,
    accelerator: &dyn Accelerator,
) -> Result<Report, StorageError> {
    let report = Report {
        replica: None,
        head: Head::genesis(chain),
        blocks: 0,
        transactions: 0,
        claims: 0,
        records: 0,
        bytes: 0,
        damage: Vec::new(),
        damages: 0,
        cut: Vec::new(),
    };
    let genesis = Some(chain);
    let mut auditor = Auditor {
        report,
        path: disk.path(Part::Ledger.name()),
        heads: vec![genesis],
        first_bad: None,
        waiting: Vec::new(),
        claims: Vec::new(),
        waiting_bytes: 0,
        audit,
        accelerator,
    };
    auditor.ledger(disk, chain)?;
    auditor.log(disk, chain)?;
    auditor.together(disk, chain)?;
    Ok(auditor.report)
}

struct Auditor<'a> {
    report: Report,
    path: PathBuf,
    /// The digest at each height from genesis on; `None` where the block is bad.
    heads: Vec<Option<Digest>>,
    /// The lowest height at which something was bad.
    first_bad: Option<Height>,
    /// Blocks whose claims wait, with how many they have.
    waiting: Vec<(Height, Range<u64>, usize)>,
    claims: Vec<Claim>,
    waiting_bytes: usize,
    audit: Audit<'a>,
    accelerator: &'a dyn Accelerator,
}

impl Auditor<'_> {
    fn ledger(&mut self, disk: &dyn Disk, chain: Digest) -> Result<(), StorageError> {
        let path = self.path.clone();
        let Some(mut walk) = self.walk(disk, Part::Ledger, chain)? else { return Ok(()) };
        while let Some(found) = walk.next().map_err(|e| StorageError::io(&path, "read", e))? {
            match found {
                Found::Cut(bytes) => {
                    self.report.cut.push(Cut { part: Part::Ledger, file: path.clone(), bytes });
                }
                Found::Bad { bytes, reason } => self.bad_block(bytes, reason.to_owned()),
                Found::Frame { head, bytes, payload } => self.frame(head, bytes, &payload),
            }
        }
        self.prove();
        let good = self.first_bad.map_or(self.heads.len() as u64 - 1, |height| height.0 - 1);
        if let Some(&Some(digest)) = self.heads.get(good as usize) {
            self.report.head = Head { height: Height(good), digest };
        }
        Ok(())
    }
    fn walk(
        &mut self,
        disk: &dyn Disk,
        part: Part,
        chain: Digest,
    ) -> Result<Option<Walk>, StorageError> {
        let path = disk.path(part.name());
        let error = |e| StorageError::io(&path, "read", e);
        let Some(file) = frame::open(disk, part)? else {
            return Err(StorageError::Missing(path));
        };
        let length = file.len().map_err(error)?;
        self.report.bytes += length;
        match FileHead::read(&*file, part, &path)? {
            Ok(head) if head.chain != chain => {
                let (found, wanted) = (head.chain, chain);
                return Err(StorageError::OtherChain { file: path, found, wanted });
            }
            Ok(head) => self.report.replica = Some(head.replica),
            Err(reason) => {
                let bytes = 0..length.min(FILE_HEAD as u64);
                self.damage(part, &path, bytes, None, reason.to_owned());
                if length < FILE_HEAD as u64 {
                    return Ok(None);
                }
            }
        }
        Walk::new(file, part).map(Some).map_err(error)
    }
    fn frame(&mut self, head: FrameHead, bytes: Range<u64>, payload: &Bytes) {
        if head.kind == Kind::Revert {
            match read_revert(payload) {
                Ok(to) if to.0 < self.heads.len() as u64 => self.heads.truncate(to.0 as usize + 1),
                Ok(to) => self.bad(bytes, None, format!("a revert to height {to}, not there")),
                Err(reason) => self.bad(bytes, None, reason),
            }
            return;
        }
        let block = match read_block(payload) {
            Ok(block) => block,
            Err(reason) => return self.bad_block(bytes, reason),
        };
        self.report.blocks += 1;
        self.report.transactions += block.batch.len() as u64;
        let height = Height(self.heads.len() as u64);
        let parent = self.heads.last().copied().flatten();
        self.heads.push(Some(block.digest));
        if let Some(reason) = misfit(&block, height, parent) {
            self.bad(bytes.clone(), Some(height), reason);
        }
        match (self.audit)(&block) {
            Err(invalid) => self.bad(bytes, Some(height), invalid.to_string()),
            Ok(claims) => {
                let before = self.claims.len();
                let rooted =
                    claims.iter().any(|c| matches!(c, Claim::Root(batch) if *batch == block.batch));
                self.claims.extend(claims);
                if !rooted {
                    self.claims.push(Claim::Root(block.batch.clone()));
                }
                self.waiting.push((height, bytes, self.claims.len() - before));
                self.waiting_bytes += payload.len();
                if self.claims.len() >= CLAIMS || self.waiting_bytes >= WAITING_BYTES {
                    self.prove();
                }
            }
        }
    }
    /// Proves the claims that wait.
    fn prove(&mut self) {
        let verdicts = self.accelerator.check(&self.claims);
        self.report.claims += self.claims.len() as u64;
        let (waiting, claims) =
            (std::mem::take(&mut self.waiting), std::mem::take(&mut self.claims));
        self.waiting_bytes = 0;
        let mut judged = claims.iter().zip(verdicts);
        for (height, bytes, count) in waiting {
            let failed: Vec<&Claim> =
                judged.by_ref().take(count).filter(|(_, holds)| !holds).map(|(c, _)| c).collect();
            if let [first, more @ ..] = &failed[..] {
                let what = match first {
                    Claim::Signed { by, .. } => format!("the signature by {by:?} does not hold"),
                    Claim::Aggregate(sum) => {
                        format!("the signature of {} replicas does not hold", sum.signers.len())
                    }
                    Claim::Tossed(tossed) => format!("the toss of {} does not hold", tossed.by),
                    Claim::Root(_) => "the Merkle root is not that of its transactions".into(),
                    Claim::Work(_) => "the proof of work does not hold".into(),
                };
                let reason = match more.len() {
                    0 => what,
                    n => format!("{what}, and {n} more claims do not"),
                };
                self.bad(bytes, Some(height), reason);
            }
        }
    }
    fn log(&mut self, disk: &dyn Disk, chain: Digest) -> Result<(), StorageError> {
        let path = disk.path(Part::Log.name());
        let Some(mut walk) = self.walk(disk, Part::Log, chain)? else { return Ok(()) };
        while let Some(found) = walk.next().map_err(|e| StorageError::io(&path, "read", e))? {
            match found {
                Found::Cut(bytes) => {
                    self.report.cut.push(Cut { part: Part::Log, file: path.clone(), bytes });
                }
                Found::Bad { bytes, reason } => {
                    self.damage(Part::Log, &path, bytes, None, reason.to_owned());
                }
                Found::Frame { head, bytes, payload } => match head.kind {
                    Kind::Compact => match count_records(&payload) {
                        Some(count) => self.report.records = count,
                        None => {
                            let reason = "not a compaction".to_owned();
                            self.damage(Part::Log, &path, bytes, None, reason);
                        }
                    },
                    _ => self.report.records += 1,
                },
            }
        }
        Ok(())
    }
    /// Whether one file lacks what the other one builds on.
    fn together(&mut self, disk: &dyn Disk, chain: Digest) -> Result<(), StorageError> {
        let Some(replica) = self.report.replica.filter(|_| self.report.is_good()) else {
            return Ok(());
        };
        let (durability, accelerator) = (Durability::Os, self.accelerator);
        let opening = Opening { chain, replica, durability, accelerator };
        let look = || recover::read(disk, &opening).map(State::into_damage);
        let first = look()?;
        // A running replica writes between our looks at its two files. What is missing for good, is
        // missing at the same place in a second look.
        if !first.is_empty() && look()? == first {
            for found in first {
                self.damage(found.part, &found.file, found.bytes, found.height, found.reason);
            }
        }
        Ok(())
    }
    /// Bytes in which the next block, unknown now, must have stood.
    fn bad_block(&mut self, bytes: Range<u64>, reason: String) {
        let height = Height(self.heads.len() as u64);
        self.heads.push(None);
        self.bad(bytes, Some(height), reason);
    }
    fn bad(&mut self, bytes: Range<u64>, height: Option<Height>, reason: String) {
        let at = height.unwrap_or(Height(self.heads.len() as u64));
        self.first_bad = Some(self.first_bad.map_or(at, |first| first.min(at)));
        self.damage(Part::Ledger, &self.path.clone(), bytes, height, reason);
    }
    fn damage(
        &mut self,
        part: Part,
        path: &Path,
        bytes: Range<u64>,
        height: Option<Height>,
        reason: String,
    ) {
        self.report.damages += 1;
        if self.report.damage.len() < DAMAGE_MAX {
            let file = path.to_owned();
            self.report.damage.push(Damage { part, file, bytes, height, reason, aside: None });
        }
    }
}
