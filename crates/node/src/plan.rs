//! What can be asked of this crate: a whole cluster, one seat of a deployment, or clients alone.
//!
//! A plan is data, already resolved: nothing here reads a file or a flag. All times are counted
//! from the moment at which the clients begin, which is when every link of the cluster stands.

use std::{fmt, io, net::SocketAddr, path::PathBuf, sync::Arc, time::SystemTime};

use byzlab_core::{
    Accelerator, BuildError, Committee, Entry, Height, Recipients, ReplicaId, Scheme, Signer, Span,
    Time,
    host::{Arrivals, Load},
};
use serde::{Deserialize, Serialize};

pub use crate::storage::Durability;
use crate::storage::StorageError;

/// The label of the chain that [`ClusterPlan`]s run.
pub const CHAIN_LABEL: &str = "byzlab";

/// A whole cluster on this machine, with its clients and its faults.
#[derive(Clone, Debug)]
pub struct ClusterPlan {
    /// The protocol.
    pub entry: Entry,
    /// The protocol's parameters.
    pub params: toml::Table,
    /// The number of replicas.
    pub size: u16,
    /// From which keys, payloads and arrivals are drawn.
    pub seed: u64,
    /// Whether clients sign their transactions and replicas check them.
    pub client_signatures: bool,
    /// How replicas sign: by Ed25519 or by BLS.
    pub scheme: Scheme,
    /// Who sends what.
    pub clients: Clients,
    /// Who mines how fast.
    pub mining: Mining,
    /// What is done to the cluster, in any order.
    pub faults: Vec<Fault>,
    /// When something written counts as kept.
    pub durability: Durability,
    /// Holds one folder a replica: `replica-0`, … Created if it is missing; must not hold an older
    /// run.
    pub dir: PathBuf,
    /// How long the clients send.
    pub duration: Span,
    /// How long, at most, to wait after that for outstanding transactions.
    pub drain: Span,
    /// The length of one interval of the timeline.
    pub sample: Span,
    /// Proves claims, hashes and mines, for all replicas of this process.
    pub accelerator: Arc<dyn Accelerator>,
    /// Where the replicas run.
    pub mode: Mode,
    /// The bounds of each replica's mempool.
    pub mempool: MempoolBounds,
    /// The payload of one UDP packet in bytes: 1,200 to 6,000. Loopback bears 6,000, and is the
    /// faster for it; Ethernet bears 1,452.
    pub udp_payload: u16,
}

impl ClusterPlan {
    /// A cluster of `size` replicas without faults, for ten seconds, in this process.
    pub fn new(entry: Entry, size: u16, dir: PathBuf, accelerator: Arc<dyn Accelerator>) -> Self {
        Self {
            entry,
            params: toml::Table::new(),
            size,
            seed: 1,
            client_signatures: true,
            scheme: Scheme::Ed25519,
            clients: Clients::default(),
            mining: Mining::default(),
            faults: Vec::new(),
            durability: Durability::default(),
            dir,
            duration: Span::seconds(10),
            drain: Span::seconds(5),
            sample: Span::ms(500),
            accelerator,
            mode: Mode::InProcess,
            mempool: MempoolBounds::default(),
            udp_payload: UDP_PAYLOAD_LOOPBACK,
        }
    }
}

/// Where the replicas of a cluster run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// All in this process, each with a network thread, a verifier thread and a log thread of its
    /// own.
    #[default]
    InProcess,
    /// One child process a replica, killed by `SIGKILL`.
    Processes {
        /// The program to start; it must call [`run_supervised`](crate::run_supervised).
        program: PathBuf,
        /// The arguments that make it do so.
        arguments: Vec<String>,
    },
}

/// Clients: all of one kind, each with a key of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clients {
    /// How many.
    pub count: u16,
    /// What each one sends. It ends with the run at the latest.
    pub load: Load,
}

impl Default for Clients {
    /// Four clients that send a thousand transactions of 512 bytes a second together.
    fn default() -> Self {
        let load = Load {
            arrivals: Arrivals::Open { gap: Span::ms(4), poisson: true },
            transaction_bytes: 512,
            keys: 1000,
            from: Time::ZERO,
            until: Time::NEVER,
            retry: Span::seconds(2),
        };
        Self { count: 4, load }
    }
}

/// Mining power.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mining {
    /// Hashes a second of each replica; one beyond the list's end has none. A replica without hash
    /// power takes no puzzles.
    pub hash_power: Vec<u64>,
}

/// Something done to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: Time,
    /// To whom.
    pub replica: ReplicaId,
    /// What.
    pub kind: FaultKind,
}

/// What can be done to a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// It stops at once, without a word or a flush, as by `kill -9`.
    Kill,
    /// A byte of its ledger on disk is flipped; only while it is down.
    Tamper,
    /// It starts again from its folder; only while it is down.
    Restart,
}

/// The most that waits in a mempool before the gateway stops reading from clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MempoolBounds {
    /// Transactions.
    pub transactions: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Default for MempoolBounds {
    fn default() -> Self {
        Self { transactions: 100_000, bytes: 128 << 20 }
    }
}

