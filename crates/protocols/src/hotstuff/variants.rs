//! The family's entries in the table: one protocol, with other defaults under each name.

use byzlab_core::Entry;

use super::{HotStuff, theory};
use crate::kit::Preset;

const PLAIN: Entry = Entry::of::<HotStuff>("hotstuff", "chained HotStuff, three-chain, PODC 2019");

/// Chained HotStuff: the three-chain.
pub const HOTSTUFF: Entry = PLAIN.promising(theory::HOTSTUFF);

/// The two-chain, with new-views to the next leader.
pub const FAST_HOTSTUFF: Entry = Entry::behind(
    "fast-hotstuff",
    "the two-chain with proof of the highest certificate, Jalalzai et al. 2020",
    const { &Preset { of: PLAIN, params: "chain = 2" } },
)
.promising(theory::FAST_HOTSTUFF);

/// The two-chain, with timeouts to all.
pub const JOLTEON: Entry = Entry::behind(
    "jolteon",
    "the two-chain with quadratic timeouts (DiemBFT v4), FC 2022",
    const { &Preset { of: PLAIN, params: "chain = 2\nview_change = \"quadratic\"" } },
)
.promising(theory::JOLTEON);

/// Two phases in each view.
pub const HOTSTUFF_2: Entry = Entry::behind(
    "hotstuff-2",
    "two phases a view, Malkhi & Nayak, eprint 2023/397",
    const { &Preset { of: PLAIN, params: "chain = 2\npipelined = false" } },
)
.promising(theory::HOTSTUFF_2);
