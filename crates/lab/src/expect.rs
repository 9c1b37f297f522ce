//! Properties that an experiment file expects of its runs: `[[expect]]`.
//!
//! ```toml
//! [[expect]]
//! property = "carries_on"        # transactions commit while replica 0 is down
//! protocol = ["pbft", "pow"]
//! from = "2s"
//! until = "4s"
//! ```
//! A property is judged from the run's [`Record`] alone, and the judgement becomes part of the record.

use byzlab_core::Span;
use serde::{Deserialize, Serialize};

use crate::{
    record::{MarkAt, Record, Verdict},
    spec::{Host, OneOrMany},
};

/// One expectation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// What is expected.
    pub property: Property,
    /// Of which protocols, by name or label; absent: of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<OneOrMany<String>>,
    /// On which hosts; absent: on all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<OneOrMany<Host>>,
    /// The replica it is about, for `damage_found` and `repaired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica: Option<u16>,
    /// The begin of the stretch it is about; absent: of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Span>,
    /// The end of the stretch; absent: of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,
    /// The least that is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// The most that is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

/// What can be expected. Figures are held against `at_least` and `at_most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Property {
    /// Every replica is up at the end and holds the same ledger; heights may differ by `at_most`
    /// blocks (0 by default).
    EqualHeads,
    /// Transactions commit between `from` and `until`: `at_least` so many a second, or at all.
    CarriesOn,
    /// No transaction commits between `from` and `until`.
    Stops,
    /// `replica` found the damage in its ledger when it started.
    DamageFound,
    /// `replica`, once tampered with, holds what the others hold at the end, up to `at_most` blocks.
    Repaired,
    /// The fewest producers who made more than half of the blocks (the Nakamoto coefficient).
    Nakamoto,
    /// The Gini coefficient of blocks by producer: 0 is equal, near 1 is one producer's.
    Gini,
    /// Committed transactions a second between `from` and `until`.
    Throughput,
    /// Median latency in milliseconds.
    LatencyP50Ms,
    /// The latency in milliseconds that 99 of 100 transactions keep within.
    LatencyP99Ms,
    /// Views given up by all replicas together.
    ViewChanges,
}

/// Begins the mark by which a host says that a replica found damage in its own ledger at its start.
pub const DAMAGE_FOUND: &str = "damage found";
/// Begins the mark of a byte flipped in a replica's ledger.
pub const TAMPER: &str = "tamper";

impl Property {
    /// Its name in files and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EqualHeads => "equal_heads",
            Self::CarriesOn => "carries_on",
            Self::Stops => "stops",
            Self::DamageFound => "damage_found",
            Self::Repaired => "repaired",
            Self::Nakamoto => "nakamoto",
            Self::Gini => "gini",
            Self::Throughput => "throughput",
            Self::LatencyP50Ms => "latency_p50_ms",
            Self::LatencyP99Ms => "latency_p99_ms",
            Self::ViewChanges => "view_changes",
        }
    }
    /// Whether it is a figure, which makes no sense without a bound.
    pub const fn needs_bound(self) -> bool {
        use Property::{Gini, LatencyP50Ms, LatencyP99Ms, Nakamoto, Throughput, ViewChanges};
        matches!(self, Nakamoto | Gini | Throughput | LatencyP50Ms | LatencyP99Ms | ViewChanges)
    }
    /// Whether it is about one replica.
    pub const fn needs_replica(self) -> bool {
        matches!(self, Self::DamageFound | Self::Repaired)
    }
}

impl Expectation {
    /// Whether it is about this run.
    pub fn is_about(&self, record: &Record) -> bool {
        let is_it = |name: &String| *name == record.summary.protocol || *name == record.label;
        let protocol = self.protocol.as_ref().is_none_or(|names| names.0.iter().any(is_it));
        let host =
            |hosts: &OneOrMany<Host>| hosts.0.iter().any(|h| h.name() == record.summary.host);
        protocol && self.host.as_ref().is_none_or(host)
    }
    /// Whether it holds of a run.
    pub fn judge(&self, record: &Record) -> Verdict {
        let (holds, seen) = match self.property {
            Property::EqualHeads => equal_heads(record, self.at_most.unwrap_or(0.0)),
            Property::CarriesOn => {
                self.rate_within(record, |rate, least| rate > 0.0 && rate >= least)
            }
            Property::Stops => self.rate_within(record, |rate, _| rate == 0.0),
            Property::Throughput => {
                let most = self.at_most.unwrap_or(f64::INFINITY);
                self.rate_within(record, |rate, least| rate >= least && rate <= most)
            }
            Property::DamageFound => self.damage_found(record),
            Property::Repaired => self.repaired(record),
            Property::Nakamoto => self.bounded(nakamoto(&record.producers).map(|n| n as f64)),
            Property::Gini => self.bounded(gini(&record.producers)),
            Property::LatencyP50Ms => self.bounded(record.summary.latency_ms.p50),
            Property::LatencyP99Ms => self.bounded(record.summary.latency_ms.p99),
            Property::ViewChanges => self.bounded(Some(record.summary.view_changes as f64)),
        };
        let property = self.property.name().to_owned();
        Verdict { property, expected: self.in_words(), holds, seen }
    }

