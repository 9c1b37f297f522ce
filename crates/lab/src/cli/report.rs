//! `byzlab report`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::{Found, say};
use crate::{
    folder::{self, Folder},
    report,
};

/// Makes the report of a results folder again, from its records
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The results folder
    dir: PathBuf,
}

pub(super) fn report(arguments: &Arguments) -> Result<Found> {
    let folder = Folder::open(&arguments.dir)?;
    report::write_csvs(folder.path())?;
    folder.write(folder::REPORT, &report::render(folder.path())?)?;
    say(&format!("{}\n", folder.path().join(folder::REPORT).display()))
}
