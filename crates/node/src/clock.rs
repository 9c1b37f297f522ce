//! The only place in this crate that reads a clock for the protocol.

use std::time::{Duration, Instant, SystemTime};

use byzlab_core::{Span, Time};

/// Tells the protocol's time: nanoseconds since the run's epoch. Never goes back.
///
/// The system clock is read once, to find the epoch; from there on the monotonic clock counts, so
/// that a correction of the system clock does not make timers fire early.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// A moment on the monotonic clock …
    anchor: Instant,
    /// … and the protocol's time then.
    at: Time,
}

impl Clock {
    /// A clock that shows zero now.
    pub fn start() -> Self {
        Self { anchor: Instant::now(), at: Time::ZERO }
    }
    /// A clock that shows the time since `epoch`; it stands at zero until then.
    pub fn since(epoch: SystemTime) -> Self {
        let anchor = Instant::now();
        let past = SystemTime::now().duration_since(epoch).unwrap_or_default();
        Self { anchor, at: Time::ZERO + Span::from(past) }
    }
    /// The time.
    pub fn now(&self) -> Time {
        self.at + Span::from(self.anchor.elapsed())
    }
    /// When `time` comes, for the runtime's timers; at least a day ahead for a time that never
    /// comes.
    pub fn instant(&self, time: Time) -> Instant {
        let ahead = time.since(self.at).to_std();
        self.anchor + ahead.min(self.anchor.elapsed() + DAY)
    }
}

const DAY: Duration = Duration::from_secs(86_400);
