//! The records as tidy CSV: one file a figure, one observation a row, units in the names of
//! columns.
//!
//! Every row begins with the same columns, so that files join on `run` and a plot needs one file
//! alone. Nothing here is in no record; `means.csv` alone is computed (see
//! [`super::stats::Mean::of`]).

use anyhow::{Context, Result};
use indexmap::IndexSet;

use super::model::{Model, plain};
use crate::record::Record;

/// One CSV file.
#[derive(Clone, Debug)]
pub(super) struct Csv {
    /// Its name in the folder.
    pub name: &'static str,
    /// What a row is.
    pub about: &'static str,
    /// What it holds.
    pub text: String,
}

/// What identifies a run.
const IDENTITY: [&str; 7] = ["run", "label", "protocol", "host", "nodes", "seed", "point"];
/// A figure of a run, by name; nothing where a run has none.
pub(super) type Metric = (&'static str, fn(&Record) -> Option<f64>);

/// The figures whose means and medians over seeds `means.csv` holds.
const METRICS: [Metric; 10] = [
    ("throughput_tps", |r| Some(r.summary.throughput_tps)),
    ("latency_p50_ms", |r| r.summary.latency_ms.p50),
    ("latency_p90_ms", |r| r.summary.latency_ms.p90),
    ("latency_p99_ms", |r| r.summary.latency_ms.p99),
    ("latency_p999_ms", |r| r.summary.latency_ms.p999),
    ("messages_per_transaction", |r| per_transaction(r, r.summary.messages)),
    ("bytes_per_transaction", |r| per_transaction(r, r.summary.bytes)),
    ("signatures_checked", |r| Some(r.summary.signatures_checked as f64)),
    ("view_changes", |r| Some(r.summary.view_changes as f64)),
    ("cpu_us_per_transaction", |r| r.cpu_us_per_transaction),
];

/// `amount` for each confirmed transaction; nothing without one.
pub(super) fn per_transaction(run: &Record, amount: u64) -> Option<f64> {
    let committed = run.summary.committed_transactions;
    (committed > 0).then(|| amount as f64 / committed as f64)
}

/// All files, in the order of the report.
pub(super) fn all(model: &Model) -> Result<Vec<Csv>> {
    let records = &model.records;
    Ok(vec![
        runs(records)?,
        means(model)?,
        timeline(records)?,
        marks(records)?,
        heights(records)?,
        latency(records)?,
        traffic(records)?,
        producers(records)?,
    ])
}

fn runs(records: &[Record]) -> Result<Csv> {
    let columns = [
        "duration_s",
        "submitted_transactions",
        "committed_transactions",
        "committed_blocks",
        "throughput_tps",
        "latency_p50_ms",
        "latency_p90_ms",
        "latency_p99_ms",
        "latency_p999_ms",
        "latency_max_ms",
        "messages",
        "bytes",
        "signatures_checked",
        "events",
        "view_changes",
        "violations",
        "cpu_us_per_transaction",
        "wall_s",
        "client_signatures",
        "scheme",
        "durability",
        "trace_digest",
        "ledger_head",
        "accelerator",
    ];
    let mut sheet = Sheet::new(&IDENTITY, &columns)?;
    for record in records {
        let s = &record.summary;
        let l = &s.latency_ms;
        sheet.row(
            identity(record),
            [
                s.duration_s.to_string(),
                record.submitted_transactions.to_string(),
                s.committed_transactions.to_string(),
                s.committed_blocks.to_string(),
                s.throughput_tps.to_string(),
                or_empty(l.p50),
                or_empty(l.p90),
                or_empty(l.p99),
                or_empty(l.p999),
                or_empty(l.max),
                s.messages.to_string(),
                s.bytes.to_string(),
                s.signatures_checked.to_string(),
                s.events.to_string(),
                s.view_changes.to_string(),
                s.violations.len().to_string(),
                or_empty(record.cpu_us_per_transaction),
                s.wall_s.to_string(),
                record.client_signatures.to_string(),
                record.scheme.clone(),
                record.durability.clone().unwrap_or_default(),
                s.trace_digest.clone().unwrap_or_default(),
                s.ledger_head.clone().unwrap_or_default(),
                s.accelerator.clone(),
            ],
        )?;
    }
    sheet.finish("runs.csv", "one row a run: what came out of it")
}

fn means(model: &Model) -> Result<Csv> {
    let keys: IndexSet<&String> = model.groups.iter().flat_map(|g| g.point.keys()).collect();
    let mut lead = vec!["label", "host", "nodes"];
    lead.extend(keys.iter().map(|key| key.as_str()));
    let columns = ["metric", "mean", "interval_95_half_width", "median", "least", "most", "runs"];
    let mut sheet = Sheet::new(&lead, &columns)?;
    for group in &model.groups {
        let mut cells = vec![group.label.clone(), group.host.clone(), group.nodes.to_string()];
        cells.extend(keys.iter().map(|&key| group.point.get(key).map_or(String::new(), plain)));
        for (name, metric) in METRICS {
            let (Some(mean), Some(median)) = (group.mean(metric), group.median(metric)) else {
                continue;
            };
            let row = [
                name.into(),
                mean.value.to_string(),
                or_empty(mean.half),
                median.value.to_string(),
                median.least.to_string(),
                median.most.to_string(),
                mean.runs.to_string(),
            ];
            sheet.row(cells.clone(), row)?;
        }
    }
    sheet.finish(
        "means.csv",
        "one row a metric and point of the sweep: mean over seeds, 95 % interval, median and range",
    )
}

fn timeline(records: &[Record]) -> Result<Csv> {
    let columns = ["from_s", "to_s", "committed_transactions", "throughput_tps", "latency_p50_ms"];
    let mut sheet = Sheet::new(&IDENTITY, &columns)?;
    for record in records {
        for (from, moment) in intervals(record) {
            let rate = moment.committed_transactions as f64 / (moment.at_s - from);
            sheet.row(
                identity(record),
                [
                    from.to_string(),
                    moment.at_s.to_string(),
                    moment.committed_transactions.to_string(),
                    rate.to_string(),
                    or_empty(moment.p50_ms),
                ],
            )?;
        }
    }
    sheet.finish("timeline.csv", "one row an interval of a run: throughput and median latency")
}

/// The timeline with where each interval began; empty intervals are left out.
pub(super) fn intervals(
    record: &Record,
) -> impl Iterator<Item = (f64, &crate::record::Moment)> + '_ {
    let starts = std::iter::once(0.0).chain(record.timeline.iter().map(|moment| moment.at_s));
    starts.zip(&record.timeline).filter(|(from, moment)| moment.at_s > *from)
}

