//! The accelerator that every machine has.

use std::{ops::Range, sync::Arc, thread};

use byzlab_core::{
    Accelerator, Claim, Digest, Puzzle, Seal, Signature, Signer, Task, Usage,
    accelerator::sign_in_runs,
    crypto::bls::{self, Aggregate},
    merkle,
};

use crate::{
    claims::Sorted,
    ed25519::{Item, Verifier},
    meter::Meter,
    scratch::{Reuse, Shelf, empty},
    sha256::{Scan, Sha256, Way},
    workers::Workers,
};

/// Less than so many bytes to hash are not worth waking another thread: with AVX-512 they take some 0.13 ms,
/// and waking one about half of that.
const HASH_MIN: usize = 512 << 10;
/// Fewer BLS signatures than these are not worth waking another thread: the equation's last step is
/// shared by all in a part.
const SUMS_MIN: usize = 2;
/// Fewer signatures to make than these for each thread are not worth waking one.
const SIGN_MIN: usize = 64;
/// The leaves of a subtree that one thread reduces by itself: a power of two, so that subtrees are
/// whole. Its digests (64 KiB) stay in a core's own cache.
const SUBTREE: usize = 2_048;
/// The most digests in a list that is kept from call to call: tops of a hundred million leaves.
const DIGESTS_MAX: usize = 1 << 16;
/// The nonces that one thread tries before it looks whether another has found one.
const STRIDE: u64 = 1 << 12;
/// The most strides each thread is given at once.
const STRIDES_MAX: u64 = 256;

/// Hashes, proves and searches on the CPU: several messages abreast in each core, and large work
/// split over threads. Small work stays on the caller's thread.
///
/// Its answers are those of [`Reference`](byzlab_core::Reference), whatever the machine and however
/// many threads.
///
/// **Memory.** Once a call like it has been, a call allocates what it hands to its caller, one list of
/// verdicts, digests or signatures, and nothing that grows with it but what is others': `curve25519-dalek`'s
/// sums, where there is no AVX-512; `blst`'s, and the list of aggregates; a place in the memory of keys for
/// each key that is not in it. With more threads than one, `rayon` makes a block of its queue now and then.
#[derive(Debug)]
pub struct Cpu {
    hands: Arc<Hands>,
    done: Meter,
}

/// What computes, for all who [count apart](Accelerator::apart).
#[derive(Debug)]
struct Hands {
    workers: Workers,
    sha: Sha256,
    verifier: Verifier,
    /// Claims sorted.
    sorted: Shelf<Sorted<'static>>,
    /// Leaves of subtrees, and their tops.
    levels: Shelf<Vec<Digest>>,
}

