//! Log replication (§5.3, §5.4.2, Figure 2: AppendEntries RPC).

use std::sync::Arc;

use byzlab_core::{Batch, Effects, Height, Note, ReplicaId, Span, Time};

use super::{
    Leading, Raft, Role, Timer,
    log::Saved,
    message::{Append, Appended, End, LogEntry, Message, proof},
};
use crate::kit::Draft;

/// The most bytes of transactions in one AppendEntries, unless it has a single entry: half a frame.
const APPEND_BYTES_MAX: usize = 4 << 20;
/// How many calls are kept whose entries came before those below them: hosts promise no order.
const EARLY_MAX: usize = 32;
/// How many committed blocks' entries stay saved: the ledger is a file of its own.
const SAVED_COMMITTED: u64 = 64;

impl Raft {
    /// Rules for leaders: upon election, a heartbeat to all; and an empty entry of the new term, so that
    /// those of earlier terms are committed with it (§8).
    pub(super) fn lead(&mut self, now: Time, out: &mut Effects<Self>) {
        let size = self.seat.committee.size();
        let next = self.log.end().height.next();
        let leading = Leading {
            next: vec![next; size],
            matched: vec![Height::GENESIS; size],
            sent: vec![Time::ZERO; size],
        };
        self.role = Role::Leader(leading);
        self.follow(Some(self.seat.me), out);
        out.disarm(Timer::Election);
        out.arm(Timer::Heartbeat, now + self.params.heartbeat);
        self.append(now, Batch::empty(), out);
    }

    fn ask(&mut self, out: &mut Effects<Self>) {
        let room = self.log.uncommitted() < u64::from(self.params.in_flight);
        if matches!(self.role, Role::Leader(_)) && room && !self.asking {
            self.asking = true;
            out.want_batch(self.batch, self.log.branch());
        }
    }

    pub(super) fn on_batch(&mut self, now: Time, batch: Batch, out: &mut Effects<Self>) {
        let asked = std::mem::take(&mut self.asking);
        if !asked || !matches!(self.role, Role::Leader(_)) {
            return out.note(Note::Waits { why: "a batch came to one that leads no more" });
        }
        self.append(now, batch, out);
    }

    /// §5.3: the leader appends the entry to its log, then calls AppendEntries at each of the others.
    fn append(&mut self, now: Time, batch: Batch, out: &mut Effects<Self>) {
        let (view, transactions) = (self.term, batch.len() as u32);
        let draft = Draft::on(self.log.head(), self.seat.me, batch);
        out.note(Note::Proposed { view, height: draft.height, transactions });
        self.put(Arc::new(LogEntry { term: view, draft }), out);
        for peer in self.others() {
            self.send_entries(now, peer, out);
        }
        self.advance(now, out); // A majority of one needs nobody else.
        self.ask(out);
    }

    /// Saves an entry and puts it into the log; whether it fits there.
    fn put(&mut self, entry: Arc<LogEntry>, out: &mut Effects<Self>) -> bool {
        let LogEntry { term, draft } = &*entry;
        let Draft { height, parent, producer, ref batch } = *draft;
        let saved = Saved::Log { term: *term, height, parent, producer };
        let fits = self.log.put(entry.clone());
        if fits {
            self.journal.save(height.0, saved, Some(batch), out);
        }
        fits
    }

    pub(super) fn others(&self) -> impl Iterator<Item = ReplicaId> + use<> {
        let me = self.seat.me;
        self.seat.committee.ids().filter(move |&id| id != me)
    }

    /// Rules for leaders: sends what a follower lacks from nextIndex on.
    fn send_entries(&mut self, now: Time, to: ReplicaId, out: &mut Effects<Self>) {
        let Role::Leader(leading) = &mut self.role else { return };
        let next = leading.next[to.index()];
        let below = Height(next.0 - 1);
        let (Some(entries), Some(term)) = (self.log.from(next), self.log.term_at(below)) else {
            return out.send(to, Message::Ledger(self.log.ledger().height));
        };
        let mut bytes = 0;
        let mut fits = |entry: &Arc<LogEntry>| {
            let first = bytes == 0;
            bytes += 1 + entry.draft.batch.byte_len();
            first || bytes <= APPEND_BYTES_MAX
        };
        let entries: Vec<_> = entries.take_while(|entry| fits(entry)).cloned().collect();
        let Some(last) = entries.last().map(|entry| entry.draft.height) else { return };
        leading.next[to.index()] = last.next();
        leading.sent[to.index()] = now;
        let (prev, commit) = (End { term, height: below }, self.log.ledger().height);
        out.send(to, Message::Append(Arc::new(Append { term: self.term, prev, entries, commit })));
    }

    pub(super) fn on_heartbeat_timer(&mut self, now: Time, out: &mut Effects<Self>) {
        if !matches!(self.role, Role::Leader(_)) {
            return out.note(Note::Waits { why: "it leads no more" });
        }
        let (term, prev, commit) = (self.term, self.log.end(), self.log.ledger().height);
        let heartbeat = Arc::new(Append { term, prev, entries: Vec::new(), commit });
        for peer in self.others() {
            out.send(peer, Message::Append(heartbeat.clone()));
        }
        out.arm(Timer::Heartbeat, now + self.params.heartbeat);
    }

