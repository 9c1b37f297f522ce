//! Multiples of Ed25519's base point, many at once and in variable time: what it takes to sign a
//! load of transactions.
//!
//! A comb: the scalar is cut into 32 signed digits of 8 bits, a table holds every digit's multiple of
//! every power `256^i` of the base point, and 32 additions give the product. One inversion in the
//! field brings all products of a call into their encoding. Half as many additions as the curve
//! library's own table needs, and no masking of which entry is read; so it is **only for keys that
//! are no secret**, as those of a run's clients, which anyone can make from the run's seed.
//!
//! The formulas are those of Hisil, Wong, Carter and Dawson 2008 for a = −1 (§3.1: complete, so the
//! neutral element and doublings need no case of their own). Field elements are five limbs of 51
//! bits; *reduced* ones have limbs below 2⁵¹ + 2¹⁷, sums and differences of two below 2⁵³, which is
//! well within what a product takes.

use std::sync::LazyLock;

use curve25519_dalek::{Scalar, constants::ED25519_BASEPOINT_COMPRESSED};

const MASK: u64 = (1 << 51) - 1;
/// Signed digits of a scalar.
const DIGITS: usize = 32;
/// Multiples of a power: 1 to 128.
const MULTIPLES: usize = 128;

/// The base point's x, as RFC 8032 §5.1 gives it.
const BASE_X: [u8; 32] = [
    0x1a, 0xd5, 0x25, 0x8f, 0x60, 0x2d, 0x56, 0xc9, 0xb2, 0xa7, 0x25, 0x95, 0x60, 0xc7, 0x2c, 0x69,
    0x5c, 0xdc, 0xd6, 0xfd, 0x31, 0xe2, 0xa4, 0xc0, 0xfe, 0x53, 0x6e, 0xcd, 0xd3, 0x36, 0x69, 0x21,
];

/// Products that share an inversion: it costs as much as 30 additions, so half an addition each.
pub(crate) const TOGETHER: usize = 64;

/// The encodings of `scalars[i]` times the base point, of at most [`TOGETHER`]; behind them, anything. Time
/// depends on the scalars.
pub(crate) fn mul_base_many(scalars: &[Scalar]) -> [[u8; 32]; TOGETHER] {
    let mut products = [Point::NEUTRAL; TOGETHER];
    products.iter_mut().zip(scalars).for_each(|(product, scalar)| *product = mul_base(scalar));
    let mut inverses = [Fe::ONE; TOGETHER];
    invert_all(products[..scalars.len()].iter().map(|p| p.z), &mut inverses[..scalars.len()]);
    let mut encodings = [[0; 32]; TOGETHER];
    let count = scalars.len();
    for ((bytes, p), inverse) in encodings.iter_mut().zip(&products[..count]).zip(inverses) {
        *bytes = p.y.mul(inverse).to_bytes();
        bytes[31] |= (p.x.mul(inverse).to_bytes()[0] & 1) << 7;
    }
    encodings
}

fn mul_base(scalar: &Scalar) -> Point {
    let powers = TABLE.chunks_exact(MULTIPLES);
    digits(scalar).into_iter().zip(powers).fold(Point::NEUTRAL, |sum, (digit, multiples)| {
        let entry = || multiples[usize::from(digit.unsigned_abs()) - 1];
        match digit {
            0 => sum,
            1.. => sum.add(&entry()),
            ..0 => sum.add(&entry().negated()),
        }
    })
}

/// The scalar to the base 256, by digits from −128 to 127; it is below 2²⁵³, so the last takes the
/// carry.
fn digits(scalar: &Scalar) -> [i8; DIGITS] {
    let mut carry = 0;
    scalar.to_bytes().map(|byte| {
        let digit = u16::from(byte) + carry;
        carry = u16::from(digit >= 128);
        digit as u8 as i8
    })
}

