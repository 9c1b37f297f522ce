//! What it costs to replace a leader: the leader of a running committee crashes, and the messages of
//! the kinds that only a view change sends are counted.
//!
//! Counted are those of the *last* view given up before the next block is committed: where votes go to
//! the next leader, a crashed one costs the view before its own too, and what is sent to it then is
//! lost.

use byzlab_core::{
    BuildError, Entry, Height, Note, ReplicaId, Span, Theory, Time, View,
    theory::{Responsive, ViewChange},
};
use byzlab_sim::{Deed, Fault, Line, run_traced};

use super::{
    Row,
    good_case::{DELTA, Setting, committees},
    in_delays, sizes,
};

/// How many Δ the committee has to replace its leader. Leaders take turns: it may be long until it
/// is the crashed one's.
const PATIENCE_BOUNDS: u64 = 8;

/// After Δ and so long, clients say again what the crashed leader alone knew of.
const RETRY: Span = DELTA.times(20);

/// One view change.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// Messages of its kinds.
    messages: u64,
    /// From the last honest replica's giving up to the first new block; `None` if there was none.
    recovery: Option<Span>,
}

/// The rows of the view change.
pub fn rows(entry: Entry, theory: &Theory) -> Vec<Row> {
    let (kinds, count) = match theory.view_change {
        ViewChange::None(why) => {
            let row = Row::new("view change", "").promised(format!("none: {why}"));
            return vec![row.measured("–", true)];
        }
        ViewChange::Messages { kinds, count, .. } => (kinds, count),
    };
    let mut chosen = committees(theory);
    chosen.retain(|&size| stands_a_crash(theory, size));
    let settings = chosen.iter().map(|&size| Setting::of(size));
    let changes: Result<Vec<Change>, BuildError> =
        settings.map(|setting| change(entry, theory, setting, kinds)).collect();
    let wants: Vec<u64> = chosen.iter().map(|&n| (count.of)(n.into())).collect();
    let list = |counts: &[u64]| counts.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let promised = format!("{} = {}", count.text, list(&wants));
    let row = Row::new("messages a view change", sizes(&chosen)).promised(promised);
    let changes = match changes {
        Ok(changes) => changes,
        Err(error) => return vec![row.failed(&error)],
    };
    let counts: Vec<u64> = changes.iter().map(|change| change.messages).collect();
    let holds = counts == wants;
    let mut rows = vec![row.measured(list(&counts), holds)];
    rows.extend(recovery(entry, theory, chosen[0], kinds, changes[0]));
    rows
}

/// Whether one crash leaves the committee able to go on, whoever it is.
fn stands_a_crash(theory: &Theory, size: u16) -> bool {
    theory.resilience.faults(size) > 0 && (0..size).all(|id| theory.stall(size, &[id]).is_none())
}

/// After the timeout, a responsive protocol goes on as fast however long the timeout was.
fn recovery(
    entry: Entry,
    theory: &Theory,
    size: u16,
    kinds: &[&str],
    usual: Change,
) -> Option<Row> {
    if theory.responsive != Responsive::Always {
        return None;
    }
    let row = Row::new(
        "from giving up a view to the next commit",
        format!("n = {size}, timeouts ten times as long"),
    );
    let tell = |span| in_delays(span, Default::default(), DELTA, Span::ZERO);
    let promised = match usual.recovery {
        Some(span) => format!("{}, as without", tell(span)),
        None => "a commit".into(),
    };
    let row = row.promised(promised);
    let late = Setting { stretch: 10, ..Setting::of(size) };
    Some(match change(entry, theory, late, kinds) {
        Err(error) => row.failed(&error),
        Ok(late) => {
            let told = late.recovery.map_or("no commit".into(), tell);
            row.measured(told, late.recovery.is_some() && late.recovery == usual.recovery)
        }
    })
}

/// Lets a committee run, crashes who leads then, and looks what follows.
fn change(
    entry: Entry,
    theory: &Theory,
    setting: Setting,
    kinds: &[&str],
) -> Result<Change, BuildError> {
    let mut scenario = setting.scenario(entry, theory)?;
    let n = u64::from(setting.size);
    scenario.stop.blocks = Some((2 * n + 4) * (theory.blocks.of)(n));
    let (outcome, trace) = run_traced(&scenario, &mut |_| {})?;
    // Between two moments at which messages leave.
    let at = Time::ZERO + outcome.duration + Span(setting.delta.0 / 2);
    let leader = proposer(&trace.journal)
        .ok_or_else(|| BuildError(format!("nobody proposed; {:?}", outcome.notes)))?;
    let bound = setting.bound(entry, theory)?;
    // What only the crashed leader knew of, clients say again to all.
    scenario.clients.load.retry = bound + RETRY;
    scenario.faults = vec![Fault::Crash { replica: leader, at }];
    scenario.stop.blocks = None;
    scenario.stop.after = outcome.duration + bound.times(PATIENCE_BOUNDS) + DELTA.times(20 * n);
    let (outcome, trace) = run_traced(&scenario, &mut |_| {})?;
    let after: Vec<&Line> = trace.journal.iter().filter(|line| line.at >= at).collect();
    measure(&after, kinds)
        .ok_or_else(|| BuildError(format!("no view was given up; {:?}", outcome.notes)))
}

/// Who proposed last.
fn proposer(lines: &[Line]) -> Option<ReplicaId> {
    let proposes = |line: &&Line| matches!(line.deed, Deed::Noted(Note::Proposed { .. }));
    lines.iter().rev().find(proposes).map(|line| line.by)
}

/// Of the last view given up before the first new block.
fn measure(lines: &[&Line], kinds: &[&str]) -> Option<Change> {
    let given_up: Vec<(Time, View)> = lines.iter().filter_map(|line| gives_up(line)).collect();
    let (begins, _) = *given_up.first()?;
    let known = lines.iter().filter(|line| line.at < begins).filter_map(|line| commits(line)).max();
    let new = |line: &&&Line| line.at > begins && commits(line) > known;
    let commit = lines.iter().find(new).map(|line| line.at);
    let end = commit.unwrap_or(Time::NEVER);
    let (_, view) = *given_up.iter().rev().find(|(at, _)| *at < end)?;
    let moments = || given_up.iter().filter(|(at, v)| *v == view && *at < end).map(|(at, _)| *at);
    let (first, last) = (moments().min()?, moments().max()?);
    let sent = |line: &&Line| match line.deed {
        Deed::Sent { kind, receivers, .. }
            if (first..=end).contains(&line.at) && kinds.contains(&kind) =>
        {
            receivers
        }
        _ => 0,
    };
    let messages = lines.iter().map(sent).sum();
    Some(Change { messages, recovery: commit.map(|at| at.since(last)) })
}

fn gives_up(line: &Line) -> Option<(Time, View)> {
    match line.deed {
        Deed::Noted(Note::TimedOut { view }) => Some((line.at, view)),
        _ => None,
    }
}

fn commits(line: &Line) -> Option<Height> {
    match line.deed {
        Deed::Committed { height, .. } => Some(height),
        _ => None,
    }
}
