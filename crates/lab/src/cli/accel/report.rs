//! What was found out, as one JSON object and in words.

use std::fmt::Write as _;

use byzlab_accel::{
    Cpu,
    choice::Width,
    gpu::{Adapter, Info, Kind},
};
use byzlab_core::{Cost, Profile, Work};
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

use super::bench::Times;
use crate::folder::Machine;

/// Everything, in the order in which it was found.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub byzlab: String,
    pub built: Built,
    /// When, in UTC.
    pub taken: String,
    /// How long all of it took.
    pub took_s: f64,
    pub machine: Machine,
    pub adapters: Vec<Listed>,
    /// The adapter that was looked at.
    pub opened: Option<Opened>,
    pub cpu: Option<Checked>,
    pub gpu: Option<Checked>,
    /// The adapter by 32-bit integers alone, where it has others too.
    pub gpu_u32: Option<Checked>,
    /// What work costs: what a simulation can charge.
    pub profile: Option<Profile>,
    /// The bound on the calls that costs come from. With one, they are of no use to a simulation.
    pub widest: Option<u64>,
    pub crossovers: Vec<Crossover>,
    pub bench: Vec<Row>,
    /// The adapter's, for each kind of work where it is known.
    pub limits: Vec<Limit>,
    /// The CPU's: its clock, and whose operations bound it.
    pub cpu_limits: Option<CpuLimits>,
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

#[derive(Debug, Default, Serialize)]
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

/// One call of a bench: medians, in microseconds, and items a second. Null for a side that is not there, or
/// that another search would keep too long, and for a limit that is not known.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub work: Work,
    pub items: u64,
    pub bytes: u64,
    pub cpu_us: Option<f64>,
    pub gpu_us: Option<f64>,
    /// The adapter by 32-bit integers alone: signatures.
    pub gpu_u32_us: Option<f64>,
    pub cpu_per_s: Option<f64>,
    pub gpu_per_s: Option<f64>,
    pub gpu_u32_per_s: Option<f64>,
    /// Cycles of the CPU's threads for an item, idle ones too, by the clock that was measured.
    pub cpu_cycles: Option<f64>,
    /// Those that an item takes at least, by the instructions that it used.
    pub cpu_floor_cycles: Option<f64>,
    /// What the CPU reaches of that.
    pub cpu_of_limit: Option<f64>,
    /// Bytes of the items that the adapter took in a second.
    pub gpu_bytes_per_s: Option<f64>,
    /// What the adapter reaches of its limit, where that is known.
    pub gpu_of_limit: Option<f64>,
    pub gpu_u32_of_limit: Option<f64>,
}

/// The most that physics allows in a second, of items or of their bytes, and what bounds it.
#[derive(Debug, Serialize)]
pub(super) struct Limit {
    pub work: Work,
    pub items_per_s: Option<u64>,
    /// The same by 32-bit integers alone.
    pub u32_items_per_s: Option<u64>,
    pub bytes_per_s: Option<u64>,
    pub by: String,
}

/// What the CPU's limits in the rows are made of.
#[derive(Debug, Serialize)]
pub(super) struct CpuLimits {
    /// Cycles a second of one core, the most that were measured.
    pub hz: f64,
    /// Threads that compute, whose cycles are added up.
    pub threads: usize,
    /// For each kind of work, the instructions that were counted.
    pub by: Vec<CpuLimit>,
}

/// Instructions whose number and rate bound a kind of work.
#[derive(Debug, Serialize)]
pub(super) struct CpuLimit {
    pub work: Work,
    pub by: &'static str,
}

impl CpuLimits {
    /// Those of a bench on `cpu`, whose clock was this.
    pub(super) fn of(cpu: &Cpu, hz: f64) -> Self {
        let by = Work::ALL.into_iter().filter_map(|work| {
            let by = cpu.floor(work, u64::MAX, 0)?.by;
            Some(CpuLimit { work, by })
        });
        Self { hz, threads: cpu.threads(), by: by.collect() }
    }
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
    pub(super) fn of(work: Work, times: &Times, on: &Cpu, limit: Option<&Limit>) -> Self {
        let us = |width: Width| width.time.as_secs_f64() * 1e6;
        let in_a_second =
            |count: u64, width: Width| count as f64 / width.time.as_secs_f64().max(1e-9);
        let per_s = |width: Option<Width>| width.map(|width| in_a_second(width.items, width));
        let Times { cpu, cpu_hz, gpu, narrow } = *times;
        let cycles =
            cpu.map(|width| cpu_hz * on.threads() as f64 / in_a_second(width.items, width));
        let floor = cpu.and_then(|Width { items, bytes, .. }| on.floor(work, items, bytes / items));
        let floor = floor.map(|floor| floor.cycles);
        let bytes_per_s =
            gpu.filter(|width| width.bytes > 0).map(|width| in_a_second(width.bytes, width));
        let share = |rate: Option<f64>, most: Option<u64>| Some(rate? / most? as f64);
        let by_items = share(per_s(gpu), limit.and_then(|limit| limit.items_per_s));
        let by_bytes = share(bytes_per_s, limit.and_then(|limit| limit.bytes_per_s));
        let any = cpu.or(gpu).or(narrow);
        Self {
            work,
            items: any.map_or(0, |width| width.items),
            bytes: any.map_or(0, |width| width.bytes),
            cpu_us: cpu.map(us),
            gpu_us: gpu.map(us),
            gpu_u32_us: narrow.map(us),
            cpu_per_s: per_s(cpu),
            gpu_per_s: per_s(gpu),
            gpu_u32_per_s: per_s(narrow),
            cpu_cycles: cycles,
            cpu_floor_cycles: floor,
            cpu_of_limit: floor.zip(cycles).map(|(floor, cycles)| floor / cycles),
            gpu_bytes_per_s: bytes_per_s,
            gpu_of_limit: by_items.or(by_bytes),
            gpu_u32_of_limit: share(per_s(narrow), limit.and_then(|l| l.u32_items_per_s)),
        }
    }
}

