//! To whom a client sends where every replica proposes: to one after another, past those that failed it.

use crate::{
    id::ReplicaId,
    time::{Span, Time},
};

/// For how many retry times a replica that did not get a transaction through is passed over.
const AVOIDED_RETRIES: u64 = 16;

/// Whose turn it is.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    turn: usize,
    /// Until when each replica is passed over.
    avoided: Vec<Time>,
}

impl Spread {
    /// Among `size` replicas, beginning with `first`.
    pub fn new(size: usize, first: u64) -> Self {
        Self { turn: first as usize, avoided: vec![Time::ZERO; size] }
    }
    /// Who is sent the next transaction: the next in turn that is not passed over, or just the next.
    pub fn next(&mut self, now: Time) -> ReplicaId {
        let size = self.avoided.len();
        let turns = self.turn..self.turn + size;
        let turn = turns.map(|t| t % size).find(|&t| self.avoided[t] <= now);
        let turn = turn.unwrap_or(self.turn % size);
        self.turn = turn + 1;
        ReplicaId(turn as u16)
    }
    /// Who is sent a transaction for which `failed` did not see to replies within `retry`.
    pub fn after(&mut self, failed: ReplicaId, now: Time, retry: Span) -> ReplicaId {
        self.avoided[failed.index()] = now + retry.times(AVOIDED_RETRIES);
        self.next(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_in_turn_but_those_that_failed_for_a_while() {
        let mut spread = Spread::new(3, 1);
        let take = |spread: &mut Spread, at| spread.next(Time::seconds(at)).0;
        assert_eq!([0; 4].map(|at| take(&mut spread, at)), [1, 2, 0, 1]);
        assert_eq!(spread.after(ReplicaId(2), Time::ZERO, Span::seconds(1)), ReplicaId(0));
        assert_eq!([1; 3].map(|at| take(&mut spread, at)), [1, 0, 1]);
        assert_eq!([16; 3].map(|at| take(&mut spread, at)), [2, 0, 1]);
        for all in 0..3 {
            spread.after(ReplicaId(all), Time::seconds(20), Span::seconds(1));
        }
        assert!(take(&mut spread, 21) < 3, "when all failed, any");
    }
}
