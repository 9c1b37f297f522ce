//! Where theory says that a run commits nothing, so that a record can tell that from a failure.
//!
//! A stall follows only from replicas that are down together until the end of the run, and only under
//! the parameters that it names: the rule of commits and the rotation of leaders that were configured.
//! Where fewer are down, or for a while, or before, whatever stops is a failure.
//!
//! A run can also be too short: its leaders have their turns in an order in which the first view that can decide
//! comes late, and waits have grown until then. That explains a run in which nothing was committed, and whose
//! views went by as fast as their longest wait allows, and faster.

use std::collections::BTreeMap;

use byzlab_core::{
    Span, Theory,
    outcome::{Outcome, Violation},
    theory::{self, Timing},
};

use super::{Case, sweep};
use crate::spec::FaultKind;

/// A stretch, to the end of a run, in which nothing can be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Its beginning.
    pub from: Span,
    /// What theory says.
    pub why: &'static str,
    /// How long a decision may take when all is well, by the bounds that timeouts are set by.
    decision: Span,
}

impl Case {
    /// From when on theory says that this run commits nothing, and why: too many replicas of the wrong
    /// places are crashed or silent for good, though no more than it stands.
    pub fn stall(&self) -> Option<Stall> {
        let theory = sweep::theory(self.entry, &self.params)?;
        let gone = self.gone();
        let ids: Vec<u16> = gone.iter().map(|&(_, id)| id).collect();
        (1..=ids.len()).find_map(|count| {
            let size = self.spec.cluster.nodes;
            let why = theory.stall_with(&self.params, size, &ids[..count])?;
            Some(Stall { from: gone[count - 1].0, why, decision: self.decision(theory) })
        })
    }
    /// The replicas that are down at the end, each once, with the moment since when; by that moment.
    fn gone(&self) -> Vec<(Span, u16)> {
        let silent = self.spec.cluster.silent.iter().map(|&id| (id, Span::ZERO));
        let mut silent: BTreeMap<u16, Span> = silent.collect();
        let mut crashed: BTreeMap<u16, Span> = BTreeMap::new();
        let here = self.spec.fault.iter().filter(|fault| fault.is_for(self.host));
        let mut faults: Vec<_> = here.collect();
        faults.sort_by_key(|fault| fault.at);
        for fault in faults {
            let for_good = fault.until.is_none_or(|until| until >= self.spec.stop.after);
            for &id in fault.replicas() {
                match fault.kind {
                    FaultKind::Crash => drop(crashed.insert(id, fault.at)),
                    FaultKind::Restart => drop(crashed.remove(&id)),
                    FaultKind::Silent if for_good => {
                        silent.entry(id).or_insert(fault.at);
                    }
                    _ => {}
                }
            }
        }
        for (id, at) in crashed {
            let since = silent.entry(id).or_insert(at);
            *since = at.min(*since);
        }
        let mut gone: Vec<_> = silent.into_iter().map(|(id, since)| (since, id)).collect();
        gone.sort_unstable();
        gone
    }
    /// Why theory lets a run that ended like this commit nothing, though a longer one would.
    pub(crate) fn too_short(&self, outcome: &Outcome) -> Option<String> {
        if outcome.committed_blocks > 0 {
            return None;
        }
        let theory = sweep::theory(self.entry, &self.params)?;
        let always = self.gone().into_iter().filter(|&(since, _)| since == Span::ZERO);
        let ids: Vec<u16> = always.map(|(_, id)| id).collect();
        let (first, takes) = theory.decides_in(&self.params, self.spec.cluster.nodes, &ids)?;
        let highest = outcome.highest_view.0;
        let longest = theory::span(&self.params, theory.bounds.first()?).ok()?;
        let in_time = longest.times(theory.longest_view.saturating_mul(highest));
        (highest < first && outcome.duration <= in_time).then(|| {
            format!(
                "a decision takes {takes}: their turns bring them first in view {first}, and this run came to \
                 view {highest}"
            )
        })
    }
    fn decision(&self, theory: &Theory) -> Span {
        let bound = theory.bounds.first().and_then(|name| theory::span(&self.params, name).ok());
        match (theory.timing, bound) {
            (Timing::Rounds { last, .. }, Some(bound)) => last.span(bound, bound),
            _ => Span::ZERO,
        }
    }
    /// Whether this is nothing but the stall: a lack of progress that lies in it wholly.
    pub(crate) fn is_expected(
        &self,
        stall: &Stall,
        violation: &Violation,
        outcome: &Outcome,
    ) -> bool {
        if violation.property != "progress" {
            return false;
        }
        let at = violation.at.since(byzlab_core::Time::ZERO);
        if outcome.committed_blocks == 0 && at >= outcome.duration {
            // All of the run is meant. What came before the stall was too short for a decision?
            return stall.from <= Span(self.spec.load.from.0.saturating_add(stall.decision.0));
        }
        let within = self.spec.check.progress_within.unwrap_or(at);
        Span(at.0.saturating_sub(within.0)) >= stall.from
    }
}
