//! The table of runs: what came out, in one row a run, or a point of seeds.

use super::super::{
    html::{Cell, Html},
    model::{Group, why_nothing},
    page::Context,
    stats::Mean,
    tables::per_transaction,
    words,
};
use crate::record::Record;

pub(super) fn section(context: &Context<'_>, html: &mut Html) {
    let model = context.model;
    let seeds = model.groups.iter().any(|group| group.runs.len() > 1);
    html.element("section", &[("id", "runs")], |html| {
        html.leaf("h2", &[], "Runs");
        let rows: Vec<_> = model.groups.iter().map(|group| row(group, model.is_sweep())).collect();
        let mut columns = vec!["Protocol", "Host"];
        if model.is_sweep() {
            columns.push("Point");
        }
        columns.extend([
            "Nodes",
            "Tx/s",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "Messages / tx",
            "Bytes / tx",
            "Signatures checked",
            "View changes",
            "CPU µs / tx",
            "Violations",
            "Ledger head",
        ]);
        html.table("runs", "", &columns, &rows);
        html.element("p", &[("class", "small")], |html| {
            html.text(
                "Tx: transactions that became final for their client. Latency is what clients saw, from \
                 the intended send time to the last reply needed, so a queue at the client counts. Messages \
                 and bytes are those between replicas. CPU is that of replicas and clients together; it is \
                 measured where replicas run for real. ",
            );
            if seeds {
                html.text(
                    "With several seeds a cell is the mean, and ± half the width of its 95 % interval \
                     by Student's t. ",
                );
            }
            context.data(html, "runs.csv");
            html.text(" ");
            context.data(html, "means.csv");
        });
    });
}

fn row(group: &Group, sweep: bool) -> Vec<Cell> {
    let mut row = vec![Cell::Series(group.style, group.label.clone()), Cell::Text(host(group))];
    if sweep {
        row.push(Cell::Text(group.point_label()));
    }
    row.push(Cell::figure(words::count(group.nodes.into())));
    row.push(throughput(group));
    for percentile in [
        |r: &Record| r.summary.latency_ms.p50,
        |r: &Record| r.summary.latency_ms.p90,
        |r: &Record| r.summary.latency_ms.p99,
    ] {
        row.push(mean(group.mean(percentile), "no tx"));
    }
    row.push(mean(group.mean(|r| per_transaction(r, r.summary.messages)), "no tx"));
    row.push(mean(group.mean(|r| per_transaction(r, r.summary.bytes)), "no tx"));
    row.push(signatures(group));
    row.push(view_changes(group));
    row.push(mean(group.mean(|r| r.cpu_us_per_transaction), "not measured"));
    row.push(violations(group));
    row.push(head(group));
    row
}

fn host(group: &Group) -> String {
    let durability = group.runs[0].durability.as_ref();
    durability.map_or(group.host.clone(), |durability| format!("{}, {durability}", group.host))
}

fn throughput(group: &Group) -> Cell {
    if group.committed() == 0 {
        return Cell::Figure("0".into(), why_nothing(&group.runs[0]));
    }
    mean(group.mean(|r| Some(r.summary.throughput_tps)), "")
}

/// A mean with its interval, or a dash with the reason.
fn mean(mean: Option<Mean>, why_not: &str) -> Cell {
    match mean {
        Some(mean) => Cell::Figure(words::number(mean.value), words::interval(mean)),
        None => Cell::Figure("–".into(), why_not.into()),
    }
}

fn signatures(group: &Group) -> Cell {
    let mean = group.mean(|r| Some(r.summary.signatures_checked as f64));
    let run = &group.runs[0];
    match mean {
        Some(mean) if mean.value > 0.0 => {
            let mut notes = Vec::from_iter(mean.half.map(|_| words::interval(mean)));
            if run.scheme != "ed25519" {
                notes.push(run.scheme.clone());
            }
            if !run.client_signatures {
                notes.push("clients unsigned".into());
            }
            Cell::Figure(words::count(mean.value.round() as u64), notes.join(", "))
        }
        _ if !run.client_signatures => Cell::Figure("none".into(), "clients do not sign".into()),
        _ => Cell::Figure("none".into(), "no claim reached a verifier".into()),
    }
}

fn view_changes(group: &Group) -> Cell {
    match group.mean(|r| Some(r.summary.view_changes as f64)) {
        Some(mean) if mean.value > 0.0 => {
            Cell::Figure(words::number(mean.value), words::interval(mean))
        }
        _ => Cell::Figure("none".into(), String::new()),
    }
}

fn violations(group: &Group) -> Cell {
    let count: usize = group.runs.iter().map(|r| r.summary.violations.len()).sum();
    if count == 0 {
        return Cell::figure("none");
    }
    let mut names: Vec<_> = group
        .runs
        .iter()
        .flat_map(|r| r.summary.violations.iter().map(|v| v.property.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    Cell::Figure(format!("✗ {}", words::count(count as u64)), names.join(", "))
}

fn head(group: &Group) -> Cell {
    match (group.runs.as_slice(), &group.runs[0].summary.ledger_head) {
        ([_], Some(head)) => Cell::Code(words::short(head)),
        ([_], None) => Cell::Text("none: every replica is down".into()),
        _ => Cell::Text("one a seed, below".into()),
    }
}
