//! Every kind of work at every width, from claims in the host's memory to verdicts in it.
//!
//! The CPU's times are told as cycles too, beside what an item takes at least ([`byzlab_accel::floor`]): the clock
//! is measured before and after each row.
//!
//! Beside the widths from 1 to 65,536 there are, for what is bounded by the bus, the widest call with long
//! items, and for nonces wider and wider searches, as long as they are short.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use byzlab_accel::{
    Cpu,
    choice::{Effort, Samples, WallClock, Width, median_of},
    floor::clock_hz,
    gpu::Gpu,
};
use byzlab_core::{Accelerator, Work};

use super::report::{CpuLimits, Limit, Opened, Row};

/// How often each width is done.
const EFFORT: Effort = Effort { warm_up: Duration::from_millis(30), runs: 7 };
/// A nonce costs so little that a width of one says nothing: searches are so many times wider.
const NONCES: u64 = 1 << 10;
/// All that one puzzle has.
const NONCES_MAX: u64 = 1 << 32;
/// A side that took longer for a search is asked for no wider one.
const SEARCH_MAX: Duration = Duration::from_millis(500);
/// How long the whole table may take: rows that would come later are left out, and named.
const TABLE_MAX: Duration = Duration::from_secs(300);
/// Bytes a second of PCIe 5 x16, as they are reached.
const BUS: u64 = 55_000_000_000;

/// Who is timed.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub cpu: &'a Cpu,
    pub gpu: Option<&'a Gpu>,
    /// The same by 32-bit integers alone, which makes a difference to signatures.
    pub narrow: Option<&'a Gpu>,
}

/// What each side took for one call; `None` for one that was not asked.
#[derive(Clone, Copy, Default)]
pub(super) struct Times {
    pub cpu: Option<Width>,
    /// Cycles a second of its cores meanwhile.
    pub cpu_hz: f64,
    pub gpu: Option<Width>,
    pub narrow: Option<Width>,
}

/// Which sides are asked.
#[derive(Clone, Copy)]
struct Asked {
    cpu: bool,
    gpu: bool,
    narrow: bool,
}

const ALL: Asked = Asked { cpu: true, gpu: true, narrow: true };

/// The table, what was left out of it for want of time, and the CPU's limits.
///
/// # Errors
/// When an answer is wrong.
pub(super) fn run(
    sides: Sides,
    widths: &[u64],
    wider: bool,
    limits: &[Limit],
) -> Result<(Vec<Row>, Vec<String>, CpuLimits)> {
    let mut bench = Bench { sides, samples: Samples::default(), until: Instant::now() + TABLE_MAX };
    let (mut rows, mut left_out, mut hz) = (Vec::new(), Vec::new(), 0.0);
    for work in Work::ALL {
        let limit = limits.iter().find(|limit| limit.work == work);
        let times = bench.times(work, widths, wider)?;
        let wanted = widths.len() + usize::from(is_moved(work));
        if times.len() < wanted {
            left_out.push(format!("{work}: {} of {wanted} widths, for want of time", times.len()));
        }
        hz = times.iter().map(|times| times.cpu_hz).fold(hz, f64::max);
        rows.extend(times.iter().map(|times| Row::of(work, times, sides.cpu, limit)));
    }
    Ok((rows, left_out, CpuLimits::of(sides.cpu, hz)))
}

/// Whether it is bytes above all that a call carries to the adapter.
fn is_moved(work: Work) -> bool {
    matches!(work, Work::Hashes | Work::Merkle)
}

struct Bench<'a> {
    sides: Sides<'a>,
    samples: Samples,
    until: Instant,
}

