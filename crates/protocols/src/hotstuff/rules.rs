//! What is voted on, what a quorum of votes commits, and when a vote is safe: pure functions.

use std::sync::Arc;

use byzlab_core::{
    Block, Claim, Committee, Height, Invalid, Proof, Statement, View, block::Head, codec,
};
use serde::{Deserialize, Serialize};

use crate::kit::{Certificate, Way};

/// When a block is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Rule {
    /// HotStuff: the tail of a certified three-chain in consecutive views.
    ThreeChain,
    /// Fast-HotStuff, Jolteon: the tail of a certified two-chain in consecutive views.
    TwoChain,
    /// HotStuff-2: its certificate is certified in the same view.
    Double,
}

/// A node of the chain: what one view added to it. At most one of each view is certified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The view in which it was proposed; 0 for genesis.
    pub view: View,
    /// The ledger's head if it is committed. A blank node has its parent's.
    pub head: Head,
}

/// What a vote signs: a node, its parent and its grandparent, and the rule of the run.
///
/// Honest replicas vote only if they hold a certificate for the parent, which says the same of the
/// grandparent; so one certificate tells of the three-chain, and is all that an auditor needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The rule by which the voters commit.
    pub rule: Rule,
    /// The node that is voted on.
    pub own: Place,
    /// The one that its proposal justifies itself by.
    pub parent: Place,
    /// And that one's.
    pub grand: Place,
}

impl Lineage {
    /// That of genesis, which everyone agrees on.
    pub fn genesis(rule: Rule, committee: &Committee) -> Self {
        let own = Place { view: View(0), head: Head::genesis(committee.chain) };
        Self { rule, own, parent: own, grand: own }
    }
    /// That of a node on top of this one.
    pub fn next(&self, view: View, head: Head) -> Self {
        Self { rule: self.rule, own: Place { view, head }, parent: self.own, grand: self.parent }
    }
    /// The view.
    pub fn view(&self) -> View {
        self.own.view
    }
    /// What a certificate for this commits.
    pub fn commits(&self) -> Option<Place> {
        let follows = |upper: Place, lower: Place| upper.view == lower.view.next();
        let Self { own, parent, grand, .. } = *self;
        match self.rule {
            // HotStuff, Algorithm 4, l. 10: b″.parent = b′ ∧ b′.parent = b; in consecutive views, for
            // the paper fills the views between with blank nodes.
            Rule::ThreeChain => (follows(own, parent) && follows(parent, grand)).then_some(grand),
            // Jolteon, "Commit", and HotStuff, Algorithm 6, l. 5: two adjacent certified blocks, with
            // consecutive round numbers.
            Rule::TwoChain => follows(own, parent).then_some(parent),
            // HotStuff-2, step (3) Vote and commit: by the double certificate alone.
            Rule::Double => None,
        }
        .filter(|place| place.view > View(0))
    }
    /// The view on which a certificate for this locks.
    pub fn locks(&self) -> View {
        match self.rule {
            // HotStuff, Algorithm 4, l. 8-9: the two-chain's tail.
            Rule::ThreeChain => self.parent.view,
            // HotStuff, Algorithm 6, l. 4; HotStuff-2, steps (3) and (5): the highest certified node.
            Rule::TwoChain | Rule::Double => self.own.view,
        }
    }
    fn check(&self, committee: &Committee) -> Result<(), Invalid> {
        let genesis = Self::genesis(self.rule, committee);
        let above = |upper: Place, lower: Place| {
            (upper == genesis.own && lower == genesis.own)
                || (upper.view > lower.view
                    && (upper.head == lower.head
                        || upper.head.height.0.checked_sub(1) == Some(lower.head.height.0)))
        };
        match above(self.own, self.parent) && above(self.parent, self.grand) {
            true => Ok(()),
            false => Err(Invalid("a lineage that does not rise")),
        }
    }
}

/// In which phase a vote was given: each has its own domain, so that neither passes for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// On a proposal.
    Vote,
    /// On a certificate: HotStuff-2's second vote.
    Vote2,
}

/// What is signed by a vote.
pub fn vote_statement(committee: &Committee, phase: Phase, lineage: &Lineage) -> Statement {
    let domain = match phase {
        Phase::Vote => "hotstuff/vote",
        Phase::Vote2 => "hotstuff/vote-2",
    };
    committee.statement(domain, lineage)
}

