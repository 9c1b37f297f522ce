//! What a protocol's theory promises, as data: said once, beside the protocol, and held against
//! measurement by `byzlab conform`.
//!
//! # Conventions
//! δ is the actual delay of a message, Δ the bound that timeouts are set by. Papers differ by a δ or
//! two; here, always:
//!
//! - **Latency** counts from the moment at which the leader gets its batch and the proposal leaves
//!   (the same moment, where computing is free), to the *first* and to the *last* honest commit of
//!   that block. Not counted: the client's request and reply, a δ each. Where every replica
//!   proposes, as in a DAG, it is that of the proposals that are committed soonest, the leaders';
//!   [`slowest`](Theory::slowest) is that of those that wait longest.
//! - **Messages** count once a receiver; what a replica says to itself does not count, nor does what
//!   clients send. They are those of a *decision*, in steady state, all replicas together, without
//!   the kinds that are named [apart](Theory::apart).
//! - **Good case**: all links take δ, computing is free, nobody is faulty, and something always
//!   waits to be proposed.
//! - **A crashed leader's turn** begins when the first replica gives up on it, or, where nobody ever
//!   does, when it is the crashed one's turn by the clock. It ends when a live leader's block is
//!   under way.
//!
//! ```
//! use byzlab_core::theory::*;
//! const THEORY: Theory = Theory {
//!     source: "Castro & Liskov 1999",
//!     ideal: "batch_patience = \"0s\"",
//!     bounds: &["view_timeout"],
//!     timing: Timing::rounds(Delays::delta(3), Delays::delta(3)),
//!     period: Some(Delays::delta(3)),
//!     messages: Formula { text: "2n(n − 1)", of: |n| 2 * n * (n - 1) },
//!     resilience: Resilience::byzantine(3),
//!     responsive: Responsive::Always,
//!     ..Theory::BLANK
//! };
//! assert_eq!((THEORY.messages.of)(4), 24);
//! assert_eq!(THEORY.resilience.faults(7), 2);
//! ```

use std::fmt;

use serde::Deserialize as _;

use crate::{protocol::BuildError, time::Span};

/// What one variant of a protocol promises. Build it from [`BLANK`](Self::BLANK).
#[derive(Clone, Copy, Debug)]
pub struct Theory {
    /// What this variant is called, and the TOML that chooses it (`"chain = 2"`); empty for the
    /// defaults.
    pub variant: &'static str,
    /// Where it is proven: paper, section, table.
    pub source: &'static str,
    /// Parameters, as TOML, under which the good case is measured: no waiting for batches to fill, no
    /// pipelining that the theory does not count.
    pub ideal: &'static str,
    /// Parameters, as TOML, for swarms of faults: short timeouts, small intervals, so that rare paths
    /// happen in seconds.
    pub swarm: &'static str,
    /// The parameters, spans all, that timeouts come from. The first is Δ; conformance makes all of
    /// them ten times as long to see what follows δ and what follows Δ.
    pub bounds: &'static [&'static str],
    /// Good-case latency.
    pub timing: Timing,
    /// Why it is left to chance how long a decision takes, if it is. Then [`timing`](Self::timing),
    /// [`period`](Self::period) and [`messages`](Self::messages) are the least that one can take, and nobody is waited
    /// for, so that a crash makes no turn of its own.
    pub by_chance: Option<&'static str>,
    /// That of the block which waits longest, where those of one decision differ.
    pub slowest: Option<Slowest>,
    /// From one decision to the next; `None` where nothing but the load sets it.
    pub period: Option<Delays>,
    /// Messages a decision.
    pub messages: Formula,
    /// Kinds of messages that are no part of a decision: checkpoints, polls.
    pub apart: &'static [&'static str],
    /// Blocks of the ledger a decision: 1, or where a round of a DAG decides many, how many.
    pub blocks: Formula,
    /// How many faulty replicas it stands, and how faulty they may be.
    pub resilience: Resilience,
    /// Whether it goes at the network's speed or at that of its timeouts.
    pub responsive: Responsive,
    /// How long it takes to commit again when a leader has crashed, where theory says it.
    pub recovery: Option<Recovery>,
    /// What replacing a leader costs.
    pub view_change: ViewChange,
    /// All messages of a crashed leader's turn, but the kinds named [apart](Self::apart): what a
    /// view given up in vain costs too.
    pub turn: Option<Formula>,
    /// When it commits nothing, or nothing for many views, although no more than f are faulty, and why: first
    /// with this variant's own parameters, then with others that it may be given.
    pub stalls: &'static [Stall],
    /// So many times the first of its [bounds](Self::bounds) lasts a view at most in which nothing is decided.
    pub longest_view: u64,
    /// Conventions and remarks that a reader of the table needs; may be empty.
    pub remark: &'static str,
}

