//! Ed25519 signatures in batches, by the ZIP-215 rule.
//!
//! A signature (R, s) of key A over M holds iff s < ℓ, A and R decode (in any encoding), and
//! 8·s·B = 8·R + 8·k·A with k = SHA-512(R ‖ A ‖ M). Under this rule, and no other in use, many can be
//! checked at once without a change in any verdict: for 128-bit zᵢ that nobody foresees,
//!
//! > 8·( −Σ zᵢsᵢ·B + Σ zᵢ·Rᵢ + Σ zᵢkᵢ·Aᵢ ) = 0
//!
//! holds when every signature does, and else with a chance of 2⁻¹²⁸ (Bernstein et al. 2012, §5).
//! A failed batch is cut into [`PIECES`], each checked in turn, down to single signatures: what
//! is left to a caller is one verdict an item.
//!
//! Beside `ed25519_zebra::batch`, whose rule this is:
//! - items are sorted by key, so that a key's terms add up in place, and stay together when a batch is
//!   split over threads;
//! - keys decompressed once are [remembered](Keys);
//! - what was hashed and decompressed for a batch is used again when a failed one is cut up;
//! - small batches share a table of the base point's multiples;
//! - the zᵢ are drawn from ChaCha keyed by a hash over every kᵢ and sᵢ, which bind the whole batch: they
//!   are as hard to foresee as SHA-256 output, and a run on the same input does the same.

mod keys;

use std::fmt;

use byzlab_core::{PublicKey, Signature, crypto::sha256};
use curve25519_dalek::{
    EdwardsPoint, Scalar,
    constants::ED25519_BASEPOINT_POINT,
    edwards::{CompressedEdwardsY, VartimeEdwardsPrecomputation},
    traits::{IsIdentity, VartimeMultiscalarMul, VartimePrecomputedMultiscalarMul},
};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest as _, Sha512};

pub use keys::Keys;

use crate::workers::Workers;

/// Into how many pieces a failed batch is cut. All bad, a batch of 4,096 is gone over four times.
const PIECES: usize = 8;
/// From so few on, each is checked alone when they do not hold together.
const ALONE: usize = 16;
/// The most signatures under one equation.
const BATCH_MAX: usize = 4_096;
/// Fewer than this for each thread are not worth waking one.
const BATCH_MIN: usize = 16;
/// From this many points on, Pippenger's way of adding beats Straus' (measured in `curve25519-dalek`).
const PIPPENGER_MIN: usize = 190;

/// One signature to check.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Whose.
    pub by: PublicKey,
    /// Over what.
    pub statement: &'a [u8],
    /// The signature.
    pub signature: Signature,
}

/// Checks signatures.
pub struct Verifier {
    keys: Keys,
    /// Odd multiples of the base point.
    base: VartimeEdwardsPrecomputation,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

impl Default for Verifier {
    fn default() -> Self {
        let base = VartimeEdwardsPrecomputation::new([ED25519_BASEPOINT_POINT]);
        Self { keys: Keys::default(), base }
    }
}

/// An item that decodes.
struct Decoded {
    /// Its place among the items.
    at: usize,
    /// Its key's place among the keys.
    key: usize,
    r: EdwardsPoint,
    s: Scalar,
    k: Scalar,
    /// Its weight in every equation.
    z: Scalar,
}

impl Verifier {
    /// One verdict an item, in order: the one that `core`'s `verify_ed25519` gives.
    pub fn check(&self, workers: &Workers, items: &[Item]) -> Vec<bool> {
        // The first eight bytes will do: where two keys share them, the runs of each are only shorter.
        let prefix = |item: &Item| item.by.0.first_chunk::<8>().copied();
        let mut order: Vec<_> = items.iter().map(prefix).zip(0..).collect();
        order.sort_unstable();
        let part = items.len().div_ceil(workers.threads()).clamp(BATCH_MIN, BATCH_MAX);
        let mut holds = vec![false; items.len()];
        workers.each(&order, &mut holds, part, |order, holds| {
            let items = order.iter().map(|&(_, i): &(_, usize)| &items[i]);
            self.check_sorted(items, holds);
        });
        let mut verdicts = vec![false; items.len()];
        order.into_iter().zip(holds).for_each(|((_, i), holds)| verdicts[i] = holds);
        verdicts
    }