    fn in_words(&self) -> String {
        let mut words = match self.property {
            Property::EqualHeads => "every replica holds the same ledger".to_owned(),
            Property::CarriesOn => "transactions commit".to_owned(),
            Property::Stops => "no transaction commits".to_owned(),
            Property::DamageFound => "finds the damage in its ledger at its start".to_owned(),
            Property::Repaired => "holds what the others hold, after the damage".to_owned(),
            figure => figure.name().replace('_', " "),
        };
        if let Some(replica) = self.replica {
            words = format!("replica {replica} {words}");
        }
        let of_heights = matches!(self.property, Property::EqualHeads | Property::Repaired);
        let unit = if of_heights { " blocks apart" } else { "" };
        self.at_least.iter().for_each(|least| words += &format!(", at least {least}"));
        self.at_most.iter().for_each(|most| words += &format!(", at most {most}{unit}"));
        self.from.iter().for_each(|from| words += &format!(", from {from}"));
        self.until.iter().for_each(|until| words += &format!(", until {until}"));
        words
    }
    fn bounded(&self, figure: Option<f64>) -> (bool, String) {
        let Some(figure) = figure else { return (false, "nothing was committed".into()) };
        let holds = self.at_least.is_none_or(|least| figure >= least)
            && self.at_most.is_none_or(|most| figure <= most);
        (holds, format!("{}", (figure * 1000.0).round() / 1000.0))
    }
    /// Judges the rate over the intervals that lie wholly in the stretch.
    fn rate_within(&self, record: &Record, judge: impl Fn(f64, f64) -> bool) -> (bool, String) {
        let from = self.from.map_or(0.0, Span::as_secs_f64);
        let until = self.until.map_or(f64::INFINITY, Span::as_secs_f64);
        let (mut begin, mut committed, mut seconds) = (0.0, 0, 0.0);
        for moment in &record.timeline {
            if begin >= from - 1e-9 && moment.at_s <= until + 1e-9 {
                committed += moment.committed_transactions;
                seconds += moment.at_s - begin;
            }
            begin = moment.at_s;
        }
        if seconds == 0.0 {
            return (false, "no interval of the timeline lies in that stretch".into());
        }
        let rate = committed as f64 / seconds;
        let seen = format!("{committed} transactions in {seconds:.3} s: {rate:.1} a second");
        (judge(rate, self.at_least.unwrap_or(0.0)), seen)
    }
    fn damage_found(&self, record: &Record) -> (bool, String) {
        match self.mark(record, DAMAGE_FOUND) {
            Some(mark) => (true, format!("{} (at {:.3} s)", mark.what, mark.at_s)),
            None => (false, "no damage was found".into()),
        }
    }
    fn repaired(&self, record: &Record) -> (bool, String) {
        if self.mark(record, TAMPER).is_none() {
            return (false, "its ledger was never tampered with".into());
        }
        let (equal, seen) = equal_heads(record, self.at_most.unwrap_or(0.0));
        let replica = usize::from(self.replica.unwrap_or_default());
        match record.heads.get(replica).copied().flatten() {
            None => (false, "it is down at the end".into()),
            Some(head) => (equal, format!("it is at height {}; {seen}", head.height)),
        }
    }
    /// The first mark of the replica that begins so.
    fn mark<'a>(&self, record: &'a Record, begin: &str) -> Option<&'a MarkAt> {
        let is_it = |m: &&MarkAt| m.replica == self.replica && m.what.starts_with(begin);
        record.marks.iter().find(is_it)
    }
}

fn equal_heads(record: &Record, blocks_apart: f64) -> (bool, String) {
    let up: Vec<_> = record.heads.iter().flatten().collect();
    if up.len() < record.heads.len() {
        let down = record.heads.len() - up.len();
        return (false, format!("{down} of {} replicas are down at the end", record.heads.len()));
    }
    let heights = || up.iter().map(|head| head.height.0);
    let (low, high) = (heights().min().unwrap_or(0), heights().max().unwrap_or(0));
    let forked = up.iter().any(|a| up.iter().any(|b| a.height == b.height && a.digest != b.digest));
    if forked {
        return (false, "two ledgers of one height differ".into());
    }
    let seen = if low == high {
        format!("all at height {low}")
    } else {
        format!("heights {low} to {high}")
    };
    (high > 0 && (high - low) as f64 <= blocks_apart, seen)
}

/// The fewest producers who made more than half of all blocks; none without blocks.
pub fn nakamoto(producers: &[u64]) -> Option<usize> {
    let total: u64 = producers.iter().sum();
    let mut sorted = producers.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let mut sum = 0;
    let enough = sorted.iter().position(|blocks| {
        sum += blocks;
        2 * sum > total
    });
    enough.map(|index| index + 1)
}

