//! The good case: how soon, how often and with how many messages an undisturbed committee decides.

use std::{collections::BTreeMap, fmt};

use byzlab_core::{
    Batch, BuildError, Digest, Entry, Height, Note, ReplicaId, Span, Theory, Time,
    host::client::Arrivals,
    theory::{self, Delays, Timing},
};
use byzlab_sim::{Clients, Deed, Delay, Line, Scenario, run_traced};

use super::{Row, alike, in_delays, sizes};

/// How a setting with longer timeouts is called.
pub(super) const LATE: &str = "timeouts ten times as long";
/// δ, where nothing else is said.
pub const DELTA: Span = Span::ms(10);
/// The committees that are measured, …
const SIZES: [u16; 4] = [4, 7, 10, 16];

/// … but for those that stand no fault at all where others do: theory is not about them.
pub fn committees(theory: &Theory) -> Vec<u16> {
    let resilience = theory.resilience;
    let stands = |&size: &u16| resilience.share == 0 || resilience.faults(size) > 0;
    SIZES.into_iter().filter(stands).collect()
}
/// The longest run, for protocols that do not decide.
const PATIENCE: Span = Span::seconds(1_000);
/// How many blocks are passed over where a protocol has no period: it makes one for each transaction,
/// ten a δ, and only after four δ does the client know who leads and send to it alone.
const SETTLING_BLOCKS: u64 = 64;

/// What was measured of one committee.
#[derive(Clone, Debug)]
pub struct Steady {
    /// From the proposal to the first honest commit: of the block that was soonest, of the one that
    /// was latest.
    pub first: (Span, Span),
    /// To the last honest commit, likewise.
    pub last: (Span, Span),
    /// Decisions that were counted, …
    pub decisions: u64,
    /// … how long they took together, …
    pub took: Span,
    /// … and how many messages, by kind.
    pub messages: BTreeMap<&'static str, u64>,
}

/// How one run of the good case is set up.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// How many replicas.
    pub size: u16,
    /// δ.
    pub delta: Span,
    /// By how much timeouts are longer than by default.
    pub stretch: u64,
}

impl Setting {
    /// `size` replicas in the usual setting.
    pub fn of(size: u16) -> Self {
        Self { size, delta: DELTA, stretch: 1 }
    }
    /// The same with timeouts ten times as long.
    pub fn late(self) -> Self {
        Self { stretch: 10 * self.stretch, ..self }
    }
    /// The sum of the spans that these parameters are in this setting.
    ///
    /// # Errors
    /// If one of them is no span.
    pub fn waits(self, entry: Entry, theory: &Theory, names: &[&str]) -> Result<Span, BuildError> {
        let resolved = entry.resolve(&self.params(entry, theory)?)?;
        names.iter().try_fold(Span::ZERO, |sum, name| Ok(sum + theory::span(&resolved, name)?))
    }
    /// Δ.
    ///
    /// # Errors
    /// If the theory names a parameter that does not exist.
    pub fn bound(self, entry: Entry, theory: &Theory) -> Result<Span, BuildError> {
        self.waits(entry, theory, theory.bounds.get(..1).unwrap_or_default())
    }
    fn params(self, entry: Entry, theory: &Theory) -> Result<toml::Table, BuildError> {
        let mut params = theory.params(theory.ideal)?;
        let resolved = entry.resolve(&params)?;
        for &name in theory.bounds {
            let span = theory::span(&resolved, name)?.times(self.stretch);
            params.insert(name.into(), span.to_string().into());
        }
        Ok(params)
    }
    /// The scenario, which runs until stopped, for a thousand seconds at most; with a journal.
    ///
    /// # Errors
    /// If the theory names a parameter that does not exist.
    pub fn scenario(self, entry: Entry, theory: &Theory) -> Result<Scenario, BuildError> {
        let mut scenario = Scenario::new(entry, self.size, 1);
        scenario.params = self.params(entry, theory)?;
        scenario.label = "conform".into();
        scenario.network.delay = Delay::Constant(self.delta);
        let bound = self.bound(entry, theory)?;
        let pace = theory.period.unwrap_or_default().span(self.delta, bound).max(self.delta);
        // Something waits at every proposal.
        let gap = Span(pace.0 / 10 / (theory.blocks.of)(self.size.into()).max(1));
        scenario.clients = Clients::open(1, gap, Time::NEVER);
        scenario.clients.load.arrivals = Arrivals::Open { gap, poisson: false };
        scenario.clients.load.transaction_bytes = 64;
        scenario.clients.load.retry = PATIENCE;
        scenario.stop.after = PATIENCE;
        scenario.sample = PATIENCE;
        scenario.journal = true;
        Ok(scenario)
    }
    /// Runs it and measures, once every replica has led some times.
    ///
    /// # Errors
    /// If it cannot be run, breaks a property, or does not decide.
    pub fn measure(self, entry: Entry, theory: &Theory) -> Result<Steady, BuildError> {
        let mut scenario = self.scenario(entry, theory)?;
        let n = u64::from(self.size);
        let blocks = (theory.blocks.of)(n);
        let settling = if theory.period.is_none() { SETTLING_BLOCKS } else { 0 };
        let from = (2 * n + 4) * blocks + settling;
        let to = from + 2 * n * blocks;
        scenario.stop.blocks = Some(to + 2 * blocks);
        let (outcome, trace) = run_traced(&scenario, &mut |_| {})?;
        if let Some(violation) = outcome.violations.first() {
            return Err(BuildError(format!("{}: {}", violation.property, violation.what)));
        }
        steady(&trace.journal, Height(from)..Height(to), blocks, self.delta)
            .map(|steady| apart(steady, theory))
            .ok_or_else(|| {
                let blocks = outcome.committed_blocks;
                BuildError(format!("{blocks} blocks in {}, {:?}", outcome.duration, outcome.notes))
            })
    }
}

