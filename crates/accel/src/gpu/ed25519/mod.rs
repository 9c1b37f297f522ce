//! Ed25519 on a device: many signatures in, one verdict each.
//!
//! A verdict is the one of the ZIP-215 rule, of each signature by itself: no equation over a batch, so
//! nothing to cut up when one is bad, and nothing that a bad one costs the others.
//!
//! ```text
//! R, A, s, texts ─┬─► challenge ─► decompress R ────────────► comb ───► verdicts   keys with a table
//!                 └─► challenge ─► decompress R, A ─► fill ─► verify ─► verdicts   any other keys
//! ```
//!
//! Each arrow is a pass of one submission; [`shaders::ed25519`](crate::shaders::ed25519) says what each
//! kernel does. The cost a signature, in multiplications and squarings of the field: two decompressions,
//! 508 S + 42 M; eight multiples of the key, 64 M; 64 windows of 4 doublings and an addition, 1,024 S +
//! 1,280 M; 33 additions of B's multiples and −R, 231 M. With a table: one decompression, and 65 additions,
//! 455 M; a batch equation would take no fewer.
//!
//! On Mesa's lavapipe, in CPU time of one core (a Xeon, busy, where `ed25519-zebra` checks 27 k/s one by
//! one): 37 k/s under any keys and 136 k/s under keys with tables by [`Limbs::U64`], 12 k/s and 45 k/s by
//! [`Limbs::U32`]; signing 205 k/s and 80 k/s. A table takes 8 or 23 ms. Without the driver's cache, the
//! kernels take 8 s to compile by the latter.

mod sign;
mod tables;
#[cfg(test)]
mod tests;

