//! View changes (§4.4): when to leave a view, how to open and how to enter the next.

use std::sync::Arc;

use byzlab_core::{Effects, Height, Note, ReplicaId, Time, To, View};

use super::{
    Pbft, Timer,
    log::Entry,
    message::Message,
    normal::say,
    proposal::{Phase, Proposal, vote_statement},
    view_change::{Departure, NewView, ViewChange},
};

impl Pbft {
    /// The timer of the view: nothing was executed, or no new view came, for too long.
    pub(super) fn on_view_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        self.timing = false;
        if self.active && self.lacks_blocks() {
            // Others execute: the fault is not the primary's, and state transfer is under way.
            out.note(Note::Waits { why: "blocks are missing that a quorum executed" });
            return self.watch(now, out);
        }
        self.leave(now, self.view.next(), out);
    }

    /// §4.4: stops accepting messages of the view and multicasts a view-change to `to`.
    fn leave(&mut self, now: Time, to: View, out: &mut Effects<Self>) {
        assert!(to > self.view, "views only rise");
        out.note(Note::TimedOut { view: self.view });
        if std::mem::take(&mut self.timing) {
            out.disarm(Timer::View);
        }
        (self.view, self.active, self.opened) = (to, false, false);
        self.view_changes = self.view_changes.saturating_add(1);
        out.save(Entry::Left(to).record());
        self.send_view_change(To::All, out);
        self.recount();
        self.fidget(now, out);
        self.on_departures(now, out);
    }

    pub(super) fn send_view_change(&self, to: To, out: &mut Effects<Self>) {
        let low = self.stable.head.height;
        let heights = (self.base.0 + 1..).map(Height);
        let prepared: Vec<_> = heights
            .zip(&self.slots)
            .filter(|&(height, _)| height > low)
            .filter_map(|(height, slot)| slot.evidence(height))
            .collect();
        let departure = Departure {
            view: self.view,
            stable: self.stable.head,
            prepared: prepared.iter().map(|p| p.claimed).collect(),
        };
        let signature = out.sign(&departure.statement(&self.seat.committee));
        let stable = self.stable.certificate.clone();
        let evidence = prepared.into_iter().map(|p| p.evidence.clone()).collect();
        let change = ViewChange { departure, signature, stable, evidence };
        say(to, Message::ViewChange(Arc::new(change)), out);
    }

    pub(super) fn on_view_change(
        &mut self,
        now: Time,
        from: ReplicaId,
        change: Arc<ViewChange>,
        out: &mut Effects<Self>,
    ) {
        let to = change.departure.view;
        if to < self.view || (to == self.view && self.active) {
            return out.drop(from, "view-change", "to a view that was left or entered");
        }
        if !change.certified(self.setup.quorum) {
            return out.drop(from, "view-change", "a certificate below the quorum");
        }
        let known = self.changes[from.index()].as_ref().map(|c| c.departure.view);
        if known >= Some(to) {
            return out.drop(from, "view-change", "not above its last one");
        }
        self.sync.learn(from, change.departure.stable.height);
        self.changes[from.index()] = Some(change);
        if to == self.view {
            self.agree += 1;
        } else if known <= Some(self.view) {
            // One that was counted for this view and moves on cannot help to open it any more.
            self.agree -= usize::from(known == Some(self.view));
            self.ahead += 1;
        }
        if self.ahead >= self.setup.one_honest {
            // §4.5.2: f + 1 ask for views above this one: join the smallest of them.
            let views = self.changes.iter().flatten().map(|c| c.departure.view);
            let smallest = views.filter(|&view| view > self.view).min();
            return self.leave(now, smallest.expect("some were counted"), out);
        }
        self.on_departures(now, out);
    }

    /// Counts anew who wants this view and who wants a later one.
    pub(super) fn recount(&mut self) {
        let views = || self.changes.iter().flatten().map(|c| c.departure.view);
        self.agree = views().filter(|&view| view == self.view).count();
        self.ahead = views().filter(|&view| view > self.view).count();
    }

    /// §4.4: once a quorum moves to this view, its primary opens it; once a quorum left those below, it is
    /// given time T for that.
    ///
    /// Some of that quorum may be in later views: they saw this one gather, waited in vain, and went on. They
    /// will not say again that they move here; so one that did not hear it (it was down, or cut off) has to
    /// go after them, even if they are fewer than f + 1.
    fn on_departures(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.active || self.opened {
            return;
        }
        if self.agree >= self.setup.quorum && self.primary() == self.seat.me {
            self.opened = true;
            return self.open(out);
        }
        if !self.timing && self.agree + self.ahead >= self.setup.quorum {
            self.timing = true;
            out.arm(Timer::View, now + self.setup.timeout(self.view_changes));
        }
    }

    /// §4.4: the primary of the new view computes O and multicasts a new-view.
    fn open(&mut self, out: &mut Effects<Self>) {
        let (view, quorum) = (self.view, self.setup.quorum);
        let committee = &self.seat.committee;
        let with_ids = committee.ids().zip(&self.changes);
        let changes: Vec<(ReplicaId, &ViewChange)> = with_ids
            .filter_map(|(from, change)| Some((from, change.as_deref()?)))
            .filter(|(_, change)| change.departure.view == view)
            .take(quorum)
            .collect();
        let mut new_view = NewView::of(view, &changes);
        let heights = (new_view.stable.head.height.0 + 1..).map(Height);
        for (height, (digest, vote)) in heights.zip(&mut new_view.order) {
            *vote = out.sign(&vote_statement(committee, Phase::Prepare, view, height, *digest));
        }
        new_view.signature = out.sign(&new_view.statement(committee));
        let new_view = Arc::new(new_view);
        // It carries this replica's votes: one that comes back must not open the view with others.
        out.save(Entry::Entered(new_view.clone()).record());
        out.broadcast(Message::NewView(new_view));
    }

    pub(super) fn on_new_view(
        &mut self,
        now: Time,
        from: ReplicaId,
        new_view: Arc<NewView>,
        out: &mut Effects<Self>,
    ) {
        if new_view.view < self.view || (new_view.view == self.view && self.active) {
            return out.drop(from, "new-view", "of a view that was left or entered");
        }
        if !new_view.certified(self.setup.quorum) {
            return out.drop(from, "new-view", "a certificate below the quorum");
        }
        self.enter(now, new_view, out);
    }

    fn enter(&mut self, now: Time, new_view: Arc<NewView>, out: &mut Effects<Self>) {
        let record = Entry::Entered(new_view.clone()).record();
        out.save(record.clone());
        if std::mem::take(&mut self.timing) {
            out.disarm(Timer::View);
        }
        (self.view, self.active, self.asking) = (new_view.view, false, false);
        self.entered = Some((new_view.clone(), record));
        let (quorum, size) = (self.setup.quorum, self.seat.committee.size());
        self.slots.iter_mut().for_each(|slot| slot.next_view(quorum, size));
        // §4.4: a backup that misses the stable checkpoint of the new view takes it over.
        self.on_stable(now, Arc::new(new_view.stable.clone()), out);
        self.active = true;
        self.next = new_view.top().next();
        (self.accepted_top, self.touched_top) = (self.head.height, self.head.height);
        self.announce(out);
        for (height, digest, vote) in new_view.proposals() {
            let by = self.primary();
            let Some(slot) = self.slot_mut(height) else { continue };
            if slot.executed.as_ref().is_some_and(|(executed, _)| *executed != digest) {
                let what = "a new view that contradicts a committed block";
                out.note(Note::Misbehaved { by, what });
                continue;
            }
            (slot.accepted, slot.primary_vote) = (Some(digest), Some(vote));
            let null = Proposal::null(new_view.view);
            if null.digest() == digest {
                slot.learn(digest, null);
            }
            self.accepted_top = self.accepted_top.max(height);
            self.touch(now, height, out);
            self.vote(now, height, out);
        }
        self.recount();
        self.fetch_missing(out);
        for (from, messages) in std::mem::take(&mut self.early) {
            for message in messages {
                self.on_message(now, from, message, out);
            }
        }
        self.watch(now, out);
        self.ask(out);
    }

    /// Says which view it is in, and who leads it.
    pub(super) fn announce(&self, out: &mut Effects<Self>) {
        let leader = Some(self.primary());
        out.note(Note::Entered { view: self.view, leader });
        out.lead(leader);
    }
}
