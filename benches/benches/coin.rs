//! The common coin: what `CpuModel::server` charges for a toss and for checking one.

use std::hint::black_box;

use byzlab_benches::quick;
use byzlab_core::{
    Coin, Committee, PublicKey, ReplicaId, Scheme, Signer,
    crypto::coin::{Part, Tossed},
};
use criterion::{Criterion, criterion_group, criterion_main};

/// How many tosses give the value among 4, 16, 64 and 256 replicas.
const THRESHOLDS: [usize; 4] = [2, 6, 22, 86];

fn tosses(c: &mut Criterion) {
    let signers: Vec<_> =
        (0..256).map(|i| Signer::seeded(Scheme::Ed25519, 0, &format!("replica/{i}"))).collect();
    let keys: Vec<PublicKey> = signers.iter().map(Signer::public).collect();
    let name = Committee::new("bench", keys.clone(), false).statement("bench/coin", &7u64);
    let mut group = c.benchmark_group("coin");
    group.bench_function("sign, for comparison", |b| {
        b.iter(|| signers[0].sign(black_box(&name.0)));
    });
    for threshold in THRESHOLDS {
        let coin = Coin::seeded(Scheme::Ed25519, 0, threshold, &keys).expect("a coin");
        let part = |i: usize| coin.open(ReplicaId(i as u16), &signers[i]).expect("its own");
        let parts: Vec<Part> = (0..threshold).map(part).collect();
        let toss = parts[0].toss(&name);
        if threshold == THRESHOLDS[0] {
            group.bench_function("toss", |b| b.iter(|| parts[0].toss(black_box(&name))));
            let by = ReplicaId(0);
            let tossed = Tossed { coin: coin.clone(), by, name: name.0.clone(), toss };
            group.bench_function("check a toss", |b| b.iter(|| assert!(tossed.holds())));
        }
        let all: Vec<_> =
            (0..).map(ReplicaId).zip(parts.iter().map(|part| part.toss(&name))).collect();
        group.bench_function(format!("the value of {threshold}"), |b| {
            b.iter(|| coin.value(&name, black_box(&all)));
        });
    }
    group.finish();
}

criterion_group!(name = benches; config = quick(); targets = tosses);
criterion_main!(benches);
