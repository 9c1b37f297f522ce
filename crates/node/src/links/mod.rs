//! Links to peers: one QUIC connection a pair, two streams each way.
//!
//! The replica with the smaller id dials, the other answers, so there is never a race between two
//! connections; a new authenticated connection replaces the old one. Small messages, votes mostly,
//! go over a stream of their own with priority, large ones over another: a vote does not wait
//! behind a block. So two messages may overtake each other, and both may be lost with a connection;
//! protocols tolerate that, as they do in the simulator.

mod connect;
mod stream;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use bytes::Bytes;
use byzlab_core::{Committee, ReplicaId};

use crate::{
    frame::{Hello, Kind},
    happening::Events,
    outbox::Outbox,
    tls::Guard,
};

pub(crate) use connect::{answer, dial};

/// The longest body that goes over the stream of small messages. A vote is shorter, a block rarely:
/// blocks stay in order among themselves, mostly, so that a follower seldom has to ask for one that
/// is still on its way.
const SMALL_MAX: usize = 1 << 10;
/// The most bytes of small messages that wait for one peer.
const SMALL_OUT_MAX: usize = 4 << 20;
/// The most bytes of large messages that wait for one peer.
const LARGE_OUT_MAX: usize = 64 << 20;
/// The most bytes that wait for one peer.
#[cfg(test)]
pub(crate) const OUT_MAX: usize = SMALL_OUT_MAX + LARGE_OUT_MAX;
/// A link with more than this waiting for it is jammed.
const JAMMED: usize = 8 << 20;
/// The most bytes of either that wait for a peer that is not there: the newest, which it may still
/// need.
const AWAY_MAX: usize = 1 << 20;
/// The most bytes of one peer's small messages that wait to be handled here.
const SMALL_IN_MAX: usize = 4 << 20;
/// The most bytes of one peer's large messages that wait to be handled here: two frames.
const LARGE_IN_MAX: usize = 2 * crate::frame::PEER_BODY_MAX;

/// All links of one replica.
#[derive(Debug)]
pub(crate) struct Links {
    pub me: ReplicaId,
    pub committee: Arc<Committee>,
    /// The protocol's name, which peers must share.
    pub protocol: String,
    pub guard: Arc<Guard>,
    pub events: Events,
    /// By id; an entry for oneself is there and never used.
    peers: Vec<Peer>,
    /// The height told in greetings.
    height: AtomicU64,
    malformed: AtomicU64,
}

/// One peer, connected or not.
#[derive(Debug)]
struct Peer {
    small: Outbox,
    large: Outbox,
    up: AtomicBool,
    current: Mutex<Option<quinn::Connection>>,
}

impl Links {
    /// Links to everyone, none of which stands yet.
    pub fn new(
        me: ReplicaId,
        committee: Arc<Committee>,
        protocol: &str,
        guard: Arc<Guard>,
        events: Events,
    ) -> Arc<Self> {
        let peer = |_| Peer {
            small: Outbox::new(SMALL_OUT_MAX),
            large: Outbox::new(LARGE_OUT_MAX),
            up: AtomicBool::new(false),
            current: Mutex::new(None),
        };
        let (peers, protocol) = (committee.ids().map(peer).collect(), protocol.to_owned());
        let (height, malformed) = Default::default();
        Arc::new(Self { me, committee, protocol, guard, events, peers, height, malformed })
    }
    /// Queues a body for `to`. Never waits; nothing is sent to oneself.
    pub fn send(&self, to: ReplicaId, kind: Kind, body: Bytes) {
        let Some(peer) = self.peers.get(to.index()).filter(|_| to != self.me) else { return };
        let outbox = if body.len() <= SMALL_MAX { &peer.small } else { &peer.large };
        outbox.push(kind, body);
        if !peer.up.load(Ordering::Relaxed) {
            outbox.keep_newest(AWAY_MAX);
        }
    }
    /// Peers whose link stands.
    pub fn connected(&self) -> usize {
        self.peers.iter().filter(|peer| peer.up.load(Ordering::Relaxed)).count()
    }
    /// Messages dropped because a peer was away or slow.
    pub fn dropped(&self) -> u64 {
        self.peers.iter().map(|peer| peer.small.dropped() + peer.large.dropped()).sum()
    }
    /// Peers that are there, but for whom much is waiting.
    pub fn jammed(&self) -> usize {
        let jammed = |p: &&Peer| p.up.load(Ordering::Relaxed) && p.large.bytes() > JAMMED;
        self.peers.iter().filter(jammed).count()
    }
    /// Bytes that wait for all peers together.
    pub fn queued(&self) -> usize {
        self.peers.iter().map(|peer| peer.small.bytes() + peer.large.bytes()).sum()
    }
    /// Connections closed because their bytes made no sense.
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }
    /// Says the height of the ledger.
    pub fn set_height(&self, height: byzlab_core::Height) {
        self.height.store(height.0, Ordering::Relaxed);
    }
    /// Packets that the links standing now had to send again.
    pub fn packets_lost(&self) -> u64 {
        let lost = |peer: &Peer| Some(peer.connection().as_ref()?.stats().path.lost_packets);
        self.peers.iter().filter_map(lost).sum()
    }
    /// Says goodbye to everyone.
    pub fn close(&self) {
        for connection in self.peers.iter().filter_map(|peer| peer.connection().take()) {
            connection.close(0u32.into(), b"shutting down");
        }
    }
    fn hello(&self) -> Hello {
        Hello {
            chain: self.committee.chain,
            protocol: self.protocol.clone(),
            replica: self.me,
            height: byzlab_core::Height(self.height.load(Ordering::Relaxed)),
        }
    }
}

impl Peer {
    fn connection(&self) -> std::sync::MutexGuard<'_, Option<quinn::Connection>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
