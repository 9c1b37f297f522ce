//! Signatures in batches, beside one at a time and beside the best batch verifier of another crate.
//!
//! `distinct`: every signature by another key, all of them seen before, as a node sees its clients
//! again (of the widest, more than are remembered); `fresh` forgets them first. `repeated`: 64 keys, as a
//! committee's. `portable` does without special instructions of ours, `portable fresh` without both.
//!
//! One at a time: `dalek` decodes the key, as nobody knows it, and verifies by the strict rule; `dalek verify,
//! keys decoded` is its plain `verify` with the keys decoded before, the least that a loop over it can cost.
//! Neither rule is the one that batches are checked by.

use std::hint::black_box;

use byzlab_accel::Cpu;
use byzlab_benches::{bytes, quick};
use byzlab_core::{Accelerator, Claim, Reference, Scheme, Signer};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ed25519_zebra::{Signature, VerificationKeyBytes, batch};
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

const WIDTHS: [usize; 8] = [1, 16, 64, 256, 1_024, 4_096, 16_384, 65_536];

/// The keys of a committee.
const REPEATED: usize = 64;

/// `width` claims over 64-byte statements by `keys` keys in turn.
fn claims(width: usize, keys: usize) -> Vec<Claim> {
    let signer = |i: usize| Signer::seeded(Scheme::Ed25519, 0, &(i % keys).to_string());
    (0..width)
        .map(|i| {
            let (signer, statement) = (signer(i), bytes(i as u64, 64));
            let signature = signer.sign(&statement);
            Claim::Signed { by: signer.public(), statement: statement.into(), signature }
        })
        .collect()
}

/// The parts of a signature claim.
fn parts(claim: &Claim) -> ([u8; 32], [u8; 64], &[u8]) {
    match claim {
        Claim::Signed { by, statement, signature } => (by.0, signature.0, statement),
        other => unreachable!("{other:?} is not a signature"),
    }
}

/// `ed25519_zebra`'s batches: one verdict for all.
fn zebra_batch(claims: &[Claim]) -> bool {
    let mut batch = batch::Verifier::new();
    for (key, signature, statement) in claims.iter().map(parts) {
        batch.queue((VerificationKeyBytes::from(key), Signature::from(signature), statement));
    }
    batch.verify(ChaCha12Rng::seed_from_u64(0)).is_ok()
}

/// One after another under the rule of RFC 8032, as `ed25519_dalek` reads it.
fn dalek(claims: &[Claim]) -> bool {
    claims.iter().map(parts).all(|(key, signature, statement)| {
        ed25519_dalek::VerifyingKey::from_bytes(&key)
            .is_ok_and(|key| key.verify_strict(statement, &signature.into()).is_ok())
    })
}

/// The same one after another, keys decoded, under the looser of its rules.
fn dalek_decoded(keys: &[ed25519_dalek::VerifyingKey], claims: &[Claim]) -> bool {
    claims.iter().map(parts).zip(keys).all(|((_, signature, statement), key)| {
        ed25519_dalek::Verifier::verify(key, statement, &signature.into()).is_ok()
    })
}

fn single(c: &mut Criterion) {
    let claims = claims(16, 16);
    let decoded = |claim| ed25519_dalek::VerifyingKey::from_bytes(&parts(claim).0);
    let keys: Vec<_> = claims.iter().map(|claim| decoded(claim).expect("a good key")).collect();
    let mut group = c.benchmark_group("ed25519/single");
    group.throughput(Throughput::Elements(claims.len() as u64));
    group.bench_function("dalek", |b| b.iter(|| dalek(black_box(&claims))));
    group.bench_function("dalek verify, keys decoded", |b| {
        b.iter(|| dalek_decoded(&keys, black_box(&claims)));
    });
    group.bench_function("zebra", |b| b.iter(|| Reference.check(black_box(&claims))));
    group.finish();
}

fn batches(c: &mut Criterion, name: &str, keys: usize) {
    let all = claims(WIDTHS[WIDTHS.len() - 1], keys);
    for width in WIDTHS {
        let claims = &all[..width];
        let mut group = c.benchmark_group(format!("ed25519/{name}/{width}"));
        group.throughput(Throughput::Elements(width as u64));
        group.bench_function("zebra batch", |b| b.iter(|| zebra_batch(black_box(claims))));
        let cpu = Cpu::new(Some(1));
        group.bench_function("cpu", |b| b.iter(|| cpu.check(black_box(claims))));
        let portable = Cpu::portable(1);
        group.bench_function("cpu portable", |b| b.iter(|| portable.check(black_box(claims))));
        if keys > REPEATED {
            for (name, is_portable) in [("cpu fresh", false), ("cpu portable fresh", true)] {
                let new = || if is_portable { Cpu::portable(1) } else { Cpu::new(Some(1)) };
                group.bench_function(name, |b| {
                    b.iter_batched(new, |cpu| cpu.check(black_box(claims)), BatchSize::SmallInput);
                });
            }
        }
        group.finish();
    }
}

/// One wrong signature in a batch, and nothing but wrong ones.
fn failures(c: &mut Criterion) {
    let good = claims(1_024, 1_024);
    for bad in [0, 1, 16, 1_024] {
        let mut claims = good.clone();
        for i in 0..bad {
            if let Claim::Signed { signature, .. } = &mut claims[i * 1_024 / bad] {
                signature.0[40] ^= 1;
            }
        }
        let mut group = c.benchmark_group(format!("ed25519/{bad} bad of 1024"));
        group.throughput(Throughput::Elements(1_024));
        for (name, cpu) in [("cpu", Cpu::new(Some(1))), ("cpu portable", Cpu::portable(1))] {
            group.bench_function(name, |b| b.iter(|| cpu.check(black_box(&claims))));
        }
        group.finish();
    }
}

fn all(c: &mut Criterion) {
    single(c);
    batches(c, "distinct", WIDTHS[WIDTHS.len() - 1]);
    batches(c, "repeated", REPEATED);
    failures(c);
}

criterion_group!(name = benches; config = quick(); targets = all);
criterion_main!(benches);
