//! What reaches a seat's loop, from all its threads and tasks.

use std::sync::Arc;

use byzlab_core::{
    Batch, Block, Packet, PublicKey, ReplicaId, Seal, Ticket, Transaction, host::Sent,
};

use crate::{budget::Share, outbox::Outbox};

/// Something for the loop. Each that came from outside carries its [`Share`] of the sender's
/// budget, so the loop's queue needs no bound of its own.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A peer's message.
    Packet { packet: Packet, share: Share },
    /// Transactions came; their signatures are still to be proven.
    Transactions { origin: Origin, transactions: Vec<Transaction>, share: Share },
    /// Transactions whose signatures hold; how many of them did not is told too.
    Proven { origin: Origin, transactions: Vec<Transaction>, refused: u64, share: Share },
    /// A packet's claims were judged.
    Verdict { ticket: Ticket, holds: bool },
    /// The batch that this asking for one led to.
    Batch { ask: u64, batch: Batch },
    /// A connection of these clients stands; their replies go into its outbox.
    ClientsJoined { connection: u64, clients: Vec<PublicKey>, outbox: Arc<Outbox> },
    /// A connection of clients is gone.
    ClientsLeft { connection: u64 },
    /// Groups up to this number are durable.
    Durable(u64),
    /// Blocks that were asked for.
    Blocks { tag: u64, blocks: Vec<Block> },
    /// The puzzle was solved.
    Sealed(Seal),
    /// The storage failed: the replica cannot go on.
    Failed(String),
    /// End in order.
    Stop,
}

/// Where transactions came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Clients, over a connection.
    Clients {
        /// Which.
        connection: u64,
        /// Whether they sent them to this replica, or to every one.
        sent: Sent,
    },
    /// A replica that takes us for the leader.
    Peer(ReplicaId),
}

/// The way to a seat's loop.
pub(crate) type Events = tokio::sync::mpsc::UnboundedSender<Happening>;
