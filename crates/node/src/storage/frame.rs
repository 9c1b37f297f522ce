//! The format of both files: a head of 64 bytes, then frames.
//!
//! ```text
//! head   magic [8] | version u32 | replica u16 | 0 u16 | chain [32] | 0 [12] | crc u32
//! frame  length u32 | kind u8 | flags u8 | 0 u16 | seq u64 | payload crc u32 | crc u32 | payload
//! ```
//!
//! All integers are little-endian, both checksums CRC-32. A frame's own crc covers its offset in
//! the file and the 20 bytes before it, so that a frame which stands elsewhere (in a client's
//! payload, say) is none. `seq` numbers the operations of a replica through both files: it is what
//! tells, after a crash, which operations were lost. Flag 1 marks the first operation of a group,
//! and so says that everything before it had been synced.

use std::{ops::Range, path::Path, sync::Arc};

use bytes::Bytes;
use byzlab_core::{Digest, ReplicaId, codec};

use super::{
    Part, StorageError,
    disk::{Disk, DiskFile},
};

/// The version of the format.
pub const VERSION: u32 = 1;
/// The bytes of a file's head.
pub const FILE_HEAD: usize = 64;
/// The bytes of a frame's head.
pub const FRAME_HEAD: usize = 24;
/// The longest payload of the ledger: a block, which came in one message.
pub const BLOCK_MAX: usize = codec::FRAME_MAX;
/// The longest payload of the log: a compaction's records, all of them.
pub const LOG_MAX: usize = 256 << 20;

const FIRST: u8 = 1;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A block, encoded.
    Block = 1,
    /// A revert: the height (u64) above which every block is taken back.
    Revert = 2,
    /// A record.
    Save = 3,
    /// A compaction: the ledger's last seq (u64), then each record behind its length (u32).
    Compact = 4,
}

impl Kind {
    fn read(byte: u8) -> Option<Self> {
        [Self::Block, Self::Revert, Self::Save, Self::Compact]
            .into_iter()
            .find(|&kind| kind as u8 == byte)
    }
    fn part(self) -> Part {
        match self {
            Self::Block | Self::Revert => Part::Ledger,
            Self::Save | Self::Compact => Part::Log,
        }
    }
}

impl Part {
    /// The file's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Log => "log",
        }
    }
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Ledger => b"BYZLEDGR",
            Self::Log => b"BYZLAB-L",
        }
    }
    fn payload_max(self) -> usize {
        match self {
            Self::Ledger => BLOCK_MAX,
            Self::Log => LOG_MAX,
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHead {
    /// The replica's id.
    pub replica: ReplicaId,
    /// The chain's id.
    pub chain: Digest,
}

impl FileHead {
    /// The head's bytes.
    pub fn encode(&self, part: Part) -> [u8; FILE_HEAD] {
        let mut bytes = [0; FILE_HEAD];
        bytes[..8].copy_from_slice(part.magic());
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.replica.0.to_le_bytes());
        bytes[16..48].copy_from_slice(&self.chain.0);
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
    /// Reads the head of `file`; the inner error is damage.
    pub fn read(
        file: &dyn DiskFile,
        part: Part,
        path: &Path,
    ) -> Result<Result<Self, &'static str>, StorageError> {
        let error = |e| StorageError::io(path, "read", e);
        if file.len().map_err(error)? < FILE_HEAD as u64 {
            return Ok(Err("shorter than its head"));
        }
        let mut bytes = [0; FILE_HEAD];
        file.read_at(&mut bytes, 0).map_err(error)?;
        if crc32fast::hash(&bytes[..60]) != u32_at(&bytes, 60) || bytes[..8] != *part.magic() {
            return Ok(Err("the file's head is not what was written"));
        }
        let found = u32_at(&bytes, 8);
        if found != VERSION {
            let file = path.to_owned();
            return Err(StorageError::Version { file, found, known: VERSION });
        }
        Ok(Ok(Self {
            replica: ReplicaId(u16::from_le_bytes([bytes[12], bytes[13]])),
            chain: Digest(bytes[16..48].try_into().expect("32 bytes")),
        }))
    }
}

/// A frame's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// The payload's length.
    pub length: u32,
    /// What the payload is.
    pub kind: Kind,
    /// Whether it is the first of a group.
    pub first: bool,
    /// The operation's number.
    pub seq: u64,
    crc: u32,
}

fn head_crc(bytes: &[u8], offset: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&offset.to_le_bytes());
    hasher.update(&bytes[..20]);
    hasher.finalize()
}

impl FrameHead {
    /// The head at `offset` of `part`'s file, if these 24 bytes are one.
    pub fn parse(bytes: &[u8], part: Part, offset: u64) -> Option<Self> {
        let length = u32_at(bytes, 0);
        let kind = Kind::read(bytes[4]).filter(|kind| kind.part() == part)?;
        let plain = bytes[5] & !FIRST == 0 && bytes[6..8] == [0, 0];
        let fits = length as usize <= part.payload_max();
        if !plain || !fits || head_crc(bytes, offset) != u32_at(bytes, 20) {
            return None;
        }
        let first = bytes[5] == FIRST;
        Some(Self { length, kind, first, seq: u64_at(bytes, 8), crc: u32_at(bytes, 16) })
    }
    /// Whether `payload` is the one this head was written for.
    pub fn covers(&self, payload: &[u8]) -> bool {
        payload.len() == self.length as usize && crc32fast::hash(payload) == self.crc
    }
}

