//! What Mysticeti promises; `byzlab conform mysticeti` holds it to this.

use byzlab_core::theory::{Delays, Formula, Resilience, Responsive, Theory, Timing, ViewChange};

const MYSTICETI: Theory = Theory {
    source: "Babel et al., arXiv 2310.14821",
    ideal: "round_gap = \"0s\"",
    swarm: "leader_timeout = \"200ms\"\nidle_gap = \"200ms\"\ndepth = 16\nround_gap = \"5ms\"",
    bounds: &["leader_timeout"],
    timing: Timing::rounds(Delays::delta(3), Delays::delta(3)),
    period: Some(Delays::delta(1)),
    messages: Formula { text: "n(n − 1)", of: |n| n * (n - 1) },
    apart: &["fetch", "fetched", "cut", "ask-blocks", "blocks"],
    blocks: Formula { text: "n", of: |n| n },
    resilience: Resilience::byzantine(3),
    responsive: Responsive::Always,
    view_change: ViewChange::None("the next leaders' rounds are under way; its slot is skipped"),
    remark: "a round decides a block of every replica: leaders' after 3 δ, others' after 4 δ, or 5 δ where \
             the next leader had its quorum without them",
    ..Theory::BLANK
};

/// With one leader a round, and with two.
pub const THEORY: &[Theory] = &[
    MYSTICETI,
    Theory {
        variant: "leaders = 2",
        remark: "a round decides a block of every replica: those of two leaders after 3 δ, others' after 4 δ, or \
                 5 δ where the next leaders had their quorum without them",
        ..MYSTICETI
    },
];
