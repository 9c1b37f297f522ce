//! The HotStuff family: Yin, Malkhi, Reiter, Golan Gueta & Abraham, *HotStuff: BFT Consensus with Linearity
//! and Responsiveness*, PODC 2019 (numbers of algorithms are those of arXiv 1803.05069v6), chained; and
//! what came of it.
//!
//! Each view's leader puts a node on top of the highest node that it holds a quorum certificate for. The
//! others vote for it, to the *next* leader, who makes the votes into a certificate, and that into the
//! next node's justification. So one kind of vote does duty for all phases: a node's certificate is the
//! first phase of its own block, the second of its parent's, the third of its grandparent's.
//!
//! | entry | params | final when | after a view that failed |
//! |---|---|---|---|
//! | `hotstuff` | `chain = 3` | three nodes of consecutive views are certified | new-views to the next leader |
//! | `fast-hotstuff` | `chain = 2` | two are | the same, and proof that no certificate is higher |
//! | `jolteon` | `chain = 2`, `view_change = "quadratic"` | two are | timeouts to all, and the same proof |
//! | `hotstuff-2` | `chain = 2`, `pipelined = false` | its certificate is certified | the leader waits Δ |
//!
//! Fast-HotStuff: Jalalzai, Niu, Feng & Gai, arXiv 2010.11454. Jolteon: Gelashvili et al., FC 2022, arXiv
//! 2106.10362; DiemBFT v4 is the same. HotStuff-2: Malkhi & Nayak, eprint 2023/397.
//!
//! *Where to look.* Lines of HotStuff's algorithms are counted without those that hold a comment alone, as its own
//! references to lines 17 and 18 of Algorithm 4 count them. HotStuff-2's paper numbers no lines: its view protocol
//! (Figure 1) has five steps, (1) Enter, (2) Propose, (3) Vote and commit, (4) Prepare and (5) Vote2, and its
//! pacemaker (Figure 2) says when views are entered; these are named where they are taken.
//!
//! | file | what |
//! |---|---|
//! | `rules` | what a vote signs; commit, lock and vote rules as pure functions; a block's proof, and its audit |
//! | `message` | messages, and what must hold for each |
//! | `propose` | leading a view: what to propose, and when |
//! | `vote` | proposals and votes: the normal case |
//! | `timeout` | leaving a view that got nowhere |
//! | `keep` | commits, missing blocks, state transfer, keeping up |
//! | `log` | what is saved, recovery |
//! | `variants` | the family's entries in the table; `theory`: what they promise |
//!
//! # Safety
//! Let q = ⌈(n + f + 1)/2⌉, so that two quorums share an honest replica. An honest replica votes once a
//! view, in views that rise, and saves that before the vote leaves: so a view certifies one node at most.
//! A vote signs the node, its parent and its grandparent ([`rules::Lineage`]).
//!
//! *Three-chain.* Let nodes b, b′, b″ of views v, v + 1, v + 2 be certified, each the next one's parent. The
//! quorum for b″ saw the certificate of b′ and locked on b. Let w > v + 2 be the lowest view with a certified
//! node c that does not extend b. One honest replica voted for both b″ and c, for c later, and c's
//! certificate was not below its lock (at least v): so c's parent is certified in a view from v to w − 1,
//! where every certified node extends b. Nor can c be of view v to v + 2. (Theorem 5 of the paper.)
//!
//! *Two-chain.* Let b, b′ of views v, v + 1 be certified. The quorum for b′ knows b's certificate. A node of
//! a later view either justifies itself by the view before, or carries a quorum's signed word of the
//! highest certificates they know, of whom one honest replica voted for b′ before it gave up a later view:
//! so it extends something certified in view v or later, and by induction b (as Jolteon's and
//! Fast-HotStuff's papers argue).
//!
//! *HotStuff-2.* A quorum that voted for the certificate of b in view v is locked on v, saved before its
//! second votes left. Then as in the three-chain's case (eprint 2023/397).
//!
//! *Across restarts.* What it voted for and when, its lock, its best certificate and the blocks it voted for
//! are in its log before a vote leaves. A certified block is so in the logs of f + 1 honest replicas.
//!
//! # Liveness
//! Waits grow until they suffice, f + 1 timeouts pull the others along, and what a replica is behind in comes
//! with any timeout or answer to one (certificates move views). After the network is timely, four honest
//! leaders in a row commit under the three-chain, three under the two-chain, two under HotStuff-2: the last
//! collects the votes. **Round robin with crashed replicas can lack such a run for ever**: with n = 4 and one
//! crash the three-chain commits nothing, and the two-chain half a block a view. That is the protocols', not
//! this program's; `leaders = "random"` escapes it.
//!
//! A leader that is down costs two waits a round: that of the view before, whose votes it should have
//! collected, and that of its own; half a wait more where new-views go to the next leader, for those of the
//! view before go to it. So where views take milliseconds, throughput with one down is that of the timeout.
//! When it comes back it asks, and is told again what it was told in this view, votes too: nobody waits on.
//!
//! # Deviations from the papers
//! - A node without transactions is a *blank*: it has a view and a certificate, and adds no block to the
//!   ledger. Leaders propose blanks only while something below is not known to be committed by all: an
//!   idle cluster rests. A chain of more than [`DEPTH_MAX`](crate::kit::chain::DEPTH_MAX) uncommitted blocks
//!   is extended by blanks alone, so that what is not committed is bounded.
//! - A node extends what it justifies itself by, always. The paper's `b.justify.node` may lie deeper than
//!   the parent only by way of blank nodes, for which gaps in the views stand here. So `safeNode` comes down
//!   to a comparison of views (see [`rules::objection`]), as in DiemBFT.
//! - A vote signs its node's parent and grandparent too: one certificate proves a commit.
//! - The pacemaker, which the paper leaves open: a view is entered by a certificate of the view before or
//!   by a quorum's timeouts on it, never on a leader's word. New-views (timeouts) are for the view given up;
//!   they go to the next leader, and to all when that one did not answer within half a timeout, or when
//!   `view_change = "quadratic"`. With f + 1 of them a replica gives up too.
//! - Links lose nothing in the papers. Here they may, and where all who are up are just a quorum, one vote
//!   lost in the three or four views that a chain lives from would cost a round of leaders. So halfway
//!   through its wait a replica says again what it said in this view: its proposal, its votes.
//! - Fast-HotStuff's proposal after a failed view carries q whole certificates; here, as in Jolteon, the
//!   signed views of q certificates, and the highest itself.
//! - HotStuff-2's decision is made by the next view's leader and comes with its proposal: 4(n − 1) messages a
//!   block, and n − 1 more for the last one. A leader that holds the certificate of the view before does not
//!   wait, for no lock can be higher.
//! - Certificates are q signatures, not one threshold signature: 2(n − 1) messages, O(n) bytes each.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_core::{
    Block, BuildError, Claim, Committee, Effects, Height, Input, Invalid, Protocol, ReplicaId,
    Saved, Seat, Time, View, block::Head,
};

