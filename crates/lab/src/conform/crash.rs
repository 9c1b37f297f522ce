//! A leader crashes: what a running committee says and how long it takes until it commits again, read
//! from the journal of one run.

use byzlab_core::{
    BuildError, Entry, Height, Note, ReplicaId, Span, Theory, Time, View, theory::ViewChange,
};
use byzlab_sim::{Deed, Fault, Line, run_traced};

use super::good_case::{DELTA, Setting, committees};

/// How many Δ the committee has to replace its leader. Leaders take turns: it may be long until it
/// is the crashed one's.
const PATIENCE_BOUNDS: u64 = 8;
/// After Δ and so long, clients say again what the crashed leader alone knew of.
const RETRY: Span = DELTA.times(20);

/// What one crash costs.
#[derive(Clone, Copy, Debug)]
pub struct Crash {
    /// Messages of the kinds that only a view change sends, for the *last* view given up before the next
    /// block is committed: where votes go to the next leader, a crashed one costs the view before its
    /// own too, and what is sent to it then is lost.
    pub change: u64,
    /// The largest of them, encoded, in bytes.
    pub largest: u64,
    /// All messages of the crashed leader's turn, whatever they are, but for those that are
    /// [apart](Theory::apart).
    pub turn: u64,
    /// From the last live replica's giving up to the first new block; `None` if there was none.
    pub recovery: Option<Span>,
}

/// The committees that go on whoever crashes.
pub fn standing(theory: &Theory) -> Vec<u16> {
    let stands = |&size: &u16| {
        let alone = |id| theory.stall(size, &[id]).is_none();
        theory.resilience.faults(size) > 0 && (0..size).all(alone)
    };
    committees(theory).into_iter().filter(stands).collect()
}

impl Crash {
    /// Lets a committee run, crashes who leads then, and looks what follows.
    ///
    /// # Errors
    /// If it cannot be run, or nothing in the journal tells of the crashed one's turn.
    pub fn of(entry: Entry, theory: &Theory, setting: Setting) -> Result<Self, BuildError> {
        let mut scenario = setting.scenario(entry, theory)?;
        let n = u64::from(setting.size);
        scenario.stop.blocks = Some((2 * n + 4) * (theory.blocks.of)(n));
        let (outcome, trace) = run_traced(&scenario, &mut |_| {})?;
        // Between two moments at which messages leave.
        let at = Time::ZERO + outcome.duration + Span(setting.delta.0 / 2);
        let crashed = proposer(&trace.journal)
            .ok_or_else(|| BuildError(format!("nobody proposed; {:?}", outcome.notes)))?;
        let bound = setting.bound(entry, theory)?;
        // What only the crashed leader knew of, clients say again to all.
        scenario.clients.load.retry = bound + RETRY;
        scenario.faults = vec![Fault::Crash { replica: crashed, at }];
        scenario.stop.blocks = None;
        let round_of_leaders =
            theory.period.unwrap_or_default().span(setting.delta, bound).times(n);
        let patience = bound.times(PATIENCE_BOUNDS) + DELTA.times(20 * n) + round_of_leaders;
        scenario.stop.after = outcome.duration + patience;
        let (outcome, trace) = run_traced(&scenario, &mut |_| {})?;
        let after: Vec<&Line> = trace.journal.iter().filter(|line| line.at >= at).collect();
        Story { lines: &after, theory, crashed }
            .told()
            .ok_or_else(|| BuildError(format!("no view was given up; {:?}", outcome.notes)))
    }
}

/// The journal from the crash on.
struct Story<'a> {
    lines: &'a [&'a Line],
    theory: &'a Theory,
    crashed: ReplicaId,
}

impl Story<'_> {
    fn told(&self) -> Option<Crash> {
        let given_up = self.given_up();
        let (begins, _) = *given_up.first()?;
        let before = self.lines.iter().filter(|line| line.at < begins);
        let known = before.filter_map(|line| commits(line)).max();
        let new = |line: &&&Line| line.at > begins && commits(line) > known;
        let commit = self.lines.iter().find(new).map(|line| line.at);
        let end = commit.unwrap_or(Time::NEVER);
        let (_, view) = *given_up.iter().rev().find(|(at, _)| *at < end)?;
        let of_view = given_up.iter().filter(|(at, v)| *v == view && *at < end).map(|(at, _)| *at);
        let (first, last) = (of_view.clone().min()?, of_view.max()?);
        let change = |line: &&Line| (first..=end).contains(&line.at) && self.is_change(line);
        let (change, largest) = self.sent(change);
        // It crashed in the middle of its turn; of leaders who take turns, its next one is whole.
        let next = given_up.iter().map(|(at, _)| *at).find(|at| *at > end);
        let (turn, _) = self.turn(next.unwrap_or(begins));
        Some(Crash { change, largest, turn, recovery: commit.map(|at| at.since(last)) })
    }
    /// Who gave up on which view, and when; where nobody ever does, who entered the crashed one's.
    fn given_up(&self) -> Vec<(Time, View)> {
        let timed_out = |line: &&Line| match line.deed {
            Deed::Noted(Note::TimedOut { view }) => Some((line.at, view)),
            _ => None,
        };
        let entered = |line: &&Line| match line.deed {
            Deed::Noted(Note::Entered { view, leader }) if leader == Some(self.crashed) => {
                Some((line.at, view))
            }
            _ => None,
        };
        let given_up: Vec<_> = self.lines.iter().copied().filter_map(|l| timed_out(&l)).collect();
        match given_up.is_empty() {
            true => self.lines.iter().copied().filter_map(|line| entered(&line)).collect(),
            false => given_up,
        }
    }
    /// The messages of the turn that begins then, and the largest. At the moment at which the next leader
    /// proposes, a view change may still say its last word.
    fn turn(&self, begins: Time) -> (u64, u64) {
        let proposes = |line: &&&Line| line.at >= begins && proposed(line);
        let end = self.lines.iter().find(proposes).map_or(Time::NEVER, |line| line.at);
        self.sent(|line| {
            (begins..end).contains(&line.at) || (line.at == end && self.is_change(line))
        })
    }
    fn is_change(&self, line: &Line) -> bool {
        let ViewChange::Messages { kinds, .. } = self.theory.view_change else { return false };
        matches!(line.deed, Deed::Sent { kind, .. } if kinds.contains(&kind))
    }
    /// How many messages were sent of those lines, and the largest.
    fn sent(&self, of: impl Fn(&&Line) -> bool) -> (u64, u64) {
        let counted =
            self.lines.iter().filter(|line| of(line)).filter_map(|line| match line.deed {
                Deed::Sent { kind, receivers, bytes } if !self.theory.apart.contains(&kind) => {
                    Some((receivers, bytes))
                }
                _ => None,
            });
        counted.fold((0, 0), |(sum, most), (receivers, bytes)| (sum + receivers, most.max(bytes)))
    }
}

/// Who proposed last.
fn proposer(lines: &[Line]) -> Option<ReplicaId> {
    lines.iter().rev().find(|line| proposed(line)).map(|line| line.by)
}

fn proposed(line: &Line) -> bool {
    matches!(line.deed, Deed::Noted(Note::Proposed { .. }))
}

fn commits(line: &Line) -> Option<Height> {
    match line.deed {
        Deed::Committed { height, .. } => Some(height),
        _ => None,
    }
}
