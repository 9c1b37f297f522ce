//! Proposals and votes: the normal case.

use std::sync::Arc;

use byzlab_core::{Effects, Note, ReplicaId, Time, View};

use super::{
    HotStuff,
    message::{Message, Proposal, Vote},
    rules::{Ballot, Lineage, Phase, Qc, Rule, objection, vote_statement},
};
use crate::kit::{Tally, chain::DEPTH_MAX};

/// How many views ahead votes are counted for.
const VOTES_AHEAD_MAX: u64 = 2;

impl HotStuff {
    /// Algorithm 4, l. 16-21, `onReceiveProposal`; HotStuff-2, step (3) Vote and commit.
    pub(super) fn on_propose(
        &mut self,
        now: Time,
        from: ReplicaId,
        proposal: &Proposal,
        out: &mut Effects<Self>,
    ) {
        if let Some(why) = self.refuses(from, proposal) {
            return out.drop(from, "propose", why);
        }
        let Proposal { view, ref justify, .. } = *proposal;
        self.on_qc(now, justify, out);
        if let Some(decision) = &proposal.decision {
            self.on_decision(now, decision, out);
        }
        if let Some(timeout) = &proposal.timeout {
            self.on_timeout_certificate(now, timeout, out);
        }
        assert_eq!(self.pacemaker.view(), view, "a proposal brings what its view is entered by");
        let draft = proposal.draft(from);
        let head = draft.as_ref().map_or(justify.head(), |draft| draft.head());
        let lineage = proposal.lineage(head);
        match self.heard.filter(|heard| heard.view() == view) {
            Some(heard) if heard != lineage => {
                return out.note(Note::Misbehaved { by: from, what: "two proposals in one view" });
            }
            Some(_) => return out.drop(from, "propose", "sent again"),
            None => self.heard = Some(lineage),
        }
        let needed = self.high.head();
        if draft.is_some_and(|draft| !self.chain.insert(draft, needed)) {
            return out.drop(from, "propose", "its block is in the ledger, or beside it");
        }
        self.told = self.chain.root().height;
        self.vote(now, from, proposal, lineage, out);
        self.commit(now, out);
        self.watch(now, out);
    }