    /// Writes a verdict for each of `items`, equal keys together; `holds` begins all false.
    fn check_sorted<'a>(
        &self,
        items: impl ExactSizeIterator<Item = &'a Item<'a>> + Clone,
        holds: &mut [bool],
    ) {
        let mut names: Vec<PublicKey> = items.clone().map(|item| item.by).collect();
        names.dedup();
        let keys = self.keys.points(&names);
        let mut key = 0;
        let mut decoded = Vec::with_capacity(items.len());
        for (at, item) in items.enumerate() {
            if names[key] != item.by {
                key += 1;
            }
            if keys[key].is_some() {
                decoded.extend(decode(item, at, key));
            }
        }
        weigh(&mut decoded);
        self.settle(&decoded, &keys, holds);
    }

    /// Writes a verdict for each of `items`.
    fn settle(&self, items: &[Decoded], keys: &[Option<EdwardsPoint>], holds: &mut [bool]) {
        if self.all_hold(items, keys) {
            items.iter().for_each(|item| holds[item.at] = true);
        } else if items.len() > 1 {
            let piece = if items.len() <= ALONE { 1 } else { items.len().div_ceil(PIECES) };
            for piece in items.chunks(piece) {
                self.settle(piece, keys, holds);
            }
        }
    }

    /// The equation over `items`.
    fn all_hold(&self, items: &[Decoded], keys: &[Option<EdwardsPoint>]) -> bool {
        let point =
            |key: usize| keys[key].expect("items under keys that do not decode are left out");
        if let [item] = items {
            let minus_a = -point(item.key);
            let sum = EdwardsPoint::vartime_double_scalar_mul_basepoint(&item.k, &minus_a, &item.s);
            return (sum - item.r).mul_by_cofactor().is_identity();
        }
        let mut of_base = Scalar::ZERO;
        let mut of_keys = Vec::new();
        let mut used = Vec::new();
        for under_one_key in items.chunk_by(|a, b| a.key == b.key) {
            let mut of_key = Scalar::ZERO;
            for item in under_one_key {
                of_base -= item.z * item.s;
                of_key += item.z * item.k;
            }
            of_keys.push(of_key);
            used.push(point(under_one_key[0].key));
        }
        let scalars = items.iter().map(|item| &item.z).chain(&of_keys);
        let points = items.iter().map(|item| &item.r).chain(&used);
        let sum = if items.len() + used.len() < PIPPENGER_MIN {
            self.base.vartime_mixed_multiscalar_mul([of_base], scalars, points)
        } else {
            EdwardsPoint::vartime_multiscalar_mul(
                scalars.chain([&of_base]),
                points.chain([&ED25519_BASEPOINT_POINT]),
            )
        };
        sum.mul_by_cofactor().is_identity()
    }
}

/// Reads an item's signature and hashes its statement; `None` when R or s does not decode.
fn decode(item: &Item, at: usize, key: usize) -> Option<Decoded> {
    let (r, s) = item.signature.0.split_first_chunk::<32>()?;
    let s = Option::from(Scalar::from_canonical_bytes(*s.first_chunk()?))?;
    let hash = Sha512::new().chain_update(r).chain_update(item.by.0).chain_update(item.statement);
    let r = CompressedEdwardsY(*r).decompress()?;
    let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    Some(Decoded { at, key, r, s, k, z: Scalar::ZERO })
}

/// Draws each item's weight from a stream keyed by all of them.
fn weigh(items: &mut [Decoded]) {
    if items.len() < 2 {
        return; // One alone is checked without a weight.
    }
    let mut bound = b"byzlab/batch/1".to_vec();
    for item in items.iter() {
        // k is a hash over R, the key and the statement.
        bound.extend_from_slice(item.k.as_bytes());
        bound.extend_from_slice(item.s.as_bytes());
    }
    let mut stream = ChaCha12Rng::from_seed(sha256(&bound).0);
    for item in items {
        let mut bytes = [0; 16];
        stream.fill_bytes(&mut bytes);
        item.z = Scalar::from(u128::from_le_bytes(bytes));
    }
}
