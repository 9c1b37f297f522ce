//! Whom to believe: what becomes of an adapter that is wrong, in whichever way, and of what it did. On the
//! software adapter, with faults that are made.

#![allow(clippy::unwrap_used)]

mod common;

use std::{sync::Arc, thread, time::Duration};

use byzlab_accel::{
    Cpu,
    choice::{Routed, Samples, WallClock},
    gpu::{Error, Fault, Gpu, Options, testing},
};
use byzlab_core::{
    Accelerator, Batch, Claim, Committee, Cost, Costs, Profile, Reference, Scheme, Signer, Task,
    Transaction, Work, usage::Done,
};
use common::{messages, puzzle, views};

fn tried(options: Options) -> Option<Result<Gpu, Error>> {
    let adapter = testing::software()?;
    Some(Gpu::on(&adapter, options, Arc::new(Cpu::new(Some(2)))))
}

fn open(options: Options) -> Option<Gpu> {
    tried(options).map(Result::unwrap)
}

/// Signatures that hold, or do not.
fn signed(count: usize, good: bool) -> Vec<Claim> {
    let signer = Signer::seeded(Scheme::Ed25519, 1, "signer");
    let claim = |i: usize| {
        let statement = i.to_le_bytes();
        let mut signature = signer.sign(&statement);
        signature.0[40] ^= u8::from(!good);
        Claim::Signed { by: signer.public(), statement: statement.to_vec().into(), signature }
    };
    (0..count).map(claim).collect()
}

fn batch_of(count: u64) -> Batch {
    let signer = Signer::seeded(Scheme::Ed25519, 1, "client/0");
    let committee = Committee::new("test", vec![signer.public()], false);
    let transactions: Vec<_> =
        (0..count).map(|n| Transaction::new(&committee, &signer, n, &n.to_le_bytes())).collect();
    Batch::new(&transactions, &Reference)
}

/// The same costs for all work: so much a call.
fn cost(start_ns: u64) -> Costs {
    let mut costs = Costs::default();
    let cost = Cost { start_ns, item_ps: 1, ..Cost::default() };
    Work::ALL.into_iter().for_each(|work| *costs.of_mut(work) = cost);
    costs
}

/// What routes everything to the GPU by itself: by its costs, or without asking.
fn routed(gpu: Arc<Gpu>, by_cost: bool) -> Routed {
    let (dear, cheap) = (cost(1 << 40), cost(1));
    let profile = Profile { about: "made up".into(), cpu: dear, gpu: Some(cheap), cores: None };
    let (cpu, clock) = (gpu.cpu().clone(), Box::new(WallClock::default()));
    match by_cost {
        true => Routed::new(cpu, gpu, &profile, clock),
        false => Routed::only(cpu, gpu, clock),
    }
}

/// A liar that rejects what holds is found out by the first root under a choice by cost, and also where
/// nobody speaks of a claim.
#[test]
fn a_rejected_root_is_computed_again() {
    let batch = batch_of(100);
    // Roots are computed again one in so many: the first by the self-test.
    for as_claim in [true, false] {
        let Some(gpu) = open(Options::default()) else { return };
        let gpu = Arc::new(gpu);
        let routed = routed(gpu.clone(), true);
        gpu.inject(Fault::Lie);
        if as_claim {
            assert_eq!(routed.check(&[Claim::Root(batch.clone())]), [true]);
        } else {
            assert!(batch.root_holds(&routed));
        }
        assert!(matches!(gpu.failure(), Some(Error::Wrong(_))), "{:?}", gpu.failure());
        assert_eq!(routed.usage().mismatches, 1, "as a claim: {as_claim}");
    }
}

/// What the CPU did is the CPU's, whoever was asked: what it took over, what is never the GPU's; and a search
/// counts the nonces that it tried.
#[test]
fn work_is_counted_where_it_is_done() {
    for by_cost in [true, false] {
        // A lost device is let lie for long: it stays lost.
        let pause = Some(Duration::from_secs(3_600));
        let Some(gpu) = open(Options { pause, ..Options::default() }) else { return };
        let gpu = Arc::new(gpu);
        let routed = routed(gpu.clone(), by_cost);
        assert_eq!(routed.usage().gpu.all(), Done::default(), "the self-test is none of its work");
        let solved = routed.search(&puzzle(8), 0..1 << 30).unwrap();
        let mut claims = [signed(1, true), signed(1, false)].concat();
        claims.extend([Claim::Work(solved.clone()), Claim::Root(batch_of(3))]);
        assert_eq!(routed.check(&claims), [true, false, true, true]);
        let usage = routed.usage();
        let done = |calls, items| Done { calls, items };
        assert_eq!(usage.gpu.of(Task::Nonces), done(1, u64::from(solved.nonce) + 1));
        assert_eq!(usage.gpu.of(Task::Signatures), done(1, 2));
        assert_eq!(usage.gpu.of(Task::Merkle), done(1, 3));
        assert_eq!((usage.cpu.all(), usage.cpu.of(Task::Seals)), (done(1, 1), done(1, 1)));
        assert!(usage.has_gpu && usage.gpu_ns > 0);
        // From here on the CPU does everything.
        gpu.inject(Fault::Lose);
        let messages = messages(100);
        assert_eq!(routed.hash_many(&views(&messages)), Reference.hash_many(&views(&messages)));
        assert_eq!(routed.check(&signed(2, false)), [false, false]);
        let usage = routed.usage().since(usage);
        assert_eq!(usage.gpu.all(), Done::default());
        assert_eq!(usage.cpu.of(Task::Hashes), done(1, 100));
        assert_eq!(usage.cpu.of(Task::Signatures), done(1, 2));
        assert_eq!(usage.taken_over.of(Task::Hashes), done(1, 100), "it was tried");
        let tried = if by_cost { Done::default() } else { done(1, 2) };
        assert_eq!(
            usage.taken_over.of(Task::Signatures),
            tried,
            "by cost, a lost one is not asked"
        );
    }
}

