//! `byzlab conform`.

use std::num::NonZeroUsize;

use anyhow::{Result, bail, ensure};
use byzlab_core::{Entry, Registry, Theory};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Found, run::jobs, say};
use crate::{
    conform::{self, Sheet, swarms, title},
    process::ENTRY,
    runner::side_by_side,
};

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
    #[arg(long, value_name = "N", conflicts_with_all = ["markdown"],
          value_parser = clap::value_parser!(u64).range(1..))]
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
        let names = names.join(", ");
        if entries.iter().all(|entry| entry.name == ENTRY.name) {
            bail!(
                "a program behind `{names}` declares no theory, so there is nothing to hold it against: \
                 `byzlab run FILE` checks its agreement, and the file's `[[expect]]` what else it is to do"
            );
        }
        bail!(
            "{names} declares no theory, so there is nothing to hold it against: see `Entry::promising`"
        );
    }
    match (arguments.seeds, arguments.seed) {
        (None, None) => promises(arguments, &variants),
        (count, first) => {
            let (first, count) = (first.unwrap_or(0), count.unwrap_or(1));
            ensure!(
                first.checked_add(count - 1).is_some(),
                "there are no {count} seeds from {first} on: the last is {}",
                u64::MAX
            );
            run_swarms(arguments, &variants, first, count)
        }
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
            say(&sheet.to_string())?;
        }
    }
    Ok(Found::good_if(sheets.iter().all(Sheet::holds)))
}

fn run_swarms(
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
            let run = swarms::run(entry, theory, first + index as u64);
            bar.inc(1);
            run
        };
        let runs = side_by_side(jobs(arguments.jobs), count as usize, one);
        bar.finish_and_clear();
        let failed: Vec<&swarms::Run> = runs.iter().filter(|run| run.result.is_err()).collect();
        good &= failed.is_empty();
        say(&match arguments.json {
            true => json(entry, theory, count, &failed)?,
            false => swarms::in_words(entry, theory, &runs),
        })?;
    }
    Ok(Found::good_if(good))
}

fn json(entry: Entry, theory: &Theory, count: u64, failed: &[&swarms::Run]) -> Result<String> {
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

/// A bar on stderr; nothing where that is no terminal.
fn bar(length: u64) -> ProgressBar {
    let template = "{bar:32} {pos} of {len}  {msg}  {elapsed} gone, {eta} left";
    let style = ProgressStyle::with_template(template).expect("templates are constant");
    ProgressBar::new(length).with_style(style.progress_chars("━╸─"))
}
