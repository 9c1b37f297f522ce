//! Keeping up: what comes in of which view, retransmission, missing blocks, state transfer.

use std::sync::Arc;

use byzlab_core::{Block, Effects, Height, Note, ReplicaId, Time, View, block::Head};

use super::{
    Notary, Pending, Rules, Timer,
    message::{Finality, Message, Proposal, Status},
    views::Lacks,
};
use crate::kit::{Beat, Catchup, Certificate, Wanted};

/// How many views above its own a replica keeps votes and proposals of.
const VIEWS_AHEAD_MAX: u64 = 64;
/// How many views above the last final block a replica keeps at all: certificates of views beyond
/// wait until something becomes final.
const VIEWS_MAX: u64 = 1 << 14;
/// Of how many views one that lacks their ends is sent these, at once.
const RESENT_VIEWS_MAX: usize = 32;
/// Of how many views, the latest, the votes that make a block final are said again.
const RESENT_FINAL_MAX: usize = 4;

impl<R: Rules> Notary<R> {
    pub(super) fn on_start(&mut self, now: Time, out: &mut Effects<Self>) {
        out.lead(self.rotation.hint());
        if self.came_back {
            self.journal.compact(out);
            self.resume(out);
            self.say_status(true, None, out);
        }
        let (view, leader) = (self.view, self.rotation.leader(self.view));
        out.note(Note::Entered { view, leader: Some(leader) });
        out.arm(Timer::Status, self.pulse.next(now));
        self.fire(now, out);
    }

    /// Whether a message of this view is of use; certificates prove that others are there.
    fn admits(
        &self,
        from: ReplicaId,
        view: View,
        kind: &'static str,
        out: &mut Effects<Self>,
    ) -> bool {
        let certificate = matches!(kind, "notarization" | "nullification");
        let base = self.views.base().0;
        let most = match certificate {
            true => base.0.saturating_add(VIEWS_MAX),
            false => self.view.0.saturating_add(VIEWS_AHEAD_MAX),
        };
        if view.0 > most {
            out.drop(from, kind, "of a view too far ahead");
        }
        view > base && view.0 <= most
    }

    pub(super) fn on_message(
        &mut self,
        now: Time,
        from: ReplicaId,
        message: Message,
        out: &mut Effects<Self>,
    ) {
        match message {
            Message::Proposal(proposal) => self.on_proposal(from, proposal, out),
            Message::Vote(view, head, signature) => {
                if self.admits(from, view, "vote", out) {
                    self.on_vote(from, view, head, signature, out);
                }
            }
            Message::Nullify(view, signature) => {
                if self.admits(from, view, "nullify", out) {
                    self.on_nullify(from, view, signature, out);
                }
            }
            Message::Finalize(view, head, signature) => {
                if self.admits(from, view, "finalize", out) {
                    self.on_finalize(from, view, head, signature);
                }
            }
            Message::Notarization(notarization) => {
                if self.admits(from, notarization.view, "notarization", out) {
                    self.learn_notarization(notarization, out);
                }
            }
            Message::Nullification(nullification) => {
                if self.admits(from, nullification.view, "nullification", out) {
                    self.learn_nullification(nullification, out);
                }
            }
            Message::Status(status) => self.on_status(now, from, status, out),
            Message::Catchup(catchup) => self.on_catchup(now, from, catchup, out),
            Message::Wanted(wanted) => self.on_wanted(from, wanted, out),
        }
        self.fire(now, out);
    }

    fn on_proposal(&mut self, from: ReplicaId, proposal: Arc<Proposal>, out: &mut Effects<Self>) {
        let (view, by) = (proposal.view, proposal.draft.producer);
        if by != self.rotation.leader(view) {
            return out.drop(from, "proposal", "by one who does not lead that view");
        }
        if !self.admits(from, view, "proposal", out) {
            return;
        }
        let (head, signature) = (proposal.draft.head(), proposal.signature);
        match &self.views.slot(view).proposal {
            Some((known, _)) if *known != head => {
                out.note(Note::Misbehaved { by, what: "two proposals in one view" });
            }
            Some(_) => {}
            None => self.take_proposal(proposal, out),
        }
        if R::PROPOSAL_VOTES {
            self.on_vote(by, view, head, signature, out);
        }
    }

    pub(super) fn take_proposal(&mut self, proposal: Arc<Proposal>, out: &mut Effects<Self>) {
        let (view, head) = (proposal.view, proposal.draft.head());
        let needed = self.views.parent(self.view).map_or(self.views.base().1, |(_, head)| head);
        if !self.chain.insert(proposal.draft.clone(), needed) {
            return out.drop(proposal.draft.producer, "proposal", "not above the ledger");
        }
        self.views.slot(view).proposal = Some((head, proposal));
    }