impl Theory {
    /// Promises nothing: the base of struct updates.
    pub const BLANK: Self = Self {
        variant: "",
        source: "",
        ideal: "",
        swarm: "",
        bounds: &[],
        timing: Timing::Rounds { first: Delays::ZERO, last: Delays::ZERO },
        by_chance: None,
        slowest: None,
        period: None,
        messages: Formula { text: "0", of: |_| 0 },
        apart: &[],
        blocks: Formula { text: "1", of: |_| 1 },
        resilience: Resilience::TRUSTED,
        responsive: Responsive::No,
        recovery: None,
        view_change: ViewChange::None("nobody leads"),
        turn: None,
        stalls: &[],
        longest_view: 1,
        remark: "",
    };

    /// Why this committee commits nothing with these replicas crashed or silent for good, if theory
    /// says so of the variant's own parameters.
    pub fn stall(&self, size: u16, faulty: &[u16]) -> Option<&'static str> {
        self.stalls.first()?.says(size, faulty)
    }
    /// The same with these parameters, all resolved.
    pub fn stall_with(
        &self,
        params: &toml::Table,
        size: u16,
        faulty: &[u16],
    ) -> Option<&'static str> {
        let here = self.stalls.iter().filter(|stall| stall.is_of(params));
        here.filter_map(|stall| stall.says(size, faulty)).next()
    }
    /// The first view that can decide a block, with these parameters, all resolved, and these replicas crashed
    /// or silent from the beginning; and what a decision takes. `None` where theory has no such view.
    pub fn decides_in(
        &self,
        params: &toml::Table,
        size: u16,
        faulty: &[u16],
    ) -> Option<(u64, &'static str)> {
        let stall = self.stalls.iter().find(|stall| stall.is_of(params))?;
        Some(((stall.decides_in)(size, faulty)?, stall.takes))
    }
    /// This variant's parameters and `more` of them, TOML like [`ideal`](Self::ideal).
    ///
    /// # Errors
    /// If either is no TOML.
    pub fn params(&self, more: &str) -> Result<toml::Table, BuildError> {
        let parse = |text: &str| {
            text.parse::<toml::Table>()
                .map_err(|e| BuildError(format!("a theory's parameters `{text}`: {}", e.message())))
        };
        let mut params = parse(self.variant)?;
        params.extend(parse(more)?);
        Ok(params)
    }
}

/// The span called `name` in resolved parameters.
///
/// # Errors
/// If there is no such span.
pub fn span(params: &toml::Table, name: &str) -> Result<Span, BuildError> {
    let value = params.get(name).cloned();
    value.and_then(|value| Span::deserialize(value).ok()).ok_or_else(|| {
        BuildError(format!("a theory names the span `{name}`, a parameter that is none"))
    })
}

/// The whole number called `name` in resolved parameters.
///
/// # Errors
/// If there is no such number.
pub fn number(params: &toml::Table, name: &str) -> Result<u64, BuildError> {
    let value = params.get(name).and_then(toml::Value::as_integer);
    value.and_then(|value| u64::try_from(value).ok()).ok_or_else(|| {
        BuildError(format!("a theory names the number `{name}`, a parameter that is none"))
    })
}