use std::{
    iter,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use byzlab_core::{PublicKey, crypto::verify_ed25519};
use curve25519_dalek::edwards::CompressedEdwardsY;

pub use self::sign::Signatures;
use self::tables::{BASE, Tables};
use super::{
    Error, Inputs, Job, Kernel, Lent, Pass, Program, Region, Role, Room, Spec, Ticket, in_turn,
};
pub use crate::{ed25519::Item, shaders::field::Limbs};
use crate::{
    gpu::Engine,
    scratch::{Reuse, Shelf, empty},
    shaders::{WORKGROUP, ed25519 as text},
};

/// The most signatures in a submission: enough to fill any device, few enough to take milliseconds.
const PART_MAX: usize = 1 << 16;
/// A longer statement is hashed by the CPU: one invocation would hold up all beside it.
pub(super) const STATEMENT_MAX: usize = 1 << 16;

/// The buffers of every program for Ed25519, whose kernels share their bindings.
const BUFFERS: [(&str, Role); 8] = [
    ("columns", Role::Input),
    ("items", Role::Input),
    ("texts", Role::Input),
    ("scalars", Role::Work { zeroed: false }),
    ("points", Role::Work { zeroed: false }),
    ("multiples", Role::Work { zeroed: false }),
    ("results", Role::Work { zeroed: false }),
    ("tables", Role::Table),
];
const COLUMNS: usize = 0;
const ITEMS: usize = 1;
const TEXTS: usize = 2;
const SCALARS: usize = 3;
const POINTS: usize = 4;
const MULTIPLES: usize = 5;
const RESULTS: usize = 6;
const TABLES: usize = 7;

/// The kernels of the verifier, in the order of its [`Spec`].
const CHALLENGE: usize = 0;
const DECOMPRESS: usize = 1;
const FILL: usize = 2;
const VERIFY: usize = 3;
const COMB: usize = 4;

/// Bytes of an encoded point or a scalar.
const ELEMENT: usize = 32;
/// Bytes of an entry of `items`: where its text begins, how long it is, which table its key has.
const ITEM: usize = 12;
/// Words of R ‖ A, which stand before the text.
const HEAD_WORDS: u32 = 16;

/// Signatures of a batch for which there is room from the start, and the bytes of each statement.
const ROOM_ITEMS: u64 = 1_024;
const ROOM_BYTES: u64 = 256;

/// The bytes of each buffer for so many signatures, with points of these sizes.
fn room(affine: u64, projective: u64) -> [u64; BUFFERS.len()] {
    let mut sizes = [0; BUFFERS.len()];
    sizes[COLUMNS] = 4 * ELEMENT as u64;
    sizes[ITEMS] = ITEM as u64;
    sizes[TEXTS] = ROOM_BYTES;
    sizes[SCALARS] = ELEMENT as u64;
    sizes[POINTS] = 2 * affine;
    sizes[MULTIPLES] = 9 * projective;
    sizes[RESULTS] = ELEMENT as u64;
    sizes.map(|each| ROOM_ITEMS * each)
}

/// Checks signatures on a device.
#[derive(Debug)]
pub struct Ed25519 {
    program: Program,
    limbs: Limbs,
    /// Held for reading as long as a part may refer to a table, for writing while one is replaced.
    tables: RwLock<Tables>,
    /// Counts the calls, to know which tables are in use.
    calls: AtomicU64,
    lists: Shelf<Lists>,
}

/// The items of a call by the way they are checked.
#[derive(Debug, Default)]
struct Lists {
    /// Those whose keys have tables.
    comb: Vec<Entry>,
    /// The others.
    any: Vec<Entry>,
}

impl Reuse for Lists {
    fn empty(&mut self) {
        empty(&mut self.comb, PART_MAX);
        empty(&mut self.any, PART_MAX);
    }
}

impl Ed25519 {
    /// Compiles and warms the kernels, and loads the base point's table.
    ///
    /// With `limbs` not said, 64-bit integers are used where the device has them.
    ///
    /// # Errors
    /// When the device refuses a kernel or fails.
    pub fn new(engine: &Arc<Engine>, limbs: Option<Limbs>) -> Result<Self, Error> {
        let limbs = limbs.unwrap_or(if engine.has_int64() { Limbs::U64 } else { Limbs::U32 });
        let texts = [
            (text::challenge(limbs), "challenge"),
            (text::decompress(limbs), "decompress"),
            (text::multiples(limbs), "fill"),
            (text::verify(limbs), "verify"),
            (text::comb(limbs), "comb"),
        ];
        let kernels = texts.each_ref().map(|(text, entry)| Kernel::new(text, entry, WORKGROUP));
        let (affine, projective) = (limbs.affine_bytes(), limbs.projective_bytes());
        let room = Room { sizes: &room(affine, projective), back: 4 * ROOM_ITEMS };
        let spec = Spec { name: "ed25519", buffers: &BUFFERS, kernels: &kernels, room };
        let program = Program::new(engine, &spec)?;
        tables::load_base(&Decoder { program: &program, kernel: DECOMPRESS, limbs })?;
        let tables = RwLock::new(Tables::new(limbs, engine.bytes_max()));
        let (calls, lists) = Default::default();
        Ok(Self { program, limbs, tables, calls, lists })
    }

    /// How integers modulo p are represented on the device.
    pub fn limbs(&self) -> Limbs {
        self.limbs
    }

    /// `verdicts[i]` becomes what `core`'s `verify_ed25519` gives for `items[i]`.
    ///
    /// A key under which many signatures held gets a table, at the expense of one that has not been seen
    /// for longest if there is no room.
    ///
    /// # Errors
    /// When the device has failed, or is late.
    pub fn check(&self, items: &[Item], verdicts: &mut [bool]) -> Result<(), Error> {
        assert_eq!(items.len(), verdicts.len(), "a place for each verdict");
        let mut lists = self.lists.take();
        let Lists { comb, any } = &mut lists;
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let hot = {
            let tables = self.read_tables();
            for (at, item) in items.iter().enumerate() {
                if item.statement.len() > STATEMENT_MAX {
                    verdicts[at] = verify_ed25519(&item.by, item.statement, &item.signature);
                    continue;
                }
                match tables.slot(&item.by, call) {
                    Some(slot) => comb.push(Entry { at, slot }),
                    None => any.push(Entry { at, slot: BASE }),
                }
            }
            let parts = self.cut(items, comb, true).chain(self.cut(items, any, false));
            let start = |room: Lent, part: &Part| self.submit(room, items, part);
            in_turn(&self.program, parts, start, |part, answer| {
                answer.read(|bytes| part.take(bytes, verdicts))??;
                Ok(true)
            })?;
            tables.count(any.iter().filter(|entry| verdicts[entry.at]).map(|e| items[e.at].by))
        };
        self.lists.give(lists);
        if !hot.is_empty() {
            self.load_keys(&hot)?;
        }
        Ok(())
    }

    /// Makes tables for keys that will be seen often: a committee's. Keys that do not decode get none,
    /// and where there is no room for all, the last ones do.
    ///
    /// # Errors
    /// When the device has failed, or is late.
    pub fn load_keys(&self, keys: &[PublicKey]) -> Result<(), Error> {
        let call = self.calls.load(Ordering::Relaxed);
        let decoder = Decoder { program: &self.program, kernel: DECOMPRESS, limbs: self.limbs };
        for key in keys {
            if self.read_tables().slot(key, call).is_some() {
                continue;
            }
            let Some(point) = CompressedEdwardsY(key.0).decompress() else { continue };
            let points = tables::points(&decoder, point)?;
            let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
            tables.insert(&self.program, *key, &points, call)?;
        }
        Ok(())
    }

    fn read_tables(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys that have tables.
    pub fn known_keys(&self) -> Vec<PublicKey> {
        self.read_tables().keys()
    }

    /// How many keys have tables.
    pub fn keys(&self) -> usize {
        self.read_tables().len()
    }

    /// Cuts entries into parts that fit the device's buffers.
    fn cut<'a>(
        &self,
        items: &'a [Item],
        mut entries: &'a [Entry],
        comb: bool,
    ) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let engine = self.program.engine();
        let largest =
            if comb { self.limbs.affine_bytes() } else { 9 * self.limbs.projective_bytes() };
        let count_max = engine.items_max(largest).min(PART_MAX);
        let words_max = engine.bytes_max() as usize / 4;
        iter::from_fn(move || {
            let (mut words, mut count) = (0, 0);
            for entry in entries.iter().take(count_max) {
                let more = items[entry.at].statement.len().div_ceil(4);
                if words + more > words_max {
                    break;
                }
                words += more;
                count += 1;
            }
            let (these, rest) = entries.split_at(count);
            entries = rest;
            (count > 0).then_some(Part { entries: these, words, comb })
        })
    }

    fn submit(&self, room: Lent, items: &[Item], part: &Part) -> Result<Ticket, Error> {
        let count = part.entries.len();
        let n = count as u32;
        let (points, multiples) = if part.comb { (count, 0) } else { (2 * count, 9 * count) };
        let mut sizes = [0; BUFFERS.len()];
        sizes[COLUMNS] = 3 * ELEMENT * count;
        sizes[ITEMS] = ITEM * count;
        sizes[TEXTS] = 4 * part.words;
        sizes[SCALARS] = ELEMENT * count;
        sizes[POINTS] = self.limbs.affine_bytes() as usize * points;
        sizes[MULTIPLES] = self.limbs.projective_bytes() as usize * multiples;
        sizes[RESULTS] = 4 * count;
        let pass = |kernel, params, invocations| Pass { kernel, params, invocations };
        let (challenge, decompress, each) = ([n, HEAD_WORDS], [points as u32], [n]);
        let (challenge, decompress) =
            (pass(CHALLENGE, &challenge, n), pass(DECOMPRESS, &decompress, points as u32));
        let with_table = [challenge, decompress, pass(COMB, &each, n)];
        let without = [challenge, decompress, pass(FILL, &each, n), pass(VERIFY, &each, n)];
        let passes: &[Pass] = if part.comb { &with_table } else { &without };
        let wanted = [Region { buffer: RESULTS, at: 0, bytes: 4 * count as u64 }];
        let job = Job { sizes: &sizes.map(|size| size as u64), passes, wanted: &wanted };
        self.program.submit(room, &job, |inputs| {
            let item = |i: usize| &items[part.entries[i].at];
            let halves = |i: usize| item(i).signature.0.split_at(ELEMENT);
            column(inputs, count, 0, |i| halves(i).0);
            column(inputs, count, 1, |i| &item(i).by.0);
            column(inputs, count, 2, |i| halves(i).1);
            statements(inputs, count, |i| (item(i).statement, part.entries[i].slot));
        })
    }
}

