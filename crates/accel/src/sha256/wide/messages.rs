//! Messages of any lengths, sixteen of equal length in blocks together, and Merkle nodes.

use byzlab_core::Digest;

use super::{
    LANES,
    rounds::{compress, initial, known_block},
    words::{bytes, digests, load, pair, row, words},
};
use crate::sha256::{
    constants::{folded, padding},
    feed::{BLOCK, blocks},
};

/// The block behind a 64-byte message.
static AFTER_NODE: [u32; 64] = folded(padding(0, 512));

/// Hashes messages by sixteen; says which are left.
#[target_feature(enable = "avx512f,avx512bw")]
pub fn hash_many(prefix: &'static [u8], messages: &[&[u8]], out: &mut [Digest]) -> Vec<usize> {
    assert!(prefix.len() <= BLOCK, "a prefix of {} bytes", prefix.len());
    let blocks_of = |at: usize| blocks(prefix.len() + messages[at].len());
    let mut order: Vec<_> = (0..messages.len()).map(|at| (blocks_of(at), at)).collect();
    order.sort_unstable();
    let mut left = Vec::new();
    for alike in order.chunk_by(|a, b| a.0 == b.0) {
        let (groups, rest) = alike.as_chunks::<LANES>();
        for group in groups {
            let mut abreast = [&[][..]; LANES];
            for l in 0..LANES {
                abreast[l] = messages[group[l].1];
            }
            let digests = hash(prefix, &abreast, group[0].0);
            for l in 0..LANES {
                out[group[l].1] = digests[l];
            }
        }
        left.extend(rest.iter().map(|&(_, at)| at));
    }
    left
}

/// Hashes messages that make up `blocks` blocks each.
#[target_feature(enable = "avx512f,avx512bw")]
fn hash(prefix: &'static [u8], messages: &[&[u8]; LANES], blocks: usize) -> [Digest; LANES] {
    let prefix = (bytes(prefix), prefix.len());
    let mut bits = [[0; LANES]; 2];
    for l in 0..LANES {
        let length = 8 * (prefix.1 + messages[l].len()) as u64;
        (bits[0][l], bits[1][l]) = ((length >> 32) as u32, length as u32);
    }
    let mut state = initial();
    for block in 0..blocks {
        let mut rows = [prefix.0; LANES];
        for l in 0..LANES {
            rows[l] = row(prefix, messages[l], block);
        }
        let mut words = words(rows);
        if block + 1 == blocks {
            (words[14], words[15]) = (load(&bits[0]), load(&bits[1]));
        }
        compress(&mut state, words);
    }
    digests(state)
}

/// Hashes pairs of `level` from `from` on, sixteen at a time, in place; says how far it came.
#[target_feature(enable = "avx512f,avx512bw")]
pub fn nodes(level: &mut [Digest], from: usize, pairs: usize) -> usize {
    let mut at = from;
    while at + LANES <= pairs {
        let mut rows = [bytes(&[]); LANES];
        for l in 0..LANES {
            rows[l] = pair(&level[2 * (at + l)], &level[2 * (at + l) + 1]);
        }
        let mut state = initial();
        compress(&mut state, words(rows));
        known_block(&mut state, &AFTER_NODE);
        level[at..at + LANES].copy_from_slice(&digests(state));
        at += LANES;
    }
    at
}
