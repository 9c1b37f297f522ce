//! Records as a table on the terminal.

use comfy_table::{CellAlignment, Table};

use crate::{conform::STYLE, record::Record};

/// One row for each protocol, host and point; runs that differ by seed alone are put together by
/// their means.
pub(super) fn of_records(records: &[Record]) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_header([
        "protocol",
        "host",
        "nodes",
        "runs",
        "tx/s",
        "p50 ms",
        "p99 ms",
        "blocks",
        "messages/tx",
        "views lost",
        "good",
    ]);
    for group in groups(records) {
        let mean = |figure: &dyn Fn(&Record) -> Option<f64>| -> Option<f64> {
            let figures: Option<Vec<f64>> = group.iter().map(|record| figure(record)).collect();
            figures.map(|figures| figures.iter().sum::<f64>() / figures.len() as f64)
        };
        let first = &group[0];
        let good = group.iter().filter(|record| record.is_good()).count();
        let mut name = first.label.clone();
        if !first.point.is_empty() {
            name += &format!(", {}", first.point_label());
        }
        table.add_row([
            name,
            first.summary.host.clone(),
            first.summary.nodes.to_string(),
            group.len().to_string(),
            number(mean(&|r| Some(r.summary.throughput_tps))),
            number(mean(&|r| r.summary.latency_ms.p50)),
            number(mean(&|r| r.summary.latency_ms.p99)),
            number(mean(&|r| Some(r.summary.committed_blocks as f64))),
            number(mean(&messages_per_transaction)),
            number(mean(&views_lost)),
            if good == group.len() { "yes".into() } else { format!("{good} of {}", group.len()) },
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n")
}

/// The most expectations that are told one by one though they hold.
const HOLDING_MAX: usize = 40;

/// The most violations of one run that are told one by one.
const VIOLATIONS_MAX: usize = 5;

/// What was expected, and what went wrong.
pub(super) fn of_findings(records: &[Record]) -> String {
    let mut text = String::new();
    let holding = records.iter().flat_map(|r| &r.expectations).filter(|v| v.holds).count();
    if holding > HOLDING_MAX {
        text += &format!("holds  {holding} expectations; the report has them all\n");
    }
    for record in records {
        let (host, seed) = (&record.summary.host, record.summary.seed);
        let run = format!("run {} ({} on {host}, seed {seed})", record.run, record.label);
        for verdict in &record.expectations {
            if verdict.holds && holding > HOLDING_MAX {
                continue;
            }
            let word = if verdict.holds { "holds" } else { "FAILS" };
            text += &format!("{word}  {run}: {}: {}\n", verdict.expected, verdict.seen);
        }
        if let Some(why) = &record.stall {
            let from = record.stall_from_s;
            text += &format!("theory  {run}: nothing is committed from {from} s on: {why}\n");
        }
        let violations = &record.summary.violations;
        for violation in violations.iter().take(VIOLATIONS_MAX) {
            let at = violation.at_s;
            text += &format!(
                "VIOLATION  {run}: {} at {at:.3} s: {}\n",
                violation.property, violation.what
            );
        }
        if let Some(more @ 1..) = violations.len().checked_sub(VIOLATIONS_MAX) {
            text += &format!("VIOLATION  {run}: and {more} more, in the records\n");
        }
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn messages_per_transaction(record: &Record) -> Option<f64> {
    let summary = &record.summary;
    (summary.committed_transactions > 0 && summary.messages > 0)
        .then(|| summary.messages as f64 / summary.committed_transactions as f64)
}

/// What replicas counted; a client that visits them from outside knows none of their ledgers, nor this.
fn views_lost(record: &Record) -> Option<f64> {
    (!record.heads.is_empty()).then_some(record.summary.view_changes as f64)
}

/// Runs that differ by seed alone, in order of their first.
fn groups(records: &[Record]) -> Vec<Vec<&Record>> {
    let mut groups: Vec<Vec<&Record>> = Vec::new();
    for record in records {
        let same = |group: &&mut Vec<&Record>| {
            let first = group[0];
            first.label == record.label
                && first.summary.host == record.summary.host
                && first.point == record.point
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(record),
            None => groups.push(vec![record]),
        }
    }
    groups
}

/// Three significant digits, or a dash.
fn number(figure: Option<f64>) -> String {
    match figure {
        None => "–".into(),
        Some(x) if x.fract() == 0.0 || x.abs() >= 100.0 => format!("{x:.0}"),
        Some(x) if x.abs() >= 10.0 => format!("{x:.1}"),
        Some(x) => format!("{x:.2}"),
    }
}
