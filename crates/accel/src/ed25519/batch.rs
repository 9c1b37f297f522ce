//! One equation for many signatures, and verdicts when it fails.

use byzlab_core::{PublicKey, crypto::sha256};
use curve25519_dalek::Scalar;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

use super::{Item, Keys};

/// Into how many pieces a failed batch is cut. All bad, a batch of 4,096 is gone over four times.
const PIECES: usize = 8;

/// How points are decoded and added, and what else a batch is made of.
pub trait Curve {
    /// A point, decoded.
    type Point: Copy;
    /// Up to so many signatures, an equation for each costs no more than one for all.
    const ALONE: usize;
    /// Up to so many, the same holds once one for all has failed.
    const ALONE_AFTER: usize;
    /// The points that `encodings` stand for, by the rule of ZIP-215; `None` for those that stand for
    /// none.
    fn decompress(&self, encodings: &[[u8; 32]]) -> Vec<Option<Self::Point>>;
    /// k of each item: SHA-512 of R, the key and the statement, as a scalar.
    fn challenges(&self, items: &[&Item]) -> Vec<Scalar>;
    /// Whether 8·(`of_base`·B + Σ `scalars[i]`·`points[i]`) is the neutral point.
    fn vanishes(&self, of_base: Scalar, scalars: &[Scalar], points: &[&Self::Point]) -> bool;
    /// Of each signature alone, whether it holds.
    fn each(&self, signatures: &[Single<Self::Point>]) -> Vec<bool>;
}

/// A signature alone: it holds if 8·(s·B − k·A − R) is the neutral point.
#[derive(Clone, Copy, Debug)]
pub struct Single<'a, P> {
    /// A.
    pub key: &'a P,
    /// R.
    pub r: &'a P,
    /// k.
    pub k: Scalar,
    /// s.
    pub s: Scalar,
}

/// Batches on a curve.
#[derive(Debug, Default)]
pub struct Batches<C: Curve> {
    curve: C,
    keys: Keys<C::Point>,
}

/// An item whose key decodes, and whose s is a scalar.
struct Read<'a> {
    /// Its place among the items.
    at: usize,
    /// Its key's place among the keys.
    key: usize,
    s: Scalar,
    item: &'a Item<'a>,
}

/// A signature that decodes.
struct Decoded<'a, P> {
    /// Its place among the items.
    at: usize,
    /// Its key's place among the keys.
    key: usize,
    signature: Single<'a, P>,
    /// Its weight in every equation.
    z: Scalar,
}

impl<C: Curve> Batches<C> {
    /// Batches on `curve`.
    pub fn new(curve: C) -> Self {
        Self { curve, keys: Keys::default() }
    }

    /// Writes a verdict for each of `items`, equal keys together; `holds` begins all false.
    pub fn check_sorted<'a>(
        &self,
        items: impl ExactSizeIterator<Item = &'a Item<'a>> + Clone,
        holds: &mut [bool],
    ) {
        let mut names: Vec<PublicKey> = items.clone().map(|item| item.by).collect();
        names.dedup();
        let keys = self.keys.points(&names, |encodings| self.curve.decompress(encodings));
        let (mut key, mut read, mut rs) = (0, Vec::with_capacity(items.len()), Vec::new());
        for (at, item) in items.enumerate() {
            if names[key] != item.by {
                key += 1;
            }
            if let (true, Some((r, s))) = (keys[key].is_some(), halves(item)) {
                read.push(Read { at, key, s, item });
                rs.push(r);
            }
        }
        let rs = self.curve.decompress(&rs);
        let hashed: Vec<_> = read.iter().map(|read| read.item).collect();
        let ks = self.curve.challenges(&hashed);
        let decoded = read.iter().zip(&rs).zip(ks).filter_map(|((read, r), k)| {
            let &Read { at, key, s, .. } = read;
            let signature = Single { key: keys[key].as_ref()?, r: r.as_ref()?, k, s };
            Some(Decoded { at, key, signature, z: Scalar::ZERO })
        });
        let mut decoded: Vec<_> = decoded.collect();
        weigh(&mut decoded);
        self.settle(&decoded, holds);
    }

    /// Writes a verdict for each of `items`.
    fn settle(&self, items: &[Decoded<C::Point>], holds: &mut [bool]) {
        if items.len() > C::ALONE && self.all_hold(items) {
            items.iter().for_each(|item| holds[item.at] = true);
        } else if items.len() <= C::ALONE_AFTER {
            let signatures: Vec<_> = items.iter().map(|item| item.signature).collect();
            let verdicts = self.curve.each(&signatures);
            items.iter().zip(verdicts).for_each(|(item, verdict)| holds[item.at] = verdict);
        } else {
            for piece in items.chunks(items.len().div_ceil(PIECES)) {
                self.settle(piece, holds);
            }
        }
    }

    /// The equation over `items`.
    fn all_hold(&self, items: &[Decoded<C::Point>]) -> bool {
        let mut of_base = Scalar::ZERO;
        let mut scalars: Vec<_> = items.iter().map(|item| item.z).collect();
        let mut points: Vec<_> = items.iter().map(|item| item.signature.r).collect();
        for under_one_key in items.chunk_by(|a, b| a.key == b.key) {
            let mut of_key = Scalar::ZERO;
            for Decoded { signature, z, .. } in under_one_key {
                of_base -= z * signature.s;
                of_key += z * signature.k;
            }
            scalars.push(of_key);
            points.push(under_one_key[0].signature.key);
        }
        self.curve.vanishes(of_base, &scalars, &points)
    }
}

/// R and s of an item's signature; `None` where s is not reduced.
fn halves(item: &Item) -> Option<([u8; 32], Scalar)> {
    let (r, s) = item.signature.0.split_first_chunk()?;
    Some((*r, Option::from(Scalar::from_canonical_bytes(*s.first_chunk()?))?))
}

/// Draws each item's weight from a stream keyed by all of them.
fn weigh<P>(items: &mut [Decoded<'_, P>]) {
    if items.len() < 2 {
        return; // One alone is checked without a weight.
    }
    let mut bound = b"byzlab/batch/1".to_vec();
    for Decoded { signature, .. } in items.iter() {
        // k is a hash over R, the key and the statement.
        bound.extend_from_slice(signature.k.as_bytes());
        bound.extend_from_slice(signature.s.as_bytes());
    }
    let mut stream = ChaCha12Rng::from_seed(sha256(&bound).0);
    for item in items {
        let mut bytes = [0; 16];
        stream.fill_bytes(&mut bytes);
        item.z = Scalar::from(u128::from_le_bytes(bytes));
    }
}
