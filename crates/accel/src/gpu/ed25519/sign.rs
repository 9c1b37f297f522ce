//! Signatures in bulk, for load and for tests.
//!
//! The addresses that a kernel reads depend on nonces, and secrets lie in buffers that nobody wipes: not
//! for keys that matter.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_core::{PublicKey, Signature, Signer};

use super::{
    BASE, BUFFERS, COLUMNS, Decoder, ELEMENT, Engine, Error, HEAD_WORDS, ITEM, ITEMS, Inputs, Job,
    Kernel, Limbs, Pass, Program, RESULTS, ROOM_ITEMS, Region, Room, SCALARS, Spec, TEXTS,
    WORKGROUP, column, room, statements, tables, text,
};

const CHALLENGE: usize = 0;
const DECOMPRESS: usize = 1;
const COMMIT: usize = 2;
const RESPOND: usize = 3;

/// Words of the secret prefix, which stands before the text when a nonce is made.
const PREFIX_WORDS: u32 = 8;
/// The most signatures in a submission.
const PART_MAX: usize = 1 << 14;

/// One to sign.
#[derive(Clone, Copy, Debug)]
struct ToSign<'a> {
    /// Under which of the secrets, by its place among them.
    by: usize,
    statement: &'a [u8],
}

/// Makes signatures on a device.
#[derive(Debug)]
pub struct Signatures {
    program: Program,
}

/// A signer's parts, as kernels read them.
struct Parts {
    prefix: [u8; ELEMENT],
    secret: [u8; ELEMENT],
    public: PublicKey,
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
        Ok(Self { program })
    }

    /// The signatures of RFC 8032, in order.
    ///
    /// # Errors
    /// When the device has failed, is late, or a statement is longer than its buffers.
    ///
    /// # Panics
    /// When a signer does not sign by Ed25519.
    pub fn sign_many(&self, items: &[(&Signer, &[u8])]) -> Result<Vec<Signature>, Error> {
        let mut signatures = Vec::with_capacity(items.len());
        for part in items.chunks(PART_MAX) {
            let mut keys: Vec<Parts> = Vec::new();
            let mut items = Vec::with_capacity(part.len());
            let mut places = BTreeMap::new();
            for &(signer, statement) in part {
                let by = *places.entry(std::ptr::from_ref(signer)).or_insert_with(|| {
                    keys.push(Parts::of(signer).expect("signs by Ed25519"));
                    keys.len() - 1
                });
                items.push(ToSign { by, statement });
            }
            let (nonces, points) = self.commit(&keys, &items)?;
            let responses = self.respond(&keys, &items, &nonces, &points)?;
            signatures.extend(points.iter().zip(&responses).map(|(r, s)| {
                let mut signature = Signature::default();
                signature.0[..ELEMENT].copy_from_slice(r);
                signature.0[ELEMENT..].copy_from_slice(s);
                signature
            }));
        }
        Ok(signatures)
    }

    /// Each item's nonce r and R = r B.
    fn commit(&self, keys: &[Parts], items: &[ToSign]) -> Result<(Elements, Elements), Error> {
        let n = items.len() as u32;
        let passes = [
            Pass { kernel: CHALLENGE, params: &[n, PREFIX_WORDS], invocations: n },
            Pass { kernel: COMMIT, params: &[n], invocations: n },
        ];
        let both = self.run(items, 1, &passes, &[SCALARS, RESULTS], |inputs| {
            column(inputs, items.len(), 0, |i| &keys[items[i].by].prefix);
        })?;
        let (nonces, points) = both.split_at(items.len());
        Ok((nonces.to_vec(), points.to_vec()))
    }

    /// Each item's s = r + k a.
    fn respond(
        &self,
        keys: &[Parts],
        items: &[ToSign],
        nonces: &Elements,
        points: &Elements,
    ) -> Result<Elements, Error> {
        let n = items.len() as u32;
        let passes = [
            Pass { kernel: CHALLENGE, params: &[n, HEAD_WORDS], invocations: n },
            Pass { kernel: RESPOND, params: &[n], invocations: n },
        ];
        self.run(items, 4, &passes, &[RESULTS], |inputs| {
            column(inputs, items.len(), 0, |i| &points[i]);
            column(inputs, items.len(), 1, |i| &keys[items[i].by].public.0);
            column(inputs, items.len(), 2, |i| &nonces[i]);
            column(inputs, items.len(), 3, |i| &keys[items[i].by].secret);
        })
    }

    /// Runs passes over the items' statements and some columns; gives what they leave in `wanted`.
    fn run(
        &self,
        items: &[ToSign],
        columns: usize,
        passes: &[Pass],
        wanted: &[usize],
        fill: impl FnOnce(&mut Inputs),
    ) -> Result<Elements, Error> {
        let count = items.len();
        let bytes = (ELEMENT * count) as u64;
        let mut sizes = [0; BUFFERS.len()];
        sizes[COLUMNS] = columns as u64 * bytes;
        sizes[ITEMS] = (ITEM * count) as u64;
        let words = |item: &ToSign| item.statement.len().div_ceil(4) as u64;
        sizes[TEXTS] = 4 * items.iter().map(words).sum::<u64>();
        (sizes[SCALARS], sizes[RESULTS]) = (bytes, bytes);
        let wanted: Vec<_> = wanted.iter().map(|&buffer| Region { buffer, at: 0, bytes }).collect();
        let job = Job { sizes: &sizes, passes, wanted: &wanted };
        let ticket = self.program.submit(self.program.room()?, &job, |inputs| {
            fill(inputs);
            statements(inputs, count, |i| (items[i].statement, BASE));
        })?;
        ticket.wait()?.read(|bytes| bytes.as_chunks::<ELEMENT>().0.to_vec())
    }
}

/// Points or scalars, encoded.
type Elements = Vec<[u8; ELEMENT]>;
