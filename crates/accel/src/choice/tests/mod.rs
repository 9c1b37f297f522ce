//! The choice, with sides whose costs are known and a clock that only they move.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use byzlab_core::{
    Accelerator, Claim, Cost, Costs, Digest, Profile, PublicKey, Puzzle, Reference, Seal, Task,
    Usage, Work,
};

use super::{Clock, Device, Routed};
use crate::meter::Meter;

mod fitting;
mod judging;
mod keeping;
mod picking;
mod routing;

/// A clock that stands until a side moves it.
#[derive(Clone, Debug, Default)]
pub struct Virtual(Arc<AtomicU64>);

impl Virtual {
    fn pass(&self, ns: u64) {
        self.0.fetch_add(ns, Ordering::Relaxed);
    }
}

impl Clock for Virtual {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// A side that answers as [`Reference`] does, or without looking, and takes the time that it is said to.
#[derive(Debug)]
pub struct Side {
    name: &'static str,
    costs: Costs,
    clock: Virtual,
    /// Whether answers are computed; else they are what a measurement wants to hear.
    computes: bool,
    calls: AtomicU64,
    done: Meter,
    /// Everything takes so many percent of what it costs.
    percent: AtomicU64,
    broken: AtomicBool,
    /// So many calls to come that hash long messages take a second longer.
    held_up: AtomicU64,
    /// Under which keys it was asked to prove, one kind or the other.
    known: std::sync::Mutex<Vec<PublicKey>>,
}

impl Side {
    pub fn new(name: &'static str, costs: Costs, clock: &Virtual, computes: bool) -> Arc<Self> {
        Arc::new(Self {
            name,
            costs,
            clock: clock.clone(),
            computes,
            calls: AtomicU64::new(0),
            done: Meter::default(),
            percent: AtomicU64::new(100),
            broken: AtomicBool::new(false),
            held_up: AtomicU64::new(0),
            known: std::sync::Mutex::default(),
        })
    }
    fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
    fn does(&self, work: Work, items: u64, bytes: u64) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let task = match work {
            Work::KnownKeys | Work::UnknownKeys => Task::Signatures,
            Work::Hashes => Task::Hashes,
            Work::Merkle => Task::Merkle,
            Work::Nonces => Task::Nonces,
            Work::Signing => Task::Signing,
        };
        self.done.add(task, items as usize);
        let ns = self.costs.of(work).time(items, bytes).0;
        self.clock.pass(ns * self.percent.load(Ordering::Relaxed) / 100);
        if work == Work::Hashes && bytes > 500 * items {
            let left = |left: u64| left.checked_sub(1);
            let held_up = self.held_up.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
            self.clock.pass(if held_up.is_ok() { 1_000_000_000 } else { 0 });
        }
    }
}

impl Accelerator for Side {
    fn name(&self) -> String {
        self.name.into()
    }
    fn check(&self, claims: &[Claim]) -> Vec<bool> {
        let known = self.known.lock().unwrap();
        let mut work = Work::UnknownKeys;
        let mut bytes = 0;
        for claim in claims {
            if let Claim::Signed { by, statement, .. } = claim {
                bytes += statement.len() as u64;
                if known.contains(by) {
                    work = Work::KnownKeys;
                }
            }
        }
        self.does(work, claims.len() as u64, bytes);
        if self.computes { Reference.check(claims) } else { vec![true; claims.len()] }
    }
    fn hash_many(&self, messages: &[&[u8]]) -> Vec<Digest> {
        let bytes = messages.iter().map(|m| m.len() as u64).sum();
        self.does(Work::Hashes, messages.len() as u64, bytes);
        if self.computes {
            Reference.hash_many(messages)
        } else {
            vec![Digest([1; 32]); messages.len()]
        }
    }
    fn merkle_root(&self, items: &[&[u8]]) -> Digest {
        let bytes = items.iter().map(|m| m.len() as u64).sum();
        self.does(Work::Merkle, items.len() as u64, bytes);
        if self.computes { Reference.merkle_root(items) } else { Digest([1; 32]) }
    }
    fn search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Option<Seal> {
        self.does(Work::Nonces, nonces.end - nonces.start, 0);
        if self.computes { Reference.search(puzzle, nonces) } else { None }
    }
    fn expect_keys(&self, keys: &[PublicKey]) {
        self.known.lock().unwrap().extend(keys);
    }
    fn usage(&self) -> Usage {
        let done = self.done.read();
        match self.name {
            "gpu" => Usage { has_gpu: true, gpu: done, ..Usage::default() },
            _ => Usage { cpu: done, ..Usage::default() },
        }
    }
}

impl Device for Side {
    fn fault(&self) -> Option<String> {
        self.broken.load(Ordering::Relaxed).then(|| "it was broken".into())
    }
}

/// The same cost for every kind of work.
pub fn all(cost: Cost) -> Costs {
    let mut costs = Costs::default();
    Work::ALL.into_iter().for_each(|work| *costs.of_mut(work) = cost);
    costs
}

/// A core that takes 10 µs an item, and something wide that wins from about 60 items on.
pub const NARROW: Cost = Cost { start_ns: 0, byte_ps: 0, floor_ns: 0, item_ps: 10_000_000 };
pub const WIDE: Cost = Cost { start_ns: 100_000, byte_ps: 0, floor_ns: 500_000, item_ps: 50_000 };

/// A narrow and a wide side, and the two as one.
pub fn pair(computes: bool) -> (Arc<Side>, Arc<Side>, Routed) {
    let clock = Virtual::default();
    let cpu = Side::new("cpu", all(NARROW), &clock, computes);
    let gpu = Side::new("gpu", all(WIDE), &clock, computes);
    let profile =
        Profile { about: "made up".into(), cpu: all(NARROW), gpu: Some(all(WIDE)), cores: None };
    let routed = Routed::new(cpu.clone(), gpu.clone(), &profile, Box::new(clock));
    (cpu, gpu, routed)
}
