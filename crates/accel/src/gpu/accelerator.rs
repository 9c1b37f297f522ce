//! The accelerator on a GPU.

use std::{
    ops::Range,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use byzlab_core::{
    Accelerator, Batch, Claim, Digest, PublicKey, Puzzle, Seal, Signature, Signer, Task, Usage,
};

use super::{
    adapter::{Adapter, Kind, Select, select},
    ed25519::{Limbs, STATEMENT_MAX},
    engine::{Fault, Options},
    error::Error,
    opened::{LEAF, Opened},
    reopen::{Current, Keeper},
    sha256::is_long,
    stats::{Asked, Stats},
};
use crate::{
    choice::Device,
    claims::Sorted,
    cpu::{Cpu, tried},
    ed25519::Item,
    scratch::Shelf,
};

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
    shared: Arc<Shared>,
    cpu: Arc<Cpu>,
    /// Through this handle.
    asked: Asked,
}

/// The device, for all who [count apart](Accelerator::apart).
#[derive(Debug)]
struct Shared {
    current: Arc<Current>,
    keeper: Keeper,
    sorted: Shelf<Sorted<'static>>,
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
        let current = Arc::new(Current::new(opened));
        let (keeper, sorted, asked) = Default::default();
        Ok(Self { shared: Arc::new(Shared { current, keeper, sorted }), cpu, asked })
    }
    fn opened(&self) -> Arc<Opened> {
        self.shared.current.get()
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
    /// What the device has done so far, for all.
    pub fn stats(&self) -> Stats {
        self.opened().engine.stats()
    }
    /// Why the CPU answers everything now; `None` while the device does. If the device is lost, it is opened
    /// again after a pause.
    pub fn failure(&self) -> Option<Error> {
        let opened = self.opened();
        if opened.is_lost() {
            self.shared.keeper.see_to(&self.shared.current);
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

    /// The device's answer to a call; `None` where the CPU is to give it.
    fn ask<T>(&self, call: impl FnOnce(&Opened) -> Result<T, Error>) -> Option<T> {
        let opened = self.opened();
        let start = Instant::now();
        match call(&opened) {
            Ok(answer) => {
                let waited = start.elapsed().as_nanos() as u64;
                self.count(|asked| {
                    asked.wait_ns.fetch_add(waited, Relaxed);
                });
                Some(answer)
            }
            Err(error) => {
                // Once is worth a line; a device that is gone would write one a call.
                if !opened.told.swap(true, Relaxed) {
                    let adapter = opened.engine.adapter();
                    tracing::warn!(%adapter, "{error}; the CPU takes over");
                }
                if opened.is_lost() {
                    self.shared.keeper.see_to(&self.shared.current);
                }
                None
            }
        }
    }
    /// Books a call of `items` items, of which `apart` are the CPU's in any case.
    fn book(&self, task: Task, items: usize, apart: usize, by_device: bool) {
        self.count(|asked| {
            if by_device {
                asked.done.add(task, items - apart);
                asked.beside.add(task, apart);
            } else {
                asked.taken_over.add(task, items - apart);
                asked.beside.add(task, items);
            }
        });
    }
    /// Counts for all, and for this handle.
    fn count(&self, add: impl Fn(&Asked)) {
        add(&self.opened().engine.counters.asked);
        add(&self.asked);
    }
    /// The same device, counted apart.
    fn handle(&self) -> Arc<Self> {
        let (shared, cpu) = (self.shared.clone(), self.cpu.clone());
        Arc::new(Self { shared, cpu, asked: Asked::default() })
    }
    /// Whether a batch has the root that it states. What the device rejects, the CPU decides, and both must
    /// agree.
    fn root_holds<'a>(&self, sorted: &mut Sorted<'a>, batch: &'a Batch) -> bool {
        sorted.root_holds(batch, |leaves| self.merkle_root(leaves)) || {
            let holds = sorted.root_holds(batch, |leaves| self.cpu.merkle_root(leaves));
            let _ = self.opened().recheck(!holds, "a Merkle root");
            holds
        }
    }
    /// `held[i]` becomes whether `items[i]` holds.
    fn signatures(&self, items: &[Item], held: &mut [bool]) {
        let long = items.iter().filter(|item| item.statement.len() > STATEMENT_MAX).count();
        let by_device = self.ask(|opened| opened.try_signatures(items, held)).is_some();
        if !by_device {
            self.cpu.signatures(items, |i, holds| held[i] = holds);
        }
        self.book(Task::Signatures, items.len(), long, by_device);
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
        let mut sorted = self.shared.sorted.take().recycled();
        let (mut seals, mut tosses) = (0, 0);
        for (at, claim) in claims.iter().enumerate() {
            match claim {
                Claim::Signed { by, statement, signature } => {
                    sorted.places.push(at);
                    sorted.items.push(Item { by: *by, statement, signature: *signature });
                }
                Claim::Root(batch) => verdicts[at] = self.root_holds(&mut sorted, batch),
                Claim::Work(seal) => {
                    seals += 1;
                    verdicts[at] = seal.holds();
                }
                Claim::Aggregate(aggregate) => sorted.sums.push((at, aggregate)),
                Claim::Tossed(tossed) => {
                    tosses += 1;
                    verdicts[at] = tossed.holds();
                }
            }
        }
        let Sorted { items, places, held, sums, .. } = &mut sorted;
        if !items.is_empty() {
            held.resize(items.len(), false);
            self.signatures(items, held);
            places.iter().zip(held).for_each(|(&at, holds)| verdicts[at] = *holds);
        }
        self.cpu.sums(sums).into_iter().for_each(|(at, holds)| verdicts[at] = holds);
        self.count(|asked| {
            asked.beside.add(Task::Aggregates, sums.len());
            asked.beside.add(Task::Seals, seals);
            asked.beside.add(Task::Tosses, tosses);
        });
        self.shared.sorted.give(sorted.recycled());
        verdicts
    }

    fn hash_many(&self, messages: &[&[u8]]) -> Vec<Digest> {
        let long = messages.iter().filter(|message| is_long(&[], message)).count();
        let answer = self.ask(|opened| opened.try_hash_many(messages));
        self.book(Task::Hashes, messages.len(), long, answer.is_some());
        answer.unwrap_or_else(|| self.cpu.digests(messages))
    }

    fn merkle_root(&self, items: &[&[u8]]) -> Digest {
        let long = items.iter().filter(|item| is_long(LEAF, item)).count();
        let answer = self.ask(|opened| opened.try_merkle_root(items));
        self.book(Task::Merkle, items.len(), long, answer.is_some());
        answer.unwrap_or_else(|| self.cpu.root(items))
    }

    fn search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Option<Seal> {
        let answer = self.ask(|opened| opened.try_search(puzzle, nonces.clone()));
        let by_device = answer.is_some();
        let found = answer.unwrap_or_else(|| self.cpu.solution(puzzle, nonces.clone()));
        self.book(Task::Nonces, tried(&nonces, found.as_ref()), 0, by_device);
        found
    }

    fn sign_many(&self, items: &[(&Signer, &[u8])]) -> Vec<Signature> {
        if items.iter().any(|(signer, _)| signer.expanded().is_none()) {
            self.book(Task::Signing, items.len(), items.len(), false);
            return self.cpu.signed(items);
        }
        let answer = self.ask(|opened| opened.try_sign_many(items));
        self.book(Task::Signing, items.len(), 0, answer.is_some());
        answer.unwrap_or_else(|| self.cpu.signed(items))
    }

    fn gathers_signing(&self) -> bool {
        true
    }

    fn may_wait(&self) -> bool {
        true
    }

    fn expect_signing(&self) {
        // A device that fails here tells so at the next call.
        let _ = self.opened().try_expect_signing();
    }

    fn expect_keys(&self, keys: &[PublicKey]) {
        self.cpu.expect_keys(keys);
        // A device that fails here tells so at the next call.
        let _ = self.opened().try_expect_keys(keys);
    }

    fn usage(&self) -> Usage {
        self.opened().engine.counters.usage(&self.asked)
    }

    fn apart(&self) -> Option<Arc<dyn Accelerator>> {
        Some(self.handle())
    }
}

impl Device for Gpu {
    fn fault(&self) -> Option<String> {
        self.failure().map(|failure| failure.to_string())
    }

    fn device_apart(&self) -> Option<Arc<dyn Device>> {
        Some(self.handle())
    }
}
