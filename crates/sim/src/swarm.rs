//! Swarms: scenarios drawn from a seed, with everything that may go wrong, for any protocol that
//! says what it stands ([`Theory`]).
//!
//! One seed draws the size, delays, load and faults of a [`scenario`]; [`judge`] says whether what
//! came of it is good. As in TigerBeetle's simulator, a run is first disturbed, then healed, then
//! asked for progress:
//!
//! | until | what happens |
//! |---|---|
//! | [`CALM`] | crashes and restarts of any replicas, partitions that heal, a network not yet timely |
//! | [`LOAD`] | clients go on sending, so there is work to do in peace |
//! | [`END`]  | everything must be confirmed, and no honest running replica left behind |
//!
//! All the while up to f replicas are Byzantine: one silent, one a twin; or, where there is room,
//! one is down for good. Lost messages, where a seed has them, are lost to the end.
//!
//! Sizes are the smallest committees that stand one and two faults (4 and 7 for n ≥ 3f + 1). A
//! protocol that stands crashes alone gets no Byzantine replicas. One that [cannot
//! go on](Theory::stall) with a faulty replica drawn is spared it in every other seed; in the rest it is
//! asked for [agreement alone](asks_progress).

use std::{fmt, ops::Range};

use byzlab_core::{
    BuildError, Entry, ReplicaId, Span, Theory, Time,
    outcome::{Outcome, Violation},
    random::Stream,
    theory::{self, Adversary, Timing},
};

use crate::scenario::{Clients, Delay, Fault, Mining, Scenario, Stabilisation};

/// When the last disturbance is over.
pub const CALM: Time = Time::seconds(5);
/// Until when clients send.
pub const LOAD: Time = Time::seconds(6);
/// How long a run lasts.
pub const END: Span = Span::seconds(20);
/// How long a run lasts where blocks are found by work: chance has a say in it.
pub const END_MINED: Span = Span::seconds(45);
/// How far behind an honest replica may be at the end, in time.
const BEHIND: Span = Span::seconds(3);
/// The interval of samples, by which that is seen.
const SAMPLE: Span = Span::ms(250);

/// The scenario that `seed` draws for one variant of a protocol.
///
/// # Errors
/// If the parameters that the theory names are not the protocol's.
pub fn scenario(entry: Entry, theory: &Theory, seed: u64) -> Result<Scenario, BuildError> {
    let mut draw = Stream::new(seed, "swarm");
    let size = theory.resilience.smallest(1 + draw.below(2) as u16);
    let mut scenario = Scenario::new(entry, size, seed);
    scenario.params = theory.params(theory.swarm)?;
    scenario.label = "swarm".into();
    let low = Span::ms(2 + draw.below(9));
    scenario.network.delay = Delay::Range { low, high: Span(low.0 + Span::ms(20).0) };
    if draw.below(3) == 0 {
        scenario.network.loss_ppm = 1_000 + draw.below(19_000) as u32;
    }
    if draw.below(4) == 0 {
        let at = CALM.0 / 2 + draw.below(CALM.0 / 2);
        let delay = Span::ms(20 + draw.below(280));
        scenario.network.stabilises = Some(Stabilisation { at: Time(at), delay });
    }
    scenario.clients = Clients::open(2, Span::ms(40), LOAD);
    scenario.clients.load.transaction_bytes = 64;
    scenario.clients.load.retry = Span::ms(700);
    scenario.sample = SAMPLE;
    scenario.stop.after = END;
    if let Timing::Mined { .. } = theory.timing {
        scenario.stop.after = END_MINED;
        scenario.mining = mining(entry, theory, &scenario)?;
    }
    scenario.faults = lasting(theory, size, &mut draw);
    let spared = scenario.faults.iter().filter_map(Fault::replica).collect::<Vec<_>>();
    passing(size, &spared, &mut draw, &mut scenario.faults);
    Ok(scenario)
}

/// Equal miners who find a block a spacing.
fn mining(entry: Entry, theory: &Theory, scenario: &Scenario) -> Result<Mining, BuildError> {
    let Timing::Mined { spacing, difficulty, .. } = theory.timing else {
        return Ok(Mining::default());
    };
    let params = entry.resolve(&scenario.params)?;
    let hashes = theory::number(&params, difficulty)?;
    let spacing = theory::span(&params, spacing)?;
    let second = u128::from(Span::seconds(1).0);
    let all = u128::from(hashes) * second / u128::from(spacing.0.max(1));
    Ok(Mining { hash_power: vec![(all / u128::from(scenario.size)).max(1) as u64] })
}