/// A quorum certificate: a quorum voted for this node, in one phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Qc {
    /// For which node.
    pub lineage: Lineage,
    /// Who voted. Genesis needs no votes.
    pub certificate: Certificate,
}

impl Qc {
    /// The certificate that everyone begins with.
    pub fn genesis(rule: Rule, committee: &Committee) -> Arc<Self> {
        let lineage = Lineage::genesis(rule, committee);
        Arc::new(Self { lineage, certificate: Certificate::default() })
    }
    /// The view.
    pub fn view(&self) -> View {
        self.lineage.view()
    }
    /// The ledger's head if its node is committed.
    pub fn head(&self) -> Head {
        self.lineage.own.head
    }
    /// Whether at least `quorum` voted, or it is about genesis.
    pub fn is_certified(&self, quorum: usize) -> bool {
        self.view() == View(0) || self.certificate.len() >= quorum
    }
    /// Adds what must hold for it, as a certificate of `phase`.
    ///
    /// # Errors
    /// If its lineage or its certificate is malformed, or it is about another chain's genesis.
    pub fn claims(
        &self,
        phase: Phase,
        committee: &Committee,
        claims: &mut Vec<Claim>,
    ) -> Result<(), Invalid> {
        self.lineage.check(committee)?;
        if self.view() == View(0) {
            return match self.certificate.is_empty() && phase == Phase::Vote {
                true => Ok(()),
                false => Err(Invalid("votes for genesis")),
            };
        }
        let statement = vote_statement(committee, phase, &self.lineage);
        self.certificate.claims(&statement, committee, claims)
    }
}

/// The proof in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finality {
    /// The certificate that commits it: of a chain's top, or of a certificate in HotStuff-2.
    pub qc: Arc<Qc>,
    /// From this block up to the one that the certificate commits.
    pub way: Way,
}

impl Finality {
    /// The head that its certificate commits, and the phase of its votes.
    fn committed(&self) -> Option<(Head, Phase)> {
        match self.qc.lineage.rule {
            Rule::Double => Some((self.qc.head(), Phase::Vote2)),
            Rule::ThreeChain | Rule::TwoChain => {
                self.qc.lineage.commits().map(|place| (place.head, Phase::Vote))
            }
        }
    }
    /// This as a block carries it.
    pub fn to_proof(&self) -> Proof {
        Proof(codec::encode(self))
    }
    /// What a block's proof says.
    ///
    /// # Errors
    /// If the proof is none of this protocol's.
    pub fn of(proof: &Proof) -> Result<Self, Invalid> {
        codec::decode(&proof.0).map_err(|_| Invalid("a proof that is no certificate"))
    }
}

/// See [`Protocol::audit`](byzlab_core::Protocol::audit): digest, way, certificate and Merkle root.
///
/// The clients' signatures are not claimed again: honest replicas had them proven before they voted.
pub fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
    if block.height == Height::GENESIS || !block.is_chained() {
        return Err(Invalid("a block whose digest is not its content's"));
    }
    if !committee.contains(block.producer) {
        return Err(Invalid("a block by nobody in the committee"));
    }
    let finality = Finality::of(&block.proof)?;
    let (head, phase) =
        finality.committed().ok_or(Invalid("a certificate that commits nothing"))?;
    if finality.way.top(block.head())? != head {
        return Err(Invalid("a certificate that commits another block"));
    }
    if finality.qc.certificate.len() < committee.quorum() {
        return Err(Invalid("a certificate below the quorum"));
    }
    if block.batch.is_empty() {
        return Err(Invalid("a block without transactions"));
    }
    let mut claims = Vec::with_capacity(finality.qc.certificate.len() + 1);
    finality.qc.claims(phase, committee, &mut claims)?;
    claims.push(Claim::Root(block.batch.clone()));
    Ok(claims)
}

/// What a vote depends on, apart from the proposal's own form.
#[derive(Clone, Copy, Debug)]
pub struct Ballot {
    /// The last view in which this replica voted, or which it gave up.
    pub voted: View,
    /// The view of its lock.
    pub lock: View,
}

