//! BLS signatures against those who would forge them.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use blst::{
    BLST_ERROR,
    min_sig::{AggregatePublicKey, AggregateSignature, PublicKey as Point, SecretKey},
};
use bytes::Bytes;
use byzlab_core::{
    Possession, ReplicaId, Scheme, Signature, Signer, VoteKey, VoteKeys, codec,
    crypto::bls::{self, Aggregate},
};

const DST: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

fn signers(n: usize) -> (Vec<Signer>, Vec<(VoteKey, Possession)>) {
    let signer = |i| Signer::seeded(Scheme::Bls, 5, &format!("replica/{i}"));
    let signers: Vec<_> = (0..n).map(signer).collect();
    let pairs = signers.iter().filter_map(Signer::vote_key).collect();
    (signers, pairs)
}

fn claim(
    keys: &VoteKeys,
    ids: &[u16],
    statement: &'static [u8],
    signature: Signature,
) -> Aggregate {
    let signers: Arc<[ReplicaId]> = ids.iter().map(|&id| ReplicaId(id)).collect();
    Aggregate { keys: keys.clone(), signers, statement: Bytes::from_static(statement), signature }
}

fn short(bytes: [u8; 48]) -> Signature {
    let mut signature = Signature::default();
    signature.0[..48].copy_from_slice(&bytes);
    signature
}

#[test]
fn a_rogue_key_is_not_let_in() {
    let (honest, mut pairs) = signers(1);
    let victim = Point::from_bytes(&pairs[0].0.0).unwrap();
    // The attacker's key is what is left of a key of his when the victim's is taken away.
    let secret = SecretKey::key_gen(&[7; 32], &[]).unwrap();
    let mut rogue = AggregatePublicKey::from_public_key(&secret.sk_to_pk());
    rogue.sub_aggregate(&AggregatePublicKey::from_public_key(&victim));
    let rogue = rogue.to_public_key();
    // Without a proof of possession he signs for both of them, alone.
    let forged = secret.sign(b"pay", DST, &[]);
    let both = forged.fast_aggregate_verify(true, b"pay", DST, &[&victim, &rogue]);
    assert_eq!(both, BLST_ERROR::BLST_SUCCESS, "the attack is one");
    // He can prove that he holds his own secret, or repeat the victim's proof; neither is the rogue's.
    let dst = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    let own = secret.sign(&rogue.compress(), dst, &[]).compress();
    for proof in [Possession(own), pairs[0].1] {
        pairs.truncate(1);
        pairs.push((VoteKey(rogue.compress()), proof));
        let bad = VoteKeys::new(&pairs).unwrap_err();
        assert_eq!((bad.replica, bad.why), (1, "is not proven to be held"));
    }
    // A vote is no proof of possession, though it be a signature over the key.
    let key = honest[0].vote_key().unwrap().0;
    let vote = honest[0].sign(&key.0);
    let proof = Possession(vote.as_short().unwrap().try_into().unwrap());
    assert!(VoteKeys::new(&[(key, proof)]).is_err());
}

#[test]
fn keys_that_are_none_are_refused() {
    let (_, pairs) = signers(2);
    assert!(VoteKeys::new(&pairs).is_ok());
    let bad = VoteKeys::new(&[pairs[0], pairs[0]]).unwrap_err();
    assert_eq!((bad.replica, bad.why), (1, "is another replica's"));
    let mut infinity = [0; 96];
    infinity[0] = 0xc0;
    let mut beyond = [0xff; 96]; // a coordinate that is not below the modulus
    beyond[0] = 0x9f;
    let mut uncompressed = pairs[1].0.0;
    uncompressed[0] &= 0x7f;
    for key in [infinity, beyond, uncompressed, [0; 96]] {
        let bad = VoteKeys::new(&[pairs[0], (VoteKey(key), pairs[1].1)]).unwrap_err();
        assert_eq!((bad.replica, bad.why), (1, "is no point of the right group"));
    }
    let on_curve_only = (0..=255u8).find_map(|x| {
        let mut key = [0; 96];
        (key[0], key[95]) = (0x80, x);
        Point::uncompress(&key).ok().filter(|point| point.validate().is_err()).map(|_| key)
    });
    let key = VoteKey(on_curve_only.expect("most points of the curve are outside the group"));
    assert!(VoteKeys::new(&[(key, pairs[1].1)]).is_err());
}

