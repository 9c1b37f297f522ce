//! Every kind of work at every width, from claims in the host's memory to verdicts in it.

use anyhow::{Result, anyhow};
use byzlab_accel::{
    Cpu,
    choice::{Samples, WallClock, median_of},
    gpu::Gpu,
};
use byzlab_core::{Accelerator, Work};

use super::report::{Limit, Opened, Row};

/// Runs of which the median is told.
const RUNS: usize = 5;
/// A nonce costs so little that a width of one says nothing: searches are so many times wider.
const NONCES: u64 = 1 << 10;
/// Bytes a second of PCIe 5 x16, as they are reached.
const BUS: u64 = 55_000_000_000;

/// The table.
///
/// # Errors
/// When an answer is wrong.
pub(super) fn run(cpu: &Cpu, gpu: Option<&Gpu>, widths: Vec<u64>) -> Result<Vec<Row>> {
    let (clock, mut samples) = (WallClock::default(), Samples::default());
    let mut rows = Vec::new();
    let committee = samples.committee();
    for work in Work::ALL {
        for &width in &widths {
            let items = if work == Work::Nonces { width * NONCES } else { width };
            let mut time = |side: &dyn Accelerator| {
                side.expect_keys(&committee);
                median_of(RUNS, work, items, false, side, &clock, &mut samples)
                    .map_err(|why| anyhow!(why))
            };
            let on_cpu = time(cpu)?;
            let on_gpu = gpu.map(|gpu| time(gpu)).transpose()?;
            rows.push(Row::of(work, on_cpu, on_gpu));
        }
    }
    Ok(rows)
}

/// What physics allows on the adapter, in items a second, where it is known: on an H200.
///
/// Its integer units do 132 · 1.98 GHz · 64 operations a second, and the bus moves 55 GB/s. A signature
/// takes so many operations with 64-bit integers or with those of 32 bits alone; a hash is there as soon
/// as its bytes are; a nonce takes 2,150 operations.
pub(super) fn limits(opened: Option<&Opened>) -> Vec<Limit> {
    let Some(opened) = opened.filter(|opened| opened.name.contains("H200")) else {
        return Vec::new();
    };
    let wide = |with: u64, without: u64| if opened.int64 { with } else { without };
    let limit = |work, items_per_s, by: &str| Limit { work, items_per_s, by: by.to_owned() };
    let bus = BUS / super::ITEM_BYTES;
    vec![
        limit(Work::KnownKeys, wide(240_000_000, 63_000_000), "integer units"),
        limit(Work::UnknownKeys, wide(53_000_000, 14_000_000), "integer units"),
        limit(Work::Hashes, bus, "bus"),
        limit(Work::Merkle, bus, "bus"),
        limit(Work::Nonces, 7_800_000_000, "integer units"),
    ]
}
