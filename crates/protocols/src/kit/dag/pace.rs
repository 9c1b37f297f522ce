//! When a replica makes its next vertex.

use byzlab_core::{Span, Time};

use super::Round;

/// How often the timeout doubles at most.
const DOUBLINGS_MAX: u32 = 10;
/// How often the gap between two repetitions of a vertex doubles at most.
const REPEAT_DOUBLINGS_MAX: u32 = 2;
/// How many times in a timeout a replica looks for what it lacks.
const LOOKS_PER_TIMEOUT: u64 = 4;

/// What a replica's pace is set by.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// The shortest time between two vertices.
    pub round_gap: Span,
    /// How long after the last vertex the next is made though there is nothing to do.
    pub idle_gap: Span,
    /// How long a round's leaders are waited for, at first.
    pub timeout: Span,
}

impl Rhythm {
    /// How often a replica looks for what it lacks; also how long a peer has to answer.
    pub fn look_gap(&self) -> Span {
        Span((self.timeout.0 / LOOKS_PER_TIMEOUT).max(1))
    }
}

/// What to do about the next vertex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing: something else must happen first.
    Rest,
    /// Look again at this time.
    At(Time),
    /// Wait for the leaders until this time; then [`Pace::give_up`].
    Leaders(Time),
    /// Ask for a batch.
    Speak,
}

/// One replica's pace.
#[derive(Clone, Debug)]
pub struct Pace {
    rhythm: Rhythm,
    /// Whether transactions wait at the host.
    pub waiting: bool,
    /// Whether a batch was asked for.
    pub asking: bool,
    ready_at: Time,
    idle_until: Time,
    spoke_at: Time,
    /// Whether there was nothing to do for a while since then.
    rested: bool,
    /// The longest time of late between two vertices; each takes an eighth off it.
    longest: Span,
    /// When the last vertex is said again if there is no other.
    repeat_at: Time,
    repeats: u32,
    /// The round whose leaders are waited for, and the last for whom no longer.
    watched: Round,
    given_up: Round,
    /// How many waits in a row were in vain.
    in_vain: u32,
}

impl Pace {
    /// Begins at `now`, with nothing said.
    pub fn new(rhythm: Rhythm, now: Time) -> Self {
        let mut pace = Self {
            rhythm,
            waiting: false,
            asking: false,
            ready_at: now,
            idle_until: now,
            spoke_at: now,
            rested: false,
            longest: Span::ZERO,
            repeat_at: now,
            repeats: 0,
            watched: Round(0),
            given_up: Round(0),
            in_vain: 0,
        };
        pace.spoke(now);
        pace.rested = true; // nobody has asked for anything yet
        pace
    }
    fn timeout(&self, times: u32) -> Span {
        self.rhythm.timeout.times(1 << times.min(DOUBLINGS_MAX))
    }
    /// A vertex was made now.
    pub fn spoke(&mut self, now: Time) {
        if !std::mem::replace(&mut self.rested, false) {
            let took = now.since(self.spoke_at);
            self.longest = took.max(Span(self.longest.0 - self.longest.0 / 8));
        }
        self.spoke_at = now;
        self.ready_at = now + self.rhythm.round_gap;
        self.idle_until = now + self.rhythm.idle_gap;
        self.repeat_at = now + self.timeout(self.in_vain).max(self.patience());
        self.repeats = 0;
    }
    /// After how long a round is late: twice the longest of late, within a bound. Where links are busy, a
    /// second copy of each vertex makes rounds only longer.
    fn patience(&self) -> Span {
        self.longest.times(2).clamp(self.timeout(0), self.timeout(REPEAT_DOUBLINGS_MAX))
    }
    /// Whether the next vertex should have been made by now, had there been something to do.
    pub fn is_late(&self, now: Time) -> bool {
        now >= self.spoke_at + self.patience()
    }
    /// A leader was committed: timeouts suffice.
    pub fn committed(&mut self) {
        self.in_vain = 0;
    }
    /// What to do now about a vertex that builds on `base`, the last round with a quorum. `called`: there
    /// is something to do, or another spoke in a later round. `leaders_spoke`: whether that round's
    /// leaders need not be waited for.
    pub fn turn(
        &mut self,
        now: Time,
        base: Round,
        called: bool,
        leaders_spoke: impl FnOnce(Round) -> bool,
    ) -> Turn {
        if self.asking {
            return Turn::Rest;
        }
        if !called && now < self.idle_until {
            self.rested = true;
            return Turn::At(self.idle_until);
        }
        if self.given_up < base && !leaders_spoke(base) {
            if self.watched == base {
                return Turn::Rest; // The timer runs.
            }
            self.watched = base;
            return Turn::Leaders(now + self.timeout(self.in_vain));
        }
        if now < self.ready_at {
            return Turn::At(self.ready_at);
        }
        self.asking = true;
        Turn::Speak
    }
    /// The wait for leaders is over, and `base` is still the last round with a quorum: gives up on its
    /// leaders. `None` if it is not, and they came.
    pub fn give_up(&mut self, base: Option<Round>) -> Option<Round> {
        let in_vain = base.filter(|&base| base == self.watched)?;
        self.given_up = in_vain;
        self.in_vain = self.in_vain.saturating_add(1);
        Some(in_vain)
    }
    /// Whether it is time to say the last vertex again.
    pub fn repeats(&mut self, now: Time) -> bool {
        if now < self.repeat_at {
            return false;
        }
        self.repeats = (self.repeats + 1).min(REPEAT_DOUBLINGS_MAX);
        self.repeat_at = now + self.timeout(self.repeats).max(self.patience());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        let rhythm =
            Rhythm { round_gap: Span::ms(5), idle_gap: Span::ms(500), timeout: Span::ms(100) };
        Pace::new(rhythm, Time::ZERO)
    }

