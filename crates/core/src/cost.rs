//! What work costs: the shape in which accelerators are measured, and which simulations charge.
//!
//! The time for n items of together b bytes is
//!
//! > T(n, b) = start + b·byte + max(floor, n·item)
//!
//! A call has a fixed price, its bytes must be moved, and below the width of the machine more items
//! take no longer than one. All figures are integers, so a simulation may decide by them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// A kind of work that is measured, and given to whoever does it sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Signatures under keys that are expected: a committee's. An item is a signature, its bytes are
    /// those of the statement.
    KnownKeys,
    /// Signatures under any other keys.
    UnknownKeys,
    /// Messages hashed.
    Hashes,
    /// A Merkle tree: an item is a leaf, its bytes are those hashed into it.
    Merkle,
    /// Nonces tried; they have no bytes.
    Nonces,
    /// Signatures made: of a load of transactions. Its bytes are those of the statements.
    Signing,
}

impl Work {
    /// All kinds, in the order of tables.
    pub const ALL: [Self; 6] = [
        Self::KnownKeys,
        Self::UnknownKeys,
        Self::Hashes,
        Self::Merkle,
        Self::Nonces,
        Self::Signing,
    ];

    /// Its name in files, records and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KnownKeys => "known_keys",
            Self::UnknownKeys => "unknown_keys",
            Self::Hashes => "hashes",
            Self::Merkle => "merkle",
            Self::Nonces => "nonces",
            Self::Signing => "signing",
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one kind of work costs somewhere: see the [module](self) for the formula.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cost {
    /// The fixed price of a call, in nanoseconds.
    pub start_ns: u64,
    /// A byte, in picoseconds.
    pub byte_ps: u64,
    /// The least time for the items of a call, however few, in nanoseconds.
    pub floor_ns: u64,
    /// An item where there are many, in picoseconds.
    pub item_ps: u64,
}

impl Cost {
    /// The time for one call with `items` items of together `bytes` bytes; nothing for no items.
    pub fn time(&self, items: u64, bytes: u64) -> Span {
        if items == 0 {
            return Span::ZERO;
        }
        let ps = |count: u64, each: u64| u128::from(count) * u128::from(each);
        let moved = ps(bytes, self.byte_ps);
        let done = ps(items, self.item_ps).max(ps(self.floor_ns, 1000));
        let all = ps(self.start_ns, 1000) + moved + done;
        Span(u64::try_from(all / 1000).unwrap_or(u64::MAX))
    }
    /// Items a second where there are many, their bytes left out; `None` if an item costs nothing.
    pub fn rate(&self) -> Option<u64> {
        1_000_000_000_000u64.checked_div(self.item_ps)
    }
}

/// What every kind of work costs on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// See [`Work::KnownKeys`].
    pub known_keys: Cost,
    /// See [`Work::UnknownKeys`].
    pub unknown_keys: Cost,
    /// See [`Work::Hashes`].
    pub hashes: Cost,
    /// See [`Work::Merkle`].
    pub merkle: Cost,
    /// See [`Work::Nonces`].
    pub nonces: Cost,
    /// See [`Work::Signing`]. No simulation charges it, so a file may be without.
    #[serde(default)]
    pub signing: Cost,
}

impl Costs {
    /// The cost of one kind.
    pub const fn of(&self, work: Work) -> &Cost {
        match work {
            Work::KnownKeys => &self.known_keys,
            Work::UnknownKeys => &self.unknown_keys,
            Work::Hashes => &self.hashes,
            Work::Merkle => &self.merkle,
            Work::Nonces => &self.nonces,
            Work::Signing => &self.signing,
        }
    }
    /// The cost of one kind, to be changed.
    pub const fn of_mut(&mut self, work: Work) -> &mut Cost {
        match work {
            Work::KnownKeys => &mut self.known_keys,
            Work::UnknownKeys => &mut self.unknown_keys,
            Work::Hashes => &mut self.hashes,
            Work::Merkle => &mut self.merkle,
            Work::Nonces => &mut self.nonces,
            Work::Signing => &mut self.signing,
        }
    }
}

/// What a machine's work costs: on its CPU, and on its GPU if it has one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What computes, and whether this was measured or estimated.
    pub about: String,
    /// The CPU's costs.
    pub cpu: Costs,
    /// The GPU's costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Costs>,
    /// The cores that share a call, where `cpu` tells what it costs on one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<Cores>,
}

/// Cores that share a call where that is sooner: what is small stays on the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cores {
    /// How many.
    pub count: u64,
    /// What it costs to wake the others, in nanoseconds.
    pub wake_ns: u64,
}

impl Cores {
    /// A call on all of them, of which `one` does it in `alone` by itself.
    fn time(&self, one: &Cost, items: u64, bytes: u64, alone: Span) -> Span {
        let (count, start_ns) = (self.count.max(1), one.start_ns + self.wake_ns);
        // One of them has the largest part, which has the start and the floor of one.
        let shared = Cost { start_ns, ..*one }.time(items.div_ceil(count), bytes.div_ceil(count));
        shared.min(alone)
    }
}