fn marks(records: &[Record]) -> Result<Csv> {
    let mut sheet = Sheet::new(&IDENTITY, &["at_s", "what", "replica"])?;
    for record in records {
        for mark in &record.marks {
            let replica = mark.replica.map_or(String::new(), |id| id.to_string());
            sheet.row(identity(record), [mark.at_s.to_string(), mark.what.clone(), replica])?;
        }
    }
    sheet.finish("marks.csv", "one row a fault or repair that was made")
}

fn heights(records: &[Record]) -> Result<Csv> {
    let mut sheet = Sheet::new(&IDENTITY, &["at_s", "replica", "height_blocks"])?;
    for record in records {
        for moment in &record.timeline {
            for (replica, height) in moment.heights.iter().enumerate() {
                let height = height.map_or(String::new(), |h| h.to_string());
                sheet.row(
                    identity(record),
                    [moment.at_s.to_string(), replica.to_string(), height],
                )?;
            }
        }
    }
    sheet.finish(
        "heights.csv",
        "one row a replica and interval: its ledger's height, empty while down",
    )
}

fn latency(records: &[Record]) -> Result<Csv> {
    let columns = ["latency_at_most_ms", "transactions", "share_at_most"];
    let mut sheet = Sheet::new(&IDENTITY, &columns)?;
    for record in records {
        let total: u64 = record.latency_histogram_ns.iter().map(|row| row.1).sum();
        let mut below = 0;
        for &(edge, transactions) in &record.latency_histogram_ns {
            below += transactions;
            sheet.row(
                identity(record),
                [
                    (edge as f64 / 1e6).to_string(),
                    transactions.to_string(),
                    (below as f64 / total as f64).to_string(),
                ],
            )?;
        }
    }
    sheet.finish("latency.csv", "one row a latency bucket of a run: the distribution")
}

fn traffic(records: &[Record]) -> Result<Csv> {
    let mut sheet = Sheet::new(&IDENTITY, &["kind", "messages", "bytes"])?;
    for record in records {
        for (kind, traffic) in &record.traffic {
            let row = [kind.clone(), traffic.messages.to_string(), traffic.bytes.to_string()];
            sheet.row(identity(record), row)?;
        }
    }
    sheet.finish("traffic.csv", "one row a message kind of a run, between replicas")
}

fn producers(records: &[Record]) -> Result<Csv> {
    let mut sheet = Sheet::new(&IDENTITY, &["replica", "blocks"])?;
    for record in records {
        for (replica, blocks) in record.producers.iter().enumerate() {
            sheet.row(identity(record), [replica.to_string(), blocks.to_string()])?;
        }
    }
    sheet.finish("producers.csv", "one row a replica of a run: its blocks in the longest ledger")
}

fn identity(record: &Record) -> Vec<String> {
    let summary = &record.summary;
    vec![
        record.run.to_string(),
        record.label.clone(),
        summary.protocol.clone(),
        summary.host.clone(),
        summary.nodes.to_string(),
        summary.seed.to_string(),
        record.point_label(),
    ]
}

fn or_empty(value: Option<f64>) -> String {
    value.map_or(String::new(), |v| v.to_string())
}

/// A CSV file in the making.
struct Sheet(csv::Writer<Vec<u8>>);

impl Sheet {
    fn new(lead: &[&str], columns: &[&str]) -> Result<Self> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(lead.iter().chain(columns))?;
        Ok(Self(writer))
    }
    fn row<const N: usize>(&mut self, lead: Vec<String>, cells: [String; N]) -> Result<()> {
        Ok(self.0.write_record(lead.into_iter().chain(cells))?)
    }
    fn finish(self, name: &'static str, about: &'static str) -> Result<Csv> {
        let bytes = self.0.into_inner().map_err(|e| e.into_error())?;
        let text = String::from_utf8(bytes).with_context(|| format!("{name} is no text"))?;
        Ok(Csv { name, about, text })
    }
}
