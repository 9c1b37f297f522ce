//! Verification keys, decompressed once.

use std::{
    collections::BTreeMap,
    mem,
    sync::{PoisonError, RwLock},
};

use byzlab_core::PublicKey;

/// The most keys in a generation; twice as many are remembered, at 200 bytes each.
const GENERATION_MAX: usize = 8_192;

/// Remembers points of keys seen before: a committee's keys and its clients' come back all the time,
/// and a decompression costs as much as a fifth of a signature in a batch.
///
/// Two generations: a full young one becomes the old one, whose keys are forgotten unless they are
/// asked for again. So a flood of new keys costs their senders' time and no more memory.
#[derive(Debug)]
pub struct Keys<P>(RwLock<Generations<P>>);

#[derive(Debug)]
struct Generations<P> {
    young: BTreeMap<PublicKey, P>,
    old: BTreeMap<PublicKey, P>,
}

impl<P> Default for Keys<P> {
    fn default() -> Self {
        Self(RwLock::new(Generations { young: BTreeMap::new(), old: BTreeMap::new() }))
    }
}

impl<P> Generations<P> {
    fn insert(&mut self, key: PublicKey, point: P) {
        if self.young.len() >= GENERATION_MAX {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, point);
    }
}

impl<P: Copy> Keys<P> {
    /// Makes `points` the point of each key, or `None` for bytes that decode to no point; `decompress` puts those
    /// behind a list that are not remembered.
    pub fn points(
        &self,
        keys: &[PublicKey],
        room: &mut Room<P>,
        points: &mut Vec<Option<P>>,
        decompress: impl FnOnce(&[[u8; 32]], &mut Vec<Option<P>>),
    ) {
        let Room { stale, unknown, encodings, decoded } = room;
        points.clear();
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            for (at, key) in keys.iter().enumerate() {
                let young = known.young.get(key).copied();
                let point = young.or_else(|| known.old.get(key).copied());
                if young.is_none() {
                    stale.push(at);
                }
                if point.is_none() {
                    unknown.push(at);
                    encodings.push(key.0);
                }
                points.push(point);
            }
        }
        if !stale.is_empty() {
            decompress(encodings, decoded);
            for (&at, point) in unknown.iter().zip(decoded.iter()) {
                points[at] = *point;
            }
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            for &at in stale.iter() {
                if let Some(point) = points[at] {
                    known.insert(keys[at], point);
                }
            }
        }
        stale.clear();
        unknown.clear();
        encodings.clear();
        decoded.clear();
    }
}

/// What [`Keys::points`] works in: places of keys that are not young, and of these the ones that are not even
/// old; encodings, and what they decode to.
#[derive(Debug)]
pub struct Room<P> {
    stale: Vec<usize>,
    unknown: Vec<usize>,
    encodings: Vec<[u8; 32]>,
    decoded: Vec<Option<P>>,
}

impl<P> Default for Room<P> {
    fn default() -> Self {
        let (stale, unknown, encodings) = Default::default();
        Self { stale, unknown, encodings, decoded: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ed25519::{batch::Curve, plain::Plain};
    use curve25519_dalek::{EdwardsPoint, Scalar, constants::ED25519_BASEPOINT_POINT};

    fn points(keys: &Keys<EdwardsPoint>, wanted: &[PublicKey]) -> Vec<Option<EdwardsPoint>> {
        let mut points = Vec::new();
        keys.points(wanted, &mut Room::default(), &mut points, |encodings, points| {
            Plain::default().decompress(encodings, points);
        });
        points
    }

    #[test]
    fn a_flood_is_bounded_and_keys_in_use_stay() {
        let keys = Keys::default();
        let hot = PublicKey(ED25519_BASEPOINT_POINT.compress().0);
        let mut point = ED25519_BASEPOINT_POINT * Scalar::from(2u8);
        for _ in 0..40 {
            let flood: Vec<_> = (0..GENERATION_MAX / 10)
                .map(|_| {
                    point += ED25519_BASEPOINT_POINT;
                    PublicKey(point.compress().0)
                })
                .collect();
            assert!(points(&keys, &flood).iter().all(Option::is_some));
            assert_eq!(points(&keys, &[hot]), [Some(ED25519_BASEPOINT_POINT)]);
        }
        let known = keys.0.read().unwrap();
        assert!(known.young.len() <= GENERATION_MAX && known.old.len() <= GENERATION_MAX);
        assert!(known.young.contains_key(&hot) || known.old.contains_key(&hot));
    }

    #[test]
    fn bytes_that_are_no_point_are_none() {
        // y = 2 is on no point of the curve.
        let mut bytes = [0; 32];
        bytes[0] = 2;
        let keys = Keys::default();
        assert_eq!(points(&keys, &[PublicKey(bytes), PublicKey(bytes)]), [None, None]);
        assert!(keys.0.read().unwrap().young.is_empty());
    }
}
