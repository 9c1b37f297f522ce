//! Targets in Bitcoin's compact form, the work they stand for, and the difficulty rule.
//!
//! A compact target is `mantissa · 256^(exponent − 3)`: the exponent in the high byte, 23 bits of
//! mantissa below. Nothing here needs numbers of 256 bits: a target has 23 significant bits, so
//! work and retargets are exact in 128 ([`Bits::work`] and [`Bits::retarget`] say why).

use std::fmt;

use byzlab_core::Target;

/// A target in compact form.
///
/// *Canonical* ones have the shortest exponent that leaves the sign bit 23 clear, and lie between
/// [`HARDEST`](Self::HARDEST) and [`EASIEST`](Self::EASIEST). Of two canonical ones the greater is
/// the easier, as with the targets themselves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bits(pub u32);

/// How far one retarget may move the target, either way.
pub const CLAMP: u64 = 4;

impl Bits {
    /// The easiest target: two hashes a block.
    pub const EASIEST: Self = Self(0x207f_ffff);
    /// The hardest target: 2⁸⁹ hashes a block, a thousand times what Bitcoin asked for in 2025. The
    /// work of 2³⁹ such blocks still fits 128 bits.
    pub const HARDEST: Self = Self(0x1600_8000);

    /// The target that takes `hashes` hashes a block on average, rounded to the harder side.
    /// `hashes` below two give [`EASIEST`](Self::EASIEST).
    pub fn expecting(hashes: u64) -> Self {
        // 2^256 / hashes, of which 2^136 is split off.
        Self::compact((1 << 120) / u128::from(hashes.max(1)), 17)
    }
    /// Whether this is canonical. Only such bits may be asked for their target or work.
    pub const fn is_canonical(self) -> bool {
        let normal = self.mantissa() >= 0x8000 && self.mantissa() < 0x80_0000;
        normal && self.0 >= Self::HARDEST.0 && self.0 <= Self::EASIEST.0
    }
    /// The target in full.
    pub fn target(self) -> Target {
        debug_assert!(self.is_canonical());
        let mut target = [0; 32];
        let first = 32 - self.exponent() as usize;
        target[first..first + 3].copy_from_slice(&self.0.to_be_bytes()[1..]);
        Target(target)
    }
    /// The work of one block: ⌊2²⁵⁶ / (target + 1)⌋, the mean number of hashes it takes.
    ///
    /// With target T = m·2ˢ, ⌊2²⁵⁶/T⌋ = ⌊2²⁵⁶⁻ˢ/m⌋ is a division in 128 bits, for s ≥ 152. It
    /// differs from ⌊2²⁵⁶/(T + 1)⌋, by one, just when T divides 2²⁵⁶: the remainder is a multiple
    /// of 2ˢ, the quotient is less than 2⁹⁰, so any remainder but zero makes up for the + 1.
    pub const fn work(self) -> u128 {
        debug_assert!(self.is_canonical());
        let shift = 8 * (self.exponent() - 3);
        let (whole, mantissa) = (1u128 << (256 - shift), self.mantissa() as u128);
        whole / mantissa - (whole % mantissa == 0) as u128
    }
    /// The target after a period that took `actual` where `expected` was wished, in one unit:
    /// T · actual / expected, with `actual` held within a factor of [`CLAMP`], cut to compact form.
    ///
    /// As Bitcoin computes it: rounding down twice is rounding down once, so the 39 highest bits of
    /// the product give the same 23 as all 256 do.
    pub fn retarget(self, actual: u64, expected: u64) -> Self {
        debug_assert!(self.is_canonical() && expected > 0);
        let actual = actual.clamp(expected / CLAMP, expected.saturating_mul(CLAMP));
        let scaled = (u128::from(self.mantissa()) << 16) * u128::from(actual);
        Self::compact(scaled / u128::from(expected), self.exponent() - 3 - 2)
    }
    /// The greatest canonical bits whose target is at most `value · 256^bytes`, or the nearest
    /// bound.
    fn compact(value: u128, bytes: u32) -> Self {
        let size = (128 - value.leading_zeros()).div_ceil(8);
        let mantissa =
            if size <= 3 { value << (8 * (3 - size)) } else { value >> (8 * (size - 3)) };
        let (mantissa, size) = match mantissa as u32 {
            signed if signed >= 0x80_0000 => (signed >> 8, size + 1),
            mantissa => (mantissa, size),
        };
        Self((size + bytes) << 24 | mantissa).clamp(Self::HARDEST, Self::EASIEST)
    }
    const fn exponent(self) -> u32 {
        self.0 >> 24
    }
    const fn mantissa(self) -> u32 {
        self.0 & 0xff_ffff
    }
}

