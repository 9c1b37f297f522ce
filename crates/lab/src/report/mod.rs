//! The report: one HTML file that opens from disk, without a network and without a script.
//!
//! [`render`] reads the records and the manifest of a results folder, and nothing else: the same
//! folder gives the same bytes. [`write_csvs`] writes the data of each figure beside it. How it is
//! built:
//!
//! | room | holds |
//! |---|---|
//! | `model` | records read, runs that differ by seed alone put together |
//! | `stats` | means with intervals, Nakamoto and Gini coefficients |
//! | `phases` | a run cut at its faults |
//! | `words` | numbers and names as text |
//! | `html` | markup; all text is escaped on its way in |
//! | `plot`, `marks` | figures with axes; lines, bars and shares |
//! | `tables` | the CSV files |
//! | `page`, `lead`, `sections` | what stands where |
//!
//! To add a section: a file in `sections` with `fn section(&Context, &mut Html)`, and its place in
//! `sections::ALL`.

mod html;
mod lead;
mod marks;
mod model;
mod page;
mod phases;
mod plot;
mod sections;
mod stats;
mod tables;
#[cfg(test)]
mod tests;
mod words;

use std::{fs, path::Path};

use anyhow::{Context, Result};

use model::Model;

/// The report on the results in `folder`, as one HTML document in UTF-8.
///
/// Fails if the folder holds no manifest, no spec or no record, or one that cannot be read.
pub fn render(folder: &Path) -> Result<String> {
    let model = Model::read(folder)?;
    let csv = tables::all(&model)?;
    Ok(page::document(&page::Context::new(&model, &csv)))
}

/// Writes the CSV files beside the records in `folder`: one a figure, one observation a row, units
/// in the names of columns. Files of the same name are replaced.
///
/// Fails where [`render`] does, and if a file cannot be written.
pub fn write_csvs(folder: &Path) -> Result<()> {
    let model = Model::read(folder)?;
    for csv in tables::all(&model)? {
        let path = folder.join(csv.name);
        fs::write(&path, csv.text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
