//! Simplex: Chan & Pass, *Simplex Consensus: A Simple and Fast Consensus Protocol*, TCC 2023 (eprint 2023/463).
//!
//! In each view (the paper's iteration) the leader proposes a block, and everyone votes for it. A replica for
//! which a view takes longer than 3Δ votes for the *dummy block*, to go on without one. A quorum of votes for
//! either ends the view at once. Whoever saw a block notarized before giving up sends a *finalize* vote for
//! it, and a quorum of those makes it final, with everything below. A block every two delays, each final
//! after three, and no other way to change leaders than the votes for dummy blocks.
//!
//! How a view goes is in [`kit::notary`](crate::kit::notary), with the steps of the paper's §2.1; what is
//! Simplex's own is below.
//!
//! # Safety
//! Let q = ⌈(n + f + 1)/2⌉: two quorums share an honest replica. An honest replica votes for one block a view,
//! so one block a view is notarized. It sends a finalize vote only if it has not voted for the dummy block and
//! never will. So when a quorum sent finalize votes for block b of view v, there is no quorum for the dummy
//! block of v, ever; and every block of a later view stands on a notarized block with all views since
//! nullified: by induction on b or a descendant of b. Votes are saved before they leave, so none of this
//! changes for a replica that comes back.
//!
//! # Liveness
//! A certificate that one honest replica sees is passed on, so all honest replicas are within a delay of each
//! other. After the network is timely, a view with an honest leader ends with its block notarized at
//! everyone before 3Δ are over: its proposal is there after 2Δ, the votes after 3Δ. The three delays of a
//! crashed leader cost 3Δ + δ.
//!
//! # Deviations from the paper
//! - A finalize vote names the block, not only the view: it is then a proof of its own for an auditor.
//! - Leaders take turns, unless `leaders = "random"` asks for the paper's random ones.
//! - The dummy block is no block of the ledger: a block names the last one that is none, and stands on it when
//!   all views between are nullified. A proposal does not carry the notarizations below, which everyone
//!   passes on anyway.
//! - Those that [`kit::notary`](crate::kit::notary) has in common: what it does while nothing waits, and when
//!   messages are lost.

use byzlab_core::{
    Committee,
    theory::{Delays, Formula, Recovery, Resilience, Responsive, Theory, Timing, ViewChange},
};

use crate::kit::notary::{Mine, Notary, Rules};

/// One replica of Simplex.
pub type Simplex = Notary<Steps>;

/// The rules of the paper's §2.1.
#[derive(Clone, Copy, Debug)]
pub struct Steps;

impl Rules for Steps {
    const PROPOSE: &'static str = "simplex/propose";
    const VOTE: &'static str = "simplex/vote";
    const NULLIFY: &'static str = "simplex/dummy";
    const FINALIZE: &'static str = "simplex/finalize";
    /// Step 2: "starts a new timer T_h set to fire locally after 3Δ time".
    const TIMEOUT: u64 = 3;
    const PROPOSAL_VOTES: bool = false;
    const CONFIRMS: bool = true;
    const CONTRADICTS: bool = false;

    /// "at least 2n/3 votes", for any n and f.
    fn notarize(committee: &Committee) -> usize {
        committee.quorum()
    }
    /// "at least 2n/3 finalize messages".
    fn finalize(committee: &Committee) -> usize {
        committee.quorum()
    }
    fn replies(committee: &Committee) -> usize {
        committee.one_honest()
    }
    /// Step 3: on the leader's first proposal, whether or not the timer has fired.
    fn may_vote(_: &Mine) -> bool {
        true
    }
    /// Step 2: when the timer fires, unless it was cancelled by a notarization (step 4), which is what
    /// a finalize vote says.
    fn may_nullify(mine: &Mine) -> bool {
        !mine.nullified && !mine.finalized
    }
}

#[cfg(test)]
mod tests;

/// What Simplex promises; `byzlab conform simplex` holds it to this.
pub const THEORY: &[Theory] = &[Theory {
    source: "Chan & Pass 2023, §2.1, Theorem 1.1",
    ideal: "batch_patience = \"0s\"",
    swarm: "delta = \"120ms\"",
    bounds: &["delta"],
    timing: Timing::rounds(Delays::delta(3), Delays::delta(3)),
    period: Some(Delays::delta(2)),
    // A proposal, votes and finalize votes of all.
    messages: Formula { text: "(n − 1)(2n + 1)", of: |n| (n - 1) * (2 * n + 1) },
    apart: &["notarization", "status"],
    resilience: Resilience::byzantine(3),
    responsive: Responsive::Always,
    // A round of dummy votes, and a view as always.
    recovery: Some(Recovery { delays: Delays::delta(4), waits: &[] }),
    view_change: ViewChange::Messages {
        kinds: &["nullify", "nullification"],
        // From each of n - 1 that are up, each to all others: its vote, and the certificate once.
        count: Formula { text: "2(n − 1)²", of: |n| 2 * (n - 1) * (n - 1) },
        carrying: "a certificate each in half of them",
    },
    turn: Some(Formula { text: "2(n − 1)²", of: |n| 2 * (n - 1) * (n - 1) }),
    remark: "and n(n − 1) notarizations passed on, one by each replica",
    ..Theory::BLANK
}];
