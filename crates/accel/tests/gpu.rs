//! The GPU's answers are the reference's: on the software adapter, whose kernels are the same.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use byzlab_accel::{
    Cpu,
    choice::{Device, Routed, WallClock},
    gpu::{Error, Fault, Gpu, Kind, MESSAGE_MAX, Options, Select, adapters, testing},
};
use byzlab_core::{
    Accelerator, Batch, Claim, Committee, Digest, Puzzle, Reference, Scheme, Seal, Signer, Target,
    Task, Transaction,
};
use common::{messages, puzzle, views};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};

fn open(options: Options) -> Option<Gpu> {
    let adapter = testing::software()?;
    Some(Gpu::on(&adapter, options, Arc::new(Cpu::new(Some(2)))).unwrap())
}

/// One for all tests that leave it whole.
fn shared() -> Option<&'static Gpu> {
    static GPU: OnceLock<Option<Gpu>> = OnceLock::new();
    GPU.get_or_init(|| open(Options::default())).as_ref()
}

#[test]
fn messages_of_every_length() {
    let Some(gpu) = shared() else { return };
    let bytes: Vec<u8> = (0..70_000u32).map(|i| (i * 31 / 7) as u8).collect();
    let edges = [1_000, 1_023, 4_096, MESSAGE_MAX - 1, MESSAGE_MAX, MESSAGE_MAX + 1, 70_000];
    let lengths: Vec<_> = (0..=260).chain(edges).collect();
    let messages: Vec<_> = lengths.iter().map(|&length| &bytes[..length]).collect();
    assert_eq!(gpu.try_hash_many(&messages), Ok(Reference.hash_many(&messages)));
    assert_eq!(gpu.try_hash_many(&[]), Ok(vec![]));
    let (short, long) = messages.split_at(200);
    assert_eq!(gpu.try_merkle_root(short), Ok(Reference.merkle_root(short)));
    assert_eq!(gpu.try_merkle_root(long), Ok(Reference.merkle_root(long)));
}

/// More messages than a batch holds, and more bytes: parts of both kinds.
#[test]
fn more_than_one_batch() {
    let Some(gpu) = shared() else { return };
    let cpu = Cpu::new(Some(2));
    let many = messages(140_001);
    let many = views(&many);
    assert_eq!(gpu.try_hash_many(&many), Ok(cpu.hash_many(&many)));
    assert_eq!(gpu.try_merkle_root(&many), Ok(cpu.merkle_root(&many)));
    let long = vec![7; 60_000];
    let heavy: Vec<&[u8]> = (0..700).map(|i| &long[i..]).collect();
    assert_eq!(gpu.try_hash_many(&heavy), Ok(cpu.hash_many(&heavy)));
    assert_eq!(gpu.try_merkle_root(&heavy), Ok(cpu.merkle_root(&heavy)));
}

#[test]
fn trees_of_every_size() {
    let Some(gpu) = shared() else { return };
    let messages = messages(4_099);
    let views = views(&messages);
    for count in (0..=130).chain([1_023, 1_024, 1_025, 2_047, 4_099]) {
        let root = Reference.merkle_root(&views[..count]);
        assert_eq!(gpu.try_merkle_root(&views[..count]), Ok(root), "{count} leaves");
    }
}

/// Of several runs on one device, each tells what it had done itself.
#[test]
fn who_counts_apart_counts_what_is_its_own() {
    let Some(gpu) = shared() else { return };
    let clock = || Box::new(WallClock::default());
    let device = gpu.device_apart().unwrap();
    let routed = Routed::only(Arc::new(Cpu::new(Some(1))), device, clock());
    let [one, other] = [routed.apart().unwrap(), routed.apart().unwrap()];
    one.hash_many(&[b"a", b"b", b"c"]);
    other.hash_many(&[b"d"]);
    other.merkle_root(&[b"e", b"f"]);
    let done = |run: &dyn Accelerator| {
        let usage = run.usage();
        [Task::Hashes, Task::Merkle].map(|task| usage.gpu.of(task).items)
    };
    assert_eq!((done(&*one), done(&*other)), ([3, 0], [1, 2]));
    assert_eq!(done(&routed), [0, 0], "nothing was asked through it");
    assert!(one.usage().has_gpu && one.usage().gpu_ns > 0);
    assert!(gpu.stats().calls >= 3, "the device's own count has all");
    let cpu = Cpu::new(Some(1));
    let apart = cpu.apart().unwrap();
    apart.hash_many(&[b"g"]);
    assert_eq!((cpu.usage().cpu.all().items, apart.usage().cpu.all().items), (0, 1));
}

