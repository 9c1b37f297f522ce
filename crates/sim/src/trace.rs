//! The trace digest: one number that differs as soon as anything that happened differs.
//!
//! Every event that a replica or a client handles is folded into it: when, to whom, what, and the
//! fingerprint of the bytes. Checkpoints on the way show where two runs part.

use byzlab_core::{Time, random::fold};

/// The most checkpoints that are kept; when there are more, every other one is dropped.
pub const POINTS_MAX: usize = 4096;
/// The most events that are recorded one by one.
pub const WINDOW_MAX: usize = 1 << 16;

/// The digest after so many events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TracePoint {
    /// How many events.
    pub events: u64,
    /// When the last of them happened.
    pub at: Time,
    /// The digest of all of them.
    pub digest: u64,
}

/// One event, as [`Scenario::window`](crate::Scenario::window) asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceEvent {
    /// Its number, from 0.
    pub number: u64,
    /// When.
    pub at: Time,
    /// To which replica (a twin's second copy counts from the committee's size on), or to which
    /// client, counted from [`CLIENT_BASE`].
    pub target: u32,
    /// What.
    pub what: &'static str,
    /// The fingerprint of its bytes.
    pub fingerprint: u64,
}

/// Targets from here on are clients.
pub const CLIENT_BASE: u32 = 1 << 20;

/// What was traced in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Checkpoints, evenly spread, at most [`POINTS_MAX`]; the last one is the run's end.
    pub points: Vec<TracePoint>,
    /// The events of the asked-for window.
    pub window: Vec<TraceEvent>,
}

impl Trace {
    /// Between which two event numbers this trace and another first differ: equal up to the first,
    /// different by the second. `None` if they do not differ.
    pub fn parts_from(&self, other: &[TracePoint]) -> Option<(u64, u64)> {
        parts(&self.points, other)
    }
}

/// Between which two event numbers two runs first differ, by their checkpoints; `None` if they do
/// not. Checkpoints that only one of them has are passed over.
pub fn parts(a: &[TracePoint], b: &[TracePoint]) -> Option<(u64, u64)> {
    let mut same = 0;
    let mut others = b.iter().peekable();
    for point in a {
        while others.next_if(|other| other.events < point.events).is_some() {}
        match others.peek() {
            Some(other) if other.events == point.events => {
                if other.digest != point.digest {
                    return Some((same, point.events));
                }
                same = point.events;
            }
            Some(_) | None => {}
        }
    }
    let (last_a, last_b) = (a.last()?, b.last()?);
    (last_a.events != last_b.events).then(|| (same, last_a.events.min(last_b.events) + 1))
}
