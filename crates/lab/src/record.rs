//! The record of one run: what `records.jsonl` holds, one JSON object a line.
//!
//! A record has two storeys. Its [`Summary`] is what `byzlab run --json` prints: one number a fact.
//! Around it stands what plots and checks need: the course of the run, the latency histogram, traffic
//! by kind. In JSON both lie side by side in one object. Every field has its unit in its name, and
//! moments are seconds since the run began, in the host's time.
//!
//! Every number in a report is made from these records and from nothing else.

use std::collections::BTreeMap;

use byzlab_core::{
    block::Head,
    outcome::{Latency, Mark, Outcome, Sample, Traffic, Violation},
    time::Span,
};
use hdrhistogram::Histogram;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// One run, as `records.jsonl` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The run's number in its experiment, from 0: the order of points, protocols, hosts and seeds,
    /// not the order in which runs ended.
    pub run: usize,
    /// What plots call the protocol of this run: its label in the experiment file, or its name.
    pub label: String,
    /// What the sweep set in this run, by dotted key; empty without a sweep.
    pub point: IndexMap<String, serde_json::Value>,
    /// What `--json` prints.
    #[serde(flatten)]
    pub summary: Summary,
    /// When clients began and stopped sending, in seconds.
    pub load_s: (f64, f64),
    /// Transactions that clients sent.
    pub submitted_transactions: u64,
    /// Whether clients signed their transactions and replicas checked them. A report says so if not.
    pub client_signatures: bool,
    /// `"ed25519"`, `"bls"` or `"simulated"`. A report says so if simulated.
    pub scheme: String,
    /// What a commit waited for on disk: `"fsync"`, `"os"` or `"memory"`; none in simulation.
    pub durability: Option<String>,
    /// CPU microseconds of replicas and clients together for each committed transaction, where measured.
    pub cpu_us_per_transaction: Option<f64>,
    /// The course of the run: one sample an interval, in order.
    pub timeline: Vec<Moment>,
    /// What was done to the cluster, in order of time.
    pub marks: Vec<MarkAt>,
    /// Client-observed latency: rows of (upper edge in ns, transactions), two significant digits, by
    /// rising edge. Rows of several records may be merged by adding counts of equal edges.
    pub latency_histogram_ns: Vec<(u64, u64)>,
    /// Messages and bytes between replicas by message kind.
    pub traffic: IndexMap<String, Traffic>,
    /// Blocks in the longest ledger by producer, every replica listed, in order of replica.
    pub producers: Vec<u64>,
    /// Each replica's ledger at the end, in order of replica; null for one that is down.
    pub heads: Vec<Option<Head>>,
    /// How often each note was made, by label.
    pub notes: BTreeMap<String, u64>,
    /// Further figures of the host, the unit in the name.
    pub figures: BTreeMap<String, f64>,
    /// Why theory says that this run commits nothing from a moment on, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall: Option<String>,
    /// That moment, in seconds; 0 for all of the run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stall_from_s: f64,
    /// What the experiment file expects of the run, and whether it holds.
    pub expectations: Vec<Verdict>,
    /// The trace digest on the way, so that a replay can say where it parted; empty on hosts that
    /// cannot replay.
    pub checkpoints: Vec<Checkpoint>,
    /// The low 16 bits of the digest after each event of a simulation, up to a bound: not in the line of
    /// JSON but in a file of its own, [`steps_file`].
    #[serde(skip)]
    pub steps: Vec<u16>,
}

/// The file in a results folder that holds [`Record::steps`] of a run, each as two bytes, low one first.
pub fn steps_file(run: usize) -> String {
    format!("trace-{run}.bin")
}

/// What `byzlab run --json` prints of a run: these fields, no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The protocol's name in the registry.
    pub protocol: String,
    /// `"sim"` or `"quic"`.
    pub host: String,
    /// The number of replicas.
    pub nodes: u16,
    /// The seed of everything random in the run.
    pub seed: u64,
    /// How long the run lasted in the host's time.
    pub duration_s: f64,
    /// Transactions that a client holds for final.
    pub committed_transactions: u64,
    /// The longest ledger's height.
    pub committed_blocks: u64,
    /// Transactions that became final while clients sent, a second: the same measure on every host,
    /// however long a run goes on to settle what is under way.
    pub throughput_tps: f64,
    /// From the intended send time to the last reply needed; null without committed transactions.
    pub latency_ms: Percentiles,
    /// Messages between replicas, one a receiver.
    pub messages: u64,
    /// Their encoded bytes.
    pub bytes: u64,
    /// Signatures proven by all replicas together.
    pub signatures_checked: u64,
    /// Events that replicas handled.
    pub events: u64,
    /// Views given up, by all replicas together.
    pub view_changes: u64,
    /// What must not happen and did; empty in a good run.
    pub violations: Vec<ViolationAt>,
    /// The digest of everything that happened, 16 hex digits; null where a run cannot be repeated exactly.
    pub trace_digest: Option<String>,
    /// The digest of the longest ledger's last block, 64 hex digits; null if every replica is down.
    pub ledger_head: Option<String>,
    /// How long the run took on the machine that ran it.
    pub wall_s: f64,
    /// What proved claims and hashed.
    pub accelerator: String,
}