    /// Figure 2, AppendEntries RPC, receiver implementation.
    pub(super) fn on_append(
        &mut self,
        now: Time,
        from: ReplicaId,
        append: Arc<Append>,
        out: &mut Effects<Self>,
    ) {
        self.see_term(now, append.term, out);
        // 1: reply false if term < currentTerm.
        if append.term < self.term {
            return self.answer(from, &append, false, self.log.ledger().height, out);
        }
        if matches!(self.role, Role::Leader(_)) {
            return out.note(Note::Misbehaved { by: from, what: "two leaders in one term" });
        }
        if matches!(self.role, Role::Candidate(_)) {
            self.step_down(now, out); // Rules for candidates: another leads.
        }
        self.follow(Some(from), out);
        self.rearm_election(now, out);
        // 2: reply false if the log has no entry at prevLogIndex with prevLogTerm.
        if !self.log.matches(append.prev) {
            let end = self.log.end().height;
            if append.prev.height > end && !append.entries.is_empty() {
                if self.early.len() < EARLY_MAX {
                    self.early.insert(append.prev.height, (from, append));
                }
                return; // Those below may be on their way; the next heartbeat asks for them.
            }
            let same = match append.prev.height > end {
                true => end,
                false => self.log.ledger().height,
            };
            return self.answer(from, &append, false, same, out);
        }
        self.take(now, from, &append, out);
        while let Some((from, append)) = self.early.remove(&self.log.end().height) {
            if append.term == self.term && self.log.matches(append.prev) {
                self.take(now, from, &append, out);
            }
        }
        let end = self.log.end().height;
        self.early.retain(|&prev, _| prev > end);
    }

    fn take(&mut self, now: Time, from: ReplicaId, append: &Append, out: &mut Effects<Self>) {
        for entry in &append.entries {
            let height = entry.draft.height;
            // 3 and 4: what conflicts goes, with all that follow it; what is not in the log is appended.
            let known =
                height <= self.log.ledger().height || self.log.term_at(height) == Some(entry.term);
            if !known && !self.put(entry.clone(), out) {
                let what = "an entry that does not stand on the one below";
                return out.note(Note::Misbehaved { by: from, what });
            }
        }
        let last = append.entries.last().map_or(append.prev.height, |entry| entry.draft.height);
        self.answer(from, append, true, last, out);
        // 5: commitIndex = min(leaderCommit, index of last new entry).
        self.commit(append.commit.min(last), out);
        self.sync.learn(from, append.commit);
        if append.commit > self.log.end().height {
            self.pump(now, out);
        }
    }

    fn answer(
        &self,
        to: ReplicaId,
        append: &Append,
        success: bool,
        height: Height,
        out: &mut Effects<Self>,
    ) {
        let heartbeat = append.entries.is_empty();
        out.send(to, Message::Appended(Appended { term: self.term, success, height, heartbeat }));
    }

    pub(super) fn on_appended(
        &mut self,
        now: Time,
        from: ReplicaId,
        appended: Appended,
        out: &mut Effects<Self>,
    ) {
        self.see_term(now, appended.term, out);
        let end = self.log.end().height;
        let patience = Span(self.params.election_timeout.0 / 2);
        let Role::Leader(leading) = &mut self.role else {
            return out.drop(from, "appended", "to one that leads no more");
        };
        if appended.term < self.term || appended.height > end {
            return out.drop(from, "appended", "of another term, or about entries that are none");
        }
        let (i, height) = (from.index(), appended.height);
        if appended.success {
            // Rules for leaders: update nextIndex and matchIndex.
            leading.matched[i] = leading.matched[i].max(height);
            leading.next[i] = leading.next[i].max(height.next());
            return self.advance(now, out);
        }
        // Rules for leaders: if it fails for inconsistency, decrement nextIndex and retry; but what a
        // heartbeat shows to be missing may still be on its way.
        if !appended.heartbeat || now >= leading.sent[i] + patience {
            leading.next[i] = height.next().max(leading.matched[i].next());
            self.send_entries(now, from, out);
        }
    }

    /// Rules for leaders: commits the highest entry of its own term that a majority has (§5.4.2), and so
    /// all below.
    fn advance(&mut self, now: Time, out: &mut Effects<Self>) {
        let Role::Leader(leading) = &mut self.role else { return };
        leading.matched[self.seat.me.index()] = self.log.end().height;
        let mut matched = leading.matched.clone();
        matched.sort_unstable();
        let height = matched[matched.len() - self.majority];
        if height <= self.log.ledger().height || self.log.term_at(height) != Some(self.term) {
            return;
        }
        self.commit(height, out);
        self.ask(out);
        let lagging: Vec<ReplicaId> = self.others().collect();
        for peer in lagging {
            self.send_entries(now, peer, out); // What did not fit into a call before.
        }
    }

    /// Rules for all: applies what is committed.
    fn commit(&mut self, to: Height, out: &mut Effects<Self>) {
        while self.log.ledger().height < to {
            let Some(entry) = self.log.commit() else { break };
            out.commit(entry.draft.clone().finish(proof(entry.term)));
        }
        self.journal.forget(self.log.ledger().height.0.saturating_sub(SAVED_COMMITTED), out);
    }
}
