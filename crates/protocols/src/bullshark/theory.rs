//! What Bullshark promises; `byzlab conform bullshark` holds it to this.

use byzlab_core::theory::{Delays, Formula, Resilience, Responsive, Theory, Timing, ViewChange};

/// With one anchor every two rounds, a round being a reliable broadcast of three delays.
pub const THEORY: &[Theory] = &[Theory {
    source: "Spiegelman et al., arXiv 2209.05633; over Narwhal, arXiv 2105.11827",
    ideal: "round_gap = \"0s\"",
    swarm: "leader_timeout = \"200ms\"\nidle_gap = \"200ms\"\ndepth = 16\nround_gap = \"5ms\"",
    bounds: &["leader_timeout"],
    timing: Timing::rounds(Delays::delta(6), Delays::delta(6)),
    period: Some(Delays::delta(6)),
    messages: Formula { text: "6n(n − 1)", of: |n| 6 * n * (n - 1) },
    apart: &["fetch", "fetched", "cut", "ask-blocks", "blocks"],
    blocks: Formula { text: "2n", of: |n| 2 * n },
    resilience: Resilience::byzantine(3),
    responsive: Responsive::Always,
    view_change: ViewChange::None("the rounds go on; the next anchor orders what it left"),
    remark: "an anchor every two rounds, 3n(n − 1) messages each: anchors after 6 δ, others of their round \
             after 12 δ, of the round between after 9 δ; a round later where the next one had its quorum \
             without them",
    ..Theory::BLANK
}];
