//! The verdict on a signature is the same alone, in any batch, and on any number of threads.

#![allow(clippy::unwrap_used)]

mod corpus;

use byzlab_accel::Cpu;
use byzlab_core::{Accelerator, Claim, Reference};
use corpus::*;
use curve25519_dalek::Scalar;
use proptest::{collection::vec, prelude::*, sample::select};

/// With what this machine has, and without.
fn both(threads: usize) -> [Cpu; 2] {
    [Cpu::new(Some(threads)), Cpu::portable(threads)]
}

#[test]
fn published_verdicts() {
    both(1).iter().for_each(gives_published_verdicts);
}

fn gives_published_verdicts(cpu: &Cpu) {
    assert_eq!(cpu.check(&rfc8032()), [true; 4]);
    let verdicts = wycheproof_verdicts();
    assert_eq!(verdicts.len(), 139);
    let got: Vec<_> =
        verdicts.iter().map(|(number, _)| *number).zip(cpu.check(&wycheproof())).collect();
    assert_eq!(got, verdicts);
    // gpu kernels and ed25519-zebra agree on these: 9 and 10 have s ≥ ℓ, 11 has a bad R.
    let verdicts = cpu.check(&speccheck());
    let rejected: Vec<_> = (0..15).filter(|&i| !verdicts[i]).collect();
    assert_eq!(rejected, [9, 10, 11]);
    assert_eq!(cpu.check(&small_order()), [true; 196]);
    assert_eq!(cpu.check(&mixed_order()), [true; 64]);
    assert_eq!(cpu.check(&malformed()), [false; 6]);
    assert_eq!(cpu.check(&flipped()), [false; 769]);
}

#[test]
fn each_alone_and_all_together() {
    let all = everything();
    let want = Reference.check(&all);
    for cpu in [1, 2, 3].into_iter().flat_map(both) {
        // Twice: the second time the keys are remembered.
        assert_eq!(cpu.check(&all), want, "{}", cpu.name());
        assert_eq!(cpu.check(&all), want, "{}, again", cpu.name());
        for (claim, want) in all.iter().zip(&want) {
            assert_eq!(cpu.check(std::slice::from_ref(claim)), [*want], "{claim:?}");
        }
    }
}

#[test]
fn one_bad_signature_anywhere_in_a_large_batch() {
    let good: Vec<_> = (0..600).map(|i| signed(&signer(i % 70), &i.to_le_bytes())).collect();
    for cpu in both(1) {
        assert_eq!(cpu.check(&good), [true; 600]);
        for bad in [0, 1, 299, 598, 599] {
            let mut claims = good.clone();
            if let Claim::Signed { signature, .. } = &mut claims[bad] {
                signature.0[40] ^= 1;
            }
            let verdicts = cpu.check(&claims);
            assert!(verdicts.iter().enumerate().all(|(i, &holds)| holds == (i != bad)), "{bad}");
        }
    }
}

/// Two wrong signatures whose errors cancel out: an unweighted sum would let both through.
#[test]
fn errors_do_not_cancel_out() {
    let mut claims: Vec<_> = (0..90).map(|i| signed(&signer(i), b"pair")).collect();
    for (at, add) in [(3, true), (11, false)] {
        if let Claim::Signed { signature, .. } = &mut claims[at] {
            let s = Scalar::from_canonical_bytes(*signature.0.last_chunk().unwrap()).unwrap();
            let s = if add { s + Scalar::ONE } else { s - Scalar::ONE };
            signature.0[32..].copy_from_slice(s.as_bytes());
        }
    }
    // As many as are checked one by one, and more.
    for count in [20, 90] {
        let want: Vec<_> = (0..count).map(|i| i != 3 && i != 11).collect();
        for cpu in both(1) {
            assert_eq!(cpu.check(&claims[..count]), want, "{count} by {}", cpu.name());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_mixture_in_any_order(
        claims in vec(select(everything()), 0..250), cut in 0usize..250, threads in 1usize..4,
    ) {
        let want = Reference.check(&claims);
        let (left, right) = claims.split_at(cut.min(claims.len()));
        for cpu in both(threads) {
            prop_assert_eq!(&cpu.check(&claims), &want);
            prop_assert_eq!(&[cpu.check(left), cpu.check(right)].concat(), &want);
        }
    }

    #[test]
    fn random_bytes(
        keys in vec(any::<[u8; 32]>(), 40), rs in vec(any::<[u8; 32]>(), 40), s in any::<u128>(),
    ) {
        let s = Scalar::from(s).to_bytes();
        let claims: Vec<_> =
            keys.into_iter().zip(rs).map(|(key, r)| claim(key, b"", r, s)).collect();
        let want = Reference.check(&claims);
        for cpu in both(1) {
            prop_assert_eq!(&cpu.check(&claims), &want);
        }
    }
}
