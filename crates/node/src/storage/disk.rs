//! The seam between the store and the disk, so that tests can lose, tear and refuse writes.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use super::StorageError;

/// One folder of files.
pub trait Disk: fmt::Debug + Send + Sync {
    /// The full path of file `name`, for messages.
    fn path(&self, name: &str) -> PathBuf;
    /// An existing file; `None` if there is none of this name.
    fn open(&self, name: &str) -> io::Result<Option<Arc<dyn DiskFile>>>;
    /// A new, empty file in place of any of this name.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Gives a file another name, in place of any of that name, at once or not at all.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Makes names durable.
    fn sync(&self) -> io::Result<()>;
}

/// One file of a [`Disk`].
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it is empty.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Fills `bytes` from `offset` on; fails at the file's end.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts the file off.
    fn set_len(&self, length: u64) -> io::Result<()>;
    /// Makes content and length durable.
    fn sync(&self) -> io::Result<()>;
}

/// A real folder.
#[derive(Debug)]
pub struct Folder {
    dir: PathBuf,
    /// Held until the folder is dropped; the operating system lets go of it when a process dies.
    lock: Option<File>,
}

impl Folder {
    /// The folder `dir`, for this process alone to write.
    pub fn lock(dir: &Path) -> Result<Self, StorageError> {
        Self::must_exist(dir)?;
        let path = dir.join("lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| StorageError::io(&path, "open the lock", e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), lock: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(StorageError::Locked(dir.to_owned())),
            Err(TryLockError::Error(e)) => Err(StorageError::io(&path, "lock", e)),
        }
    }
    /// The folder `dir`, to read only.
    pub fn peek(dir: &Path) -> Result<Self, StorageError> {
        Self::must_exist(dir)?;
        Ok(Self { dir: dir.to_owned(), lock: None })
    }
    fn must_exist(dir: &Path) -> Result<(), StorageError> {
        let found = std::fs::metadata(dir);
        let found = found.map_err(|e| StorageError::io(dir, "look into the folder", e))?;
        if found.is_dir() { Ok(()) } else { Err(StorageError::NotAFolder(dir.to_owned())) }
    }
}

impl Disk for Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
    fn open(&self, name: &str) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let write = self.lock.is_some();
        match OpenOptions::new().read(true).write(write).open(self.path(name)) {
            Ok(file) => Ok(Some(Arc::new(file))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(true);
        Ok(Arc::new(options.open(self.path(name))?))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }
    #[cfg(unix)]
    fn sync(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }
    // Elsewhere a folder cannot be opened, and renames are durable when the file is.
    #[cfg(not(unix))]
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
    #[cfg(unix)]
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, bytes, offset)
    }
    #[cfg(unix)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }
    #[cfg(windows)]
    fn read_at(&self, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(self, bytes, offset)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => (bytes, offset) = (&mut bytes[n..], offset + n as u64),
            }
        }
        Ok(())
    }
    #[cfg(windows)]
    fn write_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match std::os::windows::fs::FileExt::seek_write(self, bytes, offset)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => (bytes, offset) = (&bytes[n..], offset + n as u64),
            }
        }
        Ok(())
    }
    fn set_len(&self, length: u64) -> io::Result<()> {
        File::set_len(self, length)
    }
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A folder in memory. Whoever keeps it can open a store on it again, as after a restart.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<String, Arc<MemoryFile>>>>);

#[derive(Default)]
struct MemoryFile(RwLock<Vec<u8>>);

impl Disk for Memory {
    fn path(&self, name: &str) -> PathBuf {
        Path::new("memory:").join(name)
    }
    fn open(&self, name: &str) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(files.get(name).map(|file| Arc::clone(file) as Arc<dyn DiskFile>))
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = Arc::<MemoryFile>::default();
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).len() as u64)
    }
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let content = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let from = usize::try_from(offset).ok().and_then(|at| content.get(at..));
        let from = from.and_then(|rest| rest.get(..bytes.len()));
        bytes.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut content = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let at = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if at == content.len() {
            content.extend_from_slice(bytes);
        } else {
            let end = at + bytes.len();
            let length = content.len().max(end);
            content.resize(length, 0);
            content[at..end].copy_from_slice(bytes);
        }
        Ok(())
    }
    fn set_len(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.0.write().unwrap_or_else(PoisonError::into_inner).resize(length, 0);
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryFile({} B)", self.0.read().map_or(0, |content| content.len()))
    }
}