/// Leaves out the kinds that are no part of a decision.
fn apart(mut steady: Steady, theory: &Theory) -> Steady {
    steady.messages.retain(|kind, _| !theory.apart.contains(kind));
    steady
}

/// One block of the ledger.
#[derive(Clone, Copy, Debug)]
struct Committed {
    producer: ReplicaId,
    root: Digest,
    first: Time,
    last: Time,
}

fn committed(lines: &[Line]) -> BTreeMap<Height, Committed> {
    let mut blocks = BTreeMap::new();
    for line in lines {
        if let Deed::Committed { height, producer, root } = line.deed {
            let (first, last) = (line.at, line.at);
            blocks.entry(height).or_insert(Committed { producer, root, first, last }).last =
                line.at;
        }
    }
    blocks
}

/// Measures the blocks in `heights`, `blocks` of which are one decision. `None` where there are not
/// so many, or it cannot be told when they were proposed.
fn steady(
    lines: &[Line],
    heights: std::ops::Range<Height>,
    blocks: u64,
    delta: Span,
) -> Option<Steady> {
    let ledger = committed(lines);
    let (begin, end) = (ledger.get(&heights.start)?.first, ledger.get(&heights.end)?.first);
    let origins = Origins::of(lines);
    let mut spreads = [(Span(u64::MAX), Span::ZERO); 2];
    for (&height, block) in ledger.range(heights.clone()) {
        let proposed = origins.of_block(height, block)?;
        for (spread, at) in spreads.iter_mut().zip([block.first, block.last]) {
            let took = at.since(proposed);
            *spread = (spread.0.min(took), spread.1.max(took));
        }
    }
    // Half a δ earlier, between two moments at which messages leave.
    let before = |at: Time| Time(at.0.saturating_sub(delta.0 / 2));
    let counted = before(begin)..before(end);
    let mut messages = BTreeMap::new();
    for line in lines.iter().filter(|line| counted.contains(&line.at)) {
        if let Deed::Sent { kind, receivers, .. } = line.deed {
            *messages.entry(kind).or_default() += receivers;
        }
    }
    let [first, last] = spreads;
    let decisions = (heights.end.0 - heights.start.0) / blocks;
    Some(Steady { first, last, decisions, took: end.since(begin), messages })
}

/// When blocks were proposed: when their batch was taken, or, of empty ones, which all have one
/// root, when they were noted.
struct Origins {
    taken: BTreeMap<(ReplicaId, Digest), Vec<Time>>,
    noted: BTreeMap<(ReplicaId, Height), Vec<Time>>,
    empty: Digest,
}

