//! Eight abreast, each lane gives what is computed one at a time.

use std::array;

use byzlab_core::{PublicKey, Signature};
use curve25519_dalek::{constants::EIGHT_TORSION, edwards::CompressedEdwardsY, traits::Identity};
use proptest::{array::uniform5, collection::vec, prelude::*};

use super::{
    super::plain::Plain,
    field::{Element, LIMBS},
    *,
};

const MASK: u64 = (1 << 51) - 1;
/// The largest carried limb.
const MAX: u64 = (1 << 51) + (1 << 15) - 1;

/// A number with limbs of any size, by the plainest code: its canonical limbs.
fn reduced(mut x: [u128; LIMBS]) -> [u64; LIMBS] {
    for _ in 0..3 {
        for k in 0..LIMBS {
            let high = x[k] >> 51;
            x[k] &= u128::from(MASK);
            if k + 1 < LIMBS {
                x[k + 1] += high;
            } else {
                x[0] += 19 * high;
            }
        }
    }
    let x = x.map(|limb| limb as u64);
    let is_p_or_more = x[0] >= MASK - 18 && x[1..].iter().all(|&limb| limb == MASK);
    if is_p_or_more { [x[0] - (MASK - 18), 0, 0, 0, 0] } else { x }
}

fn decompressed(wide: &Wide, encodings: &[[u8; 32]]) -> Vec<Option<Addend>> {
    let mut points = Vec::new();
    wide.decompress(encodings, &mut points);
    points
}

fn each<C: Curve>(curve: &C, signatures: &[Single<C::Point>]) -> Vec<bool> {
    let mut verdicts = Vec::new();
    curve.each(signatures.iter().copied(), |holds| verdicts.push(holds));
    verdicts
}

fn challenges<C: Curve>(curve: &C, items: &[&Item]) -> Vec<Scalar> {
    let mut challenges = Vec::new();
    curve.challenges(items, &mut C::Room::default(), &mut challenges);
    challenges
}

fn product(x: [u64; LIMBS], y: [u64; LIMBS]) -> [u64; LIMBS] {
    let mut sums = [0; LIMBS];
    for i in 0..LIMBS {
        for j in 0..LIMBS {
            let factor = if i + j < LIMBS { 1 } else { 19 };
            sums[(i + j) % LIMBS] += factor * u128::from(x[i]) * u128::from(y[j]);
        }
    }
    reduced(sums)
}

/// A limb at its extremes, or any.
fn limb() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(MASK - 18), Just(MASK), Just(MAX), 0..=MAX]
}

/// What `f` gives for eight pairs of numbers; each must come out carried.
fn of_lanes(
    xs: &[[u64; LIMBS]; LANES],
    ys: &[[u64; LIMBS]; LANES],
    f: impl Fn(Element, Element) -> Element,
) -> [[u64; LIMBS]; LANES] {
    let columns = |rows: &[[u64; LIMBS]; LANES]| array::from_fn(|k| array::from_fn(|l| rows[l][k]));
    let mut out = [[0; LANES]; LIMBS];
    // SAFETY: the test that calls has looked whether the processor has the instructions.
    unsafe { field::store(f(field::load(&columns(xs)), field::load(&columns(ys))), &mut out) }
    assert!(out.as_flattened().iter().all(|&limb| limb <= MAX), "{out:x?}");
    array::from_fn(|l| array::from_fn(|k| out[k][l]))
}

