//! What Mysticeti promises; `byzlab conform mysticeti` holds it to this.

use byzlab_core::theory::{
    Delays, Formula, Recovery, Resilience, Responsive, Slowest, Theory, Timing, ViewChange,
};

/// Others wait for a leader of the round after to bring them in.
const SLOWEST: Slowest = Slowest {
    first: Delays::delta(5),
    last: Delays::delta(5),
    source: "follows from the commit rule (arXiv 2310.14821): a leader's block takes 3 δ, those that the next \
             round's leader builds on 4 δ, and 5 δ those without which it had its quorum",
};

const MYSTICETI: Theory = Theory {
    source: "Babel et al., arXiv 2310.14821",
    ideal: "round_gap = \"0s\"",
    swarm: "leader_timeout = \"200ms\"\nidle_gap = \"200ms\"\ndepth = 16\nround_gap = \"5ms\"",
    bounds: &["leader_timeout"],
    timing: Timing::rounds(Delays::delta(3), Delays::delta(3)),
    slowest: Some(SLOWEST),
    period: Some(Delays::delta(1)),
    messages: Formula { text: "n(n − 1)", of: |n| n * (n - 1) },
    apart: &["fetch", "fetched", "cut", "ask-blocks", "blocks"],
    blocks: Formula { text: "n", of: |n| n },
    resilience: Resilience::byzantine(3),
    responsive: Responsive::Always,
    // The round that goes on without it completes the pattern of the leader before.
    recovery: Some(Recovery { delays: Delays::delta(1), waits: &[] }),
    view_change: ViewChange::None("the next leaders' rounds are under way; its slot is skipped"),
    turn: Some(Formula { text: "0", of: |_| 0 }),
    remark: "a round decides a block of every replica",
    ..Theory::BLANK
};

/// With one leader a round, and with two.
pub const THEORY: &[Theory] = &[MYSTICETI, Theory { variant: "leaders = 2", ..MYSTICETI }];