/// An item, and which table its key has.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: usize,
    slot: u32,
}

/// Items that are checked in one submission.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    entries: &'a [Entry],
    /// Words of their statements.
    words: usize,
    /// Whether their keys have tables.
    comb: bool,
}

impl Part<'_> {
    /// Takes the device's verdicts.
    fn take(&self, bytes: &[u8], verdicts: &mut [bool]) -> Result<(), Error> {
        for (entry, word) in self.entries.iter().zip(bytes.as_chunks::<4>().0) {
            verdicts[entry.at] = match u32::from_le_bytes(*word) {
                0 => false,
                1 => true,
                other => return Err(Error::Wrong(format!("{other} is no verdict"))),
            };
        }
        Ok(())
    }
}

/// Writes 32 bytes of each item into a column.
fn column<'a>(inputs: &mut Inputs, count: usize, column: usize, of: impl Fn(usize) -> &'a [u8]) {
    let mut bytes = inputs.of(COLUMNS);
    let (mut chunks, _) = bytes
        .slice(column * ELEMENT * count..(column + 1) * ELEMENT * count)
        .into_chunks::<ELEMENT>();
    for i in 0..count {
        let element: &[u8; ELEMENT] = of(i).first_chunk().expect("32 bytes");
        chunks.slice(i..=i).copy_from_slice(&[*element]);
    }
}