/// A UDP payload that every Ethernet bears.
pub const UDP_PAYLOAD_ETHERNET: u16 = 1452;
/// The largest UDP payload at which ten packets of one send call stay below 64 KiB.
pub const UDP_PAYLOAD_LOOPBACK: u16 = 6000;

/// The state of a run that goes on.
#[derive(Clone, Debug)]
pub struct Progress {
    /// How far it is.
    pub at: Time,
    /// How long the clients send.
    pub duration: Span,
    /// Transactions confirmed so far.
    pub committed: u64,
    /// Each replica's ledger height; `None` for one that is down.
    pub heights: Vec<Option<Height>>,
}

/// Where a replica is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Its UDP address for peers.
    pub peers: SocketAddr,
    /// Its UDP address for clients.
    pub clients: SocketAddr,
}

/// The 32 secret bytes of an Ed25519 key. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(pub [u8; 32]);

impl Secret {
    /// Makes signatures with it.
    pub fn signer(&self) -> Signer {
        Signer::ed25519(self.0)
    }
    /// Makes a replica's signatures in this committee.
    pub fn signer_in(&self, committee: &Committee) -> Signer {
        match committee.votes {
            Some(_) => Signer::bls(self.0),
            None => self.signer(),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// One replica of a deployment.
#[derive(Clone, Debug)]
pub struct SeatPlan {
    /// The protocol.
    pub entry: Entry,
    /// The protocol's parameters; the same for all replicas.
    pub params: toml::Table,
    /// Which replica this is.
    pub me: ReplicaId,
    /// All replicas.
    pub committee: Arc<Committee>,
    /// Where each replica is found, in the committee's order.
    pub addresses: Vec<Address>,
    /// Where to listen, if not at this replica's own entry of `addresses` (behind a translator).
    pub listen: Option<Address>,
    /// The secret of this replica's key, for votes and for links.
    pub secret: Secret,
    /// The moment zero of the protocol's time; the same for all replicas.
    pub epoch: SystemTime,
    /// This replica's folder. Must exist.
    pub dir: PathBuf,
    /// When something written counts as kept.
    pub durability: Durability,
    /// Hashes a second to mine with; with none, puzzles are not taken.
    pub hash_power: u64,
    /// The bounds of the mempool.
    pub mempool: MempoolBounds,
    /// Proves claims, hashes and mines.
    pub accelerator: Arc<dyn Accelerator>,
    /// Where to serve metrics as text over HTTP, at `/metrics`. Port 9100 of 127.0.0.1 is usual.
    pub metrics: Option<SocketAddr>,
    /// Threads for network and protocol together; more than one pays where there are cores to
    /// spare.
    pub workers: usize,
    /// The payload of one UDP packet in bytes; see [`ClusterPlan::udp_payload`].
    pub udp_payload: u16,
}

/// Clients of a deployment, without replicas.
#[derive(Clone, Debug)]
pub struct ClientPlan {
    /// All replicas.
    pub committee: Arc<Committee>,
    /// Where each replica is found, in the committee's order.
    pub addresses: Vec<Address>,
    /// How many equal replies confirm a transaction: [`Entry::replies`] of the committee.
    pub replies: usize,
    /// Whom transactions go to: [`Entry::recipients`].
    pub recipients: Recipients,
    /// What signs for the clients, where it [pays to gather](Accelerator::gathers_signing) for it.
    pub accelerator: Arc<dyn Accelerator>,
    /// Who sends what. Times are counted from the first connection to a replica.
    pub clients: Clients,
    /// From which keys, payloads and arrivals are drawn. Client `i` is called `client/i`.
    pub seed: u64,
    /// How long the clients send.
    pub duration: Span,
    /// How long, at most, to wait after that for outstanding transactions.
    pub drain: Span,
    /// The length of one interval of the timeline.
    pub sample: Span,
    /// The payload of one UDP packet in bytes; see [`ClusterPlan::udp_payload`].
    pub udp_payload: u16,
}

/// Why a cluster, a seat or a client could not run, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A plan that contradicts itself.
    #[error("{0}")]
    Plan(String),
    /// The protocol refused its parameters or what was saved.
    #[error("the protocol cannot take its seat: {0}")]
    Build(BuildError),
    /// An address that cannot be listened at.
    #[error("cannot listen at {address}: {error}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// The operating system's word.
        error: io::Error,
    },
    /// A secret that does not belong to the seat.
    #[error("the secret key is not that of {0} in the committee")]
    WrongKey(ReplicaId),
    /// The folder of a replica, or what is in it.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A replica that stopped because its storage failed.
    #[error("{replica} cannot go on: {error}")]
    Stopped {
        /// Which.
        replica: ReplicaId,
        /// Why.
        error: String,
    },
    /// No replica answered.
    #[error("no replica answered within {0}; are the addresses right and the replicas up?")]
    NobodyAnswers(Span),
    /// A child process that could not be started, or ended unasked.
    #[error("the process of {replica}: {what}")]
    Child {
        /// Whose.
        replica: ReplicaId,
        /// What happened.
        what: String,
    },
    /// The operating system refused something else.
    #[error("cannot {doing}: {error}")]
    Io {
        /// What was being done.
        doing: String,
        /// Its word.
        error: io::Error,
    },
}

// Its words are in ours, so it is not the source as well: whoever prints the chain would say them twice.
impl From<BuildError> for NodeError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}
