//! BLS signatures, and what certificates of either scheme cost: what `CpuModel::server` charges.
//!
//! `min_pk` is the yardstick: `blst`'s other variant, plain, whose figures on the machine of the model are
//! known: 0.79 ms a verification, 0.88 and 1.02 ms for aggregates of 64 and 256.

use std::hint::black_box;

use blst::min_pk;
use byzlab_accel::Cpu;
use byzlab_benches::quick;
use byzlab_core::{
    Accelerator, Claim, Committee, PublicKey, ReplicaId, Scheme, Signature, Signer, Statement,
    VoteKeys, crypto::bls,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Quorums of 4, 16, 64 and 256 replicas.
const QUORUMS: [u16; 4] = [3, 11, 43, 171];
/// How many votes wait together.
const WIDTHS: [usize; 4] = [1, 3, 16, 64];

/// A committee of 256 that signs so, and its signers.
fn committee(scheme: Scheme) -> (Committee, Vec<Signer>) {
    let signers: Vec<_> =
        (0..256).map(|i| Signer::seeded(scheme, 0, &format!("replica/{i}"))).collect();
    let keys: Vec<PublicKey> = signers.iter().map(Signer::public).collect();
    let committee = Committee::new("bench", keys, false);
    let pairs: Vec<_> = signers.iter().filter_map(Signer::vote_key).collect();
    if pairs.is_empty() {
        return (committee, signers);
    }
    (committee.voting_with(VoteKeys::new(&pairs).expect("keys of their own")), signers)
}

/// What replicas sign when they vote: as long as those of the protocols are.
fn statement(committee: &Committee) -> Statement {
    committee.statement("bench/vote", &([7u64; 2], [1u8; 32]))
}

/// One claim a vote of the first `count` replicas.
fn votes(committee: &Committee, signers: &[Signer], count: usize) -> Vec<Claim> {
    let said = statement(committee);
    let claim = |(id, signer): (ReplicaId, &Signer)| {
        committee.signed(id, &said, signer.sign(&said.0)).expect("a replica")
    };
    committee.ids().zip(signers).take(count).map(claim).collect()
}

fn yardstick(c: &mut Criterion) {
    const DST: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
    let secret = |i: u8| min_pk::SecretKey::key_gen(&[i; 32], &[]).expect("32 bytes suffice");
    let secrets: Vec<_> = (0..=255).map(secret).collect();
    let keys: Vec<_> = secrets.iter().map(min_pk::SecretKey::sk_to_pk).collect();
    let said = statement(&committee(Scheme::Ed25519).0);
    let shares: Vec<_> = secrets.iter().map(|secret| secret.sign(&said.0, DST, &[])).collect();
    let mut group = c.benchmark_group("min_pk");
    group.bench_function("check", |b| {
        b.iter(|| shares[0].verify(false, black_box(&said.0), DST, &[], &keys[0], false));
    });
    for count in [64, 256] {
        let sum = min_pk::AggregateSignature::aggregate(&all(&shares[..count]), false);
        let sum = sum.expect("signatures add up").to_signature();
        group.bench_function(format!("check an aggregate of {count}"), |b| {
            let keys = all(&keys[..count]);
            b.iter(|| sum.fast_aggregate_verify(false, black_box(&said.0), DST, &keys));
        });
    }
    group.finish();
}

fn all<T>(list: &[T]) -> Vec<&T> {
    list.iter().collect()
}

fn one(c: &mut Criterion) {
    for (name, scheme) in [("ed25519", Scheme::Ed25519), ("bls", Scheme::Bls)] {
        let (committee, signers) = committee(scheme);
        let said = statement(&committee);
        let cpu = Cpu::new(Some(1));
        let mut group = c.benchmark_group(format!("votes/{name}"));
        group.bench_function("sign", |b| b.iter(|| signers[0].sign(black_box(&said.0))));
        for width in WIDTHS {
            let claims = votes(&committee, &signers, width);
            group.throughput(Throughput::Elements(width as u64));
            group.bench_function(format!("check {width}"), |b| {
                b.iter(|| assert!(cpu.check(black_box(&claims)).iter().all(|&holds| holds)));
            });
        }
        group.finish();
    }
}

fn certificates(c: &mut Criterion) {
    let (committee, signers) = committee(Scheme::Bls);
    let said = statement(&committee);
    let shares: Vec<Signature> = signers.iter().map(|signer| signer.sign(&said.0)).collect();
    let cpu = Cpu::new(Some(1));
    for quorum in QUORUMS {
        let shares = &shares[..usize::from(quorum)];
        let mut group = c.benchmark_group(format!("certificates/bls/{quorum}"));
        group.throughput(Throughput::Elements(quorum.into()));
        group.bench_function("add up", |b| b.iter(|| bls::sum(black_box(shares))));
        let ids: Vec<_> = (0..quorum).map(ReplicaId).collect();
        let sum = bls::sum(shares).expect("signatures that add up");
        let claim = committee.aggregate(ids.into(), &said, sum).expect("a quorum");
        group.bench_function("check", |b| {
            b.iter(|| assert!(cpu.check(black_box(std::slice::from_ref(&claim)))[0]));
        });
        group.finish();
    }
    let (committee, signers) = self::committee(Scheme::Ed25519);
    for quorum in QUORUMS {
        let claims = votes(&committee, &signers, quorum.into());
        let mut group = c.benchmark_group(format!("certificates/ed25519/{quorum}"));
        group.throughput(Throughput::Elements(quorum.into()));
        group.bench_function("check", |b| {
            b.iter(|| assert!(cpu.check(black_box(&claims)).iter().all(|&holds| holds)));
        });
        group.finish();
    }
}

criterion_group!(name = benches; config = quick(); targets = yardstick, one, certificates);
criterion_main!(benches);
