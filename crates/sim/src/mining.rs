//! Mining as chance: how long a search takes, and which seals the world has issued.

use std::collections::BTreeMap;

use byzlab_core::{Puzzle, Seal, Span, Target, claim::PUZZLE_PREFIX};

/// Remembers issued seals; a claim of work holds if and only if its seal was issued.
#[derive(Debug, Default)]
pub(crate) struct Mint {
    /// Sealed headers, and the target that each was sealed under.
    issued: BTreeMap<[u8; PUZZLE_PREFIX + 4], Target>,
    /// The target asked for last, and its work.
    last: Option<(Target, u128)>,
}

impl Mint {
    /// Issues a seal.
    pub(crate) fn issue(&mut self, puzzle: Puzzle, nonce: u32) -> Seal {
        self.issued.insert(puzzle.header(nonce), puzzle.target);
        Seal { puzzle, nonce }
    }
    /// Whether `seal` was issued, under a target at least as hard as it states.
    pub(crate) fn holds(&self, seal: &Seal) -> bool {
        let target = self.issued.get(&seal.puzzle.header(seal.nonce));
        target.is_some_and(|target| *target <= seal.puzzle.target)
    }
    /// How many seals were issued.
    pub(crate) fn issued(&self) -> usize {
        self.issued.len()
    }
    /// The mean time that `hash_power` hashes a second take to meet `target`; `None` for ever.
    pub(crate) fn mean(&mut self, target: Target, hash_power: u64) -> Option<Span> {
        let work = match self.last {
            Some((last, work)) if last == target => work,
            _ => expected_hashes(target),
        };
        self.last = Some((target, work));
        mean(work, hash_power)
    }
}

/// 2^256 / (target + 1), with 32 binary places, rounded down; at most `u128::MAX`.
fn expected_hashes(target: Target) -> u128 {
    let mut divisor = [0u64; 5]; // least significant word first
    for (word, bytes) in divisor.iter_mut().zip(target.0.rchunks_exact(8)) {
        *word = u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
    }
    for word in &mut divisor {
        let (sum, carry) = word.overflowing_add(1);
        *word = sum;
        if !carry {
            break;
        }
    }
    // Long division of 2^288, one binary place a step. The remainder stays below twice the divisor.
    let (mut remainder, mut quotient) = ([0u64; 5], 0u128);
    for place in (0..=288).rev() {
        let mut carry = u64::from(place == 288);
        for word in &mut remainder {
            (*word, carry) = ((*word << 1) | carry, *word >> 63);
        }
        if quotient >> 127 != 0 {
            return u128::MAX;
        }
        quotient <<= 1;
        if !less(&remainder, &divisor) {
            subtract(&mut remainder, &divisor);
            quotient |= 1;
        }
    }
    quotient
}

fn less(a: &[u64; 5], b: &[u64; 5]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

fn subtract(a: &mut [u64; 5], b: &[u64; 5]) {
    let mut borrow = false;
    for (a, b) in a.iter_mut().zip(b) {
        let (difference, first) = a.overflowing_sub(*b);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        (*a, borrow) = (difference, first || second);
    }
}

fn mean(work: u128, hash_power: u64) -> Option<Span> {
    const SECOND: u128 = 1_000_000_000;
    let power = u128::from(hash_power);
    let (whole, rest) = (work.checked_div(power)?, work % power);
    let nanoseconds = whole.saturating_mul(SECOND).saturating_add(rest * SECOND / power) >> 32;
    Some(Span(u64::try_from(nanoseconds).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_a_target_is_exact() {
        assert_eq!(expected_hashes(Target::EASIEST), 1 << 32);
        let mut half = Target::EASIEST;
        half.0[0] = 0x7f;
        assert_eq!(expected_hashes(half), 2 << 32);
        // (2^256 - 1) / 3 + 1 goes not quite three times into 2^256.
        assert_eq!(expected_hashes(Target([0x55; 32])), (3 << 32) - 1);
        // Bitcoin's difficulty 1, 0xffff · 2^208: 2^48 / 0xffff = 4295032833.000015.
        let mut bitcoin = Target([0; 32]);
        bitcoin.0[4..6].fill(0xff);
        assert_eq!(expected_hashes(bitcoin) >> 32, 4_295_032_833);
        assert_eq!(expected_hashes(Target([0; 32])), u128::MAX);
    }

    #[test]
    fn twice_the_power_takes_half_the_time() {
        let mut bitcoin = Target([0; 32]);
        bitcoin.0[4..6].fill(0xff);
        let mut mint = Mint::default();
        let once = mint.mean(bitcoin, 7_158_388).expect("finite");
        assert!(once.0.abs_diff(Span::seconds(600).0) < Span::ms(1).0, "{once}");
        let twice = mint.mean(bitcoin, 2 * 7_158_388).expect("finite");
        assert!(once.0.abs_diff(2 * twice.0) <= 2);
        assert_eq!(mint.mean(bitcoin, 0), None);
        assert_eq!(mint.mean(Target([0; 32]), 1), Some(Span(u64::MAX)));
    }

    #[test]
    fn only_issued_seals_hold() {
        let mut mint = Mint::default();
        let puzzle = Puzzle { prefix: [1; PUZZLE_PREFIX], target: Target([9; 32]) };
        let seal = mint.issue(puzzle.clone(), 5);
        assert!(mint.holds(&seal));
        assert!(!mint.holds(&Seal { puzzle: puzzle.clone(), nonce: 6 }));
        let easier = Puzzle { target: Target([10; 32]), ..puzzle.clone() };
        assert!(mint.holds(&Seal { puzzle: easier, nonce: 5 }));
        let harder = Puzzle { target: Target([8; 32]), ..puzzle };
        assert!(!mint.holds(&Seal { puzzle: harder, nonce: 5 }));
    }
}