impl Origins {
    fn of(lines: &[Line]) -> Self {
        let empty = Batch::empty().root();
        let mut origins = Self { taken: BTreeMap::new(), noted: BTreeMap::new(), empty };
        for line in lines {
            match line.deed {
                Deed::Took(root) => {
                    origins.taken.entry((line.by, root)).or_default().push(line.at);
                }
                Deed::Noted(Note::Proposed { height, .. }) => {
                    origins.noted.entry((line.by, height)).or_default().push(line.at);
                }
                _ => {}
            }
        }
        origins
    }
    fn of_block(&self, height: Height, block: &Committed) -> Option<Time> {
        let moments = match block.root == self.empty {
            true => self.noted.get(&(block.producer, height)),
            false => self.taken.get(&(block.producer, block.root)),
        };
        moments?.iter().rev().find(|&&at| at <= block.first).copied()
    }
}

/// The rows of the good case.
pub fn rows(entry: Entry, theory: &Theory) -> Vec<Row> {
    let Some([first, last]) = Promised::of(theory) else { return Vec::new() };
    let chosen = committees(theory);
    let measured: Result<Vec<Steady>, BuildError> =
        chosen.iter().map(|&size| Setting::of(size).measure(entry, theory)).collect();
    let setting = sizes(&chosen);
    let mut rows = match &measured {
        Err(error) => vec![Row::new("decides", &setting).promised("yes").failed(error)],
        Ok(measured) => {
            let bound = Setting::of(chosen[0]).bound(entry, theory).unwrap_or_default();
            let timed = Timed { delta: DELTA, bound, setting: &setting };
            let mut rows = vec![
                timed.latency("first honest commit", first, measured, |steady| steady.first),
                timed.latency("last honest commit", last, measured, |steady| steady.last),
            ];
            let least = theory.by_chance.is_some();
            rows.extend(theory.period.map(|period| timed.period(period, least, measured)));
            rows.push(messages(theory, &chosen, measured));
            rows
        }
    };
    if measured.is_ok() {
        rows.extend(speed(entry, theory, chosen[0], [first, last]));
    }
    rows
}

/// What is promised of the block that is committed soonest, and of the one that waits longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Promised {
    soonest: Delays,
    latest: Delays,
    /// Whether no more than `soonest` is promised.
    at_least: bool,
}

impl Promised {
    /// Of the first and of the last honest commit, if the theory counts rounds.
    pub(super) fn of(theory: &Theory) -> Option<[Self; 2]> {
        let Timing::Rounds { first, last } = theory.timing else { return None };
        let slowest = theory.slowest.map_or([first, last], |slowest| [slowest.first, slowest.last]);
        let [of_first, of_last] = slowest;
        let at_least = theory.by_chance.is_some();
        Some([
            Self { soonest: first, latest: of_first, at_least },
            Self { soonest: last, latest: of_last, at_least },
        ])
    }
    fn holds(self, measured: (Span, Span), delta: Span, bound: Span) -> bool {
        let (soonest, latest) = self.spans(delta, bound);
        match self.at_least {
            true => measured.0 >= soonest,
            false => measured == (soonest, latest),
        }
    }
    fn spans(self, delta: Span, bound: Span) -> (Span, Span) {
        (self.soonest.span(delta, bound), self.latest.span(delta, bound))
    }
    /// What was measured, in the promise's units.
    fn tell(self, (low, high): (Span, Span), delta: Span, bound: Span) -> String {
        let soonest = in_delays(low, self.soonest, delta, bound);
        match low == high {
            true => soonest,
            false => format!("{soonest} to {}", in_delays(high, self.latest, delta, bound)),
        }
    }
}

impl fmt::Display for Promised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.soonest == self.latest {
            true if self.at_least => write!(f, "at least {}", self.soonest),
            true => write!(f, "{}", self.soonest),
            false => write!(f, "{} to {}", self.soonest, self.latest),
        }
    }
}

/// How spans are told.
struct Timed<'a> {
    delta: Span,
    bound: Span,
    setting: &'a str,
}

