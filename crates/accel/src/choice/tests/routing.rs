use std::sync::atomic::Ordering;

use byzlab_core::{
    Accelerator, Batch, Claim, Committee, PublicKey, Puzzle, Reference, Scheme, Signer, Target,
    Task, Transaction, Work,
};

use super::{NARROW, Side, Virtual, all, pair};
use crate::choice::{Routed, Samples, differences};

#[test]
fn small_calls_stay_and_large_ones_go() {
    let (cpu, gpu, routed) = pair(false);
    let claims = Samples::new(8).signatures(Work::UnknownKeys, 500, false);
    assert_eq!(routed.check(&claims[..10]).len(), 10);
    assert_eq!((cpu.calls(), gpu.calls()), (1, 0));
    assert_eq!(routed.check(&claims), vec![true; 500]);
    assert_eq!((cpu.calls(), gpu.calls()), (1, 1));
    let mut samples = Samples::new(1);
    let messages = samples.messages(400, false);
    assert_eq!(routed.hash_many(&messages).len(), 400);
    routed.merkle_root(&messages[..4]);
    assert_eq!((cpu.calls(), gpu.calls()), (2, 2));
    routed.search(&Samples::puzzle(), 0..1_000);
    assert_eq!((cpu.calls(), gpu.calls()), (2, 3));
    let usage = routed.usage();
    let items = |task| (usage.cpu.of(task).items, usage.gpu.of(task).items);
    assert_eq!((items(Task::Signatures), items(Task::Hashes)), ((10, 500), (0, 400)));
    assert_eq!((items(Task::Merkle), items(Task::Nonces)), ((4, 0), (0, 1_000)));
    assert_eq!((usage.cpu.all().calls, usage.gpu.all().calls), (2, 3));
    assert_eq!(routed.check(&[]), Vec::<bool>::new());
}

/// An easy puzzle is solved in a few tries, however long the range is.
#[test]
fn a_search_counts_the_tries_it_expects() {
    let (cpu, gpu, routed) = pair(true);
    let easy = Puzzle { prefix: [3; 76], target: Target([0x3f; 32]) };
    assert!(routed.search(&easy, 0..1 << 32).is_some());
    assert_eq!((cpu.calls(), gpu.calls()), (1, 0));
}

/// Keys that were announced are one kind of work, all others another.
#[test]
fn known_and_unknown_keys_are_apart() {
    let (cpu, gpu, routed) = pair(false);
    let mut samples = Samples::new(64);
    routed.expect_keys(&samples.committee());
    let mut claims = samples.signatures(Work::KnownKeys, 300, false);
    claims.extend(samples.signatures(Work::UnknownKeys, 5, false));
    claims.rotate_left(150);
    assert_eq!(routed.check(&claims), vec![true; 305]);
    assert_eq!((cpu.calls(), gpu.calls()), (1, 1), "five went here, three hundred there");
    let usage = routed.usage();
    assert_eq!((usage.cpu.all().items, usage.gpu.all().items), (5, 300));
}

#[test]
fn a_side_that_fails_is_not_asked_until_it_is_well() {
    let (cpu, gpu, routed) = pair(false);
    let claims = Samples::new(8).signatures(Work::UnknownKeys, 500, false);
    routed.check(&claims);
    gpu.broken.store(true, Ordering::Relaxed);
    routed.check(&claims);
    assert_eq!((cpu.calls(), gpu.calls()), (1, 1));
    // Opened again, it is what it was.
    gpu.broken.store(false, Ordering::Relaxed);
    routed.check(&claims);
    assert_eq!((cpu.calls(), gpu.calls()), (1, 2));
}

/// A GPU that turns out slower than measured loses what it no longer does sooner.
#[test]
fn what_is_seen_changes_where_calls_go() {
    let (cpu, gpu, routed) = pair(false);
    gpu.percent.store(1_000, Ordering::Relaxed);
    let claims = Samples::new(8).signatures(Work::UnknownKeys, 150, false);
    (0..20).for_each(|_| drop(routed.check(&claims)));
    assert!(routed.refits() > 0);
    let at_gpu = gpu.calls();
    assert!((8..20).contains(&at_gpu), "{at_gpu} calls taught it");
    (0..20).for_each(|_| drop(routed.check(&claims)));
    assert_eq!(gpu.calls(), at_gpu);
    assert_eq!(cpu.calls(), 40 - at_gpu);
    let (narrow, wide) = routed.costs().unwrap();
    assert!(wide.unknown_keys.item_ps > 4 * 50_000);
    assert_eq!(narrow.hashes, NARROW, "other work is as it was");
}

/// Whichever side answers, and however a call is split between them, the answers are the reference's.
#[test]
fn answers_are_the_references() {
    let (cpu, gpu, routed) = pair(true);
    differences(&routed, 50).unwrap();
    assert!(cpu.calls() > 10 && gpu.calls() > 3, "{} and {}", cpu.calls(), gpu.calls());
    let committee = Committee::new("test", vec![PublicKey([1; 32])], true);
    let signer = Signer::seeded(Scheme::Ed25519, 1, "client");
    let transactions: Vec<_> =
        (0..100).map(|i| Transaction::new(&committee, &signer, i, &[7; 30])).collect();
    let batch = Batch::new(&transactions, &Reference);
    let mut claims: Vec<Claim> =
        batch.transactions().filter_map(|t| t.claim(&committee).unwrap()).collect();
    claims.insert(7, Claim::Root(batch));
    let Claim::Signed { by, statement, .. } = claims[0].clone() else { panic!("it is signed") };
    let signature = byzlab_core::Signature([9; 64]);
    claims.push(Claim::Signed { by, statement, signature });
    assert_eq!(routed.check(&claims), Reference.check(&claims));
    assert!(routed.name().contains("gpu") && routed.name().contains("cpu"));
}

/// Where the GPU is what is wanted, it gets everything, and answers though it is not well.
#[test]
fn all_of_it_to_the_gpu() {
    let clock = Virtual::default();
    let side = |name| Side::new(name, all(NARROW), &clock, true);
    let (cpu, gpu) = (side("cpu"), side("gpu"));
    let only = Routed::only(cpu.clone(), gpu.clone(), Box::new(clock));
    differences(&only, 5).unwrap();
    gpu.broken.store(true, Ordering::Relaxed);
    assert_eq!(only.hash_many(&[b"one"]), Reference.hash_many(&[b"one"]));
    assert_eq!((cpu.calls(), only.costs()), (0, None));
    assert!(only.usage().gpu.all().calls > 300);
}

/// What is said of a wrong answer says which.
#[test]
fn differences_are_found() {
    let (_, _, lies) = pair(false);
    let said = differences(&lies, 5).unwrap_err();
    assert!(said.contains("signature") && said.contains("false is right"), "{said}");
}
