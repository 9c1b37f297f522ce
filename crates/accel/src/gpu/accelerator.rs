//! The accelerator on a GPU.

use std::{
    ops::Range,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use byzlab_core::{
    Accelerator, Claim, Digest, PublicKey, Puzzle, Seal, Usage, crypto::bls, crypto::sha256, merkle,
};

use super::{
    adapter::{Adapter, Kind, Select, select},
    ed25519::{Ed25519, Limbs},
    engine::{Engine, Fault, Options},
    error::Error,
    nonces::Searcher,
    selftest,
    sha256::{Hasher, MESSAGE_MAX},
    stats::Stats,
};
use crate::{
    choice::Device,
    cpu::Cpu,
    ed25519::Item,
    sha256::{Scan, Sha256},
};

/// What a leaf's item is hashed behind.
const LEAF: &[u8] = &[0];
/// One answer in so many is computed on the CPU as well. Every rejection is, too.
const RECHECK: u64 = 256;
/// The most nonces that a search is checked by, out of as many times more.
const RECHECKED_NONCES_MAX: u64 = 1_024;

/// Hashes, proves and searches on a GPU, or on a software adapter that stands in for one.
///
/// **One answer.** An adapter that fails the self-test is refused. Afterwards a share of the answers,
/// and every rejection, is computed on the CPU as well; the first difference ends the use of the adapter
/// ([`failure`](Self::failure) says so, and an error is logged). Then, and whenever the device gives no
/// answer in time, the [`Cpu`] answers, so a caller sees no difference but in speed and in
/// [`stats`](Self::stats).
///
/// **What runs where.** Hashes, whole trees, nonces and signatures run on the device, whatever their
/// number: where it pays is for the caller to know. Messages over [`MESSAGE_MAX`] bytes are hashed by the
/// CPU, as one invocation would be slow at it, and so is the header of each [`Claim::Work`], which costs
/// the bus more than the CPU.
#[derive(Debug)]
pub struct Gpu {
    engine: Arc<Engine>,
    hasher: Hasher,
    searcher: Searcher,
    verifier: Ed25519,
    cpu: Arc<Cpu>,
    /// How the CPU hashes what is too little for the device.
    sha: Sha256,
    /// The difference that ended its use.
    wrong: OnceLock<Error>,
    /// Merkle roots so far, of which one in so many is computed again.
    roots: AtomicU64,
}

/// What an accelerator runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The adapter, as its driver calls it.
    pub name: String,
    /// `vulkan`, `metal` or `dx12`.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// What the adapter is made of.
    pub kind: Kind,
    /// Whether kernels may use 64-bit integers.
    pub int64: bool,
    /// How they represent integers modulo 2²⁵⁵ − 19.
    pub limbs: Limbs,
    /// Whether the time that kernels take is known.
    pub clock: bool,
    /// The largest buffer, in bytes.
    pub bytes_max: u64,
}