impl Timed<'_> {
    fn latency(
        &self,
        promise: &str,
        promised: Promised,
        measured: &[Steady],
        of: impl Fn(&Steady) -> (Span, Span),
    ) -> Row {
        let tell = |steady| promised.tell(of(steady), self.delta, self.bound);
        let told: Vec<_> = measured.iter().map(tell).collect();
        let holds = measured.iter().all(|s| promised.holds(of(s), self.delta, self.bound));
        let row = Row::new(promise, self.setting).promised(promised.to_string());
        row.measured(alike(&told), holds)
    }
    fn period(&self, promised: Delays, at_least: bool, measured: &[Steady]) -> Row {
        let mean = |steady: &Steady| Span(steady.took.0 / steady.decisions.max(1));
        let want = promised.span(self.delta, self.bound);
        let tell = |steady: &Steady| in_delays(mean(steady), promised, self.delta, self.bound);
        let told: Vec<_> = measured.iter().map(tell).collect();
        let kept = |took: Span| took == want || (at_least && took > want);
        let holds = measured.iter().all(|steady| kept(mean(steady)));
        let row = Row::new("from decision to decision", self.setting);
        row.promised(format!("{}{promised}", if at_least { "at least " } else { "" }))
            .measured(alike(&told), holds)
    }
}

fn messages(theory: &Theory, chosen: &[u16], measured: &[Steady]) -> Row {
    let wants: Vec<u64> = chosen.iter().map(|&n| (theory.messages.of)(n.into())).collect();
    let sum = |steady: &Steady| steady.messages.values().sum::<u64>();
    let least = theory.by_chance.is_some();
    let kept = |m: &Steady, want: u64| sum(m) == want || (least && sum(m) > want);
    let holds = measured.iter().zip(&wants).all(|(m, want)| kept(m, want * m.decisions));
    let told = measured.iter().map(|steady| per(sum(steady), steady.decisions));
    let mut told = told.collect::<Vec<_>>().join(", ");
    if let (false, Some(last)) = (holds, measured.last()) {
        let kinds =
            last.messages.iter().map(|(kind, m)| format!("{kind} {}", per(*m, last.decisions)));
        let size = chosen.last().copied().unwrap_or_default();
        told += &format!(" (at n = {size}: {})", kinds.collect::<Vec<_>>().join(", "));
    }
    let wants: Vec<_> = wants.iter().map(ToString::to_string).collect();
    let mut promised = format!("{} = {}", theory.messages.text, wants.join(", "));
    if least {
        promised.insert_str(0, "at least ");
    }
    if theory.blocks.text != "1" {
        promised += &format!(", for {} blocks", theory.blocks.text);
    }
    Row::new("messages a decision", sizes(chosen)).promised(promised).measured(told, holds)
}

/// A mean, whole where it is.
pub(super) fn per(sum: u64, count: u64) -> String {
    match sum.is_multiple_of(count.max(1)) {
        true => (sum / count.max(1)).to_string(),
        false => format!("{:.2}", sum as f64 / count as f64),
    }
}

/// Whether latency follows δ, and Δ only where it was promised to.
fn speed(entry: Entry, theory: &Theory, size: u16, promised: [Promised; 2]) -> Vec<Row> {
    let usual = Setting::of(size);
    let half = Setting { delta: Span(DELTA.0 / 2), ..usual };
    let mut settings = vec![(half, "δ half as long")];
    if !theory.bounds.is_empty() {
        settings.push((usual.late(), LATE));
    }
    let [first, last] = promised;
    let row = |(setting, what): (Setting, &str)| {
        let row = Row::new("latency", format!("n = {size}, {what}"));
        let row = row.promised(format!("{first} and {last}"));
        let (steady, bound) = match (setting.measure(entry, theory), setting.bound(entry, theory)) {
            (Ok(steady), Ok(bound)) => (steady, bound),
            (Err(error), _) | (_, Err(error)) => return row.failed(&error),
        };
        let tell = |spread, promised: Promised| promised.tell(spread, setting.delta, bound);
        let told = format!("{} and {}", tell(steady.first, first), tell(steady.last, last));
        let holds = |measured, promised: Promised| promised.holds(measured, setting.delta, bound);
        row.measured(told, holds(steady.first, first) && holds(steady.last, last))
    };
    settings.into_iter().map(row).collect()
}
