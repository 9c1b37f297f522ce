//! SHA-256 of many messages, and Merkle trees, on a device.

use std::{array, iter, ops::Range, sync::Arc};

use byzlab_core::Digest;
use wgpu::WriteOnly;

use super::{
    engine::Engine,
    error::Error,
    job::{Inputs, Job, Kernel, Pass, Region, Role, Room, Spec},
    program::{Program, in_turn},
};
use crate::{
    shaders::{
        WORKGROUP,
        sha256::{MESSAGES, NODES},
    },
    workers::Workers,
};

/// The longest message that is worth a device's while: one invocation hashes it from end to end.
pub const MESSAGE_MAX: usize = 64 << 10;
/// The most messages of one batch, and leaves of one tree or subtree: a power of two.
const PART_ITEMS: usize = 1 << 16;
/// About the most bytes of one batch: enough to hide what a batch costs by itself, little enough that
/// one part is written while another is hashed. A message of greatest length fits many times.
const PART_BYTES: usize = 16 << 20;
/// Levels of a tree of one batch's leaves, above them.
const LEVELS_MAX: usize = PART_ITEMS.ilog2() as usize;
/// The most threads that write a batch: fewer fill any bus.
const SHARES_MAX: usize = 16;
/// The least bytes that are worth another thread's while to write.
const SHARE_MIN: usize = 256 << 10;
/// Messages or leaves of a batch for which there is room from the start, and the bytes of each: a batch of
/// transactions.
const ROOM_ITEMS: usize = 4_096;
const ROOM_BYTES: usize = 256;
/// What the kernel may read behind the last message.
const SLACK: usize = 60;

const WORDS: usize = 0;
const PLACES: usize = 1;
const DIGESTS: usize = 2;
/// Kernels, by their place in the program.
const HASH: usize = 0;
const PAIR: usize = 1;

/// The program of hashes and trees.
#[derive(Debug)]
pub(super) struct Hasher {
    program: Program,
}

impl Hasher {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, Error> {
        let buffers = [
            ("messages", Role::Input),
            ("places of messages", Role::Input),
            ("digests", Role::Work { zeroed: false }),
        ];
        let kernels = [
            Kernel::new(MESSAGES.text, "messages", WORKGROUP),
            Kernel::new(NODES.text, "nodes", WORKGROUP),
        ];
        let each = |bytes: usize| (ROOM_ITEMS * bytes) as u64;
        let sizes = [each(ROOM_BYTES), each(8), each(2 * 32)];
        let room = Room { sizes: &sizes, back: each(32) };
        let spec = Spec { name: "sha256", buffers: &buffers, kernels: &kernels, room };
        Ok(Self { program: Program::new(engine, &spec)? })
    }

    /// `out[i]` becomes SHA-256 of `prefix ‖ messages[i]`, or anything where that is [too long](is_long).
    pub(super) fn hash_many(
        &self,
        workers: &Workers,
        prefix: &[u8],
        messages: &[&[u8]],
        out: &mut [Digest],
    ) -> Result<(), Error> {
        assert_eq!(messages.len(), out.len());
        let mut out = out.iter_mut();
        in_turn(
            &self.program,
            parts(prefix, messages),
            |room, range| {
                let part = Part::new(prefix, &messages[range.clone()], workers.threads());
                let bytes = 32 * range.len() as u64;
                let job = Job {
                    sizes: &part.sizes(bytes),
                    passes: &[part.pass()],
                    wanted: &[Region { buffer: DIGESTS, at: 0, bytes }],
                };
                self.program.submit(room, &job, |inputs| part.write(inputs, workers))
            },
            |_, answer| {
                answer.read(|bytes| {
                    let digests = bytes.as_chunks::<32>().0;
                    digests.iter().zip(&mut out).for_each(|(digest, out)| out.0 = *digest);
                })?;
                Ok(true)
            },
        )
    }

