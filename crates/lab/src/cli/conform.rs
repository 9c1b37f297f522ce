//! `byzlab conform`.

use std::num::NonZeroUsize;

use anyhow::{Result, bail};
use byzlab_core::{Entry, Registry, Theory};
use byzlab_sim::swarm;
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Found, run::jobs, say};
use crate::{
    conform::{self, Sheet},
    runner::side_by_side,
};

/// The most failed seeds that are told.
const FAILURES_MAX: usize = 10;

/// Holds protocols against what their theory promises, or against a swarm of faults
#[derive(Debug, Args)]
#[command(
    after_help = "Measures latency, messages, responsiveness, view changes and resilience in \
                        simulation, and prints promised against measured.\n\
                        --seeds runs swarms instead: agreement and progress under loss, crashes, \
                        partitions, silence and twins.\n\
                        Exit code 1 if anything differs or fails."
)]
pub(super) struct Arguments {
    /// The protocol; all of them without
    name: Option<String>,
    /// Runs the swarms of so many seeds
    #[arg(long, value_name = "N", conflicts_with_all = ["markdown"])]
    seeds: Option<u64>,
    /// Runs the swarm of one seed, and tells its scenario; the first seed with --seeds
    #[arg(long, value_name = "SEED", conflicts_with_all = ["markdown"])]
    seed: Option<u64>,
    /// How many simulations run at once [default: one a core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Prints one JSON object a variant, one a line, and nothing else
    #[arg(long)]
    json: bool,
    /// Prints the page docs/protocols.md
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

pub(super) fn conform(arguments: &Arguments, registry: &Registry) -> Result<Found> {
    let entries = match &arguments.name {
        Some(name) => vec![registry.find(name)?],
        None => registry.entries().to_vec(),
    };
    let variants: Vec<(Entry, &Theory)> =
        entries.iter().flat_map(|e| e.theories.iter().map(|theory| (*e, theory))).collect();
    if variants.is_empty() {
        let names: Vec<_> = entries.iter().map(|entry| entry.name).collect();
        bail!("{} declares no theory: see `Entry::promising`", names.join(", "));
    }
    match (arguments.seeds, arguments.seed) {
        (None, None) => promises(arguments, &variants),
        (count, first) => swarms(arguments, &variants, first.unwrap_or(0), count.unwrap_or(1)),
    }
}

/// Promised against measured.
fn promises(arguments: &Arguments, variants: &[(Entry, &Theory)]) -> Result<Found> {
    let bar = bar(variants.len() as u64);
    let measure = |index: usize| {
        let (entry, theory) = variants[index];
        let sheet = conform::sheet(entry, theory);
        bar.inc(1);
        sheet
    };
    let sheets = side_by_side(jobs(arguments.jobs), variants.len(), measure);
    bar.finish_and_clear();
    if arguments.markdown {
        say(&conform::markdown(&sheets))?;
    }
    for sheet in &sheets {
        if arguments.json {
            say(&(serde_json::to_string(sheet)? + "\n"))?;
        } else if !arguments.markdown {
            say(&told(sheet))?;
        }
    }
    Ok(Found::good_if(sheets.iter().all(Sheet::holds)))
}

fn told(sheet: &Sheet) -> String {
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["promise", "setting", "promised", "measured", ""]);
    for row in &sheet.rows {
        let verdict = if row.holds { "holds" } else { "DIFFERS" };
        table.add_row([&row.promise, &row.setting, &row.promised, &row.measured, verdict]);
    }
    let mut text = format!("{}: {} ({})\n", sheet.title(), sheet.about, sheet.source);
    if !sheet.remark.is_empty() {
        text += &format!("convention: {}\n", sheet.remark);
    }
    text + &format!("{table}\n\n")
}

/// What came of one seed.
struct Run {
    seed: u64,
    scenario: String,
    result: Result<(), String>,
}

fn swarms(
    arguments: &Arguments,
    variants: &[(Entry, &Theory)],
    first: u64,
    count: u64,
) -> Result<Found> {
    let mut good = true;
    for &(entry, theory) in variants {
        let bar = bar(count);
        bar.set_message(title(entry, theory));
        let one = |index: usize| {
            let run = swarm_of(entry, theory, first + index as u64);
            bar.inc(1);
            run
        };
        let runs = side_by_side(jobs(arguments.jobs), count as usize, one);
        bar.finish_and_clear();
        let failed: Vec<&Run> = runs.iter().filter(|run| run.result.is_err()).collect();
        good &= failed.is_empty();
        say(&match arguments.json {
            true => json(entry, theory, count, &failed)?,
            false => in_words(entry, theory, &runs, &failed),
        })?;
    }
    Ok(Found::good_if(good))
}

fn swarm_of(entry: Entry, theory: &Theory, seed: u64) -> Run {
    let scenario = match swarm::scenario(entry, theory, seed) {
        Ok(scenario) => scenario,
        Err(error) => return Run { seed, scenario: String::new(), result: Err(error.to_string()) },
    };
    let told = swarm::InWords(&scenario).to_string();
    // A protocol under development may assert what does not hold; other seeds need not care.
    let run = || byzlab_sim::run(&scenario, &mut |_| {});
    let result = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
        Ok(Ok(outcome)) => swarm::judge(&scenario, &outcome),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(format!("it panicked: {}", crate::runner::said(&*panic))),
    };
    Run { seed, scenario: told, result }
}

fn in_words(entry: Entry, theory: &Theory, runs: &[Run], failed: &[&Run]) -> String {
    let title = title(entry, theory);
    let mut text = format!("{title}: {} of {} seeds good\n", runs.len() - failed.len(), runs.len());
    if let ([only], []) = (runs, failed) {
        text += &format!("  {}\n", only.scenario);
    }
    for run in failed.iter().take(FAILURES_MAX) {
        let what = run.result.as_ref().err().map_or("", String::as_str);
        text += &format!("FAILS  {}\n       {what}\n", run.scenario);
        text += &format!("       byzlab conform {} --seed {}\n", entry.name, run.seed);
    }
    if let Some(more @ 1..) = failed.len().checked_sub(FAILURES_MAX) {
        text += &format!("FAILS  and {more} more\n");
    }
    text
}

fn json(entry: Entry, theory: &Theory, count: u64, failed: &[&Run]) -> Result<String> {
    let failures: Vec<_> = failed
        .iter()
        .map(|run| {
            let what = run.result.as_ref().err();
            serde_json::json!({ "seed": run.seed, "scenario": run.scenario, "what": what })
        })
        .collect();
    let (protocol, variant) = (entry.name, theory.variant);
    let line = serde_json::json!({
        "protocol": protocol, "variant": variant, "seeds": count, "failures": failures,
    });
    Ok(serde_json::to_string(&line)? + "\n")
}

fn title(entry: Entry, theory: &Theory) -> String {
    match theory.variant {
        "" => entry.name.into(),
        variant => format!("{}, {variant}", entry.name),
    }
}

/// A bar on stderr; nothing where that is no terminal.
fn bar(length: u64) -> ProgressBar {
    let template = "{bar:32} {pos} of {len}  {msg}  {elapsed} gone, {eta} left";
    let style = ProgressStyle::with_template(template).expect("templates are constant");
    ProgressBar::new(length).with_style(style.progress_chars("━╸─"))
}
