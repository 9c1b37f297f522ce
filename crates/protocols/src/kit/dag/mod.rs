//! What protocols that build a DAG share: vertices, a bounded store of them, and the ledger that
//! follows from it.
//!
//! Every replica makes one [`Vertex`] a round: a batch of its own mempool's transactions, and the
//! vertices of the round before that it builds on. Which vertices are *leaders* and when a leader is
//! decided is the protocol's; the rest is here:
//!
//! | file | what |
//! |---|---|
//! | `vertex` | a replica's signed word in a round, and when it is well-formed |
//! | `store` | [`Dag`]: vertices by round and author, equivocations apart; what waits for ancestors, what is missing |
//! | `order` | [`Order`]: decided leaders become ledger blocks, in one order everywhere, each with a proof |
//! | `loom` | [`Loom`]: both together, fetching, state transfer, what must stay saved |
//! | `pace` | [`Pace`](pace::Pace): when a replica makes its next vertex |
//! | `finality` | [`Cut`], [`Proven`]: what proves a ledger block to one who has no DAG |
//!
//! # From a DAG to a ledger
//! Each vertex with transactions becomes one block of the ledger. A decided leader brings its causal
//! history, as far as it is not in the ledger yet, in order of (round, author, digest), without what
//! lies more than `depth` rounds below it (garbage collection: whose batch it was proposes it
//! again), and without vertices below the *frontier*: each author's highest round in the ledger. Honest
//! authors' vertices form chains, so nothing of theirs is ever cut off by the frontier; the second of
//! an equivocator's vertices may be.
//!
//! # What proves a block
//! The DAG proves a leader decided, but not a ledger's height, and a DAG is no small proof. So each
//! vertex *claims*, under the author's signature, a [`Cut`]: "through the leaders of this round, the
//! ledger has this head and this frontier". An honest replica claims a cut when it has decided it, or
//! when its own vertex is a vote that lets it be decided and nothing else (the protocol says which,
//! and why that suffices). A quorum of equal claims proves the cut: the audit of a block checks those
//! signatures, and the chain of digests from the block up to the cut's head.
//!
//! *Cost:* no message and no signature; about 40 bytes a vertex, and in each ledger block a quorum of
//! (signer, 32 bytes, signature) and 34 bytes for each block between it and the head, of which there
//! are about n. *Limits:* a block enters the ledger only when its cut is proven; where all is well that
//! is at the very moment at which it is decided, but while replicas disagree on what is decided so far
//! it may take a round or two longer.
//!
//! A proven cut is also all that a replica needs who lost the others' trail: with the ledger up to its
//! head, it takes up the DAG from there. It tells, too, what may be done without: a replica takes in a vertex
//! whose ancestors it needs no more, and others that need them by their own count may find them nowhere.
//! So nothing is forgotten before a cut is proven that makes it too old, and who asks for it gets that proof.
//!
//! The same holds of what stays saved: all that is not spent at the last proven cut. The leaders of its round are in
//! the ledger, yet not spent: the next round builds on them, and if all replicas came back without, nobody could
//! take anything in any more.

pub mod finality;
pub mod loom;
pub mod order;
pub mod pace;
pub mod store;
pub mod vertex;

#[cfg(test)]
pub(crate) mod picture;
#[cfg(test)]
mod tests;

pub use finality::{Claimed, Cut, Proven};
pub use loom::{Loom, Upkeep};
pub use order::Order;
pub use store::{Dag, Insert};
pub use vertex::{Round, Vertex, VertexRef};
