//! What host and program say to each other; `docs/any-language.md` describes it for those who write
//! programs.

use byzlab_core::{Batch, Block, Digest, Height, ReplicaId, Seat, block::Head};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of all this.
pub const VERSION: u32 = 1;

/// What the host asks.
#[derive(Debug, Serialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(super) enum Question<'a> {
    /// To take a seat.
    Begin {
        version: u32,
        me: ReplicaId,
        #[serde(flatten)]
        committee: Circle,
        neighbours: &'a [ReplicaId],
        params: &'a toml::Table,
        head: Head,
        records: Vec<KeptSeen>,
    },
    /// To take one input.
    Step { now: u64, event: Event<'a> },
    /// Whether a block is final.
    Audit {
        version: u32,
        #[serde(flatten)]
        committee: Circle,
        params: &'a toml::Table,
        block: BlockSeen,
    },
}

/// The committee, in numbers.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Circle {
    pub(super) replicas: usize,
    pub(super) faults: usize,
    pub(super) quorum: usize,
    pub(super) chain: Digest,
}

impl Circle {
    pub(super) fn of(committee: &byzlab_core::Committee) -> Self {
        let (replicas, faults) = (committee.size(), committee.faults());
        Self { replicas, faults, quorum: committee.quorum(), chain: committee.chain }
    }
}

impl<'a> Question<'a> {
    pub(super) fn begin(
        seat: &'a Seat,
        params: &'a toml::Table,
        head: Head,
        records: Vec<KeptSeen>,
    ) -> Self {
        let committee = Circle::of(&seat.committee);
        let (me, neighbours) = (seat.me, &*seat.neighbours);
        Self::Begin { version: VERSION, me, committee, neighbours, params, head, records }
    }
}

/// An [`Input`](byzlab_core::Input).
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event<'a> {
    Start {},
    Message {
        from: ReplicaId,
        kind: &'static str,
        body: Value,
        signed: Vec<SignedSeen>,
        batches: Vec<BatchSeen>,
        blocks: Vec<BlockSeen>,
    },
    Timer(&'a str),
    Waiting(bool),
    Batch(BatchSeen),
    Blocks {
        tag: u64,
        blocks: Vec<BlockSeen>,
    },
}

/// A proven statement.
#[derive(Debug, Serialize)]
pub(super) struct SignedSeen {
    pub(super) domain: String,
    pub(super) body: String,
    pub(super) signers: Vec<ReplicaId>,
    /// What proves it, for the host alone to read.
    pub(super) certificate: String,
}

/// Something that was saved.
#[derive(Debug, Serialize)]
pub(super) struct KeptSeen {
    pub(super) text: String,
    pub(super) batches: Vec<BatchSeen>,
}

/// A batch, which stays with the host.
#[derive(Debug, Serialize)]
pub(super) struct BatchSeen {
    pub(super) root: Digest,
    pub(super) transactions: usize,
    pub(super) bytes: usize,
}

impl BatchSeen {
    pub(super) fn of(batch: &Batch) -> Self {
        Self { root: batch.root(), transactions: batch.len(), bytes: batch.byte_len() }
    }
}

/// A block, the transactions of which stay with the host.
#[derive(Debug, Serialize)]
pub(super) struct BlockSeen {
    pub(super) height: Height,
    pub(super) parent: Digest,
    pub(super) digest: Digest,
    pub(super) producer: ReplicaId,
    pub(super) root: Digest,
    pub(super) transactions: usize,
    pub(super) signed: Vec<SignedSeen>,
}

impl BlockSeen {
    pub(super) fn of(block: &Block, signed: Vec<SignedSeen>) -> Self {
        Self {
            height: block.height,
            parent: block.parent,
            digest: block.digest,
            producer: block.producer,
            root: block.batch.root(),
            transactions: block.batch.len(),
            signed,
        }
    }
}

/// The answer to [`Question::Begin`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begun {
    /// Why the program takes no seat: bad parameters, say.
    #[serde(default)]
    pub(super) error: Option<String>,
}

/// The answer to [`Question::Audit`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Judged {
    pub(super) r#final: bool,
}

/// The answer to [`Question::Step`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stepped {
    #[serde(default)]
    pub(super) r#do: Vec<Effect>,
}

/// One thing to do; see [`Effects`](byzlab_core::Effects).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Effect {
    Send(Send),
    Arm { timer: String, at: u64 },
    Disarm(String),
    Save(Keep),
    Compact(Vec<Keep>),
    WantBatch(WantBatch),
    Read { from: Height, count: u32, tag: u64 },
    Lead(Option<ReplicaId>),
    Commit(Commit),
    Note(Said),
}

/// Something to be saved, and the batches that are of no use without it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keep {
    pub(super) text: String,
    #[serde(default)]
    pub(super) batches: Vec<Digest>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    pub(super) to: Whom,
    pub(super) kind: String,
    #[serde(default)]
    pub(super) body: Value,
    #[serde(default)]
    pub(super) signed: Vec<Sign>,
    #[serde(default)]
    pub(super) batches: Vec<Digest>,
    #[serde(default)]
    pub(super) blocks: Vec<Digest>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Whom {
    One(ReplicaId),
    Many(Many),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Many {
    All,
    Neighbours,
}

/// A statement: to be signed now, or with what proves it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sign {
    pub(super) domain: String,
    pub(super) body: String,
    #[serde(default)]
    pub(super) certificates: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantBatch {
    pub(super) transactions: u32,
    pub(super) bytes: u32,
    #[serde(default)]
    pub(super) patience: u64,
    #[serde(default)]
    pub(super) empty: bool,
    #[serde(default)]
    pub(super) branch: Vec<Digest>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Commit {
    /// One that came in a message or from the ledger.
    Known { block: Digest },
    /// One of its own making.
    New {
        height: Height,
        producer: ReplicaId,
        batch: Digest,
        #[serde(default)]
        signed: Vec<Sign>,
    },
}

/// A [`Note`](byzlab_core::Note).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Said {
    Entered { view: u64, leader: Option<ReplicaId> },
    TimedOut { view: u64 },
    Proposed { view: u64, height: Height, transactions: u32 },
    CatchingUp { from: Height },
    Dropped { from: ReplicaId, kind: String },
}
