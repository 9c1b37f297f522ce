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
use curve25519_dalek::{
    EdwardsPoint, constants::ED25519_BASEPOINT_POINT, edwards::CompressedEdwardsY, traits::Identity,
};

use super::{Decoder, Error, TABLES};

/// Multiples in a window, 0 among them.
const WINDOW: usize = 129;
/// Windows of eight bits in a scalar.
const WINDOWS: usize = 32;
/// Points in a table.
pub const ENTRIES: usize = WINDOW * WINDOWS;
/// The place of the base point's table.
pub const BASE: u32 = 0;
/// After so many signatures that held, a key gets a table. It pays after a few hundred more.
const HOT: u32 = 512;
/// The most keys that are counted; then counting begins anew.
const COUNTED_MAX: usize = 8_192;
/// The most tables that one call makes: a committee's come over a few calls.
const FRESH_MAX: usize = 32;

/// What has a table, and how often the others were seen.
#[derive(Debug)]
pub struct Tables {
    slots: BTreeMap<PublicKey, Slot>,
    /// Tables that fit the device, beside the base point's.
    room: usize,
    counts: Mutex<BTreeMap<PublicKey, u32>>,
}

#[derive(Debug)]
struct Slot {
    number: u32,
    /// The last call that saw the key.
    seen: AtomicU64,
}

impl Tables {
    /// The base point's alone.
    pub fn new(decoder: &Decoder) -> Result<Self, Error> {
        let bytes = ENTRIES as u64 * decoder.limbs.affine_bytes();
        let room = (decoder.program.engine().bytes_max() / bytes) as usize - 1;
        let tables = Self { slots: BTreeMap::new(), room, counts: Mutex::default() };
        write(decoder, BASE, ED25519_BASEPOINT_POINT)?;
        Ok(tables)
    }
    /// How many keys have one.
    pub fn len(&self) -> usize {
        self.slots.len()
    }
    /// The number of a key's table.
    pub fn slot(&self, key: &PublicKey, call: u64) -> Option<u32> {
        let slot = self.slots.get(key)?;
        slot.seen.store(call, Ordering::Relaxed);
        Some(slot.number)
    }
    /// Counts keys without tables under which a signature held, one entry each; gives those that now
    /// deserve one.
    pub fn count(&self, seen: impl Iterator<Item = PublicKey>) -> Vec<PublicKey> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for key in seen {
            if counts.len() == COUNTED_MAX && !counts.contains_key(&key) {
                counts.clear();
            }
            *counts.entry(key).or_default() += 1;
        }
        let hot = counts.iter().filter(|(_, count)| **count >= HOT).map(|(key, _)| *key);
        let hot: Vec<_> = hot.take(FRESH_MAX).collect();
        for key in &hot {
            counts.remove(key);
        }
        hot
    }
    /// Makes a key's table, unless it has one or does not decode.
    pub fn load(&mut self, decoder: &Decoder, key: PublicKey, call: u64) -> Result<(), Error> {
        if self.slots.contains_key(&key) || self.room == 0 {
            return Ok(());
        }
        let Some(point) = CompressedEdwardsY(key.0).decompress() else { return Ok(()) };
        let number = if self.slots.len() < self.room {
            self.slots.len() as u32 + 1
        } else {
            let oldest =
                self.slots.iter().min_by_key(|(_, slot)| slot.seen.load(Ordering::Relaxed));
            let oldest = *oldest.expect("there is room for one at least").0;
            self.slots.remove(&oldest).expect("just found").number
        };
        write(decoder, number, point)?;
        self.slots.insert(key, Slot { number, seen: AtomicU64::new(call) });
        Ok(())
    }
}

/// Writes a point's table. Batches submitted before see what was there.
pub fn write(decoder: &Decoder, number: u32, point: EdwardsPoint) -> Result<(), Error> {
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
    let encodings = EdwardsPoint::compress_batch_alloc(&multiples);
    let encodings: Vec<_> = encodings.iter().map(|encoding| encoding.0).collect();
    let points = decoder.points(&encodings)?;
    decoder.program.load(TABLES, u64::from(number) * points.len() as u64, &points)
}
