//! Leaving a view that got nowhere.

use std::sync::Arc;

use byzlab_core::{Effects, Note, ReplicaId, Time};

use super::{
    HotStuff, Timer, ViewChange,
    message::{Message, Standing, TIMEOUT},
};
use crate::kit::{Due, Heard, TimeoutVote};

impl HotStuff {
    /// Whether there is anything to wait for: transactions, or blocks that are not committed.
    pub(super) fn waits(&self) -> bool {
        let root = self.chain.root().height;
        let heard = self.heard.filter(|heard| heard.view() == self.pacemaker.view());
        let heard = heard.map(|heard| heard.own.head.height);
        let heights = [Some(self.high.head().height), heard];
        self.waiting || self.goal.is_some() || heights.into_iter().flatten().any(|h| h > root)
    }

    /// The view's timer runs while there is something to wait for.
    pub(super) fn watch(&mut self, now: Time, out: &mut Effects<Self>) {
        let waits = self.waits();
        self.pacemaker.watch(now, waits, Timer::View, out);
    }

    /// The view lasts long, or too long (Algorithm 5, l. 9, `onNextSyncView`).
    pub(super) fn on_view_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        match self.pacemaker.on_timer(Timer::View, out) {
            Due::Repeat => self.repeat(out),
            Due::GiveUp => self.give_up(now, out),
        }
    }

    /// Gives up on the view: votes in it no more, and says so (Algorithm 5, l. 9-10, `onNextSyncView`: a
    /// new-view with the highest certificate to the next leader, as HotStuff-2's locked certificate in step (1) Enter;
    /// Jolteon's timeout goes to all). Again, and to all, when that was in vain.
    fn give_up(&mut self, now: Time, out: &mut Effects<Self>) {
        let view = self.pacemaker.view();
        let first = self.pacemaker.give_up();
        if first {
            out.note(Note::TimedOut { view });
            self.voted = self.voted.max(view);
            self.asking = None;
            self.save(out);
        }
        let committee = &self.seat.committee;
        let vote = TimeoutVote::sign(committee, TIMEOUT, view, self.high.view(), out);
        let message = Message::Timeout(vote, Box::new(self.standing()));
        let next = self.leader_of(view.next());
        match self.setup.view_change {
            ViewChange::Linear if first => {
                out.send(next, message.clone());
                if next != self.seat.me {
                    out.send(self.seat.me, message);
                }
            }
            ViewChange::Linear | ViewChange::Quadratic => out.broadcast(message),
        }
        self.watch(now, out);
    }

    /// Algorithm 5, l. 11-12, `onReceiveNewView`; HotStuff-2, step (1) Enter.
    pub(super) fn on_timeout(
        &mut self,
        now: Time,
        from: ReplicaId,
        vote: TimeoutVote,
        standing: &Standing,
        out: &mut Effects<Self>,
    ) {
        if !self.adopt(now, from, "timeout", standing, out) {
            return;
        }
        if vote.view < self.pacemaker.view() {
            return self.answer(now, from, standing, out);
        }
        match self.pacemaker.hear(from, vote) {
            Some(Heard::Certificate(certificate)) => {
                self.on_timeout_certificate(now, &Arc::new(certificate), out);
            }
            Some(Heard::Join(view)) => {
                self.enter(now, view, out);
                self.give_up(now, out);
            }
            None => {}
        }
    }

    /// Where this replica stands.
    pub(super) fn standing(&self) -> Standing {
        Standing {
            high: self.high.clone(),
            timeout: self.timeout.clone(),
            decision: self.decision.clone(),
            height: self.chain.root().height,
        }
    }

    /// Takes over what is newer in another's standing; false if that is none of this run.
    pub(super) fn adopt(
        &mut self,
        now: Time,
        from: ReplicaId,
        kind: &'static str,
        standing: &Standing,
        out: &mut Effects<Self>,
    ) -> bool {
        let Standing { high, timeout, decision, height } = standing;
        let quorum = self.setup.quorum;
        let sound = timeout.as_ref().is_none_or(|timeout| timeout.len() >= quorum)
            && decision.as_ref().is_none_or(|qc| self.trusts(qc))
            && self.trusts(high);
        if !sound {
            out.drop(from, kind, "a certificate below the quorum, or of another commit rule");
            return false;
        }
        if from == self.seat.me {
            return true;
        }
        self.sync.learn(from, *height);
        self.on_qc(now, high, out);
        if let Some(decision) = decision {
            self.on_decision(now, decision, out);
        }
        if let Some(timeout) = timeout {
            self.on_timeout_certificate(now, timeout, out);
        }
        self.pump(now, out);
        self.watch(now, out);
        true
    }
}