use crate::kit::{Chain, Fetch, Pacemaker, Sync, Tally, TimeoutCertificate};

mod keep;
mod log;
pub mod message;
mod params;
mod propose;
pub mod rules;
mod theory;
mod timeout;
mod variants;
mod vote;

#[cfg(test)]
mod tests;

pub use message::Message;
pub use params::{Params, ViewChange};
pub use variants::{FAST_HOTSTUFF, HOTSTUFF, HOTSTUFF_2, JOLTEON};

use params::Setup;
use rules::{Lineage, Phase, Qc, Rule};

/// Names of the timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The view lasts too long.
    View,
    /// HotStuff-2: whoever has a lock has told this leader of it by now.
    Wait,
    /// A peer that was asked for a missing block did not answer.
    Fetch,
    /// A peer that was asked for committed blocks did not answer.
    Sync,
    /// Time to ask a peer whether something was missed.
    Status,
}

/// One replica of the HotStuff family.
#[derive(Debug)]
pub struct HotStuff {
    setup: Setup,
    seat: Seat,
    came_back: bool,
    pacemaker: Pacemaker,
    /// The blocks above the ledger.
    chain: Chain,

    /// The highest certificate (the paper's qc_high).
    high: Arc<Qc>,
    /// The view of the lock (the paper's b_lock).
    lock: View,
    /// The last view in which it voted, or which it gave up (the paper's vheight).
    voted: View,
    /// The last view in which it proposed.
    proposed: View,
    /// The timeout certificate by which the view was entered, if it was.
    timeout: Option<Arc<TimeoutCertificate>>,
    /// HotStuff-2: the highest decision.
    decision: Option<Arc<Qc>>,
    /// HotStuff-2: the last view for whose certificate it voted.
    prepared: View,
    /// HotStuff-2: the last view in which it waited for locks, as leader.
    waited: View,

