//! What both protocols do in a view, in the order of their papers. Sections are those of
//! [`Simplex`](crate::simplex) (S) and of [`Minimmit`](crate::minimmit) (M); where the two differ,
//! [`Rules`] decides.

use std::sync::Arc;

use byzlab_core::{
    Batch, BatchLimit, Effects, Note, ReplicaId, Signature, Span, Time, View, block::Head,
};

use super::{
    Asked, Notary, Pending, Rules, Timer,
    log::Entry,
    message::{Finality, Message, Notarization, Nullification, Proposal, head_statement},
    views::Slot,
};
use crate::kit::{Certificate, Draft, Gap, Way, chain::DEPTH_MAX, chain::WAY_MAX};

impl<R: Rules> Notary<R> {
    /// Does what is due until nothing is.
    pub(super) fn fire(&mut self, now: Time, out: &mut Effects<Self>) {
        while self.commits(now, out)
            || self.advances(out)
            || self.asks(now, out)
            || self.votes(now, out)
            || self.votes_late(now, out)
            || self.contradicts(out)
        {}
        self.watch(now, out);
    }

    /// S 2.1, step 4; M 8.4, 8.5: the view is over when a block of it is notarized or it is nullified.
    fn advances(&mut self, out: &mut Effects<Self>) -> bool {
        let over = self.views.from(self.view).rev().find(|(_, slot)| slot.is_over());
        let over = over.map(|(view, _)| view).max(Some(self.views.base().0));
        match over.filter(|&view| view >= self.view) {
            Some(view) => self.enter(view.next(), out),
            None => return false,
        }
        true
    }

    pub(super) fn enter(&mut self, view: View, out: &mut Effects<Self>) {
        assert!(view > self.view, "views only rise");
        self.view = view;
        (self.timing, self.questioned, self.asked) = (false, false, None);
        out.disarm(Timer::View);
        out.disarm(Timer::Idle);
        let leader = Some(self.rotation.leader(view));
        out.note(Note::Entered { view, leader });
    }

    /// S 2.1, step 1; M 8.1: the leader proposes on top of the last notarized block, once it has it
    /// and a batch.
    fn asks(&mut self, now: Time, out: &mut Effects<Self>) -> bool {
        let led = self.rotation.leader(self.view) == self.seat.me;
        let proposed = self.views.get(self.view).is_some_and(|slot| slot.proposal.is_some());
        if !led || proposed || self.asked.is_some() {
            return false;
        }
        let Some((view, parent)) = self.views.parent(self.view) else { return false };
        if !self.has(now, view, parent, out) {
            return false;
        }
        self.asked = Some(Asked { parent, empty: false });
        if self.chain.depth(parent) < DEPTH_MAX {
            self.want_batch(out);
        }
        if parent != self.views.base().1 {
            out.arm(Timer::Idle, now + self.setup.idle);
        }
        true
    }

    fn want_batch(&self, out: &mut Effects<Self>) {
        let Some(Asked { parent, empty }) = self.asked else { return };
        let patience = if empty { Span::ZERO } else { self.setup.batch.patience };
        let limit = BatchLimit { empty, patience, ..self.setup.batch };
        out.want_batch(limit, self.chain.branch(parent).unwrap_or_default());
    }

