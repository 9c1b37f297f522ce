//! Which anchors are ordered: those that enough vertices of the next round vote for, and before each
//! those that lead to it.
//!
//! Odd rounds have an *anchor*, the vertex of one author whose turn it is; a vertex of the even round after
//! votes for it by building on it.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_core::{Committee, ReplicaId};

use crate::kit::{
    Signers,
    dag::{Dag, Round, Vertex, VertexRef},
};

/// Who votes for an anchor, and who does not.
#[derive(Clone, Debug, Default)]
struct Votes {
    /// By the vertex voted for: there is one, for it is certified.
    cast: BTreeMap<VertexRef, Signers>,
    blames: Signers,
}

/// Anchors that are not ordered yet.
#[derive(Clone, Debug)]
pub struct Anchors {
    size: usize,
    quorum: usize,
    /// How many votes commit: so many that every quorum has one of the voters.
    enough: usize,
    /// The last ordered anchor's round.
    decided: Round,
    votes: BTreeMap<Round, Votes>,
}

impl Anchors {
    /// All anchors up to round `decided` are ordered.
    pub fn new(committee: &Committee, decided: Round) -> Self {
        let (size, quorum) = (committee.size(), committee.quorum());
        Self { size, quorum, enough: size - quorum + 1, decided, votes: BTreeMap::new() }
    }
    /// Whether `round` has an anchor: odd ones do (B, §2.2; R, bullshark.rs, l. 52-55: even ones).
    pub fn has_anchor(round: Round) -> bool {
        round.0 % 2 == 1
    }
    /// Whose vertex is the anchor of an odd round: round robin (R, bullshark.rs, l. 152-167, `leader`).
    pub fn leader(&self, round: Round) -> ReplicaId {
        ReplicaId((round.0 / 2 % self.size as u64) as u16)
    }
    /// The vertex's vote, if it is in a voting round: what it votes for, if anything (B, §2.2: an edge to the anchor of
    /// the round before).
    fn vote(&self, vertex: &Vertex) -> Option<Option<VertexRef>> {
        let anchor = vertex.round.back(1);
        let votes = Self::has_anchor(anchor) && anchor > self.decided;
        votes.then(|| vertex.parent(anchor, self.leader(anchor)).copied())
    }
    /// Counts an accepted vertex; gives the anchor that it makes committed (B, §2.2 and Algorithm 2: f + 1 votes; R,
    /// bullshark.rs, l. 69-85, `process_certificate`).
    pub fn count(&mut self, vertex: &Vertex) -> Option<VertexRef> {
        let vote = self.vote(vertex)?;
        let (size, author) = (self.size, vertex.author);
        let votes = self.votes.entry(vertex.round.back(1)).or_default();
        let Some(anchor) = vote else {
            votes.blames.insert(author, size);
            return None;
        };
        let voters = votes.cast.entry(anchor).or_default();
        let new = voters.insert(author, size);
        (new && voters.count() == self.enough).then_some(anchor)
    }
    /// The anchors to be ordered with a committed one, in order: from it down, each that the one above
    /// leads to (B, Algorithm 2, `orderAnchors`; R, utils.rs, l. 12-44, `order_leaders`, and l. 47-63, `linked`). The
    /// history of each (R, utils.rs, l. 67, `order_dag`) is in [`kit::dag`](crate::kit::dag).
    pub fn chain(&self, dag: &Dag, anchor: &Arc<Vertex>) -> Vec<Arc<Vertex>> {
        let mut chain = vec![anchor.clone()];
        let mut low = anchor;
        let mut round = anchor.round.back(2);
        while round > self.decided {
            if let Some(earlier) = dag.first(round, self.leader(round))
                && dag.reaches(&low.name(), &earlier.name())
            {
                chain.push(earlier.clone());
                low = earlier;
            }
            round = round.back(2);
        }
        chain.reverse();
        chain
    }
    /// Every anchor up to `round` is ordered or passed over, here or elsewhere.
    pub fn pass(&mut self, round: Round) {
        if round > self.decided {
            self.decided = round;
            self.votes = self.votes.split_off(&round.next());
        }
    }
    /// Whether vertices of a voting round settle as far as they can whether its anchor is committed: f + 1
    /// vote for it, or 2f + 1 do not (B, §2.3; R, proposer.rs, l. 161-190, `enough_votes`, has 2f + 1 and f + 1).
    pub fn is_voted(&self, round: Round) -> bool {
        let anchor = round.back(1);
        let settled = |votes: &Votes| {
            votes.cast.values().any(|voters| voters.count() >= self.enough)
                || votes.blames.count() >= self.quorum
        };
        anchor <= self.decided || self.votes.get(&anchor).is_some_and(settled)
    }
}
