//! What a run gives, in the same form from every host, so that one report serves them all.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::{
    block::Head,
    id::{Height, ReplicaId, View},
    time::{Span, Time},
};

/// Everything measured in one run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How long the run lasted, warm-up included, in the host's time.
    pub duration: Span,
    /// Transactions that a client saw confirmed, from the intended send time to the last reply needed.
    pub latency: Latency,
    /// The longest ledger's height.
    pub committed_blocks: u64,
    /// Transactions that clients sent.
    pub submitted: u64,
    /// Messages between replicas by kind.
    pub traffic: BTreeMap<String, Traffic>,
    /// Signatures that were proven, by all replicas together.
    pub signatures_checked: u64,
    /// Events that replicas handled.
    pub events: u64,
    /// Views that replicas gave up, all together.
    pub view_changes: u64,
    /// The highest view that a replica entered, where there are views.
    pub highest_view: View,
    /// What must not happen and did; empty in a good run.
    pub violations: Vec<Violation>,
    /// The digest of everything that happened; none where a run cannot be repeated exactly.
    pub trace_digest: Option<u64>,
    /// Each replica's ledger at the end; `None` for one that is down.
    pub heads: Vec<Option<Head>>,
    /// Blocks in the longest ledger by producer.
    pub producers: BTreeMap<ReplicaId, u64>,
    /// What was done to the cluster, and when.
    pub marks: Vec<Mark>,
    /// One sample an interval, in order.
    pub timeline: Vec<Sample>,
    /// How often each note was made, by a short label.
    pub notes: BTreeMap<String, u64>,
    /// CPU time of the process that ran replicas and clients, where the host measures it.
    pub cpu: Option<Span>,
    /// What proved claims and hashed.
    pub accelerator: String,
    /// Further figures of the host, by name, with the unit in the name (`"fsync_mean_us"`).
    pub figures: BTreeMap<String, f64>,
}

impl Outcome {
    /// Transactions confirmed.
    pub fn committed_transactions(&self) -> u64 {
        self.latency.0.len()
    }
}

/// Client-observed latency in nanoseconds, three significant digits.
#[derive(Clone, Debug)]
pub struct Latency(pub Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new(3).expect("three digits are allowed"))
    }
}

impl Latency {
    /// Counts one transaction.
    pub fn record(&mut self, latency: Span) {
        // Grows as needed. (`saturating_record` would not: it clamps to the range there is.)
        self.0.record(latency.0).expect("a histogram from 1 up holds every u64");
    }
    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("histograms of one form grow");
    }
    /// The latency that `share` of all transactions stay at or below; `None` without transactions.
    pub fn quantile(&self, share: f64) -> Option<Span> {
        (!self.0.is_empty()).then(|| Span(self.0.value_at_quantile(share)))
    }
    /// The longest latency, as exact as the histogram is; `None` without transactions.
    pub fn max(&self) -> Option<Span> {
        (!self.0.is_empty()).then(|| Span(self.0.max()))
    }
}

/// Messages and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Messages sent, one a receiver.
    pub messages: u64,
    /// Their encoded bytes.
    pub bytes: u64,
}

/// Something that must not happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which checker: `"agreement"`, `"prefix"`, `"validity"`, `"progress"`, `"finality"`, …
    pub property: String,
    /// When it was seen.
    pub at: Time,
    /// Who was involved.
    pub replicas: Vec<ReplicaId>,
    /// What exactly, for a person.
    pub what: String,
}

/// Something done to the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// When.
    pub at: Time,
    /// To whom.
    pub replica: Option<ReplicaId>,
    /// What: `"crash"`, `"restart"`, `"partition"`, `"heal"`, …
    pub what: String,
}

/// The state at the end of one interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The end of the interval.
    pub at: Time,
    /// Transactions confirmed within it.
    pub committed: u64,
    /// Median latency of those, if any.
    pub p50: Option<Span>,
    /// Each replica's ledger height; `None` for one that is down.
    pub heights: Vec<Option<Height>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_of_all_lengths_are_kept() {
        let mut latency = Latency::default();
        for span in [Span::ms(40), Span::ZERO, Span(u64::MAX), Span::seconds(90)] {
            latency.record(span);
        }
        assert_eq!(latency.quantile(0.25), Some(Span::ZERO));
        let half = latency.quantile(0.5).expect("there are some");
        assert!(half.0.abs_diff(Span::ms(40).0) < Span::us(40).0, "{half}");
        assert!(latency.max() > Some(Span::seconds(1 << 33)));
    }
}
