//! The certified DAG: headers, votes, certificates (Narwhal).

use std::sync::Arc;

use byzlab_core::{Effects, Note, ReplicaId, Signature, Time};

use super::{
    Bullshark, log,
    message::{Certified, Message, vote_statement},
};
use crate::kit::{
    Certificate, Tally,
    dag::{Insert, Vertex, VertexRef, store::ROUNDS_AHEAD_MAX},
};

/// What a vote takes in an encoded certificate, at most.
const VOTE_MAX: usize = crate::kit::certificate::SIGNATURE_BYTES_MAX;

impl Bullshark {
    /// N, §3.1: another's block; R, core.rs, l. 181-304, `process_header`.
    pub(super) fn on_header(
        &mut self,
        now: Time,
        from: ReplicaId,
        header: Arc<Vertex>,
        out: &mut Effects<Self>,
    ) {
        let name = header.name();
        if self.setup.is_oversized(&header.batch) {
            return out.drop(from, "header", "its batch is over the limit");
        }
        self.loom.hear(&header);
        self.loom.show(now, &header, out);
        if let Some(why) = self.refuses(&name) {
            out.drop(from, "header", why);
            self.help(now, from, &name, out);
            return self.go_on(now, Vec::new(), out);
        }
        self.heard = self.heard.max(name.round);
        self.hear_toss(&header, out);
        let voted = self.voted.get(&(name.round, name.author)).copied();
        let other = self.headers.keys().any(|known| {
            (known.round, known.author) == (name.round, name.author) && *known != name
        });
        if voted.is_some_and(|digest| digest != name.digest) || other {
            out.note(Note::Misbehaved { by: from, what: "two headers in one round" });
        } else if voted.is_some() {
            // Said again: its vote may be what was missing.
            self.send_vote(&name, out);
        } else {
            self.headers.insert(name, (header, false));
        }
        self.adopt_orphan(&name, out);
        self.go_on(now, Vec::new(), out);
    }