/// Replicas that are faulty to the end: at most f. One with whom theory promises no progress is left
/// out now and then, so that there are seeds which ask for it.
fn lasting(theory: &Theory, size: u16, draw: &mut Stream) -> Vec<Fault> {
    let mut ids: Vec<u16> = (0..size).collect();
    draw.shuffle(&mut ids);
    let byzantine = theory.resilience.adversary != Adversary::Crash;
    let mut kinds = vec![0, 1, 2];
    draw.shuffle(&mut kinds);
    let mut faults = Vec::new();
    let mut faulty = Vec::new();
    for (id, kind) in ids.into_iter().take(theory.resilience.faults(size).into()).zip(kinds) {
        let replica = ReplicaId(id);
        let reshuffle = (draw.below(3) == 0).then(|| Span::ms(100 + draw.below(900)));
        let from = Time::ms(draw.below(2) * draw.below(3_000));
        let until = if draw.below(2) == 0 { Time::NEVER } else { CALM };
        let fault = match kind {
            _ if draw.below(4) == 0 => continue, // fewer than f, now and then
            0 if byzantine => Fault::Silent { replica, during: from..until },
            1 if byzantine => Fault::Twins { replica, reshuffle },
            _ => Fault::Crash { replica, at: from },
        };
        faulty.push(id);
        if theory.stall(size, &faulty).is_some() && draw.below(2) == 0 {
            faulty.pop();
        } else {
            faults.push(fault);
        }
    }
    faults
}

/// Faults that are over by [`CALM`], of all replicas but the `spared`.
fn passing(size: u16, spared: &[ReplicaId], draw: &mut Stream, faults: &mut Vec<Fault>) {
    let window = |draw: &mut Stream, longest: u64| -> Range<Time> {
        let from = Time::ms(100 + draw.below(3_000));
        from..(from + Span::ms(1 + draw.below(longest))).min(CALM)
    };
    for replica in (0..size).map(ReplicaId).filter(|id| !spared.contains(id)) {
        if draw.below(3) == 0 {
            let down = window(draw, 1_500);
            faults.push(Fault::Crash { replica, at: down.start });
            faults.push(Fault::Restart { replica, at: down.end });
        }
    }
    for _ in 0..draw.below(3) {
        let group: Vec<_> = (0..size).filter(|_| draw.below(2) == 0).map(ReplicaId).collect();
        faults.push(Fault::Partition { groups: vec![group], during: window(draw, 2_000) });
    }
}

/// Whether theory promises progress once all is calm: not where it stalls with those who are faulty to
/// the end. Twins count, for either copy may be out of the others' sight when it leads.
pub fn asks_progress(theory: &Theory, scenario: &Scenario) -> bool {
    let back = |id| {
        let up = |fault: &Fault| matches!(fault, Fault::Restart { replica, .. } if *replica == id);
        scenario.faults.iter().any(up)
    };
    let for_good = |fault: &Fault| match fault {
        Fault::Crash { replica, .. } => (!back(*replica)).then_some(replica.0),
        Fault::Silent { replica, during } => (during.end > CALM).then_some(replica.0),
        Fault::Twins { replica, .. } => Some(replica.0),
        _ => None,
    };
    let faulty: Vec<u16> = scenario.faults.iter().filter_map(for_good).collect();
    theory.stall(scenario.size, &faulty).is_none()
}

