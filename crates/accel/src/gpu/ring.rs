//! The host's end of a batch: buffers that both sides can see, lent for one batch at a time.
//!
//! Slots are made when a program is, with the room that it asks for. A batch that needs more makes those of its
//! slot anew, for good, so what a ring has at last is what its largest batches took.
//!
//! A [`Slot`] is free, then lent to whoever fills it, then in the air, then with whoever reads the
//! answer, then free again. Whoever has it owns it; it comes back by itself.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    engine::{Engine, Fault, locked},
    error::Error,
};

/// How many batches of one program can be on their way.
pub const IN_FLIGHT: usize = 2;
/// The room for timestamps before an answer.
pub(super) const CLOCK_BYTES: u64 = 16;
/// How often a waiting caller looks whether the device has failed.
const TICK: Duration = Duration::from_millis(20);

/// Staging for input, readback for output, and a clock.
#[derive(Debug)]
pub(super) struct Slot {
    /// Mapped for writing whenever the slot is not in the air.
    pub staging: wgpu::Buffer,
    /// Mapped for reading from the landing to the next take-off.
    pub readback: wgpu::Buffer,
    pub readback_is_mapped: bool,
    pub clock: Option<Clock>,
    pub lists: Lists,
}

/// The lists that describe a batch: as long as a program has buffers, or the CPU threads.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// The bytes of each buffer.
    pub sizes: Vec<u64>,
    /// Where in staging each buffer's bytes begin and end; empty for those that are no input.
    pub places: Vec<(usize, usize)>,
    /// Pieces of staging that several threads write.
    pub pieces: Vec<wgpu::BufferViewMut>,
}

/// When a batch's kernels began and ended.
#[derive(Debug)]
pub(super) struct Clock {
    pub queries: wgpu::QuerySet,
    pub resolved: wgpu::Buffer,
}

impl Slot {
    fn new(engine: &Engine, up: u64, down: u64) -> Self {
        let clock = engine.has_clock().then(|| Clock {
            queries: engine.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: None,
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            }),
            resolved: engine.make_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: CLOCK_BYTES,
                usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            }),
        });
        Self {
            staging: staging(engine, up.next_power_of_two()),
            readback: readback(engine, down.next_power_of_two()),
            readback_is_mapped: false,
            clock,
            lists: Lists::default(),
        }
    }
    /// Makes room for a batch: buffers grow to powers of two and never shrink.
    pub(super) fn fit(&mut self, engine: &Engine, up: u64, down: u64) {
        if self.staging.size() < up {
            self.staging = staging(engine, up.next_power_of_two());
        }
        if self.readback_is_mapped {
            self.readback.unmap();
            self.readback_is_mapped = false;
        }
        if self.readback.size() < down {
            self.readback = readback(engine, down.next_power_of_two());
        }
    }
}

fn staging(engine: &Engine, size: u64) -> wgpu::Buffer {
    engine.make_buffer(&wgpu::BufferDescriptor {
        label: Some("staging"),
        size,
        usage: wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: true,
    })
}