/// Callers of every kind at once, with more batches each than can be in flight.
#[test]
fn callers_do_not_wait_for_each_other() {
    let Some(gpu) = shared() else { return };
    let many = messages(140_001);
    let many = views(&many);
    let cpu = Cpu::new(Some(1));
    let (digests, root) = (cpu.hash_many(&many), cpu.merkle_root(&many));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(gpu.try_hash_many(&many).as_ref(), Ok(&digests)));
            scope.spawn(|| assert_eq!(gpu.try_merkle_root(&many), Ok(root)));
            scope.spawn(|| assert_eq!(gpu.try_search(&puzzle(31), 0..1 << 19), Ok(None)));
        }
    });
}

/// At the ends of ranges, of slices and of all nonces; the lowest of several; none.
#[test]
fn the_lowest_nonce_wins() {
    let Some(gpu) = shared() else { return };
    let cpu = Cpu::new(Some(2));
    let ends = [0..0, 5..5, 0..1, 3..40_000, 65_535..65_537, 4_294_900_000..1 << 32];
    for bits in [0, 1, 4, 12] {
        for nonces in ends.clone() {
            let want = Reference.search(&puzzle(bits), nonces.clone());
            let found = gpu.try_search(&puzzle(bits), nonces.clone());
            assert_eq!(found, Ok(want), "{bits} bits in {nonces:?}");
        }
    }
    for nonces in [0..1 << 21, 1_000_001..1 << 22, 0xffe0_0000..1 << 32] {
        let want = cpu.search(&puzzle(20), nonces.clone());
        assert_eq!(gpu.try_search(&puzzle(20), nonces), Ok(want));
    }
    let solution = cpu.search(&puzzle(20), 0..1 << 32).unwrap();
    let nonce = u64::from(solution.nonce);
    assert_eq!(gpu.try_search(&puzzle(20), nonce..nonce + 1), Ok(Some(solution)));
    assert_eq!(gpu.try_search(&puzzle(20), 0..nonce), Ok(None));
}

/// A target that a hash meets to the last bit, and one that it misses by one: the kernel lets both
/// through.
#[test]
fn the_whole_target_counts() {
    let Some(gpu) = shared() else { return };
    let mut exact = puzzle(10);
    let nonce = Reference.search(&exact, 0..100_000).unwrap().nonce;
    let hash = Seal { puzzle: exact.clone(), nonce }.hash().0;
    exact.target = Target(std::array::from_fn(|i| hash[31 - i]));
    let found = gpu.try_search(&exact, 0..100_000).unwrap();
    assert_eq!(found.map(|seal| seal.nonce), Some(nonce));
    exact.target.0[31] -= 1;
    let next = gpu.try_search(&exact, 0..1 << 20);
    assert_eq!(next, Ok(Cpu::new(Some(1)).search(&exact, 0..1 << 20)));
}

/// A signature that holds, and one that does not.
fn signed() -> [Claim; 2] {
    let signer = Signer::seeded(Scheme::Ed25519, 1, "signer");
    [b"yes", b"not"].map(|statement| Claim::Signed {
        by: signer.public(),
        statement: Bytes::from_static(statement),
        signature: signer.sign(b"yes"),
    })
}

#[test]
fn claims_of_every_kind() {
    let Some(gpu) = shared() else { return };
    let solved = Reference.search(&puzzle(8), 0..100_000).unwrap();
    let unsolved = Seal { puzzle: puzzle(31), nonce: 0 };
    let batch = Batch::empty();
    let false_root = Batch::parse(Digest([1; 32]), batch.bytes().clone()).unwrap();
    let mut claims = vec![
        Claim::Root(batch),
        Claim::Work(solved),
        Claim::Root(false_root),
        Claim::Work(unsolved),
    ];
    claims.extend(signed());
    assert_eq!(gpu.check(&claims), [true, true, false, false, true, false]);
    assert_eq!(gpu.check(&claims), Reference.check(&claims));
    assert!(gpu.check(&[]).is_empty());
}

