//! What more than one of the tests computes on.

use byzlab_core::{Puzzle, Target};

/// `count` messages of various lengths, the same each time.
pub fn messages(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| (0..(i * 37) % 211).map(|j| (i + j) as u8).collect()).collect()
}

/// The same, borrowed.
pub fn views(messages: &[Vec<u8>]) -> Vec<&[u8]> {
    messages.iter().map(Vec::as_slice).collect()
}

/// One that a hash with so many leading zero bits solves.
pub fn puzzle(zero_bits: u32) -> Puzzle {
    let mut target = [0xff; 32];
    target[..4].copy_from_slice(&(u32::MAX >> zero_bits).to_be_bytes());
    Puzzle { prefix: std::array::from_fn(|i| i as u8), target: Target(target) }
}