impl Report {
    /// Whether nothing was wrong.
    pub(super) fn is_good(&self) -> bool {
        let checks = [&self.cpu, &self.gpu, &self.gpu_u32];
        checks.into_iter().flatten().all(|checked| checked.difference.is_none())
            && self.mismatches == 0
            && self.late.is_none()
    }
    /// What the tables call the adapter: a software one is no GPU, and nothing goes to it by itself.
    fn adapter_word(&self) -> &'static str {
        let software = Kind::Software.to_string();
        let is_software = self.opened.as_ref().is_some_and(|opened| opened.kind == software);
        if is_software { "software" } else { "GPU" }
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
    let checks = [&report.cpu, &report.gpu, &report.gpu_u32];
    for Checked { name, compared, difference } in checks.into_iter().flatten() {
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
        if let Some(CpuLimits { hz, threads, .. }) = &report.cpu_limits {
            let threads =
                if *threads == 1 { "one thread".into() } else { format!("{threads} threads") };
            let _ = writeln!(
                text,
                "Cycles an item: those of {threads}, idle ones too, at {:.2} GHz; threads that share a core share \
                 what it can do.",
                hz / 1e9,
            );
        }
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
    let adapter = report.adapter_word();
    let from = format!("{adapter} from");
    let mut table = table(&["work", "on", "call µs", "floor µs", "byte ns", "items/s", &from]);
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
            row(adapter, gpu.of(work), from);
        }
    }
    aligned(table, 2)
}

fn widths(report: &Report) -> Table {
    let narrow = report.bench.iter().any(|row| row.gpu_u32_us.is_some());
    let limited = !report.limits.is_empty();
    let mut head = vec!["work", "items", "bytes", "CPU µs", "CPU items/s", "cycles", "at least"];
    let adapter = ["{} µs", "{} items/s", "{} bytes/s", "{}/CPU", "{} of its limit"]
        .map(|head| head.replace("{}", report.adapter_word()));
    let [rates @ .., of_limit] = adapter.each_ref().map(String::as_str);
    head.push("CPU of its limit");
    head.extend(rates);
    head.extend(limited.then_some(of_limit));
    head.extend(narrow.then_some("32-bit items/s"));
    head.extend((limited && narrow).then_some("32-bit of its limit"));
    let mut table = table(&head);
    for row in &report.bench {
        let or_dash = |cell: Option<String>| cell.unwrap_or_else(|| "–".to_owned());
        let us = |us: Option<f64>| or_dash(us.map(|us| format!("{us:.1}")));
        let rate = |rate: Option<f64>| or_dash(rate.map(self::rate));
        let percent = |share: Option<f64>| or_dash(share.map(|s| format!("{:.1} %", 100.0 * s)));
        let times = row.gpu_per_s.zip(row.cpu_per_s).map(|(gpu, cpu)| format!("{:.2}", gpu / cpu));
        let cycles = |cycles: Option<f64>| or_dash(cycles.map(self::cycles));
        let mut cells = vec![row.work.name().replace('_', " "), row.items.to_string()];
        cells.extend([row.bytes.to_string(), us(row.cpu_us), rate(row.cpu_per_s)]);
        cells.extend([row.cpu_cycles, row.cpu_floor_cycles].map(cycles));
        cells.extend([percent(row.cpu_of_limit), us(row.gpu_us)]);
        cells.extend([row.gpu_per_s, row.gpu_bytes_per_s].map(rate));
        cells.push(or_dash(times));
        cells.extend(limited.then(|| percent(row.gpu_of_limit)));
        cells.extend(narrow.then(|| rate(row.gpu_u32_per_s)));
        cells.extend((limited && narrow).then(|| percent(row.gpu_u32_of_limit)));
        table.add_row(cells);
    }
    aligned(table, 1)
}

/// Cycles, with a digit behind the point where there are few.
fn cycles(cycles: f64) -> String {
    if cycles < 1e3 { format!("{cycles:.1}") } else { format!("{cycles:.0}") }
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

#[cfg(test)]
mod tests {
    use byzlab_core::Costs;

    use super::*;

    #[test]
    fn a_software_adapter_is_called_no_gpu() {
        let words = |kind: Kind| {
            let opened = Opened { kind: kind.to_string(), ..Opened::default() };
            let (cpu, gpu) = (Costs::default(), Some(Costs::default()));
            let profile = Profile { about: "both".into(), cpu, gpu, cores: None };
            let report = Report { opened: Some(opened), ..Report::default() };
            format!("{}\n{}", costs(&report, &profile), widths(&report))
        };
        let software = words(Kind::Software);
        assert!(!software.contains("GPU"), "{software}");
        assert!(software.contains("software µs") && software.contains("software from"));
        assert!(words(Kind::Discrete).contains("GPU from"));
    }
}