fn readback(engine: &Engine, size: u64) -> wgpu::Buffer {
    engine.make_buffer(&wgpu::BufferDescriptor {
        label: Some("readback"),
        size,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// The slots of one program that are free.
#[derive(Debug)]
pub(super) struct Ring {
    free: Mutex<Vec<Slot>>,
    freed: Condvar,
}

impl Ring {
    /// Slots for batches of `up` bytes to the device and `down` bytes back.
    pub(super) fn new(engine: &Engine, up: u64, down: u64) -> Arc<Self> {
        let free = (0..IN_FLIGHT).map(|_| Slot::new(engine, up, down)).collect();
        Arc::new(Self { free: Mutex::new(free), freed: Condvar::new() })
    }
    fn give(&self, slot: Slot) {
        locked(&self.free).push(slot);
        self.freed.notify_one();
    }
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Lent> {
        let slot = locked(&self.free).pop()?;
        Some(Lent { slot: Some(slot), ring: self.clone() })
    }
    pub(super) fn take(self: &Arc<Self>, engine: &Engine) -> Result<Lent, Error> {
        let until = Instant::now() + engine.patience();
        let mut free = locked(&self.free);
        loop {
            engine.check()?;
            if let Some(slot) = free.pop() {
                return Ok(Lent { slot: Some(slot), ring: self.clone() });
            }
            if Instant::now() >= until {
                return Err(Error::Late(engine.patience()));
            }
            free = match self.freed.wait_timeout(free, TICK) {
                Ok((free, _)) => free,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

/// The right to submit one batch, or to read one answer: a slot that goes back to its ring when
/// dropped.
#[derive(Debug)]
pub struct Lent {
    slot: Option<Slot>,
    ring: Arc<Ring>,
}

impl Lent {
    pub(super) fn slot(&mut self) -> &mut Slot {
        self.slot.as_mut().expect("a slot until dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.slot.take().into_iter().for_each(|slot| self.ring.give(slot));
    }
}

/// A batch in the air.
pub(super) struct Flight {
    engine: Arc<Engine>,
    state: Mutex<State>,
    landed: Condvar,
}

#[derive(Debug)]
struct State {
    /// None once somebody took it.
    lent: Option<Lent>,
    /// Buffers that the driver has not handed back yet: staging and readback.
    maps_left: u8,
    failed: bool,
    caller: Caller,
}

/// What became of whoever submitted a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Waiting,
    /// No longer interested.
    Gone,
    /// Told that the batch is late, which counts against the device until it is back.
    Told,
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("state", &locked(&self.state)).finish_non_exhaustive()
    }
}

impl Flight {
    pub(super) fn new(engine: Arc<Engine>) -> Arc<Self> {
        let state = State { lent: None, maps_left: 2, failed: false, caller: Caller::Waiting };
        engine.health.waiting.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { engine, state: Mutex::new(state), landed: Condvar::new() })
    }
    /// Takes the slot along.
    pub(super) fn board(&self, lent: Lent) {
        locked(&self.state).lent = Some(lent);
    }
    /// The driver handed back one of the slot's buffers, or failed to.
    pub(super) fn mapped(&self, success: bool) {
        let mut state = locked(&self.state);
        state.failed |= !success;
        state.maps_left -= 1;
        if state.maps_left > 0 {
            return;
        }
        self.engine.health.waiting.fetch_sub(1, Ordering::Relaxed);
        if let Some(lent) = &mut state.lent {
            lent.slot().readback_is_mapped = true;
        }
        if state.failed {
            // Buffers in an unknown state fly no more.
            if let Some(lent) = &mut state.lent {
                lent.slot = None;
            }
            let reason = "a buffer did not come back".into();
            self.engine.health.fail(Error::Lost(reason));
        } else if state.caller != Caller::Waiting {
            state.lent = None;
        }
        if state.caller == Caller::Told {
            self.engine.health.late.fetch_sub(1, Ordering::AcqRel);
        }
        self.landed.notify_all();
    }
}

/// A batch that was submitted. Dropped unread, its answer is lost and nothing else.
#[derive(Debug)]
#[must_use = "an answer is to be waited for"]
pub struct Ticket {
    flight: Option<Arc<Flight>>,
    pub(super) bytes: u64,
}

impl Ticket {
    pub(super) fn new(flight: Arc<Flight>, bytes: u64) -> Self {
        Self { flight: Some(flight), bytes }
    }
    /// Waits until the answer is there. The caller sleeps; another thread is in the driver.
    ///
    /// # Errors
    /// When the device has failed, or is later than its [patience](Engine::patience) from now.
    pub fn wait(self) -> Result<Answer, Error> {
        let patience = self.flight.as_ref().map(|flight| flight.engine.patience());
        self.wait_at_most(patience.unwrap_or_default())
    }
    /// Waits as [`wait`](Self::wait) does, with another patience.
    pub(super) fn wait_at_most(mut self, patience: Duration) -> Result<Answer, Error> {
        let flight = self.flight.take().expect("a flight until waited for");
        let engine = &flight.engine;
        let until = Instant::now() + patience;
        let mut state = locked(&flight.state);
        while state.maps_left > 0 {
            if let Some(failure) = engine.health.failure() {
                return Err(failure.clone());
            }
            if Instant::now() >= until {
                state.caller = Caller::Told;
                engine.health.late.fetch_add(1, Ordering::AcqRel);
                return Err(Error::Late(patience));
            }
            state = match flight.landed.wait_timeout(state, TICK) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        if let Some(failure) = engine.health.failure() {
            return Err(failure.clone());
        }
        let lent = state.lent.take().expect("nobody else takes it");
        engine.counters.batches.fetch_add(1, Ordering::Relaxed);
        let tick_ns = engine.queue.get_timestamp_period();
        let lie = engine.health.lie();
        let answer = Answer { lent, bytes: self.bytes, tick_ns, lie };
        let took = answer.kernel_time().unwrap_or_default().as_nanos() as u64;
        engine.counters.kernel_ns.fetch_add(took, Ordering::Relaxed);
        Ok(answer)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(flight) = self.flight.take() else { return };
        let mut state = locked(&flight.state);
        state.caller = Caller::Gone;
        if state.maps_left == 0 {
            state.lent = None;
        }
    }
}

/// What a batch left on the host's side.
#[derive(Debug)]
pub struct Answer {
    lent: Lent,
    bytes: u64,
    /// Nanoseconds a tick of the device's clock.
    tick_ns: f32,
    /// For tests: how it is to be falsified.
    lie: Option<Fault>,
}

impl Answer {
    /// Lends the bytes that the job asked for, one region behind another, aligned for words.
    ///
    /// # Errors
    /// When the driver does not show them after all.
    pub fn read<T>(&self, take: impl FnOnce(&[u8]) -> T) -> Result<T, Error> {
        let slot = self.lent.slot.as_ref().expect("a slot until dropped");
        let view = slot.readback.get_mapped_range(0..CLOCK_BYTES + self.bytes);
        let view = view.map_err(|e| Error::Lost(e.to_string()))?;
        let bytes = &view[CLOCK_BYTES as usize..];
        match self.lie {
            None => Ok(take(bytes)),
            Some(lie) => Ok(take(&bent(bytes, lie))),
        }
    }
    /// How long its kernels took, by the device's clock; `None` where it has none.
    pub fn kernel_time(&self) -> Option<Duration> {
        let slot = self.lent.slot.as_ref()?;
        slot.clock.as_ref()?;
        let view = slot.readback.get_mapped_range(0..CLOCK_BYTES).ok()?;
        let tick = |i: usize| view[8 * i..].first_chunk().map(|b| u64::from_le_bytes(*b));
        let ticks = tick(1)?.saturating_sub(tick(0)?);
        Some(Duration::from_nanos((ticks as f64 * f64::from(self.tick_ns)) as u64))
    }
}

/// A falsified answer: a bit of each word, or every word that may be a verdict made a good one.
fn bent(bytes: &[u8], lie: Fault) -> Vec<u8> {
    let (words, _) = bytes.as_chunks::<4>();
    let bend = |word: &[u8; 4]| {
        let word = u32::from_le_bytes(*word);
        let bent = if lie == Fault::Accept { word.max(1) } else { word ^ 1 };
        bent.to_le_bytes()
    };
    words.iter().flat_map(bend).collect()
}
