//! Runs all cases of an experiment: simulations in parallel, real clusters one at a time.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use anyhow::{Result, anyhow};
use byzlab_accel::choice::{Devices, Picked};
use byzlab_core::Accelerator;

use crate::{
    experiment::Case,
    host::{self, Progress},
    record::Record,
    spec::{self, AcceleratorKind, Host},
};

/// Hears how runs get on, from several threads.
pub trait Observer: Sync {
    /// A run begins.
    fn begins(&self, case: &Case);
    /// A run has come so far.
    fn goes_on(&self, case: &Case, progress: Progress);
    /// A run is over.
    fn ends(&self, case: &Case);
    /// There is something to be told that is of no single run.
    fn says(&self, _line: &str) {}
}

/// Runs `cases`, `jobs` simulations at once, then real clusters alone. Gives each record to `take`, in
/// the order of `cases` whatever the order in which runs end; `take` may stop everything by an error.
///
/// # Errors
/// The first error of a run or of `take`.
pub fn run_all(
    cases: &[Case],
    jobs: usize,
    scratch: &Path,
    observer: &dyn Observer,
    take: &mut dyn FnMut(Record) -> Result<()>,
) -> Result<()> {
    let (devices, accelerators) = (host::devices(), Mutex::default());
    let lab = Lab { cases, scratch, observer, devices, accelerators };
    let mut in_order = InOrder { next: 0, early: BTreeMap::new(), take };
    simulate(&lab, jobs, &mut in_order)?;
    for index in lab.indices_of(Host::Quic) {
        in_order.give(index, lab.run(index, None)?)?;
    }
    Ok(())
}

/// Holds back records that come before their turn.
struct InOrder<'a> {
    next: usize,
    early: BTreeMap<usize, Record>,
    take: &'a mut dyn FnMut(Record) -> Result<()>,
}

impl InOrder<'_> {
    fn give(&mut self, index: usize, record: Record) -> Result<()> {
        self.early.insert(index, record);
        while let Some(record) = self.early.remove(&self.next) {
            (self.take)(record)?;
            self.next += 1;
        }
        Ok(())
    }
}

fn simulate(lab: &Lab<'_>, jobs: usize, in_order: &mut InOrder<'_>) -> Result<()> {
    let indices = lab.indices_of(Host::Sim);
    let jobs = jobs.clamp(1, indices.len().max(1));
    let cores = thread::available_parallelism().map_or(1, Into::into);
    let threads = (cores / jobs).max(1);
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (send, receive) = mpsc::sync_channel(jobs);
    thread::scope(|scope| {
        for _ in 0..jobs {
            let (send, indices, next, stop) = (send.clone(), &indices, &next, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let mine = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&index) = indices.get(mine) else { return };
                    if send.send((index, lab.run(index, Some(threads)))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        for (index, record) in receive {
            record.and_then(|record| in_order.give(index, record)).inspect_err(|_| {
                stop.store(true, Ordering::Relaxed);
            })?;
        }
        Ok(())
    })
}

/// What all runs share.
struct Lab<'a> {
    cases: &'a [Case],
    scratch: &'a Path,
    observer: &'a dyn Observer,
    devices: Devices,
    /// One for each kind and number of threads: they remember keys, and may hold threads.
    accelerators: Mutex<Vec<Made>>,
}

/// An accelerator, and what it was made from.
struct Made {
    kind: AcceleratorKind,
    threads: Option<usize>,
    accelerator: Arc<dyn Accelerator>,
}

impl Lab<'_> {
    fn indices_of(&self, host: Host) -> Vec<usize> {
        (0..self.cases.len()).filter(|&index| self.cases[index].host == host).collect()
    }
    fn run(&self, index: usize, threads: Option<usize>) -> Result<Record> {
        let case = &self.cases[index];
        let shared = self.accelerator(&case.spec.accelerator, threads)?;
        // Others may run meanwhile; each record tells of its own run.
        let accelerator = shared.apart().unwrap_or(shared);
        self.observer.begins(case);
        let scratch = self.scratch.join(format!("run-{}", case.run));
        let tell = &mut |progress| self.observer.goes_on(case, progress);
        let run = AssertUnwindSafe(|| host::run(case, accelerator, &scratch, tell));
        // A protocol under development may assert what does not hold; the other runs need not care.
        let record = catch_unwind(run).unwrap_or_else(|panic| {
            Err(anyhow!("{} panicked: {}", host::describe(case), said(&*panic)))
        });
        self.observer.ends(case);
        record
    }
    fn accelerator(
        &self,
        spec: &spec::Accelerator,
        threads: Option<usize>,
    ) -> Result<Arc<dyn Accelerator>> {
        let mut known = self.accelerators.lock().unwrap_or_else(PoisonError::into_inner);
        let (kind, threads) = (spec.kind, spec.threads.map(Into::into).or(threads));
        let same = |made: &&Made| made.kind == kind && made.threads == threads;
        if let Some(made) = known.iter().find(same) {
            return Ok(made.accelerator.clone());
        }
        let Picked { accelerator, said } = host::accelerator(spec, threads, &self.devices)?;
        // Once is enough, however many threads are asked for.
        if !known.iter().any(|made| made.kind == kind) {
            said.iter().for_each(|line| self.observer.says(line));
        }
        known.push(Made { kind, threads, accelerator: accelerator.clone() });
        Ok(accelerator)
    }
}

/// What `work` gives for each number below `count`, in order, `jobs` at once.
pub(crate) fn side_by_side<T: Send>(
    jobs: usize,
    count: usize,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            match next.fetch_add(1, Ordering::Relaxed) {
                mine if mine < count => done.push((mine, work(mine))),
                _ => return done,
            }
        }
    };
    let mut all: Vec<(usize, T)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.clamp(1, count.max(1))).map(|_| scope.spawn(take)).collect();
        let done = workers.into_iter().map(|worker| worker.join().expect("work does not panic"));
        done.flatten().collect()
    });
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, result)| result).collect()
}

/// What a panic says.
pub(crate) fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}
