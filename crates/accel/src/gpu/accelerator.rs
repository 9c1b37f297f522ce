//! The accelerator on a GPU.

use std::{
    ops::Range,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use byzlab_core::{
    Accelerator, Claim, Digest, PublicKey, Puzzle, Seal, Signature, Signer, Usage, crypto::bls,
};

use super::{
    adapter::{Adapter, Kind, Select, select},
    ed25519::Limbs,
    engine::{Fault, Options},
    error::Error,
    opened::Opened,
    reopen::{Current, Keeper},
    stats::Stats,
};
use crate::{choice::Device, cpu::Cpu, ed25519::Item};

/// Hashes, proves and searches on a GPU, or on a software adapter that stands in for one.
///
/// **One answer.** An adapter that fails the self-test is refused. Afterwards a share of the answers,
/// and every rejection, is computed on the CPU as well; the first difference ends the use of the adapter
/// ([`failure`](Self::failure) says so, and an error is logged). Then, and whenever the device gives no
/// answer in time, the [`Cpu`] answers, so a caller sees no difference but in speed and in
/// [`stats`](Self::stats).
///
/// **Lost and found.** A device that is lost is opened again after a pause, which doubles from try to try,
/// and used once it has passed the self-test. One that was wrong never is.
///
/// **What runs where.** Hashes, whole trees, nonces and signatures run on the device, whatever their
/// number: where it pays is for the caller to know. Messages over `MESSAGE_MAX` bytes are hashed by the
/// CPU, as one invocation would be slow at it, and so is the header of each [`Claim::Work`], which costs
/// the bus more than the CPU.
#[derive(Debug)]
pub struct Gpu {
    current: Arc<Current>,
    keeper: Keeper,
    cpu: Arc<Cpu>,
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
        let opened = Opened::on(adapter, options, cpu.clone())?;
        Ok(Self { current: Arc::new(Current::new(opened)), keeper: Keeper::default(), cpu })
    }
    fn opened(&self) -> Arc<Opened> {
        self.current.get()
    }
    /// What it runs on.
    pub fn info(&self) -> Info {
        let opened = self.opened();
        let engine = &opened.engine;
        let Adapter { name, backend, driver, kind, .. } = engine.adapter().clone();
        let (int64, limbs) = (engine.has_int64(), opened.limbs());
        let (clock, bytes_max) = (engine.has_clock(), engine.bytes_max());
        Info { name, backend, driver, kind, int64, limbs, clock, bytes_max }
    }
    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        self.opened().engine.stats()
    }
    /// Why the CPU answers everything now; `None` while the device does. If the device is lost, it is opened
    /// again after a pause.
    pub fn failure(&self) -> Option<Error> {
        let opened = self.opened();
        if opened.is_lost() {
            self.keeper.see_to(&self.current);
        }
        opened.failure()
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
        self.opened().try_hash_many(messages)
    }
    /// The Merkle root over `items`, by the device or not at all.
    ///
    /// # Errors
    /// When it gives no answer, or a wrong one.
    pub fn try_merkle_root(&self, items: &[&[u8]]) -> Result<Digest, Error> {
        self.opened().try_merkle_root(items)
    }
    /// The lowest nonce in `nonces` that solves `puzzle`, by the device or not at all.
    ///
    /// # Errors
    /// When it gives no answer, or a wrong one.
    pub fn try_search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Result<Option<Seal>, Error> {
        self.opened().try_search(puzzle, nonces)
    }

    /// Answers a call about `items` items: the device, or else the CPU.
    fn serve<T>(
        &self,
        items: u64,
        device: impl FnOnce(&Opened) -> Result<T, Error>,
        cpu: impl FnOnce() -> T,
    ) -> T {
        let opened = self.opened();
        let counters = &opened.engine.counters;
        let start = Instant::now();
        match device(&opened) {
            Ok(answer) => {
                counters.calls.fetch_add(1, Relaxed);
                counters.wait_ns.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
                answer
            }
            Err(error) => {
                counters.fallback_items.fetch_add(items, Relaxed);
                counters.fallbacks.fetch_add(1, Relaxed);
                // Once is worth a line; a device that is gone would write one a call.
                if !opened.told.swap(true, Relaxed) {
                    let adapter = opened.engine.adapter();
                    tracing::warn!(%adapter, "{error}; the CPU takes over");
                }
                if opened.is_lost() {
                    self.keeper.see_to(&self.current);
                }
                cpu()
            }
        }
    }
    /// Makes a fault, for tests of what comes after.
    #[doc(hidden)]
    pub fn inject(&self, fault: Fault) {
        self.opened().engine.inject(fault);
    }
}

impl Accelerator for Gpu {
    fn name(&self) -> String {
        self.opened().engine.adapter().to_string()
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
                        let _ = self.opened().recheck(!holds, "a Merkle root");
                        holds
                    };
                }
                Claim::Work(seal) => verdicts[at] = seal.holds(),
                Claim::Aggregate(aggregate) => sums.push((at, aggregate)),
            }
        }
        if !items.is_empty() {
            let device = |opened: &Opened| opened.try_signatures(&items);
            let held = self.serve(items.len() as u64, device, || self.cpu.signatures(&items));
            at_signed.into_iter().zip(held).for_each(|(at, holds)| verdicts[at] = holds);
        }
        let (at_sums, sums): (Vec<usize>, Vec<_>) = sums.into_iter().unzip();
        let held = bls::check(&sums);
        at_sums.into_iter().zip(held).for_each(|(at, holds)| verdicts[at] = holds);
        verdicts
    }

    fn hash_many(&self, messages: &[&[u8]]) -> Vec<Digest> {
        let device = |opened: &Opened| opened.try_hash_many(messages);
        self.serve(messages.len() as u64, device, || self.cpu.hash_many(messages))
    }

    fn merkle_root(&self, items: &[&[u8]]) -> Digest {
        let device = |opened: &Opened| opened.try_merkle_root(items);
        self.serve(items.len() as u64, device, || self.cpu.merkle_root(items))
    }

    fn search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Option<Seal> {
        let count = nonces.end.saturating_sub(nonces.start);
        let device = |opened: &Opened| opened.try_search(puzzle, nonces.clone());
        self.serve(count, device, || self.cpu.search(puzzle, nonces.clone()))
    }

    fn sign_many(&self, items: &[(&Signer, &[u8])]) -> Vec<Signature> {
        if items.iter().any(|(signer, _)| signer.expanded().is_none()) {
            return self.cpu.sign_many(items);
        }
        let device = |opened: &Opened| opened.try_sign_many(items);
        self.serve(items.len() as u64, device, || self.cpu.sign_many(items))
    }

    fn gathers_signing(&self) -> bool {
        true
    }

    fn may_wait(&self) -> bool {
        true
    }

    fn expect_keys(&self, keys: &[PublicKey]) {
        self.cpu.expect_keys(keys);
        // A device that fails here tells so at the next call.
        let _ = self.opened().try_expect_keys(keys);
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
            lost: stats.lost,
            reopened: stats.reopened,
        }
    }
}

impl Device for Gpu {
    fn fault(&self) -> Option<String> {
        self.failure().map(|failure| failure.to_string())
    }
}
