//! How a protocol is swapped: a table of entries, by name.

use std::{fmt, marker::PhantomData};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    block::Block,
    claim::{Claim, Invalid},
    committee::{Committee, Seat},
    crypto::{Scheme, Signer},
    machine::Machine,
    protocol::{BuildError, Protocol, Recipients, Saved},
    replica::Replica,
    theory::Theory,
};

/// One protocol in the table.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name in experiment files.
    pub name: &'static str,
    /// One line: what it is and where it was published.
    pub about: &'static str,
    /// What its theory promises, one a variant, the defaults' first; empty where nothing is claimed.
    pub theories: &'static [Theory],
    plugin: &'static dyn Plugin,
}

impl Entry {
    /// The entry of protocol `P`.
    pub const fn of<P: Protocol>(name: &'static str, about: &'static str) -> Self {
        Self::behind(name, about, const { &Typed::<P>(PhantomData) })
    }
    /// The entry of something that seats replicas without being a [`Protocol`].
    pub const fn behind(
        name: &'static str,
        about: &'static str,
        plugin: &'static dyn Plugin,
    ) -> Self {
        Self { name, about, theories: &[], plugin }
    }
    /// This entry with what its theory promises: one a variant, the defaults' first.
    pub const fn promising(self, theories: &'static [Theory]) -> Self {
        Self { theories, ..self }
    }
    /// See [`Plugin::build`].
    pub fn build(
        &self,
        seat: Seat,
        signer: Signer,
        params: &toml::Table,
        saved: Saved<'_>,
    ) -> Result<Box<dyn Replica>, BuildError> {
        self.plugin.build(seat, signer, params, saved)
    }
    /// See [`Plugin::resolve`].
    pub fn resolve(&self, params: &toml::Table) -> Result<toml::Table, BuildError> {
        self.plugin.resolve(params)
    }
    /// See [`Plugin::schema`].
    pub fn schema(&self) -> schemars::Schema {
        self.plugin.schema()
    }
    /// See [`Protocol::audit`].
    pub fn audit(&self, block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        self.plugin.audit(block, committee)
    }
    /// See [`Protocol::replies`].
    pub fn replies(&self, committee: &Committee) -> usize {
        self.plugin.replies(committee)
    }
    /// See [`Plugin::tosses`].
    ///
    /// # Errors
    /// If the parameters are bad.
    pub fn tosses(&self, params: &toml::Table) -> Result<bool, BuildError> {
        self.plugin.tosses(params)
    }
    /// The committee with what this protocol needs of it: the [coin](Committee::tossing_by_seed) of the run seeded by
    /// `seed`, if it tosses one.
    ///
    /// # Errors
    /// If the parameters are bad, or a replica's key is none.
    pub fn equip(
        &self,
        committee: Committee,
        params: &toml::Table,
        scheme: Scheme,
        seed: u64,
    ) -> Result<Committee, BuildError> {
        match self.tosses(params)? {
            true => Ok(committee.tossing_by_seed(scheme, seed)?),
            false => Ok(committee),
        }
    }
    /// See [`Protocol::recipients`].
    pub fn recipients(&self) -> Recipients {
        self.plugin.recipients()
    }
}

/// What stands behind an [`Entry`]: a [`Protocol`] as a rule, by [`Entry::of`].
pub trait Plugin: Send + Sync {
    /// Seats a replica. Unknown or ill-typed parameters are errors that name the known ones.
    fn build(
        &self,
        seat: Seat,
        signer: Signer,
        params: &toml::Table,
        saved: Saved<'_>,
    ) -> Result<Box<dyn Replica>, BuildError>;
    /// `params` with every default filled in.
    fn resolve(&self, params: &toml::Table) -> Result<toml::Table, BuildError>;
    /// The JSON schema of the parameters, with their docs.
    fn schema(&self) -> schemars::Schema;
    /// See [`Protocol::audit`].
    fn audit(&self, block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid>;
    /// See [`Protocol::replies`].
    fn replies(&self, committee: &Committee) -> usize;
    /// See [`Protocol::tosses`]; an error for what [`resolve`](Self::resolve) refuses.
    fn tosses(&self, _params: &toml::Table) -> Result<bool, BuildError> {
        Ok(false)
    }
    /// See [`Protocol::recipients`].
    fn recipients(&self) -> Recipients {
        Recipients::All
    }
}

/// A [`Protocol`] as a [`Plugin`].
struct Typed<P>(PhantomData<fn() -> P>);

impl<P: Protocol> Plugin for Typed<P> {
    fn build(
        &self,
        seat: Seat,
        signer: Signer,
        params: &toml::Table,
        saved: Saved<'_>,
    ) -> Result<Box<dyn Replica>, BuildError> {
        Ok(Box::new(Machine::<P>::new(seat, signer, parse(params)?, saved)?))
    }
    fn resolve(&self, params: &toml::Table) -> Result<toml::Table, BuildError> {
        to_table(&parse::<P::Params>(params)?)
    }
    fn schema(&self) -> schemars::Schema {
        schemars::schema_for!(P::Params)
    }
    fn audit(&self, block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        P::audit(block, committee)
    }
    fn replies(&self, committee: &Committee) -> usize {
        P::replies(committee)
    }
    fn tosses(&self, params: &toml::Table) -> Result<bool, BuildError> {
        Ok(P::tosses(&parse(params)?))
    }
    fn recipients(&self) -> Recipients {
        P::recipients()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({})", self.name)
    }
}

fn parse<T: DeserializeOwned>(params: &toml::Table) -> Result<T, BuildError> {
    T::deserialize(toml::Value::Table(params.clone()))
        .map_err(|e| BuildError(e.message().to_owned()))
}

fn to_table<T: Serialize>(params: &T) -> Result<toml::Table, BuildError> {
    toml::Table::try_from(params).map_err(|e| BuildError(e.to_string()))
}

/// The protocols that a program knows.
#[derive(Clone, Debug, Default)]
pub struct Registry(Vec<Entry>);

impl Registry {
    /// A table of `entries`.
    ///
    /// # Panics
    /// If two have one name.
    pub fn new(entries: &[Entry]) -> Self {
        entries.iter().fold(Self::default(), |table, &entry| table.with(entry))
    }
    /// This table with one entry more.
    ///
    /// # Panics
    /// If its name is taken.
    pub fn with(mut self, entry: Entry) -> Self {
        let taken = self.0.iter().any(|e| e.name == entry.name);
        assert!(!taken, "two protocols are called `{}`", entry.name);
        self.0.push(entry);
        self
    }
    /// All entries, in the order of the table.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }
    /// The entry called `name`, or an error that names the known ones.
    pub fn find(&self, name: &str) -> Result<Entry, BuildError> {
        self.0.iter().find(|e| e.name == name).copied().ok_or_else(|| {
            let known: Vec<_> = self.0.iter().map(|e| e.name).collect();
            BuildError(format!("unknown protocol `{name}`; known are {}", known.join(", ")))
        })
    }
}