    /// Whether the block of a notarization is at hand; asks for it if not.
    pub(super) fn has(
        &mut self,
        now: Time,
        view: View,
        head: Head,
        out: &mut Effects<Self>,
    ) -> bool {
        match self.chain.path(head) {
            Ok(_) => true,
            Err(crate::kit::Gap::Missing(missing)) => {
                let slot = self.views.get(view);
                let notarization = slot.and_then(|slot| slot.notarization(head)).cloned();
                if let Some(notarization) = notarization {
                    self.fetch(now, missing, &notarization.certificate, out);
                }
                false
            }
            Err(crate::kit::Gap::Fork) => false,
        }
    }

    pub(super) fn fetch(
        &mut self,
        now: Time,
        missing: Head,
        holders: &Certificate,
        out: &mut Effects<Self>,
    ) {
        let height = self.chain.root().height;
        self.fetch.ask(now, missing, height, holders.signers(), Timer::Fetch, out);
    }

    fn on_wanted(&mut self, from: ReplicaId, wanted: Wanted, out: &mut Effects<Self>) {
        match wanted {
            Wanted::Ask(head, height) => match Wanted::answer(&self.chain, head, height) {
                Some(answer) => out.send(from, answer.into()),
                None if self.chain.root().height > height => {
                    self.say_status(false, Some(from), out)
                }
                None => out.drop(from, "ask-drafts", "that block is not at hand"),
            },
            Wanted::Drafts(drafts) => {
                if !self.fetch.on_drafts(&drafts, Timer::Fetch, out) {
                    return out.drop(from, "drafts", "nobody asked for these");
                }
                let needed = drafts[0].head();
                for draft in drafts {
                    self.chain.insert(draft, needed);
                }
            }
        }
    }

    pub(super) fn on_waiting(&mut self, now: Time, waiting: bool, out: &mut Effects<Self>) {
        self.waiting = waiting;
        self.watch(now, out);
    }

    /// Whether this view is to lead to something: transactions wait, blocks are not final, or others
    /// are at it.
    pub(super) fn is_engaged(&self) -> bool {
        let at_it = self.views.get(self.view).is_some_and(|slot| {
            slot.proposal.is_some() || slot.votes.cast() + slot.nullifies.cast() > 0
        });
        let base = self.views.base().0;
        let open = |(_, slot): (View, &super::views::Slot)| !slot.notarizations.is_empty();
        self.waiting || at_it || self.views.from(base.next()).any(open)
    }

    /// Starts the view's timer, if it is due and does not run.
    pub(super) fn watch(&mut self, now: Time, out: &mut Effects<Self>) {
        if !self.timing && self.is_engaged() {
            self.timing = true;
            out.arm(Timer::View, now + self.setup.timeout);
        }
    }

