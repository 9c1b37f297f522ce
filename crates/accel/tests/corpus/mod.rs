//! Signatures with known verdicts: published, crafted, damaged.

#![allow(dead_code)] // no test needs all of it

use bytes::Bytes;
use byzlab_core::{Claim, PublicKey, Scheme, Signature, Signer};
use curve25519_dalek::{
    EdwardsPoint, Scalar,
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
};
use sha2::{Digest as _, Sha512};

/// The group's order, little-endian: the least s that is too large.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

const WYCHEPROOF: &str = include_str!("../data/ed25519-wycheproof.txt");

pub fn claim(by: [u8; 32], statement: &[u8], r: [u8; 32], s: [u8; 32]) -> Claim {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r);
    signature[32..].copy_from_slice(&s);
    Claim::Signed {
        by: PublicKey(by),
        statement: Bytes::copy_from_slice(statement),
        signature: Signature(signature),
    }
}

pub fn signed(signer: &Signer, statement: &[u8]) -> Claim {
    Claim::Signed {
        by: signer.public(),
        statement: Bytes::copy_from_slice(statement),
        signature: signer.sign(statement),
    }
}

pub fn signer(name: u64) -> Signer {
    Signer::seeded(Scheme::Ed25519, 7, &name.to_string())
}

/// Claims with known verdicts, three to a line of hexadecimal digits, comments left out.
pub fn read(text: &str) -> Vec<Claim> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.split(' ').map(|field| hex::decode(field).unwrap());
            let mut next = || fields.next().unwrap();
            Claim::Signed {
                statement: next().into(),
                by: PublicKey(next().try_into().unwrap()),
                signature: Signature(next().try_into().unwrap()),
            }
        })
        .collect()
}

pub fn speccheck() -> Vec<Claim> {
    read(include_str!("../data/ed25519-speccheck.txt"))
}

pub fn rfc8032() -> Vec<Claim> {
    read(include_str!("../data/ed25519-rfc8032.txt"))
}

/// All that can be stated: of 151 tests, 12 are of signatures that have not 64 bytes.
pub fn wycheproof() -> Vec<Claim> {
    read(WYCHEPROOF)
}

/// The one that Wycheproof holds for invalid and ZIP-215 for valid: its R is y = 1 with the sign of x set,
/// where x = 0. RFC 8032, section 5.1.3, lets that decode to nothing; ZIP-215 takes every encoding that gives
/// a point, and R is then the identity, for which the equation holds.
pub const VALID_BY_ZIP_215: u32 = 151;

/// The number of each, and whether it holds by ZIP-215: as Wycheproof says, but for
/// [`VALID_BY_ZIP_215`].
pub fn wycheproof_verdicts() -> Vec<(u32, bool)> {
    let lines = WYCHEPROOF.lines().filter(|line| !line.starts_with('#'));
    let verdict = |line: &str| {
        let mut fields = line.split(' ').skip(3);
        let (number, said) = (fields.next().unwrap().parse().unwrap(), fields.next().unwrap());
        assert!(said == "valid" || said == "invalid", "{said}");
        (number, said == "valid" || number == VALID_BY_ZIP_215)
    };
    lines.map(verdict).collect()
}

/// Encodings of the points of small order: the eight proper ones, and those that decode though y is not
/// reduced or x = 0 has a sign.
pub fn small_order_encodings() -> Vec<[u8; 32]> {
    let mut all: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|point| point.compress().0).collect();
    for (low, y_is_one) in [(0x01, true), (0xec, false)] {
        // y = 1 and y = −1 (that is p − 1): x = 0 with its sign bit set.
        let mut signed = if y_is_one { [0; 32] } else { [0xff; 32] };
        signed[0] = low;
        signed[31] |= 0x80;
        all.push(signed);
    }
    for low in [0xed, 0xee] {
        // y = p and y = p + 1, that is 0 and 1, with both signs.
        for high in [0x7f, 0xff] {
            let mut unreduced = [0xff; 32];
            (unreduced[0], unreduced[31]) = (low, high);
            all.push(unreduced);
        }
    }
    all
}

/// Every pair of small-order encodings as (A, R), with s = 0. ZIP-215 accepts all 196.
pub fn small_order() -> Vec<Claim> {
    let all = small_order_encodings();
    let pairs = all.iter().flat_map(|a| all.iter().map(move |r| (*a, *r)));
    pairs.map(|(a, r)| claim(a, b"Zcash", r, [0; 32])).collect()
}

/// Signatures that hold up to points of small order: by a key with one, with an R that has one.
pub fn mixed_order() -> Vec<Claim> {
    let (secret, nonce) = (Scalar::from(0x1234_5678_9abc_u64), Scalar::from(0xfeed_f00d_u64));
    let points = EIGHT_TORSION.iter().flat_map(|a| EIGHT_TORSION.iter().map(move |r| (a, r)));
    points
        .map(|(in_key, in_r)| {
            let key = (ED25519_BASEPOINT_POINT * secret + in_key).compress().0;
            let r = (ED25519_BASEPOINT_POINT * nonce + in_r).compress().0;
            let hash = Sha512::new().chain_update(r).chain_update(key).chain_update(b"mixed");
            let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
            claim(key, b"mixed", r, (nonce + k * secret).to_bytes())
        })
        .collect()
}

/// Signatures that would hold were s not too large, or were the bytes of a point.
pub fn malformed() -> Vec<Claim> {
    let honest = signer(1);
    let statement = b"malformed";
    let signature = honest.sign(statement).0;
    let (r, s) = (*signature.first_chunk::<32>().unwrap(), *signature.last_chunk::<32>().unwrap());
    let key = honest.public().0;
    let mut beyond = [0; 32];
    let mut carry = 0;
    for i in 0..32 {
        let sum = u16::from(s[i]) + u16::from(ORDER[i]) + carry;
        (beyond[i], carry) = (sum as u8, sum >> 8);
    }
    let mut nowhere = [0; 32];
    nowhere[0] = 2;
    assert!(curve25519_dalek::edwards::CompressedEdwardsY(nowhere).decompress().is_none());
    let identity = EdwardsPoint::default().compress().0;
    vec![
        claim(key, statement, r, beyond),
        claim(key, statement, r, [0xff; 32]),
        claim(key, statement, nowhere, s),
        claim(nowhere, statement, r, s),
        claim(nowhere, statement, nowhere, ORDER),
        claim(identity, statement, identity, ORDER),
    ]
}

/// One honest signature with each of its 512 bits, its key's 256 and one of the statement's turned.
pub fn flipped() -> Vec<Claim> {
    let good = signed(&signer(2), b"flip me");
    let flips = (0..512 + 256 + 1).map(|bit: usize| {
        let mut claim = good.clone();
        if let Claim::Signed { by, statement, signature } = &mut claim {
            match bit {
                0..512 => signature.0[bit / 8] ^= 1 << (bit % 8),
                512..768 => by.0[(bit - 512) / 8] ^= 1 << (bit % 8),
                _ => *statement = Bytes::from_static(b"flip mf"),
            }
        }
        claim
    });
    flips.collect()
}

/// Every claim above, and honest ones.
pub fn everything() -> Vec<Claim> {
    let mut all = [
        rfc8032(),
        wycheproof(),
        speccheck(),
        small_order(),
        mixed_order(),
        malformed(),
        flipped(),
    ]
    .concat();
    all.extend((0..64).map(|i| signed(&signer(i % 5), &i.to_le_bytes())));
    all
}
