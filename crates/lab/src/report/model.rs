//! A results folder as the report sees it: runs that differ by seed alone stand together.

use std::path::Path;

use anyhow::{Context, Result};
use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::{
    marks::Style,
    stats::{Mean, Median},
    words,
};
use crate::{
    folder::{Folder, Manifest},
    record::{MarkAt, Record},
};

/// So many seeds are named one by one.
const SEEDS_NAMED_MAX: usize = 8;

/// All that a report is made from.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// What made the results.
    pub manifest: Manifest,
    /// The resolved experiment file.
    pub spec: String,
    /// Every run, in order.
    pub records: Vec<Record>,
    /// The same runs, those together that differ by seed alone.
    pub groups: Vec<Group>,
}

/// Runs that differ by seed alone; never empty.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// What plots call the protocol.
    pub label: String,
    /// The host's name.
    pub host: String,
    /// The number of replicas.
    pub nodes: u16,
    /// What the sweep set.
    pub point: IndexMap<String, Value>,
    /// How figures draw the protocol.
    pub style: Style,
    /// The runs.
    pub runs: Vec<Record>,
}

/// Groups that one drawing compares: one host, one point of the sweep.
#[derive(Clone, Debug)]
pub(super) struct Panel<'a> {
    /// What distinguishes it from the other panels.
    pub title: String,
    /// One a protocol.
    pub groups: Vec<&'a Group>,
}

impl Model {
    /// Reads a results folder.
    pub fn read(path: &Path) -> Result<Self> {
        let folder = Folder::open(path)?;
        let records = folder.records()?;
        anyhow::ensure!(!records.is_empty(), "{} holds no record of a run", path.display());
        let spec = folder.spec().context("the report shows the resolved experiment")?;
        Ok(Self::new(folder.manifest()?, spec, records))
    }
    /// Puts runs together.
    pub fn new(manifest: Manifest, spec: String, records: Vec<Record>) -> Self {
        let labels: IndexSet<&str> = records.iter().map(|r| r.label.as_str()).collect();
        let mut groups: Vec<Group> = Vec::new();
        for record in &records {
            let place = groups.iter_mut().find(|group| group.is_of(record));
            if let Some(group) = place {
                group.runs.push(record.clone());
                continue;
            }
            groups.push(Group {
                label: record.label.clone(),
                host: record.summary.host.clone(),
                nodes: record.summary.nodes,
                point: record.point.clone(),
                style: Style(labels.get_index_of(record.label.as_str()).unwrap_or(0)),
                runs: vec![record.clone()],
            });
        }
        Self { manifest, spec, records, groups }
    }
    /// Protocols' labels in order of first appearance.
    pub fn labels(&self) -> Vec<&str> {
        let labels: IndexSet<_> = self.groups.iter().map(|g| g.label.as_str()).collect();
        labels.into_iter().collect()
    }
    /// Hosts in order of first appearance.
    pub fn hosts(&self) -> Vec<&str> {
        let hosts: IndexSet<_> = self.groups.iter().map(|g| g.host.as_str()).collect();
        hosts.into_iter().collect()
    }
    /// Whether a sweep was run.
    pub fn is_sweep(&self) -> bool {
        self.groups.iter().any(|group| group.point != self.groups[0].point)
    }
    /// The drawings over which runs are spread, in order of first appearance.
    pub fn panels(&self) -> Vec<Panel<'_>> {
        let mut panels: IndexMap<String, Vec<&Group>> = IndexMap::new();
        for group in &self.groups {
            let mut title = words::capital(&words::host(&group.host));
            if !group.point.is_empty() {
                title = format!("{title}, {}", group.point_label());
            }
            panels.entry(title).or_default().push(group);
        }
        panels.into_iter().map(|(title, groups)| Panel { title, groups }).collect()
    }
}

impl Group {
    /// The mean over seeds of what `value` gives for a run, where it gives something.
    pub fn mean(&self, value: impl Fn(&Record) -> Option<f64>) -> Option<Mean> {
        Mean::of(self.runs.iter().filter_map(value))
    }
    /// The median over seeds of what `value` gives for a run, where it gives something.
    pub fn median(&self, value: impl Fn(&Record) -> Option<f64>) -> Option<Median> {
        Median::of(self.runs.iter().filter_map(value))
    }
    /// The sweep's assignment in words; empty without a sweep.
    pub fn point_label(&self) -> String {
        let parts = self.point.iter().map(|(key, value)| format!("{key} = {}", plain(value)));
        parts.collect::<Vec<_>>().join(", ")
    }
    /// Protocol, place and point, in words.
    pub fn name(&self) -> String {
        let mut name = format!("{} {}", self.label, words::host(&self.host));
        if !self.point.is_empty() {
            name = format!("{name}, {}", self.point_label());
        }
        name
    }
    /// What was done to the cluster, of the first run; seeds differ in the moments by little.
    pub fn marks(&self) -> &[MarkAt] {
        &self.runs[0].marks
    }
    /// Transactions confirmed, all runs together.
    pub fn committed(&self) -> u64 {
        self.runs.iter().map(|run| run.summary.committed_transactions).sum()
    }
    /// That some or all runs end in silence: runs of one reason together.
    pub fn silences(&self) -> Vec<Silence> {
        let mut silences: Vec<Silence> = Vec::new();
        for run in &self.runs {
            let Some((from_s, why)) = silence(run) else { continue };
            let seed = run.summary.seed;
            match silences.iter_mut().find(|known| known.from_s == from_s && known.why == why) {
                Some(known) => known.seeds.push(seed),
                None => silences.push(Silence { from_s, why, seeds: vec![seed] }),
            }
        }
        silences
    }
    fn is_of(&self, record: &Record) -> bool {
        self.label == record.label
            && self.host == record.summary.host
            && self.nodes == record.summary.nodes
            && self.point == record.point
            && self.runs[0].summary.protocol == record.summary.protocol
    }
}

