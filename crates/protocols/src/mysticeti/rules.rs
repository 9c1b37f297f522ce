//! Which leaders are committed and which are skipped: the direct and the indirect decision rule.
//!
//! A *slot* is a round and one of its leaders. In terms of the paper, for a slot of round r: a vertex of
//! round r + 1 *supports* the leader's block that it builds on; a quorum of supporters among the parents of a
//! vertex of round r + 2 makes it a *certificate* (the certificate pattern); a quorum of authors in round
//! r + 1 that support no block of the slot is the *skip pattern*.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_core::{Committee, ReplicaId};

use crate::kit::{
    Signers,
    dag::{Dag, Round, Vertex, VertexRef},
};

/// Rounds from a leader's to the first that may decide it when it is not decided directly: the paper's
/// anchor is of a round r′ > r + 2.
pub const WAVE: u64 = 3;

/// What is known of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The leader's block is committed.
    Commit(VertexRef),
    /// There is no block of the leader's in the order.
    Skip,
    /// Neither yet.
    Undecided,
}

/// What speaks for one block of a slot.
#[derive(Clone, Debug)]
struct Candidate {
    block: VertexRef,
    /// Who supports it.
    supporters: Signers,
    /// Who certifies it, and by which vertices.
    certifiers: Signers,
    certificates: Vec<VertexRef>,
}

#[derive(Clone, Debug)]
struct Slot {
    leader: ReplicaId,
    /// Who supports no block of it.
    blames: Signers,
    candidates: Vec<Candidate>,
}

/// Slots of rounds that are not decided yet.
#[derive(Clone, Debug)]
pub struct Slots {
    size: usize,
    quorum: usize,
    leaders: u64,
    /// Rounds up to this one are decided.
    decided: Round,
    rounds: BTreeMap<Round, Vec<Slot>>,
}

impl Slot {
    fn candidate(&mut self, block: VertexRef) -> &mut Candidate {
        let at = self.candidates.iter().position(|candidate| candidate.block == block);
        let at = at.unwrap_or_else(|| {
            let (supporters, certifiers) = (Signers::default(), Signers::default());
            let new = Candidate { block, supporters, certifiers, certificates: Vec::new() };
            self.candidates.push(new);
            self.candidates.len() - 1
        });
        &mut self.candidates[at]
    }
    /// The certificate pattern (Figure 2, right): the block that a quorum of `voters`, vertices of the
    /// round after it, support.
    fn certified<'a>(
        &self,
        round: Round,
        quorum: usize,
        voters: impl Iterator<Item = &'a Arc<Vertex>>,
    ) -> Option<VertexRef> {
        let mut votes: BTreeMap<VertexRef, usize> = BTreeMap::new();
        for voter in voters {
            if let Some(block) = voter.parent(round, self.leader) {
                *votes.entry(*block).or_default() += 1;
            }
        }
        votes.into_iter().find(|&(_, count)| count >= quorum).map(|(block, _)| block)
    }
    /// The direct decision rule, step 1.
    fn direct(&self, quorum: usize) -> Status {
        let committed = self.candidates.iter().find(|c| c.certifiers.count() >= quorum);
        match committed {
            // A quorum of certificates: to-commit.
            Some(candidate) => Status::Commit(candidate.block),
            // The skip pattern (Figure 2, left): to-skip.
            None if self.blames.count() >= quorum => Status::Skip,
            // Left to step 2.
            None => Status::Undecided,
        }
    }
    /// The indirect decision rule, step 2, from a committed anchor.
    fn through_anchor(&self, dag: &Dag, anchor: &VertexRef) -> Status {
        let certified =
            |c: &&Candidate| c.certificates.iter().any(|name| dag.reaches(anchor, name));
        match self.candidates.iter().find(certified) {
            // Figure 3e: the anchor has a certificate among its ancestors.
            Some(candidate) => Status::Commit(candidate.block),
            // Figure 3f: it has none.
            None => Status::Skip,
        }
    }
}

