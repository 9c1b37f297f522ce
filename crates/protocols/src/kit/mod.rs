//! Pieces that several protocols share. Public: a plugin may use them too.
//!
//! - [`Tally`] counts votes of distinct signers and fires once, at its threshold.
//! - [`Ballot`] counts them where it is not known beforehand what they are for.
//! - [`Certificate`] is what either gives: who signed one statement, and with what.
//! - [`Chain`] keeps the proposed blocks above the ledger, and finds the way down from each.
//! - [`dag`] is for protocols in which every replica proposes in every round.
//! - [`Fetch`] asks others for a proposed block that is missing.
//! - [`notary`] is the frame of protocols that notarize a block a view, or go on without one.
//! - [`Rotation`] says who leads which view; [`Pacemaker`] holds it: timeouts, and a quorum's word to leave.
//! - [`Journal`] is what a replica saves before its votes leave.
//! - [`Preset`] is an entry of the table that is another one with other defaults.
//! - [`Pulse`] says when to tell others where one stands.
//! - [`Sync`] brings a replica that fell behind up to the others' ledgers, block by block.
//!
//! Nothing here sends a vote or decides anything: the protocol that uses a piece does.

pub mod ballot;
pub mod batching;
pub mod certificate;
pub mod chain;
pub mod dag;
pub mod fetch;
pub mod journal;
pub mod notary;
pub mod pacemaker;
pub mod preset;
pub mod pulse;
pub mod rotation;
pub mod signers;
#[cfg(test)]
pub(crate) mod steps;
pub mod sync;
pub mod tally;

pub use ballot::Ballot;
pub use batching::{batch_limit, root_claim};
pub use certificate::Certificate;
pub use chain::{Chain, Draft, Gap, Way};
pub use fetch::{Fetch, Wanted};
pub use journal::Journal;
pub use pacemaker::{Due, Heard, Pacemaker, TimeoutCertificate, TimeoutVote};
pub use preset::Preset;
pub use pulse::{Beat, Pulse};
pub use rotation::{Leaders, Rotation};
pub use signers::Signers;
pub use sync::{Catchup, Sync};
pub use tally::Tally;
