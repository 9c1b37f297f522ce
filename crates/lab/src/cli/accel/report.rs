//! What was found out, as one JSON object and in words.

use std::fmt::Write as _;

use byzlab_accel::{
    choice::Width,
    gpu::{Adapter, Info},
};
use byzlab_core::{Cost, Profile, Work};
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

use crate::folder::Machine;

/// Everything, in the order in which it was found.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub byzlab: String,
    pub built: Built,
    /// When, in UTC.
    pub taken: String,
    pub machine: Machine,
    pub adapters: Vec<Listed>,
    /// The adapter that was looked at.
    pub opened: Option<Opened>,
    pub cpu: Option<Checked>,
    pub gpu: Option<Checked>,
    /// What work costs: what a simulation can charge.
    pub profile: Option<Profile>,
    pub crossovers: Vec<Crossover>,
    pub bench: Vec<Row>,
    pub limits: Vec<Limit>,
    /// Answers compared while measuring, and those that were wrong.
    pub rechecked: u64,
    pub mismatches: u64,
    /// Calls that the CPU did in the adapter's place, and why it is not used any more.
    pub taken_over: u64,
    pub late: Option<String>,
    pub notes: Vec<String>,
}

/// What the program was built from.
#[derive(Debug, Default, Serialize)]
pub(super) struct Built {
    pub commit: Option<String>,
    pub toolchain: String,
    /// `debug` or `release`; a debug build's times say nothing about speed.
    pub profile: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Listed {
    pub name: String,
    pub kind: String,
    pub backend: String,
    pub driver: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Opened {
    pub name: String,
    pub kind: String,
    pub backend: String,
    pub driver: String,
    /// Whether kernels may use 64-bit integers.
    pub int64: bool,
    pub buffer_bytes_max: u64,
}

/// Answers held against the plainest code there is.
#[derive(Debug, Serialize)]
pub(super) struct Checked {
    pub name: String,
    pub compared: usize,
    pub difference: Option<String>,
}

/// From which size a call goes to the adapter; null if from none up to 2³².
#[derive(Debug, Serialize)]
pub(super) struct Crossover {
    pub work: Work,
    pub item_bytes: u64,
    /// Both take as long.
    pub even_at: Option<u64>,
    /// The adapter takes at most 0.8 of the CPU's time.
    pub to_gpu_from: Option<u64>,
}

/// One width of a bench: medians, in microseconds, and items a second.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub work: Work,
    pub items: u64,
    pub bytes: u64,
    pub cpu_us: f64,
    pub gpu_us: Option<f64>,
    pub cpu_per_s: f64,
    pub gpu_per_s: Option<f64>,
}

/// The most items a second, and what bounds them.
#[derive(Debug, Serialize)]
pub(super) struct Limit {
    pub work: Work,
    pub items_per_s: u64,
    pub by: String,
}

impl Built {
    pub(super) fn this() -> Self {
        let commit = env!("BYZLAB_COMMIT");
        Self {
            commit: (!commit.is_empty()).then(|| commit.to_owned()),
            toolchain: env!("BYZLAB_TOOLCHAIN").to_owned(),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
        }
    }
}

impl Listed {
    pub(super) fn of(adapter: &Adapter) -> Self {
        let Adapter { name, backend, driver, kind, .. } = adapter;
        let kind = kind.to_string();
        Self { name: name.clone(), kind, backend: backend.clone(), driver: driver.clone() }
    }
}

impl Opened {
    pub(super) fn of(info: &Info) -> Self {
        let Info { name, backend, driver, kind, int64, bytes_max, .. } = info.clone();
        Self { name, kind: kind.to_string(), backend, driver, int64, buffer_bytes_max: bytes_max }
    }
}

impl Row {
    pub(super) fn of(work: Work, cpu: Width, gpu: Option<Width>) -> Self {
        let us = |width: &Width| width.time.as_secs_f64() * 1e6;
        let per_s = |width: &Width| width.items as f64 / width.time.as_secs_f64().max(1e-9);
        Self {
            work,
            items: cpu.items,
            bytes: cpu.bytes,
            cpu_us: us(&cpu),
            gpu_us: gpu.as_ref().map(us),
            cpu_per_s: per_s(&cpu),
            gpu_per_s: gpu.as_ref().map(per_s),
        }
    }
}

impl Report {
    /// Whether nothing was wrong.
    pub(super) fn is_good(&self) -> bool {
        let checks = [&self.cpu, &self.gpu];
        checks.into_iter().flatten().all(|checked| checked.difference.is_none())
            && self.mismatches == 0
            && self.late.is_none()
    }
    pub(super) fn adapter_name(&self) -> String {
        let Some(Opened { name, kind, backend, driver, int64, .. }) = &self.opened else {
            return String::new();
        };
        let integers = if *int64 { "64-bit integers" } else { "32-bit integers alone" };
        format!("{name} ({kind}, {backend}, {driver}, {integers})")
    }
}

/// The report for a terminal.
pub(super) fn in_words(report: &Report) -> String {
    let mut text = String::new();
    if report.adapters.is_empty() {
        text += "adapter  none: without a GPU or a driver everything is done by the CPU\n";
    }
    for Listed { name, kind, backend, driver } in &report.adapters {
        let _ = writeln!(text, "adapter  {name} ({kind}, {backend}, {driver})");
    }
    for Checked { name, compared, difference } in [&report.cpu, &report.gpu].into_iter().flatten() {
        let _ = match difference {
            None => writeln!(text, "right    {name}: {compared} answers compared"),
            Some(difference) => writeln!(text, "WRONG    {name}: {difference}"),
        };
    }
    if report.mismatches > 0 {
        let _ = writeln!(text, "WRONG    {} of {} answers", report.mismatches, report.rechecked);
    }
    report.late.iter().for_each(|why| {
        let _ = writeln!(text, "FAILED   the adapter is not used any more: {why}");
    });
    report.notes.iter().for_each(|note| {
        let _ = writeln!(text, "note     {note}");
    });
    if let Some(profile) = &report.profile {
        let _ = write!(text, "\nWhat work costs: {}\n{}\n", profile.about, costs(report, profile));
    }
    if !report.bench.is_empty() {
        let debug = if report.built.profile == "debug" { " of a debug build" } else { "" };
        let _ = write!(text, "\nMedian times{debug}\n{}\n", widths(report));
    }
    text
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(head);
    table
}

fn aligned(mut table: Table, left: usize) -> Table {
    for column in table.column_iter_mut().skip(left) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn costs(report: &Report, profile: &Profile) -> Table {
    let head = ["work", "on", "call µs", "floor µs", "byte ns", "items/s", "to the GPU from"];
    let mut table = table(&head);
    for work in Work::ALL {
        let crossover = report.crossovers.iter().find(|crossover| crossover.work == work);
        let from = match crossover {
            None => "–".to_owned(),
            Some(crossover) => crossover.to_gpu_from.map_or("never".into(), |n| n.to_string()),
        };
        let mut row = |on: &str, cost: &Cost, from: String| {
            let us = |ns: u64| format!("{:.1}", ns as f64 / 1e3);
            table.add_row([
                work.name().replace('_', " "),
                on.to_owned(),
                us(cost.start_ns),
                us(cost.floor_ns),
                format!("{:.3}", cost.byte_ps as f64 / 1e3),
                rate(1e12 / cost.item_ps.max(1) as f64),
                from,
            ]);
        };
        row("CPU", profile.cpu.of(work), String::new());
        if let Some(gpu) = &profile.gpu {
            row("GPU", gpu.of(work), from);
        }
    }
    aligned(table, 2)
}

fn widths(report: &Report) -> Table {
    let mut head =
        vec!["work", "items", "CPU µs", "GPU µs", "CPU items/s", "GPU items/s", "GPU/CPU"];
    if !report.limits.is_empty() {
        head.push("of the limit");
    }
    let mut table = table(&head);
    for row in &report.bench {
        let limit = report.limits.iter().find(|limit| limit.work == row.work);
        let share = row.gpu_per_s.zip(limit).map(|(rate, limit)| rate / limit.items_per_s as f64);
        let dash = || "–".to_owned();
        let mut cells = vec![
            row.work.name().replace('_', " "),
            row.items.to_string(),
            format!("{:.1}", row.cpu_us),
            row.gpu_us.map_or_else(dash, |us| format!("{us:.1}")),
            rate(row.cpu_per_s),
            row.gpu_per_s.map_or_else(dash, rate),
            row.gpu_per_s.map_or_else(dash, |gpu| format!("{:.2}", gpu / row.cpu_per_s)),
        ];
        if !report.limits.is_empty() {
            cells.push(share.map_or_else(dash, |share| format!("{:.1} %", 100.0 * share)));
        }
        table.add_row(cells);
    }
    aligned(table, 1)
}

/// Three digits, and thousands, millions or billions as letters.
fn rate(x: f64) -> String {
    let (x, unit) = match x {
        x if x >= 1e9 => (x / 1e9, " G"),
        x if x >= 1e6 => (x / 1e6, " M"),
        x if x >= 1e3 => (x / 1e3, " k"),
        x => (x, ""),
    };
    match x {
        x if x >= 100.0 => format!("{x:.0}{unit}"),
        x if x >= 10.0 => format!("{x:.1}{unit}"),
        x => format!("{x:.2}{unit}"),
    }
}
