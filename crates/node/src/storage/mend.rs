//! Making of what was found in a folder what a store can go on with.

use std::{ops::Range, path::PathBuf, sync::Arc};

use byzlab_core::Record;

use super::{
    Cut, Part, Recovered, StorageError,
    chain::Chain,
    disk::{Disk, DiskFile},
    frame::{FileHead, Kind, push_frame},
    recover::{Prefix, State, write_compaction},
};

/// How much is copied at once when damage is moved aside, in bytes.
const COPY: u64 = 1 << 20;

/// Makes of what was found what a store can go on with.
pub struct Mender<'a> {
    /// Where.
    pub disk: &'a dyn Disk,
    /// Whether to sync.
    pub durable: bool,
    /// The head of new files.
    pub head: FileHead,
}

/// Both files, at the end of their good prefix.
pub struct Mended {
    /// The ledger file.
    pub ledger: Arc<dyn DiskFile>,
    /// The log file.
    pub log: Arc<dyn DiskFile>,
    /// The ledger's blocks.
    pub chain: Chain,
    /// What to tell the caller.
    pub recovered: Recovered,
}

impl Mender<'_> {
    /// Moves damage aside, begins the log anew where there was any, and only then cuts the files
    /// off: wherever a crash comes between, the next opening finds the damage again.
    pub fn mend(&self, state: State) -> Result<Mended, StorageError> {
        let (seq, ledger_seq) = (state.last_seq(), state.ledger_seq());
        let State { mut ledger, mut log, chain, records } = state;
        let (mut damage, mut cut) = (Vec::new(), Vec::new());
        for (part, prefix) in [(Part::Ledger, &mut ledger), (Part::Log, &mut log)] {
            let bytes = prefix.end..prefix.length;
            if let Some(mut found) = prefix.damage.take() {
                if !bytes.is_empty() {
                    found.aside = Some(self.move_aside(part, bytes)?);
                }
                damage.push(found);
            } else if !bytes.is_empty() {
                cut.push(Cut { part, file: self.disk.path(part.name()), bytes });
            }
        }
        // A new log says from which number on the operations are gapless.
        let kept = match damage.is_empty() {
            true => self.cut_off(Part::Log, &log)?,
            false => None,
        };
        let log = match kept {
            Some(file) => file,
            None => new_log(self.disk, self.durable, &self.head, seq, ledger_seq, &records)?,
        };
        let ledger = match self.cut_off(Part::Ledger, &ledger)? {
            Some(file) => file,
            None => {
                let head = self.head.encode(Part::Ledger);
                new_file(self.disk, self.durable, Part::Ledger, &head)?
            }
        };
        if self.durable {
            // The log's name too may be new: a process killed in a rotation had not synced it.
            let path = self.disk.path("");
            self.disk.sync().map_err(|e| StorageError::io(path, "sync the folder", e))?;
        }
        let recovered = Recovered { records, head: chain.head(), damage, cut };
        Ok(Mended { ledger, log, chain, recovered })
    }

    /// Cuts a file off behind its good prefix, and syncs it: what was found may still be with the
    /// operating system alone.
    fn cut_off(
        &self,
        part: Part,
        prefix: &Prefix,
    ) -> Result<Option<Arc<dyn DiskFile>>, StorageError> {
        let Some(file) = &prefix.file else { return Ok(None) };
        let cut = || {
            if prefix.end < prefix.length {
                file.set_len(prefix.end)?;
            }
            if self.durable { file.sync() } else { Ok(()) }
        };
        cut().map_err(|e| StorageError::io(self.disk.path(part.name()), "cut off", e))?;
        Ok(Some(Arc::clone(file)))
    }

    fn move_aside(&self, part: Part, bytes: Range<u64>) -> Result<PathBuf, StorageError> {
        let path = self.disk.path(part.name());
        let copy = || -> std::io::Result<String> {
            let Some(from) = self.disk.open(part.name())? else {
                return Err(std::io::ErrorKind::NotFound.into());
            };
            let mut name = String::new();
            for n in 1u32.. {
                name = format!("{}.damaged-{n}", part.name());
                if self.disk.open(&name)?.is_none() {
                    break;
                }
            }
            let to = self.disk.create(&name)?;
            let mut at = bytes.start;
            while at < bytes.end {
                let mut chunk = vec![0; COPY.min(bytes.end - at) as usize];
                from.read_at(&mut chunk, at)?;
                to.write_at(&chunk, at - bytes.start)?;
                at += chunk.len() as u64;
            }
            to.sync()?;
            self.disk.sync()?;
            Ok(name)
        };
        let name = copy().map_err(|e| StorageError::io(&path, "move damage aside", e))?;
        Ok(self.disk.path(&name))
    }
}

/// Writes a log that begins with `records`, in place of any there is, at once or not at all.
pub fn new_log(
    disk: &dyn Disk,
    durable: bool,
    head: &FileHead,
    seq: u64,
    ledger_seq: u64,
    records: &[Record],
) -> Result<Arc<dyn DiskFile>, StorageError> {
    let mut content = head.encode(Part::Log).to_vec();
    push_frame(&mut content, 0, Kind::Compact, true, seq, |to| {
        write_compaction(to, ledger_seq, records);
    })?;
    new_file(disk, durable, Part::Log, &content)
}

fn new_file(
    disk: &dyn Disk,
    durable: bool,
    part: Part,
    content: &[u8],
) -> Result<Arc<dyn DiskFile>, StorageError> {
    let (name, new) = (part.name(), format!("{}.new", part.name()));
    let write = || {
        let file = disk.create(&new)?;
        file.write_at(content, 0)?;
        if durable {
            file.sync()?;
        }
        disk.rename(&new, name)?;
        if durable {
            disk.sync()?;
        }
        Ok(file)
    };
    write().map_err(|e| StorageError::io(disk.path(name), "begin a new file", e))
}
