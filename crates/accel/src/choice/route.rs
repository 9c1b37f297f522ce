//! Each call to the side that is expected to be done sooner.

use std::{
    collections::BTreeSet,
    ops::Range,
    slice,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use byzlab_core::{
    Accelerator, Claim, Costs, Digest, Profile, PublicKey, Puzzle, Seal, Signature, Signer, Usage,
    Work,
};

use super::{
    clock::Clock,
    judge::{Judge, Side},
};
use crate::scratch::{Reuse, Shelf, empty};

/// The most keys that are expected at once; further ones are like any others.
const EXPECTED_MAX: usize = 1 << 16;

/// The most claims of a kind for which there is room from call to call.
const KEPT_MAX: usize = 1 << 16;

/// As many signatures as are gathered, at most, for one call.
const GATHERED_MAX: u64 = 1 << 12;

/// An accelerator that may fail, and then must not be asked. What it rejects, it has computed again by a CPU.
pub trait Device: Accelerator {
    /// Why it is not to be used: it was wrong, or it is gone. `None` while it is well, and once it is again.
    fn fault(&self) -> Option<String>;
    /// As [`apart`](Accelerator::apart).
    fn device_apart(&self) -> Option<Arc<dyn Device>> {
        None
    }
}

/// Two accelerators, a CPU and a GPU, as one: every call goes to the one that is expected to be done
/// sooner, as far as what is known of each tells. Or every call to the GPU, where that is what is wanted.
///
/// **Memory.** Beside what the two allocate, a call makes the list of its verdicts, where claims of several kinds
/// have to be put together again; and a thread, where some go to either side.
#[derive(Debug)]
pub struct Routed {
    cpu: Arc<dyn Accelerator>,
    gpu: Arc<dyn Device>,
    known: Arc<Known>,
    /// What the two had done before.
    before: Usage,
}

/// What is known of the two, by all who [count apart](Accelerator::apart).
#[derive(Debug)]
struct Known {
    /// One a kind of work; none where all goes to the GPU.
    judges: Option<Mutex<Judges>>,
    /// Keys that were announced.
    expected: RwLock<BTreeSet<PublicKey>>,
    clock: Box<dyn Clock>,
    refits: AtomicU64,
    groups: Shelf<Groups>,
}

type Judges = [Judge; Work::ALL.len()];

/// The claims of a call, by how it is decided who proves them.
#[derive(Debug)]
struct Groups {
    known: Group,
    unknown: Group,
    /// What is no signature.
    others: Vec<usize>,
    /// Those of the others that are the CPU's on either side.
    chosen: Vec<Claim>,
}

/// Signatures of one kind among some claims.
#[derive(Debug)]
struct Group {
    work: Work,
    places: Vec<usize>,
    bytes: u64,
    side: Side,
    /// They themselves, where there are others too.
    chosen: Vec<Claim>,
}

impl Group {
    fn of(work: Work) -> Self {
        Self { work, places: Vec::new(), bytes: 0, side: Side::Cpu, chosen: Vec::new() }
    }
    fn empty(&mut self) {
        self.bytes = 0;
        empty(&mut self.places, KEPT_MAX);
        empty(&mut self.chosen, KEPT_MAX);
    }
}

impl Default for Groups {
    fn default() -> Self {
        let [known, unknown] = [Work::KnownKeys, Work::UnknownKeys].map(Group::of);
        Self { known, unknown, others: Vec::new(), chosen: Vec::new() }
    }
}

impl Reuse for Groups {
    fn empty(&mut self) {
        self.known.empty();
        self.unknown.empty();
        empty(&mut self.others, KEPT_MAX);
        empty(&mut self.chosen, KEPT_MAX);
    }
}

impl Routed {
    /// Routes between `cpu` and `gpu`, of which `profile` tells what each costs.
    ///
    /// # Panics
    /// If the profile has no GPU.
    pub fn new(
        cpu: Arc<dyn Accelerator>,
        gpu: Arc<dyn Device>,
        profile: &Profile,
        clock: Box<dyn Clock>,
    ) -> Self {
        let wide = profile.gpu.expect("a profile to route by has a GPU");
        let judges = Work::ALL.map(|work| Judge::new(*profile.cpu.of(work), *wide.of(work)));
        Self::with(cpu, gpu, Some(Mutex::new(judges)), clock)
    }
    /// Gives every call to `gpu`, however small; it has to answer even when it is not well.
    pub fn only(cpu: Arc<dyn Accelerator>, gpu: Arc<dyn Device>, clock: Box<dyn Clock>) -> Self {
        Self::with(cpu, gpu, None, clock)
    }
    fn with(
        cpu: Arc<dyn Accelerator>,
        gpu: Arc<dyn Device>,
        judges: Option<Mutex<Judges>>,
        clock: Box<dyn Clock>,
    ) -> Self {
        let before = both(&*cpu, &*gpu);
        let (expected, refits, groups) = Default::default();
        let known = Arc::new(Known { judges, expected, clock, refits, groups });
        Self { cpu, gpu, known, before }
    }
    /// What is expected of each side now, the CPU first; `None` where all goes to the GPU.
    pub fn costs(&self) -> Option<(Costs, Costs)> {
        let judges = self.judges()?;
        let (mut cpu, mut gpu) = (Costs::default(), Costs::default());
        for (work, judge) in Work::ALL.into_iter().zip(judges.iter()) {
            (*cpu.of_mut(work), *gpu.of_mut(work)) = judge.costs();
        }
        Some((cpu, gpu))
    }
    /// How often a cost was fitted again because calls took longer than expected, or less long.
    pub fn refits(&self) -> u64 {
        self.known.refits.load(Ordering::Relaxed)
    }
    fn judges(&self) -> Option<MutexGuard<'_, Judges>> {
        let judges = self.known.judges.as_ref()?;
        Some(judges.lock().unwrap_or_else(PoisonError::into_inner))
    }
    fn decide(&self, work: Work, items: u64, bytes: u64) -> Side {
        match self.judges() {
            None => Side::Gpu,
            Some(_) if items == 0 || self.gpu.fault().is_some() => Side::Cpu,
            Some(mut judges) => judges[work as usize].decide(items, bytes),
        }
    }
    /// Has one side do a call, and learns how long it took unless that says nothing.
    fn on<T>(
        &self,
        side: Side,
        (work, items, bytes): (Work, u64, u64),
        call: impl FnOnce(&dyn Accelerator) -> T,
        tells: impl FnOnce(&T) -> bool,
    ) -> T {
        let start = self.known.clock.now();
        let answer = match side {
            Side::Cpu => call(&*self.cpu),
            Side::Gpu => call(&*self.gpu),
        };
        let took = self.known.clock.now().saturating_sub(start).as_nanos() as u64;
        if items > 0
            && tells(&answer)
            && let Some(mut judges) = self.judges()
            && judges[work as usize].learn(side, items, bytes, took)
        {
            self.known.refits.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }
    /// Sorts claims, and decides who proves their signatures.
    fn sort(&self, claims: &[Claim], groups: &mut Groups) {
        let Groups { known, unknown, others, .. } = groups;
        let expected = self.known.expected.read().unwrap_or_else(PoisonError::into_inner);
        for (at, claim) in claims.iter().enumerate() {
            let Claim::Signed { by, statement, .. } = claim else {
                others.push(at);
                continue;
            };
            let group = if expected.contains(by) { &mut *known } else { &mut *unknown };
            group.places.push(at);
            group.bytes += statement.len() as u64;
        }
        drop(expected);
        for group in [known, unknown] {
            group.side = self.decide(group.work, group.places.len() as u64, group.bytes);
        }
    }
    /// The verdicts on one kind of signatures.
    fn prove(&self, group: &mut Group, claims: &[Claim]) -> Vec<bool> {
        let Group { work, places, bytes, side, chosen } = group;
        if places.is_empty() {
            return Vec::new();
        }
        let these = if places.len() == claims.len() {
            claims
        } else {
            chosen.extend(places.iter().map(|&at| claims[at].clone()));
            chosen
        };
        let size = (*work, places.len() as u64, *bytes);
        self.on(*side, size, |side| side.check(these), |_| true)
    }
    /// The verdicts on either kind, those on known keys first.
    fn prove_both(&self, groups: &mut Groups, claims: &[Claim]) -> (Vec<bool>, Vec<bool>) {
        let Groups { known, unknown, .. } = groups;
        if known.side == unknown.side || known.places.is_empty() || unknown.places.is_empty() {
            return (self.prove(known, claims), self.prove(unknown, claims));
        }
        // One on either side: both at once.
        thread::scope(|scope| {
            let other = scope.spawn(|| self.prove(known, claims));
            let of_unknown = self.prove(unknown, claims);
            let of_known = other.join().unwrap_or_else(|e| std::panic::resume_unwind(e));
            (of_known, of_unknown)
        })
    }
    /// Writes the verdicts on what is no signature.
    fn prove_others(&self, groups: &mut Groups, claims: &[Claim], verdicts: &mut [bool]) {
        let Groups { others, chosen, .. } = groups;
        others.retain(|&at| {
            let is_root = matches!(claims[at], Claim::Root(_));
            if is_root {
                verdicts[at] = self.root_holds(&claims[at]);
            }
            !is_root
        });
        if others.is_empty() {
            return;
        }
        // Aggregates, tosses and proofs of work are the CPU's on either side.
        chosen.extend(others.iter().map(|&at| claims[at].clone()));
        for (&at, holds) in others.iter().zip(self.cpu.check(chosen)) {
            verdicts[at] = holds;
        }
    }
}

impl Routed {
    /// Whether a batch has the root that it states. As a claim, so that a false one is computed twice.
    fn root_holds(&self, claim: &Claim) -> bool {
        let Claim::Root(batch) = claim else { return false };
        // Each transaction stands behind four bytes that are not hashed.
        let (items, bytes) = (batch.len() as u64, (batch.byte_len() - 4 * batch.len()) as u64);
        let (side, size) = (self.decide(Work::Merkle, items, bytes), (Work::Merkle, items, bytes));
        self.on(side, size, |side| side.check(slice::from_ref(claim)), |_| true) == [true]
    }
}

/// What the two have done.
fn both(cpu: &dyn Accelerator, gpu: &dyn Accelerator) -> Usage {
    let mut sum = cpu.usage();
    sum += gpu.usage();
    sum
}

impl Accelerator for Routed {
    fn name(&self) -> String {
        let gpu = self.gpu.name();
        match self.known.judges {
            Some(_) => format!("{gpu} or {}, whichever is sooner", self.cpu.name()),
            None => format!("{gpu}, beside it {}", self.cpu.name()),
        }
    }

    fn check(&self, claims: &[Claim]) -> Vec<bool> {
        if self.known.judges.is_none() {
            return self.gpu.check(claims);
        }
        let mut groups = self.known.groups.take();
        self.sort(claims, &mut groups);
        let (of_known, of_unknown) = self.prove_both(&mut groups, claims);
        let verdicts = if of_known.len() == claims.len() {
            of_known
        } else if of_unknown.len() == claims.len() {
            of_unknown
        } else {
            let mut verdicts = vec![false; claims.len()];
            for (group, held) in [(&groups.known, of_known), (&groups.unknown, of_unknown)] {
                group.places.iter().zip(held).for_each(|(&at, holds)| verdicts[at] = holds);
            }
            self.prove_others(&mut groups, claims, &mut verdicts);
            verdicts
        };
        self.known.groups.give(groups);
        verdicts
    }

    fn hash_many(&self, messages: &[&[u8]]) -> Vec<Digest> {
        let size = size(Work::Hashes, messages);
        let side = self.decide(size.0, size.1, size.2);
        self.on(side, size, |side| side.hash_many(messages), |_| true)
    }

    fn merkle_root(&self, items: &[&[u8]]) -> Digest {
        let size = size(Work::Merkle, items);
        let side = self.decide(size.0, size.1, size.2);
        self.on(side, size, |side| side.merkle_root(items), |_| true)
    }

    fn search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Option<Seal> {
        let range = nonces.end.saturating_sub(nonces.start);
        let side = self.decide(Work::Nonces, range.min(expected_tries(puzzle)), 0);
        let size = (Work::Nonces, range, 0);
        // A search that ends early says nothing about a whole one.
        self.on(side, size, |side| side.search(puzzle, nonces), Option::is_none)
    }

    fn sign_many(&self, items: &[(&Signer, &[u8])]) -> Vec<Signature> {
        let bytes = items.iter().map(|(_, statement)| statement.len() as u64).sum();
        let size = (Work::Signing, items.len() as u64, bytes);
        let side = self.decide(size.0, size.1, size.2);
        self.on(side, size, |side| side.sign_many(items), |_| true)
    }

    fn gathers_signing(&self) -> bool {
        match self.judges() {
            None => self.gpu.gathers_signing(),
            Some(judges) => judges[Work::Signing as usize].ever_to_gpu(GATHERED_MAX),
        }
    }

    fn may_wait(&self) -> bool {
        true
    }

    fn expect_signing(&self) {
        // By name: one call to warm it up would be so small that the CPU did it.
        self.gpu.expect_signing();
    }

    fn expect_keys(&self, keys: &[PublicKey]) {
        self.cpu.expect_keys(keys);
        self.gpu.expect_keys(keys);
        let mut expected = self.known.expected.write().unwrap_or_else(PoisonError::into_inner);
        let room = EXPECTED_MAX.saturating_sub(expected.len());
        expected.extend(keys.iter().take(room));
    }

    fn usage(&self) -> Usage {
        both(&*self.cpu, &*self.gpu).since(self.before)
    }

    fn apart(&self) -> Option<Arc<dyn Accelerator>> {
        let cpu = self.cpu.apart().unwrap_or_else(|| self.cpu.clone());
        let gpu = self.gpu.device_apart().unwrap_or_else(|| self.gpu.clone());
        let before = both(&*cpu, &*gpu);
        Some(Arc::new(Self { cpu, gpu, known: self.known.clone(), before }))
    }
}

fn size(work: Work, items: &[&[u8]]) -> (Work, u64, u64) {
    (work, items.len() as u64, items.iter().map(|item| item.len() as u64).sum())
}

/// How many nonces are tried in the mean until one solves `puzzle`.
fn expected_tries(puzzle: &Puzzle) -> u64 {
    let top = puzzle.target.0.first_chunk().copied().map_or(0, u64::from_be_bytes);
    u64::MAX / top.max(1)
}