impl Profile {
    /// The time for one call on the CPU.
    pub fn cpu_time(&self, work: Work, items: u64, bytes: u64) -> Span {
        let one = self.cpu.of(work);
        let alone = one.time(items, bytes);
        self.cores.map_or(alone, |cores| cores.time(one, items, bytes, alone))
    }
    /// The time for one call on the side that does it sooner, and whether that is the GPU.
    pub fn time(&self, work: Work, items: u64, bytes: u64) -> (Span, bool) {
        let cpu = self.cpu_time(work, items, bytes);
        match self.gpu.map(|gpu| gpu.of(work).time(items, bytes)) {
            Some(gpu) if gpu < cpu => (gpu, true),
            _ => (cpu, false),
        }
    }
    /// From how many items of `bytes` bytes each the GPU takes at most `percent` of the CPU's time, up to
    /// `most`; `None` if from none on.
    pub fn crossover(&self, work: Work, bytes: u64, percent: u64, most: u64) -> Option<u64> {
        let gpu = self.gpu?;
        let wins = |n: u64| {
            let all = n.saturating_mul(bytes);
            let (gpu, cpu) = (gpu.of(work).time(n, all).0, self.cpu_time(work, n, all).0);
            100 * u128::from(gpu) <= u128::from(percent) * u128::from(cpu)
        };
        // Where T is a start and a slope on both sides, whoever wins at last wins from one size on; a
        // floor on the CPU's side may hide a smaller win, which is found by looking at all powers of two.
        let mut low = 0;
        let mut high = 1;
        while !wins(high) {
            low = high;
            if high >= most {
                return None;
            }
            high = (2 * high).min(most);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if wins(middle) { high = middle } else { low = middle }
        }
        Some(high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Cost = Cost { start_ns: 50_000, byte_ps: 20, floor_ns: 900_000, item_ps: 50_000 };
    const NARROW: Cost = Cost { start_ns: 0, byte_ps: 0, floor_ns: 0, item_ps: 2_700_000 };

    #[test]
    fn the_formula_by_hand() {
        assert_eq!(WIDE.time(1, 100), Span(50_000 + 2 + 900_000));
        assert_eq!(WIDE.time(18_000, 0), Span(50_000 + 900_000), "the floor's last item");
        assert_eq!(WIDE.time(100_000, 1_000_000), Span(50_000 + 20_000 + 5_000_000));
        assert_eq!(WIDE.time(0, 0), Span::ZERO);
        assert_eq!(WIDE.time(u64::MAX, u64::MAX), Span(u64::MAX), "it saturates");
        assert_eq!(WIDE.rate(), Some(20_000_000));
        assert_eq!(Cost::default().rate(), None);
    }

    /// Little stays on one core, and more cores are never later than fewer.
    #[test]
    fn cores_share_what_is_worth_it() {
        let hashes = Cost { start_ns: 100, byte_ps: 1_000, floor_ns: 0, item_ps: 9_000 };
        let cpu = Costs { hashes, ..Costs::default() };
        let of = |count| Profile {
            cpu,
            cores: Some(Cores { count, wake_ns: 50_000 }),
            ..Profile::default()
        };
        let time = |count, items| of(count).cpu_time(Work::Hashes, items, items).0;
        assert_eq!([1, 16].map(|count| time(count, 1)), [110, 110]);
        assert_eq!(
            [1, 16].map(|count| time(count, 5_000)),
            [50_100, 50_100],
            "waking takes as long"
        );
        assert_eq!(time(1, 160_000), 1_600_100);
        assert_eq!(time(16, 160_000), 50_000 + 100 + 100_000);
        assert_eq!(time(16, 0), 0);
        assert_eq!(of(16).time(Work::Hashes, 160_000, 160_000), (Span(150_100), false));
    }

    #[test]
    fn the_crossover_is_the_first_size_that_pays() {
        let costs = |cost| {
            let mut costs = Costs::default();
            Work::ALL.into_iter().for_each(|work| *costs.of_mut(work) = cost);
            costs
        };
        let about = String::from("by hand");
        let profile = Profile { about, cpu: costs(NARROW), gpu: Some(costs(WIDE)), cores: None };
        let at = profile.crossover(Work::UnknownKeys, 0, 100, 1 << 20);
        assert_eq!(at, Some(352), "950 µs are 351.9 signatures");
        assert_eq!(profile.time(Work::UnknownKeys, 351, 0), (NARROW.time(351, 0), false));
        assert_eq!(profile.time(Work::UnknownKeys, 352, 0), (WIDE.time(352, 0), true));
        let with_margin = profile.crossover(Work::UnknownKeys, 0, 80, 1 << 20);
        assert_eq!(with_margin, Some(440));
        assert_eq!(profile.crossover(Work::UnknownKeys, 0, 100, 300), None, "beyond what is asked");
        let alone = Profile { gpu: None, ..profile };
        assert_eq!(alone.crossover(Work::Nonces, 0, 100, u64::MAX), None);
        assert!(!alone.time(Work::Nonces, 1 << 30, 0).1);
    }
}
