//! Whatever the number of threads, the answers are the reference's.

#![allow(clippy::unwrap_used)]

mod common;

use byzlab_accel::Cpu;
use byzlab_core::{Accelerator, Batch, Claim, Reference, Seal, Target, merkle};
use common::{messages, puzzle, views};
use proptest::{collection::vec, prelude::*};

fn everyone() -> Vec<Cpu> {
    let mut all = vec![Cpu::new(Some(1)), Cpu::new(Some(3)), Cpu::portable(2)];
    all.extend(Cpu::every(1));
    all
}

#[test]
fn names_say_what_computes() {
    assert!(Cpu::new(Some(2)).name().starts_with("cpu (2 threads, "));
    assert_eq!(Cpu::portable(1).name(), "cpu (1 thread, portable sha)");
}

/// Counts on both sides of where work is split, and of a subtree's end.
#[test]
fn hashes_and_roots_at_every_size() {
    for count in [0, 1, 2, 5, 100, 2_047, 2_048, 2_049, 4_096, 4_099, 6_145] {
        let messages = messages(count);
        let views = views(&messages);
        let (digests, root) = (Reference.hash_many(&views), Reference.merkle_root(&views));
        for cpu in everyone() {
            assert_eq!(cpu.hash_many(&views), digests, "{count} by {}", cpu.name());
            assert_eq!(cpu.merkle_root(&views), root, "{count} by {}", cpu.name());
        }
    }
    assert_eq!(Cpu::portable(1).merkle_root(&[]), merkle::root(&[]));
}

/// The lowest nonce is found though another thread finds a higher one sooner; an empty range has none.
#[test]
fn the_lowest_nonce_wins() {
    for bits in [0, 1, 4, 12] {
        for nonces in [0..0, 5..5, 0..1, 3..40_000, 4_294_900_000..1 << 32] {
            let want = Reference.search(&puzzle(bits), nonces.clone());
            for cpu in everyone() {
                let found = cpu.search(&puzzle(bits), nonces.clone());
                assert_eq!(found, want, "{bits} bits in {nonces:?} by {}", cpu.name());
            }
        }
    }
}

/// A target that a hash meets to the last bit, and one that it misses by one: the top word is the same.
#[test]
fn the_whole_target_counts() {
    let cpu = Cpu::new(Some(2));
    let mut exact = puzzle(10);
    let nonce = Reference.search(&exact, 0..100_000).unwrap().nonce;
    exact.target =
        Target(std::array::from_fn(|i| Seal { puzzle: exact.clone(), nonce }.hash().0[31 - i]));
    assert_eq!(cpu.search(&exact, 0..100_000).map(|seal| seal.nonce), Some(nonce));
    exact.target.0[31] -= 1;
    assert_eq!(cpu.search(&exact, 0..u64::from(nonce) + 1), None);
}

#[test]
fn roots_and_work_are_claims_too() {
    let solved = Reference.search(&puzzle(8), 0..100_000).unwrap();
    let unsolved = Seal { puzzle: puzzle(31), nonce: 0 };
    let claims = [Claim::Root(Batch::empty()), Claim::Work(solved), Claim::Work(unsolved)];
    for cpu in everyone() {
        assert_eq!(cpu.check(&claims), [true, true, false]);
    }
    assert!(Cpu::default().check(&[]).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_messages(messages in vec(vec(any::<u8>(), 0..300), 0..60)) {
        let views = views(&messages);
        for cpu in everyone() {
            prop_assert_eq!(cpu.hash_many(&views), Reference.hash_many(&views));
            prop_assert_eq!(cpu.merkle_root(&views), Reference.merkle_root(&views));
        }
    }
}
