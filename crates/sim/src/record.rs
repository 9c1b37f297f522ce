//! What is written down of a run, cheaply, and becomes its
//! [`Outcome`](byzlab_core::outcome::Outcome).

use std::collections::{BTreeMap, VecDeque};

use byzlab_core::{
    Note, ReplicaId, Span, Time, View,
    outcome::{Latency, Mark, Sample, Traffic},
};

/// How many notes are kept to explain a stall.
const LAST_NOTES: usize = 8;

/// Counters by a few fixed names. Most lookups find the very same string, which is compared by its
/// address; equal strings at different addresses meet in [`by_name`](Counters::by_name).
#[derive(Debug)]
pub(crate) struct Counters<V> {
    list: Vec<([&'static str; 3], V)>,
}

impl<V> Default for Counters<V> {
    fn default() -> Self {
        Self { list: Vec::new() }
    }
}

impl<V: Copy + Default> Counters<V> {
    pub(crate) fn of(&mut self, name: [&'static str; 3]) -> &mut V {
        let same =
            |other: &[&'static str; 3]| other.iter().zip(&name).all(|(a, b)| std::ptr::eq(*a, *b));
        let found = self.list.iter().position(|(other, _)| same(other));
        let index = found.unwrap_or_else(|| {
            self.list.push((name, V::default()));
            self.list.len() - 1
        });
        &mut self.list[index].1
    }
    pub(crate) fn by_name(&self, add: impl Fn(&mut V, V)) -> BTreeMap<String, V> {
        let mut names = BTreeMap::new();
        for (parts, value) in &self.list {
            let parts: Vec<_> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
            add(names.entry(parts.join(": ")).or_default(), *value);
        }
        names
    }
}

/// The run's books.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) traffic: Counters<Traffic>,
    notes: Counters<u64>,
    last_notes: VecDeque<(Time, ReplicaId, Note)>,
    pub(crate) view_changes: u64,
    pub(crate) highest_view: View,
    pub(crate) signatures_checked: u64,
    pub(crate) signatures_made: u64,
    /// What making signatures and proving claims cost all replicas together.
    pub(crate) signing_ns: u64,
    pub(crate) checking_ns: u64,
    /// Calls that were charged as a whole, signatures in them, those of a GPU, and what they cost.
    pub(crate) proving_calls: u64,
    pub(crate) proving_signatures: u64,
    pub(crate) proving_on_gpu: u64,
    pub(crate) proving_ns: u64,
    pub(crate) events: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) cut_off: u64,
    pub(crate) to_nobody: u64,
    pub(crate) overflowed: u64,
    pub(crate) mempool_full: u64,
    pub(crate) reverts: u64,
    pub(crate) deepest_revert: u64,
    pub(crate) queue_peak: usize,
    pub(crate) latency: Latency,
    pub(crate) marks: Vec<Mark>,
    pub(crate) timeline: Vec<Sample>,
    /// Of the current interval.
    interval: Latency,
}

impl Books {
    pub(crate) fn note(&mut self, at: Time, by: ReplicaId, note: Note) {
        let name = match note {
            Note::Entered { view, .. } => {
                self.highest_view = self.highest_view.max(view);
                ["entered", "", ""]
            }
            Note::TimedOut { .. } => {
                self.view_changes += 1;
                ["timed out", "", ""]
            }
            Note::Proposed { .. } => ["proposed", "", ""],
            Note::Dropped { kind, why, .. } => ["dropped", kind, why],
            Note::Misbehaved { what, .. } => ["misbehaved", what, ""],
            Note::Reorganised { .. } => ["reorganised", "", ""],
            Note::CatchingUp { .. } => ["catching up", "", ""],
            Note::Waits { why } => ["waits", why, ""],
        };
        *self.notes.of(name) += 1;
        if self.last_notes.len() == LAST_NOTES {
            self.last_notes.pop_front();
        }
        self.last_notes.push_back((at, by, note));
    }
    pub(crate) fn notes(&self) -> BTreeMap<String, u64> {
        self.notes.by_name(|sum, more| *sum += more)
    }
    /// The last notes, for people.
    pub(crate) fn last_words(&self) -> String {
        let say = |(at, by, note): &(Time, ReplicaId, Note)| format!("{at} {by} {note}");
        match self.last_notes.is_empty() {
            true => "no replica noted anything".into(),
            false => {
                let notes: Vec<_> = self.last_notes.iter().map(say).collect();
                format!("the last notes: {}", notes.join("; "))
            }
        }
    }
    pub(crate) fn mark(&mut self, at: Time, replica: Option<ReplicaId>, what: &str) {
        self.marks.push(Mark { at, replica, what: what.into() });
    }
    pub(crate) fn confirmed(&mut self, latency: Span) {
        self.latency.record(latency);
        self.interval.record(latency);
    }
    /// Ends an interval.
    pub(crate) fn sample(&mut self, at: Time, heights: Vec<Option<byzlab_core::Height>>) {
        let committed = self.interval.0.len();
        let p50 = self.interval.quantile(0.5);
        self.interval.0.clear();
        self.timeline.push(Sample { at, committed, p50, heights });
    }
}
