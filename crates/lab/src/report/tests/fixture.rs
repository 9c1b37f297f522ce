//! Records made by hand for the tests of the report. No run gave them, and none are shipped.

use std::{collections::BTreeMap, path::Path};

use byzlab_core::{Digest, block::Head, crypto::sha256, id::Height, outcome::Traffic};
use indexmap::IndexMap;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    folder::{MANIFEST, Machine, Manifest, RECORDS, SPEC},
    record::{MarkAt, Moment, Percentiles, Record, Summary, Verdict, ViolationAt},
};

/// How a protocol behaves in the fixture.
#[derive(Clone, Copy)]
pub struct Behaviour {
    /// Name and label.
    pub protocol: &'static str,
    /// Transactions a second in calm.
    pub rate: f64,
    /// The median latency.
    pub median_ms: f64,
    /// Blocks a second.
    pub blocks: f64,
    /// What is left of the rate while a replica is down.
    pub kept: f64,
    /// Whether every replica produces.
    pub shared: bool,
}

pub const PBFT: Behaviour = Behaviour {
    protocol: "pbft",
    rate: 980.0,
    median_ms: 6.4,
    blocks: 42.0,
    kept: 0.94,
    shared: false,
};
pub const POW: Behaviour = Behaviour {
    protocol: "pow",
    rate: 610.0,
    median_ms: 4200.0,
    blocks: 1.3,
    kept: 0.82,
    shared: true,
};
pub const CENTRAL: Behaviour = Behaviour {
    protocol: "central",
    rate: 1000.0,
    median_ms: 1.9,
    blocks: 90.0,
    kept: 0.0,
    shared: false,
};

const SECONDS: usize = 30;
const STEP_S: f64 = 0.5;
/// Replica 1 is down in between.
const DOWN_S: (f64, f64) = (10.0, 18.0);

/// A run of four replicas.
pub fn record(run: usize, b: Behaviour, host: &str, seed: u64) -> Record {
    let mut noise = Noise(seed * 7919 + run as u64);
    let slow = if host == "sim" { 1.0 } else { 1.17 };
    let (mut timeline, mut committed, mut height) = (Vec::new(), 0, 0.0);
    for i in 1..=(SECONDS as f64 / STEP_S) as usize {
        let at_s = i as f64 * STEP_S;
        let down = at_s > DOWN_S.0 && at_s <= DOWN_S.1;
        let share = if down { b.kept } else { 1.0 };
        let jitter = if b.shared { noise.between(0.2, 1.8) } else { noise.between(0.93, 1.04) };
        let count = (b.rate * STEP_S * share * jitter / slow) as u64;
        height += b.blocks * STEP_S * share;
        let own = match at_s {
            _ if down => None,
            at if at > DOWN_S.1 && at < DOWN_S.1 + 2.5 => {
                let caught_up = 0.35 + 0.65 * (at - DOWN_S.1) / 2.5;
                Some((height * caught_up) as u64)
            }
            _ => Some(height as u64),
        };
        let h = Some(height as u64);
        committed += count;
        let p50 = (count > 0).then(|| b.median_ms * slow * noise.between(0.9, 1.2));
        timeline.push(Moment {
            at_s,
            committed_transactions: count,
            p50_ms: p50,
            heights: vec![h, own, h, h],
        });
    }
    let histogram = histogram(b.median_ms * slow, committed);
    let traffic = traffic(b, committed, height);
    let blocks = height as u64;
    let producers = match b.shared {
        true => vec![blocks * 29 / 100, blocks * 17 / 100, blocks * 28 / 100, blocks * 26 / 100],
        false => vec![blocks, 0, 0, 0],
    };
    let latency_ms = percentiles(&histogram);
    let real = host == "quic";
    Record {
        run,
        label: b.protocol.into(),
        point: IndexMap::new(),
        summary: Summary {
            protocol: b.protocol.into(),
            host: host.into(),
            nodes: 4,
            seed,
            duration_s: SECONDS as f64,
            committed_transactions: committed,
            committed_blocks: blocks,
            throughput_tps: committed as f64 / SECONDS as f64,
            latency_ms,
            messages: traffic.values().map(|t| t.messages).sum(),
            bytes: traffic.values().map(|t| t.bytes).sum(),
            signatures_checked: committed * 4 + blocks * 24,
            events: committed * 3,
            view_changes: u64::from(b.protocol == "pbft"),
            violations: Vec::new(),
            trace_digest: (!real).then(|| format!("{:016x}", noise.next())),
            ledger_head: Some(format!("{:016x}", noise.next()).repeat(4)),
            wall_s: if real { SECONDS as f64 } else { 0.8 },
            accelerator: "cpu, 2 threads".into(),
        },
        load_s: (0.0, SECONDS as f64),
        submitted_transactions: committed + 40,
        client_signatures: true,
        scheme: if real { "ed25519" } else { "simulated" }.into(),
        durability: real.then(|| "fsync".into()),
        cpu_us_per_transaction: real.then_some(120.0 * slow),
        timeline,
        marks: vec![
            MarkAt { at_s: DOWN_S.0, replica: Some(1), what: "crash".into() },
            MarkAt { at_s: DOWN_S.1, replica: Some(1), what: "restart".into() },
        ],
        latency_histogram_ns: histogram,
        traffic,
        producers,
        heads: vec![Some(Head { height: Height(blocks), digest: Digest([7; 32]) }); 4],
        notes: BTreeMap::from([("out of window".into(), 12), ("stale view".into(), 3)]),
        figures: BTreeMap::from([("fsync_mean_us".into(), 812.4)]),
        stall: None,
        stall_from_s: 0.0,
        expectations: vec![Verdict {
            property: "equal_heads".into(),
            expected: "all ledgers end with the same block".into(),
            holds: true,
            seen: "4 of 4 replicas have one head".into(),
        }],
        steps: Vec::new(),
        checkpoints: Vec::new(),
    }
}

