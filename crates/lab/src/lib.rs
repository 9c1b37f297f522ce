//! Experiments, runs, records, reports, and the `byzlab` command.

pub mod folder;
pub mod record;
