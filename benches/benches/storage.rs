//! Durable group commits: blocks of 512-byte transactions, one group a block, at each durability.
//!
//! Writes below the target folder, which should be on the disk that is meant. Bounded: a ledger is
//! thrown away after 64 blocks.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use byzlab_core::{
    Batch, Block, Committee, Proof, PublicKey, Reference, ReplicaId, Scheme, Signer, Transaction,
    block::Head,
};
use byzlab_node::storage::{Durability, Op, Opening, Store};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const BLOCKS: u64 = 64;

fn chain(committee: &Committee, transactions: u64) -> Vec<Block> {
    let signer = Signer::seeded(Scheme::Simulated, 1, "client/0");
    let payload = vec![7; 512 - Transaction::overhead(false)];
    let transactions: Vec<_> = (0..transactions)
        .map(|sequence| Transaction::new(committee, &signer, sequence, &payload))
        .collect();
    let batch = Batch::new(&transactions, &Reference);
    let mut head = Head::genesis(committee.chain);
    let next = |_| {
        let (height, batch) = (head.height.next(), batch.clone());
        let block =
            Block::chained(height, head.digest, ReplicaId(0), batch, Proof(vec![1; 300].into()));
        head = block.head();
        block
    };
    (0..BLOCKS).map(next).collect()
}

/// Time to append `groups` blocks, each durable before the next; opening and removing left out.
fn append(dir: &Path, opening: Opening<'_>, groups: &[Op], mut count: u64) -> Duration {
    let mut took = Duration::ZERO;
    while count > 0 {
        let _ = std::fs::remove_dir_all(dir);
        std::fs::create_dir_all(dir).expect("the target folder can be written to");
        let (mut store, _) = Store::open(dir, opening).expect("a fresh folder opens");
        let now = count.min(BLOCKS);
        let began = Instant::now();
        for group in &groups[..now as usize] {
            store.append(std::slice::from_ref(group)).expect("the disk takes it");
        }
        took += began.elapsed();
        count -= now;
    }
    took
}

fn group_commit(criterion: &mut Criterion) {
    let committee = Committee::new("bench", vec![PublicKey::default(); 4], false);
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("storage-bench");
    for durability in [Durability::Fsync, Durability::Os, Durability::Memory] {
        let mut group = criterion.benchmark_group(format!("storage/{durability}"));
        group.sample_size(10).measurement_time(Duration::from_secs(3));
        for transactions in [1, 50, 500] {
            let ops: Vec<_> = chain(&committee, transactions).into_iter().map(Op::Commit).collect();
            let (chain, replica) = (committee.chain, ReplicaId(0));
            let opening = Opening { chain, replica, durability, accelerator: &Reference };
            group.throughput(Throughput::Elements(transactions));
            group.bench_function(BenchmarkId::from_parameter(transactions), |bencher| {
                bencher.iter_custom(|count| append(&dir, opening, &ops, count));
            });
        }
        group.finish();
    }
    let _ = std::fs::remove_dir_all(&dir);
}

criterion_group!(benches, group_commit);
criterion_main!(benches);