/// PBFT, proof of work and a central server, in simulation and over QUIC.
pub fn quickstart() -> Vec<Record> {
    let all = [PBFT, POW, CENTRAL];
    let runs = ["sim", "quic"].into_iter().flat_map(|host| all.map(|b| (host, b)));
    runs.enumerate().map(|(run, (host, b))| record(run, b, host, 1)).collect()
}

/// Rates of load from low to high, three seeds each.
pub fn sweep() -> Vec<Record> {
    let mut records = Vec::new();
    for b in [PBFT, CENTRAL] {
        for rate in [250, 500, 1000, 2000, 4000] {
            for seed in 1..=3 {
                let full = f64::from(rate) / (b.rate * 2.5);
                let reached = f64::from(rate).min(b.rate * 2.5) * (1.0 + seed as f64 / 50.0);
                let median_ms =
                    b.median_ms * (1.0 + full.powi(3) * 4.0) * (1.0 + seed as f64 / 20.0);
                let b = Behaviour { rate: reached, median_ms, ..b };
                let mut record = record(records.len(), b, "sim", seed);
                record.point.insert("load.rate".into(), json!(rate));
                record.marks.clear();
                records.push(record);
            }
        }
    }
    records
}

/// A run in which no client saw anything confirmed.
pub fn idle(run: usize) -> Record {
    let mut record = record(run, CENTRAL, "quic", 1);
    record.latency_histogram_ns.clear();
    record.traffic.clear();
    record.producers = vec![0; 4];
    record.notes = BTreeMap::from([("no quorum".into(), 77)]);
    let summary = &mut record.summary;
    summary.committed_transactions = 0;
    summary.committed_blocks = 0;
    summary.throughput_tps = 0.0;
    summary.latency_ms = Percentiles::default();
    summary.messages = 0;
    summary.bytes = 0;
    summary.signatures_checked = 0;
    summary.ledger_head = None;
    record.cpu_us_per_transaction = None;
    for moment in &mut record.timeline {
        moment.committed_transactions = 0;
        moment.p50_ms = None;
        moment.heights = vec![Some(0); 4];
    }
    record
}

/// A violation.
pub fn violation(what: &str) -> ViolationAt {
    ViolationAt {
        property: "agreement".into(),
        at_s: 12.25,
        replicas: vec![0, 2],
        what: what.into(),
    }
}

/// A results folder with these records.
pub fn folder(name: &str, records: &[Record]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), name, records);
    dir
}

