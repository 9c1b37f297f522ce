//! What is to be simulated: everything that decides a run, and nothing else.
//!
//! A [`Scenario`] is plain data. Two runs of equal scenarios give equal outcomes, trace digests
//! included, on any machine. Start from [`Scenario::new`] and change what differs:
//!
//! ```no_run
//! # fn example(entry: byzlab_core::Entry) {
//! use byzlab_core::Span;
//! use byzlab_sim::{Delay, Scenario, run};
//! let mut scenario = Scenario::new(entry, 100, 1);
//! scenario.network.delay = Delay::Range { low: Span::ms(20), high: Span::ms(40) };
//! scenario.stop.after = Span::seconds(30);
//! let outcome = run(&scenario, &mut |progress| eprintln!("{progress:?}")).unwrap();
//! assert!(outcome.violations.is_empty());
//! # }
//! ```

use std::{ops::Range, sync::Arc};

use byzlab_core::{
    Accelerator, Entry, Profile, Reference, ReplicaId, Scheme, Span, Time,
    host::client::{Arrivals, Load},
};

use crate::regions::Matrix;

/// One simulated run, completely.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The protocol.
    pub entry: Entry,
    /// Its parameters, as in the experiment file.
    pub params: toml::Table,
    /// How many replicas, at least 1.
    pub size: u16,
    /// What every draw and every key follows from.
    pub seed: u64,
    /// Goes into the chain's name, so that two experiments share no signatures.
    pub label: String,
    /// Real signatures, of one kind or the other, or tags of the same size whose cost is modelled alone.
    pub scheme: Scheme,
    /// Whether clients sign their transactions and replicas check them.
    pub client_signatures: bool,
    /// How messages travel.
    pub network: Network,
    /// What computing costs in virtual time.
    pub cpu: CpuModel,
    /// What proving costs in place of `cpu`'s `check_signature`, `check_root` and `check_work`, if a
    /// machine is to be charged whose calls have a price as a whole: all that waits at a replica is then
    /// proven in one call.
    pub proving: Option<Arc<Profile>>,
    /// Who sends transactions.
    pub clients: Clients,
    /// Who can mine how fast.
    pub mining: Mining,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// When the run ends.
    pub stop: Stop,
    /// The interval of [`Outcome::timeline`](byzlab_core::outcome::Outcome::timeline); each sample
    /// holds one height a replica, so keep `duration / sample · size` within reason.
    pub sample: Span,
    /// What each replica's mempool holds at most.
    pub mempool: MempoolLimit,
    /// How long an undisturbed system with work to do may go without a commit before that is a
    /// violation of `"progress"`; `None` for as long as it likes.
    pub progress_within: Option<Span>,
    /// Hashes, and proves signatures that are not simulated. Has no say in what happens.
    pub accelerator: Arc<dyn Accelerator>,
    /// Which event queue. Has no say in what happens.
    pub queue: QueueKind,
    /// Events, by their number, to be recorded one by one in
    /// [`Trace::window`](crate::Trace::window), at most [`WINDOW_MAX`](crate::trace::WINDOW_MAX) of
    /// them.
    pub window: Option<Range<u64>>,
    /// Whether [`Trace::journal`](crate::Trace::journal) is kept. Has no say in what happens.
    pub journal: bool,
}

impl Scenario {
    /// `size` replicas of `entry` on 10 ms links, with simulated crypto, free computing, no
    /// clients, no faults, for 10 s.
    pub fn new(entry: Entry, size: u16, seed: u64) -> Self {
        Self {
            entry,
            params: toml::Table::new(),
            size,
            seed,
            label: "byzlab".into(),
            scheme: Scheme::Simulated,
            client_signatures: false,
            network: Network::default(),
            cpu: CpuModel::free(),
            proving: None,
            clients: Clients::none(),
            mining: Mining::default(),
            faults: Vec::new(),
            stop: Stop { after: Span::seconds(10), blocks: None, transactions: None },
            sample: Span::seconds(1),
            mempool: MempoolLimit::default(),
            progress_within: None,
            accelerator: Arc::new(Reference),
            queue: QueueKind::Wheel,
            window: None,
            journal: false,
        }
    }
}

