//! The accelerator that a file or a flag asks for.

use std::{env, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};
use byzlab_accel::{
    choice::{Devices, Picked, Wanted},
    gpu,
};
use byzlab_core::Reference;

use crate::{experiment::Case, spec};

/// Names the folder for what is worth keeping between runs.
const CACHE: &str = "BYZLAB_CACHE";

/// The adapters of this machine; what is measured of them is kept in the user's cache folder:
/// `$BYZLAB_CACHE`, or `byzlab` in `$XDG_CACHE_HOME` or in `~/.cache`.
pub fn devices() -> Devices {
    Devices::new(cache())
}

fn cache() -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    folder(CACHE)
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("byzlab")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache").join("byzlab")))
}

/// The accelerator that `spec` asks for, on `threads` threads if it does not say.
///
/// # Errors
/// When a GPU or a software adapter is asked for and there is none that works; the error names what was
/// found.
pub fn accelerator(
    spec: &spec::Accelerator,
    threads: Option<usize>,
    devices: &Devices,
) -> Result<Picked> {
    let Some(wanted) = spec.kind.wanted() else {
        return Ok(Picked { accelerator: Arc::new(Reference), said: Vec::new() });
    };
    let threads = spec.threads.map(Into::into).or(threads);
    devices.pick(wanted, threads).with_context(|| cannot(wanted))
}

/// Sees to it that the adapters which `cases` ask for are there, before anything runs or is written.
///
/// # Errors
/// As [`accelerator`].
pub fn require(cases: &[Case]) -> Result<()> {
    for wanted in [Wanted::Gpu, Wanted::Software] {
        let asks = |case: &Case| case.spec.accelerator.kind.wanted() == Some(wanted);
        if let (true, Some(select)) = (cases.iter().any(asks), wanted.adapter()) {
            gpu::select(select).with_context(|| cannot(wanted))?;
        }
    }
    Ok(())
}

fn cannot(wanted: Wanted) -> String {
    format!("cannot use the accelerator \"{wanted}\" (\"auto\" and \"cpu\" need no adapter)")
}