/// Writes a results folder.
pub fn write(path: &Path, name: &str, records: &[Record]) {
    let digests = records
        .iter()
        .filter_map(|record| Some((record.run.to_string(), record.summary.trace_digest.clone()?)));
    let manifest = Manifest {
        name: name.into(),
        about: "PBFT, proof of work and a central server on one load, with a replica killed on \
             the way."
            .into(),
        byzlab: "0.1.0".into(),
        commit: Some("fe5519c0a1b2c3d4e5f60718293a4b5c6d7e8f90".into()),
        lock_digest: Some("ab".repeat(32)),
        toolchain: "rustc 1.95.0".into(),
        profile: "release".into(),
        spec_digest: String::new(),
        set: vec!["load.rate=1000".into()],
        started: "2026-11-22T10:00:00Z".into(),
        wall_s: 93.5,
        machine: Machine {
            cpu: "a fixture's processor".into(),
            cores: 2,
            memory_bytes: 8 << 30,
            system: "Linux x86_64".into(),
            load_average: Some(0.12),
        },
        accelerator: "cpu, 2 threads".into(),
        trace_digests: digests.collect(),
        notes: vec![
            "Signatures are simulated in `sim`: their cost is charged in virtual \
             time."
                .into(),
        ],
    };
    std::fs::write(path.join(MANIFEST), serde_json::to_string_pretty(&manifest).unwrap()).unwrap();
    specify(path, "name = \"quickstart\"\nhosts = [\"sim\", \"quic\"]\n\n[load]\nrate = 1000\n");
    let lines: String =
        records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect();
    std::fs::write(path.join(RECORDS), lines).unwrap();
}

/// Writes the resolved experiment of a results folder, whose manifest vouches for it.
pub fn specify(path: &Path, spec: &str) {
    let text = std::fs::read_to_string(path.join(MANIFEST)).unwrap();
    let mut manifest: Manifest = serde_json::from_str(&text).unwrap();
    manifest.spec_digest = sha256(spec.as_bytes()).to_string();
    std::fs::write(path.join(MANIFEST), serde_json::to_string_pretty(&manifest).unwrap()).unwrap();
    std::fs::write(path.join(SPEC), spec).unwrap();
}

fn traffic(b: Behaviour, committed: u64, height: f64) -> IndexMap<String, Traffic> {
    let blocks = height as u64;
    let of = |messages: u64, each: u64| Traffic { messages, bytes: messages * each };
    let bulk = Traffic { messages: blocks * 3, bytes: committed * 3 * 520 };
    let kinds: Vec<(&str, Traffic)> = match b.protocol {
        "pbft" => vec![
            ("pre-prepare", bulk),
            ("prepare", of(blocks * 9, 132)),
            ("commit", of(blocks * 12, 128)),
            ("checkpoint", of(blocks / 8, 140)),
            ("view-change", of(12, 2048)),
        ],
        "pow" => {
            vec![("block", bulk), ("announce", of(blocks * 9, 44)), ("get-headers", of(31, 90))]
        }
        _ => vec![("order", bulk), ("fetch", of(7, 60))],
    };
    kinds.into_iter().map(|(kind, traffic)| (kind.to_owned(), traffic)).collect()
}

/// A long-tailed distribution around a median.
fn histogram(median_ms: f64, total: u64) -> Vec<(u64, u64)> {
    let steps = 120_u64;
    let weight = |i: u64| (-((i as f64 - 40.0) / 14.0).powi(2)).exp() + 0.004;
    let sum: f64 = (0..steps).map(weight).sum();
    let edge = |i: u64| (median_ms * 1e6 * 1.05_f64.powf(i as f64 - 40.0)) as u64;
    let rows = (0..steps).map(|i| (edge(i), (weight(i) / sum * total as f64) as u64));
    rows.filter(|row| row.1 > 0).collect()
}

fn percentiles(rows: &[(u64, u64)]) -> Percentiles {
    let total: u64 = rows.iter().map(|row| row.1).sum();
    let at = |share: f64| {
        let mut below = 0;
        rows.iter()
            .find(|row| {
                below += row.1;
                below as f64 >= total as f64 * share
            })
            .map(|row| row.0 as f64 / 1e6)
    };
    Percentiles { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1.0) }
}

/// Noise that is the same everywhere.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 ^ (self.0 >> 29)
    }
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 40) as f64 / (1_u64 << 24) as f64
    }
}
