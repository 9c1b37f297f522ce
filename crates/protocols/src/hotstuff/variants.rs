//! The family's entries in the table: one protocol, with other defaults under each name.

use byzlab_core::{
    Block, BuildError, Claim, Committee, Entry, Invalid, Replica, Saved, Seat, Signer,
    registry::Plugin,
};
use serde::Deserialize;

use super::{HotStuff, theory};

/// An entry whose defaults are overridden.
struct Preset {
    of: Entry,
    /// TOML, with every key that differs.
    params: &'static str,
}

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

impl Preset {
    fn table(&self) -> toml::Table {
        toml::from_str(self.params).expect("presets are valid TOML")
    }
    /// The preset, and over it what was asked for.
    fn with(&self, params: &toml::Table) -> toml::Table {
        let mut table = self.table();
        table.extend(params.clone());
        table
    }
}

impl Plugin for Preset {
    fn build(
        &self,
        seat: Seat,
        signer: Signer,
        params: &toml::Table,
        saved: Saved<'_>,
    ) -> Result<Box<dyn Replica>, BuildError> {
        self.of.build(seat, signer, &self.with(params), saved)
    }
    fn resolve(&self, params: &toml::Table) -> Result<toml::Table, BuildError> {
        self.of.resolve(&self.with(params))
    }
    fn schema(&self) -> schemars::Schema {
        let mut schema = self.of.schema();
        for (key, value) in self.table() {
            if let Some(default) = schema.pointer_mut(&format!("/properties/{key}/default")) {
                *default = Deserialize::deserialize(value).expect("TOML has a JSON form");
            }
        }
        schema
    }
    fn audit(&self, block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        self.of.audit(block, committee)
    }
    fn replies(&self, committee: &Committee) -> usize {
        self.of.replies(committee)
    }
}
