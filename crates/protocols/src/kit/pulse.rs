//! When a replica says where it stands, so that others see what it lacks.
//!
//! Papers assume links that lose nothing between honest replicas. Here links may: so a replica for
//! which something is under way and nothing moves tells everyone where it stands, less often each
//! time, and the others send what it lacks. An idle one asks one other now and then: else whoever was
//! cut off when the last block was committed would not hear of it before the next.

use byzlab_core::{ReplicaId, Seat, Span, Time};

/// How often the gap doubles at most.
const DOUBLINGS_MAX: u32 = 5;
/// How many beats an idle replica lets pass between two askings.
const IDLE_BEATS: u64 = 16;

/// What is due at a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Nothing.
    Still,
    /// Nothing moves although something is under way: tell everyone.
    TellAll,
    /// Idle for long: ask this one.
    Ask(ReplicaId),
}

/// The rhythm in which a replica looks whether it gets anywhere. `M` marks how far it is.
#[derive(Clone, Debug)]
pub struct Pulse<M> {
    gap: Span,
    me: ReplicaId,
    mark: Option<M>,
    quiet: u32,
    idle: u64,
    /// When each peer was answered last.
    answered: Vec<Option<Time>>,
}

impl<M: PartialEq> Pulse<M> {
    /// A beat every `gap`; rarer while nothing helps.
    pub fn new(seat: &Seat, gap: Span) -> Self {
        let gap = Span(gap.0.max(1));
        let answered = vec![None; seat.committee.size()];
        Self { gap, me: seat.me, mark: None, quiet: 0, idle: 0, answered }
    }
    /// When the next beat is due.
    pub fn next(&self, now: Time) -> Time {
        now + self.gap.times(1 << self.quiet)
    }
    /// A beat: looks whether `mark` moved since the last one. `restless`: something is under way.
    pub fn beat(&mut self, mark: M, restless: bool) -> Beat {
        let moved = self.mark.as_ref() != Some(&mark);
        self.mark = Some(mark);
        if moved || !restless {
            self.quiet = 0;
            self.idle = if moved { 0 } else { self.idle + 1 };
        }
        if moved {
            return Beat::Still;
        }
        if restless {
            self.quiet = (self.quiet + 1).min(DOUBLINGS_MAX);
            return Beat::TellAll;
        }
        let others = self.answered.len() as u64 - 1;
        if others == 0 || !self.idle.is_multiple_of(IDLE_BEATS) {
            return Beat::Still;
        }
        let step = 1 + (self.idle / IDLE_BEATS) % others;
        let peer = (self.me.index() as u64 + step) % self.answered.len() as u64;
        Beat::Ask(ReplicaId(peer as u16))
    }
    /// Whether `peer` may be answered now: not twice within half a gap, so that askings cannot be
    /// used to make a replica send much.
    pub fn may_answer(&mut self, peer: ReplicaId, now: Time) -> bool {
        let answered = &mut self.answered[peer.index()];
        if answered.is_some_and(|at| now < at + Span(self.gap.0 / 2)) {
            return false;
        }
        *answered = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use byzlab_core::{Committee, PublicKey};

    use super::*;

    fn pulse() -> Pulse<u32> {
        let committee = Committee::new("test", vec![PublicKey::default(); 3], false);
        Pulse::new(&Seat::new(ReplicaId(2), Arc::new(committee)), Span::ms(10))
    }

    #[test]
    fn one_that_is_stuck_tells_less_and_less_often() {
        let mut pulse = pulse();
        assert_eq!(pulse.beat(7, true), Beat::Still, "nothing to compare with yet");
        for gap in [20, 40, 80, 160, 320, 320] {
            assert_eq!(pulse.beat(7, true), Beat::TellAll);
            assert_eq!(pulse.next(Time::ZERO), Time::ms(gap));
        }
        assert_eq!(pulse.beat(8, true), Beat::Still);
        assert_eq!(pulse.next(Time::ZERO), Time::ms(10));
    }

    #[test]
    fn one_that_is_idle_asks_another_each_time() {
        let mut pulse = pulse();
        let asked: Vec<u16> = (0..100)
            .filter_map(|_| match pulse.beat(7, false) {
                Beat::Ask(peer) => Some(peer.0),
                _ => None,
            })
            .collect();
        assert_eq!(asked, [1, 0, 1, 0, 1, 0]);
    }

    #[test]
    fn a_peer_is_not_answered_twice_at_once() {
        let mut pulse = pulse();
        assert!(pulse.may_answer(ReplicaId(0), Time::ms(1)));
        assert!(!pulse.may_answer(ReplicaId(0), Time::ms(2)));
        assert!(pulse.may_answer(ReplicaId(1), Time::ms(2)));
        assert!(pulse.may_answer(ReplicaId(0), Time::ms(6)));
    }
}
