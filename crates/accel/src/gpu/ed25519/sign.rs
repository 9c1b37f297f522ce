//! Signatures in bulk, for load and for tests.
//!
//! The addresses that a kernel reads depend on nonces, and secrets lie in buffers that nobody wipes: not
//! for keys that matter.

use std::{fmt, ptr, sync::Arc};

use byzlab_core::{PublicKey, Signature, Signer};

use super::{
    BASE, BUFFERS, COLUMNS, Decoder, ELEMENT, Engine, Error, HEAD_WORDS, ITEM, ITEMS, Inputs, Job,
    Kernel, Limbs, Pass, Program, RESULTS, ROOM_ITEMS, Region, Room, SCALARS, Spec, TEXTS,
    WORKGROUP, column, room, statements, tables, text,
};
use crate::{
    gpu::Answer,
    scratch::{Reuse, Shelf},
};

const CHALLENGE: usize = 0;
const DECOMPRESS: usize = 1;
const COMMIT: usize = 2;
const RESPOND: usize = 3;

/// Words of the secret prefix, which stands before the text when a nonce is made.
const PREFIX_WORDS: u32 = 8;
/// The most signatures in a submission.
const PART_MAX: usize = 1 << 14;

/// Makes signatures on a device.
#[derive(Debug)]
pub struct Signatures {
    program: Program,
    lists: Shelf<Lists>,
}

/// What a part is worked out in; nothing is longer than [`PART_MAX`].
#[derive(Debug, Default)]
struct Lists {
    /// Signers by their addresses, and the items of each.
    order: Vec<(usize, usize)>,
    keys: Vec<Parts>,
    /// Under which of the keys each item is signed.
    by: Vec<usize>,
    nonces: Vec<[u8; ELEMENT]>,
}

impl Lists {
    /// Finds the signers of `items`.
    fn sort(&mut self, items: &[(&Signer, &[u8])]) {
        let Self { order, keys, by, .. } = self;
        order.extend(items.iter().map(|(signer, _)| ptr::from_ref(*signer).addr()).zip(0..));
        order.sort_unstable();
        by.resize(items.len(), 0);
        for of_one in order.chunk_by(|a, b| a.0 == b.0) {
            of_one.iter().for_each(|&(_, at)| by[at] = keys.len());
            keys.push(Parts::of(items[of_one[0].1].0).expect("signs by Ed25519"));
        }
    }
    fn key(&self, item: usize) -> &Parts {
        &self.keys[self.by[item]]
    }
}

impl Reuse for Lists {
    fn empty(&mut self) {
        self.order.clear();
        self.keys.clear();
        self.by.clear();
        self.nonces.clear();
    }
}

/// A signer's parts, as kernels read them.
#[derive(Clone, Copy)]
struct Parts {
    prefix: [u8; ELEMENT],
    secret: [u8; ELEMENT],
    public: PublicKey,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({:?})", self.public) // the others are secrets
    }
}

impl Parts {
    /// `None` for one that does not sign by Ed25519.
    fn of(signer: &Signer) -> Option<Self> {
        let expanded = signer.expanded()?;
        let (prefix, secret) = (*expanded.prefix(), expanded.scalar());
        Some(Self { prefix, secret, public: signer.public() })
    }
}

impl Signatures {
    /// Compiles and warms the kernels, and loads the base point's table.
    ///
    /// # Errors
    /// When the device refuses a kernel or fails.
    pub fn new(engine: &Arc<Engine>, limbs: Option<Limbs>) -> Result<Self, Error> {
        let limbs = limbs.unwrap_or(if engine.has_int64() { Limbs::U64 } else { Limbs::U32 });
        let texts = [
            (text::challenge(limbs), "challenge"),
            (text::decompress(limbs), "decompress"),
            (text::commit(limbs), "commit"),
            (text::respond(), "respond"),
        ];
        let kernels = texts.each_ref().map(|(text, entry)| Kernel::new(text, entry, WORKGROUP));
        // Points and their multiples are for verdicts.
        let room = Room { sizes: &room(0, 0), back: 2 * ELEMENT as u64 * ROOM_ITEMS };
        let spec = Spec { name: "ed25519 signing", buffers: &BUFFERS, kernels: &kernels, room };
        let program = Program::new(engine, &spec)?;
        let decoder = Decoder { program: &program, kernel: DECOMPRESS, limbs };
        tables::load_base(&decoder)?;
        Ok(Self { program, lists: Shelf::default() })
    }

