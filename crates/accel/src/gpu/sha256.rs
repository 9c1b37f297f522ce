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

    /// `out[i]` becomes SHA-256 of `prefix ‖ messages[i]`; no message is longer than [`MESSAGE_MAX`].
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
            parts(prefix.len(), messages),
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

    /// The tops of the subtrees that the tree over `prefix ‖ items` is cut into, from left to right: one,
    /// and the tree's own, where it fits one batch. All but the last are of one power of two of leaves.
    pub(super) fn tops(
        &self,
        workers: &Workers,
        prefix: &[u8],
        items: &[&[u8]],
    ) -> Result<Vec<Digest>, Error> {
        let mut leaves = PART_ITEMS;
        let placed = |item: &&[u8]| placed(prefix.len() + item.len());
        let bytes = |part: &[&[u8]]| part.iter().map(placed).sum();
        while leaves > 1 && items.chunks(leaves).map(bytes).any(|bytes: usize| bytes > PART_BYTES) {
            leaves /= 2;
        }
        let mut tops = Vec::with_capacity(items.len().div_ceil(leaves));
        in_turn(
            &self.program,
            items.chunks(leaves),
            |room, messages| {
                let part = Part::new(prefix, messages, workers.threads());
                let (levels, nodes) = levels(messages.len() as u32);
                let levels: Vec<_> = levels.collect();
                let passes: Vec<_> = iter::once(part.pass())
                    .chain(levels.iter().map(|params| Pass {
                        kernel: PAIR,
                        params,
                        invocations: params[0],
                    }))
                    .collect();
                let top = Region { buffer: DIGESTS, at: 32 * u64::from(nodes - 1), bytes: 32 };
                let sizes = part.sizes(32 * u64::from(nodes));
                let job = Job { sizes: &sizes, passes: &passes, wanted: &[top] };
                self.program.submit(room, &job, |inputs| part.write(inputs, workers))
            },
            |_, answer| {
                tops.push(answer.read(|bytes| Digest(array::from_fn(|i| bytes[i])))?);
                Ok(true)
            },
        )?;
        Ok(tops)
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

/// Cuts `messages` into batches.
fn parts(prefix: usize, messages: &[&[u8]]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    iter::from_fn(move || {
        let mut bytes = 0;
        let fit = messages[start..].iter().take(PART_ITEMS).take_while(|message| {
            bytes += placed(prefix + message.len());
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
    /// Messages that one thread writes, and the bytes of the words where they stand: one thread does not
    /// fill the bus.
    shares: Vec<(Range<usize>, Range<usize>)>,
}

impl<'a> Part<'a> {
    fn new(prefix: &'a [u8], messages: &'a [&'a [u8]], threads: usize) -> Self {
        let length = |message: &&[u8]| placed(prefix.len() + message.len());
        let share = messages.iter().map(length).sum::<usize>().div_ceil(threads).max(SHARE_MIN);
        let mut shares = Vec::with_capacity(threads);
        let (mut first, mut begin, mut end) = (0, 0, 0);
        for (at, message) in messages.iter().enumerate() {
            end += length(message);
            if end - begin >= share || at + 1 == messages.len() {
                shares.push((first..at + 1, begin..end));
                first = at + 1;
                begin = end.next_multiple_of(8);
                end = begin;
            }
        }
        Self { prefix, messages, count: [messages.len() as u32], shares }
    }
    /// The pass that hashes all of them.
    fn pass(&self) -> Pass<'_> {
        Pass { kernel: HASH, params: &self.count, invocations: self.count[0] }
    }
    /// The bytes of each buffer, with so many of digests.
    fn sizes(&self, digests: u64) -> [u64; 3] {
        let words = self.shares.last().map_or(0, |(_, bytes)| bytes.end);
        [(words + SLACK) as u64, 8 * self.messages.len() as u64, digests]
    }
    fn write(&self, inputs: &mut Inputs, workers: &Workers) {
        let words = self.shares.iter().map(|(_, bytes)| (WORDS, bytes.start, bytes.end));
        let places = self.shares.iter().map(|(these, _)| (PLACES, 8 * these.start, 8 * these.end));
        inputs.pieces(words.chain(places), |mut words| {
            let places = words.split_off(self.shares.len());
            let tasks = self.shares.iter().zip(words).zip(places).collect();
            workers.consume(tasks, |((share, mut words), mut places)| {
                self.write_share(share, words.slice(..), places.slice(..));
            });
        });
    }
    fn write_share(
        &self,
        (these, bytes): &(Range<usize>, Range<usize>),
        mut words: WriteOnly<[u8]>,
        mut places: WriteOnly<[u8]>,
    ) {
        let mut at = 0;
        for (i, message) in self.messages[these.clone()].iter().enumerate() {
            let length = self.prefix.len() + message.len();
            let place = [((bytes.start + at) / 4) as u32, length as u32];
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
        let cut: Vec<_> = parts(1, &messages).collect();
        assert_eq!((cut[0].start, cut[cut.len() - 1].end), (0, 1_000));
        assert!(cut.windows(2).all(|two| two[0].end == two[1].start));
        for range in cut {
            let words = Part::new(&[0], &messages[range], 3).sizes(0)[0];
            assert!(words <= (PART_BYTES + SLACK + 3 * 4) as u64);
        }
        assert_eq!(parts(0, &[]).count(), 0);
    }

    #[test]
    fn shares_follow_one_another() {
        let long = vec![0; 50_000];
        let messages: Vec<&[u8]> = (0..100).map(|i| &long[..49_000 + i]).collect();
        for threads in [1, 2, 7, 100] {
            let part = Part::new(&[0], &messages, threads);
            assert!(part.shares.len() <= threads.min(100 * 50_000 / SHARE_MIN + 1));
            assert_eq!((part.shares[0].0.start, part.shares[0].1.start), (0, 0));
            assert_eq!(part.shares.last().map(|(these, _)| these.end), Some(100));
            for pair in part.shares.windows(2) {
                let [(a, of_a), (b, of_b)] = pair else { unreachable!("windows of two") };
                assert_eq!((a.end, of_a.end.next_multiple_of(8)), (b.start, of_b.start));
            }
        }
    }
}
