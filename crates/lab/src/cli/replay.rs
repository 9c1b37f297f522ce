//! `byzlab replay`.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use byzlab_core::Registry;
use clap::Args;

use super::{Found, bars::Bars, run::jobs, say};
use crate::{
    experiment::{Case, Experiment},
    folder::{Folder, RECORDS, SPEC},
    host,
    record::{Checkpoint, Record, steps_file},
    runner,
    spec::{AcceleratorKind, Host, Source},
};

/// Runs the simulations of a results folder again and compares their digests
#[derive(Debug, Args)]
#[command(after_help = "Exit code 1 if a digest differs. Runs on real clusters are passed over.")]
pub(super) struct Arguments {
    /// The results folder
    dir: PathBuf,
    /// Only the run of this number
    #[arg(long, value_name = "N")]
    run: Option<usize>,
    /// How many simulations run at once [default: one a core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

pub(super) fn replay(arguments: &Arguments, registry: &Registry) -> Result<Found> {
    let folder = Folder::open(&arguments.dir)?;
    let (manifest, text) = (folder.manifest()?, folder.spec()?);
    let path = folder.path().join(SPEC);
    let experiment =
        Experiment::load(&Source::new(&path.display().to_string(), &text), &[], registry)?;
    let old = folder.records()?;
    let mut cases = wanted(experiment.cases, arguments.run)?;
    let all = cases.len();
    cases.retain(|case| old.iter().any(|record| record.run == case.run));
    ensure!(!cases.is_empty(), "{} has no record of these runs", folder.path().display());
    let broken_off = all - cases.len();
    for (case, old) in cases.iter().filter_map(|case| Some((case, recorded(&old, case.run)?))) {
        ensure!(
            (case.seed, &case.label) == (old.summary.seed, &old.label),
            "{} is damaged: run {} is of {} with seed {}, and the record says of {} with seed {}",
            folder.path().join(RECORDS).display(),
            case.run,
            case.label,
            case.seed,
            old.label,
            old.summary.seed
        );
    }
    // Whoever computed, the digest is the same; a replay needs no GPU.
    for case in &mut cases {
        Arc::make_mut(&mut case.spec).accelerator.kind = AcceleratorKind::Cpu;
    }
    let bars = Bars::new(&cases);
    let (mut text, mut differ) = (String::new(), 0);
    let mut take = |new: Record| {
        let case = cases.iter().find(|case| case.run == new.run).context("it was run")?;
        let old = recorded(&old, new.run).context("it was found before")?;
        match parting(old, &new) {
            None => text += &format!("same     {}: {}\n", host::describe(case), digest(&new)),
            Some(how) => {
                differ += 1;
                let event = event(case, &folder, old, &new)?;
                text += &format!("DIFFERS  {}: {how}\n{event}", host::describe(case));
            }
        }
        Ok(())
    };
    let done = runner::run_all(&cases, jobs(arguments.jobs), folder.path(), &bars, &mut take);
    bars.finish();
    done?;
    if differ > 0 && manifest.lock_digest != crate::manifest::lock_digest() {
        text +=
            "the program was built with other dependencies than the one that gave these results\n";
    }
    if broken_off > 0 {
        text += &format!("{broken_off} more have no record: the experiment was broken off\n");
    }
    let (same, all) = (cases.len() - differ, cases.len());
    say(&format!("{text}{same} of {all} runs gave the same digest\n"))?;
    Ok(Found::good_if(differ == 0))
}

/// The simulations among `cases`, or the one of them that is asked for.
fn wanted(cases: Vec<Case>, run: Option<usize>) -> Result<Vec<Case>> {
    let last = cases.len().saturating_sub(1);
    let Some(run) = run else {
        let cases: Vec<Case> = cases.into_iter().filter(|case| case.host == Host::Sim).collect();
        ensure!(!cases.is_empty(), "no run of this experiment is simulated");
        return Ok(cases);
    };
    let case = cases.into_iter().find(|case| case.run == run);
    let case = case.with_context(|| format!("there is no run {run}: they are 0 to {last}"))?;
    ensure!(
        case.host == Host::Sim,
        "run {run} was on a real cluster, which nothing repeats: only simulations are replayed"
    );
    Ok(vec![case])
}

fn recorded(records: &[Record], run: usize) -> Option<&Record> {
    records.iter().find(|record| record.run == run)
}

/// In words, the first event that is not as it was; nothing if the steps do not reach it.
fn event(case: &Case, folder: &Folder, old: &Record, new: &Record) -> Result<String> {
    let (name, steps) = (steps_file(case.run), folder.steps(case.run));
    if steps.is_empty() && !new.steps.is_empty() {
        return Ok(format!("         {name}, which would tell the event, is missing\n"));
    }
    let Some(number) = steps.iter().zip(&new.steps).position(|(old, new)| old != new) else {
        return Ok(String::new());
    };
    let same = first_difference(&old.checkpoints, &new.checkpoints);
    if same.is_some_and(|(same, _)| (number as u64) < same.events) {
        return Ok(format!(
            "         {name} is damaged: it differs in event {number}, after which checkpoints agree\n"
        ));
    }
    // Whoever computes, the event is the same.
    let accelerator = Arc::new(byzlab_accel::Cpu::new(Some(1)));
    let event = host::sim::event(case, accelerator, number as u64)?;
    let now = event.context("the event was there a moment ago")?;
    Ok(format!(
        "         the first event that differs is number {number}, now at {}: {} to {}\n",
        now.at,
        now.what,
        match now.target.checked_sub(byzlab_sim::trace::CLIENT_BASE) {
            Some(client) => format!("client {client}"),
            None => format!("replica {}", now.target),
        },
    ))
}

fn digest(record: &Record) -> &str {
    record.summary.trace_digest.as_deref().unwrap_or("no digest")
}

/// How a run differs from the one recorded; none if it does not.
fn parting(old: &Record, new: &Record) -> Option<String> {
    if old.summary.trace_digest == new.summary.trace_digest {
        return None;
    }
    let where_to = match first_difference(&old.checkpoints, &new.checkpoints) {
        Some((same, Some(other))) => format!(
            "equal up to event {} ({:.6} s), different by event {} ({:.6} s)",
            same.events, same.at_s, other.events, other.at_s
        ),
        Some((same, None)) if old.checkpoints.last() == new.checkpoints.last() => format!(
            "equal at every checkpoint, the last of which is event {} ({:.6} s), and so to the end: the \
             record's digest was changed",
            same.events, same.at_s
        ),
        Some((same, None)) => {
            format!("equal up to event {} ({:.6} s), where one run ends", same.events, same.at_s)
        }
        None => "no checkpoint tells where they part".to_owned(),
    };
    Some(format!("{} is now {}; {where_to}", digest(old), digest(new)))
}

/// The last equal checkpoint, and the first that differs.
fn first_difference(
    old: &[Checkpoint],
    new: &[Checkpoint],
) -> Option<(Checkpoint, Option<Checkpoint>)> {
    let mut same = Checkpoint { events: 0, at_s: 0.0, digest: String::new() };
    for point in old {
        match new.iter().find(|other| other.events == point.events) {
            Some(other) if other.digest == point.digest => same = point.clone(),
            Some(_) => return Some((same, Some(point.clone()))),
            // The runs' ends, and what was thinned out, need not match.
            None => {}
        }
    }
    (!old.is_empty()).then_some((same, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(digests: &[(u64, &str)]) -> Vec<Checkpoint> {
        let point = |&(events, digest): &(u64, &str)| Checkpoint {
            events,
            at_s: events as f64,
            digest: digest.to_owned(),
        };
        digests.iter().map(point).collect()
    }

    #[test]
    fn the_first_differing_checkpoint_is_found() {
        let old = points(&[(10, "a"), (20, "b"), (30, "c")]);
        let (same, other) =
            first_difference(&old, &points(&[(10, "a"), (20, "x"), (30, "y")])).unwrap();
        assert_eq!((same.events, other.unwrap().events), (10, 20));
        let (same, other) = first_difference(&old, &points(&[(10, "a"), (25, "x")])).unwrap();
        assert_eq!((same.events, other), (10, None));
        assert_eq!(first_difference(&[], &old), None);
    }
}