/// Why a replica must not vote for a node in `view` that justifies itself by a certificate of view
/// `justify`; `high` is the highest view that the timeout certificate of `view` − 1 speaks of, if the
/// proposal has one.
pub fn objection(
    rule: Rule,
    ballot: Ballot,
    view: View,
    justify: View,
    high: Option<View>,
) -> Option<&'static str> {
    if view <= ballot.voted {
        return Some("this view had its vote");
    }
    let direct = justify.next() == view;
    match rule {
        // HotStuff, Algorithm 4, l. 17-18: it extends the locked node, or its certificate is of a higher
        // view; HotStuff-2, step (3) Vote and commit: its certificate is ranked no lower than the lock. A node
        // extends what it justifies itself by, and one view has one certificate; so both come down to this.
        Rule::ThreeChain | Rule::Double if justify < ballot.lock => {
            Some("its certificate is below the lock")
        }
        // Jolteon, "Vote": r = qc.round + 1, or r = tc.round + 1 and qc.round ≥ the highest
        // of tc. Fast-HotStuff asks for the same of its aggregated certificates.
        Rule::TwoChain if !direct && high.is_none_or(|high| justify < high) => {
            Some("its certificate is below what a quorum knows")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use byzlab_core::{Digest, PublicKey};

    use super::*;

    fn lineage(rule: Rule, views: [u64; 3]) -> Lineage {
        let place = |view: u64| {
            let head = Head { height: Height(view), digest: Digest([view as u8; 32]) };
            Place { view: View(view), head }
        };
        let [own, parent, grand] = views.map(place);
        Lineage { rule, own, parent, grand }
    }
    fn commits(rule: Rule, views: [u64; 3]) -> Option<u64> {
        lineage(rule, views).commits().map(|place| place.view.0)
    }

    #[test]
    fn chains_commit_in_consecutive_views_alone() {
        assert_eq!(commits(Rule::ThreeChain, [7, 6, 5]), Some(5));
        assert_eq!(commits(Rule::ThreeChain, [8, 6, 5]), None);
        assert_eq!(commits(Rule::ThreeChain, [8, 7, 5]), None);
        assert_eq!(commits(Rule::TwoChain, [8, 7, 5]), Some(7));
        assert_eq!(commits(Rule::TwoChain, [8, 6, 5]), None);
        assert_eq!(commits(Rule::Double, [8, 7, 6]), None, "only a second certificate does");
        assert_eq!(commits(Rule::ThreeChain, [2, 1, 0]), None, "genesis is no block");
        assert_eq!(commits(Rule::TwoChain, [1, 0, 0]), None);
    }

    #[test]
    fn the_lock_is_one_below_what_commits() {
        assert_eq!(lineage(Rule::ThreeChain, [9, 7, 5]).locks(), View(7));
        assert_eq!(lineage(Rule::TwoChain, [9, 7, 5]).locks(), View(9));
        assert_eq!(lineage(Rule::Double, [9, 7, 5]).locks(), View(9));
    }

    #[test]
    fn votes_are_given_once_and_not_below_the_lock() {
        let ballot = Ballot { voted: View(6), lock: View(4) };
        let may = |rule, view, justify, high: Option<u64>| {
            objection(rule, ballot, View(view), View(justify), high.map(View)).is_none()
        };
        for rule in [Rule::ThreeChain, Rule::TwoChain, Rule::Double] {
            assert!(!may(rule, 6, 5, None), "voted in 6");
            assert!(may(rule, 7, 6, None));
        }
        for rule in [Rule::ThreeChain, Rule::Double] {
            assert!(may(rule, 9, 4, Some(8)), "the lock's own certificate");
            assert!(!may(rule, 9, 3, Some(3)), "below the lock");
        }
        assert!(may(Rule::TwoChain, 9, 3, Some(3)), "a quorum knows nothing higher");
        assert!(!may(Rule::TwoChain, 9, 3, Some(4)));
        assert!(!may(Rule::TwoChain, 9, 3, None), "neither direct nor excused");
    }

    #[test]
    fn lineages_rise() {
        let committee = Committee::new("test", vec![PublicKey::default(); 4], false);
        let genesis = Lineage::genesis(Rule::TwoChain, &committee);
        let head = |height, x| Head { height: Height(height), digest: Digest([x; 32]) };
        let first = genesis.next(View(1), head(1, 1));
        let blank = first.next(View(4), head(1, 1));
        for good in [genesis, first, blank] {
            assert_eq!(good.check(&committee), Ok(()));
        }
        for bad in [
            first.next(View(1), head(2, 2)),
            first.next(View(2), head(3, 3)),
            first.next(View(2), head(0, 0)),
            Lineage { grand: first.own, ..blank },
        ] {
            assert!(bad.check(&committee).is_err(), "{bad:?}");
        }
    }
}