/// Latency percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The median.
    pub p50: Option<f64>,
    /// 90 of 100 are no slower.
    pub p90: Option<f64>,
    /// 99 of 100 are no slower.
    pub p99: Option<f64>,
    /// 999 of 1000 are no slower.
    pub p999: Option<f64>,
    /// The slowest.
    pub max: Option<f64>,
}

/// One interval of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// The end of the interval; it began at the end of the one before, or at 0.
    pub at_s: f64,
    /// Transactions that became final for a client within it.
    pub committed_transactions: u64,
    /// Their median latency; null if there were none.
    pub p50_ms: Option<f64>,
    /// Each replica's ledger height at its end; null for one that is down.
    pub heights: Vec<Option<u64>>,
}

/// Something done to the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarkAt {
    /// When.
    pub at_s: f64,
    /// To which replica; null if to none in particular.
    pub replica: Option<u16>,
    /// A word, and after a colon what else there is to say: `"crash"`, `"kill"`, `"restart"`,
    /// `"tamper: byte …"`, `"damage found: …"`, `"partition"`, `"heal"`, …
    pub what: String,
}

/// Something that must not happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViolationAt {
    /// Which checker saw it: `"agreement"`, `"prefix"`, `"validity"`, `"progress"`, `"finality"`, …
    pub property: String,
    /// When.
    pub at_s: f64,
    /// Who was involved.
    pub replicas: Vec<u16>,
    /// What exactly, for a person.
    pub what: String,
}

/// Whether something the experiment file expects holds of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The property's name in the experiment file: `"equal_heads"`, `"carries_on"`, …
    pub property: String,
    /// What was expected, in words.
    pub expected: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was seen, in words and numbers.
    pub seen: String,
}

/// The trace digest after so many events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// How many events had happened.
    pub events: u64,
    /// When the last of them happened.
    pub at_s: f64,
    /// The digest over all of them, 16 hex digits.
    pub digest: String,
}

impl Record {
    /// Whether nothing happened that must not, and everything expected did.
    pub fn is_good(&self) -> bool {
        self.summary.violations.is_empty() && self.expectations.iter().all(|v| v.holds)
    }
    /// The sweep's assignment in words, like `"load.rate = 500, cluster.nodes = 4"`.
    pub fn point_label(&self) -> String {
        let parts: Vec<_> =
            self.point.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        parts.join(", ")
    }
}

/// What a run was, beside what came out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// See [`Record::run`].
    pub run: usize,
    /// See [`Record::label`].
    pub label: String,
    /// See [`Record::point`].
    pub point: IndexMap<String, serde_json::Value>,
    /// See [`Summary::protocol`].
    pub protocol: String,
    /// See [`Summary::host`].
    pub host: String,
    /// See [`Summary::nodes`].
    pub nodes: u16,
    /// See [`Summary::seed`].
    pub seed: u64,
    /// See [`Record::client_signatures`].
    pub client_signatures: bool,
    /// See [`Record::scheme`].
    pub scheme: String,
    /// See [`Record::durability`].
    pub durability: Option<String>,
    /// When clients begin and stop sending, from the beginning of the run.
    pub load: (Span, Span),
}

impl Identity {
    fn load_s(&self) -> (f64, f64) {
        (self.load.0.as_secs_f64(), self.load.1.as_secs_f64())
    }
}

impl Record {
    /// The record of a run that was `identity`, gave `outcome` and took `wall_s` seconds.
    pub fn of(identity: Identity, outcome: &Outcome, wall_s: f64) -> Self {
        let committed = outcome.committed_transactions();
        let cpu_us = outcome.cpu.map(|cpu| cpu.as_secs_f64() * 1e6);
        Self {
            run: identity.run,
            label: identity.label.clone(),
            point: identity.point.clone(),
            load_s: identity.load_s(),
            submitted_transactions: outcome.submitted,
            client_signatures: identity.client_signatures,
            scheme: identity.scheme.clone(),
            durability: identity.durability.clone(),
            cpu_us_per_transaction: cpu_us
                .filter(|_| committed > 0)
                .map(|us| us / committed as f64),
            timeline: outcome.timeline.iter().map(Moment::of).collect(),
            marks: outcome.marks.iter().map(MarkAt::of).collect(),
            latency_histogram_ns: histogram(&outcome.latency),
            traffic: outcome.traffic.iter().map(|(kind, t)| (kind.clone(), *t)).collect(),
            producers: producers(outcome, identity.nodes),
            heads: outcome.heads.clone(),
            notes: outcome.notes.clone(),
            figures: outcome.figures.clone(),
            stall: None,
            stall_from_s: 0.0,
            expectations: Vec::new(),
            checkpoints: Vec::new(),
            steps: Vec::new(),
            summary: Summary::of(identity, outcome, wall_s),
        }
    }
}

