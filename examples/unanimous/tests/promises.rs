//! What the protocol promises, held against what it does.

use byzlab::sim::{run, swarm};
use unanimous::ENTRY;

/// How many swarms: more find more.
const SEEDS: u64 = 50;

#[test]
fn it_survives_swarms_of_faults() {
    for theory in ENTRY.theories {
        for seed in 0..SEEDS {
            let scenario = swarm::scenario(ENTRY, theory, seed).expect("its parameters");
            let outcome = run(&scenario, &mut |_| {}).expect("a run");
            if let Err(what) = swarm::judge(&scenario, &outcome) {
                panic!("{}\n{what}", swarm::InWords(&scenario));
            }
        }
    }
}
