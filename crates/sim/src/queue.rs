//! Event queues: what is due comes out in order of time, and at one time in order of going in.
//!
//! [`Wheel`] is a hierarchical timing wheel: eight levels of 256 slots, one level a byte of the
//! time. An entry lies on the level of the highest byte in which its time differs from now, and
//! moves down as that byte comes up; entries of one slot keep their order, so no sequence number is
//! needed. It costs a few sequential copies an entry however many are pending: at a million pending
//! events several times faster than a heap. [`Heap`] is the plain one that it is held against.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

/// Orders items by time, then by order of going in.
pub trait Queue<T> {
    /// Puts in an item due at `time`, which must not be before the last time taken out.
    fn push(&mut self, time: u64, item: T);
    /// Takes out the first item, with its time.
    fn pop(&mut self) -> Option<(u64, T)>;
    /// How many items are pending.
    fn len(&self) -> usize;
    /// Whether none are.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

const LEVELS: usize = 8;
const SLOTS: usize = 256;
/// Spare buffers kept for slots that fill again.
const SPARE_MAX: usize = 4 * SLOTS;

/// A hierarchical timing wheel.
#[derive(Debug)]
pub struct Wheel<T> {
    /// Not after any pending item.
    now: u64,
    /// Items due at `now`.
    ready: VecDeque<T>,
    levels: Vec<Level<T>>,
    spare: Vec<Vec<(u64, T)>>,
    len: usize,
}

#[derive(Debug)]
struct Level<T> {
    occupied: [u64; SLOTS / 64],
    slots: Vec<Vec<(u64, T)>>,
}

impl<T> Level<T> {
    fn first(&self) -> Option<usize> {
        let (word, bits) = self.occupied.iter().enumerate().find(|(_, bits)| **bits != 0)?;
        Some(word * 64 + bits.trailing_zeros() as usize)
    }
}

impl<T: Copy> Wheel<T> {
    /// An empty wheel at time 0.
    pub fn new() -> Self {
        let level = || Level {
            occupied: [0; SLOTS / 64],
            slots: std::iter::repeat_with(Vec::new).take(SLOTS).collect(),
        };
        Self {
            now: 0,
            ready: VecDeque::new(),
            levels: std::iter::repeat_with(level).take(LEVELS).collect(),
            spare: Vec::new(),
            len: 0,
        }
    }
    fn place(&mut self, time: u64, item: T) {
        let differs = time ^ self.now;
        if differs == 0 {
            return self.ready.push_back(item);
        }
        let level = (63 - differs.leading_zeros() as usize) / 8;
        let slot = (time >> (8 * level)) as usize % SLOTS;
        let level = &mut self.levels[level];
        let entries = &mut level.slots[slot];
        if entries.is_empty() {
            level.occupied[slot / 64] |= 1 << (slot % 64);
            if entries.capacity() == 0 {
                *entries = self.spare.pop().unwrap_or_default();
            }
        }
        entries.push((time, item));
    }
    /// Moves the first slot's entries down, so that at least one is ready.
    fn advance(&mut self) {
        let found = self.levels.iter().enumerate().find_map(|(i, l)| Some((i, l.first()?)));
        let Some((level, slot)) = found else { return };
        let level = &mut self.levels[level];
        level.occupied[slot / 64] &= !(1 << (slot % 64));
        let mut entries = std::mem::take(&mut level.slots[slot]);
        let first = entries.iter().map(|&(time, _)| time).min();
        self.now = first.expect("an occupied slot has entries");
        for (time, item) in entries.drain(..) {
            self.place(time, item);
        }
        if self.spare.len() < SPARE_MAX {
            self.spare.push(entries);
        }
    }
}

impl<T: Copy> Default for Wheel<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Copy> Queue<T> for Wheel<T> {
    fn push(&mut self, time: u64, item: T) {
        assert!(time >= self.now, "nothing is due in the past");
        self.len += 1;
        self.place(time, item);
    }
    fn pop(&mut self) -> Option<(u64, T)> {
        if self.ready.is_empty() {
            self.advance();
        }
        let item = self.ready.pop_front()?;
        self.len -= 1;
        Some((self.now, item))
    }
    fn len(&self) -> usize {
        self.len
    }
}

/// A binary heap of (time, sequence number).
#[derive(Debug, Default)]
pub struct Heap<T> {
    heap: BinaryHeap<Reverse<Numbered<T>>>,
    pushed: u64,
}

#[derive(Debug)]
struct Numbered<T> {
    key: (u64, u64),
    item: T,
}

impl<T> PartialEq for Numbered<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl<T> Eq for Numbered<T> {}
impl<T> PartialOrd for Numbered<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Numbered<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl<T> Heap<T> {
    /// An empty heap.
    pub fn new() -> Self {
        Self { heap: BinaryHeap::new(), pushed: 0 }
    }
}

impl<T> Queue<T> for Heap<T> {
    fn push(&mut self, time: u64, item: T) {
        self.heap.push(Reverse(Numbered { key: (time, self.pushed), item }));
        self.pushed += 1;
    }
    fn pop(&mut self) -> Option<(u64, T)> {
        self.heap.pop().map(|Reverse(first)| (first.key.0, first.item))
    }
    fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use byzlab_core::random::Stream;

    use super::*;

    /// Pushes and pops at random, as simulations do: most delays alike, some zero, some far.
    #[test]
    fn the_wheel_gives_what_the_heap_gives() {
        let mut stream = Stream::new(7, "queue");
        let (mut wheel, mut heap) = (Wheel::new(), Heap::new());
        let mut now = 0;
        for number in 0..200_000u32 {
            if stream.chance(550_000) || wheel.is_empty() {
                let delay = match stream.below(6) {
                    0 => 0,
                    1 => stream.below(3),
                    2 => 10_000_000,
                    3 => stream.below(1 << 34),
                    4 => 255 + stream.below(2),
                    _ => 40_000_000 + stream.below(20_000_000),
                };
                wheel.push(now + delay, number);
                heap.push(now + delay, number);
            } else {
                let (a, b) = (wheel.pop(), heap.pop());
                assert_eq!(a, b);
                now = a.expect("it is not empty").0;
            }
            assert_eq!(wheel.len(), heap.len());
        }
        while let Some(first) = wheel.pop() {
            assert_eq!(Some(first), heap.pop());
        }
        assert!(heap.is_empty());
    }

    #[test]
    fn the_ends_of_time_are_reached() {
        let mut wheel = Wheel::new();
        for time in [u64::MAX, 0, u64::MAX - 1, 1 << 63, 255, 256, u64::MAX] {
            wheel.push(time, time);
        }
        let order: Vec<u64> = std::iter::from_fn(|| wheel.pop().map(|(time, _)| time)).collect();
        assert_eq!(order, [0, 255, 256, 1 << 63, u64::MAX - 1, u64::MAX, u64::MAX]);
    }
}
