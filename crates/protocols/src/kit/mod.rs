//! Pieces that several protocols share. Public: a plugin may use them too.
//!
//! - [`Tally`] counts votes of distinct signers and fires once, at its threshold.
//! - [`Certificate`] is what a tally gives: who signed one statement, and with what.
//! - [`Sync`] brings a replica that fell behind up to the others' ledgers, block by block.
//!
//! Nothing here sends a vote or decides anything: the protocol that uses a piece does.

pub mod certificate;
pub mod signers;
pub mod sync;
pub mod tally;

pub use certificate::Certificate;
pub use signers::Signers;
pub use sync::{Catchup, Sync};
pub use tally::Tally;
