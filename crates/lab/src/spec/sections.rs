//! The sections that mean the same on every host.

use byzlab_core::{Scheme, Span};
use byzlab_node::plan::Durability;
use serde::{Deserialize, Serialize};

use super::{Drawn, Host, OneOrMany};

/// `[cluster]`: the replicas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// How many replicas.
    pub nodes: u16,
    /// Whether clients sign their transactions and replicas check them.
    pub client_signatures: bool,
    /// How replicas sign: `"ed25519"`; `"bls"`, so that a certificate is one signature and a bit a
    /// replica; or, in simulation, `"simulated"`: tags of Ed25519's size with a modelled cost, in place
    /// of which a real cluster has Ed25519. Called `signatures` before.
    #[serde(alias = "signatures")]
    pub scheme: Scheme,
    /// Replicas that never say a word. Simulation only.
    pub silent: Vec<u16>,
    /// Replicas that are two honest copies under one key, each seen by its own part of the network:
    /// equivocation, for any protocol. Simulation only.
    pub twins: Vec<u16>,
    /// How long until the parts that see one copy or the other are drawn anew; absent: never.
    pub twins_reshuffle: Option<Span>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            nodes: 4,
            client_signatures: true,
            scheme: Scheme::Simulated,
            silent: Vec::new(),
            twins: Vec::new(),
            twins_reshuffle: None,
        }
    }
}

/// `[load]`: the clients. With `rate` an open loop: transactions are sent whatever comes back. With
/// `outstanding` a closed one: a new transaction for each confirmed one. With neither, `rate = 1000`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Load {
    /// How many clients, each with a key of its own.
    pub clients: u16,
    /// Transactions a second of all clients together.
    pub rate: Option<u32>,
    /// Whether gaps of an open loop are exponential (a Poisson process) or all the same.
    pub poisson: bool,
    /// Transactions of each client that are on the way at once.
    pub outstanding: Option<u32>,
    /// The size of a whole transaction, signature included.
    pub transaction_bytes: u32,
    /// How many keys of the store the writes go to.
    pub keys: u64,
    /// When clients begin.
    pub from: Span,
    /// When clients stop sending; absent: at the end of the run.
    pub until: Option<Span>,
    /// How long a client waits for replies before it sends to every replica.
    pub retry: Span,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            clients: 4,
            rate: None,
            poisson: true,
            outstanding: None,
            transaction_bytes: 512,
            keys: 1000,
            from: Span::ZERO,
            until: None,
            retry: Span::seconds(1),
        }
    }
}

/// `[mining]`: the miners, for protocols with proof of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mining {
    /// Hashes a second: one number for every replica, or a list, one a replica.
    pub hash_power: OneOrMany<u64>,
}

impl Default for Mining {
    fn default() -> Self {
        Self { hash_power: OneOrMany(vec![100_000]) }
    }
}

/// `[mempool]`: how much waits at each replica, at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mempool {
    /// Transactions.
    pub transactions: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Default for Mempool {
    fn default() -> Self {
        Self { transactions: 100_000, bytes: 64 << 20 }
    }
}

/// `[stop]`: when a run ends: at the first of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stop {
    /// After so long.
    pub after: Span,
    /// As soon as each honest running replica's ledger has so many blocks. Simulation only.
    pub blocks: Option<u64>,
    /// As soon as clients have seen so many transactions confirmed. Simulation only.
    pub transactions: Option<u64>,
}

impl Default for Stop {
    fn default() -> Self {
        Self { after: Span::seconds(10), blocks: None, transactions: None }
    }
}

/// `[quic]`: the real cluster on this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quic {
    /// When something written counts as kept: `"fsync"`, `"os"` or `"memory"`.
    pub durability: Durability,
    /// Whether each replica is a process of its own, killed by `SIGKILL`; else all live in one.
    pub processes: bool,
    /// The payload of one UDP packet in bytes: 1200 to 6000. Loopback bears 6000.
    pub udp_payload: u16,
    /// Whether the replicas' folders stay in the results folder, for `byzlab ledger`.
    pub keep_ledgers: bool,
}

impl Default for Quic {
    fn default() -> Self {
        let udp_payload = byzlab_node::plan::UDP_PAYLOAD_LOOPBACK;
        Self { durability: Durability::Fsync, processes: false, udp_payload, keep_ledgers: false }
    }
}

/// `[[fault]]`: something done to the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When; for `silent`, `partition`, `slow` and `hunt`, from when on.
    #[serde(default)]
    pub at: Span,
    /// What.
    pub kind: FaultKind,
    /// To which replica, or replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica: Option<OneOrMany<u16>>,
    /// In place of `replica`: how many, drawn by lot from the seed; `"f"`: as many as the protocol's
    /// theory stands among so many. For crashes, silence and slowness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawn: Option<Drawn>,
    /// Until when; absent: to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,
    /// For a partition: the groups that still hear each other. Those named in none are a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<Vec<u16>>>,
    /// By which factor a slow replica's latencies grow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<u32>,
    /// For a hunt: how much longer the network takes for what the leader sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Span>,
    /// For an attack: what the replica runs instead, written like a `[protocol]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<toml::Table>,
    /// On which hosts it is done; absent: on all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<OneOrMany<Host>>,
}

/// What can be done to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultKind {
    /// The replica stops at once, without a word, as by `kill -9`. What it saved survives.
    Crash,
    /// It starts again from what it saved.
    Restart,
    /// A byte of its ledger on disk is flipped while it is down. On `quic` only.
    Tamper,
    /// It hears everything and says nothing. In simulation only.
    Silent,
    /// Messages between groups are lost. In simulation only.
    Partition,
    /// What it sends and is sent takes longer. In simulation only.
    Slow,
    /// The network holds back what the leader sends, whoever that is. In simulation only.
    Hunt,
    /// It runs something else under its id and key. In simulation only.
    Attack,
}

impl FaultKind {
    /// What it is called in a sentence, with its article.
    pub const fn called(self) -> &'static str {
        match self {
            Self::Crash => "a crash",
            Self::Restart => "a restart",
            Self::Tamper => "tampering",
            Self::Silent => "a silence",
            Self::Partition => "a partition",
            Self::Slow => "a slowness",
            Self::Hunt => "a hunt",
            Self::Attack => "an attack",
        }
    }
    /// The hosts that can do it.
    pub const fn hosts(self) -> &'static [Host] {
        match self {
            Self::Crash | Self::Restart => &[Host::Sim, Host::Quic],
            Self::Tamper => &[Host::Quic],
            Self::Silent | Self::Partition | Self::Slow | Self::Hunt | Self::Attack => &[Host::Sim],
        }
    }
}

impl Fault {
    /// Whether it is done on `host`.
    pub fn is_for(&self, host: Host) -> bool {
        self.host.as_ref().is_none_or(|hosts| hosts.0.contains(&host))
    }
    /// The replicas it is done to.
    pub fn replicas(&self) -> &[u16] {
        self.replica.as_ref().map_or(&[], |replicas| &replicas.0)
    }
}
