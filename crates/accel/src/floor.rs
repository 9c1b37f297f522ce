//! What work takes at least, in cycles of one core, for the ways in which this crate computes.
//!
//! A floor counts the operations that a way cannot do without, and divides by how many of them the widest
//! processors that have the instructions start in a cycle. Loads, moves, carries and the turning of bytes into
//! words are left out, so no processor gets there; how near one comes says what is left to gain.
//!
//! | what | operations | a cycle |
//! |---|---|---|
//! | SHA-256 by AVX-512, sixteen abreast | 17 a round, 11 a new word of the schedule, 8 at the end | 2 |
//! | by the SHA instructions | 160 a block; of the 112 SHA instructions in two, a nonce needs 104 | 4 |
//! | of one message alone | 32 pairs of rounds | 1 in 4 |
//! | SHA-512 by AVX-512, eight abreast | 17 a round, 11 a new word, 8 at the end | 2 |
//! | mod 2²⁵⁵ − 19 by AVX-512 (IFMA), eight abreast | 50 halves of products a product, 30 a square | 2 |
//! | by 64-bit multiplications | 25 a product, 15 a square | 1 |
//!
//! Operations are counted in `sha256/wide` and `ed25519/wide`; numbers modulo p have five limbs. Vectors of 512
//! bits have two ports on Intel's servers, and four pipes of 256 bits on Zen 4; IFMA reached 1.8 to 2.0 a cycle on
//! Sapphire Rapids. For the SHA instructions, Zen 4 is the widest that was measured: a pair of rounds starts each
//! cycle and is ready after four, steps of the schedule go beside it.
//!
//! Threads that share a core share its ports: of two, neither comes nearer than half.
//!
//! **A signature** of a batch takes the decoding of R (254 squares and 20 products), its share of Pippenger's sum,
//! and SHA-512 over R, the key and the statement. The sum, by digits of w bits: 128/w additions for R under its
//! weight; 253/w for each key, of which a committee has few; for each of 253/w columns two additions for each of
//! 2^(w − 1) buckets. An addition is 7 products where the point is stored affine, else 8. Keys are remembered, so
//! their decoding is not counted. **Making one** takes 32 additions, 5 products of an inversion shared, and two
//! hashes, which are left out.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use byzlab_core::Work;

use crate::{
    Cpu,
    ed25519::{BATCH_MAX, Verifier},
    sha256::{HEADER_BITS, Way, blocks, padding},
};

/// What an item takes at least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// Cycles of one core.
    pub cycles: f64,
    /// Of what.
    pub by: &'static str,
}

/// Keys of a committee: under so many signatures each, one key's share is little.
const COMMITTEE: f64 = 64.0;

impl Cpu {
    /// What an item of `item_bytes` bytes takes at least in a call of `items`, by the instructions that are used
    /// here; `None` where it is not known of these.
    pub fn floor(&self, work: Work, items: u64, item_bytes: u64) -> Option<Floor> {
        let bytes = item_bytes as usize;
        match work {
            Work::Hashes | Work::Merkle if items == 1 => {
                let prefix = usize::from(work == Work::Merkle);
                let sha = Sha::of(self.sha().messages())?;
                let cycles = LATENCY * blocks(prefix + bytes) as f64;
                Some(Floor { cycles, by: sha.by })
            }
            Work::Hashes => {
                let sha = Sha::of(self.sha().messages())?;
                Some(Floor { cycles: sha.block * blocks(bytes) as f64, by: sha.by })
            }
            Work::Merkle => {
                let (leaf, node) = (Sha::of(self.sha().messages())?, Sha::of(self.sha().nodes())?);
                let nodes = (items - 1) as f64 / items as f64;
                let of_nodes = nodes * (node.block + node.known_block);
                let cycles = leaf.block * blocks(1 + bytes) as f64 + of_nodes;
                Some(Floor { cycles, by: leaf.by })
            }
            Work::Nonces => {
                let sha = Sha::of(self.sha().nonces())?;
                Some(Floor { cycles: sha.nonce, by: sha.by })
            }
            Work::KnownKeys | Work::UnknownKeys => {
                let batch = BATCH_MAX as f64;
                let keys = if work == Work::KnownKeys { COMMITTEE } else { batch };
                let curve = Curve::of(self.verifier());
                let products = 20.0 + sum(batch, keys) / batch;
                let hash = curve.sha512_block * sha512_blocks(bytes) as f64;
                let cycles = 254.0 * curve.square + products * curve.product + hash;
                Some(Floor { cycles, by: curve.by })
            }
            Work::Signing => {
                let cycles = (32.0 * 7.0 + 5.0) * SCALAR.product;
                Some(Floor { cycles, by: SCALAR.by })
            }
        }
    }
}