/// How messages travel.
///
/// A message of `s` bytes leaves when its sender's uplink is free, takes `8·s / up` seconds on it,
/// then its delay and jitter, and is there when the receiver's downlink has taken it in as well.
/// Both links are queues in order of arrival; transfer over both overlaps. No framing is added.
#[derive(Clone, Debug)]
pub struct Network {
    /// The time on the way, without queues.
    pub delay: Delay,
    /// Up to so much is added to each message's delay, each amount equally likely.
    pub jitter: Span,
    /// Each replica's uplink and downlink.
    pub bandwidth: Bandwidth,
    /// How many of a million messages are lost.
    pub loss_ppm: u32,
    /// When the network becomes timely; `None`: it is from the start.
    pub stabilises: Option<Stabilisation>,
    /// Who is whose neighbour.
    pub peers: Peers,
}

impl Default for Network {
    /// 10 ms to everyone, nothing lost, no limits.
    fn default() -> Self {
        Self {
            delay: Delay::Constant(Span::ms(10)),
            jitter: Span::ZERO,
            bandwidth: Bandwidth::default(),
            loss_ppm: 0,
            stabilises: None,
            peers: Peers::All,
        }
    }
}

/// One-way delays. They hold for clients' links too.
#[derive(Clone, Debug)]
pub enum Delay {
    /// Always the same.
    Constant(Span),
    /// Drawn for each message, each value equally likely; both ends are possible.
    Range {
        /// The shortest.
        low: Span,
        /// The longest.
        high: Span,
    },
    /// By the regions of sender and receiver.
    Regions {
        /// One-way delays between regions.
        matrix: Arc<Matrix>,
        /// Replica `i` stands in region `replicas[i % len]`, an index into the matrix.
        replicas: Vec<u16>,
        /// Client `i` stands in region `clients[i % len]`; where this is empty, in the region of
        /// replica `i % size`.
        clients: Vec<u16>,
    },
}

/// Bits a second of each replica's links; `None` is without limit. Clients' links have no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// From the replica.
    pub up: Option<u64>,
    /// To the replica.
    pub down: Option<u64>,
}

/// Global stabilisation: before `at`, each message between replicas may take up to `delay` longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stabilisation {
    /// The moment (GST).
    pub at: Time,
    /// The longest additional delay before it, each amount equally likely.
    pub delay: Span,
}

/// Who is whose neighbour: whom `gossip` and `relay` reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Peers {
    /// Everyone is everyone's.
    #[default]
    All,
    /// A connected random regular graph, drawn from the seed. `degree · size` must be even.
    Regular {
        /// How many neighbours each replica has.
        degree: u16,
    },
}

/// What computing costs, in virtual time. Each replica works through what comes to it one after
/// another; what comes meanwhile waits.
///
/// Claims of a packet are charged once to each receiver that has them proven, however often the
/// simulator itself computes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuModel {
    /// Taking in one message.
    pub receive: Span,
    /// Taking in a byte, in picoseconds.
    pub receive_byte_ps: u64,
    /// Sending one message to one receiver.
    pub send: Span,
    /// Sending a byte to one receiver, in picoseconds.
    pub send_byte_ps: u64,
    /// Making a signature.
    pub sign: Span,
    /// Checking a signature.
    pub check_signature: Span,
    /// One transaction of a batch whose Merkle root is checked.
    pub check_root: Span,
    /// Checking a proof of work.
    pub check_work: Span,
    /// Making a record durable.
    pub save: Span,
    /// Executing a transaction.
    pub execute: Span,
    /// Making a BLS signature.
    pub bls_sign: Span,
    /// Checking one replica's BLS signature: a vote, …
    pub bls_vote: Span,
    /// … and adding it up to a certificate, which is charged with the check: nothing is added up that
    /// was not proven, and a vote that comes too late is as good as any.
    pub bls_add: Span,
    /// Checking an aggregate of several, …
    pub bls_check: Span,
    /// … and for each signer in it, in picoseconds: adding up keys.
    pub bls_signer_ps: u64,
    /// Tossing a common coin.
    pub toss: Span,
    /// Checking a toss.
    pub check_toss: Span,
}

