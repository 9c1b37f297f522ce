//! Sums of many multiples of points, by buckets (Pippenger's way; Bernstein et al. 2012, §4).
//!
//! Scalars are written with signed digits of some bits. All points that have the same digit in a column
//! fall into one bucket, and what a column adds up to is Σ d · bucket(d). Eight buckets are filled
//! abreast, those of about the same number of points together; eight columns are added up abreast.

use std::cmp::Reverse;

use super::{
    field::{LANES, LIMBS},
    point::{Addend, Addends, Points, Stored},
};

/// Bits of a scalar, which is reduced modulo the group's order.
const SCALAR_BITS: usize = 253;

/// Whether 8 · Σ `scalars[i]` · `points[i]` is the neutral point. Scalars are little-endian and below
/// 2²⁵³.
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn vanishes(scalars: &[[u8; 32]], points: &[&Addend], room: &mut Room) -> bool {
    assert_eq!(scalars.len(), points.len());
    let width = width(scalars.len());
    let Room { digits, buckets, lists } = room;
    digits.resize(columns(width) * scalars.len(), 0);
    let digits = Digits::of(scalars, width, digits);
    buckets.resize(digits.half(), [[[0; LANES]; LIMBS]; 4]);
    let mut sum = Points::neutral();
    for first in (0..digits.columns).step_by(LANES).rev() {
        for _ in 0..LANES * digits.width {
            sum = sum.doubled();
        }
        for bucket in &mut *buckets {
            Points::neutral().store(bucket);
        }
        for column in first..digits.columns.min(first + LANES) {
            lists.sort(digits.column(column), buckets.len());
            fill(lists, points, buckets, column - first);
        }
        sum = sum.plus_cached(&weighed(buckets).cached());
    }
    // Lane l stands for 2^(l · width) times itself. Neighbours are added up until one is left.
    let mut shift = digits.width;
    for lanes in [4, 2, 1] {
        let mut high = sum.lanes(|l| (2 * l + 1) % (2 * lanes));
        for _ in 0..shift {
            high = high.doubled();
        }
        sum = sum.lanes(|l| 2 * l % (2 * lanes)).plus_cached(&high.cached());
        shift *= 2;
    }
    sum.doubled().doubled().doubled().are_neutral() & 1 == 1
}

/// What a sum is worked out in: at most as large as one over a batch needs.
#[derive(Debug, Default)]
pub struct Room {
    digits: Vec<i16>,
    buckets: Vec<Stored>,
    lists: Lists,
}

/// The digits that `width` bits each make of a scalar; the last has room for a carry.
pub const fn columns(width: usize) -> usize {
    SCALAR_BITS / width + 1
}

/// The width of digits that costs least for so many scalars.
fn width(scalars: usize) -> usize {
    // A column costs an addition a scalar, and two for each of 2^(width − 1) buckets.
    let cost = |&width: &usize| columns(width) * (scalars + (1 << width));
    (4..=12).min_by_key(cost).expect("widths to choose from")
}

/// Scalars in signed digits.
pub struct Digits<'d> {
    /// Bits of a digit.
    width: usize,
    columns: usize,
    /// Scalars.
    count: usize,
    /// Column by column, lowest first; each between −2^(width − 1) and 2^(width − 1).
    digits: &'d [i16],
}

impl<'d> Digits<'d> {
    /// `scalars`, little-endian and below 2²⁵³, in digits of `width` bits, for which `digits` has room.
    pub fn of(scalars: &[[u8; 32]], width: usize, digits: &'d mut [i16]) -> Self {
        let (columns, count) = (columns(width), scalars.len());
        assert_eq!(digits.len(), columns * count);
        for (at, scalar) in scalars.iter().enumerate() {
            let mut words = [0; LIMBS];
            for (word, bytes) in words.iter_mut().zip(scalar.as_chunks::<8>().0) {
                *word = u64::from_le_bytes(*bytes);
            }
            let mut carry = 0;
            for column in 0..columns {
                let bit = column * width;
                let pair = u128::from(words[bit / 64]) | u128::from(words[bit / 64 + 1]) << 64;
                let digit = (pair >> (bit % 64)) as i32 & ((1 << width) - 1);
                let digit = digit + carry;
                carry = i32::from(digit >= 1 << (width - 1));
                digits[column * count + at] = (digit - (carry << width)) as i16;
            }
        }
        Self { width, columns, count, digits }
    }
    /// The number of buckets.
    fn half(&self) -> usize {
        1 << (self.width - 1)
    }
    /// The digits of a scalar.
    pub fn columns(&self) -> usize {
        self.columns
    }
    /// One digit of each scalar.
    pub fn column(&self, column: usize) -> &[i16] {
        &self.digits[column * self.count..][..self.count]
    }
}

