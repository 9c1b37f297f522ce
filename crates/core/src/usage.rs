//! What an accelerator has done: by kind of work, and by who really did it.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// A kind of work as it is counted. Items of two kinds cannot be compared, so each has a count of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// Ed25519 signatures checked.
    Signatures,
    /// Aggregates of BLS signatures checked, each one item however many signed.
    Aggregates,
    /// Proofs of work checked.
    Seals,
    /// Messages hashed.
    Hashes,
    /// Merkle trees: an item is a leaf.
    Merkle,
    /// Nonces tried; a search that finds one has tried those up to it.
    Nonces,
    /// Signatures made.
    Signing,
    /// Tosses of a common coin checked.
    Tosses,
}

impl Task {
    /// All kinds, in the order of a [`Tally`].
    pub const ALL: [Self; 8] = [
        Self::Signatures,
        Self::Aggregates,
        Self::Seals,
        Self::Hashes,
        Self::Merkle,
        Self::Nonces,
        Self::Signing,
        Self::Tosses,
    ];

    /// Its name in records and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signatures => "signatures",
            Self::Aggregates => "aggregates",
            Self::Seals => "seals",
            Self::Hashes => "hashes",
            Self::Merkle => "merkle",
            Self::Nonces => "nonces",
            Self::Signing => "signing",
            Self::Tosses => "tosses",
        }
    }
}

/// Calls, and the items in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Calls.
    pub calls: u64,
    /// Items.
    pub items: u64,
}

impl AddAssign for Done {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.items += other.items;
    }
}

/// What was done of each kind of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tally([Done; Task::ALL.len()]);

impl Tally {
    /// What was done of one kind.
    pub const fn of(&self, task: Task) -> Done {
        self.0[task as usize]
    }
    /// The same, to be changed.
    pub const fn of_mut(&mut self, task: Task) -> &mut Done {
        &mut self.0[task as usize]
    }
    /// All kinds together: of use for calls, and for items where they are of one kind.
    pub fn all(&self) -> Done {
        let mut sum = Done::default();
        self.0.iter().for_each(|done| sum += *done);
        sum
    }
    fn since(self, earlier: Self) -> Self {
        let mut more = self;
        for (now, then) in more.0.iter_mut().zip(earlier.0) {
            now.calls = now.calls.saturating_sub(then.calls);
            now.items = now.items.saturating_sub(then.items);
        }
        more
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }
}

/// What an accelerator has done since it was made: answers that were given, not those that only checked
/// others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Whether there is a GPU, or a software adapter in its place.
    pub has_gpu: bool,
    /// What the CPU did, also in the GPU's place.
    pub cpu: Tally,
    /// What the GPU did.
    pub gpu: Tally,
    /// What the GPU was to do and the CPU did: it was too late, lost, or refused.
    pub taken_over: Tally,
    /// The time callers waited for the GPU's answers, in nanoseconds.
    pub gpu_ns: u64,
    /// Answers of the GPU that the CPU computed again to compare.
    pub rechecked: u64,
    /// Answers of the GPU that were not the CPU's. One is too many: the GPU is not used any more.
    pub mismatches: u64,
    /// Times that the GPU was lost.
    pub lost: u64,
    /// Times that it was opened again, and right.
    pub reopened: u64,
}