/// The Gini coefficient of blocks by producer, 0 to 1 - 1/n; none without blocks.
pub fn gini(producers: &[u64]) -> Option<f64> {
    let total: u64 = producers.iter().sum();
    if total == 0 {
        return None;
    }
    let mut sorted = producers.to_vec();
    sorted.sort_unstable();
    let n = sorted.len() as f64;
    let ranked: f64 = sorted.iter().zip(1..).map(|(&x, rank)| f64::from(rank) * x as f64).sum();
    Some(2.0 * ranked / (n * total as f64) - (n + 1.0) / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of work, a second of nothing, a second of work; replica 1 ends two blocks behind.
    fn record() -> Record {
        let moment = |at_s: f64, committed_transactions| {
            serde_json::json!({
                "at_s": at_s, "committed_transactions": committed_transactions, "p50_ms": null, "heights": [],
            })
        };
        let head = |height, digit: &str| serde_json::json!({ "height": height, "digest": digit.repeat(64) });
        let record = serde_json::json!({
            "run": 0, "label": "fast", "point": {}, "protocol": "pbft", "host": "sim", "nodes": 2, "seed": 1,
            "duration_s": 3.0, "committed_transactions": 30, "committed_blocks": 9, "throughput_tps": 10.0,
            "latency_ms": { "p50": 5.0, "p90": null, "p99": null, "p999": null, "max": null },
            "messages": 0, "bytes": 0, "signatures_checked": 0, "events": 0, "view_changes": 1,
            "violations": [], "trace_digest": null, "ledger_head": null, "wall_s": 0.1, "accelerator": "",
            "load_s": [0.0, 3.0], "submitted_transactions": 30,
            "client_signatures": true, "scheme": "simulated",
            "durability": null, "cpu_us_per_transaction": null,
            "timeline": [moment(1.0, 10), moment(2.0, 0), moment(3.0, 20)],
            "marks": [{ "at_s": 1.0, "replica": 1, "what": "tamper: byte 7" }],
            "latency_histogram_ns": [], "traffic": {}, "producers": [6, 3],
            "heads": [head(9, "a"), head(7, "b")], "notes": {}, "figures": {}, "expectations": [],
            "checkpoints": [],
        });
        serde_json::from_value(record).expect("a record")
    }

    fn judged(text: &str) -> (bool, String) {
        let expectation: Expectation = toml::from_str(text).expect("an expectation");
        let record = record();
        assert!(expectation.is_about(&record), "{text}");
        let verdict = expectation.judge(&record);
        (verdict.holds, format!("{}: {}", verdict.expected, verdict.seen))
    }

    #[test]
    fn properties_are_judged_from_the_record() {
        for holds in [
            "property = 'stops'\nfrom = '1s'\nuntil = '2s'",
            "property = 'carries_on'\nfrom = '2s'\nat_least = 20.0",
            "property = 'carries_on'",
            "property = 'equal_heads'\nat_most = 2.0",
            "property = 'repaired'\nreplica = 1\nat_most = 2.0",
            "property = 'nakamoto'\nat_most = 1.0\nprotocol = 'fast'",
            "property = 'latency_p50_ms'\nat_most = 5.0\nhost = 'sim'",
            "property = 'view_changes'\nat_least = 1.0\nprotocol = ['pow', 'pbft']",
            "property = 'throughput'\nat_least = 10.0\nat_most = 10.0",
        ] {
            let (good, words) = judged(holds);
            assert!(good, "{holds}: {words}");
        }
        for fails in [
            "property = 'stops'",
            "property = 'carries_on'\nfrom = '1s'\nuntil = '2s'",
            "property = 'carries_on'\nfrom = '1500ms'\nuntil = '1600ms'",
            "property = 'equal_heads'\nat_most = 1.0",
            "property = 'repaired'\nreplica = 0\nat_most = 9.0",
            "property = 'damage_found'\nreplica = 1",
            "property = 'latency_p99_ms'\nat_most = 5.0",
        ] {
            let (good, words) = judged(fails);
            assert!(!good, "{fails}: {words}");
        }
        let other: Expectation = toml::from_str("property = 'stops'\nhost = 'quic'").unwrap();
        assert!(!other.is_about(&record()));
    }

    #[test]
    fn control_is_measured_as_defined() {
        assert_eq!(nakamoto(&[10, 0, 0, 0]), Some(1));
        assert_eq!(nakamoto(&[5, 5, 5, 5]), Some(3));
        assert_eq!(nakamoto(&[0, 0]), None);
        assert_eq!(gini(&[5, 5, 5, 5]), Some(0.0));
        assert_eq!(gini(&[8, 0, 0, 0]), Some(0.75));
        assert_eq!(gini(&[0, 0]), None);
    }
}