    /// Nothing waits to be proposed, but blocks below are not final: an empty block may make them so.
    pub(super) fn on_idle_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        let base = self.views.base().1;
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.parent != base) else {
            return out.note(Note::Waits { why: "there is nothing to propose" });
        };
        asked.empty = true;
        let depth = self.chain.depth(asked.parent);
        if depth < DEPTH_MAX {
            self.want_batch(out);
        } else if depth + 1 < WAY_MAX as u64 {
            self.on_batch(now, Batch::empty(), out);
        } else {
            out.note(Note::Waits { why: "too many blocks are not final" });
        }
    }

    pub(super) fn on_batch(&mut self, now: Time, batch: Batch, out: &mut Effects<Self>) {
        let view = self.view;
        let fits = |asked: &Asked| self.views.allows(view, asked.parent).is_ok();
        let Some(Asked { parent, .. }) = self.asked.take().filter(fits) else {
            return out.note(Note::Waits { why: "a batch came for a view that was left" });
        };
        let draft = Draft::on(parent, self.seat.me, batch);
        let head = draft.head();
        let (height, transactions) = (head.height, draft.batch.len() as u32);
        out.note(Note::Proposed { view, height, transactions });
        self.save_draft(view, &draft, out);
        let domain = if R::PROPOSAL_VOTES { R::VOTE } else { R::PROPOSE };
        if R::PROPOSAL_VOTES {
            self.views.slot(view).mine.voted = Some(head);
            self.journal.save(view.0, Entry::Voted { view, head }, None, out);
        }
        let signature = out.sign(&head_statement(&self.seat.committee, domain, view, head));
        let proposal = Arc::new(Proposal { view, draft, signature });
        self.take_proposal(proposal.clone(), out);
        out.broadcast(Message::Proposal(proposal).into());
        self.fire(now, out);
    }

    /// S 2.1, step 3; M 8.2: the first proposal of the leader is voted for, if it extends a notarized
    /// block and all views since are nullified.
    fn votes(&mut self, now: Time, out: &mut Effects<Self>) -> bool {
        let view = self.view;
        let Some(slot) = self.views.get(view) else { return false };
        if slot.mine.voted.is_some() || !R::may_vote(&slot.mine) {
            return false;
        }
        let Some((_, proposal)) = slot.proposal.clone() else { return false };
        let parent = proposal.parent();
        let Ok(notarized) = self.views.allows(view, parent) else {
            self.question(proposal.draft.producer, out);
            return false;
        };
        if !self.has(now, notarized, parent, out) {
            return false;
        }
        self.vote(view, &proposal.draft.clone(), out);
        true
    }

    /// Minimmit's votes make blocks final: one who comes to a notarization without having voted, for its
    /// certificate was faster than the proposal, votes for that block once it is here.
    fn votes_late(&mut self, now: Time, out: &mut Effects<Self>) -> bool {
        if R::CONFIRMS {
            return false;
        }
        let unvoted = |(view, slot): (View, &Slot)| {
            let free = slot.mine.voted.is_none() && R::may_vote(&slot.mine);
            let head = slot.notarizations.first().map(|notarization| notarization.head)?;
            free.then_some((view, head))
        };
        let first = self.since.max(self.views.base().0.next());
        let below = self.views.from(first).take_while(|&(view, _)| view < self.view);
        let late: Vec<_> = below.filter_map(unvoted).collect();
        for (view, head) in late {
            if self.has(now, view, head, out)
                && let Some(draft) = self.chain.get(&head.digest).cloned()
            {
                self.vote(view, &draft, out);
                return true;
            }
        }
        false
    }

    fn vote(&mut self, view: View, draft: &Draft, out: &mut Effects<Self>) {
        let head = draft.head();
        if draft.producer != self.seat.me {
            self.save_draft(view, draft, out);
        }
        self.views.slot(view).mine.voted = Some(head);
        self.journal.save(view.0, Entry::Voted { view, head }, None, out);
        self.say_vote(view, head, out);
    }

    /// M 8.6: the block that it voted for cannot be made final any more.
    fn contradicts(&mut self, out: &mut Effects<Self>) -> bool {
        let (view, size) = (self.view, self.seat.committee.size());
        let Some(slot) = self.views.get(view).filter(|_| R::CONTRADICTS) else { return false };
        let Some(head) = slot.mine.voted.filter(|_| !slot.mine.nullified) else { return false };
        if slot.against(head, size) < self.setup.notarize {
            return false;
        }
        self.nullify(out);
        true
    }

    /// S 2.1, step 2; M 8.3: the view took too long.
    pub(super) fn on_view_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        let view = self.view;
        if !self.is_engaged() {
            self.timing = false;
            return out.note(Note::Waits { why: "nothing waits, and all is final" });
        }
        if !R::may_nullify(&self.views.slot(view).mine) {
            return out.note(Note::Waits { why: "it voted, and may not give this view up" });
        }
        out.note(Note::TimedOut { view });
        self.nullify(out);
        self.fire(now, out);
    }

    fn nullify(&mut self, out: &mut Effects<Self>) {
        let view = self.view;
        self.views.slot(view).mine.nullified = true;
        self.journal.save(view.0, Entry::Nullified { view }, None, out);
        self.say_nullify(view, out);
    }

    pub(super) fn on_vote(
        &mut self,
        from: ReplicaId,
        view: View,
        head: Head,
        signature: Signature,
        out: &mut Effects<Self>,
    ) {
        let (notarize, finalize) = (self.setup.notarize, self.setup.finalize);
        let votes = &mut self.views.slot(view).votes;
        if !votes.add(from, head, signature) {
            if votes.of(from).is_some_and(|(of, _)| of != head) {
                out.note(Note::Misbehaved { by: from, what: "votes for two blocks in one view" });
            }
            return;
        }
        let count = votes.count(head);
        let (notarized, last) =
            (votes.certificate(head, notarize), votes.certificate(head, finalize));
        if let Some(certificate) = notarized.filter(|_| count == notarize) {
            self.learn_notarization(Arc::new(Notarization { view, head, certificate }), out);
        }
        // M 8.4: the same votes, more of them, make the block final.
        if let Some(certificate) = last.filter(|_| !R::CONFIRMS) {
            self.learn_final(Pending { view, head, certificate });
        }
    }

    pub(super) fn on_nullify(
        &mut self,
        from: ReplicaId,
        view: View,
        signature: Signature,
        out: &mut Effects<Self>,
    ) {
        let quorum = self.setup.notarize;
        let nullifies = &mut self.views.slot(view).nullifies;
        if nullifies.add(from, (), signature) && nullifies.count(()) == quorum {
            let certificate = nullifies.certificate((), quorum).expect("they are so many");
            self.learn_nullification(Arc::new(Nullification { view, certificate }), out);
        }
    }

    /// S 2.1, step 5.
    pub(super) fn on_finalize(
        &mut self,
        from: ReplicaId,
        view: View,
        head: Head,
        signature: Signature,
    ) {
        let finalizes = &mut self.views.slot(view).finalizes;
        finalizes.add(from, head, signature);
        if let Some(certificate) = finalizes.certificate(head, self.setup.finalize) {
            self.learn_final(Pending { view, head, certificate });
        }
    }

    /// S 2.1, step 4; M 8.4: passes a new notarization on; and says so, if the view's timer has not
    /// fired.
    pub(super) fn learn_notarization(
        &mut self,
        notarization: Arc<Notarization>,
        out: &mut Effects<Self>,
    ) {
        let Notarization { view, head, .. } = *notarization;
        let slot = self.views.slot(view);
        if !slot.notarize(notarization.clone()) {
            return;
        }
        let confirms = R::CONFIRMS && !slot.mine.nullified && !slot.mine.finalized;
        slot.mine.finalized |= confirms;
        out.broadcast(Message::Notarization(notarization).into());
        if confirms {
            self.journal.save(view.0, Entry::Finalized { view, head }, None, out);
            self.say_finalize(view, head, out);
        }
    }

    pub(super) fn learn_nullification(
        &mut self,
        nullification: Arc<Nullification>,
        out: &mut Effects<Self>,
    ) {
        let slot = self.views.slot(nullification.view);
        if slot.nullification.is_none() {
            slot.nullification = Some(nullification.clone());
            out.broadcast(Message::Nullification(nullification).into());
        }
    }

    pub(super) fn learn_final(&mut self, pending: Pending) {
        let known = self.pending.as_ref().map(|p| p.view).max(Some(self.views.base().0));
        if Some(pending.view) > known {
            self.pending = Some(pending);
        }
    }

    /// S 2.1, step 5; M 8.4: a final block is committed with all its ancestors, once they are here.
    fn commits(&mut self, now: Time, out: &mut Effects<Self>) -> bool {
        let Some(Pending { view, head, certificate }) = self.pending.clone() else { return false };
        match self.chain.commit(head) {
            Ok(path) => {
                self.pending = None;
                self.commit_path(view, &path, &certificate, out);
                self.rebase(view, head, out);
                true
            }
            Err(Gap::Missing(missing)) => {
                self.fetch(now, missing, &certificate, out);
                false
            }
            Err(Gap::Fork) => {
                self.pending = None; // The ledger is past it.
                out.note(Note::Waits { why: "a final block that is not above the ledger" });
                false
            }
        }
    }

    fn commit_path(
        &mut self,
        view: View,
        path: &[Draft],
        certificate: &Certificate,
        out: &mut Effects<Self>,
    ) {
        for (i, draft) in path.iter().enumerate() {
            let way = Way::through(&path[i + 1..]);
            let proof = Finality { view, way, certificate: certificate.clone() }.to_proof();
            out.commit(draft.clone().finish(proof));
        }
    }
}