    /// `out[i]` becomes the signature of RFC 8032 over the statement of `items[i]`.
    ///
    /// # Errors
    /// When the device has failed, is late, or a statement is longer than its buffers.
    ///
    /// # Panics
    /// When a signer does not sign by Ed25519.
    pub fn sign_many(
        &self,
        items: &[(&Signer, &[u8])],
        out: &mut [Signature],
    ) -> Result<(), Error> {
        assert_eq!(items.len(), out.len(), "a place for each signature");
        for (items, out) in items.chunks(PART_MAX).zip(out.chunks_mut(PART_MAX)) {
            let mut lists = self.lists.take();
            lists.sort(items);
            self.commit(&mut lists, items, out)?;
            self.respond(&lists, items, out)?;
            self.lists.give(lists);
        }
        Ok(())
    }

    /// Each item's nonce r, and R = r B where its signature begins.
    fn commit(
        &self,
        lists: &mut Lists,
        items: &[(&Signer, &[u8])],
        out: &mut [Signature],
    ) -> Result<(), Error> {
        let n = items.len() as u32;
        let passes = [
            Pass { kernel: CHALLENGE, params: &[n, PREFIX_WORDS], invocations: n },
            Pass { kernel: COMMIT, params: &[n], invocations: n },
        ];
        let prefixes = |inputs: &mut Inputs| {
            column(inputs, items.len(), 0, |i| &lists.key(i).prefix);
        };
        let answer = self.run(items, 1, &passes, &[SCALARS, RESULTS], prefixes)?;
        answer.read(|bytes| {
            let (nonces, points) = bytes.as_chunks().0.split_at(items.len());
            lists.nonces.extend(nonces);
            out.iter_mut().zip(points).for_each(|(out, r)| out.0[..ELEMENT].copy_from_slice(r));
        })
    }

    /// Each item's s = r + k a, where its signature ends.
    fn respond(
        &self,
        lists: &Lists,
        items: &[(&Signer, &[u8])],
        out: &mut [Signature],
    ) -> Result<(), Error> {
        let n = items.len() as u32;
        let passes = [
            Pass { kernel: CHALLENGE, params: &[n, HEAD_WORDS], invocations: n },
            Pass { kernel: RESPOND, params: &[n], invocations: n },
        ];
        let answer = self.run(items, 4, &passes, &[RESULTS], |inputs| {
            column(inputs, items.len(), 0, |i| &out[i].0[..ELEMENT]);
            column(inputs, items.len(), 1, |i| &lists.key(i).public.0);
            column(inputs, items.len(), 2, |i| &lists.nonces[i]);
            column(inputs, items.len(), 3, |i| &lists.key(i).secret);
        })?;
        answer.read(|bytes| {
            let responses = bytes.as_chunks::<ELEMENT>().0;
            out.iter_mut().zip(responses).for_each(|(out, s)| out.0[ELEMENT..].copy_from_slice(s));
        })
    }

    /// Runs passes over the items' statements and some columns; gives what they leave in `wanted`.
    fn run<const N: usize>(
        &self,
        items: &[(&Signer, &[u8])],
        columns: usize,
        passes: &[Pass],
        wanted: &[usize; N],
        fill: impl FnOnce(&mut Inputs),
    ) -> Result<Answer, Error> {
        let count = items.len();
        let bytes = (ELEMENT * count) as u64;
        let mut sizes = [0; BUFFERS.len()];
        sizes[COLUMNS] = columns as u64 * bytes;
        sizes[ITEMS] = (ITEM * count) as u64;
        let words = |(_, statement): &(&Signer, &[u8])| statement.len().div_ceil(4) as u64;
        sizes[TEXTS] = 4 * items.iter().map(words).sum::<u64>();
        (sizes[SCALARS], sizes[RESULTS]) = (bytes, bytes);
        let wanted = wanted.map(|buffer| Region { buffer, at: 0, bytes });
        let job = Job { sizes: &sizes, passes, wanted: &wanted };
        let ticket = self.program.submit(self.program.room()?, &job, |inputs| {
            fill(inputs);
            statements(inputs, count, |i| (items[i].1, BASE));
        })?;
        ticket.wait()
    }
}