impl fmt::Debug for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use byzlab_core::Digest;
    use proptest::prelude::*;

    use super::*;

    fn canonical() -> impl Strategy<Value = Bits> {
        (0x16u32..=0x20, 0x8000u32..0x80_0000).prop_map(|(e, m)| Bits(e << 24 | m))
    }

    /// ⌊(a · b) / c⌋ for a number of 32 bytes, most significant first, by the school's method.
    fn scale(a: [u8; 32], b: u64, c: u64) -> [u8; 48] {
        let mut wide = [0u8; 48];
        let mut carry = 0u128;
        for i in (0..48).rev() {
            let digit = if i >= 16 { u128::from(a[i - 16]) } else { 0 };
            let sum = digit * u128::from(b) + carry;
            wide[i] = sum as u8;
            carry = sum >> 8;
        }
        let mut rest = 0u128;
        for digit in &mut wide {
            let sum = (rest << 8) | u128::from(*digit);
            *digit = (sum / u128::from(c)) as u8;
            rest = sum % u128::from(c);
        }
        wide
    }

    #[test]
    fn bitcoins_first_target() {
        let bits = Bits(0x1d00_ffff);
        let mut target = [0; 32];
        target[4..6].fill(0xff);
        assert_eq!(bits.target(), Target(target));
        assert_eq!(bits.work(), 0x1_0001_0001);
        assert_eq!(Bits::expecting(0x1_0001_0001), bits);
        assert!(bits.is_canonical());
    }

    #[test]
    fn work_of_known_targets() {
        assert_eq!(Bits::EASIEST.work(), 2);
        // Bitcoin from block 32 256 on, at difficulty 1.18.
        assert_eq!(Bits(0x1d00_d86a).work(), 5_080_592_338);
        assert_eq!(Bits(0x1600_8000).work(), (1 << 89) - 1, "a power of two");
    }

    #[test]
    fn only_one_form_of_a_target_is_canonical() {
        // A mantissa cut short, one with the sign bit, none, too hard, too easy.
        for odd in [0x1e00_00ff, 0x1d80_0000, 0x1d00_0000, 0x157f_ffff, 0x2100_8000, 0] {
            assert!(!Bits(odd).is_canonical(), "{odd:#x}");
        }
    }

    /// The cases of Bitcoin Core's `pow_tests.cpp`.
    #[test]
    fn bitcoins_retargets() {
        let fortnight = 14 * 24 * 60 * 60;
        let cases = [
            (0x1d00_ffff, 1_262_152_739 - 1_261_130_161, 0x1d00_d86a),
            (0x1c05_a3f4, 1_279_297_671 - 1_279_008_237, 0x1c01_68fd), // held at a quarter
            (0x1c38_7f6f, 1_269_211_443 - 1_263_163_443, 0x1d00_e1fd), // held at four times
        ];
        for (bits, actual, want) in cases {
            assert_eq!(Bits(bits).retarget(actual, fortnight), Bits(want));
        }
    }

    #[test]
    fn retargets_stop_at_the_bounds() {
        assert_eq!(Bits::EASIEST.retarget(4, 1), Bits::EASIEST);
        assert_eq!(Bits::HARDEST.retarget(1, 4), Bits::HARDEST);
        assert_eq!(Bits::expecting(0), Bits::EASIEST);
        assert_eq!(Bits::expecting(1), Bits::EASIEST);
        assert_eq!(Bits::expecting(2), Bits::EASIEST);
    }

    proptest! {
        #[test]
        fn expected_hashes_are_the_work(hashes in 2u64..) {
            let work = Bits::expecting(hashes).work();
            prop_assert!(work >= u128::from(hashes) - 1, "{work}");
            prop_assert!(work <= u128::from(hashes) + u128::from(hashes >> 15) + 1, "{work}");
        }

        /// Work is ⌊2^256 / (T + 1)⌋: work · (T + 1) ≤ 2^256 < (work + 1) · (T + 1).
        #[test]
        fn work_is_exact_where_it_fits_64_bits(bits in canonical()) {
            let work = bits.work();
            prop_assume!(work < 1 << 60);
            let mut above = bits.target().0; // T + 1: the lowest byte is zero, as s >= 152
            above[31] += 1;
            let product = |by: u128| scale(above, by as u64, 1);
            let mut whole = [0; 48];
            whole[15] = 1;
            prop_assert!(product(work) <= whole && whole < product(work + 1));
        }

        #[test]
        fn retargets_are_those_of_256_bits(
            bits in canonical(), actual in 1u64..1 << 40, expected in 4u64..1 << 40,
        ) {
            let clamped = actual.clamp(expected / CLAMP, expected * CLAMP);
            let wide = scale(bits.target().0, clamped, expected);
            let got = bits.retarget(actual, expected);
            prop_assert!(got.is_canonical());
            if got != Bits::EASIEST && got != Bits::HARDEST {
                // The compact form is what is left of the full one when its low bytes are cut off.
                let target = got.target().0;
                prop_assert_eq!(&wide[..16], &[0; 16][..]);
                prop_assert!(target[..] <= wide[16..]);
                let mut next = Bits(got.0 + 1);
                if !next.is_canonical() { next = Bits((got.exponent() + 1) << 24 | 0x8000); }
                prop_assert!(wide[16..] < next.target().0[..]);
            }
        }

        #[test]
        fn easier_bits_have_greater_targets_and_less_work(a in canonical(), b in canonical()) {
            prop_assert_eq!(a.cmp(&b), a.target().cmp(&b.target()));
            prop_assert!(a > b || a.work() >= b.work());
        }
    }

    #[test]
    fn the_target_is_met_as_a_number() {
        let mut hash = Digest::default();
        hash.0[31 - 4] = 0xff; // least significant byte first
        hash.0[31 - 5] = 0xff;
        assert!(Bits(0x1d00_ffff).target().met_by(&hash));
        hash.0[0] = 1;
        assert!(!Bits(0x1d00_ffff).target().met_by(&hash));
    }
}
