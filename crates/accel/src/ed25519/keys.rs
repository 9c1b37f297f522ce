//! Verification keys, decompressed once.

use std::{
    collections::BTreeMap,
    mem,
    sync::{PoisonError, RwLock},
};

use byzlab_core::PublicKey;
use curve25519_dalek::{EdwardsPoint, edwards::CompressedEdwardsY};

/// The most keys in a generation; twice as many are remembered, at 200 bytes each.
const GENERATION_MAX: usize = 8_192;

/// Remembers points of keys seen before: a committee's keys and its clients' come back all the time,
/// and a decompression costs as much as a fifth of a signature in a batch.
///
/// Two generations: a full young one becomes the old one, whose keys are forgotten unless they are
/// asked for again. So a flood of new keys costs their senders' time and no more memory.
#[derive(Debug, Default)]
pub struct Keys(RwLock<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: BTreeMap<PublicKey, EdwardsPoint>,
    old: BTreeMap<PublicKey, EdwardsPoint>,
}

impl Generations {
    fn insert(&mut self, key: PublicKey, point: EdwardsPoint) {
        if self.young.len() >= GENERATION_MAX {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, point);
    }
}

impl Keys {
    /// The point of each key, or `None` for bytes that decode to no point. Any encoding counts that
    /// decodes, as ZIP-215 says: also one not reduced, or with a sign on zero.
    pub fn points(&self, keys: &[PublicKey]) -> Vec<Option<EdwardsPoint>> {
        let mut fresh = Vec::new();
        let mut points = Vec::with_capacity(keys.len());
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            for (at, key) in keys.iter().enumerate() {
                let young = known.young.get(key).copied();
                points.push(young.or_else(|| known.old.get(key).copied()));
                if young.is_none() {
                    fresh.push(at);
                }
            }
        }
        if fresh.is_empty() {
            return points;
        }
        for &at in &fresh {
            points[at] = points[at].or_else(|| CompressedEdwardsY(keys[at].0).decompress());
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for at in fresh {
            if let Some(point) = points[at] {
                known.insert(keys[at], point);
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::{Scalar, constants::ED25519_BASEPOINT_POINT};

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
            assert!(keys.points(&flood).iter().all(Option::is_some));
            assert_eq!(keys.points(&[hot]), [Some(ED25519_BASEPOINT_POINT)]);
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
        assert_eq!(keys.points(&[PublicKey(bytes), PublicKey(bytes)]), [None, None]);
        assert!(keys.0.read().unwrap().young.is_empty());
    }
}