/// A mark in words: `crash r1`. Hosts may say more after a colon; see [`mark_detail`].
pub(super) fn mark_label(mark: &MarkAt) -> String {
    let what = mark.what.split(':').next().unwrap_or_default().trim();
    mark.replica.map_or_else(|| what.to_owned(), |id| format!("{what} r{id}"))
}

/// What a host says of a mark beyond its label.
pub(super) fn mark_detail(mark: &MarkAt) -> Option<&str> {
    mark.what.split_once(':').map(|(_, detail)| detail.trim()).filter(|detail| !detail.is_empty())
}

/// A value of a sweep as the experiment file writes it, without quotes.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// That runs of a group commit nothing, to their end, and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Silence {
    /// Where it begins; none if it is all of the run.
    pub from_s: Option<f64>,
    /// Why.
    pub why: String,
    /// The seeds that it happens with.
    pub seeds: Vec<u64>,
}

impl Silence {
    /// The reason, and for how long and which seeds of `group` it holds.
    pub fn told(&self, group: &Group) -> String {
        format!("{}{}: {}", group.name(), self.extent(group), self.why)
    }
    /// For how long and which seeds of `group` it holds; nothing if for all of it.
    pub fn extent(&self, group: &Group) -> String {
        let mut place = String::new();
        if let Some(from) = self.from_s {
            place = format!(", from {} on", words::seconds(from));
        }
        if self.seeds.len() < group.runs.len() {
            let named = self.seeds.iter().take(SEEDS_NAMED_MAX).map(u64::to_string);
            let mut named: Vec<_> = named.collect();
            if named.len() < self.seeds.len() {
                named.push(format!("{} more", self.seeds.len() - named.len()));
            }
            let (some, all) = (self.seeds.len(), group.runs.len());
            place = format!("{place}, {some} of {all} seeds ({})", words::list(&named));
        }
        place
    }
}

/// The stretch to the end of `run` in which it committed nothing, and why.
pub(super) fn silence(run: &Record) -> Option<(Option<f64>, String)> {
    if run.summary.committed_transactions == 0 {
        return Some((None, why_nothing(run)));
    }
    let (why, from) = (run.stall.as_ref()?, run.stall_from_s);
    // What was under way at its beginning may still come.
    let middle = (from + run.summary.duration_s) / 2.0;
    let late = run.timeline.iter().filter(|moment| moment.at_s > middle);
    let still = late.map(|moment| moment.committed_transactions).sum::<u64>() == 0;
    still.then(|| (Some(from), format!("as theory says: {why}")))
}

/// Why no transaction was confirmed in `run`, as far as the record tells.
pub(super) fn why_nothing(run: &Record) -> String {
    let summary = &run.summary;
    if run.submitted_transactions == 0 {
        return "clients sent nothing".into();
    }
    if let Some(why) = &run.stall {
        return format!("as theory says: {why}");
    }
    if let Some(violation) = summary.violations.first() {
        return format!("{}: {}", violation.property, violation.what);
    }
    if !run.heads.is_empty() && run.heads.iter().all(Option::is_none) {
        return "every replica was down at the end".into();
    }
    let mut notes: Vec<_> = run.notes.iter().collect();
    notes.sort_by_key(|&(label, &times)| (std::cmp::Reverse(times), label));
    let notes: Vec<_> =
        notes.iter().take(3).map(|(label, times)| format!("{label} ×{times}")).collect();
    let notes = if notes.is_empty() {
        "replicas noted nothing".to_owned()
    } else {
        format!("most frequent notes: {}", notes.join(", "))
    };
    if summary.committed_blocks == 0 {
        return format!("no block was decided; {notes}");
    }
    format!(
        "{} decided, but no client got enough equal replies; {notes}",
        words::many(summary.committed_blocks as usize, "block")
    )
}
