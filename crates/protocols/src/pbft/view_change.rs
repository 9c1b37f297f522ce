//! Leaving a view and opening the next (§4.4): the messages, and the rule that decides what is proposed
//! again. All of it is a function of the messages alone, so that every replica checks the same.
//!
//! A VIEW-CHANGE carries what its sender prepared, each with a certificate. A NEW-VIEW of the paper
//! carries a quorum of whole VIEW-CHANGE messages; here it carries their signed parts (which do not
//! hold the certificates) and one certificate for each choice that follows from them. Nothing is lost:
//! the rule picks, for each height, the claim of the highest view, and that very claim is certified.

use std::collections::BTreeMap;

use byzlab_core::{
    Claim, Committee, Digest, Height, Invalid, ReplicaId, Signature, Statement, View, block::Head,
};
use serde::{Deserialize, Serialize};

use super::{
    WINDOW_MAX,
    message::Stable,
    proposal::{Phase, Proposal, vote_statement},
};
use crate::kit::{Certificate, Signers};

/// "In this view, this proposal was prepared for this height."
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// The height.
    pub height: Height,
    /// The view.
    pub view: View,
    /// The proposal.
    pub digest: Digest,
}

/// Why a [`Claimed`] may be believed: a quorum of prepares, or of commits, which say the same and more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Of which votes.
    pub phase: Phase,
    /// The votes.
    pub certificate: Certificate,
}

/// A prepared certificate: an element of the paper's set P.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// What was prepared.
    pub claimed: Claimed,
    /// The proof.
    pub evidence: Evidence,
}

/// The signed part of a VIEW-CHANGE: where its sender stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure {
    /// The view it moves to.
    pub view: View,
    /// Its stable checkpoint.
    pub stable: Head,
    /// What it prepared above that, in order of height.
    pub prepared: Vec<Claimed>,
}

/// "I move to this view; this is what I prepared before" (VIEW-CHANGE).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewChange {
    /// What is said.
    pub departure: Departure,
    /// The sender's signature under it.
    pub signature: Signature,
    /// The proof of the stable checkpoint, the paper's set C.
    pub stable: Certificate,
    /// The proof of each prepared claim, in the same order.
    pub evidence: Vec<Evidence>,
}

/// A departure as a NEW-VIEW carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departed {
    /// Who left.
    pub from: ReplicaId,
    /// With which words.
    pub departure: Departure,
    /// Its signature under them.
    pub signature: Signature,
}

/// "A quorum moved to my view; these heights are proposed again" (NEW-VIEW).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewView {
    /// The view.
    pub view: View,
    /// The quorum, in order of id: the signed parts of the paper's set V.
    pub departed: Vec<Departed>,
    /// The highest stable checkpoint among them (min-s), with its proof.
    pub stable: Stable,
    /// The proof of each choice that is not a null request, in order of height.
    pub evidence: Vec<Evidence>,
    /// The paper's set O: for each height above min-s the digest, and the primary's prepare vote for it.
    pub order: Vec<(Digest, Signature)>,
    /// The primary's signature under the whole of it.
    pub signature: Signature,
}

/// What follows from a quorum of departures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The highest stable checkpoint, min-s.
    pub stable: Head,
    /// For each height from min-s + 1 to max-s what must be proposed again; `None`: a null request.
    pub choices: Vec<Option<Claimed>>,
}

/// Computes min-s, max-s and the choices between them (§4.4).
pub fn order<'a>(departures: impl Iterator<Item = &'a Departure> + Clone) -> Order {
    let nobody = Head::genesis(Digest::default());
    let stable = departures.clone().map(|d| d.stable).max().unwrap_or(nobody);
    let mut best: BTreeMap<Height, Claimed> = BTreeMap::new();
    for claimed in departures.flat_map(|d| &d.prepared).filter(|c| c.height > stable.height) {
        let entry = best.entry(claimed.height).or_insert(*claimed);
        // Two digests prepared in one view cannot both be certified; the second key makes the
        // choice among them the same for all.
        if (claimed.view, claimed.digest) > (entry.view, entry.digest) {
            *entry = *claimed;
        }
    }
    let top = best.keys().next_back().copied().unwrap_or(stable.height);
    let heights = stable.height.0 + 1..=top.0;
    Order { stable, choices: heights.map(|h| best.get(&Height(h)).copied()).collect() }
}

