//! The protocol as the paper's introduction states it: *Propose-Vote*, whose three items are numbered here, and
//! *Finalize*.

use std::sync::Arc;

use byzlab_core::{
    Batch, BatchLimit, Effects, Height, Note, ReplicaId, Signature, Span, Time, View, block::Head,
};

use super::{
    Notarized, Streamlet, Timer,
    log::Entry,
    message::{
        Finality, Message, Notarization, Proposal, Vote, proposal_statement, vote_statement,
    },
};
use crate::kit::{Draft, Gap, Way, chain::WAY_MAX};

impl Streamlet {
    /// Does what is due until nothing is.
    pub(super) fn fire(&mut self, now: Time, out: &mut Effects<Self>) {
        while self.votes(now, out) || self.finalizes(now, out) {}
    }

    /// A new epoch, by the clock: its leader proposes.
    pub(super) fn on_epoch(&mut self, now: Time, out: &mut Effects<Self>) {
        let epoch = View(now.0 / self.epoch_span.0);
        out.arm(Timer::Epoch, Time((epoch.0 + 1).saturating_mul(self.epoch_span.0)));
        if epoch <= self.epoch {
            return;
        }
        self.epoch = epoch;
        let oldest = View(epoch.0.saturating_sub(super::EPOCHS_KEPT));
        self.slots = self.slots.split_off(&oldest);
        let leader = self.rotation.leader(epoch);
        out.note(Note::Entered { view: epoch, leader: Some(leader) });
        let proposed = self.slots.get(&epoch).is_some_and(|slot| slot.proposal.is_some());
        self.asking = leader == self.seat.me && !proposed;
        if self.asking {
            // Propose-Vote, 1: "The epoch's designated leader proposes a new block extending from the longest
            // notarized chain it has seen."
            match self.chain.branch(self.longest) {
                Ok(branch) => {
                    let (patience, empty) = (Span::ZERO, true);
                    out.want_batch(BatchLimit { patience, empty, ..self.batch }, branch);
                }
                Err(_) => out.note(Note::Waits { why: "the longest chain is not all here" }),
            }
        }
        self.fire(now, out);
    }

    pub(super) fn on_batch(&mut self, now: Time, batch: Batch, out: &mut Effects<Self>) {
        let epoch = self.epoch;
        if !std::mem::take(&mut self.asking) {
            return out.note(Note::Waits { why: "a batch came for an epoch that is over" });
        }
        let parent = self.longest;
        let Ok(path) = self.chain.path(parent) else {
            return out.note(Note::Waits { why: "the longest chain is not all here" });
        };
        if batch.is_empty() && !self.has_unfinished(parent) {
            return out.note(Note::Waits { why: "nothing waits, and all is final" });
        }
        let deep = path.len();
        let batch = match deep < WAY_MAX / 2 {
            true => batch,
            false => Batch::empty(),
        };
        if deep + 3 > WAY_MAX {
            return out.note(Note::Waits { why: "too many blocks are not final" });
        }
        let draft = Draft::on(parent, self.seat.me, batch);
        let head = draft.head();
        let (height, transactions) = (head.height, draft.batch.len() as u32);
        out.note(Note::Proposed { view: epoch, height, transactions });
        self.save_draft(epoch, &draft, out);
        let signature = out.sign(&proposal_statement(&self.seat.committee, epoch, head));
        let parent = self.notarized.get(&parent.digest).and_then(Notarized::last);
        let proposal = Arc::new(Proposal { epoch, draft, parent, signature });
        self.chain.insert(proposal.draft.clone(), self.longest);
        self.slot(epoch).proposal = Some((head, proposal.clone()));
        out.broadcast(Message::Proposal(proposal));
        self.fire(now, out);
    }

    /// Propose-Vote, 2: "Every player votes for the first proposal they see from the epoch's leader, as long as the
    /// proposed block extends from (one of) the longest notarized chain(s) that the voter has seen."
    fn votes(&mut self, now: Time, out: &mut Effects<Self>) -> bool {
        let epoch = self.epoch;
        if self.bound >= epoch {
            return false;
        }
        let Some((head, proposal)) = self.slots.get(&epoch).and_then(|s| s.proposal.clone()) else {
            return false;
        };
        let parent = Head { height: Height(head.height.0 - 1), digest: proposal.draft.parent };
        if !self.extends_longest(parent) || !self.has(now, parent, out) {
            return false;
        }
        if proposal.draft.producer != self.seat.me {
            self.save_draft(epoch, &proposal.draft, out);
        }
        (self.bound, self.lock) = (epoch, parent.height);
        if let Some(notarization) = self.notarized.get(&parent.digest).and_then(Notarized::last) {
            self.journal.save(epoch.0, Entry::Notarized(notarization), None, out);
        }
        self.journal.save(epoch.0, Entry::Voted { epoch, head }, None, out);
        let by = self.seat.me;
        let signature = out.sign(&vote_statement(&self.seat.committee, epoch, head));
        out.broadcast(Message::Vote(Vote { epoch, head, by, signature }));
        true
    }

