//! Notes: the only way to see into a replica. They decide nothing.

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
