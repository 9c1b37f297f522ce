//! What PBFT promises; `byzlab conform pbft` holds it to this.

use byzlab_core::theory::{
    Delays, Formula, Recovery, Resilience, Responsive, Theory, Timing, ViewChange,
};

/// Castro & Liskov 1999, §4.2 and §4.4.
pub const THEORY: &[Theory] = &[Theory {
    source: "Castro & Liskov 1999, §4.2-4.4",
    ideal: "in_flight = 1\nbatch_patience = \"0s\"",
    swarm: "checkpoint_interval = 8\nwatermark_window = 24\nin_flight = 4\nview_timeout = \"400ms\"",
    bounds: &["view_timeout"],
    timing: Timing::rounds(Delays::delta(3), Delays::delta(3)),
    period: Some(Delays::delta(3)),
    // Pre-prepares, prepares of all but the primary, commits of all.
    messages: Formula { text: "2n(n − 1)", of: |n| 2 * n * (n - 1) },
    apart: &["checkpoint", "stable", "status"],
    resilience: Resilience::byzantine(3),
    responsive: Responsive::Always,
    // View changes, the new view with its pre-prepares, prepares, commits.
    recovery: Some(Recovery { delays: Delays::delta(4), waits: &[] }),
    view_change: ViewChange::Messages {
        kinds: &["view-change", "new-view"],
        // From each of n - 1, and one NEW-VIEW.
        count: Formula { text: "n(n − 1)", of: |n| n * (n - 1) },
        carrying: "O(n) claims each, O(n²) in the NEW-VIEW",
    },
    turn: Some(Formula { text: "n(n − 1)", of: |n| n * (n - 1) }),
    remark: "one height at a time; `in_flight` heights at once share the three delays",
    ..Theory::BLANK
}];
