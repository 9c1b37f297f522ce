//! Counts what is done, from any thread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use byzlab_core::{
    Task,
    usage::{Done, Tally},
};

/// Calls and items of each kind of work.
#[derive(Debug, Default)]
pub struct Meter([[AtomicU64; 2]; Task::ALL.len()]);

impl Meter {
    /// A call was answered; one about nothing is none.
    pub fn add(&self, task: Task, items: usize) {
        if items > 0 {
            let [calls, all] = &self.0[task as usize];
            calls.fetch_add(1, Relaxed);
            all.fetch_add(items as u64, Relaxed);
        }
    }
    /// What was counted so far.
    pub fn read(&self) -> Tally {
        let mut tally = Tally::default();
        for (task, [calls, items]) in Task::ALL.into_iter().zip(&self.0) {
            *tally.of_mut(task) = Done { calls: calls.load(Relaxed), items: items.load(Relaxed) };
        }
        tally
    }
}