impl Order {
    /// Each height with the digest that `view` must propose for it.
    pub fn digests(&self, view: View) -> impl Iterator<Item = (Height, Digest)> + '_ {
        let null = Proposal::null(view).digest();
        let heights = (self.stable.height.0 + 1..).map(Height);
        heights.zip(self.choices.iter().map(move |c| c.map_or(null, |c| c.digest)))
    }
    /// The last height that is proposed again, max-s; min-s if there is none.
    pub fn top(&self) -> Height {
        Height(self.stable.height.0 + self.choices.len() as u64)
    }
}

impl Claimed {
    fn claims(
        &self,
        evidence: &Evidence,
        committee: &Committee,
        claims: &mut Vec<Claim>,
    ) -> Result<(), Invalid> {
        let Self { height, view, digest } = *self;
        let statement = vote_statement(committee, evidence.phase, view, height, digest);
        evidence.certificate.claims(&statement, committee, claims)
    }
}

impl Departure {
    /// What is signed.
    pub fn statement(&self, committee: &Committee) -> Statement {
        committee.statement("pbft/view-change", self)
    }
    /// Whether it is well-formed: heights in order, within the widest window, of earlier views.
    fn check(&self) -> Result<(), Invalid> {
        let low = self.stable.height.0;
        let within =
            |c: &Claimed| c.height.0 > low && c.height.0 - low <= WINDOW_MAX && c.view < self.view;
        if !self.prepared.iter().all(within) {
            return Err(Invalid("a prepared claim out of bounds"));
        }
        if !self.prepared.windows(2).all(|pair| pair[0].height < pair[1].height) {
            return Err(Invalid("prepared claims out of order"));
        }
        Ok(())
    }
}

impl ViewChange {
    pub(super) fn claims(
        &self,
        from: ReplicaId,
        committee: &Committee,
    ) -> Result<Vec<Claim>, Invalid> {
        self.departure.check()?;
        if self.evidence.len() != self.departure.prepared.len() {
            return Err(Invalid("a view change with claims unproven"));
        }
        let statement = self.departure.statement(committee);
        let signed = committee.signed(from, &statement, self.signature);
        let mut claims = vec![signed.ok_or(Invalid("an unknown sender"))?];
        let stable = Stable { head: self.departure.stable, certificate: self.stable.clone() };
        stable.claims(committee, &mut claims)?;
        for (claimed, evidence) in self.departure.prepared.iter().zip(&self.evidence) {
            claimed.claims(evidence, committee, &mut claims)?;
        }
        Ok(claims)
    }
    /// Whether every certificate in it has at least `quorum` signers.
    pub(super) fn certified(&self, quorum: usize) -> bool {
        (self.departure.stable.height == Height::GENESIS || self.stable.len() >= quorum)
            && self.evidence.iter().all(|evidence| evidence.certificate.len() >= quorum)
    }
}