    /// Why a header or a certificate of this name is of no use, if so.
    fn refuses(&self, name: &VertexRef) -> Option<&'static str> {
        let dag = &self.loom.dag;
        if dag.is_spent(name.round, name.author) {
            return Some("settled");
        }
        if dag.get(name).is_some() {
            return Some("in the DAG already");
        }
        let reach = dag.top().max(self.loom.order.decided().round).0 + ROUNDS_AHEAD_MAX;
        (name.round.0 > reach).then_some("too far ahead")
    }

    /// Answers one that repeats what is known, or from whose trail this replica is far: with the vertex's
    /// certificate, which it may lack, and with the own last word.
    fn help(&mut self, now: Time, from: ReplicaId, name: &VertexRef, out: &mut Effects<Self>) {
        if !self.loom.helps(now, from, name.round, self.pace.is_late(now), out) {
            return;
        }
        if let Some(certificate) = self.certificates.get(name) {
            out.send(from, Message::Certificate(*name, certificate.clone()));
        }
        if let Some(word) = self.last_word() {
            out.send(from, word);
        }
    }

    /// The own last header, or its certificate.
    fn last_word(&self) -> Option<Message> {
        let last = self.loom.last.as_ref()?;
        let name = last.name();
        Some(match self.certificates.get(&name) {
            Some(certificate) => Message::Certificate(name, certificate.clone()),
            None => Message::Header(last.clone()),
        })
    }

    /// Says its last word again.
    pub(super) fn repeat(&self, out: &mut Effects<Self>) {
        if let Some(word) = self.last_word() {
            out.broadcast(word);
        }
    }

    /// Votes for the headers all of whose ancestors are in the DAG: the first of an author in a round, and
    /// no other (N, §3.1: that is why no two blocks of one author and round are certified; R, core.rs,
    /// l. 219-244 for the ancestors, l. 265-272 for the first alone).
    pub(super) fn vote_for_waiting(&mut self, out: &mut Effects<Self>) {
        let Self { headers, voted, loom, bound, .. } = self;
        let refused = |header: &Vertex| {
            // What was voted for there may be forgotten.
            bound.as_ref().is_some_and(|cut| header.round <= cut.round)
        };
        let new = headers.values().map(|(header, _)| header).filter(|header| {
            !voted.contains_key(&(header.round, header.author))
                && !refused(header)
                && loom.dag.has_parents(header)
        });
        for header in new.cloned().collect::<Vec<_>>() {
            let name = header.name();
            self.voted.insert((name.round, name.author), name.digest);
            // The own one was saved before it left.
            if header.author != self.loom.seat.me {
                log::header(&header).for_each(|record| out.save(record));
            }
            self.send_vote(&name, out);
        }
    }

    fn send_vote(&self, name: &VertexRef, out: &mut Effects<Self>) {
        let signature = out.sign(&vote_statement(&self.loom.seat.committee, name));
        out.send(name.author, Message::Vote(*name, signature));
    }

    /// Begins to count votes for the own last header.
    pub(super) fn count_votes_for(&mut self, header: &Vertex) {
        let committee = &self.loom.seat.committee;
        let mut votes = Tally::new(committee.quorum(), committee.size());
        votes.settle(header.digest());
        self.votes = Some(votes);
    }

    /// R, core.rs, l. 308-345, `process_vote`.
    pub(super) fn on_vote(
        &mut self,
        from: ReplicaId,
        header: VertexRef,
        signature: Signature,
        out: &mut Effects<Self>,
    ) {
        let last = self.loom.last.as_ref().map(|last| last.name());
        if last != Some(header) {
            return out.drop(from, "vote", "not for the last header");
        }
        // More than a quorum may vote.
        let Some(votes) = self.votes.as_mut() else { return };
        // N, §3.1: a certificate of availability is 2f + 1 signatures, and goes to all.
        if let Some(certificate) = votes.add(from, header.digest, signature) {
            out.broadcast(Message::Certificate(header, Arc::new(certificate)));
        }
    }

    /// R, core.rs, l. 349, `process_certificate`.
    pub(super) fn on_certificate(
        &mut self,
        now: Time,
        from: ReplicaId,
        name: VertexRef,
        certificate: Arc<Certificate>,
        out: &mut Effects<Self>,
    ) {
        if let Some(why) = self.refuses(&name) {
            out.drop(from, "certificate", why);
            self.help(now, from, &name, out);
            return;
        }
        self.heard = self.heard.max(name.round);
        self.orphans.entry(name).or_insert((certificate, 0));
        self.adopt_orphan(&name, out);
        self.go_on(now, Vec::new(), out);
    }

    /// Puts a vertex into the DAG whose header and certificate are here now.
    fn adopt_orphan(&mut self, name: &VertexRef, out: &mut Effects<Self>) {
        let Some((header, _)) = self.headers.get(name).cloned() else { return };
        let Some((certificate, _)) = self.orphans.remove(name) else { return };
        let accepted = self.certify(Certified { header, certificate });
        self.accept(accepted, true, out);
    }

    /// Puts a vertex into the DAG; gives those whose ancestors are all there now (R, core.rs, l. 382-385: others
    /// wait for theirs).
    pub(super) fn certify(&mut self, vertex: Certified) -> Vec<Arc<Vertex>> {
        let Certified { header, certificate } = vertex;
        let name = header.name();
        self.orphans.remove(&name);
        match self.loom.dag.insert(header) {
            Insert::Accepted(accepted) => {
                self.certificates.insert(name, certificate);
                accepted
            }
            Insert::Waits => {
                self.certificates.insert(name, certificate);
                Vec::new()
            }
            Insert::Refused(_) | Insert::Equivocation => Vec::new(),
        }
    }

    pub(super) fn on_fetched(
        &mut self,
        now: Time,
        from: ReplicaId,
        vertices: Vec<Certified>,
        out: &mut Effects<Self>,
    ) {
        let mut accepted = Vec::new();
        for vertex in vertices {
            self.loom.hear(&vertex.header);
            match self.refuses(&vertex.header.name()) {
                Some(why) => out.drop(from, "fetched", why),
                None => {
                    self.hear_toss(&vertex.header, out);
                    accepted.extend(self.certify(vertex));
                }
            }
        }
        self.loom.fetch(true, out);
        self.go_on(now, accepted, out);
    }

    pub(super) fn on_fetch(&self, from: ReplicaId, names: &[VertexRef], out: &mut Effects<Self>) {
        let extra = VOTE_MAX * self.loom.seat.committee.size();
        let certified = |header: Arc<Vertex>| {
            let certificate = self.certificates.get(&header.name())?.clone();
            Some(Certified { header, certificate })
        };
        let here: Vec<_> =
            self.loom.fetched(from, names, extra, out).into_iter().filter_map(certified).collect();
        if !here.is_empty() {
            out.send(from, Message::Fetched(here));
        }
    }

    /// Asks for what the DAG lacks (N, §4.1): ancestors of certified vertices, ancestors of headers, and headers of
    /// certificates; each if it was lacking at the last look.
    pub(super) fn fetch_lacking(&mut self, out: &mut Effects<Self>) {
        self.loom.fetch(false, out);
        let me = self.loom.seat.me;
        let mut wanted = Vec::new();
        for (name, (header, seen)) in &mut self.headers {
            let lasting = std::mem::replace(seen, true);
            if lasting && name.author != me && !self.voted.contains_key(&(name.round, name.author))
            {
                wanted.extend(self.loom.dag.lacking(header).map(|parent| (name.author, *parent)));
            }
        }
        for (name, (certificate, looks)) in &mut self.orphans {
            let signers: Vec<_> = certificate.signers().filter(|&signer| signer != me).collect();
            let lasting = *looks > 0;
            *looks = looks.saturating_add(1);
            if lasting && !signers.is_empty() {
                wanted.push((signers[*looks as usize % signers.len()], *name));
            }
        }
        self.loom.ask(wanted, out);
    }
}
