//! Protocols whose blocks are found by work: what can be exact is, the rest is held against the odds.

use byzlab_core::{
    BuildError, Entry, Note, ReplicaId, Span, Theory, Time,
    theory::{self, Delays, Responsive, Timing, ViewChange},
};
use byzlab_sim::{Deed, Delay, Fault, Mining, Scenario, run, run_traced};

use super::{
    Row,
    good_case::{DELTA, committees, per},
    in_delays, sizes,
};

/// The mean interval where forks are to be rare: thousands of δ.
const SLOW: Span = Span::seconds(100);
/// The blocks of which intervals and forks are counted.
const BLOCKS: u64 = 1_000;
/// Replicas where forks are counted, and x = the time a block takes to everyone / spacing.
const FORKING: (u16, f64) = (10, 0.25);
/// How far a share of forks may be off: four standard deviations of a share of .2 of [`BLOCKS`].
const SHARE_OFF: f64 = 0.05;
/// How far a mean of so many intervals may be off: four standard errors.
const MEAN_OFF: f64 = 0.13;
/// How long private miners keep to themselves, in intervals.
const PRIVATE: u64 = 300;
/// The committee in which some mine privately.
const SPLIT: u16 = 7;

/// The names of the parameters that decide.
#[derive(Clone, Copy, Debug)]
struct Names {
    spacing: &'static str,
    confirmations: &'static str,
    difficulty: &'static str,
    reach: Delays,
}

/// The rows of a protocol that mines.
pub fn rows(entry: Entry, theory: &Theory) -> Vec<Row> {
    let Timing::Mined { spacing, confirmations, difficulty, reach } = theory.timing else {
        return Vec::new();
    };
    let names = Names { spacing, confirmations, difficulty, reach };
    let mines = Mines { entry, theory, names };
    let mut rows = mines.exact();
    let (intervals, responsive) = mines.intervals();
    rows.extend([intervals, responsive]);
    rows.push(mines.forks());
    rows.push(nobody_leads(theory));
    let f = theory.resilience.faults(SPLIT);
    rows.extend([mines.private(f), mines.private(f + 1)]);
    rows
}

/// Why there is no view change.
fn nobody_leads(theory: &Theory) -> Row {
    let why = match theory.view_change {
        ViewChange::None(why) => format!("none: {why}"),
        ViewChange::Messages { count, .. } => count.text.into(),
    };
    Row::new("view change", "").promised(why).measured("–", true)
}

#[derive(Clone, Copy, Debug)]
struct Mines<'a> {
    entry: Entry,
    theory: &'a Theory,
    names: Names,
}