/// It is asked before it is used, by every kind of work: the first wrong answer, or a verdict that is too kind.
#[test]
fn who_is_wrong_when_opened_is_refused() {
    for (fault, about) in [(Fault::Lie, "digest"), (Fault::Accept, "verdict")] {
        let Some(tried) = tried(Options { fault: Some(fault), ..Options::default() }) else {
            return;
        };
        match tried {
            Err(Error::Wrong(what)) => assert!(what.contains(about), "{fault:?}: {what}"),
            other => panic!("{fault:?}: {other:?}"),
        }
    }
}

/// Lost while it was right, and wrong when opened again: it is not opened a third time.
#[test]
fn who_is_wrong_when_opened_again_is_given_up() {
    let pause = Some(Duration::from_millis(1));
    let Some(gpu) = open(Options { pause, ..Options::default() }) else { return };
    gpu.inject(Fault::LieAgain);
    gpu.inject(Fault::Lose);
    let messages = messages(10);
    let right = Reference.hash_many(&views(&messages));
    assert_eq!(gpu.hash_many(&views(&messages)), right);
    while !matches!(gpu.failure(), Some(Error::Wrong(_))) {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(gpu.hash_many(&views(&messages)), right);
    let usage = gpu.usage();
    assert_eq!((usage.lost, usage.reopened, usage.mismatches), (1, 0, 1));
    assert_eq!((usage.gpu.all().calls, usage.taken_over.of(Task::Hashes).calls), (0, 2));
}

/// Rejections are all checked again; of what is accepted, one in 256. That is enough to find out who accepts
/// everything, and late enough that less may pass.
#[test]
fn who_accepts_everything_is_found_out() {
    let Some(gpu) = open(Options::default()) else { return };
    gpu.inject(Fault::Accept);
    assert_eq!(gpu.check(&signed(300, true)), vec![true; 300], "the truth is no fault");
    assert_eq!((gpu.failure(), gpu.usage().mismatches), (None, 0));
    assert_eq!(gpu.check(&signed(256, false)), vec![false; 256]);
    assert!(matches!(gpu.failure(), Some(Error::Wrong(_))), "{:?}", gpu.failure());
    assert_eq!(gpu.usage().mismatches, 1);
}

/// Who is to sign is warm before anyone waits, also where a judge would give so little to the CPU.
#[test]
fn signing_is_warm_when_it_is_expected() {
    let Some(gpu) = open(Options::default()) else { return };
    let gpu = Arc::new(gpu);
    let before = gpu.stats();
    let never =
        Profile { about: "never".into(), cpu: cost(1), gpu: Some(cost(1 << 40)), cores: None };
    let (cpu, clock) = (gpu.cpu().clone(), Box::new(WallClock::default()));
    let auto = Routed::new(cpu, gpu.clone(), &never, clock);
    auto.expect_signing();
    let warm = gpu.stats();
    assert!(warm.batches > before.batches && warm.rechecked > before.rechecked, "it was tried");
    let signer = Signer::seeded(Scheme::Ed25519, 1, "signer");
    let statement: &[u8] = b"statement";
    assert_eq!(gpu.sign_many(&[(&signer, statement)]), [signer.sign(statement)]);
    assert_eq!(gpu.stats().batches, warm.batches + 2, "its two passes, and no compiler");
}

/// A batch of a size that is expected, or that was seen before, makes no buffer on the device.
#[test]
fn calls_make_no_buffers() {
    let Some(gpu) = open(Options::default()) else { return };
    let mut samples = Samples::new(1_024);
    gpu.expect_keys(&samples.committee()[..2]);
    gpu.expect_signing();
    let known: Vec<Claim> = samples.signatures(Work::KnownKeys, 1_024, false);
    let unknown = samples.signatures(Work::UnknownKeys, 1_024, false);
    let signers = samples.clients();
    let mut made = |count: usize| {
        let before = gpu.stats().buffers;
        let messages = samples.messages(count, false);
        gpu.hash_many(&messages);
        gpu.merkle_root(&messages);
        gpu.check(&known[..count.min(1_024)]);
        gpu.check(&unknown[..count.min(1_024)]);
        let signed: Vec<_> = signers.iter().cycle().zip(messages).take(1_024).collect();
        gpu.sign_many(&signed);
        gpu.search(&puzzle(31), 0..count as u64);
        gpu.stats().buffers - before
    };
    assert_eq!([1, 500, 1_024, 4_096].map(&mut made), [0; 4]);
    assert!(made(20_000) > 0, "there is more than was expected");
    assert_eq!([20_000, 10, 20_000].map(&mut made), [0; 3]);
    assert_eq!(gpu.failure(), None);
}
