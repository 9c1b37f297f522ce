//! Multiples of keys, kept on the device.
//!
//! A table has 0 to 128 times 256^w·P for each w below 32: 129 · 32 points, 528 kB in 64-bit limbs and
//! 1 MB in the others. The CPU adds and encodes, the device decodes: so no field arithmetic stands here.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use byzlab_core::PublicKey;
use curve25519_dalek::{EdwardsPoint, constants::ED25519_BASEPOINT_POINT, traits::Identity};

use super::{Decoder, ELEMENT, Error, Limbs, Program, TABLES};

/// Multiples in a window, 0 among them.
const WINDOW: usize = 129;
/// Windows of eight bits in a scalar.
const WINDOWS: usize = 32;
/// Points in a table.
const ENTRIES: usize = WINDOW * WINDOWS;
/// The place of the base point's table.
pub const BASE: u32 = 0;
/// After so many signatures that held, a key gets a table. It pays after a few hundred more.
const HOT: u32 = 512;
/// The places for keys that are counted. Each key has one, which it may have to fight for with others.
const COUNTED_MAX: usize = 8_192;
/// The most tables that one call makes: a committee's come over a few calls.
const FRESH_MAX: usize = 4;

/// Which keys have tables, and how often the others were seen.
#[derive(Debug)]
pub struct Tables {
    slots: BTreeMap<PublicKey, Slot>,
    /// The numbers of tables that fit the device and belong to no key.
    free: Vec<u32>,
    counts: Mutex<Vec<(PublicKey, u32)>>,
}

#[derive(Debug)]
struct Slot {
    number: u32,
    /// The last call that saw the key.
    seen: AtomicU64,
}

impl Tables {
    /// None but the base point's, and room for as many as fit a buffer of `bytes_max`.
    pub fn new(limbs: Limbs, bytes_max: u64) -> Self {
        let fit = (bytes_max / table_bytes(limbs)) as u32;
        let free = (BASE + 1..fit).rev().collect();
        let counts = Mutex::new(vec![Default::default(); COUNTED_MAX]);
        Self { slots: BTreeMap::new(), free, counts }
    }
    /// How many keys have one.
    pub fn len(&self) -> usize {
        self.slots.len()
    }
    /// The keys that have one.
    pub fn keys(&self) -> Vec<PublicKey> {
        self.slots.keys().copied().collect()
    }
    /// The number of a key's table, which is noted as seen.
    pub fn slot(&self, key: &PublicKey, call: u64) -> Option<u32> {
        let slot = self.slots.get(key)?;
        slot.seen.store(call, Ordering::Relaxed);
        Some(slot.number)
    }
    /// Counts keys without tables under which a signature held, one entry each; gives those that have
    /// come to deserve one.
    ///
    /// Two keys of one place take from each other's count (Boyer and Moore's vote), so the one that comes more
    /// often wins it in the end. One that a peer crafts to stand in another's way costs that one its table, which
    /// is time and nothing else; a committee's keys are [announced](super::Ed25519::load_keys).
    pub fn count(&self, seen: impl Iterator<Item = PublicKey>) -> Vec<PublicKey> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hot = Vec::new();
        for key in seen {
            let (holder, count) = &mut counts[place(&key)];
            if *holder != key && *count > 0 {
                *count -= 1;
                continue;
            }
            *holder = key;
            *count += 1;
            if *count >= HOT && hot.len() < FRESH_MAX && !hot.contains(&key) {
                hot.push(key);
            }
        }
        for key in &hot {
            counts[place(key)].1 = 0;
        }
        hot
    }
    /// Gives a key a table with these points, which another key loses if there is no room: the one not
    /// seen for longest. Without any room at all, nothing happens.
    pub fn insert(
        &mut self,
        program: &Program,
        key: PublicKey,
        points: &[u8],
        call: u64,
    ) -> Result<(), Error> {
        if self.slots.contains_key(&key) {
            return Ok(());
        }
        let age = |slot: &Slot| (slot.seen.load(Ordering::Relaxed), slot.number);
        if self.free.is_empty()
            && let Some(oldest) = self.slots.iter().min_by_key(|(_, slot)| age(slot))
        {
            let oldest = *oldest.0;
            self.free.extend(self.slots.remove(&oldest).map(|slot| slot.number));
        }
        let Some(number) = self.free.last().copied() else { return Ok(()) };
        write(program, number, points)?;
        self.free.pop();
        self.slots.insert(key, Slot { number, seen: AtomicU64::new(call) });
        Ok(())
    }
}

/// The place where a key is counted.
fn place(key: &PublicKey) -> usize {
    let head = key.0.first_chunk().copied().map_or(0, u64::from_le_bytes);
    (head % COUNTED_MAX as u64) as usize
}

/// Bytes of a table on the device.
pub fn table_bytes(limbs: Limbs) -> u64 {
    ENTRIES as u64 * limbs.affine_bytes()
}

/// A point's table, as kernels read it.
pub fn points(decoder: &Decoder, point: EdwardsPoint) -> Result<Vec<u8>, Error> {
    let mut multiples = Vec::with_capacity(ENTRIES);
    let mut step = point;
    for _ in 0..WINDOWS {
        let mut multiple = EdwardsPoint::identity();
        multiples.push(multiple);
        for _ in 1..WINDOW {
            multiple += step;
            multiples.push(multiple);
        }
        step = multiple + multiple;
    }
    let encodings: Vec<[u8; ELEMENT]> =
        EdwardsPoint::compress_batch_alloc(&multiples).iter().map(|point| point.0).collect();
    decoder.points(&encodings)
}

/// Loads the base point's table.
pub fn load_base(decoder: &Decoder) -> Result<(), Error> {
    write(decoder.program, BASE, &points(decoder, ED25519_BASEPOINT_POINT)?)
}

/// Batches submitted before see what was there.
fn write(program: &Program, number: u32, points: &[u8]) -> Result<(), Error> {
    program.load(TABLES, u64::from(number) * points.len() as u64, points)
}
