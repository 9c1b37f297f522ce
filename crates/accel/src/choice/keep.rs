//! Profiles on disk: one file for each adapter, driver, CPU and set of kernels.
//!
//! A file is JSON: the [`Identity`] of what was measured, and the [`Profile`]. Its name is made from a digest
//! of the identity, so another driver or another version of the kernels looks elsewhere and finds nothing.
//! What cannot be read as a whole, or speaks of something else, counts as not there; the reason is told.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use byzlab_core::{Profile, Work, crypto::sha256_of};
use serde::{Deserialize, Serialize};

/// The largest file that is read.
const BYTES_MAX: u64 = 64 << 10;

/// What was measured; another one has other costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The adapter, as its driver calls it.
    pub adapter: String,
    /// The driver and its version.
    pub driver: String,
    /// What computes on the CPU's side.
    pub cpu: String,
    /// This crate's version and build, the adapter's integers, and a digest of every kernel's text.
    pub kernels: String,
}

/// What lies on disk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    identity: Identity,
    profile: Profile,
}

impl Identity {
    /// The adapter and its driver, in words.
    pub fn adapter_and_driver(&self) -> String {
        format!("{} ({})", self.adapter, self.driver)
    }
    /// The file in `folder` that has its profile.
    pub fn file(&self, folder: &Path) -> PathBuf {
        let Self { adapter, driver, cpu, kernels } = self;
        let mut text = Vec::new();
        for part in [adapter, driver, cpu, kernels] {
            text.extend((part.len() as u64).to_le_bytes());
            text.extend(part.as_bytes());
        }
        let digest = sha256_of(&[&text]).to_string();
        folder.join(format!("profile-{}.json", &digest[..16]))
    }
}

/// The profile kept in `folder` for `identity`; `Ok(None)` if there is none.
///
/// # Errors
/// Why what lies there is of no use, in words.
pub fn load(folder: &Path, identity: &Identity) -> Result<Option<Profile>, String> {
    let path = identity.file(folder);
    let damaged = |why: String| format!("{} is of no use: {why}", path.display());
    let mut text = String::new();
    let read =
        fs::File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(damaged(error.to_string())),
        Ok(_) => {}
    }
    let kept: Kept = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    if kept.identity != *identity {
        return Err(damaged("it speaks of another machine".into()));
    }
    let costs = [Some(kept.profile.cpu), kept.profile.gpu];
    let free = |work: &Work| costs.iter().flatten().any(|costs| costs.of(*work).item_ps == 0);
    if kept.profile.gpu.is_none() {
        return Err(damaged("it has no costs of a GPU".into()));
    }
    match Work::ALL.iter().find(|work| free(work)) {
        Some(work) => Err(damaged(format!("{work} cost nothing there"))),
        None => Ok(Some(kept.profile)),
    }
}

/// Keeps `profile` in `folder`, which is made if it is missing. A reader sees the old file or the new one,
/// never half of either.
///
/// # Errors
/// What the operating system says.
pub fn save(folder: &Path, identity: &Identity, profile: &Profile) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let path = identity.file(folder);
    let kept = Kept { identity: identity.clone(), profile: profile.clone() };
    let text = serde_json::to_string_pretty(&kept).map_err(io::Error::other)? + "\n";
    let fresh = path.with_extension(format!("{}.new", std::process::id()));
    let written = fs::File::create(&fresh)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&fresh, &path));
    if written.is_err() {
        // What could not be moved into place is of no use to anyone.
        let _ = fs::remove_file(&fresh);
    }
    written
}