/// Whether what came of a swarm's scenario is good; if not, why not.
///
/// # Errors
/// What is wrong: a violation; or, where [progress](asks_progress) is promised, a transaction that was
/// not confirmed, or a replica left behind.
pub fn judge(theory: &Theory, scenario: &Scenario, outcome: &Outcome) -> Result<(), String> {
    let asks_progress = asks_progress(theory, scenario);
    let counts = |violation: &&Violation| asks_progress || violation.property != "progress";
    let violations: Vec<&Violation> = outcome.violations.iter().filter(counts).collect();
    if let Some(first) = violations.first() {
        let (count, property) = (violations.len(), &first.property);
        return Err(format!("{count} violations, first of {property}: {}", first.what));
    }
    if !asks_progress {
        return Ok(());
    }
    let (confirmed, sent) = (outcome.committed_transactions(), outcome.submitted);
    if confirmed < sent {
        return Err(format!(
            "{confirmed} of {sent} transactions are confirmed, {} blocks committed; notes: {:?}",
            outcome.committed_blocks, outcome.notes
        ));
    }
    let end = Time::ZERO + outcome.duration;
    let earlier = outcome.timeline.iter().rev().find(|sample| end.since(sample.at) >= BEHIND);
    let longest = |heights: &[Option<byzlab_core::Height>]| heights.iter().flatten().max().copied();
    let due = earlier.and_then(|sample| longest(&sample.heights)).unwrap_or_default();
    let byzantine = |id: ReplicaId| {
        scenario.faults.iter().any(|fault| fault.is_byzantine() && fault.befalls(id))
    };
    for (id, head) in (0..).map(ReplicaId).zip(&outcome.heads) {
        if let Some(head) = head.filter(|head| head.height < due && !byzantine(id)) {
            return Err(format!(
                "{id} is left behind at height {}, where others were past {due} {BEHIND} before the \
                 end; notes: {:?}",
                head.height, outcome.notes
            ));
        }
    }
    Ok(())
}

impl Fault {
    /// The one replica whom the fault befalls, if it is one.
    pub fn replica(&self) -> Option<ReplicaId> {
        match self {
            Self::Crash { replica, .. }
            | Self::Restart { replica, .. }
            | Self::Silent { replica, .. }
            | Self::Twins { replica, .. }
            | Self::Slow { replica, .. }
            | Self::Attack { replica, .. } => Some(*replica),
            Self::Partition { .. } | Self::SplitBrain { .. } | Self::Hunt { .. } => None,
        }
    }
    /// Whether it is the doing or the suffering of this replica itself, not of links alone.
    pub fn befalls(&self, id: ReplicaId) -> bool {
        self.replica() == Some(id) || self.twins().contains(&id)
    }
    /// Whether checks ask nothing of the replica.
    pub fn is_byzantine(&self) -> bool {
        matches!(self, Self::Silent { .. } | Self::Attack { .. }) || !self.twins().is_empty()
    }
}

/// A scenario in one line, for whoever has to find out why it failed.
#[derive(Clone, Copy, Debug)]
pub struct InWords<'a>(pub &'a Scenario);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scenario { entry, size, seed, network, .. } = self.0;
        write!(f, "{} with n = {size}, seed {seed}", entry.name)?;
        match network.delay {
            Delay::Range { low, high } => write!(f, ", delays {low} to {high}")?,
            Delay::Constant(delay) => write!(f, ", delay {delay}")?,
            Delay::Regions { .. } => {}
        }
        if network.loss_ppm > 0 {
            write!(f, ", {} of a million messages lost", network.loss_ppm)?;
        }
        if let Some(Stabilisation { at, delay }) = network.stabilises {
            write!(f, ", up to {delay} more until {at}")?;
        }
        for fault in &self.0.faults {
            write!(f, "; ")?;
            match fault {
                Fault::Crash { replica, at } => write!(f, "{replica} down at {at}")?,
                Fault::Restart { replica, at } => write!(f, "{replica} up at {at}")?,
                Fault::Silent { replica, during } => {
                    write!(f, "{replica} silent {}", Window(during))?;
                }
                Fault::Twins { replica, reshuffle: None } => write!(f, "{replica} twins")?,
                Fault::Twins { replica, reshuffle: Some(gap) } => {
                    write!(f, "{replica} twins, split anew every {gap}")?;
                }
                Fault::Partition { groups, during } => {
                    write!(f, "{} apart {}", set(&groups.concat()), Window(during))?;
                }
                Fault::SplitBrain { replicas, apart } => {
                    write!(f, "{} in two worlds, {} in the second", set(replicas), set(apart))?;
                }
                Fault::Slow { replica, during, factor } => {
                    write!(f, "{replica} {factor} times slower {}", Window(during))?;
                }
                Fault::Hunt { during, by } => {
                    write!(f, "the leader held back by {by} {}", Window(during))?;
                }
                Fault::Attack { replica, entry, .. } => write!(f, "{replica} runs {}", entry.name)?,
            }
        }
        Ok(())
    }
}

fn set(ids: &[ReplicaId]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    format!("{{{}}}", ids.join(" "))
}

struct Window<'a>(&'a Range<Time>);

impl fmt::Display for Window<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} ", self.0.start)?;
        match self.0.end {
            Time::NEVER => f.write_str("on"),
            end => write!(f, "to {end}"),
        }
    }
}