impl CpuModel {
    /// Nothing costs anything.
    pub const fn free() -> Self {
        Self {
            receive: Span::ZERO,
            receive_byte_ps: 0,
            send: Span::ZERO,
            send_byte_ps: 0,
            sign: Span::ZERO,
            check_signature: Span::ZERO,
            check_root: Span::ZERO,
            check_work: Span::ZERO,
            save: Span::ZERO,
            execute: Span::ZERO,
            bls_sign: Span::ZERO,
            bls_vote: Span::ZERO,
            bls_add: Span::ZERO,
            bls_check: Span::ZERO,
            bls_signer_ps: 0,
            toss: Span::ZERO,
            check_toss: Span::ZERO,
        }
    }
    /// One core of a 2023 server (AMD Zen 4): Ed25519 by `ed25519-zebra` in batches, SHA-256 with
    /// the CPU's instructions, QUIC on the loopback; records in memory.
    ///
    /// BLS as [`byzlab_core::crypto::bls`] does it, with signatures in G1: `benches/benches/bls.rs`, least
    /// times on one core of an Intel Xeon, on which `blst` takes 0.81 ms for a plain verification of its
    /// other variant, and 0.85 and 0.93 ms for aggregates of 64 and 256. That core of Zen 4 took 0.79,
    /// 0.88 and 1.02 ms for them, so the figures are taken over as they are. A vote costs what it does as
    /// one of 16 that are proven in one equation (alone 760 µs), as an Ed25519 signature does.
    ///
    /// Tosses of a coin: `benches/benches/coin.rs`, least times on that Intel core, 109 µs to toss and 104 to check;
    /// with the check is charged what the value takes, 25 µs for each of the third of tosses that make it.
    pub const fn server() -> Self {
        Self {
            receive: Span::us(2),
            receive_byte_ps: 700,
            send: Span::us(2),
            send_byte_ps: 700,
            sign: Span::us(23),
            check_signature: Span::us(21),
            check_root: Span::ns(500),
            check_work: Span::ns(200),
            save: Span::ZERO,
            execute: Span::us(1),
            bls_sign: Span::us(129),
            bls_vote: Span::us(383),
            bls_add: Span::ns(12_600),
            bls_check: Span::us(763),
            bls_signer_ps: 1_090_000,
            toss: Span::us(110),
            check_toss: Span::us(115),
        }
    }
    /// This model where replicas sign like this.
    pub(crate) const fn signing_by(self, scheme: Scheme) -> Self {
        match scheme {
            Scheme::Bls => Self { sign: self.bls_sign, ..self },
            Scheme::Ed25519 | Scheme::Simulated => self,
        }
    }
    /// Whether nothing costs anything.
    pub fn is_free(&self) -> bool {
        *self == Self::free()
    }
}

/// Who sends transactions.
#[derive(Clone, Debug)]
pub struct Clients {
    /// How many; 0 for none.
    pub count: u32,
    /// What each of them sends.
    pub load: Load,
}

impl Clients {
    /// Nobody.
    pub fn none() -> Self {
        Self::open(0, Span::ms(1), Time::NEVER)
    }
    /// `count` clients that each send a 512-byte transaction every `gap` on average (Poisson),
    /// until `until`; they ask again after 4 s.
    pub fn open(count: u32, gap: Span, until: Time) -> Self {
        let arrivals = Arrivals::Open { gap, poisson: true };
        let (from, retry) = (Time::ZERO, Span::seconds(4));
        let load = Load { arrivals, transaction_bytes: 512, keys: 10_000, from, until, retry };
        Self { count, load }
    }
}

/// Who can mine how fast.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mining {
    /// Hashes a second of replica `i`: `hash_power[i % len]`. Empty: nobody mines.
    pub hash_power: Vec<u64>,
}