/// `TABLE[128 i + j]` is `(j + 1) 256^i` times the base point: 480 KiB, made at the first use.
static TABLE: LazyLock<Vec<Affine>> = LazyLock::new(|| {
    let (x, y) = (Fe::from_bytes(&BASE_X), Fe::from_bytes(ED25519_BASEPOINT_COMPRESSED.as_bytes()));
    let d2 = twice_d();
    let mut power = Point { x, y, z: Fe::ONE, t: x.mul(y) };
    let mut points = Vec::with_capacity(DIGITS * MULTIPLES);
    for _ in 0..DIGITS {
        let cached = power.cached(d2);
        let mut multiple = power;
        for _ in 0..MULTIPLES {
            points.push(multiple);
            multiple = multiple.add(&cached);
        }
        // The last one pushed is 128 times the power.
        let half = points[points.len() - 1];
        power = half.add(&half.cached(d2));
    }
    let mut inverses = vec![Fe::ONE; points.len()];
    invert_all(points.iter().map(|p| p.z), &mut inverses);
    let affine = |(p, inverse): (&Point, Fe)| {
        let (x, y) = (p.x.mul(inverse), p.y.mul(inverse));
        Point { x, y, z: Fe::ONE, t: x.mul(y) }.cached(d2).affine()
    };
    points.iter().zip(inverses).map(affine).collect()
});

/// 2d of the curve: d = −121665 / 121666.
fn twice_d() -> Fe {
    let small = |n| Fe([n, 0, 0, 0, 0]);
    small(2 * 121_665).negated().mul(small(121_666).invert())
}

/// A point (X/Z, Y/Z) with T = XY/Z; all four reduced.
#[derive(Clone, Copy)]
struct Point {
    x: Fe,
    y: Fe,
    z: Fe,
    t: Fe,
}

/// A point as it is added: Y + X, Y − X, 2dT, and 2Z where that is not 2.
struct Cached {
    sum: Fe,
    difference: Fe,
    t2d: Fe,
    z2: Fe,
}

/// A [`Cached`] point with Z = 1; all three reduced.
#[derive(Clone, Copy)]
struct Affine {
    sum: Fe,
    difference: Fe,
    t2d: Fe,
}

/// What can be added to a point.
trait Addend {
    /// Y + X, Y − X and 2dT.
    fn parts(&self) -> [Fe; 3];
    /// `z` times 2Z.
    fn times_2z(&self, z: Fe) -> Fe;
}

impl Addend for Cached {
    fn parts(&self) -> [Fe; 3] {
        [self.sum, self.difference, self.t2d]
    }
    fn times_2z(&self, z: Fe) -> Fe {
        self.z2.mul(z)
    }
}

impl Addend for Affine {
    #[inline]
    fn parts(&self) -> [Fe; 3] {
        [self.sum, self.difference, self.t2d]
    }
    #[inline]
    fn times_2z(&self, z: Fe) -> Fe {
        z.add(z)
    }
}

impl Affine {
    fn negated(self) -> Self {
        Self { sum: self.difference, difference: self.sum, t2d: self.t2d.negated() }
    }
}

impl Cached {
    fn affine(self) -> Affine {
        let [sum, difference, t2d] = self.parts().map(Fe::reduced);
        Affine { sum, difference, t2d }
    }
}

impl Point {
    const NEUTRAL: Self = Self { x: Fe([0; 5]), y: Fe::ONE, z: Fe::ONE, t: Fe([0; 5]) };

    fn cached(&self, d2: Fe) -> Cached {
        let (sum, difference) = (self.y.add(self.x), self.y.sub(self.x));
        Cached { sum, difference, t2d: self.t.mul(d2), z2: self.z.add(self.z) }
    }
    #[inline]
    fn add(&self, other: &impl Addend) -> Self {
        let [sum, difference, t2d] = other.parts();
        let a = self.y.sub(self.x).mul(difference);
        let b = self.y.add(self.x).mul(sum);
        let c = self.t.mul(t2d);
        let d = other.times_2z(self.z);
        // d may be a sum itself: with c it stays below 2⁵³.
        let (e, f, g, h) = (b.sub(a), d.sub(c), d.add(c), b.add(a));
        Self { x: e.mul(f), y: g.mul(h), z: f.mul(g), t: e.mul(h) }
    }
}

