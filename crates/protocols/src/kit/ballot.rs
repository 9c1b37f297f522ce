//! Votes of which it is not known beforehand what they are for.

use byzlab_core::{ReplicaId, Signature};

use super::Certificate;

/// The votes of distinct replicas in one round: one a replica, the first that comes, for whatever
/// subject.
///
/// Where a [`Tally`](super::Tally) waits for one subject and keeps no more than it takes, a ballot
/// answers how many voted at all, how many for each subject, and who for what: for protocols whose
/// rules ask that, and which say their votes again to those who missed them.
#[derive(Clone, Debug)]
pub struct Ballot<S> {
    /// By signer; no room is made before the first vote comes in.
    votes: Vec<Option<(S, Signature)>>,
    counts: Vec<(S, usize)>,
    cast: usize,
    size: usize,
}

impl<S: Copy + Eq> Ballot<S> {
    /// A ballot of a committee of `size`.
    pub fn new(size: usize) -> Self {
        Self { votes: Vec::new(), counts: Vec::new(), cast: 0, size }
    }
    /// Takes a vote, the signature of which has been proven; whether it was the first of `from`.
    ///
    /// # Panics
    /// If `from` is not below the committee's size.
    pub fn add(&mut self, from: ReplicaId, subject: S, signature: Signature) -> bool {
        if self.votes.is_empty() {
            self.votes.resize(self.size, None);
        }
        let vote = &mut self.votes[from.index()];
        if vote.is_some() {
            return false;
        }
        *vote = Some((subject, signature));
        self.cast += 1;
        match self.counts.iter_mut().find(|(counted, _)| *counted == subject) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((subject, 1)),
        }
        true
    }
    /// How many voted.
    pub fn cast(&self) -> usize {
        self.cast
    }
    /// How many voted for `subject`.
    pub fn count(&self, subject: S) -> usize {
        self.counts.iter().find(|(counted, _)| *counted == subject).map_or(0, |&(_, count)| count)
    }
    /// The vote of `from`.
    pub fn of(&self, from: ReplicaId) -> Option<(S, Signature)> {
        *self.votes.get(from.index())?
    }
    /// A subject with at least `quorum` votes: the first to have votes, if there are several.
    pub fn chosen(&self, quorum: usize) -> Option<S> {
        self.counts.iter().find(|&&(_, count)| count >= quorum).map(|&(subject, _)| subject)
    }
    /// The votes for `subject`, `quorum` of them, if there are so many.
    pub fn certificate(&self, subject: S, quorum: usize) -> Option<Certificate> {
        if self.count(subject) < quorum {
            return None;
        }
        let ids = (0..).map(ReplicaId);
        let votes = ids.zip(&self.votes).filter_map(|(id, vote)| {
            vote.filter(|&(of, _)| of == subject).map(|(_, signature)| (id, signature))
        });
        Some(Certificate::of(&votes.take(quorum).collect::<Vec<_>>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: Signature = Signature([0; 64]);

    #[test]
    fn the_first_vote_of_each_counts_for_its_subject() {
        let mut ballot = Ballot::new(4);
        assert_eq!((ballot.cast(), ballot.count('a'), ballot.of(ReplicaId(0))), (0, 0, None));
        for (from, subject, new) in [(2, 'a', true), (2, 'b', false), (0, 'b', true)] {
            assert_eq!(ballot.add(ReplicaId(from), subject, SIGNATURE), new);
        }
        assert_eq!((ballot.cast(), ballot.count('a'), ballot.count('b')), (2, 1, 1));
        assert_eq!((ballot.chosen(2), ballot.certificate('b', 2)), (None, None));
        ballot.add(ReplicaId(3), 'b', SIGNATURE);
        ballot.add(ReplicaId(1), 'b', SIGNATURE);
        assert_eq!(ballot.chosen(2), Some('b'));
        let certificate = ballot.certificate('b', 2).expect("three voted for it");
        assert_eq!(certificate.signers().map(|r| r.0).collect::<Vec<_>>(), [0, 1]);
    }
}
