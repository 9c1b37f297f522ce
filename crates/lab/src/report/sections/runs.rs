//! The table of runs: what came out, in one row a run, or a point of seeds.

use serde_json::Value;

use super::super::{
    html::{Cell, Html},
    model::{Group, Model, plain},
    page::Context,
    stats::Mean,
    tables::per_transaction,
    words,
};
use crate::record::Record;

/// A longer table unfolds.
const OPEN_MAX: usize = 64;
/// So many reasons are told of runs that differ by seed alone.
const REASONS_MAX: usize = 4;

pub(super) fn section(context: &Context<'_>, html: &mut Html) {
    let model = context.model;
    let seeds = model.groups.iter().any(|group| group.runs.len() > 1);
    html.element("section", &[("id", "runs")], |html| {
        html.leaf("h2", &[], "Runs");
        let shown = Shown::of(model);
        let rows: Vec<_> = model.groups.iter().map(|group| row(group, &shown)).collect();
        let columns = shown.columns();
        if rows.len() > OPEN_MAX {
            html.element("details", &[], |html| {
                html.leaf("summary", &[], format!("All {} rows", rows.len()));
                html.table("runs", "", &columns, &rows);
            });
        } else {
            html.table("runs", "", &columns, &rows);
        }
        reasons(model, html);
        html.element("p", &[("class", "small")], |html| {
            html.text(
                "Tx: transactions that became final for their client; tx/s counts those that did \
                 while clients sent. Latency is what clients \
                 saw, from the intended send time to the last reply needed, so a queue at the \
                 client counts. Messages and bytes are those between replicas. ",
            );
            html.text(if shown.cpu {
                "CPU is that of replicas and clients together, where replicas run for real. "
            } else {
                "CPU time is measured where replicas run for real, so in none of these runs. "
            });
            if shown.gpu {
                html.text(
                    "On the GPU: the share of signatures, hashes and leaves that the adapter answered, a \
                     software one too; of nonces where there was nothing else. ",
                );
            }
            if seeds {
                html.text(
                    "With several seeds a cell is the mean, and ± half the width of its 95 % \
                     interval by Student's t. ",
                );
            }
            context.data(html, "runs.csv");
            html.text(" ");
            context.data(html, "means.csv");
        });
    });
}

/// Why runs committed nothing; a bare 0 would say nothing.
fn reasons(model: &Model, html: &mut Html) {
    let mut idle = Vec::new();
    for group in &model.groups {
        let silences = group.silences();
        idle.extend(silences.iter().take(REASONS_MAX).map(|silence| silence.told(group)));
        if let Some(rest @ 1..) = silences.len().checked_sub(REASONS_MAX) {
            idle.push(format!("{}: {}", group.name(), words::many(rest, "further reason")));
        }
    }
    if idle.is_empty() {
        return;
    }
    let what = "Where no transaction became final, in all of a run or to its end, and why:";
    html.leaf("p", &[("class", "small")], what);
    html.element("ul", &[("class", "small")], |html| {
        idle.iter().for_each(|text| html.leaf("li", &[], text));
    });
}

/// Columns that not every table has.
struct Shown {
    point: bool,
    cpu: bool,
    gpu: bool,
    violations: bool,
}

impl Shown {
    fn of(model: &Model) -> Self {
        let any = |is: fn(&Record) -> bool| model.records.iter().any(is);
        Self {
            point: model.groups.iter().any(|group| !point(group).is_empty()),
            cpu: any(|run| run.cpu_us_per_transaction.is_some()),
            gpu: any(|run| gpu_share(run).is_some()),
            violations: any(|run| !run.summary.violations.is_empty()),
        }
    }
    fn columns(&self) -> Vec<&'static str> {
        let mut columns = vec!["Protocol", "Host"];
        columns.extend(self.point.then_some("Point"));
        columns.extend(["Nodes", "Tx/s", "p50 ms", "p90 ms", "p99 ms"]);
        columns.extend(["Messages / tx", "Bytes / tx", "Signatures checked", "View changes"]);
        columns.extend(self.cpu.then_some("CPU µs / tx"));
        columns.extend(self.gpu.then_some("On the GPU"));
        columns.extend(self.violations.then_some("Violations"));
        columns.push("Ledger head");
        columns
    }
}

/// The point of the sweep, but for the number of nodes, which has a column.
fn point(group: &Group) -> String {
    let is_size = |key: &str, value: &Value| {
        matches!(key, "nodes" | "cluster.nodes") && plain(value) == group.nodes.to_string()
    };
    let others = group.point.iter().filter(|(key, value)| !is_size(key, value));
    others.map(|(key, value)| format!("{key} = {}", plain(value))).collect::<Vec<_>>().join(", ")
}

fn row(group: &Group, shown: &Shown) -> Vec<Cell> {
    let mut row = vec![Cell::Series(group.style, group.label.clone()), host(group)];
    if shown.point {
        row.push(Cell::Text(point(group)));
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
    if shown.cpu {
        row.push(mean(group.mean(|r| r.cpu_us_per_transaction), "not measured"));
    }
    if shown.gpu {
        row.push(on_gpu(group));
    }
    if shown.violations {
        row.push(violations(group));
    }
    row.push(head(group));
    row
}

/// The host, and below it what a commit waited for.
fn host(group: &Group) -> Cell {
    match &group.runs[0].durability {
        Some(durability) => Cell::Noted(group.host.clone(), durability.clone()),
        None => Cell::Text(group.host.clone()),
    }
}

fn throughput(group: &Group) -> Cell {
    if group.committed() == 0 {
        return Cell::Figure("0".into(), "why: below".into());
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
            let mut notes = Vec::new();
            match mean.half {
                Some(_) => notes.push(words::interval(mean)),
                None if run.scheme != "ed25519" => notes.push(run.scheme.clone()),
                None => {}
            }
            if !run.client_signatures {
                notes.push("clients unsigned".into());
            }
            Cell::Figure(words::count(mean.value.round() as u64), notes.join(", "))
        }
        _ if !run.client_signatures => Cell::Figure("none".into(), "clients unsigned".into()),
        _ => Cell::Figure("none".into(), "no claim came".into()),
    }
}

/// The adapter's share of a run's items; of its nonces where it did nothing else. `None` without an adapter.
fn gpu_share(run: &Record) -> Option<f64> {
    let share = |name| run.figures.get(name).copied();
    share("gpu_share_of_items").or_else(|| share("gpu_share_of_nonces"))
}

fn on_gpu(group: &Group) -> Cell {
    let percent = |share: f64| format!("{} %", words::number(100.0 * share));
    let Some(share) = group.mean(gpu_share) else {
        return Cell::Figure("–".into(), "no adapter".into());
    };
    let calls = group.mean(|run| run.figures.get("gpu_share_of_calls").copied());
    let note = calls.map(|calls| format!("{} of calls", percent(calls.value)));
    Cell::Figure(percent(share.value), note.unwrap_or_default())
}

fn view_changes(group: &Group) -> Cell {
    match group.mean(|r| Some(r.summary.view_changes as f64)) {
        Some(mean) if mean.value > 0.0 && mean.runs == 1 => {
            Cell::figure(words::count(mean.value as u64))
        }
        Some(mean) if mean.value > 0.0 => {
            Cell::Figure(words::number(mean.value), words::interval(mean))
        }
        _ => Cell::figure("none"),
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
        ([_], None) => Cell::Noted("none".into(), "all replicas down".into()),
        _ => Cell::Noted("one a seed".into(), "listed at the end".into()),
    }
}
