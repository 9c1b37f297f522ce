//! Views: how long one waits in them, and how a quorum leaves one.
//!
//! - [`Backoff`] says how long to wait: twice as long after as many failures as dead leaders explain.
//! - [`TimeoutVote`], [`TimeoutCertificate`]: "I give up on this view; the best certificate I know is
//!   of that view", and a quorum of such words.
//! - [`Pacemaker`] holds the view and counts timeout votes: at f + 1 it says *join* (an honest replica
//!   gave up, so must I, or views drift apart: Bracha's amplification, as in DiemBFT), at a quorum it
//!   gives the certificate.
//! - [`Due`] is what its timer means: halfway, that it is time to say again what was said in this view, for
//!   papers count on links that lose nothing, and here they may; then, that the view has lasted too long.
//!
//! The pacemaker sends nothing. How votes travel is the protocol's choice: to all (n(n − 1) messages, any
//! one's certificate moves everyone), or to the next leader alone, whose proposal carries the certificate.

use byzlab_core::{
    Claim, Committee, Effects, Invalid, Protocol, ReplicaId, Seat, Signature, Span, Statement,
    Time, View,
};
use serde::{Deserialize, Serialize};

use super::{Leaders, Rotation};

/// How often a timeout doubles at most.
pub const DOUBLINGS_MAX: u32 = 4;

/// How long to wait: a base, doubled with every so many failures in a row as faulty leaders explain.
///
/// One replica that is down costs a chained protocol two views: its own, and the one before, whose votes
/// it should have collected. So two that are down fail four views in a row, or nearly, each time that the
/// turn comes to them, and that says nothing of the network. Were that to double the wait twice, one lost
/// vote in the views between would let the next round of leaders begin with waits that are long already.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    base: Span,
    /// After how many failures the wait doubles.
    pace: u32,
    failures: u32,
}

/// How many faulty leaders in a row the wait allows for; with more of them it grows all the same, as
/// large committees must learn of a slow network as fast as small ones.
const FAULTY_LEADERS_MAX: usize = 2;

impl Backoff {
    /// Starts at `base`, in a committee that stands `faults` faulty replicas.
    pub fn new(base: Span, faults: usize) -> Self {
        let leaders = faults.clamp(1, FAULTY_LEADERS_MAX) as u32;
        Self { base, pace: 2 * leaders, failures: 0 }
    }
    /// How long to wait now.
    pub fn span(&self) -> Span {
        self.base.times(1 << (self.failures / self.pace))
    }
    /// The wait was in vain: the next are longer, up to 2^[`DOUBLINGS_MAX`] times the base.
    pub fn fail(&mut self) {
        self.failures = (self.failures + 1).min(self.pace * DOUBLINGS_MAX);
    }
    /// A view succeeded, and makes up for one that failed.
    pub fn ease(&mut self) {
        self.failures = self.failures.saturating_sub(1);
    }
    /// Something was committed: the base again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// "I give up on `view`, and vote in it no more. The best certificate that I know is of view `high`."
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeoutVote {
    /// The view given up.
    pub view: View,
    /// The view of the best certificate known, which travels beside.
    pub high: View,
    /// The sender's, under both.
    pub signature: Signature,
}

/// What is signed by a timeout vote; `domain` is the protocol's, like `"hotstuff/timeout"`.
pub fn timeout_statement(committee: &Committee, domain: &str, view: View, high: View) -> Statement {
    committee.statement(domain, &(view, high))
}

impl TimeoutVote {
    /// The vote of the replica that `out` signs for.
    pub fn sign<P: Protocol>(
        committee: &Committee,
        domain: &str,
        view: View,
        high: View,
        out: &mut Effects<P>,
    ) -> Self {
        let signature = out.sign(&timeout_statement(committee, domain, view, high));
        Self { view, high, signature }
    }
    /// The claim that `from` signed it.
    ///
    /// # Errors
    /// If `from` is nobody, or the certificate it speaks of would be of a later view.
    pub fn claim(
        &self,
        from: ReplicaId,
        committee: &Committee,
        domain: &str,
    ) -> Result<Claim, Invalid> {
        if self.high > self.view {
            return Err(Invalid("a timeout with a certificate of a later view"));
        }
        let statement = timeout_statement(committee, domain, self.view, self.high);
        let claim = committee.signed(from, &statement, self.signature);
        claim.ok_or(Invalid("an unknown sender"))
    }
}

/// A quorum gave up on a view. What each of them says of its best certificate is signed: among any two
/// quorums is an honest replica, so who extends the highest of these extends whatever may be committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeoutCertificate {
    /// The view given up.
    pub view: View,
    /// Who, with which best certificate's view, in order of id.
    votes: Vec<(ReplicaId, View, Signature)>,
}