#[test]
fn any_messages_and_puzzles() {
    let Some(gpu) = shared() else { return };
    let mut runner = TestRunner::new(Config::with_cases(48));
    let puzzles = (vec(any::<u8>(), 76), any::<u32>(), 0..14u32);
    runner
        .run(
            &(vec(vec(any::<u8>(), 0..300), 0..300), puzzles),
            |(messages, (prefix, start, bits))| {
                let views = views(&messages);
                prop_assert_eq!(gpu.try_hash_many(&views), Ok(Reference.hash_many(&views)));
                prop_assert_eq!(gpu.try_merkle_root(&views), Ok(Reference.merkle_root(&views)));
                let puzzle = Puzzle { prefix: prefix.try_into().unwrap(), ..puzzle(bits) };
                let nonces = u64::from(start)..(u64::from(start) + 9_000).min(1 << 32);
                let want = Cpu::new(Some(1)).search(&puzzle, nonces.clone());
                prop_assert_eq!(gpu.try_search(&puzzle, nonces), Ok(want));
                Ok(())
            },
        )
        .unwrap();
}

#[test]
fn it_says_what_it_is_and_what_it_did() {
    let Some(gpu) = open(Options::default()) else { return };
    let info = gpu.info();
    assert_eq!(info.kind, Kind::Software);
    assert!(gpu.name().contains(&info.name) && gpu.name().contains("software adapter"));
    assert!(!info.driver.is_empty() && !info.backend.is_empty());
    let before = gpu.stats();
    gpu.hash_many(&[b"one", b"two"]);
    let after = gpu.stats();
    assert_eq!((after.batches, after.items), (before.batches + 1, before.items + 2));
    assert_eq!((after.calls, gpu.usage().gpu.all().calls), (1, 1), "the self-test is no call");
    assert!(after.wait_ns > 0);
    assert!(after.bytes_up > before.bytes_up && after.bytes_down >= before.bytes_down + 64);
    assert_eq!((after.waiting, after.mismatches, after.fallbacks), (0, 0, 0));
    assert!(after.rechecked > 0, "the self-test is checked again like everything else");
    assert_eq!(info.clock, after.kernel_ns > 0);
    assert_eq!(gpu.failure(), None);
}

/// A wrong answer is found, ends the use of the adapter, and reaches nobody.
#[test]
fn a_liar_is_found_out() {
    let cases: [fn(&Gpu); 4] = [
        |gpu| assert_eq!(gpu.check(&signed()), [true, false]),
        |gpu| {
            let messages = messages(600);
            let digests = gpu.hash_many(&views(&messages));
            assert_eq!(digests, Reference.hash_many(&views(&messages)));
        },
        |gpu| {
            let found = gpu.search(&puzzle(10), 0..100_000);
            assert_eq!(found, Reference.search(&puzzle(10), 0..100_000));
        },
        |gpu| {
            let claims = [Claim::Root(Batch::empty()), Claim::Root(batch_of(100))];
            assert_eq!(gpu.check(&claims), [true, true]);
        },
    ];
    for case in cases {
        let Some(gpu) = open(Options::default()) else { return };
        gpu.inject(Fault::Lie);
        case(&gpu);
        assert!(matches!(gpu.failure(), Some(Error::Wrong(_))), "{:?}", gpu.failure());
        assert_eq!(gpu.stats().mismatches, 1);
        let batches = gpu.stats().batches;
        case(&gpu);
        assert_eq!(gpu.stats().batches, batches, "it is not asked again");
        assert!(gpu.stats().fallbacks > 0);
    }
}

/// What clients leave unsigned has the bytes that they would have sent, whoever signs it; a wrong signature
/// does not leave.
#[test]
fn transactions_are_signed_together() {
    let Some(gpu) = open(Options::default()) else { return };
    let signer = |i| Signer::seeded(Scheme::Ed25519, 1, &format!("client/{i}"));
    let signers: Vec<_> = (0..3).map(signer).collect();
    let committee = Committee::new("test", vec![signers[0].public()], true);
    let payloads = |i: u64| (0..90).map(move |n| vec![i as u8; 8 + (n % 70) as usize]);
    let both = |i: u64| {
        let signer = &signers[i as usize];
        let made = Transaction::many(&committee, signer, 7, payloads(i));
        (made, Transaction::many_unsigned(&committee, signer, 7, payloads(i)))
    };
    let (want, unsigned): (Vec<_>, Vec<_>) = (0..3).map(both).unzip();
    let sign = |by: &dyn Accelerator| {
        let mut all = unsigned.clone();
        let with_signers = signers.iter().zip(&mut all);
        let pairs = with_signers.flat_map(|(by, some)| some.iter_mut().map(move |one| (by, one)));
        Transaction::sign_all(pairs.collect(), by);
        all
    };
    assert!(gpu.gathers_signing() && !Cpu::new(Some(1)).gathers_signing());
    assert_eq!(sign(&gpu), want);
    assert_eq!((gpu.stats().calls, gpu.stats().fallbacks), (1, 0));
    assert_eq!(sign(&Cpu::new(Some(2))), want);
    gpu.inject(Fault::Lie);
    assert_eq!(sign(&gpu), want);
    assert!(matches!(gpu.failure(), Some(Error::Wrong(_))));
}

