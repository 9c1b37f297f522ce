//! SHA-256 of many things at once.
//!
//! Three [ways](Way) lead to every answer: [`wide`] takes sixteen messages abreast by AVX-512, [`ni`]
//! several by the SHA instructions, and the portable one goes one at a time through `sha2`, which knows
//! the machines that the others do not. Tests hold each against the last.

mod constants;
mod feed;
#[cfg(target_arch = "x86_64")]
mod ni;
mod scan;
#[cfg(test)]
mod tests;
mod way;
#[cfg(target_arch = "x86_64")]
mod wide;

use std::time::{Duration, Instant};

use byzlab_core::{Digest, Puzzle, Target};
pub(crate) use constants::{INITIAL, ROUND, folded, padding};
pub(crate) use feed::blocks;
pub(crate) use scan::HEADER_BITS;
pub use scan::{Known, Scan};
pub use way::Way;

/// How SHA-256 is computed here.
#[derive(Clone, Copy, Debug)]
pub struct Sha256 {
    /// The way for messages.
    messages: Way,
    /// The way for Merkle nodes.
    nodes: Way,
    /// The way for nonces.
    nonces: Way,
}

impl From<Way> for Sha256 {
    /// One way for everything.
    fn from(way: Way) -> Self {
        Self { messages: way, nodes: way, nonces: way }
    }
}

impl Sha256 {
    /// The fastest way on this machine for each kind of work.
    ///
    /// Which that is follows from no feature flag. One kind of processor starts a SHA instruction each
    /// cycle and has to cut vectors of 512 bits in two; another has one port for the SHA instructions
    /// and two for vectors. So the ways are measured, in a fraction of a millisecond.
    pub fn detect() -> Self {
        let ways = Way::all();
        let digests = vec![Digest::default(); 2 * SAMPLE];
        let messages = vec![&digests[0].0[..]; SAMPLE];
        let scan = Scan::new(&Puzzle { prefix: [0; 76], target: Target([0; 32]) });
        let mut level = digests.clone();
        let mut out = digests[..SAMPLE].to_vec();
        Self {
            messages: fastest(&ways, |way| way.hash_many(&[], &messages, &mut out)),
            nodes: fastest(&ways, |way| way.nodes(&mut level, SAMPLE)),
            nonces: fastest(&ways, |way| _ = way.scan(&scan, 0, SAMPLE as u64)),
        }
    }
    /// How it hashes messages.
    pub fn messages(self) -> Way {
        self.messages
    }
    /// How it hashes Merkle nodes.
    pub fn nodes(self) -> Way {
        self.nodes
    }
    /// How it searches nonces.
    pub fn nonces(self) -> Way {
        self.nonces
    }
    /// A name for records.
    pub fn name(self) -> String {
        let mut names = vec![self.messages.name(), self.nodes.name(), self.nonces.name()];
        names.dedup();
        names.join("/")
    }
    /// `out[i]` becomes SHA-256 of `prefix ‖ messages[i]`.
    ///
    /// # Panics
    /// When there are not as many places in `out` as messages, or the prefix is longer than a block.
    pub fn hash_many(self, prefix: &'static [u8], messages: &[&[u8]], out: &mut [Digest]) {
        self.messages.hash_many(prefix, messages, out);
    }
    /// The node at the top of the tree over `level`, which is used up; zeros over nothing.
    pub fn top(self, level: &mut [Digest]) -> Digest {
        let mut width = level.len();
        while width > 1 {
            let pairs = width / 2;
            self.nodes.nodes(level, pairs);
            if width % 2 == 1 {
                level[pairs] = level[width - 1];
            }
            width = width.div_ceil(2);
        }
        level.first().copied().unwrap_or_default()
    }
    /// How far above `start` the first of `count` nonces stands that the scan's filter lets through:
    /// the top word of its hash is not above the target's. All that solve the puzzle are let through.
    pub fn scan(self, scan: &Scan, start: u32, count: u64) -> Option<u64> {
        self.nonces.scan(scan, start, count)
    }
}

/// Messages, nodes and nonces by which ways are compared.
const SAMPLE: usize = 64;
/// How often each way is timed. The shortest time counts: what disturbs a measurement only adds to it.
const ATTEMPTS: usize = 5;

/// The way that does `work` in the least time; an earlier one if it is close.
fn fastest(ways: &[Way], mut work: impl FnMut(Way)) -> Way {
    let mut best = vec![Duration::MAX; ways.len()];
    for _ in 0..ATTEMPTS {
        // In turn, so that what disturbs one disturbs the others too.
        for (best, &way) in best.iter_mut().zip(ways) {
            let start = Instant::now();
            work(way);
            *best = start.elapsed().min(*best);
        }
    }
    let fastest = best.into_iter().zip(0..).min();
    fastest.map_or(Way::Portable, |(_, at): (_, usize)| ways[at])
}