impl Bench<'_> {
    /// The rows of one kind of work.
    fn times(&mut self, work: Work, widths: &[u64], wider: bool) -> Result<Vec<Times>> {
        let each = if work == Work::Nonces { NONCES } else { 1 };
        let mut rows = Vec::new();
        for &width in widths {
            if Instant::now() >= self.until {
                return Ok(rows);
            }
            rows.push(self.row(work, width * each, false, ALL)?);
        }
        let widest = widths.last().map_or(0, |width| width * each);
        if is_moved(work) && Instant::now() < self.until {
            rows.push(self.row(work, widest, true, ALL)?);
        }
        let mut items = widest;
        while work == Work::Nonces && wider && Instant::now() < self.until {
            items *= super::GROWTH;
            let last = rows.last().copied().unwrap_or_default();
            let soon = |width: Option<Width>| width.is_some_and(|width| width.time < SEARCH_MAX);
            let asked = Asked { cpu: soon(last.cpu), gpu: soon(last.gpu), narrow: false };
            if items > NONCES_MAX || !(asked.cpu || asked.gpu) {
                break;
            }
            rows.push(self.row(work, items, false, asked)?);
        }
        Ok(rows)
    }

    fn row(&mut self, work: Work, items: u64, long: bool, asked: Asked) -> Result<Times> {
        let Sides { cpu, gpu, narrow } = self.sides;
        let signatures = matches!(work, Work::KnownKeys | Work::UnknownKeys | Work::Signing);
        let clock = WallClock::default();
        let committee = self.samples.committee();
        let mut time = |side: &dyn Accelerator| {
            side.expect_keys(&committee);
            median_of(EFFORT, work, items, long, side, &clock, &mut self.samples)
                .map_err(|why| anyhow!(why))
        };
        let before = clock_hz();
        let of_cpu = asked.cpu.then(|| time(cpu)).transpose()?;
        Ok(Times {
            cpu: of_cpu,
            cpu_hz: before.max(clock_hz()),
            gpu: gpu.filter(|_| asked.gpu).map(|gpu| time(gpu)).transpose()?,
            narrow: narrow
                .filter(|_| asked.narrow && signatures)
                .map(|gpu| time(gpu))
                .transpose()?,
        })
    }
}

/// What drivers call a whole H200 of 132 multiprocessors at 1.98 GHz. Others that have it in their names have
/// a slower clock (NVL), a part of the chip (MIG) or another bus (GH200).
const H200: &str = "NVIDIA H200";

/// What physics allows on the adapter, in items a second, where it is known: on an H200.
///
/// Its integer units do 132 · 1.98 GHz · 64 operations a second, and the bus moves 55 GB/s. A signature
/// takes so many operations with 64-bit integers or with those of 32 bits alone; a hash is there as soon
/// as its bytes are; a nonce takes 2,150 operations.
pub(super) fn limits(opened: Option<&Opened>) -> Vec<Limit> {
    let Some(opened) = opened.filter(|opened| opened.name == H200) else {
        return Vec::new();
    };
    let signatures = |work, wide: u64, narrow: u64| Limit {
        work,
        items_per_s: Some(if opened.int64 { wide } else { narrow }),
        u32_items_per_s: Some(narrow),
        bytes_per_s: None,
        by: "integer units".to_owned(),
    };
    let moved = |work| Limit {
        work,
        items_per_s: None,
        u32_items_per_s: None,
        bytes_per_s: Some(BUS),
        by: "bus".to_owned(),
    };
    vec![
        signatures(Work::KnownKeys, 240_000_000, 63_000_000),
        signatures(Work::UnknownKeys, 53_000_000, 14_000_000),
        moved(Work::Hashes),
        moved(Work::Merkle),
        Limit {
            work: Work::Nonces,
            items_per_s: Some(7_800_000_000),
            u32_items_per_s: None,
            bytes_per_s: None,
            by: "integer units".to_owned(),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_of_the_one_that_they_are_known_of() {
        let limits_of = |name: &str| {
            let opened = Opened {
                name: name.to_owned(),
                kind: String::new(),
                backend: String::new(),
                driver: String::new(),
                int64: true,
                buffer_bytes_max: 0,
            };
            limits(Some(&opened)).len()
        };
        assert_eq!(limits_of("NVIDIA H200"), 5);
        for name in ["NVIDIA GH200 480GB", "NVIDIA H200 NVL", "NVIDIA H200 MIG 1g.18gb", "llvmpipe"]
        {
            assert_eq!(limits_of(name), 0, "{name}");
        }
    }
}
