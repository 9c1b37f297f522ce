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

/// A message's length in blocks, and its place among all.
pub type Placed = (usize, usize);

/// Messages that are sorted by length at a time.
const WINDOW: usize = 256;

/// Hashes messages by sixteen, and says which are left: at the end, or where there are so many lengths that
/// few messages have one.
#[target_feature(enable = "avx512f,avx512bw")]
pub fn hash_many(
    prefix: &'static [u8],
    messages: &[&[u8]],
    out: &mut [Digest],
    mut left: impl FnMut(&[Placed], &mut [Digest]),
) {
    assert!(prefix.len() <= BLOCK, "a prefix of {} bytes", prefix.len());
    let mut waiting = messages.iter().enumerate();
    // Those that found no company wait among the next ones.
    let mut order = [(0, 0); WINDOW];
    let mut held = 0;
    loop {
        for (at, message) in waiting.by_ref().take(WINDOW - held) {
            order[held] = (blocks(prefix.len() + message.len()), at);
            held += 1;
        }
        order[..held].sort_unstable();
        let (mut at, mut kept) = (0, 0);
        while at < held {
            let alike = order[at..held].iter().take_while(|entry| entry.0 == order[at].0).count();
            let end = at + alike;
            while end - at >= LANES {
                let group = &order[at..at + LANES];
                let mut abreast = [&[][..]; LANES];
                for l in 0..LANES {
                    abreast[l] = messages[group[l].1];
                }
                let digests = hash(prefix, &abreast, group[0].0);
                for l in 0..LANES {
                    out[group[l].1] = digests[l];
                }
                at += LANES;
            }
            order.copy_within(at..end, kept);
            kept += end - at;
            at = end;
        }
        let done = waiting.len() == 0;
        if done || kept > WINDOW / 2 {
            left(&order[..kept], out);
            kept = 0;
        }
        if done {
            return;
        }
        held = kept;
    }
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
