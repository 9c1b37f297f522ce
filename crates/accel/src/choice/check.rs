//! An accelerator's answers held against the plainest code there is.

use bytes::Bytes;
use byzlab_core::{
    Accelerator, Claim, PublicKey, Puzzle, Reference, Scheme, Seal, Signature, Signer, Target,
    random::Stream,
};
use curve25519_dalek::constants::EIGHT_TORSION;

use super::published::published;

/// The group's order, little-endian: the least s that is too large.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
/// Keys that sign, half of them expected.
const KEYS: usize = 16;
/// The most signatures that are asked about one at a time, and a few at a time: then all at once.
const ALONE_MAX: usize = 700;
const FEW_MAX: usize = 4_000;

/// Compares `accelerator` with [`Reference`] on hostile input, on every size around the edges of blocks and
/// trees, and on `random` random signatures; gives the number of answers that were compared.
///
/// # Errors
/// The first difference, in words.
pub fn differences(accelerator: &dyn Accelerator, random: usize) -> Result<usize, String> {
    let signatures = signatures(accelerator, random)?;
    Ok(signatures + hashes(accelerator)? + trees(accelerator)? + nonces(accelerator)?)
}

fn signatures(accelerator: &dyn Accelerator, random: usize) -> Result<usize, String> {
    let signer = |i| Signer::seeded(Scheme::Ed25519, 7, &format!("check/{i}"));
    let signers: Vec<Signer> = (0..KEYS).map(signer).collect();
    let expected: Vec<PublicKey> = signers.iter().take(KEYS / 2).map(Signer::public).collect();
    accelerator.expect_keys(&expected);
    let mut claims = hostile(&signers);
    let mut stream = Stream::new(7, "check");
    claims.extend((0..random).map(|i| drawn(&signers, i % KEYS, &mut stream)));
    let right = Reference.check(&claims);
    let mut compared = 0;
    // Alone, few, and all together: the last width mixes good and bad ones.
    for (width, most) in [(1, ALONE_MAX), (17, FEW_MAX), (claims.len(), claims.len())] {
        let claims = &claims[..most.min(claims.len())];
        for (part, claims) in claims.chunks(width).enumerate() {
            let (right, said) = (&right[part * width..], accelerator.check(claims));
            if let Some(at) = (0..claims.len()).find(|&at| said.get(at) != Some(&right[at])) {
                return Err(format!(
                    "signature {} of {width} at once: it says {:?}, and {} is right: {:?}",
                    part * width + at,
                    said.get(at),
                    right[at],
                    claims[at],
                ));
            }
        }
        compared += claims.len();
    }
    Ok(compared)
}

/// Published signatures, others that verifiers are known to differ on, and good ones bent in every way.
pub(crate) fn hostile(signers: &[Signer]) -> Vec<Claim> {
    let mut claims: Vec<_> = published().collect();
    claims.extend(small_order());
    claims.extend(signers.iter().flat_map(bent));
    claims
}