    /// Puts the tops of the subtrees that the tree over `prefix ‖ items` is cut into behind `tops`, from left to
    /// right: one, and the tree's own, where it fits one batch. All but the last are of one power of two of
    /// leaves. No item is [too long](is_long).
    pub(super) fn tops(
        &self,
        workers: &Workers,
        prefix: &[u8],
        items: &[&[u8]],
        tops: &mut Vec<Digest>,
    ) -> Result<(), Error> {
        let mut leaves = PART_ITEMS;
        let placed = |item: &&[u8]| placed(prefix.len() + item.len());
        let bytes = |part: &[&[u8]]| part.iter().map(placed).sum();
        while leaves > 1 && items.chunks(leaves).map(bytes).any(|bytes: usize| bytes > PART_BYTES) {
            leaves /= 2;
        }
        in_turn(
            &self.program,
            items.chunks(leaves),
            |room, messages| {
                let part = Part::new(prefix, messages, workers.threads());
                let (levels, nodes) = levels(messages.len() as u32);
                let mut params = [[0; 4]; LEVELS_MAX];
                let mut passes = 1;
                for (params, level) in params.iter_mut().zip(levels) {
                    *params = level;
                    passes += 1;
                }
                let mut all = [part.pass(); 1 + LEVELS_MAX];
                for (pass, params) in all[1..].iter_mut().zip(&params) {
                    *pass = Pass { kernel: PAIR, params, invocations: params[0] };
                }
                let top = Region { buffer: DIGESTS, at: 32 * u64::from(nodes - 1), bytes: 32 };
                let sizes = part.sizes(32 * u64::from(nodes));
                let job = Job { sizes: &sizes, passes: &all[..passes], wanted: &[top] };
                self.program.submit(room, &job, |inputs| part.write(inputs, workers))
            },
            |_, answer| {
                tops.push(answer.read(|bytes| Digest(array::from_fn(|i| bytes[i])))?);
                Ok(true)
            },
        )
    }
}

/// The parameters of each level's pass in a tree of `leaves` leaves, which stand behind one another among
/// the digests; and how many digests there are.
fn levels(leaves: u32) -> (impl Iterator<Item = [u32; 4]>, u32) {
    let widths =
        move || iter::successors(Some(leaves), |width| (*width > 1).then(|| width.div_ceil(2)));
    let mut children = 0;
    let passes = widths().filter(|width| *width > 1).map(move |width| {
        let (from, parents) = (children, children + width);
        children = parents;
        [width.div_ceil(2), from, parents, width]
    });
    (passes, widths().sum())
}

/// How many bytes of the words a message of `len` bytes takes: itself, the mark, zeros.
fn placed(len: usize) -> usize {
    (len / 4 + 1) * 4
}

/// Whether a message is left to the CPU.
pub(super) fn is_long(prefix: &[u8], message: &[u8]) -> bool {
    prefix.len() + message.len() > MESSAGE_MAX
}

/// What the device is given of a message: nothing of one that is too long, whose digest nobody looks at.
fn given<'a>(prefix: &[u8], message: &'a [u8]) -> &'a [u8] {
    if is_long(prefix, message) { &[] } else { message }
}

/// Cuts `messages` into batches.
fn parts(prefix: &[u8], messages: &[&[u8]]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    iter::from_fn(move || {
        let mut bytes = 0;
        let fit = messages[start..].iter().take(PART_ITEMS).take_while(|message| {
            bytes += placed(prefix.len() + given(prefix, message).len());
            bytes <= PART_BYTES
        });
        let range = start..start + fit.count();
        start = range.end;
        (!range.is_empty()).then_some(range)
    })
}

/// The messages of one batch.
struct Part<'a> {
    prefix: &'a [u8],
    messages: &'a [&'a [u8]],
    /// How many: the parameters of the pass that hashes them to the first digests.
    count: [u32; 1],
    /// One thread does not fill the bus.
    shares: [Share; SHARES_MAX],
    /// How many there are of these.
    shared: usize,
}

/// What one thread writes of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    /// Messages from here to there.
    these: (usize, usize),
    /// The bytes of the words where they stand.
    bytes: (usize, usize),
}

