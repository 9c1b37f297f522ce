//! Algorithm 1 of the paper, rule by rule. `l.` numbers are its lines.

use std::sync::Arc;

use byzlab_core::{Batch, BatchLimit, Block, Digest, Effects, Height, Note, Signature, Time, View};

use super::{
    Step, Tendermint, Timer, Valid,
    log::Entry,
    message::{Decision, Message, Phase, Polka, Proposal, Value, Vote, proposer, vote_statement},
    round::Round,
};

impl Tendermint {
    /// Fires the `upon` rules until none applies.
    pub(super) fn fire(&mut self, now: Time, out: &mut Effects<Self>) {
        loop {
            let fired = self.decides(now, out)
                || self.skips(now, out)
                || self.prevotes(out)
                || self.sees_polka(out)
                || self.precommits_nil(out)
                || self.waits_for_prevotes(now, out)
                || self.waits_for_precommits(now, out);
            if !fired {
                return;
            }
        }
    }

    /// l. 11-21: StartRound(round).
    pub(super) fn start_round(&mut self, now: Time, round: View, out: &mut Effects<Self>) {
        assert!(round >= self.round, "rounds of a height only rise");
        // l. 12-13
        (self.round, self.step) = (round, Step::Propose);
        (self.timing, self.asking) = (false, false);
        for timer in [Timer::Propose, Timer::Prevote, Timer::Precommit] {
            out.disarm(timer);
        }
        self.rounds = self.rounds.split_off(&View(round.0.saturating_sub(super::ROUNDS_BEHIND)));
        let leader = proposer(&self.seat.committee, self.height(), round);
        out.note(Note::Entered { view: round, leader: Some(leader) });
        if self.is_proposer() && !self.is_bound_above() {
            self.propose(out);
        }
        // l. 20-21
        self.watch(now, out);
    }

    /// l. 15-19: the valid value again, or a new one once there is a batch for it.
    pub(super) fn propose(&mut self, out: &mut Effects<Self>) {
        let mine = self.rounds.get(&self.round).and_then(|r| r.proposal.clone());
        if let Some((_, proposal)) = mine {
            out.broadcast(Message::Proposal(proposal)); // it came back: the very same again
        } else if let Some(Valid { value, polka, .. }) = self.valid.clone() {
            self.send_proposal(value, Some(polka), out);
        } else {
            self.ask(out);
        }
    }

    /// l. 18: getValue(), which takes the time until a batch is there.
    pub(super) fn ask(&mut self, out: &mut Effects<Self>) {
        self.asking = true;
        let empty = self.round > View(0) || self.heard;
        out.want_batch(BatchLimit { empty, ..self.setup.batch }, Vec::new());
    }

    pub(super) fn on_batch(&mut self, now: Time, batch: Batch, out: &mut Effects<Self>) {
        if !std::mem::take(&mut self.asking) || self.step != Step::Propose {
            return out.note(Note::Waits { why: "a batch came for a round that was left" });
        }
        let value = Value { parent: self.head.digest, producer: self.seat.me, batch };
        self.send_proposal(value, None, out);
        self.watch(now, out);
    }

    /// l. 19
    fn send_proposal(&mut self, value: Value, valid: Option<Polka>, out: &mut Effects<Self>) {
        let (height, round) = (self.height(), self.round);
        let mut proposal =
            Proposal { height, round, value, valid, signature: Signature::default() };
        proposal.signature = out.sign(&proposal.statement(&self.seat.committee));
        let transactions = proposal.value.batch.len() as u32;
        let Value { parent, producer, batch } = proposal.value.clone();
        let valid = proposal.valid.clone();
        let entry = Entry::Proposed { height, round, parent, producer, valid };
        self.journal.save(height.0, entry, Some(&batch), out);
        out.note(Note::Proposed { view: round, height, transactions });
        out.broadcast(Message::Proposal(Arc::new(proposal)));
    }

    /// l. 22-33: the first proposal of the round is prevoted for, or nil is.
    fn prevotes(&mut self, out: &mut Effects<Self>) -> bool {
        if self.step != Step::Propose || self.is_bound_above() {
            return false;
        }
        let Some((id, proposal)) = self.rounds.get(&self.round).and_then(|r| r.proposal.clone())
        else {
            return false;
        };
        let acceptable = self.is_valid(&proposal.value)
            && may_prevote(self.locked, id, proposal.valid.as_ref().map(|polka| polka.round));
        self.vote(Phase::Prevote, acceptable.then_some(id), out); // l. 24, 26, 30, 32
        self.step = Step::Prevote; // l. 27, 33
        true
    }

    /// l. 34-35: a quorum prevoted, for whatever.
    fn waits_for_prevotes(&mut self, now: Time, out: &mut Effects<Self>) -> bool {
        let (quorum, timeout) = (self.setup.quorum, self.setup.vote_timeout(self.round));
        let Some(round) = self.rounds.get_mut(&self.round) else { return false };
        if self.step != Step::Prevote || round.waited_for_prevotes || round.prevotes.cast() < quorum
        {
            return false;
        }
        round.waited_for_prevotes = true;
        out.arm(Timer::Prevote, now + timeout);
        true
    }