#[test]
fn signatures_that_are_none_do_not_hold() {
    let (signers, pairs) = signers(3);
    let keys = VoteKeys::new(&pairs).unwrap();
    let good = signers[0].sign(b"yes");
    assert!(claim(&keys, &[0], b"yes", good).holds());
    assert!(!claim(&keys, &[0], b"no", good).holds());
    assert!(!claim(&keys, &[1], b"yes", good).holds());
    assert!(!claim(&keys, &[0, 1], b"yes", good).holds());
    assert!(!claim(&keys, &[], b"yes", good).holds(), "nobody");
    assert!(!claim(&keys, &[3], b"yes", good).holds(), "a stranger");
    let mut infinity = Signature::default();
    infinity.0[0] = 0xc0;
    let mut trailing = good;
    trailing.0[63] = 1;
    let outside = (0..=255u8).find_map(|x| {
        let mut bytes = [0; 48];
        (bytes[0], bytes[47]) = (0x80, x);
        let point = blst::min_sig::Signature::uncompress(&bytes).ok()?;
        (!point.subgroup_check()).then(|| short(bytes))
    });
    let outside = outside.expect("most points of the curve are outside the group");
    let mut beyond = [0xff; 48];
    beyond[0] = 0x9f;
    let ed25519 = Signer::seeded(Scheme::Ed25519, 1, "x").sign(b"yes");
    for bad in [infinity, trailing, outside, short(beyond), Signature::default(), ed25519] {
        assert!(!claim(&keys, &[0], b"yes", bad).holds(), "{bad}");
        assert_eq!(bls::check(&[&claim(&keys, &[0], b"yes", bad); 2]), [false; 2]);
    }
}

#[test]
fn many_at_once_are_judged_like_each_alone() {
    let (signers, pairs) = signers(5);
    let keys = VoteKeys::new(&pairs).unwrap();
    let vote = |i: usize| signers[i].sign(b"yes");
    let sum = bls::sum(&[vote(0), vote(2), vote(4)]).unwrap();
    let good = [
        claim(&keys, &[0, 2, 4], b"yes", sum),
        claim(&keys, &[1], b"yes", vote(1)),
        claim(&keys, &[3], b"other", signers[3].sign(b"other")),
    ];
    let all: Vec<_> = good.iter().collect();
    assert_eq!(bls::check(&all), [true; 3]);
    assert_eq!(bls::check(&[]), [true; 0]);
    let bad = [claim(&keys, &[0, 2, 3], b"yes", sum), claim(&keys, &[2], b"yes", vote(1))];
    let mixed = [&good[0], &bad[0], &good[1], &bad[1], &good[2]];
    assert_eq!(bls::check(&mixed), [true, false, true, false, true]);

    // Two wrong ones whose errors cancel: their plain sum is right.
    let point =
        |s: &Signature| blst::min_sig::Signature::uncompress(s.as_short().unwrap()).unwrap();
    let shift = AggregateSignature::from_signature(&point(&vote(4)));
    let (mut up, mut down) = (shift, shift);
    up.add_signature(&point(&vote(0)), false).unwrap();
    down = {
        let mut negated = down.to_signature().compress();
        negated[0] ^= 0x20; // the other root: the point's negative
        let negated = blst::min_sig::Signature::uncompress(&negated).unwrap();
        let mut sum = AggregateSignature::from_signature(&negated);
        sum.add_signature(&point(&vote(1)), false).unwrap();
        sum
    };
    let bent = [up, down].map(|sum| short(sum.to_signature().compress()));
    assert_eq!(bls::sum(&bent), bls::sum(&[vote(0), vote(1)]), "they do cancel");
    let bent = [claim(&keys, &[0], b"yes", bent[0]), claim(&keys, &[1], b"yes", bent[1])];
    assert_eq!(bls::check(&[&bent[0], &bent[1]]), [false; 2]);
}

#[test]
fn a_signature_travels_in_its_own_length() {
    let (signers, _) = signers(1);
    let short = signers[0].sign(b"x");
    let long = Signer::seeded(Scheme::Ed25519, 1, "x").sign(b"x");
    let simulated = Signer::seeded(Scheme::Simulated, 1, "x").sign(b"x");
    for (signature, length) in [(short, 48), (long, 64), (simulated, 64), (Signature([0; 64]), 64)]
    {
        let bytes = codec::encode(&signature);
        assert_eq!(bytes.len(), 1 + length);
        assert_eq!(codec::decode::<Signature>(&bytes), Ok(signature));
    }
    let mut padded = vec![64];
    padded.extend_from_slice(&short.0);
    assert!(codec::decode::<Signature>(&padded).is_err(), "not the canonical form");
    assert!(codec::decode::<Signature>(&[2, 1, 1]).is_err());
}
