//! A run cut at its faults: how much was committed before, during and after.

use super::{
    model::{Group, mark_label},
    stats::Mean,
    tables::intervals,
    words,
};
use crate::record::Record;

/// Marks nearer than this are one moment.
const TOGETHER_S: f64 = 0.05;

/// The phase that begins with the run.
const BEFORE: &str = "before";

/// A stretch between two faults.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Phase {
    /// What began it: `"before"`, `"after crash r1"`.
    pub name: String,
    /// Its beginning.
    pub from_s: f64,
    /// Its end.
    pub to_s: f64,
}

/// The phases of a run while clients send; one alone if nothing was done to the cluster.
pub(super) fn of(run: &Record) -> Vec<Phase> {
    let end = run.summary.duration_s.max(run.timeline.last().map_or(0.0, |moment| moment.at_s));
    let end = end.min(run.load_s.1);
    let mut phases = vec![Phase { name: BEFORE.into(), from_s: 0.0, to_s: end }];
    for mark in &run.marks {
        let at = mark.at_s.clamp(0.0, end);
        let last = phases.last_mut().expect("a run has a first phase");
        if at - last.from_s < TOGETHER_S {
            last.name = match last.name.as_str() {
                BEFORE => format!("with {}", mark_label(mark)),
                name => format!("{name}, {}", mark_label(mark)),
            };
            continue;
        }
        last.to_s = at;
        phases.push(Phase { name: format!("after {}", mark_label(mark)), from_s: at, to_s: end });
    }
    phases
}

/// Transactions a second within a phase; each interval counts to the phase that its middle lies in, so
/// that none is counted twice. `None` if the timeline says nothing of the phase.
pub(super) fn rate(run: &Record, phase: &Phase) -> Option<f64> {
    let (mut committed, mut covered) = (0.0, 0.0);
    for (from, moment) in intervals(run) {
        let middle = (from + moment.at_s) / 2.0;
        if (phase.from_s..phase.to_s).contains(&middle) {
            committed += moment.committed_transactions as f64;
            covered += moment.at_s - from;
        }
    }
    (covered > 0.0).then(|| committed / covered)
}

/// The mean rate of a group's runs in their `index`-th phase.
pub(super) fn mean_rate(group: &Group, index: usize) -> Option<Mean> {
    group.mean(|run| rate(run, of(run).get(index)?))
}

/// How much of the throughput before the first fault was left until the next; `None` without a
/// fault or without throughput before it.
pub(super) fn kept(group: &Group) -> Option<f64> {
    let before = mean_rate(group, 0)?.value;
    let after = mean_rate(group, 1)?.value;
    (before > 0.0).then(|| after / before)
}

/// The longest stretch of whole intervals without a commit after the first commit, while clients send.
pub(super) fn longest_pause(run: &Record) -> Option<f64> {
    let mut last_commit = None;
    let mut longest: Option<f64> = None;
    for (_, moment) in intervals(run).take_while(|(_, moment)| moment.at_s <= run.load_s.1) {
        if moment.committed_transactions > 0 {
            last_commit = Some(moment.at_s);
        }
        if let Some(since) = last_commit {
            longest = Some(longest.unwrap_or(0.0).max(moment.at_s - since));
        }
    }
    longest
}

/// From faults to their repair, by the marks: spans of shade for a figure.
pub(super) fn outages(run: &Record) -> Vec<(f64, f64)> {
    let mut spans = Vec::new();
    let end = run.summary.duration_s;
    for (i, mark) in run.marks.iter().enumerate() {
        let Some(closes) = closing(&mark.what) else { continue };
        let close = run.marks[i..].iter().find(|m| m.replica == mark.replica && m.what == closes);
        spans.push((mark.at_s, close.map_or(end, |m| m.at_s)));
    }
    // Overlapping shades would look like a third state.
    spans.sort_by(|a: &(f64, f64), b| a.0.total_cmp(&b.0));
    let mut merged: Vec<(f64, f64)> = Vec::new();
    for (from, to) in spans {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// What ends a fault.
fn closing(what: &str) -> Option<&'static str> {
    match what {
        "crash" | "kill" | "stop" => Some("restart"),
        "partition" => Some("heal"),
        "silent" => Some("speaks again"),
        "slow" => Some("fast again"),
        _ => None,
    }
}

/// The span of an interval in the timelines, in words: how fine pauses are known.
pub(super) fn resolution(run: &Record) -> Option<String> {
    intervals(run).next().map(|(from, moment)| words::seconds(moment.at_s - from))
}