    /// l. 36-43: a quorum prevoted for the proposal.
    fn sees_polka(&mut self, out: &mut Effects<Self>) -> bool {
        if self.step == Step::Propose || self.is_bound_above() {
            return false;
        }
        let (at, quorum) = (self.round, self.setup.quorum);
        let Some(round) = self.rounds.get_mut(&at).filter(|round| !round.saw_polka) else {
            return false;
        };
        let Some((id, proposal)) = round.proposal.clone() else { return false };
        let Some(certificate) = round.prevotes.certificate(Some(id), quorum) else { return false };
        round.saw_polka = true;
        if !self.is_valid(&proposal.value) {
            out.note(Note::Waits { why: "a quorum prevoted for an invalid value" });
            return true;
        }
        let locks = self.step == Step::Prevote;
        let polka = Polka { round: at, certificate };
        let Value { parent, producer, batch } = &proposal.value;
        let entry = Entry::Valid {
            height: self.height(),
            parent: *parent,
            producer: *producer,
            polka: polka.clone(),
            locks,
        };
        self.journal.save(self.height().0, entry, Some(batch), out);
        if locks {
            self.locked = Some((at, id)); // l. 38-39
            self.vote(Phase::Precommit, Some(id), out); // l. 40
            self.step = Step::Precommit; // l. 41
        }
        self.valid = Some(Valid { value: proposal.value.clone(), polka }); // l. 42-43
        true
    }

    /// l. 44-46: a quorum prevoted nil.
    fn precommits_nil(&mut self, out: &mut Effects<Self>) -> bool {
        let nil = |r: &Round| r.prevotes.count(None) >= self.setup.quorum;
        if self.step != Step::Prevote || !self.rounds.get(&self.round).is_some_and(nil) {
            return false;
        }
        self.vote(Phase::Precommit, None, out);
        self.step = Step::Precommit;
        true
    }

    /// l. 47-48: a quorum precommitted, for whatever.
    fn waits_for_precommits(&mut self, now: Time, out: &mut Effects<Self>) -> bool {
        let (quorum, timeout) = (self.setup.quorum, self.setup.vote_timeout(self.round));
        let Some(round) = self.rounds.get_mut(&self.round) else { return false };
        if round.waited_for_precommits || round.precommits.cast() < quorum {
            return false;
        }
        round.waited_for_precommits = true;
        out.arm(Timer::Precommit, now + timeout);
        true
    }

    /// l. 49-54: a quorum precommitted a proposal of any round.
    fn decides(&mut self, now: Time, out: &mut Effects<Self>) -> bool {
        let quorum = self.setup.quorum;
        let decided = self.rounds.iter().find_map(|(&at, round)| {
            let (id, proposal) = round.proposal.as_ref()?;
            let certificate = round.precommits.certificate(Some(*id), quorum)?;
            Some((at, proposal.clone(), certificate))
        });
        let Some((round, proposal, certificate)) = decided else { return false };
        let Value { parent, producer, batch } = proposal.value.clone();
        if parent != self.head.digest {
            return false; // l. 50: no honest replica precommits that.
        }
        let proof = Decision { round, certificate }.to_proof();
        let block = Block::chained(self.height(), parent, producer, batch, proof);
        self.finish(block, out); // l. 51
        self.next_height(now, out); // l. 52-54
        true
    }

    /// l. 55-56: f + 1 are in later rounds.
    fn skips(&mut self, now: Time, out: &mut Effects<Self>) -> bool {
        let mut rounds = self.rounds_of_peers.clone();
        rounds.sort_unstable();
        let round = rounds[rounds.len() - self.setup.one_honest];
        if round <= self.round {
            return false;
        }
        self.start_round(now, round, out);
        true
    }

    /// l. 57-60: OnTimeoutPropose.
    pub(super) fn on_propose_timeout(&mut self, now: Time, out: &mut Effects<Self>) {
        self.timing = false;
        if self.step != Step::Propose || self.is_bound_above() {
            return out.note(Note::Waits { why: "the proposal came before its timeout" });
        }
        out.note(Note::TimedOut { view: self.round });
        self.vote(Phase::Prevote, None, out);
        self.step = Step::Prevote;
        self.fire(now, out);
    }

    /// l. 61-64: OnTimeoutPrevote.
    pub(super) fn on_prevote_timeout(&mut self, now: Time, out: &mut Effects<Self>) {
        if self.step != Step::Prevote || self.is_bound_above() {
            return out.note(Note::Waits { why: "the prevotes agreed before their timeout" });
        }
        self.vote(Phase::Precommit, None, out);
        self.step = Step::Precommit;
        self.fire(now, out);
    }

    /// l. 65-67: OnTimeoutPrecommit.
    pub(super) fn on_precommit_timeout(&mut self, now: Time, out: &mut Effects<Self>) {
        self.start_round(now, self.round.next(), out);
        self.fire(now, out);
    }

    /// Saves a vote, and says it to all.
    fn vote(&mut self, phase: Phase, id: Option<Digest>, out: &mut Effects<Self>) {
        let (height, round) = (self.height(), self.round);
        self.journal.save(height.0, Entry::Voted { height, round, phase, id }, None, out);
        self.say_vote(phase, round, id, out);
    }

    pub(super) fn say_vote(
        &self,
        phase: Phase,
        round: View,
        id: Option<Digest>,
        out: &mut Effects<Self>,
    ) {
        let height = self.height();
        let statement = vote_statement(&self.seat.committee, phase, height, round, id);
        let signature = out.sign(&statement);
        out.broadcast(Message::Vote(Vote { phase, height, round, id, signature }));
    }

    /// valid(v): it extends the ledger. That its transactions are the clients' was proven before.
    fn is_valid(&self, value: &Value) -> bool {
        value.parent == self.head.digest
    }

    /// The height that is decided on, h_p.
    pub(super) fn height(&self) -> Height {
        self.head.height.next()
    }
}

/// l. 23 and l. 29: whether the lock allows a prevote for `id`, which is proposed with valid round
/// `vr`.
pub(super) fn may_prevote(locked: Option<(View, Digest)>, id: Digest, vr: Option<View>) -> bool {
    locked.is_none_or(|(round, value)| value == id || vr.is_some_and(|vr| round <= vr))
}
