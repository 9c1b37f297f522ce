//! `byzlab accel`: what this machine computes with, whether it is right, and what it costs.
//!
//! In this order, and no further than it is good: the adapters; every answer held against the plainest code
//! there is; what each kind of work costs on the CPU and on the adapter; from which sizes the adapter pays;
//! and with `--bench` the time of every width. `--json` and `--out` give all of it as one JSON object, whose
//! `profile` a simulation can charge (`accelerator.model = "FILE.json"`).

mod bench;
mod report;

use std::{
    fs,
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
    time::{Instant, SystemTime},
};

use anyhow::{Context as _, Result, anyhow};
use byzlab_accel::{
    Cpu,
    choice::{Samples, WallClock, differences, measure},
    gpu::{self, Adapter, Error, Gpu, Options, Select, ed25519::Limbs},
};
use byzlab_core::{Accelerator as _, Costs, Profile, Work};
use clap::Args;

use super::{Found, say, threads};
use crate::{host, manifest};
use bench::Sides;
use report::{Built, Checked, Crossover, Opened, Report};

/// Random signatures that answers are compared on if not said; with `--bench`, a hundred times as many.
const RANDOM: usize = 200;
/// The widest call of a bench, and its growth from width to width.
const WIDEST: u64 = 1 << 16;
const GROWTH: u64 = 4;
/// The bytes of an item for which crossovers are told: those of the short items that are measured.
const ITEM_BYTES: u64 = 96;
/// Hundredths of the CPU's time below which a call goes to the GPU.
const TO_GPU: u64 = byzlab_accel::choice::judge::TO_GPU;