/// An element of the field of 2²⁵⁵ − 19 elements.
#[derive(Clone, Copy)]
struct Fe([u64; 5]);

impl Fe {
    const ONE: Self = Self([1, 0, 0, 0, 0]);

    /// The top bit is ignored.
    fn from_bytes(bytes: &[u8; 32]) -> Self {
        let at = |i: usize| u64::from_le_bytes(bytes[i..i + 8].try_into().expect("eight bytes"));
        Self([at(0), at(6) >> 3, at(12) >> 6, at(19) >> 1, at(24) >> 12].map(|limb| limb & MASK))
    }
    /// The one encoding of a reduced element.
    fn to_bytes(self) -> [u8; 32] {
        let Self(mut l) = self.reduced();
        // Whether it is p or above: whether 19 more carry out at the top.
        let over = l.iter().fold(19, |carry, limb| (limb + carry) >> 51);
        l[0] += 19 * over;
        for i in 0..4 {
            l[i + 1] += l[i] >> 51;
            l[i] &= MASK;
        }
        l[4] &= MASK;
        let words = [
            l[0] | l[1] << 51,
            l[1] >> 13 | l[2] << 38,
            l[2] >> 26 | l[3] << 25,
            l[3] >> 39 | l[4] << 12,
        ];
        let mut bytes = [0; 32];
        for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
    /// Carries once: limbs below 2⁶³ become reduced.
    fn reduced(self) -> Self {
        let Self(l) = self;
        let carry = l.map(|limb| limb >> 51);
        Self([
            (l[0] & MASK) + 19 * carry[4],
            (l[1] & MASK) + carry[0],
            (l[2] & MASK) + carry[1],
            (l[3] & MASK) + carry[2],
            (l[4] & MASK) + carry[3],
        ])
    }
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
    /// `other` is reduced: the 2p added to each limb is not below it.
    #[inline]
    fn sub(self, other: Self) -> Self {
        const TWICE_P: [u64; 5] = [2 * (MASK - 18), 2 * MASK, 2 * MASK, 2 * MASK, 2 * MASK];
        Self(std::array::from_fn(|i| self.0[i] + TWICE_P[i] - other.0[i]))
    }
    fn negated(self) -> Self {
        Self([0; 5]).sub(self).reduced()
    }
    /// The product of two elements with limbs below 2⁵⁴, reduced.
    #[inline]
    fn mul(self, other: Self) -> Self {
        let (Self(a), Self(b)) = (self, other);
        let m = |i: usize, j: u64| u128::from(a[i]) * u128::from(j);
        let [_, b1, b2, b3, b4] = b.map(|limb| 19 * limb); // 2²⁵⁵ = 19
        carried([
            m(0, b[0]) + m(1, b4) + m(2, b3) + m(3, b2) + m(4, b1),
            m(0, b[1]) + m(1, b[0]) + m(2, b4) + m(3, b3) + m(4, b2),
            m(0, b[2]) + m(1, b[1]) + m(2, b[0]) + m(3, b4) + m(4, b3),
            m(0, b[3]) + m(1, b[2]) + m(2, b[1]) + m(3, b[0]) + m(4, b4),
            m(0, b[4]) + m(1, b[3]) + m(2, b[2]) + m(3, b[1]) + m(4, b[0]),
        ])
    }
    /// To the power 2^`times`.
    fn squared(self, times: u32) -> Self {
        (0..times).fold(self, |power, _| power.mul(power))
    }
    /// To the power p − 2 = 2²⁵⁵ − 21; zero stays zero.
    fn invert(self) -> Self {
        // x_k is the power 2^k − 1.
        let x2 = self.squared(1).mul(self);
        let x3 = x2.squared(1).mul(self);
        let x5 = x3.squared(2).mul(x2);
        let x10 = x5.squared(5).mul(x5);
        let x20 = x10.squared(10).mul(x10);
        let x40 = x20.squared(20).mul(x20);
        let x50 = x40.squared(10).mul(x10);
        let x100 = x50.squared(50).mul(x50);
        let x200 = x100.squared(100).mul(x100);
        let x250 = x200.squared(50).mul(x50);
        // 2²⁵⁵ − 21 = (2²⁵⁰ − 1) 2⁵ + 11
        x250.squared(5).mul(x3).mul(self.squared(2))
    }
}

#[inline]
fn carried(mut columns: [u128; 5]) -> Fe {
    for i in 0..4 {
        columns[i + 1] += columns[i] >> 51;
    }
    let mut limbs = columns.map(|column| column as u64 & MASK);
    // The last column is below 2¹¹⁵, so its carry and 19 times it need more than 64 bits.
    let top = 19 * (columns[4] >> 51) + u128::from(limbs[0]);
    limbs[0] = top as u64 & MASK;
    limbs[1] += (top >> 51) as u64;
    Fe(limbs)
}

/// The inverses of as many elements, none of which is zero, by one inversion (Montgomery 1987).
fn invert_all(elements: impl DoubleEndedIterator<Item = Fe> + Clone, inverses: &mut [Fe]) {
    let mut product = Fe::ONE;
    for (place, element) in inverses.iter_mut().zip(elements.clone()) {
        *place = product;
        product = product.mul(element);
    }
    let mut inverse = product.invert();
    for (place, element) in inverses.iter_mut().rev().zip(elements.rev()) {
        *place = place.mul(inverse);
        inverse = inverse.mul(element);
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::EdwardsPoint;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    use super::*;

    fn holds(scalars: &[Scalar]) {
        let expected: Vec<_> =
            scalars.iter().map(|s| EdwardsPoint::mul_base(s).compress().to_bytes()).collect();
        for (scalars, expected) in scalars.chunks(TOGETHER).zip(expected.chunks(TOGETHER)) {
            assert_eq!(mul_base_many(scalars)[..scalars.len()], *expected);
        }
    }

    #[test]
    fn products_are_those_of_the_curve_library() {
        let byte = |byte: u8| Scalar::from_bytes_mod_order([byte; 32]);
        let mut scalars = vec![Scalar::ZERO, Scalar::ONE, -Scalar::ONE];
        scalars.extend([0x7f, 0x80, 0x81, 0xff, 0x01].map(byte));
        // Each power by itself, with the digits at the edges.
        for power in 0..31 {
            for digit in [1u8, 127, 128, 129, 255] {
                let mut bytes = [0; 32];
                bytes[power] = digit;
                scalars.push(Scalar::from_bytes_mod_order(bytes));
            }
        }
        holds(&scalars);
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut wide = || {
            let mut bytes = [0; 64];
            random.fill_bytes(&mut bytes);
            Scalar::from_bytes_mod_order_wide(&bytes)
        };
        holds(&(0..500).map(|_| wide()).collect::<Vec<_>>());
        holds(&[]);
    }

    #[test]
    fn encodings_are_the_only_ones() {
        let p_and = |n: u8| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (0xed + n, 0x7f);
            bytes
        };
        for n in 0..=18 {
            let expected = std::array::from_fn(|i| if i == 0 { n } else { 0 });
            assert_eq!(Fe::from_bytes(&p_and(n)).to_bytes(), expected, "p + {n}");
        }
        let largest = Fe([(1 << 53) - 1; 5]);
        assert_eq!(largest.mul(largest.invert()).to_bytes(), Fe::ONE.to_bytes());
    }
}