impl NewView {
    /// The new view that follows from `changes`, all to `view` and each from another replica, in order
    /// of id; without the primary's signatures.
    pub fn of(view: View, changes: &[(ReplicaId, &ViewChange)]) -> Self {
        let order = order(changes.iter().map(|(_, change)| &change.departure));
        let head = order.stable;
        let stable = changes.iter().find(|(_, change)| change.departure.stable == head);
        let certificate = stable.map(|(_, change)| change.stable.clone()).unwrap_or_default();
        let proof = |choice: &Claimed| {
            let of = |(_, change): &(ReplicaId, &ViewChange)| {
                let at = change.departure.prepared.iter().position(|claimed| claimed == choice)?;
                Some(change.evidence[at].clone())
            };
            changes.iter().find_map(of).expect("a choice is somebody's claim")
        };
        Self {
            view,
            departed: changes
                .iter()
                .map(|&(from, change)| Departed {
                    from,
                    departure: change.departure.clone(),
                    signature: change.signature,
                })
                .collect(),
            stable: Stable { head, certificate },
            evidence: order.choices.iter().flatten().map(proof).collect(),
            order: order.digests(view).map(|(_, digest)| (digest, Signature::default())).collect(),
            signature: Signature::default(),
        }
    }
    /// What its primary signs.
    pub fn statement(&self, committee: &Committee) -> Statement {
        let from: Vec<ReplicaId> = self.departed.iter().map(|d| d.from).collect();
        let digests: Vec<Digest> = self.order.iter().map(|&(digest, _)| digest).collect();
        committee.statement("pbft/new-view", &(self.view, from, self.stable.head, digests))
    }
    /// The heights it proposes again, with digest and the primary's vote.
    pub fn proposals(&self) -> impl Iterator<Item = (Height, Digest, Signature)> + '_ {
        let heights = (self.stable.head.height.0 + 1..).map(Height);
        heights.zip(&self.order).map(|(height, &(digest, vote))| (height, digest, vote))
    }
    /// Its last height, max-s.
    pub fn top(&self) -> Height {
        Height(self.stable.head.height.0 + self.order.len() as u64)
    }
    /// §4.4, "a backup accepts a new-view message if it is signed properly, if the view-change messages
    /// it contains are valid for the view, and if the set O is correct; it verifies the correctness of O
    /// by performing a computation similar to the one used by the primary".
    pub(super) fn claims(&self, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let mut seen = Signers::default();
        for departed in &self.departed {
            departed.departure.check()?;
            if departed.departure.view != self.view {
                return Err(Invalid("a departure to another view"));
            }
            let known = committee.contains(departed.from);
            if !known || !seen.insert(departed.from, committee.size()) {
                return Err(Invalid("a departure of nobody, or of one twice"));
            }
        }
        let order = order(self.departed.iter().map(|d| &d.departure));
        if order.stable != self.stable.head {
            return Err(Invalid("a new view below a stable checkpoint"));
        }
        if !order.digests(self.view).map(|(_, d)| d).eq(self.order.iter().map(|&(d, _)| d)) {
            return Err(Invalid("a new view whose O does not follow from its V"));
        }
        if self.evidence.len() != order.choices.iter().flatten().count() {
            return Err(Invalid("a new view with choices unproven"));
        }
        let mut claims = Vec::new();
        self.stable.claims(committee, &mut claims)?;
        for (choice, evidence) in order.choices.iter().flatten().zip(&self.evidence) {
            choice.claims(evidence, committee, &mut claims)?;
        }
        let mut sign = |by, statement: &Statement, signature| {
            let claim = committee.signed(by, statement, signature);
            claims.push(claim.expect("both were checked to be in the committee"));
        };
        for departed in &self.departed {
            let statement = departed.departure.statement(committee);
            sign(departed.from, &statement, departed.signature);
        }
        let primary = committee.at_turn(self.view.0);
        sign(primary, &self.statement(committee), self.signature);
        for (height, digest, vote) in self.proposals() {
            let statement = vote_statement(committee, Phase::Prepare, self.view, height, digest);
            sign(primary, &statement, vote);
        }
        Ok(claims)
    }
    /// Whether a quorum departed, and every certificate in it has at least `quorum` signers.
    pub(super) fn certified(&self, quorum: usize) -> bool {
        let genesis = self.stable.head.height == Height::GENESIS;
        self.departed.len() >= quorum
            && (genesis || self.stable.certificate.len() >= quorum)
            && self.evidence.iter().all(|evidence| evidence.certificate.len() >= quorum)
    }
    /// Who can have the batch behind the choice for `height`: those who voted for it.
    pub(super) fn holders(&self, height: Height) -> Option<&Certificate> {
        let order = order(self.departed.iter().map(|d| &d.departure));
        let index = height.0.checked_sub(order.stable.height.0 + 1)? as usize;
        order.choices.get(index)?.as_ref()?;
        let nth = order.choices[..index].iter().flatten().count();
        self.evidence.get(nth).map(|evidence| &evidence.certificate)
    }
}