/// Adds up the points of each bucket of a column: bucket d − 1 in `lane` gets those of digit d, less those
/// of digit −d.
#[target_feature(enable = "avx512f,avx512ifma")]
fn fill(lists: &Lists, points: &[&Addend], buckets: &mut [Stored], lane: usize) {
    for eight in lists.by_length.chunks(LANES) {
        let mut lanes = [&[][..]; LANES];
        for l in 0..eight.len() {
            lanes[l] = lists.of_bucket(eight[l]);
        }
        let mut sum = Points::neutral();
        for step in 0..lanes[0].len() {
            let (mut from, mut negative) = ([&Addend::NEUTRAL; LANES], 0);
            for l in 0..LANES {
                if let Some(entry) = lanes[l].get(step) {
                    from[l] = points[entry.point as usize];
                    negative |= u8::from(entry.negative) << l;
                }
            }
            sum = sum.plus_addends(&Addends::gather(from, negative));
        }
        let mut sums = [[[0; LANES]; LIMBS]; 4];
        sum.store(&mut sums);
        for l in 0..eight.len() {
            let bucket = buckets[eight[l]].as_flattened_mut();
            for (to, from) in bucket.iter_mut().zip(sums.as_flattened()) {
                to[lane] = from[l];
            }
        }
    }
}

/// Σ (i + 1) · `buckets[i]`, lane by lane: the sum of all sums from the last bucket down.
#[target_feature(enable = "avx512f,avx512ifma")]
fn weighed(buckets: &[Stored]) -> Points {
    let (mut running, mut sum) = (Points::neutral(), Points::neutral());
    for bucket in buckets.iter().rev() {
        running = running.plus_cached(&Points::load(bucket).cached());
        sum = sum.plus_cached(&running.cached());
    }
    sum
}

/// A point in a bucket.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    point: u32,
    negative: bool,
}

/// Which points of a column fall into which bucket.
#[derive(Debug, Default)]
struct Lists {
    /// Bucket by bucket.
    entries: Vec<Entry>,
    /// Where each bucket's entries end; they begin where those of the one before end.
    ends: Vec<usize>,
    /// The buckets, those with most points first.
    by_length: Vec<usize>,
}

impl Lists {
    /// Sorts the points of a column with these digits.
    fn sort(&mut self, digits: &[i16], buckets: usize) {
        let bucket = |digit: i16| (usize::from(digit.unsigned_abs())).checked_sub(1);
        let Self { entries, ends, .. } = self;
        ends.clear();
        ends.resize(buckets, 0);
        for bucket in digits.iter().filter_map(|&digit| bucket(digit)) {
            ends[bucket] += 1;
        }
        // First where each begins; each end moves on as entries are put behind it.
        let mut total = 0;
        for end in &mut *ends {
            total += std::mem::replace(end, total);
        }
        entries.resize(total, Entry::default());
        for (&digit, point) in digits.iter().zip(0..) {
            if let Some(bucket) = bucket(digit) {
                entries[ends[bucket]] = Entry { point, negative: digit < 0 };
                ends[bucket] += 1;
            }
        }
        let mut order = std::mem::take(&mut self.by_length);
        order.clear();
        order.extend(0..buckets);
        order.sort_unstable_by_key(|&bucket| (Reverse(self.of_bucket(bucket).len()), bucket));
        self.by_length = order;
    }
    fn of_bucket(&self, bucket: usize) -> &[Entry] {
        let start = bucket.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.entries[start..self.ends[bucket]]
    }
}