    /// Why a proposal is none of this run and time.
    fn refuses(&self, from: ReplicaId, proposal: &Proposal) -> Option<&'static str> {
        let Proposal { view, justify, timeout, decision, .. } = proposal;
        if from != self.leader_of(*view) {
            return Some("by someone who does not lead the view");
        }
        if *view < self.pacemaker.view() {
            return Some("of a view that was left");
        }
        let second = decision.as_deref();
        if !self.trusts(justify) || second.is_some_and(|qc| !self.trusts(qc)) {
            return Some("a certificate below the quorum, or of another commit rule");
        }
        if timeout.as_ref().is_some_and(|timeout| timeout.len() < self.setup.quorum) {
            return Some("a timeout certificate below the quorum");
        }
        let double = self.setup.rule == Rule::Double;
        if decision.is_some() && !double {
            return Some("a decision where chains decide");
        }
        let entered = [
            timeout.as_ref().map(|timeout| timeout.view),
            second.map(Qc::view),
            (!double || *view == View(1)).then(|| justify.view()),
        ];
        let views = || entered.into_iter().flatten();
        // Nothing in it may lead beyond its view, and something must lead into it.
        if views().any(|before| before >= *view) || views().all(|before| before.next() != *view) {
            return Some("neither a certificate nor timeouts of the view before");
        }
        None
    }

    fn vote(
        &mut self,
        now: Time,
        from: ReplicaId,
        proposal: &Proposal,
        lineage: Lineage,
        out: &mut Effects<Self>,
    ) {
        let view = proposal.view;
        self.settle(now, lineage, Phase::Vote, out);
        if self.pacemaker.view() != view {
            return out.drop(from, "propose", "the others' votes ended its view");
        }
        let ballot = Ballot { voted: self.voted, lock: self.lock };
        let high = proposal.timeout.as_ref().map(|timeout| timeout.high());
        let justify = proposal.justify.view();
        // Algorithm 4, l. 17-18, or its like in the other papers; HotStuff-2, step (3): no lower than the lock.
        if let Some(why) = objection(self.setup.rule, ballot, view, justify, high) {
            return out.drop(from, "propose", why);
        }
        if self.chain.depth(lineage.own.head) > 2 * DEPTH_MAX {
            return out.drop(from, "propose", "too far above what is committed here");
        }
        self.voted = view; // Algorithm 4, l. 19-20
        self.save_block(lineage.own.head, out);
        self.save(out);
        let statement = vote_statement(&self.seat.committee, Phase::Vote, &lineage);
        let vote = Vote { lineage, signature: out.sign(&statement) };
        self.say(Some(self.collector(view, Phase::Vote)), Message::Vote(vote), out);
    }

    /// Who collects the votes of a view: the next leader; but the leader of the view itself where views
    /// decide by themselves.
    pub(super) fn collector(&self, view: View, phase: Phase) -> ReplicaId {
        match (self.setup.rule, phase) {
            (Rule::Double, Phase::Vote) => self.leader_of(view),
            _ => self.leader_of(view.next()),
        }
    }

    /// Algorithm 4, l. 22-27, `onReceiveVote`; HotStuff-2, step (4) Prepare, and of second votes step (1) Enter.
    pub(super) fn on_vote(
        &mut self,
        now: Time,
        from: ReplicaId,
        phase: Phase,
        vote: Vote,
        out: &mut Effects<Self>,
    ) {
        let kind = if phase == Phase::Vote { "vote" } else { "vote-2" };
        let Vote { lineage, signature } = vote;
        let view = lineage.view();
        if lineage.rule != self.setup.rule
            || (phase == Phase::Vote2 && lineage.rule != Rule::Double)
        {
            return out.drop(from, kind, "of another commit rule");
        }
        if self.collector(view, phase) != self.seat.me {
            return out.drop(from, kind, "someone else collects it");
        }
        if self.is_over(view, phase) {
            return out.drop(from, kind, "of a view that has its certificate, or was left");
        }
        if view.0 > self.pacemaker.view().0 + VOTES_AHEAD_MAX {
            return out.drop(from, kind, "of a view too far ahead");
        }
        let (quorum, size) = (self.setup.quorum, self.seat.committee.size());
        let tally = self.votes.entry((view, phase)).or_insert_with(|| Tally::new(quorum, size));
        let certificate = tally.add(from, lineage, signature).or_else(|| tally.settle_if_full());
        if let Some(certificate) = certificate {
            self.on_certified(now, phase, Qc { lineage, certificate }, out);
        }
    }

    fn is_over(&self, view: View, phase: Phase) -> bool {
        let certified = match phase {
            Phase::Vote => self.high.view(),
            Phase::Vote2 => self.decision.as_ref().map_or(View(0), |decision| decision.view()),
        };
        view <= certified || view.next() < self.pacemaker.view()
    }

    /// What this replica itself took for the view's proposal is what votes must be for.
    fn settle(&mut self, now: Time, lineage: Lineage, phase: Phase, out: &mut Effects<Self>) {
        let view = lineage.view();
        if self.collector(view, phase) != self.seat.me || self.is_over(view, phase) {
            return;
        }
        let (quorum, size) = (self.setup.quorum, self.seat.committee.size());
        let tally = self.votes.entry((view, phase)).or_insert_with(|| Tally::new(quorum, size));
        if tally.fired() {
            return;
        }
        if let Some(certificate) = tally.settle(lineage) {
            self.on_certified(now, phase, Qc { lineage, certificate }, out);
        }
    }

    /// A quorum voted.
    fn on_certified(&mut self, now: Time, phase: Phase, qc: Qc, out: &mut Effects<Self>) {
        let qc = Arc::new(qc);
        match (self.setup.rule, phase) {
            // HotStuff-2, step (4) Prepare: the leader certifies its block to all.
            (Rule::Double, Phase::Vote) => self.say(None, Message::Prepare(qc), out),
            // HotStuff-2, step (1) Enter: the next leader has the double certificate.
            (Rule::Double, Phase::Vote2) => self.on_decision(now, &qc, out),
            _ => self.on_qc(now, &qc, out), // Algorithm 4, l. 25-27
        }
        self.watch(now, out);
    }

    /// HotStuff-2, step (5) Vote2: locks on the certificate and votes for it, to the next leader.
    pub(super) fn on_prepare(
        &mut self,
        now: Time,
        from: ReplicaId,
        qc: &Arc<Qc>,
        out: &mut Effects<Self>,
    ) {
        if self.setup.rule != Rule::Double || !self.trusts(qc) {
            return out.drop(from, "prepare", "below the quorum, or of another commit rule");
        }
        self.on_qc(now, qc, out);
        let view = qc.view();
        if view != self.pacemaker.view() || self.pacemaker.gave_up() || self.prepared >= view {
            return out.drop(from, "prepare", "its view is not this one, or had its second vote");
        }
        self.prepared = view;
        // Whoever locked on this view votes in it no more.
        self.voted = self.voted.max(view);
        self.save(out);
        let statement = vote_statement(&self.seat.committee, Phase::Vote2, &qc.lineage);
        let vote = Vote { lineage: qc.lineage, signature: out.sign(&statement) };
        // What the first phase took needs no saying again.
        self.said.retain(|(_, message)| matches!(message, Message::Prepare(_)));
        self.say(Some(self.collector(view, Phase::Vote2)), Message::Vote2(vote), out);
        self.settle(now, qc.lineage, Phase::Vote2, out);
    }
}