/// Something that goes wrong. Replicas under [`Silent`](Fault::Silent), [`Twins`](Fault::Twins),
/// [`SplitBrain`](Fault::SplitBrain) and [`Attack`](Fault::Attack) count as Byzantine: checks ask nothing
/// of them.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A replica stops. What it saved, and its ledger, survive.
    Crash {
        /// Which.
        replica: ReplicaId,
        /// When.
        at: Time,
    },
    /// A crashed replica begins again.
    Restart {
        /// Which.
        replica: ReplicaId,
        /// When.
        at: Time,
    },
    /// A replica hears everything and says nothing.
    Silent {
        /// Which.
        replica: ReplicaId,
        /// During which time.
        during: Range<Time>,
    },
    /// Two honest copies run under one key and id, each seen by its own part of the others: the
    /// others are split by lot, and each client's sending goes to one copy, by lot. Equivocation,
    /// for every protocol.
    Twins {
        /// Which.
        replica: ReplicaId,
        /// How long until the others are split anew; `None`: never.
        reshuffle: Option<Span>,
    },
    /// Replicas collude to make two worlds, from the beginning to the end: two honest copies of each run
    /// under its key and id, the first copies among all others, the second among those `apart`, and
    /// nothing passes between the worlds. The strongest equivocation that a network may be late enough
    /// for; at most one a scenario, without [`Twins`](Fault::Twins).
    SplitBrain {
        /// Who colludes.
        replicas: Vec<ReplicaId>,
        /// The honest ones of the second world.
        apart: Vec<ReplicaId>,
    },
    /// Messages between groups are lost, by the moment of sending. Replicas in no group are a
    /// group. Clients reach everyone.
    Partition {
        /// The groups.
        groups: Vec<Vec<ReplicaId>>,
        /// During which time.
        during: Range<Time>,
    },
    /// What a replica sends and is sent takes longer, on the way and on its own links. Of two that overlap,
    /// the one that began or ended last counts.
    Slow {
        /// Which.
        replica: ReplicaId,
        /// During which time.
        during: Range<Time>,
        /// By which factor delays grow and its bandwidth shrinks, at least 1.
        factor: u32,
    },
    /// The network is hostile to whoever leads: what it sends takes longer, as long as it is the last leader that
    /// anyone [noted](byzlab_core::Note::Entered). Where nobody ever is, as under proof of work or a coin, the
    /// network guesses, another replica every 100 ms. All arrives at last, as where nothing is timely.
    ///
    /// The scheduler that Miller et al., *The Honey Badger of BFT Protocols*, CCS 2016, §3, hold against PBFT.
    Hunt {
        /// During which time.
        during: Range<Time>,
        /// How much longer.
        by: Span,
    },
    /// A replica runs something else under the same id and key.
    Attack {
        /// Which.
        replica: ReplicaId,
        /// What it runs.
        entry: Entry,
        /// With which parameters.
        params: toml::Table,
    },
}

/// When the run ends: at the first of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// After so much virtual time.
    pub after: Span,
    /// As soon as each honest running replica's ledger has so many blocks.
    pub blocks: Option<u64>,
    /// As soon as clients have seen so many transactions confirmed.
    pub transactions: Option<u64>,
}

/// What a mempool holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MempoolLimit {
    /// Transactions.
    pub transactions: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Default for MempoolLimit {
    fn default() -> Self {
        Self { transactions: 100_000, bytes: 64 << 20 }
    }
}

/// Which event queue: both give the same order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueKind {
    /// Hierarchical timing wheel: constant time an event.
    #[default]
    Wheel,
    /// Binary heap: the plain one, for comparison.
    Heap,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The run's time now.
    pub now: Time,
    /// When it ends at the latest.
    pub end: Time,
    /// Events handled so far.
    pub events: u64,
    /// Transactions confirmed so far.
    pub transactions: u64,
    /// The longest ledger so far.
    pub blocks: u64,
}