proptest! {
    #[test]
    fn numbers_at_their_extremes(
        xs in vec(uniform5(limb()), LANES), ys in vec(uniform5(limb()), LANES), mask: u8,
    ) {
        if Ifma::detect().is_none() {
            return Ok(());
        }
        let (xs, ys) = (array::from_fn(|l| xs[l]), array::from_fn(|l| ys[l]));
        let wide = |x: [u64; LIMBS]| reduced(x.map(u128::from));
        // 4p, each of whose limbs is above any carried one.
        let minus = |x: [u64; LIMBS], y: [u64; LIMBS]| {
            let four_p: [u64; LIMBS] = array::from_fn(|k| 4 * (MASK - if k == 0 { 18 } else { 0 }));
            wide(array::from_fn(|k| x[k] + four_p[k] - y[k]))
        };
        // SAFETY: the processor has the instructions.
        let (mul, square, add, sub, negated, chosen) = unsafe {
            (
                of_lanes(&xs, &ys, |x, y| field::mul(x, y)),
                of_lanes(&xs, &ys, |x, _| field::square(x)),
                of_lanes(&xs, &ys, |x, y| field::add(x, y)),
                of_lanes(&xs, &ys, |x, y| field::sub(x, y)),
                of_lanes(&xs, &ys, |x, _| field::negate_where(mask, x)),
                of_lanes(&xs, &ys, |x, y| field::select(mask, x, y)),
            )
        };
        for l in 0..LANES {
            let (x, y) = (xs[l], ys[l]);
            let is_set = mask >> l & 1 == 1;
            prop_assert_eq!(wide(mul[l]), product(x, y));
            prop_assert_eq!(wide(square[l]), product(x, x));
            prop_assert_eq!(wide(add[l]), wide(array::from_fn(|k| x[k] + y[k])));
            prop_assert_eq!(wide(sub[l]), minus(x, y));
            let want = if is_set { minus([0; LIMBS], x) } else { wide(x) };
            prop_assert_eq!(wide(negated[l]), want);
            prop_assert_eq!(chosen[l], if is_set { y } else { x });
        }
        // SAFETY: the processor has the instructions.
        let (odd, equal) = unsafe {
            let load = |rows: &[[u64; LIMBS]; LANES]| {
                field::load(&array::from_fn(|k| array::from_fn(|l| rows[l][k])))
            };
            (field::odd(load(&xs)), field::equal(load(&xs), load(&add)))
        };
        for l in 0..LANES {
            prop_assert_eq!(odd >> l & 1 == 1, wide(xs[l])[0] & 1 == 1);
            prop_assert_eq!(equal >> l & 1 == 1, wide(xs[l]) == wide(add[l]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_sum(
        scalars in vec((any::<u128>(), any::<bool>(), 0usize..40), 1..300), extra in 0usize..8,
    ) {
        let Some(wide) = Wide::detect() else { return Ok(()) };
        let (some_points, mut sum) = (some_points(), EdwardsPoint::identity());
        let (mut factors, mut points) = (Vec::new(), Vec::new());
        for (factor, whole, at) in scalars {
            // Half as long, or at the upper end.
            let factor = Scalar::from(factor);
            let factor = if whole { -factor } else { factor };
            let point = some_points[at];
            sum += point * factor;
            factors.push(factor);
            points.push(point.compress().0);
        }
        let of_base = factors[0];
        factors.push(-Scalar::ONE);
        let torsion = EIGHT_TORSION[extra];
        points.push((sum + torsion + ED25519_BASEPOINT_POINT * of_base).compress().0);
        let points: Vec<_> =
            decompressed(&wide, &points).into_iter().map(Option::unwrap).collect();
        let points: Vec<_> = points.iter().collect();
        let room = &mut Room::default();
        prop_assert!(wide.vanishes(of_base, &factors, &points, room));
        prop_assert!(!wide.vanishes(of_base + Scalar::ONE, &factors, &points, room));
    }
}

/// Forty points, some of small and of mixed order.
fn some_points() -> [EdwardsPoint; 40] {
    let point = |i: usize| ED25519_BASEPOINT_POINT * Scalar::from((i / 3 * 0x1_2345_6789) as u64);
    array::from_fn(|i| point(i) + EIGHT_TORSION[i % 8])
}

/// Decoded to the last bit, not up to points of small order.
#[test]
fn encodings_decode_to_what_they_stand_for() {
    let Some(wide) = Wide::detect() else { return };
    let mut encodings: Vec<[u8; 32]> = some_points().map(|point| point.compress().0).to_vec();
    for low in 0..=255 {
        for (fill, high) in [(0, 0), (0, 0x80), (0xff, 0x7f), (0xff, 0xff)] {
            let mut encoding = [fill; 32];
            (encoding[0], encoding[31]) = (low, high);
            encodings.push(encoding);
        }
    }
    let mut seen = [0, 0];
    for (encoding, got) in encodings.iter().zip(decompressed(&wide, &encodings)) {
        let want = CompressedEdwardsY(*encoding).decompress();
        assert_eq!(got.is_some(), want.is_some(), "{encoding:?}");
        seen[usize::from(got.is_some())] += 1;
        let (Some(got), Some(want)) = (got, want) else { continue };
        let (plus, minus) = got.sum_and_difference();
        let half = [MASK - 8, MASK, MASK, MASK, MASK >> 1];
        let y = product(array::from_fn(|k| plus[k] + minus[k]), half);
        let x = product(array::from_fn(|k| plus[k] + field::TWICE_P[k] - minus[k]), half);
        let mut bytes = [0; 32];
        for bit in 0..255 {
            bytes[bit / 8] |= ((y[bit / 51] >> (bit % 51) & 1) as u8) << (bit % 8);
        }
        bytes[31] |= ((x[0] & 1) as u8) << 7;
        assert_eq!(bytes, want.compress().0, "{encoding:?}");
    }
    assert!(seen.iter().all(|&count| count > 400), "{seen:?}");
}

/// Verdicts in every lane, and in lanes that are left over.
#[test]
fn eight_alone_are_each_alone() {
    let Some(wide) = Wide::detect() else { return };
    let plain = Plain::default();
    let points = some_points();
    let numbers = |i: u64| {
        let (k, s) =
            (Scalar::from(i * i * 0xfeed_f00d), Scalar::from(u128::MAX / u128::from(i + 1)));
        (-k, s)
    };
    let rs: Vec<_> = (0..60)
        .map(|i| {
            let (k, s) = numbers(i);
            let r = ED25519_BASEPOINT_POINT * s - points[i as usize % 40] * k;
            let wrong = if i % 3 == 0 { points[i as usize / 2] } else { EdwardsPoint::identity() };
            r + wrong + EIGHT_TORSION[i as usize % 8]
        })
        .collect();
    let decode = |point: &EdwardsPoint| decompressed(&wide, &[point.compress().0])[0].unwrap();
    let keys_in_lanes: Vec<_> = points.iter().map(decode).collect();
    let rs_in_lanes: Vec<_> = rs.iter().map(decode).collect();
    let (mut signatures, mut in_lanes) = (Vec::new(), Vec::new());
    for i in 0..60 {
        let (k, s) = numbers(i);
        let (at, i) = (i as usize % 40, i as usize);
        signatures.push(Single { key: &points[at], r: &rs[i], k, s });
        in_lanes.push(Single { key: &keys_in_lanes[at], r: &rs_in_lanes[i], k, s });
    }
    for count in [0, 1, 7, 8, 9, 60] {
        let want = each(&plain, &signatures[..count]);
        assert_eq!(each(&wide, &in_lanes[..count]), want);
    }
    let want = each(&plain, &signatures);
    assert!(want.contains(&true) && want.contains(&false));
    assert!(signatures.iter().any(|single| single.key.is_small_order()));
}

/// Statements of any length in any order, few of some and many of others.
#[test]
fn eight_are_hashed_as_one_is() {
    let Some(wide) = Wide::detect() else { return };
    let bytes: Vec<u8> = (0..2_000).map(|i| (i % 253) as u8).collect();
    let lengths = (0..=300).chain([64; 30]).chain([1_000, 2_000, 1_001, 0]);
    let items: Vec<_> = lengths
        .zip(0u8..=255)
        .chain((200..=300).zip(0u8..=255))
        .map(|(length, name)| Item {
            by: PublicKey([name; 32]),
            statement: &bytes[..length],
            signature: Signature([!name; 64]),
        })
        .collect();
    for count in [0, 1, 7, 8, 9, items.len()] {
        let items: Vec<_> = items[..count].iter().collect();
        assert_eq!(challenges(&wide, &items), challenges(&Plain::default(), &items), "{count}");
    }
}
