//! Consensus protocols, one file or folder each, and the table of them.

use byzlab_core::{Entry, Registry};

pub mod bullshark;
pub mod central;
pub mod hotstuff;
pub mod kit;
pub mod minimmit;
pub mod mysticeti;
pub mod pbft;
pub mod pow;
pub mod raft;
pub mod simplex;
pub mod streamlet;
pub mod tendermint;

/// The protocols that come with ByzLab: what lookup, `byzlab protocols` and the tests read.
static BUILTIN: &[Entry] = &[
    Entry::of::<pbft::Pbft>("pbft", "Castro & Liskov 1999, with signatures")
        .promising(pbft::THEORY),
    Entry::of::<tendermint::Tendermint>(
        "tendermint",
        "Buchman, Kwon & Milosevic 2018: rounds and locks, no view change apart",
    )
    .promising(tendermint::THEORY),
    Entry::of::<simplex::Simplex>("simplex", "Chan & Pass 2023: a block every two delays")
        .promising(simplex::THEORY),
    Entry::of::<streamlet::Streamlet>("streamlet", "Chan & Shi 2020: epochs by the clock")
        .promising(streamlet::THEORY),
    Entry::of::<minimmit::Minimmit>(
        "minimmit",
        "Chou, Lewis-Pye & O'Grady 2025: n ≥ 5f + 1, final after two delays",
    )
    .promising(minimmit::THEORY),
    hotstuff::HOTSTUFF,
    hotstuff::FAST_HOTSTUFF,
    hotstuff::JOLTEON,
    hotstuff::HOTSTUFF_2,
    Entry::of::<mysticeti::Mysticeti>("mysticeti", "an uncertified DAG, Babel et al. 2024")
        .promising(mysticeti::THEORY),
    bullshark::BULLSHARK,
    bullshark::TUSK,
    Entry::of::<raft::Raft>(
        "raft",
        "Ongaro & Ousterhout 2014: the baseline that stands crashes alone",
    )
    .promising(raft::THEORY),
    Entry::of::<pow::Pow>("pow", "proof of work, Nakamoto 2008").promising(pow::THEORY),
    Entry::of::<central::Central>("central", "one trusted sequencer, the baseline")
        .promising(central::THEORY),
];

/// The table of built-in protocols.
pub fn builtin() -> Registry {
    Registry::new(BUILTIN)
}