/// A good signature, and that bent in every way: a bit of each part, an s beyond the order, another's key.
fn bent(signer: &Signer) -> Vec<Claim> {
    let statement = b"what is stated".as_slice();
    let (key, good) = (signer.public().0, signer.sign(statement).0);
    let flip = |at: usize| {
        let mut bytes = good;
        bytes[at / 8] ^= 1 << (at % 8);
        claim(key, statement, bytes)
    };
    let mut all = vec![claim(key, statement, good), claim(key, b"what is not", good)];
    all.extend([0, 77, 254, 255, 256, 300, 507, 511].map(flip));
    let mut beyond = good;
    let mut carry = 0;
    for (byte, order) in beyond[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    all.push(claim(key, statement, beyond));
    let mut bent_key = key;
    bent_key[3] ^= 4;
    all.push(claim(bent_key, statement, good));
    all
}

/// A random signature over a statement of random length; every second one wrong somewhere: a bit of R, of
/// s, of the key or of the statement, or another's key.
fn drawn(signers: &[Signer], by: usize, stream: &mut Stream) -> Claim {
    let mut statement: Vec<u8> = (0..stream.below(300)).map(|_| stream.bits() as u8).collect();
    let mut signature = signers[by].sign(&statement).0;
    let mut key = signers[by].public().0;
    let lot = stream.below(10);
    let mut flip = |bytes: &mut [u8]| {
        let bit = stream.below(8 * bytes.len() as u64) as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
    };
    match lot {
        0 => flip(&mut signature[..32]),
        1 => flip(&mut signature[32..]),
        2 => flip(&mut key),
        3 if !statement.is_empty() => flip(&mut statement),
        4 => key = signers[(by + 1) % signers.len()].public().0,
        _ => {}
    }
    claim(key, &statement, signature)
}

/// Every pair of encodings of small-order points as key and R, with s = 0: by ZIP-215, all 196 hold.
fn small_order() -> Vec<Claim> {
    let mut points: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|p| p.compress().0).collect();
    // x = 0 with its sign set, for y = 1 and y = −1; then y = p and y = p + 1 with both signs.
    for (low, middle, high) in [
        (0x01, 0x00, 0x80),
        (0xec, 0xff, 0xff),
        (0xed, 0xff, 0x7f),
        (0xed, 0xff, 0xff),
        (0xee, 0xff, 0x7f),
        (0xee, 0xff, 0xff),
    ] {
        let mut point = [middle; 32];
        (point[0], point[31]) = (low, high);
        points.push(point);
    }
    let pair = |key: [u8; 32], r: [u8; 32]| {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        claim(key, b"Zcash", signature)
    };
    points.iter().flat_map(|&key| points.iter().map(move |&r| pair(key, r))).collect()
}

fn claim(key: [u8; 32], statement: &[u8], signature: [u8; 64]) -> Claim {
    let statement = Bytes::copy_from_slice(statement);
    Claim::Signed { by: PublicKey(key), statement, signature: Signature(signature) }
}

/// Messages around every edge of a block, and one that is long.
fn messages(count: usize) -> Vec<Vec<u8>> {
    let length = |i: usize| if i == 200 { 10_000 } else { i % 200 };
    (0..count).map(|i| (0..length(i)).map(|j| (i * 31 + j) as u8).collect()).collect()
}

fn hashes(accelerator: &dyn Accelerator) -> Result<usize, String> {
    let messages = messages(700);
    let all: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    for count in [0, 1, 63, 700] {
        let (right, said) =
            (Reference.hash_many(&all[..count]), accelerator.hash_many(&all[..count]));
        if let Some(at) = (0..count).find(|&at| said.get(at) != Some(&right[at])) {
            let bytes = all[at].len();
            return Err(format!("SHA-256 of message {at} of {count}, of {bytes} bytes, is wrong"));
        }
    }
    Ok(764)
}

fn trees(accelerator: &dyn Accelerator) -> Result<usize, String> {
    let messages = messages(2_600);
    let all: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let sizes = [0, 1, 2, 3, 5, 64, 100, 1_023, 1_025, 2_049, 2_600];
    for count in sizes {
        let items = &all[..count];
        if accelerator.merkle_root(items) != Reference.merkle_root(items) {
            return Err(format!("the Merkle root over {count} items is wrong"));
        }
    }
    Ok(sizes.len())
}

fn nonces(accelerator: &dyn Accelerator) -> Result<usize, String> {
    let mut compared = 0;
    for zeros in [0u32, 3, 10] {
        for (number, nonces) in
            [0..0, 7..8, 0..3_000, 5_000..9_001, 4_294_960_000..1 << 32].into_iter().enumerate()
        {
            let mut target = Target([0xff; 32]);
            target.0[..4].copy_from_slice(&(u32::MAX >> zeros).to_be_bytes());
            let puzzle = Puzzle { prefix: [number as u8; 76], target };
            let right = Reference.search(&puzzle, nonces.clone());
            let said = accelerator.search(&puzzle, nonces.clone());
            if said != right {
                let nonce = |seal: Option<Seal>| seal.map(|seal| seal.nonce);
                return Err(format!(
                    "nonces {nonces:?} under {zeros} zero bits: it says {:?}, and {:?} is right",
                    nonce(said),
                    nonce(right),
                ));
            }
            compared += 1;
        }
    }
    Ok(compared)
}
