//! Notes: the only way to see into a replica. They decide nothing.

use std::fmt;

use crate::id::{Height, ReplicaId, View};

/// What a protocol or its adapter has to say about itself. Made on hot paths, so without allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Entered a view.
    Entered {
        /// Which.
        view: View,
        /// Who leads it, where someone does.
        leader: Option<ReplicaId>,
    },
    /// Gave up on a view and asks for the next: one view change per view given up.
    TimedOut {
        /// The view given up.
        view: View,
    },
    /// Proposed or mined a block.
    Proposed {
        /// In which view; 0 where there are none.
        view: View,
        /// At which height.
        height: Height,
        /// With how many transactions.
        transactions: u32,
    },
    /// A message was not acted on, and why.
    Dropped {
        /// Who sent it.
        from: ReplicaId,
        /// Its kind, or `"?"` if it could not be decoded.
        kind: &'static str,
        /// The reason.
        why: &'static str,
    },
    /// Someone was caught: equivocation, an invalid proposal.
    Misbehaved {
        /// Who.
        by: ReplicaId,
        /// What.
        what: &'static str,
    },
    /// The chain of best blocks changed over, below any commit.
    Reorganised {
        /// How many blocks were left.
        depth: u64,
    },
    /// The replica is behind and asks others for blocks.
    CatchingUp {
        /// From this height on.
        from: Height,
    },
    /// Nothing was done, and why: explains a stall.
    Waits {
        /// The reason.
        why: &'static str,
    },
}

/// In words, of the replica that made it: `"dropped r2's vote: of a view left"`.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entered { view, leader: Some(leader) } => {
                write!(f, "entered view {view}, which {leader} leads")
            }
            Self::Entered { view, leader: None } => write!(f, "entered view {view}"),
            Self::TimedOut { view } => write!(f, "gave up on view {view}"),
            Self::Proposed { view, height, transactions } => {
                write!(f, "proposed height {height} in view {view}, transactions: {transactions}")
            }
            Self::Dropped { from, kind: "?", why } => {
                write!(f, "dropped what {from} sent: {why}")
            }
            Self::Dropped { from, kind, why } => write!(f, "dropped {from}'s {kind}: {why}"),
            Self::Misbehaved { by, what } => write!(f, "caught {by}: {what}"),
            Self::Reorganised { depth } => write!(f, "left a chain, blocks deep: {depth}"),
            Self::CatchingUp { from } => write!(f, "catches up from height {from} on"),
            Self::Waits { why } => write!(f, "waits: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_read_as_words() {
        let (from, view) = (ReplicaId(119), View(7));
        let dropped = |kind| Note::Dropped { from, kind, why: "not above its last one" };
        let words = [
            (dropped("view-change"), "dropped r119's view-change: not above its last one"),
            (dropped("?"), "dropped what r119 sent: not above its last one"),
            (Note::Entered { view, leader: Some(from) }, "entered view 7, which r119 leads"),
            (Note::TimedOut { view }, "gave up on view 7"),
            (Note::CatchingUp { from: Height(3) }, "catches up from height 3 on"),
            (Note::Waits { why: "no quorum" }, "waits: no quorum"),
        ];
        for (note, words) in words {
            assert_eq!(note.to_string(), words);
        }
    }
}
