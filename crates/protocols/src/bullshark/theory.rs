//! What Bullshark promises; `byzlab conform bullshark` holds it to this.

use byzlab_core::theory::{
    Delays, Formula, Recovery, Resilience, Responsive, Slowest, Theory, Timing, ViewChange,
};

/// With one anchor every two rounds, a round being a reliable broadcast of three delays.
pub const THEORY: &[Theory] = &[Theory {
    source: "Spiegelman et al., arXiv 2209.05633; over Narwhal, arXiv 2105.11827",
    ideal: "round_gap = \"0s\"",
    swarm: "leader_timeout = \"200ms\"\nidle_gap = \"200ms\"\ndepth = 16\nround_gap = \"5ms\"",
    bounds: &["leader_timeout"],
    timing: Timing::rounds(Delays::delta(6), Delays::delta(6)),
    slowest: Some(Slowest {
        first: Delays::delta(15),
        last: Delays::delta(15),
        source: "follows from the order of anchors (arXiv 2209.05633): an anchor takes two rounds of 3 δ, the \
                 others of its round four, those of the round between three, and one round more where the \
                 next one had its quorum without them",
    }),
    period: Some(Delays::delta(6)),
    messages: Formula { text: "6n(n − 1)", of: |n| 6 * n * (n - 1) },
    apart: &["fetch", "fetched", "cut", "ask-blocks", "blocks"],
    blocks: Formula { text: "2n", of: |n| 2 * n },
    resilience: Resilience::byzantine(3),
    responsive: Responsive::Always,
    // The round that votes in vain, and the next anchor's two.
    recovery: Some(Recovery { delays: Delays::delta(9), waits: &[] }),
    view_change: ViewChange::None("the rounds go on; the next anchor orders what it left"),
    turn: Some(Formula { text: "0", of: |_| 0 }),
    remark: "an anchor every two rounds, 3n(n − 1) messages each",
    ..Theory::BLANK
}];
