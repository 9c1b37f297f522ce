//! The laboratory: experiment files, runs, records, reports, and the `byzlab` command.
//!
//! ```text
//! file.toml ─ spec::Spec ─ experiment::Experiment ─ host::run ─ record::Record ─ report
//!             as written   as meant: cases          sim, quic   one line each
//! ```
//! A program of one's own with a protocol of one's own is five lines:
//!
//! ```no_run
//! # use byzlab::core::{Entry, Registry};
//! fn main() -> std::process::ExitCode {
//!     byzlab::main(byzlab::builtin()) // .with(Entry::of::<Mine>("mine", "my protocol"))
//! }
//! ```
//! and has at once every host, attack, checker, experiment and report.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
pub mod conform;
pub mod deployment;
pub mod expect;
pub mod experiment;
pub mod folder;
pub mod host;
pub mod manifest;
pub mod process;
pub mod profiles;
pub mod record;
pub mod report;
pub mod runner;
pub mod spec;
mod trial;

pub use byzlab_core as core;
pub use byzlab_protocols::{self as protocols, kit};
pub use byzlab_sim as sim;
pub use cli::main;
/// For a protocol's messages and parameters: `#[serde(crate = "byzlab::serde")]` and
/// `#[schemars(crate = "byzlab::schemars")]` beside the derives.
pub use {schemars, serde};

/// The protocols that come with this: those of [`protocols`], and [any program](process).
pub fn builtin() -> core::Registry {
    protocols::builtin().with(process::ENTRY)
}