impl TimeoutCertificate {
    /// The certificate of `votes` on `view`, in order of id.
    pub fn of(view: View, votes: Vec<(ReplicaId, View, Signature)>) -> Self {
        Self { view, votes }
    }
    /// The highest view of a certificate that its signers know.
    pub fn high(&self) -> View {
        self.votes.iter().map(|&(_, high, _)| high).max().unwrap_or_default()
    }
    /// How many signed.
    pub fn len(&self) -> usize {
        self.votes.len()
    }
    /// Whether nobody did.
    pub fn is_empty(&self) -> bool {
        self.votes.is_empty()
    }
    /// Adds the claims that each signed what is said here. Whether they suffice is the caller's to judge
    /// by [`len`](Self::len).
    ///
    /// # Errors
    /// If signers are unknown, repeated or out of order, or speak of later views.
    pub fn claims(
        &self,
        committee: &Committee,
        domain: &str,
        claims: &mut Vec<Claim>,
    ) -> Result<(), Invalid> {
        if !self.votes.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Err(Invalid("a timeout certificate with signers repeated or out of order"));
        }
        for &(from, high, signature) in &self.votes {
            let vote = TimeoutVote { view: self.view, high, signature };
            claims.push(vote.claim(from, committee, domain)?);
        }
        Ok(())
    }
}

/// What a timeout vote brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// f + 1 gave up on this view or later ones, and this replica has not: it should.
    Join(View),
    /// A quorum gave up.
    Certificate(TimeoutCertificate),
}

/// What is to be done when the view's timer falls due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Half of the wait is over: what was said in this view may be lost, and is to be said again.
    Repeat,
    /// All of it is, or a view was given up in vain: gives up on the view, or says so again.
    GiveUp,
}

/// What the timer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// The half of a wait that ends then.
    Half { end: Time },
    /// The end.
    End,
}

/// One replica's view, its timer, and what it heard of others' timeouts.
#[derive(Clone, Debug)]
pub struct Pacemaker {
    view: View,
    rotation: Rotation,
    backoff: Backoff,
    one_honest: usize,
    quorum: usize,
    /// What the view's timer waits for, if it runs.
    wait: Option<Wait>,
    /// The last view that this replica gave up on.
    gave_up: Option<View>,
    /// The last view of which a certificate was given.
    certified: Option<View>,
    /// Each replica's last timeout vote: as many as there are replicas, whatever they send.
    votes: Vec<Option<TimeoutVote>>,
}