/// Products in Pippenger's sum over so many signatures under so many keys, with digits of the best width.
fn sum(signatures: f64, keys: f64) -> f64 {
    let products = |width: u32| {
        let each = |bits: f64| bits / f64::from(width);
        let buckets = f64::from(1u32 << (width - 1));
        7.0 * (signatures * each(128.0) + keys * each(253.0)) + 8.0 * 2.0 * buckets * each(253.0)
    };
    (4..=12).map(products).fold(f64::INFINITY, f64::min)
}

/// Blocks of SHA-512 over R, a key and a statement.
const fn sha512_blocks(statement: usize) -> usize {
    (64 + statement + 17).div_ceil(128)
}

/// What SHA-256 takes at least, in cycles.
#[derive(Clone, Copy, Debug)]
struct Sha {
    /// A block.
    block: f64,
    /// One that is known before, such as padding: its schedule is.
    known_block: f64,
    /// A nonce of a search.
    nonce: f64,
    by: &'static str,
}

impl Sha {
    /// `None` where nobody counted.
    fn of(way: Way) -> Option<Self> {
        match way {
            #[cfg(target_arch = "x86_64")]
            Way::Wide(..) => Some(WIDE),
            #[cfg(target_arch = "x86_64")]
            Way::Ni(_) => Some(NI),
            Way::Portable => None,
        }
    }
}

/// A pair of rounds by the SHA instructions is ready after four cycles, and a block has 32.
const LATENCY: f64 = 32.0 * 4.0;

/// By the SHA instructions. A nonce takes 104 of the 112 in its two blocks.
const NI: Sha = Sha {
    block: 160.0 / 4.0,
    known_block: 32.0,
    nonce: 2.0 * 160.0 / 4.0 * 104.0 / 112.0,
    by: "sha-ni",
};

/// By AVX-512.
const WIDE: Sha = Sha {
    block: abreast(64 * ROUND + 48 * WORD + 8, 16.0),
    known_block: abreast(64 * (ROUND - 1) + 8, 16.0),
    nonce: abreast(nonce_operations(), 16.0),
    by: "avx-512",
};

/// Cycles an item of so many operations over that many items, two a cycle.
const fn abreast(operations: u32, items: f64) -> f64 {
    operations as f64 / 2.0 / items
}

/// Operations of a round: three rotations and their sum twice, Ch, Maj, seven additions.
const ROUND: u32 = 17;
/// Operations of a new word: two rotations, a shift and their sum twice, three additions.
const WORD: u32 = 11;
/// Operations of a round of which a is not needed any more.
const LAST_ROUND: u32 = ROUND - 7;

/// What is known of a word before the nonce is.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    Zero,
    Yes,
    No,
}

/// Operations of a nonce: rounds 3 to 63 of the header's second block, and 0 to 60 of the outer hash.
const fn nonce_operations() -> u32 {
    let (mut inner, mut outer) = ([Known::Yes; 64], [Known::Yes; 64]);
    let (header, digest) = (padding(4, HEADER_BITS), padding(8, 256));
    let mut t = 0;
    while t < 16 {
        if t == 3 {
            inner[t] = Known::No;
        } else if t > 3 && header[t] == 0 {
            inner[t] = Known::Zero;
        }
        if t < 8 {
            outer[t] = Known::No;
        } else if digest[t] == 0 {
            outer[t] = Known::Zero;
        }
        t += 1;
    }
    let schedules = schedule(&mut inner, 64) + schedule(&mut outer, 61);
    // The nonce is added to a and to e of the state that is known up to it.
    let mut rounds = 2 + 8 + 1;
    let mut t = 4;
    while t < 64 {
        rounds += ROUND - (!matches!(inner[t], Known::No)) as u32;
        t += 1;
    }
    t = 0;
    while t < 61 {
        let all = if t < 57 { ROUND } else { LAST_ROUND };
        rounds += all - (!matches!(outer[t], Known::No)) as u32;
        t += 1;
    }
    schedules + rounds
}

