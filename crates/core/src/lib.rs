//! The vocabulary of ByzLab: what a protocol is, what it may do, and what the hosts that run it see.
//!
//! Start at [`protocol`]: a consensus protocol is a pure function from inputs to effects.
//! [`machine`] is the one adapter between such a function and the bytes that hosts move.
//! [`host`] holds the parts that every host shares: mempool, execution and clients, all without I/O.
//!
//! Nothing in this crate opens a socket, reads a clock, starts a thread or rolls a die.

pub mod accelerator;
pub mod block;
pub mod claim;
pub mod codec;
mod comb;
pub mod committee;
pub mod cost;
pub mod crypto;
pub mod host;
pub mod id;
pub mod machine;
pub mod merkle;
pub mod note;
pub mod outcome;
pub mod packet;
pub mod protocol;
pub mod random;
pub mod registry;
pub mod replica;
pub mod theory;
pub mod time;
pub mod transaction;
pub mod usage;

pub use accelerator::{Accelerator, Reference};
pub use block::{Block, Proof};
pub use claim::{Claim, Invalid, Puzzle, Seal, Target};
pub use committee::{Committee, Seat};
pub use cost::{Cores, Cost, Costs, Profile, Work};
pub use crypto::{
    Digest, Possession, PublicKey, Scheme, Signature, Signer, Statement, Toss, VoteKey,
    bls::VoteKeys, coin::Coin,
};
pub use id::{Height, ReplicaId, View};
pub use machine::Machine;
pub use note::Note;
pub use packet::Packet;
pub use protocol::{
    BatchLimit, BuildError, Effects, Input, Message, Protocol, Recipients, Record, Saved,
};
pub use registry::{Entry, Plugin, Registry};
pub use replica::{Action, Event, Replica, Ticket, To};
pub use theory::Theory;
pub use time::{Span, Time};
pub use transaction::{Batch, Transaction};
pub use usage::{Task, Usage};
