//! A run cut at its faults: how much was committed before, during and after.

use indexmap::IndexMap;

use super::{
    model::{Group, mark_label},
    stats::Mean,
    tables::intervals,
    words,
};
use crate::record::{MarkAt, Record};

/// Marks nearer than this are one moment.
const TOGETHER_S: f64 = 0.05;
/// More marks of a kind in one moment than this are counted, not listed.
const LISTED_MAX: usize = 3;

/// A stretch between two faults.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Phase {
    /// What began it: `"before"`, `"after crash r1"`, `"with crash of 5 replicas"`.
    pub name: String,
    /// Its beginning.
    pub from_s: f64,
    /// Its end.
    pub to_s: f64,
}

/// The phases of a run while clients send; one alone if nothing was done to the cluster.
pub(super) fn of(run: &Record) -> Vec<Phase> {
    cut(run, true)
}

/// The phases of a group's first run, by names that are true of all its runs.
pub(super) fn of_group(group: &Group) -> Vec<Phase> {
    cut(&group.runs[0], alike(group))
}

/// What was done to a group's runs and when, in the first of them: one label a moment, true of all runs.
pub(super) fn moments(group: &Group) -> Vec<(f64, String)> {
    let alike = alike(group);
    let marks = &group.runs[0].marks;
    let apart = marks.chunk_by(|a, b| b.at_s - a.at_s < TOGETHER_S);
    apart.map(|marks| (marks[0].at_s, label(marks, alike))).collect()
}

/// Whether all runs of a group had the same done to the same replicas.
fn alike(group: &Group) -> bool {
    let labels = |run: &Record| run.marks.iter().map(mark_label).collect::<Vec<_>>();
    let first = labels(&group.runs[0]);
    group.runs.iter().all(|run| labels(run) == first)
}

/// What was done in one moment; to how many replicas only, if these are many or others in each run.
fn label(marks: &[MarkAt], alike: bool) -> String {
    let mut kinds: IndexMap<&str, Vec<&MarkAt>> = IndexMap::new();
    for mark in marks {
        kinds.entry(mark.what.split(':').next().unwrap_or_default().trim()).or_default().push(mark);
    }
    let told = |(kind, marks): (&str, Vec<&MarkAt>)| {
        let some = marks.iter().all(|mark| mark.replica.is_some());
        match some && (!alike || marks.len() > LISTED_MAX) {
            true => format!("{kind} of {}", words::many(marks.len(), "replica")),
            false => marks.into_iter().map(mark_label).collect::<Vec<_>>().join(", "),
        }
    };
    kinds.into_iter().map(told).collect::<Vec<_>>().join(", ")
}

fn cut(run: &Record, alike: bool) -> Vec<Phase> {
    let end = run.summary.duration_s.max(run.timeline.last().map_or(0.0, |moment| moment.at_s));
    let end = end.min(run.load_s.1);
    let mut phases = vec![Phase { name: "before".into(), from_s: 0.0, to_s: end }];
    for marks in run.marks.chunk_by(|a, b| b.at_s - a.at_s < TOGETHER_S) {
        let at = marks[0].at_s.clamp(0.0, end);
        let last = phases.last_mut().expect("a run has a first phase");
        if at - last.from_s < TOGETHER_S {
            last.name = format!("with {}", label(marks, alike));
            continue;
        }
        last.to_s = at;
        let name = format!("after {}", label(marks, alike));
        phases.push(Phase { name, from_s: at, to_s: end });
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