    pub(super) fn on_status_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        let restless =
            self.is_engaged() || self.pending.is_some() || self.sync.behind(self.head().height);
        match self.pulse.beat((self.head().height, self.view), restless) {
            Beat::Still => {}
            Beat::TellAll => self.say_status(true, None, out),
            Beat::Ask(peer) => self.say_status(true, Some(peer), out),
        }
        out.arm(Timer::Status, self.pulse.next(now));
        self.pump(now, out);
        self.fire(now, out);
    }

    /// The first view of which it lacks what would end it; or, in the view it is in, what would let it vote
    /// for the proposal.
    fn lacks(&self) -> View {
        let (lacks, slot) = (self.views.lacks(), self.views.get(self.view));
        let proposal = slot.and_then(|slot| slot.proposal.as_ref());
        match proposal.map(|(_, proposal)| self.views.allows(self.view, proposal.parent())) {
            Some(Err(Lacks::Nullification(view))) => lacks.min(view),
            _ => lacks,
        }
    }

    /// A view may end both ways, and this replica have heard of one end where the leader heard of the other:
    /// asks the leader, once a view, what its proposal stands on. (In the paper everyone sends the chain
    /// with which it enters a view to all, and links lose nothing.)
    pub(super) fn question(&mut self, leader: ReplicaId, out: &mut Effects<Self>) {
        if !std::mem::replace(&mut self.questioned, true) && leader != self.seat.me {
            out.note(Note::Waits { why: "what the proposal stands on is not known" });
            self.say_status(true, Some(leader), out);
        }
    }

    /// Sends the notarization on which this replica's own proposal of `view` stands.
    fn say_support(&self, to: ReplicaId, view: View, out: &mut Effects<Self>) {
        let proposal = self.views.get(view).and_then(|slot| slot.proposal.as_ref());
        let Some((_, proposal)) = proposal.filter(|(_, p)| p.draft.producer == self.seat.me) else {
            return;
        };
        let parent = proposal.parent();
        let at = self.views.allows(view, parent).ok();
        let slot = at.and_then(|at| self.views.get(at));
        if let Some(notarization) = slot.and_then(|slot| slot.notarization(parent)) {
            out.send(to, Message::Notarization(notarization.clone()).into());
        }
    }

    pub(super) fn say_status(&self, asks: bool, to: Option<ReplicaId>, out: &mut Effects<Self>) {
        let (height, base) = (self.head().height, self.views.base().0);
        let lacks = self.lacks();
        let proposed = self.views.get(lacks).is_some_and(|slot| slot.proposal.is_some());
        let status = Message::Status(Status { height, base, lacks, proposed, asks });
        match to {
            None => out.broadcast(status.into()),
            Some(peer) => out.send(peer, status.into()),
        }
    }

    fn on_status(&mut self, now: Time, from: ReplicaId, status: Status, out: &mut Effects<Self>) {
        if from == self.seat.me {
            return;
        }
        self.sync.learn(from, status.height);
        self.pump(now, out);
        if !status.asks {
            return;
        }
        if !self.pulse.may_answer(from, now) {
            return out.drop(from, "status", "answered a moment ago");
        }
        if self.head().height > status.height {
            self.say_status(false, Some(from), out);
        }
        self.say_again(from, status, out);
    }

    /// Sends what another lacks to leave views: certificates, and where there are none its own votes. And
    /// of the latest views its votes that make blocks final.
    fn say_again(&self, to: ReplicaId, status: Status, out: &mut Effects<Self>) {
        if status.proposed {
            self.say_support(to, status.lacks, out);
        }
        let from = status.lacks.max(self.views.base().0.next());
        for (view, slot) in self.views.from(from).take(RESENT_VIEWS_MAX) {
            if let Some(notarization) = slot.notarizations.first() {
                out.send(to, Message::Notarization(notarization.clone()).into());
            }
            if let Some(nullification) = &slot.nullification {
                out.send(to, Message::Nullification(nullification.clone()).into());
            }
            if slot.is_over() {
                continue;
            }
            let missing = view > status.lacks || !status.proposed;
            if let Some((_, proposal)) = slot.proposal.as_ref().filter(|_| missing) {
                out.send(to, Message::Proposal(proposal.clone()).into());
            }
            if let Some((head, signature)) = slot.votes.of(self.seat.me) {
                out.send(to, Message::Vote(view, head, signature).into());
            }
            if let Some(((), signature)) = slot.nullifies.of(self.seat.me) {
                out.send(to, Message::Nullify(view, signature).into());
            }
        }
        let open = View(status.base.0.saturating_add(1));
        for (view, slot) in self.views.from(open).rev().take(RESENT_FINAL_MAX) {
            if let Some((head, signature)) = slot.finalizes.of(self.seat.me) {
                out.send(to, Message::Finalize(view, head, signature).into());
            }
            let votes = !R::CONFIRMS && slot.is_over();
            if let Some((head, signature)) = slot.votes.of(self.seat.me).filter(|_| votes) {
                out.send(to, Message::Vote(view, head, signature).into());
            }
        }
    }

    fn on_catchup(
        &mut self,
        now: Time,
        from: ReplicaId,
        catchup: Catchup,
        out: &mut Effects<Self>,
    ) {
        match catchup {
            Catchup::Ask(height) => self.sync.on_ask(from, height, out),
            Catchup::Blocks(blocks) => {
                let head = self.head();
                let blocks = self.sync.on_blocks(from, blocks, head, Timer::Sync, out);
                self.take_over(blocks, out);
                self.pump(now, out);
            }
        }
    }

    /// Commits audited blocks that extend the ledger.
    fn take_over(&mut self, blocks: Vec<Block>, out: &mut Effects<Self>) {
        let Some((head, proof)) = blocks.last().map(|b| (b.head(), b.proof.clone())) else {
            return;
        };
        blocks.into_iter().for_each(|block| out.commit(block));
        self.chain.reroot(head);
        self.asked = None; // What it was to extend may be below the ledger's end now.
        let Finality { view, way, certificate } = Finality::of(&proof).expect("it was audited");
        match way.top(head).expect("it was audited") {
            top if top == head => self.rebase(view, head, out),
            top => self.learn_final(Pending { view, head: top, certificate }),
        }
    }

    /// The ledger's end is the block that was made final in `view`.
    pub(super) fn rebase(&mut self, view: View, head: Head, out: &mut Effects<Self>) {
        self.views.rebase(view, head);
        self.journal.forget(view.0, out);
    }

    /// The ledger's end.
    pub(super) fn head(&self) -> Head {
        self.chain.root()
    }

    pub(super) fn pump(&mut self, now: Time, out: &mut Effects<Self>) {
        let height: Height = self.head().height;
        self.sync.pump(now, height, Timer::Sync, out);
    }
}