/// Writes each item's statement, filled up to whole words with zeros, and where it stands.
fn statements<'a>(inputs: &mut Inputs, count: usize, of: impl Fn(usize) -> (&'a [u8], u32)) {
    let mut start = 0;
    for i in 0..count {
        let (statement, slot) = of(i);
        let words = [start as u32, statement.len() as u32, slot];
        inputs
            .of(ITEMS)
            .slice(ITEM * i..ITEM * (i + 1))
            .copy_from_slice(bytemuck::bytes_of(&words));
        let (whole, rest) = statement.as_chunks::<4>();
        let mut texts = inputs.of(TEXTS);
        let place = 4 * start..4 * (start + whole.len());
        texts.slice(place).copy_from_slice(whole.as_flattened());
        start += whole.len();
        if !rest.is_empty() {
            let mut last = [0; 4];
            last[..rest.len()].copy_from_slice(rest);
            texts.slice(4 * start..4 * (start + 1)).copy_from_slice(&last);
            start += 1;
        }
    }
}

/// Turns encodings into points as kernels store them.
struct Decoder<'a> {
    program: &'a Program,
    /// The place of `decompress` in the program.
    kernel: usize,
    limbs: Limbs,
}

impl Decoder<'_> {
    /// The points of `encodings`, in the bytes of the kernels' affine points.
    fn points(&self, encodings: &[[u8; ELEMENT]]) -> Result<Vec<u8>, Error> {
        let count = encodings.len();
        let mut sizes = [0; BUFFERS.len()];
        sizes[COLUMNS] = (ELEMENT * count) as u64;
        sizes[POINTS] = self.limbs.affine_bytes() * count as u64;
        let params = [count as u32];
        let pass = Pass { kernel: self.kernel, params: &params, invocations: count as u32 };
        let wanted = [Region { buffer: POINTS, at: 0, bytes: sizes[POINTS] }];
        let job = Job { sizes: &sizes, passes: &[pass], wanted: &wanted };
        let ticket = self.program.submit(self.program.room()?, &job, |inputs| {
            inputs.of(COLUMNS).copy_from_slice(encodings.as_flattened());
        })?;
        ticket.wait()?.read(<[u8]>::to_vec)
    }
}