/// A span in units of δ and Δ, in hundredths, so that averages have their place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delays {
    /// Hundredths of δ, the actual delay.
    pub actual: u32,
    /// Hundredths of Δ, the bound: the value of the first of [`Theory::bounds`].
    pub bound: u32,
}

impl Delays {
    /// No time.
    pub const ZERO: Self = Self { actual: 0, bound: 0 };

    /// `count` δ.
    pub const fn delta(count: u32) -> Self {
        Self { actual: 100 * count, bound: 0 }
    }
    /// Hundredths of δ.
    pub const fn hundredths(count: u32) -> Self {
        Self { actual: count, bound: 0 }
    }
    /// This, and `count` Δ.
    pub const fn and_bound(self, count: u32) -> Self {
        Self { bound: self.bound + 100 * count, ..self }
    }
    /// How long that is.
    pub const fn span(self, actual: Span, bound: Span) -> Span {
        Span(actual.0 * self.actual as u64 / 100 + bound.0 * self.bound as u64 / 100)
    }
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |hundredths: u32| match (hundredths / 100, hundredths % 100) {
            (whole, 0) => whole.to_string(),
            (whole, part) if part % 10 == 0 => format!("{whole}.{}", part / 10),
            (whole, part) => format!("{whole}.{part:02}"),
        };
        match (self.actual, self.bound) {
            (actual, 0) => write!(f, "{} δ", number(actual)),
            (0, bound) => write!(f, "{} Δ", number(bound)),
            (actual, bound) => write!(f, "{} δ + {} Δ", number(actual), number(bound)),
        }
    }
}

/// Good-case latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// From the proposal's leaving the leader …
    Rounds {
        /// … to the first honest commit, …
        first: Delays,
        /// … and to the last.
        last: Delays,
    },
    /// Found by work: a block a spacing, and final after so many of them, by the odds. With x = the
    /// time a block takes to everyone / spacing, chains grow at 1/(1 + x) of the blocks found.
    Mined {
        /// The parameter that is the mean interval, a span.
        spacing: &'static str,
        /// The parameter that is the number of confirmations.
        confirmations: &'static str,
        /// The parameter that is the number of hashes a block takes.
        difficulty: &'static str,
        /// How many δ a block takes to everyone.
        reach: Delays,
    },
}

impl Timing {
    /// First and last honest commit.
    pub const fn rounds(first: Delays, last: Delays) -> Self {
        Self::Rounds { first, last }
    }
}

/// How long the block of a decision takes that waits longest, in the good case.
#[derive(Clone, Copy, Debug)]
pub struct Slowest {
    /// To its first honest commit …
    pub first: Delays,
    /// … and to its last.
    pub last: Delays,
    /// Where that is said, or what it follows from.
    pub source: &'static str,
}

/// A count as a function of n, and how it is written.
#[derive(Clone, Copy, Debug)]
pub struct Formula {
    /// For people: `"2n(n − 1)"`.
    pub text: &'static str,
    /// The same, to compute with.
    pub of: fn(u64) -> u64,
}

/// How many may be faulty: f = ⌊(n − 1)/share⌋.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resilience {
    /// n ≥ share·f + 1; 0: nobody may be faulty.
    pub share: u16,
    /// How faulty they may be.
    pub adversary: Adversary,
}

/// What the faulty may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adversary {
    /// Anything but forge signatures.
    Byzantine,
    /// Stop, and begin again.
    Crash,
    /// Anything but forge signatures and find more than their share of work.
    Work,
}

impl Resilience {
    /// A single trusted replica: nobody may be faulty, though all may stop and begin again.
    pub const TRUSTED: Self = Self { share: 0, adversary: Adversary::Crash };

