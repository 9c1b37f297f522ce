//! What Bullshark and Tusk promise; `byzlab conform bullshark tusk` holds them to this.

use byzlab_core::theory::{
    Delays, Formula, Recovery, Resilience, Responsive, Slowest, Theory, Timing, ViewChange,
};

/// With one anchor every two rounds, a round being a reliable broadcast of three delays.
pub const BULLSHARK: &[Theory] = &[IN_TURN];

const IN_TURN: Theory = Theory {
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
};

/// The same DAG, with anchors that a common coin draws.
pub const TUSK: &[Theory] = &[Theory {
    source: "Danezis et al., arXiv 2105.11827, Tusk",
    // Two rounds of three delays; a delay until the coin is tossed, in headers of the third, whose authors claim
    // nothing yet what it draws; their certificates take two more; a header of the fourth claims, and is a delay
    // on its way. A quorum of claims has one of those authors, if n = 3f + 1. A vertex that is made late in its
    // round waits less for the first, though never a whole delay.
    timing: Timing::rounds(Delays::delta(9), Delays::delta(10)),
    by_chance: Some(
        "the coin may draw a vertex that too few build on, or who is down; then the next wave orders it, too",
    ),
    slowest: None,
    responsive: Responsive::Always,
    recovery: None,
    view_change: ViewChange::None("nobody leads"),
    turn: None,
    remark: "an anchor every two rounds, drawn in the third, 3n(n − 1) messages a round",
    ..IN_TURN
}];
