//! What hosts see: bytes in, bytes out.

use std::fmt;

use crate::{
    block::Block,
    claim::{Puzzle, Seal},
    id::{Height, ReplicaId},
    note::Note,
    packet::Packet,
    protocol::{BatchLimit, Record},
    time::Time,
    transaction::Batch,
};

/// A replica behind which any protocol may stand.
///
/// A host takes an event, calls [`handle`](Replica::handle), performs the actions in order, and sees to
/// it that [`Event::Wake`] comes at [`deadline`](Replica::deadline).
pub trait Replica: Send + fmt::Debug {
    /// Takes one event; appends what is to be done.
    fn handle(&mut self, now: Time, event: Event, actions: &mut Vec<Action>);
    /// When it next wants to be woken.
    fn deadline(&self) -> Option<Time>;
}

/// Names a packet whose claims are being proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What happens to a replica, as hosts say it.
#[derive(Clone, Debug)]
pub enum Event {
    /// It begins.
    Start,
    /// Bytes came from an authenticated peer.
    Packet(Packet),
    /// The claims of a ticket have been judged.
    Verdict {
        /// Which ticket.
        ticket: Ticket,
        /// Whether all its claims hold.
        holds: bool,
    },
    /// A deadline has come.
    Wake,
    /// Whether transactions wait.
    Waiting(bool),
    /// The batch that was asked for.
    Batch(Batch),
    /// The puzzle was solved.
    Sealed(Seal),
    /// The blocks that were asked for.
    Blocks {
        /// The tag of the asking.
        tag: u64,
        /// The blocks, in order.
        blocks: Vec<Block>,
    },
}

/// Whom a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Every other replica.
    All,
    /// One replica.
    One(ReplicaId),
    /// The neighbours of the sender's seat.
    Neighbours {
        /// But not this one.
        except: Option<ReplicaId>,
    },
}

/// What a replica wants done, as hosts see it. Performed in order; see [`Effects`](crate::Effects).
#[derive(Clone, Debug)]
pub enum Action {
    /// Send bytes to others. What a replica says to itself never gets here.
    Send {
        /// To whom.
        to: To,
        /// What.
        packet: Packet,
    },
    /// Prove the packet's [known claims](Packet::known_claims) and answer with [`Event::Verdict`].
    Verify {
        /// The ticket to answer with.
        ticket: Ticket,
        /// The packet.
        packet: Packet,
    },
    /// So many signatures were made: a cost, nothing to do.
    Signed(u32),
    /// So many coins were tossed: a cost, too.
    Tossed(u32),
    /// Make a record durable before any later action leaves.
    Save(Record),
    /// Replace all records by these, at once or not at all.
    Compact(Vec<Record>),
    /// Answer with [`Event::Batch`]. Replaces an earlier asking.
    WantBatch {
        /// How large, how long to wait.
        limit: BatchLimit,
        /// Batches whose transactions must be left out.
        branch: Vec<Batch>,
    },
    /// Mine this puzzle in place of the current one, or stop.
    Mine(Option<Puzzle>),
    /// Answer with [`Event::Blocks`] from the ledger.
    Read {
        /// The first height.
        from: Height,
        /// How many at most.
        count: u32,
        /// The tag to answer with.
        tag: u64,
    },
    /// Route clients' transactions to this replica, or to all.
    Lead(Option<ReplicaId>),
    /// Append to the ledger, execute, answer clients.
    Commit(Block),
    /// Take back the commits above this height.
    Revert(Height),
    /// For the record.
    Note(Note),
}
