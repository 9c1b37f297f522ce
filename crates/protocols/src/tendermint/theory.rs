//! What Tendermint promises.

use byzlab_core::theory::{
    Delays, Formula, Recovery, Resilience, Responsive, Theory, Timing, ViewChange,
};

/// The paper's Algorithm 1 in rounds that last as long as they take.
pub const THEORY: &[Theory] = &[Theory {
    source: "arXiv 1807.04938, Algorithm 1",
    ideal: "batch_patience = \"0s\"",
    swarm: "propose_timeout = \"400ms\"\nvote_timeout = \"200ms\"\ntimeout_increment = \"200ms\"",
    bounds: &["propose_timeout", "vote_timeout", "timeout_increment"],
    timing: Timing::rounds(Delays::delta(3), Delays::delta(3)),
    period: Some(Delays::delta(3)),
    messages: Formula { text: "(n − 1)(2n + 1)", of: |n| (n - 1) * (2 * n + 1) },
    apart: &["status"],
    resilience: Resilience::byzantine(3),
    responsive: Responsive::GoodCase,
    // Two rounds of votes for nil, the wait of l. 47, and a round as always.
    recovery: Some(Recovery { delays: Delays::delta(5), waits: &["vote_timeout"] }),
    view_change: ViewChange::None("a round that fails is followed by the next"),
    // Prevotes and precommits for nil of n - 1, to all.
    turn: Some(Formula { text: "2(n − 1)²", of: |n| 2 * (n - 1) * (n - 1) }),
    remark: "after a round that failed, the next one waits for its vote timeout before it moves on",
    ..Theory::BLANK
}];
