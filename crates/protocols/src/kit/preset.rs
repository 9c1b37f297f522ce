//! One protocol under another name, with other defaults: a variant is parameters, not a copy.

use byzlab_core::{
    Block, BuildError, Claim, Committee, Entry, Invalid, Recipients, Replica, Saved, Seat, Signer,
    registry::Plugin,
};
use serde::Deserialize;

/// An entry whose defaults are overridden.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// The entry.
    pub of: Entry,
    /// TOML, with every key that differs.
    pub params: &'static str,
}

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
    fn tosses(&self, params: &toml::Table) -> Result<bool, BuildError> {
        self.of.tosses(&self.with(params))
    }
    fn recipients(&self) -> Recipients {
        self.of.recipients()
    }
}
