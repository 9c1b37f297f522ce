//! The curve by `curve25519-dalek`, one point after another: for every machine.

use std::fmt;

use curve25519_dalek::{
    EdwardsPoint, Scalar,
    constants::ED25519_BASEPOINT_POINT,
    edwards::{CompressedEdwardsY, VartimeEdwardsPrecomputation},
    traits::{IsIdentity, VartimeMultiscalarMul, VartimePrecomputedMultiscalarMul},
};

use sha2::{Digest as _, Sha512};

use super::{
    Item,
    batch::{Curve, Single},
};

/// From this many points on, Pippenger's way of adding beats Straus' (measured in `curve25519-dalek`).
const PIPPENGER_MIN: usize = 190;

/// The curve, a point at a time.
pub struct Plain {
    /// Odd multiples of the base point, which small batches share.
    base: VartimeEdwardsPrecomputation,
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plain").finish_non_exhaustive()
    }
}

impl Default for Plain {
    fn default() -> Self {
        Self { base: VartimeEdwardsPrecomputation::new([ED25519_BASEPOINT_POINT]) }
    }
}

impl Curve for Plain {
    type Point = EdwardsPoint;
    type Room = ();
    const ALONE: usize = 1;
    const ALONE_AFTER: usize = 16;

    fn decompress(&self, encodings: &[[u8; 32]], points: &mut Vec<Option<EdwardsPoint>>) {
        points.extend(encodings.iter().map(|&bytes| CompressedEdwardsY(bytes).decompress()));
    }

    fn challenges(&self, items: &[&Item], _: &mut (), challenges: &mut Vec<Scalar>) {
        let challenge = |item: &&Item| {
            let hash = Sha512::new()
                .chain_update(&item.signature.0[..32])
                .chain_update(item.by.0)
                .chain_update(item.statement);
            Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
        };
        challenges.extend(items.iter().map(challenge));
    }

    fn vanishes(
        &self,
        of_base: Scalar,
        scalars: &[Scalar],
        points: &[&EdwardsPoint],
        _: &mut (),
    ) -> bool {
        let sum = if points.len() < PIPPENGER_MIN {
            self.base.vartime_mixed_multiscalar_mul([of_base], scalars, points.iter().copied())
        } else {
            EdwardsPoint::vartime_multiscalar_mul(
                scalars.iter().chain([&of_base]),
                points.iter().copied().chain([&ED25519_BASEPOINT_POINT]),
            )
        };
        sum.mul_by_cofactor().is_identity()
    }

    fn each<'p>(
        &self,
        signatures: impl ExactSizeIterator<Item = Single<'p, EdwardsPoint>>,
        mut tell: impl FnMut(bool),
    ) {
        for Single { key, r, k, s } in signatures {
            let sum = EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &-*key, &s);
            tell((sum - *r).mul_by_cofactor().is_identity());
        }
    }
}