    /// n ≥ share·f + 1 with f Byzantine replicas.
    pub const fn byzantine(share: u16) -> Self {
        Self { share, adversary: Adversary::Byzantine }
    }
    /// n ≥ share·f + 1 with f replicas that crash.
    pub const fn crash(share: u16) -> Self {
        Self { share, adversary: Adversary::Crash }
    }
    /// Less than half of the hash power; of equal miners n ≥ 2f + 1.
    pub const WORK: Self = Self { share: 2, adversary: Adversary::Work };

    /// The most faulty replicas of `size`.
    pub const fn faults(self, size: u16) -> u16 {
        match (self.share, size) {
            (0, _) | (_, 0) => 0,
            (share, size) => (size - 1) / share,
        }
    }
    /// The smallest committee that stands `faults`; 4 where nobody may be faulty.
    pub const fn smallest(self, faults: u16) -> u16 {
        match self.share {
            0 => 4,
            share => share * faults + 1,
        }
    }
}

impl fmt::Display for Resilience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.share, self.adversary) {
            (0, _) => write!(f, "f = 0, one is trusted"),
            (share, Adversary::Byzantine) => write!(f, "n ≥ {share}f + 1, Byzantine"),
            (share, Adversary::Crash) => write!(f, "n ≥ {share}f + 1, crashes only"),
            (_, Adversary::Work) => write!(f, "less than half of the hash power"),
        }
    }
}

/// Whether a protocol goes at the speed of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Responsive {
    /// No: it waits for Δ even when all goes well.
    No,
    /// While leaders are good; after a bad one the next waits for Δ.
    GoodCase,
    /// After a bad leader too: what follows the timeout takes δs alone.
    Always,
}

impl fmt::Display for Responsive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "no",
            Self::GoodCase => "in the good case",
            Self::Always => "yes",
        })
    }
}

/// From the last live replica's giving up on a crashed leader (where nobody gives up: from the
/// beginning of its turn) to the first commit of a block that nobody had committed before.
#[derive(Clone, Copy, Debug)]
pub struct Recovery {
    /// In δ and Δ.
    pub delays: Delays,
    /// The parameters, spans all, that are waited for besides, once for each time named here.
    pub waits: &'static [&'static str],
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.delays)?;
        self.waits.iter().try_for_each(|wait| write!(f, " + `{wait}`"))
    }
}

/// What it costs to replace a leader that has crashed.
#[derive(Clone, Copy, Debug)]
pub enum ViewChange {
    /// Nothing of its own, and why.
    None(&'static str),
    /// Messages of these kinds.
    Messages {
        /// The kinds that only this sends.
        kinds: &'static [&'static str],
        /// How many, for one view given up while one replica is down, sent by all together.
        count: Formula,
        /// What they carry: `"O(n) certificates each"`; may be empty.
        carrying: &'static str,
    },
}

/// When no more than f faulty replicas stop the protocol after all.
#[derive(Clone, Copy, Debug)]
pub struct Stall {
    /// The parameters, as TOML, with which it happens: all of them, and others do not matter.
    pub given: &'static str,
    /// The first view that can decide a block in a committee of this size, with these replicas crashed or
    /// silent from the beginning; `None` if there is none.
    pub decides_in: fn(size: u16, faulty: &[u16]) -> Option<u64>,
    /// What a decision takes: `"two live leaders in a row"`.
    pub takes: &'static str,
    /// Why there is no such view, for the report that shows it.
    pub why: &'static str,
}

impl Stall {
    /// Whether these parameters, all resolved, are among those with which it happens.
    fn is_of(&self, params: &toml::Table) -> bool {
        let given = self.given.parse::<toml::Table>();
        given.is_ok_and(|given| given.iter().all(|(key, value)| params.get(key) == Some(value)))
    }
    fn says(&self, size: u16, faulty: &[u16]) -> Option<&'static str> {
        (self.decides_in)(size, faulty).is_none().then_some(self.why)
    }
}