impl Pacemaker {
    /// In view `view`. A quorum of `quorum` ends views; a view that gets nowhere lasts `timeout`, longer
    /// after failures.
    pub fn new(seat: &Seat, leaders: Leaders, quorum: usize, timeout: Span, view: View) -> Self {
        let committee = &seat.committee;
        Self {
            view,
            rotation: Rotation::new(leaders, committee),
            backoff: Backoff::new(timeout, committee.faults()),
            one_honest: committee.one_honest(),
            quorum,
            wait: None,
            gave_up: None,
            certified: None,
            votes: vec![None; committee.size()],
        }
    }
    /// The view it is in.
    pub fn view(&self) -> View {
        self.view
    }
    /// Who leads which view.
    pub fn rotation(&self) -> &Rotation {
        &self.rotation
    }
    /// Who leads this view.
    pub fn leader(&self) -> ReplicaId {
        self.rotation.leader(self.view)
    }
    /// Whether this replica gave up on the view it is in.
    pub fn gave_up(&self) -> bool {
        self.gave_up == Some(self.view)
    }
    /// How long the view may last.
    pub fn timeout(&self) -> Span {
        self.backoff.span()
    }
    /// A view brought a certificate, but no commit yet.
    pub fn ease(&mut self) {
        self.backoff.ease();
    }
    /// Something was committed: waits are short again.
    pub fn succeed(&mut self) {
        self.backoff.reset();
    }
    /// Enters `view`, if that is above the one it is in; whether it did. The timer starts anew with the
    /// next [`watch`](Self::watch).
    pub fn enter<P: Protocol>(
        &mut self,
        view: View,
        timer: P::Timer,
        out: &mut Effects<P>,
    ) -> bool {
        if view <= self.view {
            return false;
        }
        self.view = view;
        if self.wait.take().is_some() {
            out.disarm(timer);
        }
        true
    }
    /// Sees to it that the timer runs if there is something to wait for, and does not else; it must come
    /// back through [`on_timer`](Self::on_timer). For one who gave up it is time, after half of the base
    /// wait, to say so again.
    pub fn watch<P: Protocol>(
        &mut self,
        now: Time,
        waits: bool,
        timer: P::Timer,
        out: &mut Effects<P>,
    ) {
        if self.wait.is_some() == waits {
            return;
        }
        if !waits {
            self.wait = None;
            return out.disarm(timer);
        }
        let (wait, span) = match self.gave_up() {
            true => (Wait::End, self.backoff.base),
            false => (Wait::Half { end: now + self.backoff.span() }, self.backoff.span()),
        };
        self.wait = Some(wait);
        out.arm(timer, now + Span(span.0 / 2));
    }
    /// The timer fell due. After [`Due::GiveUp`] it runs no more until the next [`watch`](Self::watch).
    pub fn on_timer<P: Protocol>(&mut self, timer: P::Timer, out: &mut Effects<P>) -> Due {
        match self.wait.take() {
            Some(Wait::Half { end }) => {
                self.wait = Some(Wait::End);
                out.arm(timer, end);
                Due::Repeat
            }
            Some(Wait::End) | None => Due::GiveUp,
        }
    }
    /// The wait is over, or others gave up: so does this replica. Whether for the first time in this
    /// view; then the next view's wait is longer.
    pub fn give_up(&mut self) -> bool {
        self.wait = None;
        let first = self.gave_up.replace(self.view) != Some(self.view);
        if first {
            self.backoff.fail();
        }
        first
    }
    /// After a restart: begins in `view`.
    pub fn begin(&mut self, view: View) {
        self.view = view;
    }
    /// Takes a timeout vote, which has been proven: one's own too. Votes of views below are nothing new.
    pub fn hear(&mut self, from: ReplicaId, vote: TimeoutVote) -> Option<Heard> {
        let last = &mut self.votes[from.index()];
        if vote.view < self.view || last.is_some_and(|last| last.view >= vote.view) {
            return None;
        }
        *last = Some(vote);
        let of = |view: View| {
            let votes = self.votes.iter().zip(0..).filter_map(move |(vote, id)| {
                let vote = vote.filter(|vote| vote.view == view)?;
                Some((ReplicaId(id), vote.high, vote.signature))
            });
            votes.take(self.quorum).collect::<Vec<_>>()
        };
        let votes = of(vote.view);
        if votes.len() >= self.quorum && self.certified < Some(vote.view) {
            self.certified = Some(vote.view);
            return Some(Heard::Certificate(TimeoutCertificate::of(vote.view, votes)));
        }
        let mut views: Vec<View> = self.votes.iter().flatten().map(|vote| vote.view).collect();
        views.sort_unstable();
        let agreed = views.len().checked_sub(self.one_honest).map(|at| views[at])?;
        let joined = self.gave_up >= Some(agreed);
        (agreed >= self.view && !joined).then_some(Heard::Join(agreed))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use byzlab_core::PublicKey;

    use super::*;

    fn committee() -> Committee {
        Committee::new("test", vec![PublicKey::default(); 4], false)
    }
    fn pacemaker() -> Pacemaker {
        let seat = Seat::new(ReplicaId(0), Arc::new(committee()));
        Pacemaker::new(&seat, Leaders::RoundRobin, 3, Span::ms(100), View(1))
    }
    fn vote(view: u64, high: u64) -> TimeoutVote {
        TimeoutVote { view: View(view), high: View(high), signature: Signature::default() }
    }

    #[test]
    fn waits_double_within_a_bound() {
        let mut backoff = Backoff::new(Span::ms(100), 1);
        (0..4).for_each(|_| backoff.fail());
        assert_eq!(backoff.span(), Span::ms(400));
        backoff.ease();
        assert_eq!(backoff.span(), Span::ms(200));
        (0..100).for_each(|_| backoff.fail());
        assert_eq!(backoff.span(), Span::ms(1_600));
        backoff.reset();
        assert_eq!(backoff.span(), Span::ms(100));
    }

    #[test]
    fn views_that_faulty_leaders_fail_do_not_lengthen_the_wait() {
        let after = |faults, failures| {
            let mut backoff = Backoff::new(Span::ms(100), faults);
            (0..failures).for_each(|_| backoff.fail());
            backoff.span()
        };
        assert_eq!([0, 1].map(|faults| after(faults, 1)), [Span::ms(100); 2]);
        assert_eq!([0, 1].map(|faults| after(faults, 2)), [Span::ms(200); 2]);
        assert_eq!([3, 4, 8].map(|failures| after(2, failures)), [100, 200, 400].map(Span::ms));
        assert_eq!(after(2, 100), Span::ms(1_600), "the same bound for all");
        assert_eq!(after(33, 4), after(2, 4), "large committees learn as fast");
    }

    #[test]
    fn one_honest_pulls_along_and_a_quorum_certifies_once() {
        let mut pacemaker = pacemaker();
        assert_eq!(pacemaker.hear(ReplicaId(1), vote(5, 3)), None, "one alone may lie");
        assert_eq!(pacemaker.hear(ReplicaId(2), vote(5, 4)), Some(Heard::Join(View(5))));
        let Some(Heard::Certificate(certificate)) = pacemaker.hear(ReplicaId(0), vote(5, 0)) else {
            panic!("three of four are a quorum");
        };
        assert_eq!((certificate.view, certificate.len()), (View(5), 3));
        assert_eq!(certificate.high(), View(4));
        assert!(!matches!(pacemaker.hear(ReplicaId(3), vote(5, 0)), Some(Heard::Certificate(_))));
        assert_eq!(pacemaker.hear(ReplicaId(1), vote(4, 3)), None, "below its last one");
    }

    #[test]
    fn votes_of_different_views_pull_to_the_lower_one() {
        let mut pacemaker = pacemaker();
        assert_eq!(pacemaker.hear(ReplicaId(1), vote(1 << 60, 0)), None);
        let joined = pacemaker.hear(ReplicaId(2), vote(7, 0));
        assert_eq!(joined, Some(Heard::Join(View(7))), "a liar's view is nobody's");
        pacemaker.begin(View(7));
        assert!(pacemaker.give_up() && !pacemaker.give_up());
        assert_eq!(pacemaker.hear(ReplicaId(3), vote(7, 0)), None, "it gave up by now");
    }

    #[test]
    fn a_timeout_certificate_speaks_of_distinct_signers_and_earlier_views() {
        let committee = committee();
        let good = |ids: &[(u16, u64)]| {
            let vote = |&(id, high): &(u16, u64)| (ReplicaId(id), View(high), Signature::default());
            let certificate =
                TimeoutCertificate::of(View(5), ids.iter().map(vote).collect::<Vec<_>>());
            certificate.claims(&committee, "test/timeout", &mut Vec::new()).is_ok()
        };
        assert!(good(&[(0, 1), (2, 5), (3, 0)]));
        assert!(!good(&[(0, 1), (0, 1)]) && !good(&[(2, 1), (1, 1)]) && !good(&[(4, 1)]));
        assert!(!good(&[(0, 6)]));
    }
}
