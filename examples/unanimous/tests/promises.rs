//! What the protocol promises, held against what it does.

use byzlab::conform::{self, Broken};
use unanimous::ENTRY;

/// How many swarms: more find more.
const SEEDS: u64 = 50;

/// Latency, messages, view changes, resilience: each promise of the entry's `Theory`, measured.
#[test]
fn it_keeps_its_promises() -> Result<(), Broken> {
    conform::keeps_promises(ENTRY)
}

/// Safe under loss, crashes, partitions and whatever faults the `Theory` says it stands; live after.
#[test]
fn it_survives_swarms_of_faults() -> Result<(), Broken> {
    conform::survives_swarms(ENTRY, 0..SEEDS)
}
