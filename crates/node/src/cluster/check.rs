//! What must hold at the end of a run, whatever was done to the cluster.

use std::collections::BTreeMap;

use byzlab_core::{Block, Height, ReplicaId, Time, outcome::Violation};

use super::life::Ledger;
use crate::{client::Seen, counters::Counters};

/// What was found.
pub(super) struct Found {
    pub longest: Height,
    /// Distinct transactions in the longest ledger.
    pub executed: u64,
    pub producers: BTreeMap<ReplicaId, u64>,
    pub violations: Vec<Violation>,
}

/// Compares the ledgers of the replicas that are up, by place.
pub(super) fn ledgers(ledgers: &[Option<Ledger>], sum: &Counters, seen: &Seen, now: Time) -> Found {
    let up: Vec<(ReplicaId, &Ledger)> = (0..)
        .map(ReplicaId)
        .zip(ledgers)
        .filter_map(|(id, ledger)| ledger.as_ref().map(|ledger| (id, ledger)))
        .collect();
    let mut violations = Vec::new();
    let mut violated = |property: &str, at, replicas: Vec<ReplicaId>, what: String| {
        violations.push(Violation { property: property.into(), at, replicas, what });
    };
    if let Some(what) = sum.accelerator.violation() {
        violated("accelerator", now, Vec::new(), what);
    }
    let Some(&(best, longest)) = up.iter().max_by_key(|(_, ledger)| ledger.head.height) else {
        let (longest, producers) = (Height::GENESIS, BTreeMap::new());
        return Found { longest, executed: 0, producers, violations };
    };
    for &(id, ledger) in up.iter().filter(|&&(id, _)| id != best) {
        if let Some(height) = first_difference(ledger, longest) {
            let what = format!("{id} and {best} hold different blocks at height {height}");
            violated("agreement", now, vec![id, best], what);
        }
    }
    for &(at, from, to) in &sum.reverts {
        let what = format!("a replica took back its commits from height {from} down to {to}");
        violated("finality", at, Vec::new(), what);
    }
    // Only a longest ledger can be held against what clients saw, if everyone agrees on it.
    let executed = longest.executed;
    if executed < seen.latency.0.len() {
        let confirmed = seen.latency.0.len();
        let what =
            format!("{confirmed} transactions were confirmed, the longest ledger has {executed}");
        violated("durability", now, vec![best], what);
    }
    let mut producers = BTreeMap::new();
    let mut height = Height::GENESIS;
    while let Some(block) = longest.block(height.next()) {
        *producers.entry(block.producer).or_default() += 1;
        height = block.height;
    }
    Found { longest: longest.head.height, executed, producers, violations }
}

/// The lowest height at which two ledgers differ, within the shorter one. A block's digest names
/// all blocks below it, so that a search by halves finds it.
fn first_difference(a: &Ledger, b: &Ledger) -> Option<Height> {
    let common = a.head.height.min(b.head.height).0;
    let same = |height: u64| {
        let digest = |ledger: &Ledger| ledger.block(Height(height)).as_ref().map(Block::head);
        height == 0 || digest(a) == digest(b)
    };
    if same(common) {
        return None;
    }
    let (mut good, mut bad) = (0, common);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if same(middle) { good = middle } else { bad = middle }
    }
    Some(Height(bad))
}

impl Ledger {
    /// The block at a height, if there is one that can be read.
    pub fn block(&self, height: Height) -> Option<Block> {
        self.reader.block(height).ok().flatten()
    }
}
