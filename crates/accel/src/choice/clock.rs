//! What time it is, where time is measured: real, or a test's.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// Tells the time since some moment.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now; never less than before.
    fn now(&self) -> Duration;
}

/// The machine's own.
#[derive(Clone, Copy, Debug)]
pub struct WallClock(Instant);

impl Default for WallClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for WallClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