fn batch_of(count: u64) -> Batch {
    let signer = Signer::seeded(Scheme::Ed25519, 1, "client/0");
    let committee = Committee::new("test", vec![signer.public()], false);
    let transactions: Vec<_> =
        (0..count).map(|n| Transaction::new(&committee, &signer, n, &n.to_le_bytes())).collect();
    Batch::new(&transactions, &Reference)
}

#[test]
fn the_cpu_takes_over_from_a_lost_device() {
    // Nobody sees the pause end; who drops the accelerator does not wait for it.
    let pause = Some(Duration::from_secs(3_600));
    let Some(gpu) = open(Options { pause, ..Options::default() }) else { return };
    gpu.inject(Fault::Lose);
    let messages = messages(100);
    let views = views(&messages);
    for _ in 0..2 {
        assert_eq!(gpu.hash_many(&views), Reference.hash_many(&views));
        assert_eq!(gpu.merkle_root(&views), Reference.merkle_root(&views));
    }
    assert_eq!(gpu.stats().fallbacks, 4);
    assert!(gpu.failure().is_some());
    assert_eq!((gpu.usage().lost, gpu.usage().reopened), (1, 0));
}

/// It comes back, and counts on, as often as it is lost.
#[test]
fn a_lost_device_is_opened_again() {
    let pause = Some(Duration::from_millis(1));
    let Some(gpu) = open(Options { pause, ..Options::default() }) else { return };
    let messages = messages(100);
    let views = views(&messages);
    for round in 1..=2 {
        gpu.hash_many(&views);
        let before = gpu.stats();
        gpu.inject(Fault::Lose);
        assert_eq!(gpu.hash_many(&views), Reference.hash_many(&views));
        assert_eq!(gpu.stats().fallbacks, round);
        while gpu.failure().is_some() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(gpu.try_hash_many(&views), Ok(Reference.hash_many(&views)));
        assert_eq!(gpu.check(&signed()), [true, false]);
        let after = gpu.stats();
        assert_eq!((after.lost, after.reopened, after.mismatches), (round, round, 0));
        assert!(after.items >= before.items + 102 && after.fallbacks == round);
    }
}

/// One that was wrong is not, though it is lost as well.
#[test]
fn a_liar_is_not_opened_again() {
    let pause = Some(Duration::from_millis(1));
    let Some(gpu) = open(Options { pause, ..Options::default() }) else { return };
    gpu.inject(Fault::Lie);
    assert_eq!(gpu.check(&signed()), [true, false]);
    gpu.inject(Fault::Lose);
    for _ in 0..2 {
        assert_eq!(gpu.check(&signed()), [true, false]);
        assert!(matches!(gpu.failure(), Some(Error::Wrong(_))));
    }
    assert_eq!((gpu.usage().lost, gpu.usage().mismatches), (0, 1));
}

#[test]
fn the_cpu_takes_over_from_a_late_device() {
    let patience = Some(Duration::from_millis(500));
    let Some(gpu) = open(Options { patience, ..Options::default() }) else { return };
    gpu.inject(Fault::Stall);
    let messages = messages(100);
    let views = views(&messages);
    for _ in 0..3 {
        assert_eq!(gpu.hash_many(&views), Reference.hash_many(&views));
    }
    assert_eq!(gpu.stats().fallbacks, 3, "the second and third did not wait");
    assert_eq!(gpu.failure(), None);
    gpu.inject(Fault::Resume);
    while gpu.stats().waiting > 0 {
        std::thread::yield_now();
    }
    assert_eq!(gpu.try_hash_many(&views), Ok(Reference.hash_many(&views)));
    assert_eq!(gpu.stats().fallbacks, 3);
}

#[test]
fn a_machine_without_gpu_says_so() {
    if adapters().iter().any(|adapter| adapter.kind != Kind::Software) {
        return;
    }
    let error = Gpu::open(Select::Hardware, Arc::new(Cpu::new(Some(1)))).unwrap_err();
    assert!(error.to_string().starts_with("no GPU; found: "), "{error}");
}