impl Summary {
    fn of(identity: Identity, outcome: &Outcome, wall_s: f64) -> Self {
        let committed_transactions = outcome.committed_transactions();
        let duration_s = outcome.duration.as_secs_f64();
        let throughput_tps = throughput(&outcome.timeline, identity.load);
        let longest = outcome.heads.iter().flatten().max_by_key(|head| head.height);
        Self {
            protocol: identity.protocol,
            host: identity.host,
            nodes: identity.nodes,
            seed: identity.seed,
            duration_s,
            committed_transactions,
            committed_blocks: outcome.committed_blocks,
            throughput_tps,
            latency_ms: Percentiles::of(&outcome.latency),
            messages: outcome.traffic.values().map(|t| t.messages).sum(),
            bytes: outcome.traffic.values().map(|t| t.bytes).sum(),
            signatures_checked: outcome.signatures_checked,
            events: outcome.events,
            view_changes: outcome.view_changes,
            violations: outcome.violations.iter().map(ViolationAt::of).collect(),
            trace_digest: outcome.trace_digest.map(hex_digest),
            ledger_head: longest.map(|head| head.digest.to_string()),
            wall_s,
            accelerator: outcome.accelerator.clone(),
        }
    }
}

impl Percentiles {
    fn of(latency: &Latency) -> Self {
        let at = |share| latency.quantile(share).map(Span::as_ms_f64);
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: latency.max().map(Span::as_ms_f64),
        }
    }
}

impl Moment {
    fn of(sample: &Sample) -> Self {
        Self {
            at_s: sample.at.as_secs_f64(),
            committed_transactions: sample.committed,
            p50_ms: sample.p50.map(Span::as_ms_f64),
            heights: sample.heights.iter().map(|height| height.map(|h| h.0)).collect(),
        }
    }
}

impl MarkAt {
    fn of(mark: &Mark) -> Self {
        let replica = mark.replica.map(|id| id.0);
        Self { at_s: mark.at.as_secs_f64(), replica, what: mark.what.clone() }
    }
}

impl ViolationAt {
    fn of(violation: &Violation) -> Self {
        Self {
            property: violation.property.clone(),
            at_s: violation.at.as_secs_f64(),
            replicas: violation.replicas.iter().map(|id| id.0).collect(),
            what: violation.what.clone(),
        }
    }
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// A trace digest as records write it.
pub fn hex_digest(digest: u64) -> String {
    format!("{digest:016x}")
}

/// The histogram at two significant digits: enough for a plot, small enough for a line of JSON.
fn histogram(latency: &Latency) -> Vec<(u64, u64)> {
    let mut coarse = Histogram::<u64>::new(2).expect("two digits are allowed");
    for row in latency.0.iter_recorded() {
        coarse
            .record_n(row.value_iterated_to(), row.count_since_last_iteration())
            .expect("the histogram grows");
    }
    coarse
        .iter_recorded()
        .map(|row| (row.value_iterated_to(), row.count_since_last_iteration()))
        .collect()
}

/// Transactions a second over the intervals that lie within `load`; zero if there is none.
fn throughput(timeline: &[Sample], (from, until): (Span, Span)) -> f64 {
    let starts = std::iter::once(0).chain(timeline.iter().map(|sample| sample.at.0));
    let within = starts.zip(timeline).filter(|(start, s)| *start >= from.0 && s.at.0 <= until.0);
    let (mut committed, mut covered) = (0, 0);
    for (start, sample) in within {
        committed += sample.committed;
        covered += sample.at.0.saturating_sub(start);
    }
    if covered > 0 { committed as f64 / Span(covered).as_secs_f64() } else { 0.0 }
}

fn producers(outcome: &Outcome, nodes: u16) -> Vec<u64> {
    let mut blocks = vec![0; usize::from(nodes)];
    for (id, &count) in &outcome.producers {
        if let Some(place) = blocks.get_mut(id.index()) {
            *place = count;
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarse_histogram_keeps_every_transaction() {
        let mut latency = Latency::default();
        (1..10_000).for_each(|ms| latency.record(Span::ms(ms)));
        let rows = histogram(&latency);
        assert_eq!(rows.iter().map(|row| row.1).sum::<u64>(), 9_999);
        assert!(rows.len() < 1_000 && rows.is_sorted_by(|a, b| a.0 < b.0), "{} rows", rows.len());
        let (first, last) = (rows[0].0, rows[rows.len() - 1].0);
        assert!(first < 1_100_000 && last > 9_900_000_000, "from {first} to {last}");
    }

    #[test]
    fn throughput_counts_what_became_final_while_clients_sent() {
        let sample = |at, committed| Sample {
            at: byzlab_core::Time::ms(at),
            committed,
            p50: None,
            heights: Vec::new(),
        };
        let timeline = [sample(500, 7), sample(1000, 10), sample(1500, 20), sample(2000, 90)];
        let load = (Span::ms(500), Span::ms(1500));
        assert_eq!(throughput(&timeline, load), 30.0);
        assert_eq!(throughput(&[], load), 0.0);
    }
}
