//! `byzlab run`.

use std::{
    io::Write as _,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result};
use byzlab_core::Registry;
use clap::Args;

use super::{Found, bars::Bars, say, table};
use crate::{
    experiment::Experiment,
    folder::{self, Folder},
    host, manifest,
    record::Record,
    report, runner,
    spec::{Edit, Problem, Source},
};

/// Runs an experiment file: every point of its sweep, with every protocol, host and seed
#[derive(Debug, Args)]
#[command(
    after_help = "Writes a results folder with records, manifest, resolved spec and report.html.\n\
                        Exit code 1 if a run found a violation or failed an expectation."
)]
pub(super) struct Arguments {
    /// The experiment file
    file: PathBuf,
    /// Sets a key of the file, like --set load.rate=500 or --set protocol.pbft.window=64
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The results folder, missing or empty [default: results/NAME-N]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How many simulations run at once [default: one a core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Prints one JSON object a run, one a line, and nothing else
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, registry: &Registry) -> Result<Found> {
    let source = Source::read(&arguments.file)?;
    let edits = arguments.set.iter().map(|set| Edit::parse(set));
    let edits = edits.collect::<Result<Vec<_>, Problem>>()?;
    let experiment = Experiment::load(&source, &edits, registry)?;
    experiment.said.iter().for_each(|line| eprintln!("note: {line}"));
    host::require(&experiment.cases)?;
    let folder = match &arguments.out {
        Some(path) => Folder::create(path)?,
        None => Folder::create_numbered(&experiment.spec.name)?,
    };
    let records = record_all(arguments, &experiment, &folder)?;
    folder.write(folder::REPORT, &report::render(folder.path())?)?;
    let good = records.iter().all(Record::is_good);
    if !arguments.json {
        let report = folder.path().join(folder::REPORT);
        let mut text = table::of_records(&records);
        text += &table::of_findings(&records);
        text += &format!("\nreport   {}\n", report.display());
        if records.iter().any(|record| record.summary.trace_digest.is_some()) {
            text += &format!("replay   byzlab replay {}\n", folder.path().display());
        }
        say(&text)?;
    }
    Ok(Found::good_if(good))
}

/// Runs all cases; everything that the report needs is in the folder afterwards.
fn record_all(
    arguments: &Arguments,
    experiment: &Experiment,
    folder: &Folder,
) -> Result<Vec<Record>> {
    let started = Instant::now();
    let mut manifest = manifest::begin(experiment, &arguments.set);
    folder.write(folder::SPEC, &experiment.resolved)?;
    folder.write_manifest(&manifest)?;
    let mut file = folder.append_records()?;
    let mut records = Vec::with_capacity(experiment.cases.len());
    let mut take = |mut record: Record| {
        folder.write_steps(&record)?;
        record.steps = Vec::new();
        serde_json::to_writer(&mut file, &record).context("cannot write a record")?;
        file.write_all(b"\n").and_then(|()| file.flush()).context("cannot write a record")?;
        if arguments.json {
            say(&(serde_json::to_string(&record.summary)? + "\n"))?;
        }
        records.push(record);
        Ok(())
    };
    let scratch = folder.path().join(folder::LEDGERS);
    let bars = Bars::new(&experiment.cases);
    let done = runner::run_all(&experiment.cases, jobs(arguments.jobs), &scratch, &bars, &mut take);
    bars.finish();
    remove_if_empty(&scratch);
    done?;
    manifest::finish(&mut manifest, &records, started.elapsed().as_secs_f64());
    folder.write_manifest(&manifest)?;
    report::write_csvs(folder.path())?;
    Ok(records)
}

/// How many simulations run at once: as asked for, or one a core.
pub(super) fn jobs(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| thread::available_parallelism().ok()).map_or(1, Into::into)
}

fn remove_if_empty(dir: &Path) {
    // It fails where there is none, and where ledgers are kept; both are as they should be.
    let _ = std::fs::remove_dir(dir);
}
