//! Which anchors are ordered: those that enough vertices of the next round vote for, and before each
//! those that lead to it.
//!
//! Odd rounds have an *anchor*, the vertex of one author: whose turn it is, or whom the coin draws that is tossed in
//! the next odd round. A vertex of the even round after the anchor's votes for it by building on it.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_core::{Committee, ReplicaId};

use super::{coin::Draws, params::Anchoring};
use crate::kit::{
    Signers,
    dag::{Dag, Round, Vertex, VertexRef},
};

/// Whether `round` has an anchor: odd ones do (B, §2.2; R, bullshark.rs, l. 52-55: even ones).
pub fn has_anchor(round: Round) -> bool {
    round.0 % 2 == 1
}

/// Whether vertices of `round` toss a coin for the anchor two rounds below, where a coin draws them: the third round
/// of a wave, which is the first of the next (N, Tusk; R, tusk.rs, `process_certificate`).
pub fn tosses_in(round: Round) -> bool {
    has_anchor(round) && round > Round(1)
}

/// Who votes for an anchor, and who does not.
#[derive(Clone, Debug, Default)]
struct Votes {
    /// By the vertex voted for: one an author, for it is certified; of the anchor's author alone, if that is known.
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
    /// Where a coin draws the anchors.
    draws: Option<Draws>,
}

impl Anchors {
    /// All anchors up to round `decided` are ordered.
    pub fn new(committee: &Arc<Committee>, anchoring: Anchoring, decided: Round) -> Self {
        let (size, quorum) = (committee.size(), committee.quorum());
        let draws = match anchoring {
            Anchoring::InTurn => None,
            Anchoring::ByCoin => Draws::new(committee),
        };
        let votes = BTreeMap::new();
        Self { size, quorum, enough: size - quorum + 1, decided, votes, draws }
    }
    /// Whether a coin draws them.
    pub fn are_drawn(&self) -> bool {
        self.draws.is_some()
    }
    /// Whose vertex is the anchor of an odd round, if that is known: round robin (R, bullshark.rs, l. 152-167,
    /// `leader`), or when it is drawn.
    pub fn leader(&self, round: Round) -> Option<ReplicaId> {
        match &self.draws {
            None => Some(ReplicaId((round.0 / 2 % self.size as u64) as u16)),
            Some(draws) => draws.leader(round),
        }
    }
    /// Takes in a vertex's toss, if there is one and its anchor is not ordered. Gives the round of the anchor that
    /// it draws.
    pub fn hear(&mut self, vertex: &Vertex) -> Option<Round> {
        let draws = self.draws.as_mut()?;
        let matters = vertex.round > self.decided.next().next();
        matters.then(|| draws.hear(vertex)).flatten()
    }
    /// Counts the vote of an accepted vertex, if it is in a voting round (B, §2.2: an edge to the anchor of the round
    /// before): for the anchor, or while nobody knows that, for whomever it builds on.
    pub fn count(&mut self, vertex: &Vertex) {
        let (size, anchor) = (self.size, vertex.round.back(1));
        if !has_anchor(anchor) || anchor <= self.decided {
            return;
        }
        let in_turn = self.leader(anchor).filter(|_| self.draws.is_none());
        let votes = self.votes.entry(anchor).or_default();
        let mut cast = |name: &VertexRef| {
            votes.cast.entry(*name).or_default().insert(vertex.author, size);
        };
        match in_turn.map(|leader| vertex.parent(anchor, leader)) {
            Some(Some(name)) => cast(name),
            Some(None) => {
                votes.blames.insert(vertex.author, size);
            }
            None => vertex.parents_in(anchor).for_each(cast),
        }
    }
    /// The anchor of `round` if it is committed and not ordered (B, §2.2 and Algorithm 2: f + 1 votes; R,
    /// bullshark.rs, l. 69-85, and tusk.rs, `process_certificate`).
    pub fn committed(&self, round: Round) -> Option<VertexRef> {
        let (leader, votes) = (self.leader(round)?, self.votes.get(&round)?);
        let of_leader = |name: &&VertexRef| name.author == leader;
        votes.cast.keys().filter(of_leader).find(|name| self.is_enough(&votes.cast[name])).copied()
    }
    fn is_enough(&self, voters: &Signers) -> bool {
        voters.count() >= self.enough
    }
    /// The anchors to be ordered with a committed one, in order: from it down, each that the one above
    /// leads to (B, Algorithm 2, `orderAnchors`; R, utils.rs, l. 12-44, `order_leaders`, and l. 47-63, `linked`). The
    /// history of each (R, utils.rs, l. 67, `order_dag`) is in [`kit::dag`](crate::kit::dag). `None` while one of
    /// them is not drawn here.
    pub fn chain(&self, dag: &Dag, anchor: &Arc<Vertex>) -> Option<Vec<Arc<Vertex>>> {
        let mut chain = vec![anchor.clone()];
        let mut low = anchor;
        let mut round = anchor.round.back(2);
        while round > self.decided {
            if let Some(earlier) = dag.first(round, self.leader(round)?)
                && dag.reaches(&low.name(), &earlier.name())
            {
                chain.push(earlier.clone());
                low = earlier;
            }
            round = round.back(2);
        }
        chain.reverse();
        Some(chain)
    }
    /// Every anchor up to `round` is ordered or passed over, here or elsewhere.
    pub fn pass(&mut self, round: Round) {
        if round > self.decided {
            self.decided = round;
            self.votes = self.votes.split_off(&round.next());
            self.draws.iter_mut().for_each(|draws| draws.pass(round));
        }
    }
    /// Whether vertices of a voting round settle as far as they can whether its anchor is committed: f + 1
    /// vote for it, or 2f + 1 do not (B, §2.3; R, proposer.rs, l. 161-190, `enough_votes`, has 2f + 1 and f + 1).
    pub fn is_voted(&self, round: Round) -> bool {
        let anchor = round.back(1);
        let settled = |votes: &Votes| {
            votes.cast.values().any(|voters| self.is_enough(voters))
                || votes.blames.count() >= self.quorum
        };
        anchor <= self.decided || self.votes.get(&anchor).is_some_and(settled)
    }
}
