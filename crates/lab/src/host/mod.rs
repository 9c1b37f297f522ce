//! From a [`Case`] to its [`Record`], on the host that the case names.

mod pick;
pub mod quic;
pub mod sim;

pub use pick::{accelerator, devices, require};

use std::{mem, path::Path, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use byzlab_core::{
    Accelerator, Span, Time,
    host::{Arrivals, Load},
};

use crate::{
    experiment::Case,
    process::Bound,
    record::{Checkpoint, Record},
    spec::{Host, Spec},
};

/// The rate of an open loop for which the file gives none, in transactions a second.
pub const RATE: u32 = 1000;

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Of its time, from 0 to 1.
    pub share: f64,
    /// Transactions confirmed so far.
    pub transactions: u64,
}

/// Runs a case; `scratch` is a folder that need not exist, for what replicas keep on disk.
///
/// # Errors
/// If the host cannot run it. What goes wrong *in* the run is in the record.
pub fn run(
    case: &Case,
    accelerator: Arc<dyn Accelerator>,
    scratch: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Record> {
    let started = Instant::now();
    let programs = Bound::of(case.entry, &case.params)?;
    let entry = programs.map_or(case.entry, Bound::entry);
    let case = &Case { entry, ..case.clone() };
    let came_out = match case.host {
        Host::Sim => sim::run(case, accelerator, progress),
        Host::Quic => {
            quic::run(case, accelerator, scratch, progress).map(|o| (o, Default::default()))
        }
    };
    let failures = programs.map(Bound::close);
    let (mut outcome, trace) = came_out.with_context(|| describe(case))?;
    // What a program did comes before what came of it.
    outcome.violations.splice(..0, failures.into_iter().flatten());
    let stall = case.stall();
    if let Some(stall) = &stall {
        // There it does as theory says, and the record says what that is.
        let mut violations = mem::take(&mut outcome.violations);
        violations.retain(|violation| !case.is_expected(stall, violation, &outcome));
        outcome.violations = violations;
    }
    let too_short = case.too_short(&outcome).filter(|_| stall.is_none());
    if too_short.is_some() {
        outcome.violations.retain(|violation| violation.property != "progress");
    }
    let mut record = Record::of(case.identity(), &outcome, started.elapsed().as_secs_f64());
    record.stall = stall.map(|stall| stall.why.to_owned()).or(too_short);
    record.stall_from_s = stall.map_or(0.0, |stall| stall.from.as_secs_f64());
    record.checkpoints = sim::checkpoints(&trace);
    record.steps = trace.steps;
    let about_it = case.spec.expect.iter().filter(|expectation| expectation.is_about(&record));
    record.expectations = about_it.map(|expectation| expectation.judge(&record)).collect();
    Ok(record)
}

/// A case in a few words: `run 3: pbft on sim, 4 replicas, seed 1`.
pub fn describe(case: &Case) -> String {
    let point: Vec<_> =
        case.point.iter().map(|(key, value)| format!(", {key} = {value}")).collect();
    let (host, nodes) = (case.host.name(), case.spec.cluster.nodes);
    format!(
        "run {}: {} on {host}, {nodes} replicas, seed {}{}",
        case.run,
        case.label,
        case.seed,
        point.concat()
    )
}

/// What each client of a spec sends.
fn load(spec: &Spec) -> Load {
    let load = &spec.load;
    let arrivals = match load.outstanding {
        Some(outstanding) => Arrivals::Closed { outstanding },
        None => {
            let rate = u64::from(load.rate.unwrap_or(RATE));
            let gap = Span::ns(u64::from(load.clients) * 1_000_000_000 / rate);
            Arrivals::Open { gap: gap.max(Span::ns(1)), poisson: load.poisson }
        }
    };
    Load {
        arrivals,
        transaction_bytes: load.transaction_bytes,
        keys: load.keys,
        from: moment(load.from),
        until: moment(load.until.unwrap_or(spec.stop.after)),
        retry: load.retry,
    }
}

/// The moment `span` into the run.
fn moment(span: Span) -> Time {
    Time::ZERO + span
}

/// Each replica's hash power.
fn hash_power(spec: &Spec) -> Vec<u64> {
    let powers = &spec.mining.hash_power.0;
    (0..usize::from(spec.cluster.nodes)).map(|i| powers[i % powers.len()]).collect()
}

impl From<byzlab_sim::TracePoint> for Checkpoint {
    fn from(point: byzlab_sim::TracePoint) -> Self {
        Self {
            events: point.events,
            at_s: point.at.as_secs_f64(),
            digest: crate::record::hex_digest(point.digest),
        }
    }
}