    /// What it said in this view, a proposal and votes, and to whom: `None` for all.
    said: Vec<(Option<ReplicaId>, Message)>,
    /// The last proposal taken: the first of its view.
    heard: Option<Lineage>,
    /// Votes that this replica collects, of the views around its own.
    votes: BTreeMap<(View, Phase), Tally<Lineage>>,
    /// The view for which a batch was asked for.
    asking: Option<View>,
    /// Whether transactions wait at the host.
    waiting: bool,
    /// What is committed, and by which certificate, and waits for blocks that are missing.
    goal: Option<(Head, Arc<Qc>)>,
    /// Up to which height everyone who got the last proposal has committed.
    told: Height,

    fetch: Fetch,
    sync: Sync,
    /// When each peer was told last where this replica stands.
    answered: Vec<Option<Time>>,
    /// What the status timer saw last, and how many peers it has asked.
    seen: (View, Height),
    asked: u64,
    /// How many records were saved since the log was last compacted.
    records: u32,
}

impl Protocol for HotStuff {
    type Message = Message;
    type Timer = Timer;
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        let setup = Setup::new(&params, &seat.committee)?;
        let Setup { quorum, leaders, timeout, rule, .. } = setup;
        let mut replica = Self {
            came_back: !saved.records.is_empty() || saved.head.height > Height::GENESIS,
            pacemaker: Pacemaker::new(&seat, leaders, quorum, timeout, View(1)),
            chain: Chain::new(saved.head),
            high: Qc::genesis(rule, &seat.committee),
            lock: View(0),
            voted: View(0),
            proposed: View(0),
            timeout: None,
            decision: None,
            prepared: View(0),
            waited: View(0),
            said: Vec::new(),
            heard: None,
            votes: BTreeMap::new(),
            asking: None,
            waiting: false,
            goal: None,
            told: saved.head.height,
            fetch: Fetch::new(seat.me, setup.patience()),
            sync: Sync::new(&seat, setup.patience()),
            answered: vec![None; seat.committee.size()],
            seen: (View(0), Height::GENESIS),
            asked: 0,
            records: 0,
            setup,
            seat,
        };
        replica.restore(&saved)?;
        Ok(replica)
    }

    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => self.on_start(now, out),
            Input::Message { from, message } => self.on_message(now, from, message, out),
            Input::Timer(Timer::View) => self.on_view_timer(now, out),
            Input::Timer(Timer::Wait) => {
                self.waited = self.pacemaker.view();
                self.lead(now, out);
            }
            Input::Timer(Timer::Fetch) => self.on_fetch_timer(now, out),
            Input::Timer(Timer::Sync) => {
                self.sync.on_timer();
                self.pump(now, out);
            }
            Input::Timer(Timer::Status) => self.on_status_timer(now, out),
            Input::Waiting(waiting) => {
                self.waiting = waiting;
                self.watch(now, out);
            }
            Input::Batch(batch) => self.on_batch(batch, out),
            Input::Blocks { tag, blocks } => self.sync.on_read(tag, blocks, out),
            Input::Sealed(_) => unreachable!("no puzzle was handed out"),
        }
    }

    fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        rules::audit(block, committee)
    }
}