    /// Whether `parent` ends a longest notarized chain, of those seen, before a restart too.
    pub(super) fn extends_longest(&self, parent: Head) -> bool {
        let notarized = parent == self.chain.root() || self.notarized.contains_key(&parent.digest);
        notarized && parent.height == self.longest.height && parent.height >= self.lock
    }

    pub(super) fn count(&mut self, vote: Vote, out: &mut Effects<Self>) -> bool {
        let Vote { epoch, head, by, signature } = vote;
        let quorum = self.seat.committee.quorum();
        let votes = &mut self.slot(epoch).votes;
        if !votes.add(by, head, signature) {
            if votes.of(by).is_some_and(|(of, _)| of != head) {
                out.note(Note::Misbehaved { by, what: "votes for two blocks in one epoch" });
            }
            return false;
        }
        // Propose-Vote, 3: "When a block gains votes from at least 2n/3 distinct players, it becomes notarized."
        if votes.count(head) == quorum {
            let certificate = votes.certificate(head, quorum).expect("they are so many");
            self.notarize(Arc::new(Notarization { epoch, head, certificate }));
        }
        true
    }

    pub(super) fn notarize(&mut self, notarization: Arc<Notarization>) {
        let head = notarization.head;
        if head.height < self.chain.root().height {
            return;
        }
        if head.height > self.longest.height {
            self.longest = head;
        }
        let known = self.notarized.entry(head.digest).or_insert_with(|| Notarized::new(head));
        known.add(notarization);
    }

    /// Finalize: "If in any notarized chain, there are three adjacent blocks with consecutive epoch numbers, the
    /// prefix of the chain up to the second of the three blocks is considered final."
    fn finalizes(&mut self, now: Time, out: &mut Effects<Self>) -> bool {
        let Some(three) = self.notarized.values().rev().find_map(|third| self.three(third)) else {
            return false;
        };
        let [first, second, third] = &three;
        let above = match self.chain.get(&third.head.digest) {
            Some(draft) => Way::through(std::slice::from_ref(draft)),
            None => return false,
        };
        match self.chain.commit(second.head) {
            Ok(path) => {
                let of_second = Way::through(&path[path.len() - 1..]);
                let certificates = [first, second, third].map(|n| n.certificate.clone());
                let mut finality = Finality {
                    epoch: first.epoch,
                    first: first.head,
                    second: of_second,
                    third: above,
                    certificates,
                    way: Way::default(),
                };
                for (i, draft) in path.iter().enumerate() {
                    finality.way = Way::through(&path[i + 1..]);
                    out.commit(draft.clone().finish(finality.to_proof()));
                }
                self.settle(second.epoch, out);
                true
            }
            Err(Gap::Missing(missing)) => {
                let holders: Vec<ReplicaId> = second.certificate.signers().collect();
                self.ask_for(now, missing, holders, out);
                false
            }
            Err(Gap::Fork) => {
                out.note(Note::Waits { why: "a final block that is not above the ledger" });
                false
            }
        }
    }

    /// The three adjacent blocks, notarized in consecutive epochs, of which this is the last; the
    /// second not being in the ledger yet.
    fn three(&self, third: &Notarized) -> Option<[Arc<Notarization>; 3]> {
        let root = self.chain.root().height;
        let below = |of: &Notarized| {
            let parent = self.chain.get(&of.head.digest)?.parent;
            self.notarized.get(&parent)
        };
        let second = below(third).filter(|second| second.head.height > root)?;
        let first = below(second)?;
        third.epochs.iter().find_map(|last| {
            let [one, two] = [2, 1].map(|back| last.epoch.0.checked_sub(back).map(View));
            let (first, second) = (first.in_epoch(one?)?, second.in_epoch(two?)?);
            Some([first.clone(), second.clone(), last.clone()])
        })
    }

    /// The ledger has a new end, notarized in `epoch`: what is below matters no more.
    pub(super) fn settle(&mut self, epoch: View, out: &mut Effects<Self>) {
        let root = self.chain.root();
        self.notarized
            .retain(|_, notarized| notarized.head.height > root.height || notarized.head == root);
        let highest = self.notarized.values().map(|n| n.head).max_by_key(|head| head.height);
        self.longest = highest.filter(|head| head.height > root.height).unwrap_or(root);
        self.journal.forget(epoch.0, out);
    }

    pub(super) fn say_vote(&self, epoch: View, head: Head, out: &mut Effects<Self>) {
        let by = self.seat.me;
        let signature: Signature = out.sign(&vote_statement(&self.seat.committee, epoch, head));
        out.broadcast(Message::Vote(Vote { epoch, head, by, signature }));
    }
}