impl Gpu {
    /// Opens the adapter that `wanted` describes; `cpu` answers where it cannot, and checks it.
    ///
    /// # Errors
    /// When there is no such adapter, its driver refuses it, or it fails the self-test.
    pub fn open(wanted: Select, cpu: Arc<Cpu>) -> Result<Self, Error> {
        Self::on(&select(wanted)?, Options::default(), cpu)
    }
    /// Opens `adapter`.
    ///
    /// # Errors
    /// When its driver refuses it, or it fails the self-test.
    pub fn on(adapter: &Adapter, options: Options, cpu: Arc<Cpu>) -> Result<Self, Error> {
        let engine = Engine::open(adapter, options)?;
        let gpu = Self {
            hasher: Hasher::new(&engine)?,
            searcher: Searcher::new(&engine)?,
            verifier: Ed25519::new(&engine, options.limbs)?,
            engine,
            cpu,
            sha: Sha256::detect(),
            wrong: OnceLock::new(),
            roots: AtomicU64::new(0),
        };
        selftest::run(&gpu)?;
        Ok(gpu)
    }
    /// What it runs on.
    pub fn info(&self) -> Info {
        let Adapter { name, backend, driver, kind, .. } = self.engine.adapter().clone();
        let (int64, limbs) = (self.engine.has_int64(), self.verifier.limbs());
        let (clock, bytes_max) = (self.engine.has_clock(), self.engine.bytes_max());
        Info { name, backend, driver, kind, int64, limbs, clock, bytes_max }
    }
    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }
    /// Why the CPU answers everything now; `None` while the device does.
    pub fn failure(&self) -> Option<Error> {
        self.wrong.get().cloned().or_else(|| self.engine.failure())
    }
    /// The CPU that stands beside it.
    pub fn cpu(&self) -> &Arc<Cpu> {
        &self.cpu
    }

    /// SHA-256 of each message, by the device or not at all.
    ///
    /// # Errors
    /// When it gives no answer, or a wrong one.
    pub fn try_hash_many(&self, messages: &[&[u8]]) -> Result<Vec<Digest>, Error> {
        let digests = self.digests(&[], messages)?;
        // Every 256th, counting the digests of all calls.
        let first = self.turn(messages.len()).wrapping_neg() % RECHECK;
        for at in (first as usize..messages.len()).step_by(RECHECK as usize) {
            self.recheck(digests[at] == sha256(messages[at]), "a digest")?;
        }
        Ok(digests)
    }

    /// The Merkle root over `items`, by the device or not at all.
    ///
    /// # Errors
    /// When it gives no answer, or a wrong one.
    pub fn try_merkle_root(&self, items: &[&[u8]]) -> Result<Digest, Error> {
        let mut tops = if items.iter().all(|item| item.len() < MESSAGE_MAX) {
            self.ready()?;
            self.hasher.tops(self.cpu.workers(), LEAF, items)?
        } else {
            self.digests(LEAF, items)?
        };
        let root = merkle::bind(items.len(), self.sha.top(&mut tops));
        self.turn(items.len());
        if self.roots.fetch_add(1, Relaxed).is_multiple_of(RECHECK) {
            self.recheck(root == self.cpu.merkle_root(items), "a Merkle root")?;
        }
        Ok(root)
    }

    /// The lowest nonce in `nonces` that solves `puzzle`, by the device or not at all.
    ///
    /// # Errors
    /// When it gives no answer, or a wrong one.
    pub fn try_search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Result<Option<Seal>, Error> {
        self.ready()?;
        let scan = Scan::new(puzzle);
        let (mut at, mut found) = (nonces.start, None);
        while at < nonces.end && found.is_none() {
            let left = nonces.end - at;
            let Some(next) = self.searcher.scan(&scan, at as u32, left)? else { break };
            at += next;
            let let_through = next < left && self.sha.scan(&scan, at as u32, 1) == Some(0);
            self.recheck(let_through, "a nonce")?;
            let seal = Seal { puzzle: puzzle.clone(), nonce: at as u32 };
            found = seal.holds().then_some(seal);
            at += 1;
        }
        let end = found.as_ref().map_or(nonces.end, |seal| u64::from(seal.nonce));
        self.recheck_search(puzzle, &scan, nonces.start..end.max(nonces.start))?;
        Ok(found)
    }

    /// One verdict a signature, by the device or not at all.
    ///
    /// # Errors
    /// When it gives no answer, or a wrong one.
    pub fn try_signatures(&self, items: &[Item]) -> Result<Vec<bool>, Error> {
        self.ready()?;
        let verdicts = self.verifier.check(items).map_err(|error| match error {
            Error::Wrong(what) => self.wrong(what),
            other => other,
        })?;
        // All that it rejects, and every 256th of all.
        let before = self.turn(items.len());
        let chosen = |at: usize| !verdicts[at] || (before + at as u64).is_multiple_of(RECHECK);
        let again: Vec<_> = (0..items.len()).filter(|&at| chosen(at)).collect();
        let of_them: Vec<_> = again.iter().map(|&at| items[at]).collect();
        for (at, right) in again.into_iter().zip(self.cpu.signatures(&of_them)) {
            self.recheck(verdicts[at] == right, "a signature's verdict")?;
        }
        Ok(verdicts)
    }

    /// Prepares the device for many signatures by `keys`: a committee's.
    ///
    /// # Errors
    /// When it fails.
    pub fn try_expect_keys(&self, keys: &[PublicKey]) -> Result<(), Error> {
        self.ready()?;
        self.verifier.load_keys(keys)
    }

    /// Looks again whether a small share of the nonces that were passed over holds a solution: another
    /// share each time.
    fn recheck_search(&self, puzzle: &Puzzle, scan: &Scan, over: Range<u64>) -> Result<(), Error> {
        let count = over.end - over.start;
        let share = (count / RECHECK).min(RECHECKED_NONCES_MAX);
        // Multiples of 2⁶⁴/φ fall evenly over any range.
        let turn = self.turn(count as usize).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut at = over.start + turn % (count - share).max(1);
        let end = at + share;
        while let Some(next) = self.sha.scan(scan, at as u32, end - at) {
            at += next;
            let seal = Seal { puzzle: puzzle.clone(), nonce: at as u32 };
            self.recheck(!seal.holds(), "a nonce passed over")?;
            at += 1;
        }
        Ok(())
    }

    /// SHA-256 of each message behind `prefix`.
    fn digests(&self, prefix: &'static [u8], messages: &[&[u8]]) -> Result<Vec<Digest>, Error> {
        self.ready()?;
        let mut digests = vec![Digest::default(); messages.len()];
        let is_long = |message: &[u8]| prefix.len() + message.len() > MESSAGE_MAX;
        if !messages.iter().any(|message| is_long(message)) {
            self.hasher.hash_many(self.cpu.workers(), prefix, messages, &mut digests)?;
            return Ok(digests);
        }
        let short: Vec<_> = messages.iter().copied().filter(|message| !is_long(message)).collect();
        let mut of_short = vec![Digest::default(); short.len()];
        self.hasher.hash_many(self.cpu.workers(), prefix, &short, &mut of_short)?;
        let mut of_short = of_short.into_iter();
        for (message, digest) in messages.iter().zip(&mut digests) {
            if is_long(message) {
                self.sha.hash_many(prefix, &[message], std::slice::from_mut(digest));
            } else {
                *digest = of_short.next().expect("a digest for each short message");
            }
        }
        Ok(digests)
    }

    /// Counts the items of a call that the device answered; how many it had answered before.
    fn turn(&self, items: usize) -> u64 {
        self.engine.counters.items.fetch_add(items as u64, Relaxed)
    }
    /// Whether its answers are still to be trusted.
    fn ready(&self) -> Result<(), Error> {
        self.wrong.get().cloned().map_or(Ok(()), Err)
    }
    /// Notes that an answer was computed again; if it was wrong, that is the end.
    fn recheck(&self, right: bool, what: &str) -> Result<(), Error> {
        self.engine.counters.rechecked.fetch_add(1, Relaxed);
        if right {
            return Ok(());
        }
        Err(self.wrong(format!("{what} is not the CPU's")))
    }
    /// Ends the use of the adapter.
    fn wrong(&self, what: String) -> Error {
        self.engine.counters.mismatches.fetch_add(1, Relaxed);
        let wrong = Error::Wrong(what);
        tracing::error!(adapter = %self.engine.adapter(), "{wrong}; it is not used any more");
        self.wrong.get_or_init(|| wrong).clone()
    }
    /// Answers a call about `items` items: the device, or else the CPU.
    fn serve<T>(
        &self,
        items: u64,
        device: impl FnOnce() -> Result<T, Error>,
        cpu: impl FnOnce() -> T,
    ) -> T {
        let counters = &self.engine.counters;
        let start = Instant::now();
        match device() {
            Ok(answer) => {
                counters.calls.fetch_add(1, Relaxed);
                counters.wait_ns.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
                answer
            }
            Err(error) => {
                counters.fallback_items.fetch_add(items, Relaxed);
                // Once is worth a line; a device that is gone would write one a call.
                if counters.fallbacks.fetch_add(1, Relaxed) == 0 {
                    tracing::warn!(adapter = %self.engine.adapter(), "{error}; the CPU takes over");
                }
                cpu()
            }
        }
    }
    /// Makes a fault, for tests of what comes after.
    #[doc(hidden)]
    pub fn inject(&self, fault: Fault) {
        self.engine.inject(fault);
    }
}

