//! What proof of work promises; `byzlab conform pow` holds it to this.

use byzlab_core::theory::{Delays, Formula, Resilience, Responsive, Theory, Timing, ViewChange};

/// Nakamoto 2008, §5 and §11.
const LONGEST: Theory = Theory {
    source: "Nakamoto 2008, §5, §11; Decker & Wattenhofer 2013",
    swarm: "spacing = \"250ms\"\nconfirmations = 30\nrequest_timeout = \"300ms\"",
    timing: Timing::Mined {
        spacing: "spacing",
        confirmations: "confirmations",
        difficulty: "difficulty",
        // Announced, asked for, sent.
        reach: Delays::delta(3),
    },
    // Of n neighbours all: the miner announces to n - 1, each of those to n - 2; each asks, and gets.
    messages: Formula { text: "(n + 1)(n − 1)", of: |n| (n + 1) * (n - 1) },
    resilience: Resilience::WORK,
    responsive: Responsive::No,
    view_change: ViewChange::None("nobody leads"),
    remark: "messages a block where all are neighbours and nothing forks",
    ..Theory::BLANK
};

/// By the longest chain, and by the heaviest subtree: without forks they are the same.
pub const THEORY: &[Theory] = &[
    LONGEST,
    Theory {
        variant: "fork_choice = \"ghost\"",
        source: "Sompolinsky & Zohar 2015, §4",
        ..LONGEST
    },
];
