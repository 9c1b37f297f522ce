//! An opened device, and the thread that waits for it.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use super::{
    adapter::{Adapter, Kind},
    error::Error,
    stats::{Counters, Stats},
};
use crate::shaders::field::Limbs;

/// The largest buffer on a GPU: beyond it a batch is cut up, which by then costs nothing.
const BYTES_MAX: u64 = 256 << 20;
/// The largest on a software adapter, whose memory is the machine's.
const BYTES_MAX_SOFTWARE: u64 = 32 << 20;
/// How long a GPU may take for one batch. Batches are cut so that they take milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a software adapter may: it shares a busy processor with everything else.
const PATIENCE_SOFTWARE: Duration = Duration::from_secs(60);
/// The workgroups that every adapter takes in one dimension of a dispatch.
const GROUPS_MAX: u32 = 65_535;

/// How a device is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How kernels represent integers modulo 2²⁵⁵ − 19; the widest that the adapter has if not said.
    pub limbs: Option<Limbs>,
    /// How long to wait for a batch before the caller is told; what suits the adapter if not said.
    pub patience: Option<Duration>,
    /// How long to let a device lie after it was lost, before it is opened again; a second if not said.
    pub pause: Option<Duration>,
    /// A fault that it has from the start, for tests of what comes after.
    #[doc(hidden)]
    pub fault: Option<Fault>,
}

/// An opened device. [`Program`](super::Program)s run on it.
pub struct Engine {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) health: Arc<Health>,
    /// Shared with those that are opened after this one.
    pub(super) counters: Arc<Counters>,
    adapter: Adapter,
    pub(super) options: Options,
    patience: Duration,
    /// Until it is dropped.
    submissions: Option<Sender<wgpu::SubmissionIndex>>,
    waiter: Option<thread::JoinHandle<()>>,
}

/// A program must not end while a thread of its own is in the driver, which takes itself down then: so the
/// waiting thread is waited for, unless it is stuck there.
impl Drop for Engine {
    fn drop(&mut self) {
        self.submissions = None;
        let stuck = self.health.late.load(Ordering::Acquire) > 0 || self.failure().is_some();
        if let Some(waiter) = self.waiter.take()
            && !stuck
            && waiter.thread().id() != thread::current().id()
        {
            let _ = waiter.join(); // It catches the driver's panics.
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("adapter", &self.adapter.name).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens `adapter` with all its limits, and with the optional features that kernels can use.
    ///
    /// Compiled kernels are kept from run to run by the drivers themselves. wgpu's own cache is not used: a
    /// driver trusts what is in it, so it would have to be kept where nobody else can write.
    ///
    /// # Errors
    /// When the driver refuses.
    pub fn open(adapter: &Adapter, options: Options) -> Result<Arc<Self>, Error> {
        Self::counting(adapter, options, Arc::default())
    }
    /// Opens the same adapter once more, as its driver lists it now, and counts on.
    ///
    /// # Errors
    /// When it is not there any more, or its driver refuses.
    pub fn again(&self) -> Result<Arc<Self>, Error> {
        let fault = *locked(&self.health.fault_of_the_next);
        let options = Options { fault, ..self.options };
        Self::counting(&self.adapter.again()?, options, self.counters.clone())
    }
    fn counting(
        adapter: &Adapter,
        options: Options,
        counters: Arc<Counters>,
    ) -> Result<Arc<Self>, Error> {
        let useful = wgpu::Features::SHADER_INT64 | wgpu::Features::TIMESTAMP_QUERY;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("byzlab"),
            required_features: adapter.raw.features() & useful,
            // The default limits hold a binding to 128 MiB.
            required_limits: adapter.raw.limits(),
            memory_hints: wgpu::MemoryHints::Performance,
            ..Default::default()
        };
        let opened = pollster::block_on(adapter.raw.request_device(&descriptor));
        let (device, queue) = opened.map_err(|e| Error::Open(e.to_string()))?;
        let health = Arc::new(Health::default());
        let told = health.clone();
        device.set_device_lost_callback(move |reason, message| {
            told.fail(Error::Lost(format!("{reason:?} {message}").trim().into()));
        });
        let told = health.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            told.fail(Error::Invalid(error.to_string()));
        }));
        let (submissions, to_wait_for) = channel();
        let (waits_on, told) = (device.clone(), health.clone());
        let waiter = thread::Builder::new()
            .name("byzlab-gpu".into())
            .spawn(move || wait_for_all(&waits_on, &to_wait_for, &told))
            .map_err(|e| Error::Open(format!("no thread to wait for it: {e}")))?;
        let software = adapter.kind == Kind::Software;
        let suits = if software { PATIENCE_SOFTWARE } else { PATIENCE };
        let engine = Arc::new(Self {
            device,
            queue,
            health,
            counters,
            adapter: adapter.clone(),
            options,
            patience: options.patience.unwrap_or(suits),
            submissions: Some(submissions),
            waiter: Some(waiter),
        });
        options.fault.into_iter().for_each(|fault| engine.inject(fault));
        Ok(engine)
    }
    /// What was opened.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }
    /// Whether kernels may use 64-bit integers.
    pub fn has_int64(&self) -> bool {
        self.device.features().contains(wgpu::Features::SHADER_INT64)
    }
    /// Whether the time that kernels take is known.
    pub fn has_clock(&self) -> bool {
        self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }
    /// How long a batch may take before its caller is told.
    pub fn patience(&self) -> Duration {
        self.patience
    }
    /// The most bytes that one buffer can have, a multiple of 256.
    pub fn bytes_max(&self) -> u64 {
        let limits = self.device.limits();
        let software = self.adapter.kind == Kind::Software;
        let wanted = if software { BYTES_MAX_SOFTWARE } else { BYTES_MAX };
        let held = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        wanted.min(held) & !255
    }
    /// How many items of `bytes` each fit one buffer: where a larger batch is to be cut. A power of two.
    pub fn items_max(&self, bytes: u64) -> usize {
        let most = (self.bytes_max() / bytes.max(1)).max(1);
        1 << most.ilog2()
    }
    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        let waiting = self.health.waiting.load(Ordering::Relaxed);
        Stats { waiting, ..self.counters.read() }
    }
    /// Why this device is of no use any more; `None` while it is.
    pub fn failure(&self) -> Option<Error> {
        self.health.failure.get().cloned()
    }
    /// Whether a batch may be given to it now.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.failure() {
            Some(failure) => Err(failure),
            None if self.health.late.load(Ordering::Acquire) > 0 => Err(Error::Busy),
            None => Ok(()),
        }
    }
    /// Has the waiting thread wait for a submission.
    pub(super) fn wait_for(&self, submission: wgpu::SubmissionIndex) {
        let sent = self.submissions.as_ref().is_some_and(|to| to.send(submission).is_ok());
        if !sent {
            self.health.fail(Error::Lost("the thread that waits for it has ended".into()));
        }
    }
    /// A buffer, which is counted: calls are to do without.
    pub(super) fn make_buffer(&self, what: &wgpu::BufferDescriptor) -> wgpu::Buffer {
        self.counters.buffers.fetch_add(1, Ordering::Relaxed);
        self.device.create_buffer(what)
    }
    /// What `make` makes, or the rule it breaks.
    pub(super) fn in_scope<T>(&self, make: impl FnOnce() -> T) -> Result<T, Error> {
        let scopes = [
            wgpu::ErrorFilter::Validation,
            wgpu::ErrorFilter::OutOfMemory,
            wgpu::ErrorFilter::Internal,
        ]
        .map(|filter| self.device.push_error_scope(filter));
        let made = make();
        let mut first = None;
        for scope in scopes.into_iter().rev() {
            first = first.or(pollster::block_on(scope.pop()));
        }
        match first {
            Some(error) => Err(Error::Invalid(error.to_string())),
            None => Ok(made),
        }
    }
    /// The grid of a dispatch of `invocations`, `workgroup` to a group.
    pub(super) fn grid(invocations: u32, workgroup: u32) -> [u32; 2] {
        let groups = invocations.div_ceil(workgroup);
        let wide = groups.min(GROUPS_MAX);
        [wide, groups.div_ceil(wide.max(1))]
    }
    /// Makes a fault, for tests of what comes after.
    #[doc(hidden)]
    pub fn inject(&self, fault: Fault) {
        match fault {
            Fault::Lose => self.device.destroy(),
            Fault::Lie | Fault::Accept => {
                *locked(&self.health.lie) = Some(fault);
            }
            Fault::LieAgain => *locked(&self.health.fault_of_the_next) = Some(Fault::Lie),
            Fault::Stall => *locked(&self.health.stalled) = true,
            Fault::Resume => {
                *locked(&self.health.stalled) = false;
                self.health.resumed.notify_all();
            }
        }
    }
}

