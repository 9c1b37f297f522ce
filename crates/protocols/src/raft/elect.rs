//! Leader election (§5.2, §5.4.1, Figure 2: RequestVote RPC).

use byzlab_core::{Effects, Note, ReplicaId, Span, Time, View, crypto::sha256_of};

use super::{
    Raft, Role, Timer,
    log::Saved,
    message::{End, Message},
};
use crate::kit::Signers;

/// The age in the journal of what is no entry of the log: it stays until another takes its place.
const TERM_AGE: u64 = u64::MAX;

impl Raft {
    /// §5.2: election timeouts are chosen at random from a fixed interval, T to 2T; here by a hash of
    /// chain, replica and a count, so that a run can be repeated.
    pub(super) fn rearm_election(&mut self, now: Time, out: &mut Effects<Self>) {
        self.draws += 1;
        let (chain, me) = (&self.seat.committee.chain.0, self.seat.me.0.to_le_bytes());
        let draw = sha256_of(&[b"byzlab/raft/timeout", chain, &me, &self.draws.to_le_bytes()]);
        let draw = u64::from_le_bytes(draw.0[..8].try_into().expect("a digest has 32 bytes"));
        let timeout = self.params.election_timeout;
        out.arm(Timer::Election, now + timeout + Span(draw % timeout.0));
    }

    /// Rules for followers: without word from a leader, convert to candidate.
    pub(super) fn on_election_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        if matches!(self.role, Role::Leader(_)) {
            return out.note(Note::Waits { why: "a leader does not wait for one" });
        }
        out.note(Note::TimedOut { view: self.term });
        // Rules for candidates: increment currentTerm, vote for self, reset election timer, send
        // RequestVote to all others.
        self.set_term(self.term.next(), Some(self.seat.me), out);
        let mut votes = Signers::default();
        votes.insert(self.seat.me, self.seat.committee.size());
        self.role = Role::Candidate(votes);
        self.follow(None, out);
        self.rearm_election(now, out);
        for peer in self.others() {
            out.send(peer, Message::RequestVote(self.term, self.log.end()));
        }
        self.count_votes(now, out);
    }

    /// Figure 2, RequestVote RPC, receiver implementation.
    pub(super) fn on_request_vote(
        &mut self,
        now: Time,
        from: ReplicaId,
        (term, end): (View, End),
        out: &mut Effects<Self>,
    ) {
        self.see_term(now, term, out);
        // 1: reply false if term < currentTerm. 2: grant it if votedFor is null or the candidate, and
        // the candidate's log is at least as up to date as the own.
        let free = self.voted.is_none_or(|voted| voted == from);
        let granted = term == self.term && free && end >= self.log.end();
        if granted {
            self.set_term(term, Some(from), out);
            self.rearm_election(now, out);
        }
        out.send(from, Message::Vote(self.term, granted));
    }

    pub(super) fn on_vote(
        &mut self,
        now: Time,
        from: ReplicaId,
        (term, granted): (View, bool),
        out: &mut Effects<Self>,
    ) {
        self.see_term(now, term, out);
        match &mut self.role {
            Role::Candidate(votes) if term == self.term && granted => {
                votes.insert(from, self.seat.committee.size());
                self.count_votes(now, out);
            }
            _ => out.drop(from, "vote", "refused, or for an election that is over"),
        }
    }

    /// Rules for candidates: with votes from a majority, become leader.
    fn count_votes(&mut self, now: Time, out: &mut Effects<Self>) {
        let Role::Candidate(votes) = &self.role else { return };
        if votes.count() >= self.majority {
            self.lead(now, out);
        }
    }

    /// Rules for all: a higher term makes a follower.
    pub(super) fn see_term(&mut self, now: Time, term: View, out: &mut Effects<Self>) {
        if term > self.term {
            self.set_term(term, None, out);
            self.step_down(now, out);
        }
    }

    pub(super) fn step_down(&mut self, now: Time, out: &mut Effects<Self>) {
        if matches!(self.role, Role::Leader(_)) {
            out.disarm(Timer::Heartbeat);
        }
        self.role = Role::Follower;
        self.asking = false;
        self.follow(None, out);
        self.rearm_election(now, out);
    }

    /// Takes note of who leads.
    pub(super) fn follow(&mut self, leader: Option<ReplicaId>, out: &mut Effects<Self>) {
        if self.leader != leader {
            self.leader = leader;
            out.lead(leader);
            if leader.is_some() {
                out.note(Note::Entered { view: self.term, leader });
            }
        }
    }

    /// currentTerm and votedFor are saved before anyone hears of them.
    fn set_term(&mut self, term: View, voted: Option<ReplicaId>, out: &mut Effects<Self>) {
        assert!(term >= self.term, "terms only rise");
        if (self.term, self.voted) == (term, voted) {
            return;
        }
        (self.term, self.voted) = (term, voted);
        self.journal.supersede(TERM_AGE);
        self.journal.save(TERM_AGE, Saved::Term { term, voted }, None, out);
    }
}