/// Operations of the schedule up to word `end`, where what is known costs nothing.
const fn schedule(words: &mut [Known; 64], end: usize) -> u32 {
    let (mut operations, mut t) = (0, 16);
    while t < end {
        let terms = [words[t - 2], words[t - 15], words[t - 7], words[t - 16]];
        let (mut unknown, mut known, mut i) = (0, 0, 0);
        while i < 4 {
            match terms[i] {
                Known::No => {
                    unknown += 1;
                    // The first two are rotated and shifted.
                    operations += if i < 2 { 4 } else { 0 };
                }
                Known::Yes => known = 1,
                Known::Zero => {}
            }
            i += 1;
        }
        if unknown > 0 {
            operations += unknown + known - 1;
            words[t] = Known::No;
        }
        t += 1;
    }
    operations
}

/// What arithmetic on the curve takes at least, in cycles.
#[derive(Clone, Copy, Debug)]
struct Curve {
    product: f64,
    square: f64,
    sha512_block: f64,
    by: &'static str,
}

impl Curve {
    fn of(verifier: &Verifier) -> Self {
        if verifier.is_wide() { IFMA } else { SCALAR }
    }
}

/// Eight abreast, by AVX-512.
const IFMA: Curve = Curve {
    product: abreast(50, 8.0),
    square: abreast(30, 8.0),
    sha512_block: abreast(80 * ROUND + 64 * WORD + 8, 8.0),
    by: "avx-512 ifma",
};

/// One at a time; hashes, which few instructions bound, are left out.
const SCALAR: Curve =
    Curve { product: 25.0, square: 15.0, sha512_block: 0.0, by: "64-bit multiplications" };

/// Steps of the chain that is timed, each of two operations: some ten thousand cycles, in which nothing
/// interrupts most of the time.
const STEPS: u32 = 1 << 13;
/// How long the chain is tried: a processor that slept takes about a millisecond to speed up.
const TRIED: Duration = Duration::from_millis(5);

/// Cycles a second of the core that this runs on, now: a chain of rotations and additions, each of which takes one
/// cycle and waits for the last, in the shortest time seen.
///
/// It holds for integer code; some processors are slower while they use their widest vectors.
pub fn clock_hz() -> f64 {
    let (began, mut best) = (Instant::now(), Duration::MAX);
    while began.elapsed() < TRIED {
        let start = Instant::now();
        black_box(chain(black_box(1)));
        best = best.min(start.elapsed());
    }
    f64::from(2 * STEPS) / best.as_secs_f64().max(1e-9)
}

/// Sixteen steps are written out, so that counting them costs nothing beside.
#[inline(never)]
fn chain(mut x: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    macro_rules! steps {
        ($($i:literal)*) => { $( let _ = $i; x = x.rotate_left(13).wrapping_add(ODD); )* };
    }
    for _ in 0..STEPS / 16 {
        steps!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `sha256/wide` and `ed25519/wide` say they cost.
    #[test]
    fn operations_are_those_that_were_counted_by_hand() {
        assert_eq!(WIDE.block, (1_616.0 + 8.0) / 32.0);
        assert_eq!((NI.block, IFMA.product, IFMA.square), (40.0, 3.125, 1.875));
        // 122 rounds, less what is known; 91 words, of which the first sixteen of each have few terms.
        let most = 122 * ROUND + 91 * WORD;
        let operations = nonce_operations();
        assert!(operations < most && operations > most - 220, "{operations} of {most}");
        const { assert!(WIDE.nonce < 2.0 * WIDE.block && NI.nonce < 2.0 * NI.block) }
    }

    #[test]
    fn a_floor_grows_with_blocks_and_is_least_for_a_committee() {
        let cpu = Cpu::new(Some(1));
        let floor = |work, items, bytes| cpu.floor(work, items, bytes).map(|floor| floor.cycles);
        if let Some(one) = floor(Work::Hashes, 64, 55) {
            assert_eq!(floor(Work::Hashes, 64, 56), Some(2.0 * one));
            assert_eq!(floor(Work::Hashes, 1, 56), Some(2.0 * LATENCY));
            let (few, many) = (floor(Work::Merkle, 2, 54), floor(Work::Merkle, 1 << 20, 54));
            assert!(few < many && many < few.map(|few| 2.0 * few));
        }
        let signature = |work| floor(work, 4_096, 96).unwrap_or_default();
        assert!(signature(Work::KnownKeys) < signature(Work::UnknownKeys));
        assert!(signature(Work::KnownKeys) > 254.0 * IFMA.square);
        assert!(Cpu::portable(1).floor(Work::Hashes, 64, 55).is_none(), "nobody counted `sha2`");
    }

    /// Between a slow embedded core and what nobody builds.
    #[test]
    fn the_clock_is_one_of_a_processor() {
        let hz = clock_hz();
        assert!((1e8..1e10).contains(&hz), "{hz}");
    }
}
