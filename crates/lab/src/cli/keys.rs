//! `byzlab keygen`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::{Found, say};
use crate::deployment::make_key;

/// Makes a replica's key: FILE (secret) and FILE.pub, and prints the public key
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where to write the secret key; must not exist
    file: PathBuf,
}

pub(super) fn keygen(arguments: &Arguments) -> Result<Found> {
    let public = make_key(&arguments.file)?;
    say(&format!("{public}\n"))
}
