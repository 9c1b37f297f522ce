//! The experiment file, as it is written: [`Spec`].
//!
//! An experiment is one TOML file. Unknown keys, unknown names and ill-typed values are errors that
//! name the key, its place and the known ones. What a file *means* is an
//! [`Experiment`](crate::experiment::Experiment); nothing else travels further.
//!
//! | section | says |
//! |---|---|
//! | top | `name`, `about`, `host = "sim"`, `"quic"` or both, `seeds`, `sample` |
//! | `[protocol]`, `[[protocol]]` | `name`, an optional `label`, and the protocol's own parameters |
//! | `[cluster]` | replicas, signatures, silent ones and twins |
//! | `[network]`, `[cpu]`, `[check]` | the simulated world; real hosts have their own |
//! | `[load]` | clients: an open loop (`rate`) or a closed one (`outstanding`) |
//! | `[mempool]` | how much may wait at each replica |
//! | `[mining]` | hash power, for proof of work |
//! | `[[fault]]` | what is done to the cluster, and when |
//! | `[stop]` | when a run ends |
//! | `[quic]` | durability, one process a replica or one for all |
//! | `accelerator` | what proves claims and hashes: `"auto"`, `"cpu"`, `"gpu"`, `"software"`, or a table |
//! | `[sweep]` | dotted keys and the values that they take: every combination is a point |
//! | `[[expect]]` | properties that runs are checked against |

mod accelerator;
mod edit;
mod sections;
mod source;
mod values;
mod world;

use byzlab_core::Span;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use accelerator::{Accelerator, AcceleratorKind};
pub use edit::Edit;
pub use sections::{Cluster, Fault, FaultKind, Load, Mempool, Mining, Quic, Stop};
pub(crate) use source::read_bounded;
pub use source::{FILE_BYTES_MAX, Problem, Source};
pub use values::{Drawn, OneOrMany, SEEDS_MAX, Seeds, TheF};
pub use world::{Check, Cpu, CpuName, Latency, LatencyTable, MeasureName, Network, Stabilises};

use crate::expect::Expectation;

/// A host that runs replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    /// The discrete-event simulator.
    Sim,
    /// A real cluster over QUIC on this machine.
    Quic,
}

impl Host {
    /// Its name in files and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Quic => "quic",
        }
    }
}

/// An experiment file, as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Names the results folder: letters, digits, `-` and `_`.
    pub name: String,
    /// What the experiment shows; stands at the head of the report.
    #[serde(default)]
    pub about: String,
    /// Where it runs.
    #[serde(default = "in_simulation")]
    pub host: OneOrMany<Host>,
    /// The seeds: each point runs once with each.
    #[serde(default)]
    pub seeds: Seeds,
    /// The length of one interval of the timeline.
    #[serde(default = "sample_span")]
    pub sample: Span,
    /// `name`, an optional `label` for plots, and the protocol's parameters. `byzlab protocols NAME`
    /// lists those.
    pub protocol: OneOrMany<toml::Table>,
    /// The replicas.
    #[serde(default)]
    pub cluster: Cluster,
    /// The simulated network.
    #[serde(default)]
    pub network: Network,
    /// The simulated processors.
    #[serde(default)]
    pub cpu: Cpu,
    /// What the simulator's checkers ask.
    #[serde(default)]
    pub check: Check,
    /// The clients.
    #[serde(default)]
    pub load: Load,
    /// What waits at each replica.
    #[serde(default)]
    pub mempool: Mempool,
    /// The miners.
    #[serde(default)]
    pub mining: Mining,
    /// When a run ends.
    #[serde(default)]
    pub stop: Stop,
    /// The real cluster.
    #[serde(default)]
    pub quic: Quic,
    /// What proves claims and hashes.
    #[serde(default)]
    pub accelerator: Accelerator,
    /// What is done to the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fault: Vec<Fault>,
    /// What runs are checked against.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expectation>,
    /// Dotted keys and the values that they take.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub sweep: IndexMap<String, toml::Value>,
}

fn in_simulation() -> OneOrMany<Host> {
    OneOrMany(vec![Host::Sim])
}

fn sample_span() -> Span {
    Span::ms(100)
}
