//! Conformance as tests of a crate of one's own: they fail with what `byzlab conform` prints.

use std::{error::Error, fmt, num::NonZeroUsize, ops::Range, thread};

use byzlab_core::Entry;

use super::{Sheet, sheet, swarms};
use crate::runner::side_by_side;

/// What is not as a protocol promises, in words. Its `Debug` is those words too, so that a test which
/// returns it prints them.
#[derive(Clone, PartialEq, Eq)]
pub struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}
impl Error for Broken {}

/// Measures what each variant of a protocol [promises](Entry::promising).
///
/// # Errors
/// The tables of those variants that promise one thing and do another; or that nothing is promised.
pub fn keeps_promises(entry: Entry) -> Result<(), Broken> {
    promises_something(entry)?;
    let measure = |index: usize| sheet(entry, &entry.theories[index]);
    let sheets = side_by_side(cores(), entry.theories.len(), measure);
    let tables: String =
        sheets.iter().filter(|sheet| !sheet.holds()).map(Sheet::to_string).collect();
    let what = "promised is what the entry's `Theory` says, measured is what the protocol does";
    verdict(tables, what)
}

/// Runs each variant of a protocol under the [swarms](byzlab_sim::swarm) of faults that `seeds` draw.
///
/// # Errors
/// Which seeds failed, under which faults, and how; or that nothing is promised, so that no fault can
/// be asked to be stood.
pub fn survives_swarms(entry: Entry, seeds: Range<u64>) -> Result<(), Broken> {
    promises_something(entry)?;
    let count = seeds.end.saturating_sub(seeds.start) as usize;
    let mut failed = String::new();
    for theory in entry.theories {
        let one = |index: usize| swarms::run(entry, theory, seeds.start + index as u64);
        let runs = side_by_side(cores(), count, one);
        if runs.iter().any(|run| run.result.is_err()) {
            failed += &swarms::in_words(entry, theory, &runs);
        }
    }
    verdict(failed, "the same seed gives the same run, bit for bit")
}

fn promises_something(entry: Entry) -> Result<(), Broken> {
    match entry.theories {
        [] => Err(Broken(format!("{} declares no theory: see `Entry::promising`\n", entry.name))),
        _ => Ok(()),
    }
}

fn verdict(wrong: String, remark: &str) -> Result<(), Broken> {
    if wrong.is_empty() { Ok(()) } else { Err(Broken(format!("{wrong}{remark}\n"))) }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
