//! One equation for many signatures, and verdicts when it fails.

use std::{fmt, mem};

use byzlab_core::PublicKey;
use curve25519_dalek::Scalar;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest as _, Sha256};

use super::{Item, Keys, keys};
use crate::scratch::{Reuse, Shelf, recycled};

/// Into how many pieces a failed batch is cut. All bad, a batch of 4,096 is gone over four times.
const PIECES: usize = 8;

/// How points are decoded and added, and what else a batch is made of. What these functions give is put behind
/// what is in a list.
pub trait Curve {
    /// A point, decoded.
    type Point: Copy + fmt::Debug + Send + 'static;
    /// Lists that it works in.
    type Room: Default + fmt::Debug + Send;
    /// Up to so many signatures, an equation for each costs no more than one for all.
    const ALONE: usize;
    /// Up to so many, the same holds once one for all has failed.
    const ALONE_AFTER: usize;
    /// The points that `encodings` stand for, by the rule of ZIP-215; `None` for those that stand for
    /// none.
    fn decompress(&self, encodings: &[[u8; 32]], points: &mut Vec<Option<Self::Point>>);
    /// k of each item: SHA-512 of R, the key and the statement, as a scalar.
    fn challenges(&self, items: &[&Item], room: &mut Self::Room, challenges: &mut Vec<Scalar>);
    /// Whether 8·(`of_base`·B + Σ `scalars[i]`·`points[i]`) is the neutral point.
    fn vanishes(
        &self,
        of_base: Scalar,
        scalars: &[Scalar],
        points: &[&Self::Point],
        room: &mut Self::Room,
    ) -> bool;
    /// Tells of each signature alone, in order, whether it holds.
    fn each<'p>(
        &self,
        signatures: impl ExactSizeIterator<Item = Single<'p, Self::Point>>,
        tell: impl FnMut(bool),
    );
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
    rooms: Shelf<Room<C>>,
}

/// A signature whose key decodes, and whose s is a scalar.
#[derive(Clone, Copy, Debug)]
struct Read {
    /// Its place among the items, its key's among the keys, and its R's among those that were read.
    at: usize,
    key: usize,
    r: usize,
    s: Scalar,
    /// Its k, once R decodes.
    k: Scalar,
    /// Its weight in every equation.
    z: Scalar,
}

/// The lists that a part of a call is worked out in: each as long as the part, at most.
#[derive(Debug)]
struct Room<C: Curve> {
    names: Vec<PublicKey>,
    keys: Vec<Option<C::Point>>,
    of_keys: keys::Room<C::Point>,
    items: Vec<&'static Item<'static>>,
    read: Vec<Read>,
    encodings: Vec<[u8; 32]>,
    rs: Vec<Option<C::Point>>,
    ks: Vec<Scalar>,
    equation: Equation<C>,
}

/// The lists of an equation.
#[derive(Debug)]
struct Equation<C: Curve> {
    scalars: Vec<Scalar>,
    points: Vec<&'static C::Point>,
    of_curve: C::Room,
}

impl<C: Curve> Default for Room<C> {
    fn default() -> Self {
        let (names, keys, of_keys, items, read) = Default::default();
        let (encodings, rs, ks, scalars) = Default::default();
        let equation = Equation { scalars, points: Vec::new(), of_curve: C::Room::default() };
        Self { names, keys, of_keys, items, read, encodings, rs, ks, equation }
    }
}

impl<C: Curve> Reuse for Room<C> {
    fn empty(&mut self) {
        self.names.clear();
        self.read.clear();
        self.encodings.clear();
        self.rs.clear();
        self.ks.clear();
    }
}

impl<C: Curve> Batches<C> {
    /// Batches on `curve`.
    pub fn new(curve: C) -> Self {
        Self { curve, keys: Keys::default(), rooms: Shelf::default() }
    }

