//! Messages, Merkle trees, nonces, signatures checked and made: the CPU on all cores beside the GPU, from
//! claims in host memory to answers in host memory, at widths from one to 64 k.
//!
//! The adapter is the best GPU there is, or else the software adapter, and each line then says so: it
//! runs on the same cores as the CPU's lines, and says nothing about a GPU.

use std::{hint::black_box, sync::Arc};

use byzlab_accel::{
    Cpu,
    choice::Samples,
    gpu::{Gpu, Kind, Select},
};
use byzlab_benches::{bytes, quick};
use byzlab_core::{Accelerator, Puzzle, Target, Work};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const WIDTHS: [usize; 5] = [1, 64, 1 << 10, 1 << 13, 1 << 16];
/// A message of the size of a small transaction.
const MESSAGE: usize = 128;

/// A line of a group: its name, and who computes.
type Sides<'a> = [(&'a str, &'a dyn Accelerator); 2];

fn messages(c: &mut Criterion, sides: Sides) {
    let mut group = c.benchmark_group("gpu/messages");
    for width in WIDTHS {
        let messages: Vec<_> = (0..width).map(|i| bytes(i as u64, MESSAGE)).collect();
        let views: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        group.throughput(Throughput::Elements(width as u64));
        for (side, accelerator) in sides {
            group.bench_function(BenchmarkId::new(side, width), |b| {
                b.iter(|| accelerator.hash_many(black_box(&views)));
            });
        }
    }
    group.finish();
}

fn trees(c: &mut Criterion, sides: Sides) {
    let mut group = c.benchmark_group("gpu/tree");
    for width in WIDTHS {
        let items: Vec<_> = (0..width).map(|i| bytes(i as u64, MESSAGE)).collect();
        let views: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
        group.throughput(Throughput::Elements(width as u64));
        for (side, accelerator) in sides {
            group.bench_function(BenchmarkId::new(side, width), |b| {
                b.iter(|| accelerator.merkle_root(black_box(&views)));
            });
        }
    }
    group.finish();
}

/// Searches without an answer, up to widths that fill a GPU.
fn nonces(c: &mut Criterion, sides: Sides) {
    let prefix = bytes(0, 76).try_into().expect("as long as asked");
    let puzzle = Puzzle { prefix, target: Target([0; 32]) };
    let mut group = c.benchmark_group("gpu/nonces");
    for width in [1, 1 << 10, 1 << 16, 1 << 20, 1 << 24] {
        group.throughput(Throughput::Elements(width));
        for (side, accelerator) in sides {
            group.bench_function(BenchmarkId::new(side, width), |b| {
                b.iter(|| accelerator.search(black_box(&puzzle), 0..width));
            });
        }
    }
    group.finish();
}

/// Signatures under a committee's keys, which have tables, and each under a key of its own. Of those, each call
/// has the next: a key that comes again and again would be given a table.
fn verdicts(c: &mut Criterion, sides: Sides, samples: &mut Samples) {
    let most = WIDTHS[WIDTHS.len() - 1];
    for (name, work) in [("known", Work::KnownKeys), ("unknown", Work::UnknownKeys)] {
        let all = samples.signatures(work, most, false);
        let mut group = c.benchmark_group(format!("gpu/signatures under {name} keys"));
        for width in WIDTHS {
            group.throughput(Throughput::Elements(width as u64));
            for (side, accelerator) in sides {
                let mut parts = all.chunks_exact(width).cycle();
                group.bench_function(BenchmarkId::new(side, width), |b| {
                    b.iter(|| accelerator.check(black_box(parts.next().expect("it goes round"))));
                });
            }
        }
        group.finish();
    }
}

/// Signatures made, by 64 signers in turn.
fn signing(c: &mut Criterion, sides: Sides, samples: &mut Samples) {
    let mut group = c.benchmark_group("gpu/signing");
    let signers = samples.clients();
    for width in WIDTHS {
        let items: Vec<_> = signers.iter().cycle().zip(samples.messages(width, false)).collect();
        group.throughput(Throughput::Elements(width as u64));
        for (side, accelerator) in sides {
            group.bench_function(BenchmarkId::new(side, width), |b| {
                b.iter(|| accelerator.sign_many(black_box(&items)));
            });
        }
    }
    group.finish();
}

fn all(c: &mut Criterion) {
    let cpu = Arc::new(Cpu::default());
    let open = |wanted| Gpu::open(wanted, cpu.clone());
    let gpu = match open(Select::Hardware).or_else(|_| open(Select::Software)) {
        Ok(gpu) => gpu,
        Err(error) => {
            eprintln!("nothing to measure: {error}");
            return;
        }
    };
    eprintln!("{} beside {}", cpu.name(), gpu.name());
    let side = if gpu.info().kind == Kind::Software { "software" } else { "gpu" };
    let sides: Sides = [("cpu", &*cpu), (side, &gpu)];
    messages(c, sides);
    trees(c, sides);
    nonces(c, sides);
    let mut samples = Samples::default();
    for (_, accelerator) in sides {
        accelerator.expect_keys(&samples.committee());
        accelerator.expect_signing();
    }
    verdicts(c, sides, &mut samples);
    signing(c, sides, &mut samples);
    assert_eq!(gpu.failure(), None, "the lines above are the CPU's");
}

criterion_group!(name = benches; config = quick(); targets = all);
criterion_main!(benches);