impl HotStuff {
    fn on_message(
        &mut self,
        now: Time,
        from: ReplicaId,
        message: Message,
        out: &mut Effects<Self>,
    ) {
        match message {
            // Algorithm 4, l. 16-21, `onReceiveProposal`; HotStuff-2, step (3) Vote and commit.
            Message::Propose(proposal) => self.on_propose(now, from, &proposal, out),
            // Algorithm 4, l. 22-27, `onReceiveVote`; HotStuff-2, step (4) Prepare.
            Message::Vote(vote) => self.on_vote(now, from, Phase::Vote, vote, out),
            // HotStuff-2, step (5) Vote2.
            Message::Prepare(qc) => self.on_prepare(now, from, &qc, out),
            // HotStuff-2, step (1) Enter, of the next view: its leader makes the double certificate.
            Message::Vote2(vote) => self.on_vote(now, from, Phase::Vote2, vote, out),
            // Algorithm 5, l. 11-12, `onReceiveNewView`; HotStuff-2, step (1) Enter, without a decision.
            Message::Timeout(vote, standing) => self.on_timeout(now, from, vote, &standing, out),
            Message::Status(standing, asks) => self.on_status(now, from, &standing, asks, out),
            Message::Wanted(wanted) => self.on_wanted(now, from, wanted, out),
            Message::Catchup(catchup) => self.on_catchup(now, from, catchup, out),
        }
    }

    /// Says what others need for this view to succeed, and keeps it to be [repeated](Self::repeat).
    fn say(&mut self, to: Option<ReplicaId>, message: Message, out: &mut Effects<Self>) {
        send(to, &message, out);
        self.said.push((to, message));
    }

    /// Says again what it said in this view: what was lost would cost the view, and a chain its links.
    fn repeat(&self, out: &mut Effects<Self>) {
        self.said.iter().for_each(|(to, message)| send(*to, message, out));
    }

    fn leader_of(&self, view: View) -> ReplicaId {
        self.pacemaker.rotation().leader(view)
    }

    /// Whether `qc` is one of this run's: of its rule, and of as many votes as decide.
    fn trusts(&self, qc: &Qc) -> bool {
        qc.lineage.rule == self.setup.rule && qc.is_certified(self.setup.quorum)
    }

    /// A certificate has come to light: takes over what it says (Algorithm 4, l. 4-12, `update`; the two-chain's is
    /// Algorithm 6).
    fn on_qc(&mut self, now: Time, qc: &Arc<Qc>, out: &mut Effects<Self>) {
        if qc.view() > self.high.view() {
            self.high = qc.clone(); // Algorithm 5, l. 2-5, `updateQCHigh`
            self.pacemaker.ease();
        }
        self.lock = self.lock.max(qc.lineage.locks()); // Algorithm 4, l. 8-9
        if let Some(place) = qc.lineage.commits() {
            self.aim(now, place.head, qc, out);
        }
        if self.setup.rule != Rule::Double {
            self.enter(now, qc.view().next(), out);
        }
    }

    /// HotStuff-2: a double certificate has come to light; it commits (step (3) Vote and commit), and ends its view
    /// (Figure 2; step (1) Enter, the responsive case).
    fn on_decision(&mut self, now: Time, decision: &Arc<Qc>, out: &mut Effects<Self>) {
        if self.decision.as_ref().is_none_or(|last| last.view() < decision.view()) {
            self.decision = Some(decision.clone());
        }
        self.aim(now, decision.head(), decision, out);
        self.enter(now, decision.view().next(), out);
    }

    /// A quorum gave up on a view (HotStuff-2, step (1) Enter, the case that has no decision).
    fn on_timeout_certificate(
        &mut self,
        now: Time,
        timeout: &Arc<TimeoutCertificate>,
        out: &mut Effects<Self>,
    ) {
        let next = timeout.view.next();
        if next < self.pacemaker.view() {
            return;
        }
        if self.timeout.as_ref().is_none_or(|last| last.view < timeout.view) {
            self.timeout = Some(timeout.clone());
        }
        if !self.enter(now, next, out) {
            self.lead(now, out);
        }
    }

    /// Enters `view`, if that is above the one it is in; whether it did.
    fn enter(&mut self, now: Time, view: View, out: &mut Effects<Self>) -> bool {
        if !self.pacemaker.enter(view, Timer::View, out) {
            return false;
        }
        self.asking = None;
        self.said.clear();
        self.timeout = self.timeout.take().filter(|timeout| timeout.view.next() == view);
        self.votes.retain(|&(of, _), _| of.next() >= view);
        self.announce(out);
        self.watch(now, out);
        self.lead(now, out);
        true
    }
}

fn send(to: Option<ReplicaId>, message: &Message, out: &mut Effects<HotStuff>) {
    match to {
        Some(to) => out.send(to, message.clone()),
        None => out.broadcast(message.clone()),
    }
}
