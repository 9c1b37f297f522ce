//! What an accelerator has done so far.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use byzlab_core::Usage;

use crate::meter::Meter;

/// A reading of an accelerator's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls that the device answered.
    pub calls: u64,
    /// Messages, leaves, nonces and signatures that it answered.
    pub items: u64,
    /// Buffers that were made on the device or to share with it.
    pub buffers: u64,
    /// Batches that it answered: large calls are cut into several.
    pub batches: u64,
    /// Nanoseconds that callers waited for it.
    pub wait_ns: u64,
    /// Bytes carried to the device.
    pub bytes_up: u64,
    /// Bytes carried back.
    pub bytes_down: u64,
    /// Nanoseconds that kernels took, by the device's clock; 0 where it has none.
    pub kernel_ns: u64,
    /// Batches given to the device and not yet back.
    pub waiting: u64,
    /// Answers compared with the CPU's.
    pub rechecked: u64,
    /// Answers that were not the CPU's. One is the end of this accelerator.
    pub mismatches: u64,
    /// Calls that the CPU answered because the device did not.
    pub fallbacks: u64,
    /// Their items.
    pub fallback_items: u64,
    /// Times that the device was lost.
    pub lost: u64,
    /// Times that it was opened again, and right.
    pub reopened: u64,
}

/// What was asked for, and who did it.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// What the device did for callers.
    pub done: Meter,
    /// What the CPU did for them: in the device's place, and what is none of its business.
    pub beside: Meter,
    /// The part of that which the device was to do.
    pub taken_over: Meter,
    pub wait_ns: AtomicU64,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// By all callers.
    pub asked: Asked,
    /// Items that the device answered, those of the self-test among them.
    pub items: AtomicU64,
    pub buffers: AtomicU64,
    pub batches: AtomicU64,
    pub bytes_up: AtomicU64,
    pub bytes_down: AtomicU64,
    pub kernel_ns: AtomicU64,
    pub rechecked: AtomicU64,
    pub mismatches: AtomicU64,
    pub lost: AtomicU64,
    pub reopened: AtomicU64,
}

impl Counters {
    /// A reading; what waits is the device's to say.
    pub(super) fn read(&self) -> Stats {
        let taken_over = self.asked.taken_over.read().all();
        Stats {
            calls: self.asked.done.read().all().calls,
            items: self.items.load(Relaxed),
            buffers: self.buffers.load(Relaxed),
            batches: self.batches.load(Relaxed),
            wait_ns: self.asked.wait_ns.load(Relaxed),
            bytes_up: self.bytes_up.load(Relaxed),
            bytes_down: self.bytes_down.load(Relaxed),
            kernel_ns: self.kernel_ns.load(Relaxed),
            waiting: 0,
            rechecked: self.rechecked.load(Relaxed),
            mismatches: self.mismatches.load(Relaxed),
            fallbacks: taken_over.calls,
            fallback_items: taken_over.items,
            lost: self.lost.load(Relaxed),
            reopened: self.reopened.load(Relaxed),
        }
    }
    /// What was done for those who `asked`, by kind of work and side, and what was found out about the device.
    pub(super) fn usage(&self, asked: &Asked) -> Usage {
        Usage {
            has_gpu: true,
            cpu: asked.beside.read(),
            gpu: asked.done.read(),
            taken_over: asked.taken_over.read(),
            gpu_ns: asked.wait_ns.load(Relaxed),
            rechecked: self.rechecked.load(Relaxed),
            mismatches: self.mismatches.load(Relaxed),
            lost: self.lost.load(Relaxed),
            reopened: self.reopened.load(Relaxed),
        }
    }
}