/// The last of the first `length` views in a row, from view 1 on, whose leaders are not among `faulty`, where
/// replica v mod `size` leads view v: what rules that ask for consecutive views live from.
pub fn live_run(size: u16, faulty: &[u16], length: u16) -> Option<u64> {
    let mut run = 0;
    // A run that is not in two turns and what goes on from there is in none.
    (1..=2 * u64::from(size) + u64::from(length)).find(|view| {
        let leader = (view % u64::from(size.max(1))) as u16;
        run = if faulty.contains(&leader) { 0 } else { run + 1 };
        run >= length
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_written_as_papers_do() {
        assert_eq!(Delays::delta(3).to_string(), "3 δ");
        assert_eq!(Delays::hundredths(1_050).to_string(), "10.5 δ");
        assert_eq!(Delays::delta(2).and_bound(2).to_string(), "2 δ + 2 Δ");
        assert_eq!(Delays::ZERO.and_bound(6).to_string(), "6 Δ");
        let span = Delays::delta(2).and_bound(1).span(Span::ms(10), Span::seconds(1));
        assert_eq!(span, Span::ms(1_020));
        let recovery = Recovery { delays: Delays::delta(5), waits: &["leader_wait"] };
        assert_eq!(recovery.to_string(), "5 δ + `leader_wait`");
    }

    #[test]
    fn committees_stand_what_they_are_sized_for() {
        for share in 1..6 {
            let resilience = Resilience::byzantine(share);
            for faults in 0..10 {
                assert_eq!(resilience.faults(resilience.smallest(faults)), faults);
            }
        }
        assert_eq!(Resilience::TRUSTED.faults(100), 0);
    }

    #[test]
    fn a_stall_holds_for_the_parameters_that_it_names() {
        let decides_in = |_, faulty: &[u16]| (!faulty.contains(&0)).then_some(7);
        let stall = |given, why| Stall { given, decides_in, takes: "luck", why };
        const OWN: &str = "leaders = \"turns\"";
        let stalls = vec![stall(OWN, "the next"), stall("leaders = \"one\"", "the only one")];
        let theory = Theory { stalls: stalls.leak(), ..Theory::BLANK };
        let with = |leaders: &str, faulty| {
            let params = format!("leaders = \"{leaders}\"\nother = 1").parse().expect("TOML");
            theory.stall_with(&params, 4, faulty)
        };
        assert_eq!((theory.stall(4, &[0]), theory.stall(4, &[1])), (Some("the next"), None));
        assert_eq!(
            (with("turns", &[0]), with("one", &[0])),
            (Some("the next"), Some("the only one"))
        );
        assert_eq!((with("one", &[1]), with("lot", &[0])), (None, None));
        let first = |leaders: &str, faulty| {
            let params = format!("leaders = \"{leaders}\"").parse().expect("TOML");
            theory.decides_in(&params, 4, faulty)
        };
        assert_eq!((first("one", &[1]), first("one", &[0])), (Some((7, "luck")), None));
        assert_eq!(first("lot", &[1]), None, "of these parameters theory says nothing");
    }

    #[test]
    fn live_runs_go_round() {
        assert_eq!((live_run(4, &[], 4), live_run(1, &[], 4)), (Some(4), Some(4)));
        assert_eq!((live_run(4, &[1], 3), live_run(4, &[1], 4)), (Some(4), None), "2, 3, 0");
        assert_eq!((live_run(7, &[0, 1], 5), live_run(7, &[0, 1], 6)), (Some(6), None));
        assert_eq!((live_run(7, &[0, 3], 3), live_run(7, &[0, 3], 4)), (Some(6), None));
        // Replica 0 leads no view before view 7, so the run that goes round comes late.
        assert_eq!(live_run(7, &[1, 2, 4], 3), Some(7));
        assert_eq!(live_run(2, &[0, 1], 1), None);
    }
}