impl Cpu {
    /// An accelerator on `threads` threads, at least one; on as many as the machine has if not said.
    ///
    /// With one thread all work is done by the caller's. A simulator that runs seeds in parallel wants
    /// that; a node wants more.
    pub fn new(threads: Option<usize>) -> Self {
        let threads =
            threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, Into::into));
        Self::with(threads, Sha256::detect(), Verifier::detect())
    }
    /// One that does without special instructions: what the others are compared with.
    pub fn portable(threads: usize) -> Self {
        Self::with(threads, Way::Portable.into(), Verifier::default())
    }
    /// One for each way to hash that this machine has: what tests and benches hold against each other.
    pub fn every(threads: usize) -> Vec<Self> {
        Way::all()
            .into_iter()
            .map(|way| Self::with(threads, way.into(), Verifier::detect()))
            .collect()
    }
    fn with(threads: usize, sha: Sha256, verifier: Verifier) -> Self {
        let (done, sorted, levels) = Default::default();
        let workers = Workers::new(threads);
        Self { hands: Arc::new(Hands { workers, sha, verifier, sorted, levels }), done }
    }
    /// How many threads it has.
    pub fn threads(&self) -> usize {
        self.hands.workers.threads()
    }
    /// How it hashes.
    pub(crate) fn sha(&self) -> Sha256 {
        self.hands.sha
    }
    /// How it checks signatures.
    pub(crate) fn verifier(&self) -> &Verifier {
        &self.hands.verifier
    }
    /// Its threads.
    pub(crate) fn workers(&self) -> &Workers {
        &self.hands.workers
    }
    // What follows counts nothing: a GPU that has it done, or checks itself by it, counts on its own.

    /// Tells of each signature whether it holds, in any order.
    pub(crate) fn signatures(&self, items: &[Item], tell: impl FnMut(usize, bool)) {
        self.hands.verifier.check(&self.hands.workers, items, tell);
    }
    /// BLS signatures, a part of them a thread.
    pub(crate) fn sums(&self, sums: &[(usize, &Aggregate)]) -> Vec<(usize, bool)> {
        let mut out = vec![(0, false); sums.len()];
        let part = sums.len().div_ceil(self.hands.workers.threads()).max(SUMS_MIN);
        self.hands.workers.each(sums, &mut out, part, |sums, out| {
            let claims: Vec<_> = sums.iter().map(|&(_, claim)| claim).collect();
            let verdicts = bls::check(&claims);
            for ((out, &(at, _)), holds) in out.iter_mut().zip(sums).zip(verdicts) {
                *out = (at, holds);
            }
        });
        out
    }
    /// `out[i]` becomes SHA-256 of `prefix ‖ messages[i]`.
    pub(crate) fn hash(&self, prefix: &'static [u8], messages: &[&[u8]], out: &mut [Digest]) {
        self.hands.workers.each(messages, out, self.share(messages), |messages, out| {
            self.hands.sha.hash_many(prefix, messages, out);
        });
    }
    /// SHA-256 of each message.
    pub(crate) fn digests(&self, messages: &[&[u8]]) -> Vec<Digest> {
        let mut out = vec![Digest::default(); messages.len()];
        self.hash(&[], messages, &mut out);
        out
    }
    /// How many of `messages` one thread is given to hash at a time.
    fn share(&self, messages: &[&[u8]]) -> usize {
        let bytes: usize = messages.iter().map(|message| message.len() + 64).sum();
        let parts = (bytes / HASH_MIN).clamp(1, 4 * self.hands.workers.threads());
        messages.len().div_ceil(parts).max(1)
    }
    /// The Merkle root over `items`.
    pub(crate) fn root(&self, items: &[&[u8]]) -> Digest {
        // An odd node is carried up until it meets another; so the last subtree, which may be short,
        // stands in the whole tree just as it does alone.
        let leaves = self.share(items).next_power_of_two().min(SUBTREE);
        let mut tops = self.hands.levels.take();
        tops.resize(items.len().div_ceil(leaves), Digest::default());
        self.hands.workers.each_part(items, &mut tops, leaves, |items| {
            let mut level = self.hands.levels.take();
            level.resize(items.len(), Digest::default());
            self.hands.sha.hash_many(&[0], items, &mut level);
            let top = self.hands.sha.top(&mut level);
            self.hands.levels.give(level);
            top
        });
        let root = merkle::bind(items.len(), self.hands.sha.top(&mut tops));
        self.hands.levels.give(tops);
        root
    }
    /// Each statement signed by the signer beside it.
    pub(crate) fn signed(&self, items: &[(&Signer, &[u8])]) -> Vec<Signature> {
        let mut out = vec![Signature::default(); items.len()];
        let part = items.len().div_ceil(self.hands.workers.threads()).max(SIGN_MIN);
        self.hands.workers.each(items, &mut out, part, sign_in_runs);
        out
    }
    /// The lowest of `nonces` that solves `puzzle`.
    pub(crate) fn solution(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Option<Seal> {
        let scan = Scan::new(puzzle);
        let try_range = |range: Range<u64>| {
            let mut at = range.start;
            while at < range.end {
                at += self.hands.sha.scan(&scan, at as u32, range.end - at)?;
                let seal = Seal { puzzle: puzzle.clone(), nonce: at as u32 };
                if seal.holds() {
                    return Some(seal);
                }
                at += 1;
            }
            None
        };
        // The lowest nonce wins, so threads stay close together; the first stride is the caller's.
        let (mut at, mut strides) = (nonces.start, 1);
        while at < nonces.end {
            let stride = |i: usize| {
                let start = nonces.end.min(at + i as u64 * STRIDE);
                try_range(start..nonces.end.min(start + STRIDE))
            };
            let found = self.hands.workers.first(strides as usize, stride);
            if found.is_some() {
                return found;
            }
            at = at.saturating_add(strides * STRIDE);
            strides = (2 * strides).min(STRIDES_MAX * self.hands.workers.threads() as u64);
        }
        None
    }
}