impl Slots {
    /// All rounds up to `decided` are decided; each round has `leaders`.
    pub fn new(committee: &Committee, leaders: u16, decided: Round) -> Self {
        Self {
            size: committee.size(),
            quorum: committee.quorum(),
            leaders: u64::from(leaders).min(committee.size() as u64),
            decided,
            rounds: BTreeMap::new(),
        }
    }
    /// Who leads `round`, in the order of its slots: round robin.
    pub fn leaders(&self, round: Round) -> impl Iterator<Item = ReplicaId> + use<> {
        let size = self.size as u64;
        let turn = round.0 % size;
        (0..self.leaders).map(move |rank| ReplicaId(((turn + rank) % size) as u16))
    }
    fn slots(&mut self, round: Round) -> &mut [Slot] {
        if round <= self.decided {
            return &mut [];
        }
        let leaders = self.leaders(round);
        self.rounds.entry(round).or_insert_with(|| {
            let slot = |leader| Slot { leader, blames: Signers::default(), candidates: Vec::new() };
            leaders.map(slot).collect()
        })
    }
    /// Counts an accepted vertex; whether a slot can be decided directly by it that could not before.
    pub fn count(&mut self, dag: &Dag, vertex: &Vertex) -> bool {
        let (size, quorum, author) = (self.size, self.quorum, vertex.author);
        let mut news = false;
        let voted = vertex.round.back(1);
        for slot in self.slots(voted) {
            match vertex.parent(voted, slot.leader) {
                Some(block) => {
                    slot.candidate(*block).supporters.insert(author, size);
                }
                None => {
                    let new = slot.blames.insert(author, size);
                    news |= new && slot.blames.count() == quorum;
                }
            }
        }
        let certified = vertex.round.back(2);
        for slot in self.slots(certified) {
            let voters = vertex.parents_in(voted).filter_map(|name| dag.get(name));
            if let Some(block) = slot.certified(certified, quorum, voters) {
                let candidate = slot.candidate(block);
                candidate.certificates.push(vertex.name());
                let new = candidate.certifiers.insert(author, size);
                news |= new && candidate.certifiers.count() == quorum;
            }
        }
        news
    }
    /// The status of every undecided slot: from the last to the first, for a slot may be decided through
    /// later ones.
    fn statuses(&self, dag: &Dag) -> BTreeMap<(Round, usize), Status> {
        let mut statuses: BTreeMap<(Round, usize), Status> = BTreeMap::new();
        for (&round, slots) in self.rounds.iter().rev() {
            for (rank, slot) in slots.iter().enumerate().rev() {
                let mut status = slot.direct(self.quorum);
                if status == Status::Undecided {
                    // The anchor: the first slot that is not skipped, once a wave has passed.
                    let first = (Round(round.0 + WAVE), 0);
                    let later = statuses.range(first..).map(|(_, status)| status);
                    status = match later.into_iter().find(|&&status| status != Status::Skip) {
                        Some(Status::Commit(anchor)) => slot.through_anchor(dag, anchor),
                        // Figure 3d: the anchor is undecided itself.
                        _ => Status::Undecided,
                    };
                }
                statuses.insert((round, rank), status);
            }
        }
        statuses
    }
    /// The next rounds whose slots are all decided, in order, each with its committed leaders' blocks.
    pub fn decide(&mut self, dag: &Dag) -> Vec<(Round, Vec<VertexRef>)> {
        let statuses = self.statuses(dag);
        let mut decided = Vec::new();
        loop {
            let round = self.decided.next();
            let of_round = statuses.range((round, 0)..(round.next(), 0)).map(|(_, status)| *status);
            let of_round: Vec<_> = of_round.collect();
            if of_round.is_empty() || of_round.contains(&Status::Undecided) {
                return decided;
            }
            let committed = of_round.iter().filter_map(|status| match status {
                Status::Commit(block) => Some(*block),
                Status::Skip | Status::Undecided => None,
            });
            decided.push((round, committed.collect()));
            self.decided = round;
            self.rounds.remove(&round);
        }
    }
    /// Every slot up to `round` is decided, here or elsewhere.
    pub fn pass(&mut self, round: Round) {
        if round > self.decided {
            self.decided = round;
            self.rounds = self.rounds.split_off(&round.next());
        }
    }
    /// The committed leaders' blocks of `round`, if a vertex of two rounds later with these `parents`
    /// certifies them, and skips of its other slots are decided.
    pub fn certified_by(
        &self,
        dag: &Dag,
        round: Round,
        parents: &[VertexRef],
    ) -> Option<Vec<VertexRef>> {
        let mut committed = Vec::new();
        for slot in self.rounds.get(&round)? {
            let voters = parents.iter().filter(|parent| parent.round == round.next());
            let voters = voters.filter_map(|name| dag.get(name));
            match slot.certified(round, self.quorum, voters) {
                Some(block) => committed.push(block),
                None if slot.direct(self.quorum) == Status::Skip => {}
                None => return None,
            }
        }
        Some(committed)
    }
    /// Whether vertices of the round after `round` decide each of its slots as far as they can: a quorum
    /// supports a block of it, or none.
    pub fn is_voted(&self, round: Round) -> bool {
        let settled = |slot: &Slot| {
            let supported = |c: &Candidate| c.supporters.count() >= self.quorum;
            slot.candidates.iter().any(supported) || slot.blames.count() >= self.quorum
        };
        round <= self.decided
            || self.rounds.get(&round).is_some_and(|slots| slots.iter().all(settled))
    }
}