/// What a test can do to a device.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is lost.
    Lose,
    /// Its answers are wrong from now on, by a bit in every word.
    Lie,
    /// Every verdict is that the signature holds.
    Accept,
    /// It lies once it was lost and is opened again.
    LieAgain,
    /// Its answers do not arrive.
    Stall,
    /// They do again.
    Resume,
}

/// How a device is doing, shared with the driver's callbacks.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// The first thing that went wrong for good.
    failure: OnceLock<Error>,
    /// Batches given to the device and not yet back.
    pub(super) waiting: AtomicU64,
    /// Those of them that were given up.
    pub(super) late: AtomicUsize,
    /// In which way it lies, if it does.
    lie: Mutex<Option<Fault>>,
    fault_of_the_next: Mutex<Option<Fault>>,
    stalled: Mutex<bool>,
    resumed: Condvar,
}

impl Health {
    pub(super) fn fail(&self, error: Error) {
        // The first failure explains those that follow from it.
        let _ = self.failure.set(error);
    }
    pub(super) fn failure(&self) -> Option<&Error> {
        self.failure.get()
    }
    /// In which way it lies, for tests.
    pub(super) fn lie(&self) -> Option<Fault> {
        *locked(&self.lie)
    }
}

/// Waits for one submission after another, so that no caller is blocked inside the driver. The
/// driver's callbacks, which land flights, run on this thread.
fn wait_for_all(
    device: &wgpu::Device,
    submissions: &Receiver<wgpu::SubmissionIndex>,
    health: &Health,
) {
    for submission in submissions {
        let stalled = locked(&health.stalled);
        drop(health.resumed.wait_while(stalled, |stalled| *stalled));
        let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
        // Where the driver reports a lost device in a way that wgpu did not foresee, it panics.
        match catch_unwind(AssertUnwindSafe(|| device.poll(wait))) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => health.fail(Error::Lost(error.to_string())),
            Err(_) => health.fail(Error::Lost("waiting for it panicked".into())),
        }
    }
}

/// The lock, though another thread panicked while it held it: what these locks guard is whole at every
/// step.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