    /// Writes a verdict for each of `items`, equal keys together; `holds` begins all false.
    pub fn check_sorted<'a>(
        &self,
        items: impl ExactSizeIterator<Item = &'a Item<'a>> + Clone,
        holds: &mut [bool],
    ) {
        let mut room = self.rooms.take();
        let Room { names, keys, of_keys, items: kept, read, encodings, rs, ks, equation } =
            &mut room;
        names.extend(items.clone().map(|item| item.by));
        names.dedup();
        self.keys.points(names, of_keys, keys, |encodings, points| {
            self.curve.decompress(encodings, points);
        });
        let mut hashed: Vec<&Item> = recycled(mem::take(kept));
        let mut key = 0;
        for (at, item) in items.enumerate() {
            if names[key] != item.by {
                key += 1;
            }
            if let (true, Some((r, s))) = (keys[key].is_some(), halves(item)) {
                let (k, z) = Default::default();
                read.push(Read { at, key, r: encodings.len(), s, k, z });
                hashed.push(item);
                encodings.push(r);
            }
        }
        self.curve.decompress(encodings, rs);
        self.curve.challenges(&hashed, &mut equation.of_curve, ks);
        *kept = recycled(hashed);
        read.retain(|read| rs[read.r].is_some());
        read.iter_mut().for_each(|read| read.k = ks[read.r]);
        weigh(read);
        let points = Points { keys, rs };
        self.settle(read, points, equation, holds);
        self.rooms.give(room);
    }

    /// Writes a verdict for each of `items`.
    fn settle(
        &self,
        items: &[Read],
        points: Points<C::Point>,
        equation: &mut Equation<C>,
        holds: &mut [bool],
    ) {
        if items.len() > C::ALONE && self.all_hold(items, points, equation) {
            items.iter().for_each(|item| holds[item.at] = true);
        } else if items.len() <= C::ALONE_AFTER {
            let mut places = items.iter().map(|item| item.at);
            let signatures = items.iter().map(|&Read { key, r, s, k, .. }| Single {
                key: points.key(key),
                r: points.r(r),
                k,
                s,
            });
            self.curve.each(signatures, |verdict| {
                places.next().into_iter().for_each(|at| holds[at] = verdict);
            });
        } else {
            for piece in items.chunks(items.len().div_ceil(PIECES)) {
                self.settle(piece, points, equation, holds);
            }
        }
    }

    /// The equation over `items`.
    fn all_hold(
        &self,
        items: &[Read],
        points: Points<C::Point>,
        equation: &mut Equation<C>,
    ) -> bool {
        let Equation { scalars, points: kept, of_curve } = equation;
        let mut all: Vec<&C::Point> = recycled(mem::take(kept));
        let mut of_base = Scalar::ZERO;
        scalars.clear();
        scalars.extend(items.iter().map(|item| item.z));
        all.extend(items.iter().map(|item| points.r(item.r)));
        for under_one_key in items.chunk_by(|a, b| a.key == b.key) {
            let mut of_key = Scalar::ZERO;
            for Read { s, k, z, .. } in under_one_key {
                of_base -= z * s;
                of_key += z * k;
            }
            scalars.push(of_key);
            all.push(points.key(under_one_key[0].key));
        }
        let vanishes = self.curve.vanishes(of_base, scalars, &all, of_curve);
        *kept = recycled(all);
        vanishes
    }
}

/// What the signatures that were read are made of.
#[derive(Clone, Copy)]
struct Points<'p, P> {
    keys: &'p [Option<P>],
    rs: &'p [Option<P>],
}

impl<'p, P> Points<'p, P> {
    fn key(self, at: usize) -> &'p P {
        self.keys[at].as_ref().expect("a signature is read if its key decodes")
    }
    fn r(self, at: usize) -> &'p P {
        self.rs[at].as_ref().expect("a signature is kept if its R decodes")
    }
}

/// R and s of an item's signature; `None` where s is not reduced.
fn halves(item: &Item) -> Option<([u8; 32], Scalar)> {
    let (r, s) = item.signature.0.split_first_chunk()?;
    Some((*r, Option::from(Scalar::from_canonical_bytes(*s.first_chunk()?))?))
}

/// Draws each item's weight from a stream keyed by all of them.
fn weigh(items: &mut [Read]) {
    if items.len() < 2 {
        return; // One alone is checked without a weight.
    }
    let mut bound = Sha256::new_with_prefix(b"byzlab/batch/1");
    for Read { s, k, .. } in &*items {
        // k is a hash over R, the key and the statement.
        bound.update(k.as_bytes());
        bound.update(s.as_bytes());
    }
    let mut stream = ChaCha12Rng::from_seed(bound.finalize().into());
    for item in items {
        let mut bytes = [0; 16];
        stream.fill_bytes(&mut bytes);
        item.z = Scalar::from(u128::from_le_bytes(bytes));
    }
}
