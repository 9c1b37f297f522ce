//! A lost device, opened again.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError, RwLock, atomic::Ordering::Relaxed},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    engine::{Options, locked},
    error::Error,
    opened::Opened,
};

/// How long a device is let lie after it was lost, the first time; a driver that resets one needs about that.
const PAUSE: Duration = Duration::from_secs(1);
/// Each try that fails, and each loss soon after the last, doubles the pause, up to this.
const PAUSE_MAX: Duration = Duration::from_secs(64);

impl Options {
    /// The first pause.
    pub(super) fn pause(&self) -> Duration {
        self.pause.unwrap_or(PAUSE)
    }
}

/// The device that is asked now.
#[derive(Debug)]
pub(super) struct Current(RwLock<Arc<Opened>>);

impl Current {
    pub fn new(opened: Opened) -> Self {
        Self(RwLock::new(Arc::new(opened)))
    }
    pub fn get(&self) -> Arc<Opened> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    fn set(&self, opened: Opened) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(opened);
    }
}

/// Opens a lost device again, on a thread of its own: compilers take seconds.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    thread: Mutex<Option<JoinHandle<()>>>,
    end: Arc<End>,
}

/// Tells the thread that nobody needs the device any more.
#[derive(Debug, Default)]
struct End {
    is_now: Mutex<bool>,
    told: Condvar,
}

impl End {
    /// Whether it comes within `time`.
    fn within(&self, time: Duration) -> bool {
        let ended = self.told.wait_timeout_while(locked(&self.is_now), time, |is_now| !*is_now);
        *ended.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Keeper {
    /// Sees to it that the device is opened again, if it is lost and nobody is at it.
    pub fn see_to(&self, current: &Arc<Current>) {
        let mut thread = locked(&self.thread);
        let lost = current.get();
        if !lost.is_lost() || thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        lost.engine.counters.lost.fetch_add(1, Relaxed);
        let (current, end) = (current.clone(), self.end.clone());
        let name = "byzlab-gpu-again".to_owned();
        let work = move || open_again(&lost, &current, &end);
        match thread::Builder::new().name(name).spawn(work) {
            Ok(handle) => *thread = Some(handle),
            Err(error) => tracing::warn!(%error, "no thread to open the device again"),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        *locked(&self.end.is_now) = true;
        self.end.told.notify_all();
        if let Some(thread) = locked(&self.thread).take()
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join(); // It must not be in the driver when the program ends.
        }
    }
}

/// Tries until the device is open and right, until it is open and wrong, or until the end.
fn open_again(lost: &Opened, current: &Current, end: &End) {
    let adapter = lost.engine.adapter();
    let was_well = lost.since.elapsed() > PAUSE_MAX;
    let mut pause = if was_well { lost.engine.options.pause() } else { lost.pause };
    while !end.within(pause) {
        pause = (2 * pause).min(PAUSE_MAX);
        match lost.again(pause) {
            Ok(opened) => {
                lost.engine.counters.reopened.fetch_add(1, Relaxed);
                tracing::warn!(%adapter, "it is open again, and right");
                return current.set(opened);
            }
            Err(wrong @ Error::Wrong(_)) => return drop(lost.give_up(wrong)),
            Err(error) => tracing::debug!(%adapter, %error, "it does not open yet"),
        }
    }
}
