//! What can go wrong with a replica's folder.

use std::{io, path::PathBuf};

use byzlab_core::{Digest, ReplicaId};

/// Why a store cannot be opened, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no such file, or no such folder.
    #[error("{0}: there is no such file or folder")]
    Missing(PathBuf),
    /// The path names something else.
    #[error("{0}: not a folder")]
    NotAFolder(PathBuf),
    /// Another process writes here.
    #[error("{0}: in use by another process")]
    Locked(PathBuf),
    /// The operating system does not let us.
    #[error("{0}: permission denied")]
    Denied(PathBuf),
    /// No space is left, or a quota is used up. The store takes nothing more.
    #[error("{0}: the disk is full")]
    Full(PathBuf),
    /// It was written by a version of the store that this one does not know.
    #[error("{file}: version {found}; this program reads version {known}")]
    Version {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The one known here.
        known: u32,
    },
    /// It belongs to another chain: another committee, or another label.
    #[error("{file}: of chain {found}, not {wanted}")]
    OtherChain {
        /// The file.
        file: PathBuf,
        /// Its chain.
        found: Digest,
        /// The chain asked for.
        wanted: Digest,
    },
    /// It belongs to another replica of the chain.
    #[error("{file}: of replica {found}, not {wanted}")]
    OtherReplica {
        /// The file.
        file: PathBuf,
        /// Whose it is.
        found: ReplicaId,
        /// Who asked.
        wanted: ReplicaId,
    },
    /// A block or record is longer than the format allows.
    #[error("a block or record of {0} bytes is too long to be kept")]
    TooLong(usize),
    /// The bytes of a block are not what was written: the disk changed them after the start.
    #[error("{file}: the block at height {height} can no longer be read: {reason}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The block's height.
        height: u64,
        /// What is wrong.
        reason: String,
    },
    /// An earlier append failed, so that nobody knows what is on the disk; only opening the folder
    /// again tells.
    #[error("{0}: an earlier write failed; the store takes nothing more")]
    Failed(PathBuf),
    /// Anything else, with what was being done.
    #[error("{path}: cannot {doing}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The operating system's word.
        error: io::Error,
    },
}

impl StorageError {
    /// The error for `error`, met while `doing` something to `path`.
    pub(super) fn io(path: impl Into<PathBuf>, doing: &'static str, error: io::Error) -> Self {
        let path = path.into();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing(path),
            io::ErrorKind::NotADirectory => Self::NotAFolder(path),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Denied(path)
            }
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full(path),
            _ => Self::Io { path, doing, error },
        }
    }
}
