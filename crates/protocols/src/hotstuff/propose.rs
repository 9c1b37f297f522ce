//! Leading a view: what to propose, and when.

use byzlab_core::{Batch, BatchLimit, Effects, Note, Time};

use super::{
    HotStuff, Timer,
    message::{Message, Proposal},
    rules::Rule,
};
use crate::kit::{Gap, chain::DEPTH_MAX};

impl HotStuff {
    /// Asks for a batch, if this replica leads its view and may propose in it.
    pub(super) fn lead(&mut self, now: Time, out: &mut Effects<Self>) {
        let view = self.pacemaker.view();
        if self.pacemaker.leader() != self.seat.me || self.voted.max(self.proposed) >= view {
            return;
        }
        if self.asking == Some(view) || !self.may_propose(now, out) {
            return;
        }
        let high = self.high.head();
        let branch = match self.chain.branch(high) {
            Ok(branch) => branch,
            Err(Gap::Missing(head)) => {
                out.note(Note::Waits { why: "a block is missing that the proposal would extend" });
                return self.ask_for(now, head, out);
            }
            Err(Gap::Fork) => {
                let why = "the highest certificate is below the ledger, or contradicts it";
                return out.note(Note::Waits { why });
            }
        };
        if self.chain.depth(high) >= DEPTH_MAX {
            return self.propose(Batch::empty(), out);
        }
        self.asking = Some(view);
        // While something waits to be committed, blanks drive it on.
        let empty = high.height > self.told;
        out.want_batch(BatchLimit { empty, ..self.setup.batch }, branch);
    }

    /// Whether the view was entered in a way that lets its leader propose, with what it has.
    fn may_propose(&mut self, now: Time, out: &mut Effects<Self>) -> bool {
        let (view, high) = (self.pacemaker.view(), self.high.view());
        let direct = high.next() == view;
        let wait = |why, out: &mut Effects<Self>| {
            out.note(Note::Waits { why });
            false
        };
        match (self.setup.rule, &self.timeout) {
            (Rule::ThreeChain | Rule::TwoChain, _) if direct => true,
            // HotStuff, Algorithm 5, l. 11-12, `onReceiveNewView`: the highest certificate of a quorum's new-views.
            (Rule::ThreeChain, Some(_)) => true,
            (Rule::TwoChain, Some(timeout)) => {
                high >= timeout.high() || wait("a quorum knows a higher certificate", out)
            }
            // HotStuff-2, step (1) Enter: at once after a decision; else Δ after the view was entered, so that all
            // locks are told.
            (Rule::Double, timeout) => {
                let decided = self.decision.as_ref().is_some_and(|qc| qc.view().next() == view);
                if direct && (decided || timeout.is_some() || high.0 == 0) {
                    return true;
                }
                if decided || timeout.is_none() {
                    return wait("the certificate of the view before is missing", out);
                }
                if self.waited < view {
                    out.arm(Timer::Wait, now + self.setup.leader_wait);
                    return wait("others may be locked on a higher certificate", out);
                }
                true
            }
            (_, None) => wait("neither a certificate nor timeouts of the view before", out),
        }
    }

    pub(super) fn on_batch(&mut self, batch: Batch, out: &mut Effects<Self>) {
        let view = self.pacemaker.view();
        let asked = self.asking.take();
        if asked != Some(view) || self.pacemaker.gave_up() || self.high.view() >= view {
            return out.note(Note::Waits { why: "a batch came for a view that was left" });
        }
        self.propose(batch, out);
    }

    /// Algorithm 4, l. 28-31, `onPropose`; HotStuff-2, step (2) Propose: with the highest certificate and the
    /// decision of the view before.
    fn propose(&mut self, batch: Batch, out: &mut Effects<Self>) {
        let view = self.pacemaker.view();
        let (high, transactions) = (self.high.clone(), batch.len() as u32);
        let direct = high.view().next() == view;
        let decision = self.decision.clone().filter(|decision| decision.view().next() == view);
        let timeout = self.timeout.clone().filter(|_| !direct || self.setup.rule == Rule::Double);
        let timeout = timeout.filter(|_| decision.is_none());
        let proposal = Proposal { view, justify: high, timeout, decision, batch };
        let head = proposal.draft(self.seat.me).map_or(self.high.head(), |draft| draft.head());
        self.proposed = view;
        self.save(out); // So that a restart does not propose twice in a view.
        out.note(Note::Proposed { view, height: head.height, transactions });
        self.say(None, Message::Propose(Box::new(proposal)), out);
    }
}