impl Usage {
    fn tallies(&mut self) -> [&mut Tally; 3] {
        [&mut self.cpu, &mut self.gpu, &mut self.taken_over]
    }
    fn counts(&mut self) -> [&mut u64; 5] {
        let Self { gpu_ns, rechecked, mismatches, lost, reopened, .. } = self;
        [gpu_ns, rechecked, mismatches, lost, reopened]
    }
    /// What was done since it was `earlier`.
    #[must_use]
    pub fn since(mut self, mut earlier: Self) -> Self {
        let tallies = self.tallies().into_iter().zip(earlier.tallies());
        tallies.for_each(|(now, then)| *now = now.since(*then));
        let counts = self.counts().into_iter().zip(earlier.counts());
        counts.for_each(|(now, then)| *now = now.saturating_sub(*then));
        self
    }
    /// The GPU's share of the items of one kind, from 0 to 1; `None` where nothing was done.
    pub fn gpu_share(&self, task: Task) -> Option<f64> {
        share(self.gpu.of(task).items, self.cpu.of(task).items)
    }
    /// The GPU's share of all items but nonces, of which one search has more than all else together.
    pub fn gpu_share_of_items(&self) -> Option<f64> {
        let but_nonces = |tally: &Tally| tally.all().items - tally.of(Task::Nonces).items;
        share(but_nonces(&self.gpu), but_nonces(&self.cpu))
    }
    /// The GPU's share of the calls.
    pub fn gpu_share_of_calls(&self) -> Option<f64> {
        share(self.gpu.all().calls, self.cpu.all().calls)
    }
    /// What is to be said of a run in which an answer was wrong.
    pub fn violation(&self) -> Option<String> {
        let Self { mismatches, rechecked, .. } = self;
        (*mismatches > 0).then(|| {
            format!(
                "{mismatches} of {rechecked} answers of the GPU that were computed again were not the CPU's; \
                 it is not used any more"
            )
        })
    }
    /// What a record tells of a run on an accelerator with a GPU, by name; nothing without one.
    pub fn figures(&self) -> Vec<(String, f64)> {
        if !self.has_gpu {
            return Vec::new();
        }
        let mut figures = Vec::new();
        let mut tell = |name: &str, value: f64| figures.push((name.to_owned(), value));
        self.gpu_share_of_calls().into_iter().for_each(|share| tell("gpu_share_of_calls", share));
        self.gpu_share_of_items().into_iter().for_each(|share| tell("gpu_share_of_items", share));
        for task in Task::ALL {
            let share = self.gpu_share(task);
            share.into_iter().for_each(|s| tell(&format!("gpu_share_of_{}", task.name()), s));
        }
        let calls = self.gpu.all().calls;
        tell("gpu_call_mean_us", self.gpu_ns as f64 / calls.max(1) as f64 / 1e3);
        tell("gpu_items_taken_over", self.taken_over.all().items as f64);
        tell("gpu_answers_rechecked", self.rechecked as f64);
        tell("gpu_mismatches", self.mismatches as f64);
        figures
    }
}

fn share(of: u64, other: u64) -> Option<f64> {
    (of + other > 0).then(|| of as f64 / (of + other) as f64)
}

impl AddAssign for Usage {
    fn add_assign(&mut self, mut other: Self) {
        self.has_gpu = self.has_gpu || other.has_gpu;
        let tallies = self.tallies().into_iter().zip(other.tallies());
        tallies.for_each(|(sum, more)| *sum += *more);
        let counts = self.counts().into_iter().zip(other.counts());
        counts.for_each(|(sum, more)| *sum += *more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(task: Task, calls: u64, items: u64) -> Tally {
        let mut tally = Tally::default();
        *tally.of_mut(task) = Done { calls, items };
        tally
    }

    #[test]
    fn usage_adds_up_and_comes_apart_again() {
        let (signatures, nonces) = (Task::Signatures, Task::Nonces);
        let early = Usage { gpu: tally(signatures, 1, 5), mismatches: 1, ..Usage::default() };
        let more = Usage {
            gpu: tally(signatures, 2, 3),
            cpu: tally(nonces, 1, 1 << 20),
            gpu_ns: 9,
            ..Usage::default()
        };
        let mut both = early;
        both += more;
        assert_eq!(both.gpu.of(signatures), Done { calls: 3, items: 8 });
        assert_eq!((both.cpu.all().items, both.gpu_ns, both.mismatches), (1 << 20, 9, 1));
        assert_eq!(both.since(early), more);
    }

    /// A search for a nonce does not drown what signatures did.
    #[test]
    fn shares_are_of_one_kind() {
        let mut usage =
            Usage { has_gpu: true, gpu: tally(Task::Signatures, 1, 3), ..Usage::default() };
        usage.cpu += tally(Task::Signatures, 1, 1);
        usage.cpu += tally(Task::Nonces, 2, 1 << 30);
        assert_eq!(usage.gpu_share(Task::Signatures), Some(0.75));
        assert_eq!(usage.gpu_share(Task::Nonces), Some(0.0));
        assert_eq!(usage.gpu_share(Task::Signing), None);
        assert_eq!(
            (usage.gpu_share_of_items(), usage.gpu_share_of_calls()),
            (Some(0.75), Some(0.25))
        );
        let figures = usage.figures();
        let told = |name: &str| figures.iter().find(|(known, _)| known == name).map(|f| f.1);
        assert_eq!(
            (told("gpu_share_of_signatures"), told("gpu_mismatches")),
            (Some(0.75), Some(0.0))
        );
        assert_eq!(told("gpu_share_of_signing"), None);
        assert!(Usage { has_gpu: false, ..usage }.figures().is_empty());
    }
}