impl Default for Cpu {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Accelerator for Cpu {
    fn name(&self) -> String {
        let threads = self.threads();
        let plural = if threads == 1 { "" } else { "s" };
        format!("cpu ({threads} thread{plural}, {})", self.hands.sha.name())
    }

    fn check(&self, claims: &[Claim]) -> Vec<bool> {
        let mut verdicts = vec![false; claims.len()];
        let mut sorted = self.hands.sorted.take().recycled();
        let (mut seals, mut tosses) = (0, 0);
        for (at, claim) in claims.iter().enumerate() {
            match claim {
                Claim::Signed { by, statement, signature } => {
                    sorted.places.push(at);
                    sorted.items.push(Item { by: *by, statement, signature: *signature });
                }
                Claim::Aggregate(aggregate) => sorted.sums.push((at, aggregate)),
                Claim::Tossed(tossed) => {
                    tosses += 1;
                    verdicts[at] = tossed.holds();
                }
                Claim::Root(batch) => {
                    verdicts[at] = sorted.root_holds(batch, |leaves| self.merkle_root(leaves));
                }
                Claim::Work(seal) => {
                    seals += 1;
                    verdicts[at] = seal.holds();
                }
            }
        }
        self.done.add(Task::Signatures, sorted.items.len());
        self.signatures(&sorted.items, |i, holds| verdicts[sorted.places[i]] = holds);
        self.done.add(Task::Aggregates, sorted.sums.len());
        for (at, holds) in self.sums(&sorted.sums) {
            verdicts[at] = holds;
        }
        self.done.add(Task::Seals, seals);
        self.done.add(Task::Tosses, tosses);
        self.hands.sorted.give(sorted.recycled());
        verdicts
    }

    fn hash_many(&self, messages: &[&[u8]]) -> Vec<Digest> {
        self.done.add(Task::Hashes, messages.len());
        self.digests(messages)
    }

    fn merkle_root(&self, items: &[&[u8]]) -> Digest {
        self.done.add(Task::Merkle, items.len());
        self.root(items)
    }

    fn sign_many(&self, items: &[(&Signer, &[u8])]) -> Vec<Signature> {
        self.done.add(Task::Signing, items.len());
        self.signed(items)
    }

    fn search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Option<Seal> {
        let found = self.solution(puzzle, nonces.clone());
        self.done.add(Task::Nonces, tried(&nonces, found.as_ref()));
        found
    }

    fn usage(&self) -> Usage {
        Usage { cpu: self.done.read(), ..Usage::default() }
    }

    fn apart(&self) -> Option<Arc<dyn Accelerator>> {
        Some(Arc::new(Self { hands: self.hands.clone(), done: Meter::default() }))
    }
}

impl Reuse for Vec<Digest> {
    fn empty(&mut self) {
        empty(self, DIGESTS_MAX);
    }
}

/// How many nonces were tried in a search through `nonces` that found this.
pub(crate) fn tried(nonces: &Range<u64>, found: Option<&Seal>) -> usize {
    let end = found.map_or(nonces.end, |seal| u64::from(seal.nonce) + 1);
    end.saturating_sub(nonces.start) as usize
}
