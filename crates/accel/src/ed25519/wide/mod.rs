//! Ed25519's curve by AVX-512, eight points abreast.
//!
//! One lane of 64 bits is one point's: nothing moves between lanes except where points are read. The
//! multiplier of 52 bits (IFMA) multiplies eight pairs of limbs at once, so a multiplication modulo p
//! costs about 50 cycles for eight.
//!
//! | room | what |
//! |---|---|
//! | `field` | numbers modulo p |
//! | `point` | decoding and addition of points |
//! | `sha512` | what a signature answers to |
//! | `sum` | the equation of a batch |
//! | `alone` | eight equations of one signature each |
//!
//! # Safety
//! The kernels are safe functions with `#[target_feature]`; to call one from elsewhere is unsafe, as the
//! processor must have the instructions. [`Ifma`] is the proof that it has. Its methods are the only calls,
//! and besides them only a load and a store in `field` use pointers, each derived from a reference to
//! exactly the bytes touched.

// Lanes and limbs are indexed: what is done to all of them is one short loop that the compiler unrolls.
#![allow(clippy::needless_range_loop)]

mod alone;
mod field;
mod point;
mod sha512;
mod sum;
#[cfg(test)]
mod tests;

use std::{array, mem};

use curve25519_dalek::{EdwardsPoint, Scalar, constants::ED25519_BASEPOINT_POINT};

use self::{
    alone::{MULTIPLES, Question},
    field::LANES,
    point::Addend,
    sha512::Message,
};
use super::{
    Item,
    batch::{Curve, Single},
};
use crate::scratch::recycled;

/// Proof that this processor has the instructions used here.
#[derive(Clone, Copy, Debug)]
struct Ifma(());

impl Ifma {
    /// The proof, if it is true.
    fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma"))
            .then_some(Self(()))
    }
    fn decompress(self, encodings: &[[u8; 32]; LANES]) -> ([Addend; LANES], u8) {
        // SAFETY: `self` proves that the processor has the features which `decompress` enables.
        unsafe { point::decompress(encodings) }
    }
    fn vanishes(self, scalars: &[[u8; 32]], points: &[&Addend], room: &mut sum::Room) -> bool {
        // SAFETY: `self` proves that the processor has the features which `vanishes` enables.
        unsafe { sum::vanishes(scalars, points, room) }
    }
    fn hash(self, messages: &[Message; LANES], blocks: usize) -> [[u8; 64]; LANES] {
        // SAFETY: `self` proves that the processor has the features which `hash` enables.
        unsafe { sha512::hash(messages, blocks) }
    }
    fn hold(self, questions: &[Question; LANES], base: &[Addend; MULTIPLES]) -> u8 {
        // SAFETY: `self` proves that the processor has the features which `hold` enables.
        unsafe { alone::hold(questions, base) }
    }
}

/// The curve, eight points abreast.
#[derive(Debug)]
pub struct Wide {
    ifma: Ifma,
    /// One to eight times the base point.
    base: [Addend; MULTIPLES],
}

impl Wide {
    /// The curve, where the processor has the instructions.
    pub fn detect() -> Option<Self> {
        let ifma = Ifma::detect()?;
        let mut encodings = [[0; 32]; MULTIPLES];
        let mut multiple = EdwardsPoint::default();
        for encoding in &mut encodings {
            multiple += ED25519_BASEPOINT_POINT;
            *encoding = multiple.compress().0;
        }
        Some(Self { ifma, base: ifma.decompress(&encodings).0 })
    }
}

impl Curve for Wide {
    type Point = Addend;
    type Room = Room;
    const ALONE: usize = 24;
    const ALONE_AFTER: usize = 64;

    fn decompress(&self, encodings: &[[u8; 32]], points: &mut Vec<Option<Addend>>) {
        for eight in encodings.chunks(LANES) {
            let mut lanes = [[0; 32]; LANES];
            lanes[..eight.len()].copy_from_slice(eight);
            let (all, valid) = self.ifma.decompress(&lanes);
            points.extend((0..eight.len()).map(|l| (valid >> l & 1 == 1).then_some(all[l])));
        }
    }

    fn challenges(&self, items: &[&Item], room: &mut Room, challenges: &mut Vec<Scalar>) {
        // Those of one length in blocks together, eight at a time.
        let blocks = |at: usize| sha512::blocks(items[at].statement.len());
        let order = &mut room.order;
        order.clear();
        order.extend((0..items.len()).map(|at| (blocks(at), at)));
        order.sort_unstable();
        challenges.resize(items.len(), Scalar::ZERO);
        for alike in order.chunk_by(|a, b| a.0 == b.0) {
            for eight in alike.chunks(LANES) {
                // The last of few stands in the lanes that are left over.
                let message = |l: usize| {
                    let Item { by, statement, signature } = items[eight[l.min(eight.len() - 1)].1];
                    let mut head = [0; sha512::HEAD];
                    head[..32].copy_from_slice(&signature.0[..32]);
                    head[32..].copy_from_slice(&by.0);
                    (head, *statement)
                };
                let hashes = self.ifma.hash(&array::from_fn(message), eight[0].0);
                for (&(_, at), hash) in eight.iter().zip(hashes) {
                    challenges[at] = Scalar::from_bytes_mod_order_wide(&hash);
                }
            }
        }
    }

    fn vanishes(
        &self,
        of_base: Scalar,
        scalars: &[Scalar],
        points: &[&Addend],
        room: &mut Room,
    ) -> bool {
        room.scalars.clear();
        room.scalars.extend(scalars.iter().chain([&of_base]).map(Scalar::to_bytes));
        let mut all: Vec<&Addend> = recycled(mem::take(&mut room.points));
        all.extend(points);
        all.push(&self.base[0]);
        let vanishes = self.ifma.vanishes(&room.scalars, &all, &mut room.sum);
        room.points = recycled(all);
        vanishes
    }

    fn each<'p>(
        &self,
        mut signatures: impl ExactSizeIterator<Item = Single<'p, Addend>>,
        mut tell: impl FnMut(bool),
    ) {
        while let Some(first) = signatures.next() {
            // The first of few stands in the lanes that are left over.
            let mut eight = [first; LANES];
            let count = 1 + signatures.len().min(LANES - 1);
            eight[1..count].fill_with(|| signatures.next().unwrap_or(first));
            let question = |l: usize| {
                let Single { key, r, k, s } = eight[l];
                Question { key, r, k: k.to_bytes(), s: s.to_bytes() }
            };
            let hold = self.ifma.hold(&array::from_fn(question), &self.base);
            (0..count).for_each(|l| tell(hold >> l & 1 == 1));
        }
    }
}

/// What a batch is worked out in.
#[derive(Debug, Default)]
pub struct Room {
    /// Items by their length in blocks.
    order: Vec<(usize, usize)>,
    scalars: Vec<[u8; 32]>,
    points: Vec<&'static Addend>,
    sum: sum::Room,
}