impl Accelerator for Gpu {
    fn name(&self) -> String {
        self.engine.adapter().to_string()
    }

    fn check(&self, claims: &[Claim]) -> Vec<bool> {
        let mut verdicts = vec![false; claims.len()];
        let (mut at_signed, mut items, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        for (at, claim) in claims.iter().enumerate() {
            match claim {
                Claim::Signed { by, statement, signature } => {
                    at_signed.push(at);
                    items.push(Item { by: *by, statement, signature: *signature });
                }
                Claim::Root(batch) => {
                    let holds = |accelerator| batch.computed_root(accelerator) == batch.root();
                    // What the device rejects, the CPU decides, and both must agree.
                    verdicts[at] = holds(self) || {
                        let holds = holds(&*self.cpu);
                        let _ = self.recheck(!holds, "a Merkle root");
                        holds
                    };
                }
                Claim::Work(seal) => verdicts[at] = seal.holds(),
                Claim::Aggregate(aggregate) => sums.push((at, aggregate)),
            }
        }
        if !items.is_empty() {
            let device = || self.try_signatures(&items);
            let held = self.serve(items.len() as u64, device, || self.cpu.signatures(&items));
            at_signed.into_iter().zip(held).for_each(|(at, holds)| verdicts[at] = holds);
        }
        let (at_sums, sums): (Vec<usize>, Vec<_>) = sums.into_iter().unzip();
        let held = bls::check(&sums);
        at_sums.into_iter().zip(held).for_each(|(at, holds)| verdicts[at] = holds);
        verdicts
    }

    fn hash_many(&self, messages: &[&[u8]]) -> Vec<Digest> {
        let device = || self.try_hash_many(messages);
        self.serve(messages.len() as u64, device, || self.cpu.hash_many(messages))
    }

    fn merkle_root(&self, items: &[&[u8]]) -> Digest {
        let device = || self.try_merkle_root(items);
        self.serve(items.len() as u64, device, || self.cpu.merkle_root(items))
    }

    fn search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Option<Seal> {
        let count = nonces.end.saturating_sub(nonces.start);
        let device = || self.try_search(puzzle, nonces.clone());
        self.serve(count, device, || self.cpu.search(puzzle, nonces.clone()))
    }

    fn expect_keys(&self, keys: &[PublicKey]) {
        self.cpu.expect_keys(keys);
        // A device that fails here tells so at the next call.
        let _ = self.try_expect_keys(keys);
    }

    fn usage(&self) -> Usage {
        let stats = self.stats();
        Usage {
            cpu_calls: stats.fallbacks,
            cpu_items: stats.fallback_items,
            gpu_calls: stats.calls,
            gpu_items: stats.items,
            gpu_ns: stats.wait_ns,
            taken_over: stats.fallback_items,
            rechecked: stats.rechecked,
            mismatches: stats.mismatches,
        }
    }
}

impl Device for Gpu {
    fn fault(&self) -> Option<String> {
        self.failure().map(|failure| failure.to_string())
    }
}
