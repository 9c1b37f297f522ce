//! The trace digest: one number that differs as soon as anything that happened differs.
//!
//! Every event that a replica or a client handles is folded into it: when, to whom, what, and the
//! fingerprint of the bytes. Checkpoints on the way show where two runs part.

use std::ops::Range;

use byzlab_core::{Time, random::fold};

use crate::journal::Line;

/// The most checkpoints that are kept; when there are more, every other one is dropped.
pub const POINTS_MAX: usize = 4096;
/// The most events of which [`Trace::steps`] keeps the digest.
pub const STEPS_MAX: usize = 1 << 20;
/// The most events that are recorded one by one.
pub const WINDOW_MAX: usize = 1 << 16;
/// The targets of [`TraceEvent`]s from here on are clients.
pub const CLIENT_BASE: u32 = 1 << 20;

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

/// What was traced in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Checkpoints, evenly spread, at most [`POINTS_MAX`]; the last one is the run's end.
    pub points: Vec<TracePoint>,
    /// The low 16 bits of the digest after each of the first [`STEPS_MAX`] events: enough to say at
    /// which event two runs part.
    pub steps: Vec<u16>,
    /// The events of the asked-for window.
    pub window: Vec<TraceEvent>,
    /// What replicas did, if the scenario asks for it.
    pub journal: Vec<Line>,
}

impl Trace {
    /// Between which two event numbers this trace and another first differ, by their checkpoints:
    /// equal up to the first, different by the second. `None` if they do not differ. Checkpoints
    /// that only one of them has are passed over.
    pub fn parts_from(&self, other: &[TracePoint]) -> Option<(u64, u64)> {
        let mut same = 0;
        let mut others = other.iter().peekable();
        for point in &self.points {
            while others.next_if(|other| other.events < point.events).is_some() {}
            if let Some(other) = others.peek().filter(|other| other.events == point.events) {
                if other.digest != point.digest {
                    return Some((same, point.events));
                }
                same = point.events;
            }
        }
        let end = |points: &[TracePoint]| points.last().map_or(0, |point| point.events);
        let (mine, theirs) = (end(&self.points), end(other));
        (mine != theirs).then(|| (same, mine.min(theirs) + 1))
    }
}

/// What kinds of events there are, for the digest.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Start,
    Packet,
    Verdict,
    Wake,
    Waiting,
    Batch,
    Sealed,
    Blocks,
    Transactions,
    ClientWake,
    Reply,
    Fault,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Packet => "packet",
            Self::Verdict => "verdict",
            Self::Wake => "wake",
            Self::Waiting => "waiting",
            Self::Batch => "batch",
            Self::Sealed => "sealed",
            Self::Blocks => "blocks",
            Self::Transactions => "transactions",
            Self::ClientWake => "client-wake",
            Self::Reply => "reply",
            Self::Fault => "fault",
        }
    }
}

/// Folds events as they happen.
#[derive(Debug)]
pub(crate) struct Tracer {
    pub(crate) digest: u64,
    pub(crate) events: u64,
    at: Time,
    trace: Trace,
    /// A checkpoint every so many events, a power of two, …
    every: u64,
    /// … the next one after so many.
    next: u64,
    window: Range<u64>,
}

impl Tracer {
    pub(crate) fn new(seed: u64, window: Option<Range<u64>>) -> Self {
        Self {
            digest: fold(0, seed),
            events: 0,
            at: Time::ZERO,
            trace: Trace::default(),
            every: 1,
            next: 1,
            window: window.unwrap_or(0..0),
        }
    }
    pub(crate) fn fold(&mut self, at: Time, target: u32, kind: Kind, fingerprint: u64) {
        let head = (u64::from(target) << 8 | kind as u64).rotate_left(32) ^ at.0;
        self.digest = fold(fold(self.digest, head), fingerprint);
        if self.window.contains(&self.events) && self.trace.window.len() < WINDOW_MAX {
            let (number, what) = (self.events, kind.name());
            self.trace.window.push(TraceEvent { number, at, target, what, fingerprint });
        }
        if self.trace.steps.len() < STEPS_MAX {
            self.trace.steps.push(self.digest as u16);
        }
        self.events += 1;
        self.at = at;
        if self.events == self.next {
            self.checkpoint();
        }
    }
    fn checkpoint(&mut self) {
        if self.trace.points.len() == POINTS_MAX - 1 {
            self.every *= 2;
            let every = self.every;
            self.trace.points.retain(|point| point.events.is_multiple_of(every));
        }
        let point = TracePoint { events: self.events, at: self.at, digest: self.digest };
        if self.events.is_multiple_of(self.every) {
            self.trace.points.push(point);
        }
        self.next = (self.events / self.every + 1) * self.every;
    }
    /// The trace, with a last checkpoint at the end.
    pub(crate) fn finish(self) -> Trace {
        let mut trace = self.trace;
        let end = TracePoint { events: self.events, at: self.at, digest: self.digest };
        if trace.points.last() != Some(&end) {
            trace.points.push(end);
        }
        trace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(events: u64, odd: Option<u64>) -> Trace {
        let mut tracer = Tracer::new(1, Some(3..5));
        for number in 0..events {
            let fingerprint = if Some(number) == odd { 99 } else { number };
            tracer.fold(Time(number), 1, Kind::Packet, fingerprint);
        }
        tracer.finish()
    }

    #[test]
    fn traces_part_where_they_differ() {
        let good = trace(100_000, None);
        assert!(good.points.len() <= POINTS_MAX && good.points.len() > POINTS_MAX / 4);
        assert_eq!(good.parts_from(&trace(100_000, None).points), None);
        let (from, to) = trace(100_000, Some(54_321)).parts_from(&good.points).expect("differs");
        assert!(from <= 54_321 && 54_321 < to && to - from <= 64, "{from}..{to}");
        let (from, to) = trace(99_999, None).parts_from(&good.points).expect("shorter");
        assert!(from <= 99_999 && to == 100_000, "{from}..{to}");
        let other = trace(100_000, Some(54_321));
        let first = good.steps.iter().zip(&other.steps).position(|(a, b)| a != b);
        assert_eq!(first, Some(54_321));
        assert_eq!(good.window.iter().map(|event| event.number).collect::<Vec<_>>(), [3, 4]);
    }
}
