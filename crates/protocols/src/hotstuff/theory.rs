//! What the family promises; `byzlab conform` holds it to this.
//!
//! A proposal takes a δ, the votes for it a δ to the next leader, which commits first; the others commit
//! with its proposal, a δ later.

use byzlab_core::theory::{
    Delays, Formula, Recovery, Resilience, Responsive, Stall, Theory, Timing, ViewChange, live_run,
};

use crate::kit::pacemaker::DOUBLINGS_MAX;

/// What all have in common.
const FAMILY: Theory = Theory {
    ideal: "batch_patience = \"0s\"",
    swarm: "view_timeout = \"300ms\"\nleader_wait = \"60ms\"",
    bounds: &["view_timeout"],
    period: Some(Delays::delta(2)),
    // Proposals, and votes to the next leader.
    messages: Formula { text: "2(n − 1)", of: |n| 2 * (n - 1) },
    apart: &["status"],
    resilience: Resilience::byzantine(3),
    responsive: Responsive::Always,
    longest_view: 1 << DOUBLINGS_MAX,
    ..Theory::BLANK
};

/// Who waits for whom in vain. The rule of commits and the leaders' turns decide, whatever name the
/// protocol goes by.
const THREE_CHAIN_STALL: Stall = Stall {
    given: "chain = 3\nleaders = \"round-robin\"",
    decides_in: |size, faulty| live_run(size, faulty, 4),
    takes: "four live leaders in a row, the last to collect the votes",
    why: "a three-chain in consecutive views takes four live leaders in a row, the last to collect \
          the votes, and round robin never has them",
};

const TWO_CHAIN_STALL: Stall = Stall {
    given: "chain = 2\npipelined = true\nleaders = \"round-robin\"",
    decides_in: |size, faulty| live_run(size, faulty, 3),
    takes: "three live leaders in a row, the last to collect the votes",
    why: "a two-chain in consecutive views takes three live leaders in a row, the last to collect \
          the votes, and round robin never has them",
};

const DOUBLE_STALL: Stall = Stall {
    given: "pipelined = false\nleaders = \"round-robin\"",
    decides_in: |size, faulty| live_run(size, faulty, 2),
    takes: "two live leaders in a row, the second to collect the second votes",
    why: "a decision takes two live leaders in a row, the second to collect the second votes, and \
          round robin never has them",
};

const FIXED_STALL: Stall = Stall {
    given: "leaders = \"fixed\"",
    decides_in: |_, faulty| (!faulty.contains(&0)).then_some(1),
    takes: "replica 0",
    why: "replica 0 leads every view, and it is down",
};

/// New-views to the next leader. A crashed leader costs two views, its own and the one whose votes it
/// should have collected; there it was also the one to be told, so all are told at the second attempt.
const LINEAR: ViewChange = ViewChange::Messages {
    kinds: &["timeout"],
    count: Formula { text: "n − 2", of: |n| n.saturating_sub(2) },
    carrying: "one certificate each",
};

/// What the whole turn costs: the new-views of the view before, to the crashed leader alone and then to
/// all, and those of its own view.
const LINEAR_TURN: Formula = Formula { text: "n² − 2", of: |n| n * n - 2 };

const TO_ALL: ViewChange = ViewChange::Messages {
    kinds: &["timeout"],
    // From each of the n - 1 that are up.
    count: Formula { text: "(n − 1)²", of: |n| (n - 1) * (n - 1) },
    carrying: "one certificate each",
};

/// Yin et al. 2019, §5, Algorithms 3 to 5.
pub const HOTSTUFF: &[Theory] = &[Theory {
    source: "Yin et al. 2019, §5",
    timing: Timing::rounds(Delays::delta(6), Delays::delta(7)),
    recovery: Some(Recovery { delays: Delays::delta(7), waits: &[] }),
    view_change: LINEAR,
    turn: Some(LINEAR_TURN),
    stalls: &[THREE_CHAIN_STALL, TWO_CHAIN_STALL, DOUBLE_STALL, FIXED_STALL],
    ..FAMILY
}];

const TWO_CHAIN: Theory = Theory {
    timing: Timing::rounds(Delays::delta(4), Delays::delta(5)),
    // New-views, or timeouts, and a block as always: to its first commit.
    recovery: Some(Recovery { delays: Delays::delta(5), waits: &[] }),
    stalls: &[TWO_CHAIN_STALL, THREE_CHAIN_STALL, DOUBLE_STALL, FIXED_STALL],
    ..FAMILY
};

/// Jalalzai et al. 2020.
pub const FAST_HOTSTUFF: &[Theory] = &[Theory {
    source: "Jalalzai et al. 2020",
    view_change: LINEAR,
    turn: Some(LINEAR_TURN),
    ..TWO_CHAIN
}];

/// Gelashvili et al. 2022.
pub const JOLTEON: &[Theory] = &[Theory {
    source: "Gelashvili et al. 2022",
    view_change: TO_ALL,
    // The view before and its own.
    turn: Some(Formula { text: "2(n − 1)²", of: |n| 2 * (n - 1) * (n - 1) }),
    ..TWO_CHAIN
}];

/// Malkhi & Nayak 2023.
pub const HOTSTUFF_2: &[Theory] = &[Theory {
    source: "Malkhi & Nayak 2023",
    bounds: &["view_timeout", "leader_wait"],
    timing: Timing::rounds(Delays::delta(4), Delays::delta(5)),
    period: Some(Delays::delta(4)),
    // Proposal with the decision of the view before, votes, certificate, votes for that.
    messages: Formula { text: "4(n − 1)", of: |n| 4 * (n - 1) },
    responsive: Responsive::GoodCase,
    // The leader of a view that no decision came before waits Δ for a higher lock.
    recovery: Some(Recovery { delays: Delays::delta(5), waits: &["leader_wait"] }),
    view_change: LINEAR,
    turn: Some(LINEAR_TURN),
    stalls: &[DOUBLE_STALL, TWO_CHAIN_STALL, THREE_CHAIN_STALL, FIXED_STALL],
    remark: "n − 1 more for a last block, whose decision comes with a blank",
    ..FAMILY
}];