impl Mines<'_> {
    /// Equal miners who together find a block every `spacing`, with δ to everyone.
    fn scenario(&self, size: u16, spacing: Span, deep: u64) -> Result<Scenario, BuildError> {
        let mut scenario = Scenario::new(self.entry, size, 1);
        let mut params = self.theory.params(self.theory.ideal)?;
        params.insert(self.names.spacing.into(), spacing.to_string().into());
        params.insert(self.names.confirmations.into(), (deep as i64).into());
        let resolved = self.entry.resolve(&params)?;
        let hashes = theory::number(&resolved, self.names.difficulty)?;
        let all = u128::from(hashes) * u128::from(Span::seconds(1).0) / u128::from(spacing.0);
        // Slow miners find few blocks exactly: let them be fast enough to divide by n, and scale the
        // difficulty with them.
        let each = (all / u128::from(size)).max(1_000_000) as u64;
        let hashes = u128::from(each) * u128::from(size) * u128::from(spacing.0)
            / u128::from(Span::seconds(1).0);
        let hashes = i64::try_from(hashes).unwrap_or(i64::MAX);
        params.insert(self.names.difficulty.into(), hashes.into());
        scenario.params = params;
        scenario.mining = Mining { hash_power: vec![each] };
        scenario.network.delay = Delay::Constant(DELTA);
        scenario.sample = spacing.times(100);
        scenario.label = "conform".into();
        Ok(scenario)
    }
    /// Without forks: how long a block takes to everyone, and its messages.
    fn exact(&self) -> Vec<Row> {
        let chosen = committees(self.theory);
        let setting = sizes(&chosen);
        let all: Result<Vec<_>, BuildError> = chosen.iter().map(|&n| self.spread(n)).collect();
        let reach = Row::new("from found to known by all", &setting);
        let reach = reach.promised(self.names.reach.to_string());
        let wants: Vec<u64> = chosen.iter().map(|&n| (self.theory.messages.of)(n.into())).collect();
        let list = wants.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let messages = Row::new("messages a block", &setting);
        let messages = messages.promised(format!("{} = {list}", self.theory.messages.text));
        let all = match all {
            Ok(all) => all,
            Err(error) => return vec![reach.failed(&error), messages.failed(&error)],
        };
        let tell = |span| in_delays(span, self.names.reach, DELTA, Span::ZERO);
        let slowest = all.iter().map(|(span, ..)| *span).max().unwrap_or_default();
        let want = self.names.reach.span(DELTA, Span::ZERO);
        let holds = all.iter().all(|(span, ..)| *span == want);
        let told = all.iter().map(|(_, sum, blocks)| per(*sum, *blocks)).collect::<Vec<_>>();
        let exact = all.iter().zip(&wants).all(|((_, sum, blocks), want)| *sum == want * blocks);
        vec![reach.measured(tell(slowest), holds), messages.measured(told.join(", "), exact)]
    }
    /// The longest way of a block, and the messages of so many.
    fn spread(&self, size: u16) -> Result<(Span, u64, u64), BuildError> {
        const COUNTED: u64 = 20;
        let mut scenario = self.scenario(size, SLOW, 1)?;
        scenario.stop.after = SLOW.times(100);
        scenario.stop.blocks = Some(COUNTED);
        scenario.journal = true;
        let (_, trace) = run_traced(&scenario, &mut |_| {})?;
        let mut found = None;
        let (mut slowest, mut sum) = (Span::ZERO, 0);
        for line in &trace.journal {
            match (line.deed, found) {
                (Deed::Noted(Note::Proposed { .. }), _) => found = Some(line.at),
                (Deed::Committed { .. }, Some(found)) => {
                    slowest = slowest.max(line.at.since(found));
                }
                // What is said before the first block is found is about the start.
                (Deed::Sent { receivers, .. }, Some(_)) => sum += receivers,
                _ => {}
            }
        }
        Ok((slowest, sum, COUNTED))
    }
    /// Blocks come by the spacing, however fast the network is.
    fn intervals(&self) -> (Row, Row) {
        let row = Row::new("mean interval", format!("n = 4, {BLOCKS} blocks"));
        let row = row.promised(format!("the spacing, ± {:.0} %", 100.0 * MEAN_OFF));
        let responsive = Row::new("optimistic responsiveness", "δ half as long");
        let responsive = responsive.promised(self.theory.responsive.to_string());
        let ratio = |mean: Span| mean.as_secs_f64() / SLOW.as_secs_f64();
        let (usual, half) = match (self.interval(DELTA), self.interval(Span(DELTA.0 / 2))) {
            (Ok(usual), Ok(half)) => (ratio(usual), ratio(half)),
            (Err(error), _) | (_, Err(error)) => {
                return (row.failed(&error), responsive.failed(&error));
            }
        };
        let is = match (half - usual).abs() <= MEAN_OFF {
            true => Responsive::No,
            false => Responsive::Always,
        };
        let told = format!("{is}: {half:.3} of the spacing");
        (
            row.measured(format!("{usual:.3} of it"), (usual - 1.0).abs() <= MEAN_OFF),
            responsive.measured(told, is == self.theory.responsive),
        )
    }
    /// The mean interval between blocks.
    fn interval(&self, delta: Span) -> Result<Span, BuildError> {
        let mut scenario = self.scenario(4, SLOW, 1)?;
        scenario.network.delay = Delay::Constant(delta);
        scenario.stop.after = SLOW.times(2 * BLOCKS);
        scenario.stop.blocks = Some(BLOCKS);
        let outcome = run(&scenario, &mut |_| {})?;
        Ok(Span(outcome.duration.0 / outcome.committed_blocks.max(1)))
    }
    /// With x = reach / spacing, x/(1 + x) of the blocks go stale; of n equal miners 1 - 1/n of that,
    /// for nobody forks off from himself.
    fn forks(&self) -> Row {
        let (n, x) = FORKING;
        let want = x / (1.0 + x) * (1.0 - 1.0 / f64::from(n));
        let row = Row::new("share of stale blocks", format!("n = {n}, x = {x}"));
        let row = row.promised(format!("x/(1 + x) · (1 − 1/n) = {want:.3} ± {SHARE_OFF}"));
        const DEEP: u64 = 20;
        let measure = || {
            let reach = self.names.reach.span(DELTA, Span::ZERO);
            let spacing = Span((reach.0 as f64 / x) as u64);
            let mut scenario = self.scenario(n, spacing, DEEP)?;
            scenario.stop.after = spacing.times(2 * BLOCKS);
            scenario.stop.blocks = Some(BLOCKS);
            run(&scenario, &mut |_| {})
        };
        match measure() {
            Err(error) => row.failed(&error),
            Ok(outcome) => {
                let found = outcome.notes.get("proposed").copied().unwrap_or(0).max(1);
                let kept = outcome.committed_blocks + DEEP - 1;
                let share = 1.0 - kept as f64 / found as f64;
                row.measured(format!("{share:.3} of {found}"), (share - want).abs() <= SHARE_OFF)
            }
        }
    }
    /// `miners` of all keep their chain to themselves for long, then show it.
    fn private(&self, miners: u16) -> Row {
        let many = miners > self.theory.resilience.faults(SPLIT);
        let row = Row::new(&format!("{miners} mine privately"), format!("n = {SPLIT}"));
        let row = row.promised(if many { "a violation of finality" } else { "safe and live" });
        let measure = || {
            let spacing = Span::seconds(1);
            let mut scenario = self.scenario(SPLIT, spacing, 12)?;
            let during = Time::ZERO..Time::ZERO + spacing.times(PRIVATE);
            let group: Vec<_> = (0..miners).map(ReplicaId).collect();
            let attack = |&replica: &ReplicaId| {
                let (entry, params) = (self.entry, scenario.params.clone());
                Fault::Attack { replica, entry, params }
            };
            scenario.faults = group.iter().map(attack).collect();
            scenario.faults.push(Fault::Partition { groups: vec![group], during });
            scenario.stop.after = spacing.times(PRIVATE + 100);
            run(&scenario, &mut |_| {})
        };
        match measure() {
            Err(error) => row.failed(&error),
            Ok(outcome) => match outcome.violations.first() {
                Some(first) => row.measured(format!("{}: {}", first.property, first.what), many),
                None if outcome.committed_blocks > PRIVATE / 4 => {
                    row.measured("safe and live", !many)
                }
                None => row.measured(format!("{} blocks", outcome.committed_blocks), false),
            },
        }
    }
}
