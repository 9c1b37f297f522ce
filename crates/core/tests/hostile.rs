//! Bytes from anyone: no panic, no large allocation, and only canonical encodings are accepted.

use byzlab_core::{
    Batch, Block, Committee, PublicKey, Reference, Scheme, Signer, Transaction, codec,
    crypto::registrable, host::Reply,
};
use proptest::prelude::*;

fn committee(client_signatures: bool) -> Committee {
    let keys = (0..4).map(|i| Signer::seeded(Scheme::Ed25519, 1, &format!("replica/{i}")).public());
    Committee::new("test", keys.collect(), client_signatures)
}

fn batch(count: u64) -> Batch {
    let (committee, signer) = (committee(true), Signer::seeded(Scheme::Ed25519, 1, "client/0"));
    let transactions: Vec<_> =
        (0..count).map(|i| Transaction::new(&committee, &signer, i, &[i as u8; 20])).collect();
    Batch::new(&transactions, &Reference)
}

proptest! {
    #[test]
    fn random_bytes_decode_to_nothing_or_to_themselves(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(batch) = codec::decode::<Batch>(&bytes) {
            prop_assert_eq!(&codec::encode(&batch)[..], &bytes[..]);
        }
        if let Ok(block) = codec::decode::<Block>(&bytes) {
            prop_assert_eq!(&codec::encode(&block)[..], &bytes[..]);
        }
        if let Ok(reply) = codec::decode::<Reply>(&bytes) {
            prop_assert_eq!(&codec::encode(&reply)[..], &bytes[..]);
        }
        let _ = Transaction::parse(bytes.into());
    }

    #[test]
    fn a_changed_batch_is_refused_or_its_claims_fail(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let committee = committee(true);
        let mut bytes = codec::encode(&batch(3)).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let Ok(batch) = codec::decode::<Batch>(&bytes) else { return Ok(()) };
        let mut claims = Vec::new();
        if batch.claims(&committee, &mut claims).is_err() { return Ok(()) }
        let verdicts = byzlab_core::Accelerator::check(&Reference, &claims);
        prop_assert!(verdicts.contains(&false));
    }
}

#[test]
fn a_forged_length_allocates_nothing() {
    // A sequence that claims 2^60 elements, and bytes that claim 2^60 bytes.
    let mut forged = vec![0xff; 8];
    forged.push(0x0f);
    assert!(codec::decode::<Vec<Block>>(&forged).is_err());
    assert!(codec::decode::<Batch>(&forged).is_err());
    assert!(codec::decode::<Reply>(&forged).is_err());
}

#[test]
fn batches_round_trip_and_their_claims_hold() {
    for count in [0, 1, 2, 7] {
        let batch = batch(count);
        let again: Batch = codec::decode(&codec::encode(&batch)).expect("canonical");
        assert_eq!(again, batch);
        assert_eq!(again.len(), count as usize);
        let mut claims = Vec::new();
        again.claims(&committee(true), &mut claims).expect("well formed");
        assert_eq!(claims.len(), if count == 0 { 0 } else { count as usize + 1 });
        assert!(!byzlab_core::Accelerator::check(&Reference, &claims).contains(&false));
        if count > 0 {
            let other = Committee::new("another", committee(true).keys, true);
            assert!(batch.claims(&other, &mut Vec::new()).is_err(), "bound to its chain");
            assert!(
                batch.claims(&committee(false), &mut Vec::new()).is_err(),
                "signed or not is fixed"
            );
        }
    }
}

#[test]
fn small_order_and_undecodable_keys_are_not_registrable() {
    let good = Signer::seeded(Scheme::Ed25519, 7, "a").public();
    assert!(registrable(&good));
    let mut identity = [0; 32];
    identity[0] = 1;
    assert!(!registrable(&PublicKey(identity)), "the identity");
    assert!(!registrable(&PublicKey([0; 32])), "a point of order 4");
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    assert!(!registrable(&PublicKey(minus_one)), "a point of order 2");
    // A point of order 8 (RFC 7748's curve in Edwards form; one of the eight of the torsion subgroup).
    let eight: PublicKey =
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a".parse().expect("hex");
    assert!(!registrable(&eight));
    let mut not_canonical = [0xff; 32];
    (not_canonical[0], not_canonical[31]) = (0xee, 0x7f);
    assert!(!registrable(&PublicKey(not_canonical)), "y = p + 1");
}
