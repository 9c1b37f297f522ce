//! SHA-256 of many messages, Merkle roots and the nonce search, each way that this machine has, beside
//! one at a time by `sha2`.

use std::hint::black_box;

use byzlab_accel::Cpu;
use byzlab_benches::{bytes, quick};
use byzlab_core::{Accelerator, Puzzle, Reference, Target, crypto::double_sha256};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sha2::block_api::compress256;

/// Hashes `messages` of equal length; criterion counts messages.
fn many(c: &mut Criterion, ways: &[Cpu]) {
    for len in [32, 64, 128, 256, 512, 4_096] {
        let messages: Vec<_> = (0..512).map(|i| bytes(i, len)).collect();
        let views: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let mut group = c.benchmark_group(format!("sha256/{len}"));
        group.throughput(Throughput::Elements(views.len() as u64));
        group.bench_function("sha2", |b| b.iter(|| Reference.hash_many(black_box(&views))));
        for cpu in ways {
            group.bench_function(cpu.name(), |b| b.iter(|| cpu.hash_many(black_box(&views))));
        }
        group.finish();
    }
}

/// The root over 4,096 transactions, and over as many short items; criterion counts items.
fn merkle(c: &mut Criterion, ways: &[Cpu]) {
    for len in [32, 512] {
        let items: Vec<_> = (0..4_096).map(|i| bytes(i, len)).collect();
        let views: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
        let mut group = c.benchmark_group(format!("merkle/{len}"));
        group.throughput(Throughput::Elements(views.len() as u64));
        group.bench_function("sha2", |b| b.iter(|| Reference.merkle_root(black_box(&views))));
        for cpu in ways {
            group.bench_function(cpu.name(), |b| b.iter(|| cpu.merkle_root(black_box(&views))));
        }
        group.finish();
    }
}

/// A search without an answer; criterion counts nonces. Beside it, the header hashed twice from its
/// beginning, and from its midstate.
fn nonces(c: &mut Criterion, ways: &[Cpu]) {
    const COUNT: u64 = 30_000;
    let prefix: [u8; 76] = bytes(0, 76).try_into().expect("as long as asked");
    let puzzle = Puzzle { prefix, target: Target([0; 32]) };
    let mut group = c.benchmark_group("nonces");
    group.throughput(Throughput::Elements(COUNT));
    group.bench_function("sha2", |b| {
        b.iter(|| {
            let hash = |nonce| double_sha256(&black_box(&puzzle).header(nonce));
            (0..COUNT as u32).any(|nonce| puzzle.target.met_by(&hash(nonce)))
        });
    });
    group.bench_function("sha2 midstate", |b| {
        b.iter(|| (0..COUNT as u32).any(|nonce| from_midstate(black_box(&puzzle), nonce)));
    });
    for cpu in ways {
        group.bench_function(cpu.name(), |b| b.iter(|| cpu.search(black_box(&puzzle), 0..COUNT)));
    }
    group.finish();
}

/// The plainest search from a midstate. Any state costs the same, so both are made up.
fn from_midstate(puzzle: &Puzzle, nonce: u32) -> bool {
    const STATE: [u32; 8] = [1; 8];
    let mut block = [0; 64];
    block[..16].copy_from_slice(&puzzle.header(nonce)[64..]);
    block[16] = 0x80;
    block[56..].copy_from_slice(&640u64.to_be_bytes());
    let mut state = STATE;
    compress256(&mut state, &[block]);
    let mut block = [0; 64];
    for (four, word) in block.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *four = word.to_be_bytes();
    }
    block[32] = 0x80;
    block[56..].copy_from_slice(&256u64.to_be_bytes());
    let mut state = STATE;
    compress256(&mut state, &[block]);
    state[7] == 0 && state[6] == 0
}

fn all(c: &mut Criterion) {
    let ways = Cpu::every(1);
    many(c, &ways);
    merkle(c, &ways);
    nonces(c, &ways);
}

criterion_group!(name = benches; config = quick(); targets = all);
criterion_main!(benches);
