//! `accelerator`: what proves claims and hashes, and whose cost a simulation charges for it.

use std::{fmt, num::NonZeroUsize};

use byzlab_accel::choice::Wanted;
use byzlab_core::Profile;
use clap::ValueEnum;
use indexmap::IndexMap;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, IntoDeserializer as _, value::MapAccessDeserializer},
};

/// What proves claims and hashes: `accelerator = "auto"`, or a table. It changes how long a run takes,
/// never what it gives; but for `model`, which says what a *simulation* charges for proving.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Accelerator {
    /// `"cpu"`, `"auto"`, `"gpu"`, `"software"`, or `"reference"`.
    pub kind: AcceleratorKind,
    /// Threads of the CPU; absent: one a core, shared by the runs that go on at once.
    pub threads: Option<NonZeroUsize>,
    /// Whose cost a simulation charges for proving, in place of `[cpu]`'s prices: a name of
    /// [`profiles`](crate::profiles), one of `profiles` below, or a file of `byzlab accel --out`.
    pub model: Option<String>,
    /// Costs of machines by name. A resolved experiment has those here that it read from files.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub profiles: IndexMap<String, Profile>,
}

/// As it is written as a table.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Table {
    kind: AcceleratorKind,
    threads: Option<NonZeroUsize>,
    model: Option<String>,
    profiles: IndexMap<String, Profile>,
}

impl<'de> Deserialize<'de> for Accelerator {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Accelerator;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an accelerator like \"auto\", or a table")
            }
            fn visit_str<E: de::Error>(self, kind: &str) -> Result<Accelerator, E> {
                let kind = AcceleratorKind::deserialize(kind.into_deserializer())?;
                Ok(Accelerator { kind, ..Accelerator::default() })
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Accelerator, A::Error> {
                let Table { kind, threads, model, profiles } =
                    Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Accelerator { kind, threads, model, profiles })
            }
        }
        d.deserialize_any(Visitor)
    }
}

/// Which accelerator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum AcceleratorKind {
    /// Whoever is expected to be done sooner, the processor or a GPU; without a GPU, the processor.
    Auto,
    /// Many at once on the processor.
    #[default]
    Cpu,
    /// A GPU, for everything that it can do; an error where there is none.
    Gpu,
    /// A software adapter in a GPU's place, to try kernels on a machine without one.
    Software,
    /// One after another by the plainest code.
    Reference,
}

impl AcceleratorKind {
    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Software => "software",
            Self::Reference => "reference",
        }
    }
    /// What is to be picked; `None` for the reference.
    pub const fn wanted(self) -> Option<Wanted> {
        match self {
            Self::Auto => Some(Wanted::Auto),
            Self::Cpu => Some(Wanted::Cpu),
            Self::Gpu => Some(Wanted::Gpu),
            Self::Software => Some(Wanted::Software),
            Self::Reference => None,
        }
    }
}