/// Appends a frame to `buffer`, which will be written at `base`; `write` appends the payload.
pub fn push_frame(
    buffer: &mut Vec<u8>,
    base: u64,
    kind: Kind,
    first: bool,
    seq: u64,
    write: impl FnOnce(&mut Vec<u8>),
) -> Result<Range<u64>, StorageError> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; FRAME_HEAD]);
    write(buffer);
    let (head, payload) = buffer[start..].split_at_mut(FRAME_HEAD);
    if payload.len() > kind.part().payload_max() {
        return Err(StorageError::TooLong(payload.len()));
    }
    head[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    head[4] = kind as u8;
    head[5] = if first { FIRST } else { 0 };
    head[8..16].copy_from_slice(&seq.to_le_bytes());
    head[16..20].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let offset = base + start as u64;
    let crc = head_crc(head, offset);
    head[20..].copy_from_slice(&crc.to_le_bytes());
    Ok(offset..base + buffer.len() as u64)
}

/// What stands at a place of a file.
#[derive(Debug)]
pub enum Found {
    /// A frame whose checksums hold.
    Frame {
        /// Its head.
        head: FrameHead,
        /// Its bytes in the file.
        bytes: Range<u64>,
        /// Its payload.
        payload: Bytes,
    },
    /// Bytes that no store wrote.
    Bad {
        /// Which.
        bytes: Range<u64>,
        /// What is wrong.
        reason: &'static str,
    },
    /// A frame that was not written to its end; nothing follows.
    Cut(Range<u64>),
}

/// Walks through the frames of a file, over bad ones too.
#[derive(Debug)]
pub struct Walk {
    file: Arc<dyn DiskFile>,
    part: Part,
    at: u64,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// How much is read at once.
const WINDOW: u64 = 1 << 20;

impl Walk {
    /// From the first frame to where the file ends now.
    pub fn new(file: Arc<dyn DiskFile>, part: Part) -> std::io::Result<Self> {
        let end = file.len()?;
        Ok(Self { file, part, at: FILE_HEAD as u64, end, window: Vec::new(), window_at: 0 })
    }
    /// Goes no further than `end`.
    pub fn until(mut self, end: u64) -> Self {
        self.end = self.end.min(end);
        self
    }
    /// What stands next; `None` at the end.
    pub fn next(&mut self) -> std::io::Result<Option<Found>> {
        let (at, left) = (self.at, self.end.saturating_sub(self.at));
        if left == 0 {
            return Ok(None);
        }
        if left < FRAME_HEAD as u64 {
            self.at = self.end;
            return Ok(Some(Found::Cut(at..self.end)));
        }
        let part = self.part;
        let Some(head) = FrameHead::parse(self.bytes(at, FRAME_HEAD)?, part, at) else {
            // What a file system may leave where a length became durable before the content.
            if self.only_zeros(at)? {
                self.at = self.end;
                return Ok(Some(Found::Cut(at..self.end)));
            }
            self.at = self.resume(at + 1)?;
            let reason = "not the head of a frame";
            return Ok(Some(Found::Bad { bytes: at..self.at, reason }));
        };
        let length = FRAME_HEAD + head.length as usize;
        if left < length as u64 {
            self.at = self.end;
            return Ok(Some(Found::Cut(at..self.end)));
        }
        let payload = &self.bytes(at, length)?[FRAME_HEAD..];
        let good = head.covers(payload);
        let payload = if good { Bytes::copy_from_slice(payload) } else { Bytes::new() };
        self.at = at + length as u64;
        let bytes = at..self.at;
        Ok(Some(match good {
            true => Found::Frame { head, bytes, payload },
            false => Found::Bad { bytes, reason: "the checksum does not hold" },
        }))
    }
    fn bytes(&mut self, at: u64, length: usize) -> std::io::Result<&[u8]> {
        let window = self.window_at..self.window_at + self.window.len() as u64;
        if !(window.contains(&at) && at + length as u64 <= window.end) {
            let ahead = (length as u64).max(WINDOW).min(self.end - at);
            self.window.resize(ahead as usize, 0);
            self.window_at = at;
            if let Err(e) = self.file.read_at(&mut self.window, at) {
                self.window.clear();
                return Err(e);
            }
        }
        let start = (at - self.window_at) as usize;
        Ok(&self.window[start..start + length])
    }
    /// The next offset from `at` on where a frame's head stands, or the end.
    fn resume(&mut self, mut at: u64) -> std::io::Result<u64> {
        let (end, part) = (self.end, self.part);
        while at + FRAME_HEAD as u64 <= end {
            if FrameHead::parse(self.bytes(at, FRAME_HEAD)?, part, at).is_some() {
                return Ok(at);
            }
            at += 1;
        }
        Ok(end)
    }
    fn only_zeros(&mut self, mut at: u64) -> std::io::Result<bool> {
        while at < self.end {
            let length = WINDOW.min(self.end - at) as usize;
            if self.bytes(at, length)?.iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            at += length as u64;
        }
        Ok(true)
    }
}

/// Opens `part`'s file on `disk`.
pub fn open(disk: &dyn Disk, part: Part) -> Result<Option<Arc<dyn DiskFile>>, StorageError> {
    disk.open(part.name()).map_err(|e| StorageError::io(disk.path(part.name()), "open", e))
}