/// Shows what computes here: adapters, self-test, costs, and from which sizes a GPU pays
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 1 if an answer is wrong. Correctness comes first: nothing wrong is timed.\n\
                        Costs are kept in $BYZLAB_CACHE, or byzlab in $XDG_CACHE_HOME or ~/.cache."
)]
pub(super) struct Arguments {
    /// The adapter to look at, by a part of its name [default: the best GPU, or a software adapter]
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// Only lists the adapters
    #[arg(long, conflicts_with_all = ["bench", "fresh"])]
    list: bool,
    /// Compares answers on so many random signatures, by each kind of integers that the adapter has
    /// [default: 200, with --bench 20000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000),
          conflicts_with = "list")]
    check: Option<u64>,
    /// Times every kind of work at every width, CPU beside GPU
    #[arg(long)]
    bench: bool,
    /// The widest call that is timed [default: 65536]; costs measured with a bound are not
    /// kept, and no simulation takes them as a model
    #[arg(long, value_name = "ITEMS", value_parser = clap::value_parser!(u64).range(1..=1 << 26))]
    widest: Option<u64>,
    /// Measures costs anew though they are kept from before
    #[arg(long)]
    fresh: bool,
    /// Threads of the CPU [default: one a core]
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<NonZeroUsize>,
    /// Prints one JSON object, and nothing else
    #[arg(long)]
    json: bool,
    /// Writes the JSON object to a file, which must not exist
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn accel(arguments: &Arguments) -> Result<Found> {
    if let Some(path) = &arguments.out
        && path.exists()
    {
        return Err(anyhow!("{} exists; results are never overwritten", path.display()));
    }
    let adapters = gpu::adapters();
    let adapter = match &arguments.adapter {
        Some(name) => Some(gpu::select(Select::Named(name))?),
        None => adapters.first().cloned(),
    };
    let mut report = Report {
        byzlab: env!("CARGO_PKG_VERSION").to_owned(),
        built: Built::this(),
        taken: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        machine: manifest::machine(),
        adapters: adapters.iter().map(report::Listed::of).collect(),
        ..Report::default()
    };
    if !arguments.list {
        look(arguments, adapter.as_ref(), &mut report)?;
    }
    let json = serde_json::to_string_pretty(&report)? + "\n";
    if let Some(path) = &arguments.out {
        fs::write(path, &json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    say(&if arguments.json { json } else { report::in_words(&report) })?;
    Ok(Found::good_if(report.is_good()))
}

/// Everything beyond the list.
fn look(arguments: &Arguments, adapter: Option<&Adapter>, report: &mut Report) -> Result<()> {
    let random = match arguments.check {
        Some(count) => count as usize,
        None if arguments.bench => 100 * RANDOM,
        None => RANDOM,
    };
    let start = Instant::now();
    let cpu = Arc::new(Cpu::new(arguments.threads.map(Into::into)));
    report.cpu = Some(checked(cpu.name(), differences(&*cpu, random)));
    let devices = host::devices();
    let gpu = match adapter.map(|adapter| devices.open(adapter, &cpu)) {
        None => None,
        Some(Ok(gpu)) => Some(gpu),
        Some(Err(Error::Wrong(what))) => {
            let name = adapter.map(ToString::to_string).unwrap_or_default();
            report.gpu = Some(checked(name, Err(what)));
            None
        }
        Some(Err(error)) => {
            let name = adapter.map(ToString::to_string).unwrap_or_default();
            return Err(anyhow!("{name} does not open: {error}"));
        }
    };
    if let Some(gpu) = &gpu {
        report.opened = Some(Opened::of(&gpu.info()));
        let found = differences(&**gpu, random);
        report.gpu = Some(checked(report.adapter_name(), found.and_then(|n| unfallen(gpu, n))));
    }
    let both = arguments.bench || arguments.check.is_some();
    let narrow = match (&gpu, adapter) {
        (Some(gpu), Some(adapter)) if both && gpu.info().limbs == Limbs::U64 => {
            narrow(adapter, &cpu, random, report)?
        }
        _ => None,
    };
    if !report.is_good() {
        return Ok(());
    }
    let (profile, said) = match &gpu {
        Some(gpu) => devices
            .profile(gpu, &cpu, arguments.fresh, arguments.widest)
            .map_err(|why| anyhow!(why))?,
        None => (alone(&cpu, arguments.widest)?, Vec::new()),
    };
    report.notes = said;
    report.widest = arguments.widest;
    report.notes.extend(arguments.widest.map(|widest| {
        format!("costs from calls of at most {widest} items: no model for a simulation")
    }));
    report.crossovers = crossovers(&profile);
    report.profile = Some(profile);
    if arguments.bench {
        report.limits = bench::limits(report.opened.as_ref());
        let sides = Sides { cpu: &cpu, gpu: gpu.as_deref(), narrow: narrow.as_ref() };
        let (widths, wider) = (widths(arguments.widest), arguments.widest.is_none());
        let (rows, left_out, cpu_limits) = bench::run(sides, &widths, wider, &report.limits)?;
        report.bench = rows;
        report.cpu_limits = Some(cpu_limits);
        report.notes.extend(left_out);
    }
    for gpu in gpu.as_deref().into_iter().chain(narrow.as_ref()) {
        let stats = gpu.stats();
        report.mismatches += stats.mismatches;
        report.rechecked += stats.rechecked;
        report.taken_over += stats.fallbacks;
        report.late = report.late.take().or(gpu.failure().map(|failure| failure.to_string()));
    }
    report.took_s = start.elapsed().as_secs_f64();
    Ok(())
}

/// The adapter without its 64-bit integers: checked, and `None` if it is wrong.
fn narrow(
    adapter: &Adapter,
    cpu: &Arc<Cpu>,
    random: usize,
    report: &mut Report,
) -> Result<Option<Gpu>> {
    let options = Options { limbs: Some(Limbs::U32), ..Options::default() };
    let name = format!("{} by 32-bit integers alone", adapter.name);
    let gpu = match Gpu::on(adapter, options, cpu.clone()) {
        Ok(gpu) => gpu,
        Err(Error::Wrong(what)) => {
            report.gpu_u32 = Some(checked(name, Err(what)));
            return Ok(None);
        }
        Err(error) => return Err(anyhow!("{name} does not open: {error}")),
    };
    let found = differences(&gpu, random).and_then(|compared| unfallen(&gpu, compared));
    report.gpu_u32 = Some(checked(name, found));
    Ok(Some(gpu))
}

fn checked(name: String, found: Result<usize, String>) -> Checked {
    let (compared, difference) = match found {
        Ok(compared) => (compared, None),
        Err(difference) => (0, Some(difference)),
    };
    Checked { name, compared, difference }
}

/// An answer that the CPU gave in the adapter's place says nothing about the adapter.
fn unfallen(gpu: &Gpu, compared: usize) -> Result<usize, String> {
    match (gpu.failure(), gpu.stats().fallbacks) {
        (Some(error), _) => Err(error.to_string()),
        (None, 0) => Ok(compared),
        (None, calls) => Err(format!("the CPU had to answer {calls} calls in its place")),
    }
}

/// The costs of a CPU by itself.
fn alone(cpu: &Arc<Cpu>, widest: Option<u64>) -> Result<Profile> {
    let (clock, mut samples) = (WallClock::default(), Samples::new(1 << 12));
    let costs: Costs = measure(&**cpu, &clock, &mut samples, widest.unwrap_or(u64::MAX))
        .map_err(|why| anyhow!(why))?;
    Ok(Profile { about: cpu.name(), cpu: costs, gpu: None, cores: None })
}

/// From which size each kind of work goes to the adapter.
fn crossovers(profile: &Profile) -> Vec<Crossover> {
    if profile.gpu.is_none() {
        return Vec::new();
    }
    let one = |work| {
        let bytes = if work == Work::Nonces { 0 } else { ITEM_BYTES };
        let at = |percent| profile.crossover(work, bytes, percent, 1 << 32);
        Crossover { work, item_bytes: bytes, even_at: at(100), to_gpu_from: at(TO_GPU) }
    };
    Work::ALL.map(one).into()
}

fn widths(widest: Option<u64>) -> Vec<u64> {
    let widest = widest.unwrap_or(WIDEST);
    let grows = |width: &u64| width.checked_mul(GROWTH);
    std::iter::successors(Some(1), grows).take_while(|&width| width <= widest).collect()
}
