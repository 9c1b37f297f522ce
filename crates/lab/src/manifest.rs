//! Where numbers come from: the program, the machine, and what disturbs a measurement.

use std::{thread, time::SystemTime};

use byzlab_core::crypto::sha256;
use indexmap::IndexMap;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::{
    experiment::Experiment,
    folder::{Machine, Manifest},
    record::Record,
    spec::Host,
};

const LOCK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/Cargo.lock"));

/// The manifest of an experiment that begins now.
pub fn begin(experiment: &Experiment, set: &[String]) -> Manifest {
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let machine = machine();
    Manifest {
        name: experiment.spec.name.clone(),
        about: experiment.spec.about.clone(),
        byzlab: env!("CARGO_PKG_VERSION").to_owned(),
        commit: known(env!("BYZLAB_COMMIT")),
        lock_digest: lock_digest(),
        toolchain: env!("BYZLAB_TOOLCHAIN").to_owned(),
        profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
        spec_digest: sha256(experiment.resolved.as_bytes()).to_string(),
        set: set.to_vec(),
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        wall_s: 0.0,
        notes: notes(experiment, &machine),
        machine,
        accelerator: String::new(),
        trace_digests: IndexMap::new(),
    }
}

/// SHA-256 of the lock file that this program was built with; none if there was none.
pub fn lock_digest() -> Option<String> {
    (!LOCK.is_empty()).then(|| sha256(LOCK).to_string())
}

/// Adds what only the runs could tell.
pub fn finish(manifest: &mut Manifest, records: &[Record], wall_s: f64) {
    manifest.wall_s = wall_s;
    let digest = |r: &Record| Some((r.run.to_string(), r.summary.trace_digest.clone()?));
    manifest.trace_digests = records.iter().filter_map(digest).collect();
    let mut accelerators: Vec<_> = records.iter().map(|r| r.summary.accelerator.as_str()).collect();
    accelerators.sort_unstable();
    accelerators.dedup();
    manifest.accelerator = accelerators.join("; ");
}

/// The machine that this runs on.
pub fn machine() -> Machine {
    let kind = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(kind).ok();
    let cpu =
        system.as_ref().and_then(|s| s.cpus().first()).map(|cpu| cpu.brand().trim().to_owned());
    let load = System::load_average().ok().map(|load| load.one);
    Machine {
        cpu: cpu.filter(|brand| !brand.is_empty()).unwrap_or_else(|| "unknown".into()),
        cores: thread::available_parallelism().map_or(1, Into::into),
        memory_bytes: system.map_or(0, |s| s.total_memory()),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        load_average: load.map(|load| (load * 100.0).round() / 100.0),
    }
}

/// What a reader of the numbers must know.
fn notes(experiment: &Experiment, machine: &Machine) -> Vec<String> {
    let mut notes = Vec::new();
    let on = |host| experiment.cases.iter().any(|case| case.host == host);
    if cfg!(debug_assertions) {
        notes.push("a debug build: its numbers say nothing about speed".to_owned());
    }
    let busy = machine.load_average.filter(|load| *load > 0.3 * machine.cores as f64);
    if let (Some(load), true) = (busy, on(Host::Quic)) {
        notes.push(format!(
            "the machine was busy when the runs began: load average {load} on {} cores; numbers of \
             real clusters are disturbed by it",
            machine.cores
        ));
    }
    if experiment.cases.iter().any(|case| !case.spec.cluster.client_signatures) {
        notes.push("some runs have clients that do not sign their transactions".to_owned());
    }
    let simulated = |case: &crate::experiment::Case| {
        case.host == Host::Sim && case.spec.cluster.scheme == byzlab_core::Scheme::Simulated
    };
    if experiment.cases.iter().any(simulated) {
        notes.push(
            "signatures of simulated runs are tags of the same size; their cost is modelled"
                .to_owned(),
        );
    }
    if on(Host::Quic) {
        notes.push(
            "real clusters run on one machine over loopback, clients beside them; nothing in their \
             timing repeats exactly"
                .to_owned(),
        );
    }
    notes
}
