//! Which side does a call of one kind of work, and whether what was expected of it came true.

use byzlab_core::Cost;

/// Work goes to the GPU when it is expected to take less than so many hundredths of the CPU's time.
pub const TO_GPU: u64 = 80;
/// Work goes back to the CPU when the GPU is expected to take more than so many hundredths of its time.
pub const BACK: u64 = 120;
/// A cost is fitted again when calls take more than so many times as long as expected, or as little.
pub const OFF: f64 = 1.25;
/// From so many calls on.
pub const CALLS_MIN: u32 = 8;
/// How much one call changes the mean of what was seen against what was expected.
const WEIGHT: f64 = 1.0 / 8.0;
/// One call may be that far off, at most: a thread that was put to sleep says nothing about the work.
const OUTLIER: f64 = 8.0;
/// Every so many calls, one that nearly went to the other side does go there, so that a side that once
/// looked slow is not given up for ever.
pub const PROBE_EVERY: u32 = 256;
/// How near that is: at most so many times the time.
const PROBE_WITHIN: u64 = 4;

/// Who computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// The CPU.
    #[default]
    Cpu,
    /// The GPU.
    Gpu,
}

/// Judges one kind of work.
#[derive(Clone, Debug)]
pub struct Judge {
    cpu: Expected,
    gpu: Expected,
    side: Side,
    calls: u32,
}

/// A cost, and how far it is off.
#[derive(Clone, Debug)]
struct Expected {
    cost: Cost,
    /// The mean of time taken over time expected.
    drift: f64,
    calls: u32,
}

impl Expected {
    fn new(cost: Cost) -> Self {
        Self { cost, drift: 1.0, calls: 0 }
    }
    /// Learns from a call; true if the cost was fitted again.
    fn learn(&mut self, items: u64, bytes: u64, took_ns: u64) -> bool {
        let expected = self.cost.time(items, bytes).0.max(1);
        let ratio = (took_ns as f64 / expected as f64).clamp(1.0 / OUTLIER, OUTLIER);
        self.drift += WEIGHT * (ratio - self.drift);
        self.calls += 1;
        let off = self.drift > OFF || self.drift < 1.0 / OFF;
        if self.calls < CALLS_MIN || !off {
            return false;
        }
        let scaled = |price: u64| (price as f64 * self.drift).round() as u64;
        let Cost { start_ns, byte_ps, floor_ns, item_ps } = self.cost;
        self.cost = Cost {
            start_ns: scaled(start_ns),
            byte_ps: scaled(byte_ps),
            floor_ns: scaled(floor_ns),
            item_ps: scaled(item_ps).max(1),
        };
        (self.drift, self.calls) = (1.0, 0);
        true
    }
}

impl Judge {
    /// A judge that expects these costs, and begins on the CPU.
    pub fn new(cpu: Cost, gpu: Cost) -> Self {
        Self { cpu: Expected::new(cpu), gpu: Expected::new(gpu), side: Side::Cpu, calls: 0 }
    }
    /// What is expected now, of the CPU and of the GPU.
    pub fn costs(&self) -> (Cost, Cost) {
        (self.cpu.cost, self.gpu.cost)
    }
    /// Whether any call of up to `most` items goes to the GPU, as far as is known now.
    pub fn ever_to_gpu(&self, most: u64) -> bool {
        let time = |side: &Expected| u128::from(side.cost.time(most, 0).0);
        100 * time(&self.gpu) < u128::from(TO_GPU) * time(&self.cpu)
    }
    /// Who is to do a call.
    pub fn decide(&mut self, items: u64, bytes: u64) -> Side {
        let time = |side: &Expected| u128::from(side.cost.time(items, bytes).0);
        let (cpu, gpu) = (time(&self.cpu), time(&self.gpu));
        self.side = match self.side {
            Side::Cpu if 100 * gpu < u128::from(TO_GPU) * cpu => Side::Gpu,
            Side::Gpu if 100 * gpu > u128::from(BACK) * cpu => Side::Cpu,
            stays => stays,
        };
        self.calls = self.calls.wrapping_add(1);
        let near = cpu.max(gpu) <= u128::from(PROBE_WITHIN) * cpu.min(gpu);
        match (self.side, near && self.calls.is_multiple_of(PROBE_EVERY)) {
            (side, false) => side,
            (Side::Cpu, true) => Side::Gpu,
            (Side::Gpu, true) => Side::Cpu,
        }
    }
    /// Learns how long a call took; true if that side's cost was fitted again.
    pub fn learn(&mut self, side: Side, items: u64, bytes: u64, took_ns: u64) -> bool {
        match side {
            Side::Cpu => self.cpu.learn(items, bytes, took_ns),
            Side::Gpu => self.gpu.learn(items, bytes, took_ns),
        }
    }
}
