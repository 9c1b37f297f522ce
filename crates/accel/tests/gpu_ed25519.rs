//! The verdict on a signature is the CPU's on a software adapter too, whichever integers it uses, and
//! whether the key has a table or not.

#![allow(clippy::unwrap_used)]

mod corpus;

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use byzlab_accel::{
    Cpu,
    gpu::{
        Engine, Options,
        ed25519::{Ed25519, Item, Limbs, Signatures},
        testing,
    },
};
use byzlab_core::{Accelerator, Claim, PublicKey, Reference, Signature, Signer};
use corpus::*;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

/// How many random signatures are compared on each representation, if that many are wanted.
const RANDOM: &str = "BYZLAB_RANDOM_SIGNATURES";

fn engine() -> Option<Arc<Engine>> {
    static ENGINE: OnceLock<Option<Arc<Engine>>> = OnceLock::new();
    let open = || Some(Engine::open(&testing::software()?, Options::default()).unwrap());
    ENGINE.get_or_init(open).clone()
}

/// A verifier for each representation that the adapter has.
fn verifiers() -> &'static [Ed25519] {
    static ALL: OnceLock<Vec<Ed25519>> = OnceLock::new();
    ALL.get_or_init(|| {
        let Some(engine) = engine() else { return Vec::new() };
        limbs(&engine).map(|limbs| Ed25519::new(&engine, Some(limbs)).unwrap()).collect()
    })
}

/// The representations that the adapter has.
fn limbs(engine: &Engine) -> impl Iterator<Item = Limbs> {
    Limbs::ALL.into_iter().filter(|limbs| *limbs == Limbs::U32 || engine.has_int64())
}

fn items(claims: &[Claim]) -> Vec<Item<'_>> {
    let item = |claim| match claim {
        &Claim::Signed { by, ref statement, signature } => Item { by, statement, signature },
        _ => unreachable!("signatures only"),
    };
    claims.iter().map(item).collect()
}

fn keys(claims: &[Claim]) -> Vec<PublicKey> {
    let keys: BTreeSet<_> = items(claims).iter().map(|item| item.by).collect();
    keys.into_iter().collect()
}

fn assert_same(verifier: &Ed25519, claims: &[Claim], want: &[bool]) {
    let mut got = vec![false; claims.len()];
    verifier.check(&items(claims), &mut got).unwrap();
    for ((claim, got), want) in claims.iter().zip(got).zip(want) {
        assert_eq!(got, *want, "{:?}: {claim:?}", verifier.limbs());
    }
}

#[test]
fn known_cases_by_keys_with_and_without_tables() {
    let claims = everything();
    let want = Reference.check(&claims);
    let every_key = keys(&claims);
    for verifier in verifiers() {
        assert_same(verifier, &claims, &want);
        // Tables for a few keys at a time, so that there is room for all of them.
        for some in every_key.chunks(16).take(6) {
            verifier.load_keys(some).unwrap();
            let under = |i: &usize| some.contains(&items(&claims)[*i].by);
            let of: Vec<_> = (0..claims.len()).filter(under).collect();
            let claims: Vec<_> = of.iter().map(|&i| claims[i].clone()).collect();
            let want: Vec<_> = of.iter().map(|&i| want[i]).collect();
            assert_same(verifier, &claims, &want);
        }
    }
}

/// All of Wycheproof's that can be stated: its verdicts are the rule's here.
#[test]
fn published_verdicts() {
    let want: Vec<_> = wycheproof_verdicts().into_iter().map(|(_, valid)| valid).collect();
    for verifier in verifiers() {
        assert_same(verifier, &wycheproof(), &want);
    }
}

/// Signatures by a hundred keys over statements of many lengths, two in three of them damaged somewhere.
fn random(count: usize) -> Vec<Claim> {
    let mut random = ChaCha12Rng::seed_from_u64(count as u64);
    let signers: Vec<_> = (0..100).map(|i| signer(1_000 + i)).collect();
    let mut below = |n: usize| random.next_u64() as usize % n;
    let claim = |_| {
        let signer = &signers[below(signers.len())];
        let mut statement = vec![below(256) as u8; below(400)];
        let mut claim = signed(signer, &statement);
        if let Claim::Signed { by, statement: signed, signature } = &mut claim {
            match below(6) {
                0 => signature.0[below(32)] ^= 1 << below(8),
                1 => signature.0[32 + below(32)] ^= 1 << below(8),
                2 => by.0[below(32)] ^= 1 << below(8),
                3 => {
                    statement.push(0);
                    *signed = statement.into();
                }
                _ => {}
            }
        }
        claim
    };
    (0..count).map(claim).collect()
}

#[test]
fn random_signatures() {
    let all = verifiers();
    if all.is_empty() {
        return;
    }
    let count = std::env::var(RANDOM).map_or(2_000, |count| count.parse().unwrap());
    let claims = random(count);
    let want = Cpu::new(None).check(&claims);
    assert!(want.contains(&true) && want.contains(&false));
    for verifier in all {
        assert_same(verifier, &claims, &want);
    }
}

/// RFC 8032 makes the same signature of the same statement everywhere.
#[test]
fn signatures_are_the_cpus() {
    let Some(engine) = engine() else { return };
    let signers: Vec<_> = (0..3).map(signer).collect();
    let bytes: Vec<u8> = (0..600u32).map(|i| (i * 89 / 3) as u8).collect();
    let to_sign: Vec<(&Signer, &[u8])> =
        (0..300).map(|i| (&signers[i % 3], &bytes[i..2 * i])).collect();
    let want: Vec<_> = to_sign.iter().map(|(signer, text)| signer.sign(text)).collect();
    for limbs in limbs(&engine) {
        let mut made = vec![Signature::default(); to_sign.len()];
        let pen = Signatures::new(&engine, Some(limbs)).unwrap();
        pen.sign_many(&to_sign, &mut made).unwrap();
        assert!(made == want, "{limbs:?}");
    }
    assert_eq!(Cpu::new(Some(3)).sign_many(&to_sign), want);
    assert_eq!(Reference.sign_many(&to_sign), want);
}
