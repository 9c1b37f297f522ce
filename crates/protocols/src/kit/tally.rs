//! Counting votes.

use byzlab_core::{ReplicaId, Signature};

use super::{Certificate, Signers};

/// Counts signed votes of distinct replicas, and fires once: at the threshold.
///
/// Votes may come before it is known what is to be voted on; the first vote is then taken for a guess,
/// and nothing fires until the subject is [settled](Tally::settle). Votes for anything but the subject
/// are strays: one a signer is kept, in case that the guess was wrong.
///
/// A vote costs a comparison, a bit and a copy into room made once; after firing it costs a branch.
#[derive(Clone, Debug)]
pub struct Tally<S> {
    fired: bool,
    settled: bool,
    threshold: u16,
    size: u16,
    subject: Option<S>,
    signers: Signers,
    votes: Vec<(ReplicaId, Signature)>,
    strays: Vec<(ReplicaId, S, Signature)>,
}

impl<S: Copy + Eq> Tally<S> {
    /// A tally over a committee of `size` that fires at `threshold` votes.
    ///
    /// # Panics
    /// If the threshold is zero or above `size`, or either is above `u16::MAX`.
    pub fn new(threshold: usize, size: usize) -> Self {
        assert!((1..=size).contains(&threshold), "a threshold of 1 to {size}");
        Self {
            fired: false,
            settled: false,
            threshold: u16::try_from(threshold).expect("committees are small"),
            size: u16::try_from(size).expect("committees are small"),
            subject: None,
            signers: Signers::default(),
            votes: Vec::new(),
            strays: Vec::new(),
        }
    }
    /// Whether it has fired: later votes change nothing.
    pub fn fired(&self) -> bool {
        self.fired
    }
    /// Whether any vote has come in.
    pub fn is_touched(&self) -> bool {
        self.subject.is_some()
    }
    /// How many votes for something else than the subject were seen, one a signer at most.
    pub fn strays(&self) -> usize {
        self.strays.len()
    }
    /// Says what the votes must be for. Gives the certificate if enough of them are there already.
    ///
    /// # Panics
    /// If it was settled on something else before.
    pub fn settle(&mut self, subject: S) -> Option<Certificate> {
        assert!(!self.settled || self.subject == Some(subject), "a tally is settled once");
        self.settled = true;
        if let Some(guess) = self.subject.replace(subject).filter(|&guess| guess != subject) {
            let wrong = std::mem::take(&mut self.votes);
            self.signers = Signers::default();
            let (right, strays): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.strays).into_iter().partition(|stray| stray.1 == subject);
            self.strays = strays;
            wrong.into_iter().for_each(|(from, vote)| self.stray(from, guess, vote));
            right.into_iter().for_each(|(from, _, vote)| self.count(from, vote));
        }
        self.fire()
    }
    /// Settles on the guess if it has as many votes as it takes: for one who cannot know the subject.
    pub fn settle_if_full(&mut self) -> Option<Certificate> {
        let full = self.votes.len() >= usize::from(self.threshold);
        self.subject.filter(|_| full && !self.settled).and_then(|subject| self.settle(subject))
    }
    /// Takes a vote, the signature of which has been proven. `Some` exactly once: at the threshold-th
    /// distinct signer of the settled subject.
    pub fn add(&mut self, from: ReplicaId, subject: S, vote: Signature) -> Option<Certificate> {
        if self.fired {
            return None;
        }
        if *self.subject.get_or_insert(subject) != subject {
            self.stray(from, subject, vote);
            return None;
        }
        self.count(from, vote);
        self.fire()
    }

    fn count(&mut self, from: ReplicaId, vote: Signature) {
        let room = usize::from(self.threshold);
        if self.signers.insert(from, usize::from(self.size)) && self.votes.len() < room {
            self.votes.reserve_exact(room - self.votes.len());
            self.votes.push((from, vote));
        }
    }
    fn stray(&mut self, from: ReplicaId, subject: S, vote: Signature) {
        if self.strays.iter().all(|&(signer, ..)| signer != from) {
            self.strays.push((from, subject, vote));
        }
    }
    fn fire(&mut self) -> Option<Certificate> {
        if self.fired || !self.settled || self.votes.len() < usize::from(self.threshold) {
            return None;
        }
        self.fired = true;
        self.strays = Vec::new();
        Some(Certificate::of(&std::mem::take(&mut self.votes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOTE: Signature = Signature([0; 64]);

    fn add(tally: &mut Tally<char>, from: u16, subject: char) -> Option<Vec<u16>> {
        let fired = tally.add(ReplicaId(from), subject, VOTE);
        fired.map(|certificate| certificate.signers().map(|r| r.0).collect())
    }

    #[test]
    fn fires_once_at_the_threshold_of_distinct_signers() {
        let mut tally = Tally::new(3, 4);
        assert_eq!(tally.settle('a'), None);
        assert_eq!(add(&mut tally, 2, 'a'), None);
        assert_eq!(add(&mut tally, 2, 'a'), None, "the same signer again");
        assert_eq!(add(&mut tally, 3, 'b'), None, "another subject");
        assert_eq!(add(&mut tally, 0, 'a'), None);
        assert_eq!(add(&mut tally, 1, 'a'), Some(vec![0, 1, 2]));
        assert_eq!(add(&mut tally, 3, 'a'), None, "only once");
        assert!(tally.fired());
    }

    #[test]
    fn a_wrong_guess_is_put_right() {
        let mut tally = Tally::new(2, 4);
        for (from, subject) in [(0, 'x'), (1, 'a'), (2, 'x'), (0, 'a')] {
            assert_eq!(add(&mut tally, from, subject), None, "not settled yet");
        }
        let certificate = tally.settle('a').expect("0 and 1 said so");
        assert_eq!(certificate.signers().map(|r| r.0).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn votes_before_the_subject_count() {
        let mut tally = Tally::new(3, 4);
        for from in 0..4 {
            assert_eq!(add(&mut tally, from, 'a'), None);
        }
        assert_eq!(tally.settle('a').map(|c| c.len()), Some(3), "not more than it takes");
        assert_eq!(tally.settle('a'), None);
    }

    #[test]
    fn one_stray_a_signer_is_kept() {
        let mut tally = Tally::new(3, 4);
        tally.settle('a');
        for subject in ['b', 'c', 'd'] {
            add(&mut tally, 3, subject);
        }
        assert_eq!(tally.strays(), 1);
    }
}
