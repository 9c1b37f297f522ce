//! Minimmit: Chou, Lewis-Pye & O'Grady, *Minimmit: Fast Finality with Even Faster Blocks*, arXiv 2508.10862.
//!
//! For n ≥ 5f + 1. The leader of a view proposes, everyone votes once. Already 2f + 1 votes are a notarization
//! and end the view; n − f votes make the block final, after two delays. Who has not voted when 2Δ are over
//! votes to *nullify* the view, and so does one whose block cannot become final any more because 2f + 1 others
//! contradict it; 2f + 1 of these votes end the view without a block. There is no slow path.
//!
//! How a view goes is in [`kit::notary`](crate::kit::notary), with the sections (8.1 to 8.6) of the
//! specification that the authors publish beside the paper; what is Minimmit's own is below.
//!
//! # Safety
//! Let n − f replicas vote for block b in view v: at least n − 2f honest ones. An honest replica votes once a
//! view, so another block of v gets votes of no more than the f honest others and f faulty ones: fewer than
//! 2f + 1, and none is notarized. Nor is v nullified: an honest replica that voted for b nullifies only after
//! 2f + 1 others contradict b, of which f + 1 are honest and never voted for b; but there are at most f such.
//! So the f honest others and f faulty ones are all who may nullify: fewer than 2f + 1. Every block of a later
//! view stands on a notarized block with all views since nullified: so on b, or a descendant of it. With
//! n < 5f + 1 the liveness half breaks: n − f votes and a nullification may both be out of reach.
//!
//! # Liveness
//! Certificates are passed on, so honest replicas are within a delay of each other. After the network is
//! timely a view with an honest leader is proposed within 2Δ of the first entry, and all honest replicas, n − f
//! of them, vote. A view in which honest votes are split ends too: either some block has 2f + 1 votes, or of
//! n − f ≥ 4f + 1 honest replicas each sees 2f + 1 votes that contradict its own, and nullifies.
//!
//! # Deviations from the paper
//! - Replicas are n with f = ⌊(n − 1)/5⌋. Below 6 that is f = 0: all must vote to make a block final, and one
//!   that stops, stops the system. There 2f + 1 would be the leader's own vote, which ends its view before
//!   anyone else has seen the block; so half of the replicas, ⌊(n + 1)/2⌋, notarize and nullify. The arguments
//!   above ask that this is 2f + 1 at least, and that n − f is at least twice this less one.
//! - A replica that sees a block notarized before it voted, for certificates may be faster than proposals,
//!   leaves the view, and votes for that block when it has it. Else n − f votes might never come together.
//! - Those that [`kit::notary`](crate::kit::notary) has in common: what it does while nothing waits, and when
//!   messages are lost.

use byzlab_core::{
    Committee,
    theory::{Delays, Formula, Recovery, Resilience, Responsive, Theory, Timing, ViewChange},
};

use crate::kit::notary::{Mine, Notary, Rules};

/// One replica of Minimmit.
pub type Minimmit = Notary<Spec>;

/// The rules of the authors' specification, section 8.
#[derive(Clone, Copy, Debug)]
pub struct Spec;

fn faults(committee: &Committee) -> usize {
    committee.faults_below(5)
}

impl Rules for Spec {
    const PROPOSE: &'static str = "minimmit/vote"; // 8.1: a proposal is its leader's vote.
    const VOTE: &'static str = "minimmit/vote";
    const NULLIFY: &'static str = "minimmit/nullify";
    const FINALIZE: &'static str = "minimmit/vote";
    /// Section 5: the timer is 2Δ.
    const TIMEOUT: u64 = 2;
    const PROPOSAL_VOTES: bool = true;
    const CONFIRMS: bool = false;
    /// 8.6
    const CONTRADICTS: bool = true;

    /// M = 2f + 1; where nobody may be faulty, half of the replicas.
    fn notarize(committee: &Committee) -> usize {
        match faults(committee) {
            0 => committee.size().div_ceil(2),
            faults => 2 * faults + 1,
        }
    }
    /// L = n − f.
    fn finalize(committee: &Committee) -> usize {
        committee.size() - faults(committee)
    }
    fn replies(committee: &Committee) -> usize {
        faults(committee) + 1
    }
    /// 8.2: once, and not after nullifying.
    fn may_vote(mine: &Mine) -> bool {
        mine.voted.is_none() && !mine.nullified
    }
    /// 8.3: once, and by the timer alone only if it has not voted.
    fn may_nullify(mine: &Mine) -> bool {
        mine.voted.is_none() && !mine.nullified
    }
}

#[cfg(test)]
mod tests;

/// What Minimmit promises; `byzlab conform minimmit` holds it to this.
pub const THEORY: &[Theory] = &[Theory {
    source: "arXiv 2508.10862; the authors' specification, section 8",
    ideal: "batch_patience = \"0s\"",
    swarm: "delta = \"150ms\"",
    bounds: &["delta"],
    timing: Timing::rounds(Delays::delta(2), Delays::delta(2)),
    period: Some(Delays::delta(2)),
    // A proposal, which is the leader's vote, and the votes of all others.
    messages: Formula { text: "n(n − 1)", of: |n| n * (n - 1) },
    apart: &["notarization", "status"],
    resilience: Resilience::byzantine(5),
    responsive: Responsive::Always,
    // A round of nullify votes, and a view as always.
    recovery: Some(Recovery { delays: Delays::delta(3), waits: &[] }),
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