    #[test]
    fn a_busy_replica_speaks_when_leaders_have_and_an_idle_one_after_a_while() {
        let (mut busy, mut idle) = (pace(), pace());
        let spoke = |_| true;
        assert_eq!(busy.turn(Time::ms(1), Round(1), true, spoke), Turn::At(Time::ms(5)));
        assert_eq!(busy.turn(Time::ms(5), Round(1), true, spoke), Turn::Speak);
        assert_eq!(busy.turn(Time::ms(5), Round(1), true, spoke), Turn::Rest, "it asked");
        assert_eq!(idle.turn(Time::ms(5), Round(1), false, spoke), Turn::At(Time::ms(500)));
        assert_eq!(idle.turn(Time::ms(500), Round(1), false, spoke), Turn::Speak);
    }

    #[test]
    fn long_rounds_are_late_later_but_not_without_bound() {
        let mut pace = pace();
        let mut say = |at| {
            pace.asking = false;
            assert_eq!(pace.turn(Time::ms(at), Round(1), true, |_| true), Turn::Speak);
            pace.spoke(Time::ms(at));
            pace.repeat_at.since(Time::ms(at))
        };
        assert_eq!(say(5000), Span::ms(100), "it rested at first");
        assert_eq!(say(5040), Span::ms(100), "forty were no reason to wait for longer");
        assert_eq!(say(5190), Span::ms(300), "a round took 150");
        assert_eq!(say(5200), Span(262_500_000), "an eighth less after a short one");
        assert_eq!(say(9000), Span::ms(400), "no more than four times the timeout");
        assert!(!pace.repeats(Time::ms(9399)) && pace.repeats(Time::ms(9400)));
        assert!(!pace.repeats(Time::ms(9799)) && pace.repeats(Time::ms(9800)));
    }

    #[test]
    fn leaders_are_waited_for_and_longer_after_waits_in_vain() {
        let mut pace = pace();
        let turn =
            |pace: &mut Pace, at, base| pace.turn(Time::ms(at), Round(base), true, |_| false);
        assert_eq!(turn(&mut pace, 10, 1), Turn::Leaders(Time::ms(110)));
        assert_eq!(turn(&mut pace, 20, 1), Turn::Rest);
        assert_eq!(pace.give_up(Some(Round(2))), None, "the round has passed");
        assert_eq!(pace.give_up(Some(Round(1))), Some(Round(1)));
        assert_eq!(turn(&mut pace, 110, 1), Turn::Speak);
        pace.asking = false;
        assert_eq!(turn(&mut pace, 120, 2), Turn::Leaders(Time::ms(320)), "twice as long");
        pace.committed();
        assert_eq!(turn(&mut pace, 130, 3), Turn::Leaders(Time::ms(230)));
        // The own vertex of the round before came in late: that round's leaders are waited for now.
        assert_eq!(turn(&mut pace, 140, 2), Turn::Leaders(Time::ms(240)));
    }
}
