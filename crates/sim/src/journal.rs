//! The journal: what replicas took, sent, said and committed, and when, one line a deed.
//!
//! Kept where [`Scenario::journal`](crate::Scenario::journal) asks for it; a measurement that wants to
//! know *when* the last replica committed a block, or how many messages a view change cost, reads it
//! afterwards. It has no say in what happens.

use byzlab_core::{Digest, Height, Note, ReplicaId, Time};

/// The most lines that are kept; what comes later is not.
pub const JOURNAL_MAX: usize = 1 << 22;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Time,
    /// Who; both copies of a twin are meant by its id.
    pub by: ReplicaId,
    /// What.
    pub deed: Deed,
}

/// What a replica did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It got the batch that it had asked for, with this root.
    Took(Digest),
    /// It sent a message.
    Sent {
        /// Of this kind.
        kind: &'static str,
        /// To so many others.
        receivers: u64,
        /// Encoded, without its copies.
        bytes: u64,
    },
    /// It had something to say about itself.
    Noted(Note),
    /// It committed a block.
    Committed {
        /// At this height.
        height: Height,
        /// By this replica.
        producer: ReplicaId,
        /// Whose batch has this root.
        root: Digest,
    },
    /// It took back what it had committed above this height.
    Reverted(Height),
}

/// The lines, if they are wanted.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    lines: Option<Vec<Line>>,
}

impl Journal {
    pub(crate) fn new(wanted: bool) -> Self {
        Self { lines: wanted.then(Vec::new) }
    }
    pub(crate) fn write(&mut self, at: Time, by: ReplicaId, deed: Deed) {
        if let Some(lines) = self.lines.as_mut().filter(|lines| lines.len() < JOURNAL_MAX) {
            lines.push(Line { at, by, deed });
        }
    }
    pub(crate) fn lines(self) -> Vec<Line> {
        self.lines.unwrap_or_default()
    }
}