impl<'a> Part<'a> {
    fn new(prefix: &'a [u8], messages: &'a [&'a [u8]], threads: usize) -> Self {
        let length = |message: &&[u8]| placed(prefix.len() + given(prefix, message).len());
        let threads = threads.min(SHARES_MAX);
        let share = messages.iter().map(length).sum::<usize>().div_ceil(threads).max(SHARE_MIN);
        let (mut shares, mut shared) = ([Share::default(); SHARES_MAX], 0);
        let (mut first, mut begin, mut end) = (0, 0, 0);
        for (at, message) in messages.iter().enumerate() {
            end += length(message);
            if end - begin >= share || at + 1 == messages.len() {
                shares[shared] = Share { these: (first, at + 1), bytes: (begin, end) };
                shared += 1;
                first = at + 1;
                begin = end.next_multiple_of(8);
                end = begin;
            }
        }
        Self { prefix, messages, count: [messages.len() as u32], shares, shared }
    }
    fn shares(&self) -> &[Share] {
        &self.shares[..self.shared]
    }
    /// The pass that hashes all of them.
    fn pass(&self) -> Pass<'_> {
        Pass { kernel: HASH, params: &self.count, invocations: self.count[0] }
    }
    /// The bytes of each buffer, with so many of digests.
    fn sizes(&self, digests: u64) -> [u64; 3] {
        let words = self.shares().last().map_or(0, |share| share.bytes.1);
        [(words + SLACK) as u64, 8 * self.messages.len() as u64, digests]
    }
    fn write(&self, inputs: &mut Inputs, workers: &Workers) {
        let pieces = self.shares().iter().flat_map(|&Share { these, bytes }| {
            [(WORDS, bytes.0, bytes.1), (PLACES, 8 * these.0, 8 * these.1)]
        });
        inputs.pieces(pieces, |pieces| {
            let (pairs, _) = pieces.as_chunks_mut();
            workers.each(self.shares(), pairs, 1, |shares, pairs| {
                for (share, [words, places]) in shares.iter().zip(pairs) {
                    self.write_share(share, words.slice(..), places.slice(..));
                }
            });
        });
    }
    fn write_share(
        &self,
        &Share { these, bytes }: &Share,
        mut words: WriteOnly<[u8]>,
        mut places: WriteOnly<[u8]>,
    ) {
        let mut at = 0;
        for (i, message) in self.messages[these.0..these.1].iter().enumerate() {
            let message = given(self.prefix, message);
            let length = self.prefix.len() + message.len();
            let place = [((bytes.0 + at) / 4) as u32, length as u32];
            places.slice(8 * i..8 * i + 8).copy_from_slice(bytemuck::cast_slice(&place));
            let end = [0x80, 0, 0, 0];
            for part in [self.prefix, message, &end[..placed(length) - length]] {
                words.slice(at..at + part.len()).copy_from_slice(part);
                at += part.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_stand_behind_one_another() {
        let all = |leaves| {
            let (levels, nodes) = levels(leaves);
            (levels.collect::<Vec<_>>(), nodes)
        };
        assert_eq!(all(1), (vec![], 1));
        assert_eq!(all(2), (vec![[1, 0, 2, 2]], 3));
        assert_eq!(all(5), (vec![[3, 0, 5, 5], [2, 5, 8, 3], [1, 8, 10, 2]], 11));
    }

    #[test]
    fn parts_leave_nothing_out() {
        let long = vec![0; MESSAGE_MAX];
        let messages: Vec<&[u8]> = (0..1_000).map(|i| &long[..i * 64]).collect();
        let cut: Vec<_> = parts(&[0], &messages).collect();
        assert_eq!((cut[0].start, cut[cut.len() - 1].end), (0, 1_000));
        assert!(cut.windows(2).all(|two| two[0].end == two[1].start));
        for range in cut {
            let words = Part::new(&[0], &messages[range], 3).sizes(0)[0];
            assert!(words <= (PART_BYTES + SLACK + 3 * 4) as u64);
        }
        assert_eq!(parts(&[], &[]).count(), 0);
    }

    #[test]
    fn shares_follow_one_another() {
        let long = vec![0; 50_000];
        let messages: Vec<&[u8]> = (0..100).map(|i| &long[..49_000 + i]).collect();
        for threads in [1, 2, 7, 100] {
            let part = Part::new(&[0], &messages, threads);
            let shares = part.shares();
            assert!(shares.len() <= threads.min(100 * 50_000 / SHARE_MIN + 1));
            assert_eq!((shares[0].these.0, shares[0].bytes.0), (0, 0));
            assert_eq!(shares.last().map(|share| share.these.1), Some(100));
            for pair in shares.windows(2) {
                assert_eq!(pair[0].these.1, pair[1].these.0);
                assert_eq!(pair[0].bytes.1.next_multiple_of(8), pair[1].bytes.0);
            }
        }
    }
}
