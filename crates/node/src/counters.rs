//! What a seat counts: for outcomes, for the metrics page, and for the parent of a child process.

use std::{borrow::Cow, collections::BTreeMap};

use byzlab_core::{Height, Note, ReplicaId, Time, Usage, View, outcome::Traffic};
use serde::{Deserialize, Serialize};

/// How many classes of widths there are: one for each of [`WIDTH_BOUNDS`], and one beyond.
pub const WIDTHS: usize = WIDTH_BOUNDS.len() + 1;
/// The largest width of each class but the last.
pub const WIDTH_BOUNDS: [usize; 8] = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384];

/// The class of a call with so many claims.
pub(crate) fn width_class(claims: usize) -> usize {
    WIDTH_BOUNDS.iter().position(|&most| claims <= most).unwrap_or(WIDTHS - 1)
}

/// Everything that one replica has counted since it started, and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// The ledger's height.
    pub height: Height,
    /// The view, where the protocol has views.
    pub view: View,
    /// Who leads, as far as it knows.
    pub leader: Option<ReplicaId>,
    /// Transactions executed.
    pub executed: u64,
    /// Transactions that wait.
    pub waiting: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// Transactions refused: bad signatures, wrong chain, a full mempool.
    pub refused: u64,
    /// Transactions forwarded to the leader.
    pub forwarded: u64,
    /// Batches made.
    pub batches: u64,
    /// Transactions in them.
    pub batched: u64,
    /// Messages sent to peers, by kind, one a receiver.
    pub traffic: BTreeMap<Cow<'static, str>, Traffic>,
    /// How often each note was made.
    pub notes: BTreeMap<Cow<'static, str>, u64>,
    /// Events handled.
    pub events: u64,
    /// Views given up.
    pub view_changes: u64,
    /// Commits taken back: when, and from which height to which.
    pub reverts: Vec<(Time, Height, Height)>,
    /// Signatures proven.
    pub signatures_checked: u64,
    /// Claims that had been proven before.
    pub remembered: u64,
    /// Calls to the accelerator for claims.
    pub proof_batches: u64,
    /// Claims in them.
    pub proof_claims: u64,
    /// Calls by the class of their width; see [`WIDTH_BOUNDS`].
    pub proof_widths: [u64; WIDTHS],
    /// Messages and frames of transactions whose claims were judged.
    pub proof_jobs: u64,
    /// The time that they waited for it, all together, in nanoseconds.
    pub proof_wait_ns: u64,
    /// What the accelerator has done, for everyone who shares it.
    pub accelerator: Usage,
    /// Groups written to the disk.
    pub groups: u64,
    /// Bytes written to the disk.
    pub disk_bytes: u64,
    /// Calls to sync a file.
    pub syncs: u64,
    /// Time spent in them, in nanoseconds.
    pub syncing_ns: u64,
    /// Peers whose link stands.
    pub peers: u64,
    /// Bytes that wait to be sent to peers.
    pub queued_bytes: u64,
    /// Messages dropped because a peer was away or slow.
    pub dropped: u64,
    /// Connections closed because their bytes made no sense.
    pub malformed: u64,
    /// Handshakes refused for their key.
    pub strangers: u64,
    /// Connections of clients.
    pub connections: u64,
    /// Packets that QUIC had to send again.
    pub packets_lost: u64,
}

/// The most reverts that are told in full.
const REVERTS_MAX: usize = 64;

impl Counters {
    /// Counts a message of `bytes` bytes to `receivers` peers.
    pub(crate) fn sent(&mut self, kind: &'static str, bytes: usize, receivers: usize) {
        let traffic = match self.traffic.get_mut(kind) {
            Some(traffic) => traffic,
            None => self.traffic.entry(Cow::Borrowed(kind)).or_default(),
        };
        traffic.messages += receivers as u64;
        traffic.bytes += (bytes * receivers) as u64;
    }
    /// Counts a note.
    pub(crate) fn noted(&mut self, note: &Note) {
        match note {
            Note::Entered { view, .. } => self.view = *view,
            Note::TimedOut { .. } => self.view_changes += 1,
            _ => {}
        }
        let label = label(note);
        match self.notes.get_mut(label) {
            Some(count) => *count += 1,
            None => drop(self.notes.insert(Cow::Borrowed(label), 1)),
        }
    }
    /// Counts commits taken back.
    pub(crate) fn reverted(&mut self, at: Time, from: Height, to: Height) {
        if self.reverts.len() < REVERTS_MAX {
            self.reverts.push((at, from, to));
        }
    }
    /// Adds what an earlier life of the same replica counted, or another replica: sums alone,
    /// states stay.
    pub(crate) fn add(&mut self, other: &Self) {
        for (kind, traffic) in &other.traffic {
            let sum = self.traffic.entry(kind.clone()).or_default();
            sum.messages += traffic.messages;
            sum.bytes += traffic.bytes;
        }
        for (label, count) in &other.notes {
            *self.notes.entry(label.clone()).or_default() += count;
        }
        self.reverts.extend(other.reverts.iter().copied());
        self.refused += other.refused;
        self.forwarded += other.forwarded;
        self.batches += other.batches;
        self.batched += other.batched;
        self.events += other.events;
        self.view_changes += other.view_changes;
        self.signatures_checked += other.signatures_checked;
        self.remembered += other.remembered;
        self.proof_batches += other.proof_batches;
        self.proof_claims += other.proof_claims;
        for (sum, more) in self.proof_widths.iter_mut().zip(other.proof_widths) {
            *sum += more;
        }
        self.proof_jobs += other.proof_jobs;
        self.proof_wait_ns += other.proof_wait_ns;
        self.accelerator += other.accelerator;
        self.groups += other.groups;
        self.disk_bytes += other.disk_bytes;
        self.syncs += other.syncs;
        self.syncing_ns += other.syncing_ns;
        self.dropped += other.dropped;
        self.malformed += other.malformed;
        self.strangers += other.strangers;
        self.packets_lost += other.packets_lost;
    }
}

/// A short label for a note; for a dropped message, the reason.
fn label(note: &Note) -> &'static str {
    match note {
        Note::Entered { .. } => "entered",
        Note::TimedOut { .. } => "timed out",
        Note::Proposed { .. } => "proposed",
        Note::Dropped { why, .. } => why,
        Note::Misbehaved { what, .. } => what,
        Note::Reorganised { .. } => "reorganised",
        Note::CatchingUp { .. } => "catching up",
        Note::Waits { why } => why,
    }
}
