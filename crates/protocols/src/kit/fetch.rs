//! Missing parents: how a replica gets the proposed blocks that others extend and it never saw.
//!
//! A proposed block is named by its digest, so whoever has it may answer, and an answer that does not hash
//! to what was asked for changes nothing. Those who signed a certificate for it have it. A peer that has
//! committed it by now answers through state transfer instead: the protocol tells how high its ledger is.
//!
//! The protocol calls [`Fetch::ask`] when [`Chain::path`](super::Chain::path) ends in a gap, and again
//! when its timer fell due; it serves others with [`Wanted::answer`].

use byzlab_core::{
    Claim, Committee, Effects, Height, Invalid, Protocol, ReplicaId, Span, Time, block::Head,
};
use serde::{Deserialize, Serialize};

use super::{
    Chain, Draft,
    sync::{ANSWER_BLOCKS_MAX, ANSWER_BYTES_MAX},
};

/// What replicas say to each other about missing drafts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Wanted {
    /// Asks for this draft, and for those below it down to above this height, where the asker's ledger
    /// ends.
    Ask(Head, Height),
    /// The answer: drafts, each the parent of the one before.
    Drafts(Vec<Draft>),
}

impl Wanted {
    /// A short name for traces and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ask(..) => "ask-drafts",
            Self::Drafts(_) => "drafts",
        }
    }
    /// What must hold before it may be seen: each draft's claims.
    ///
    /// # Errors
    /// If there are none or too many drafts, or they are no chain.
    pub fn claims(&self, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let Self::Drafts(drafts) = self else { return Ok(Vec::new()) };
        if drafts.is_empty() || drafts.len() > ANSWER_BLOCKS_MAX as usize {
            return Err(Invalid("no drafts, or more than an answer may have"));
        }
        let linked = |pair: &[Draft]| {
            pair[0].parent == pair[1].head().digest
                && pair[0].height.0.checked_sub(1) == Some(pair[1].height.0)
        };
        if !drafts.windows(2).all(linked) {
            return Err(Invalid("drafts that are no chain"));
        }
        let mut claims = Vec::new();
        for draft in drafts {
            draft.claims(committee, &mut claims)?;
        }
        Ok(claims)
    }
    /// The answer from what is in `chain`: `head`, and its parents above `height`, as many as an answer may
    /// hold. `None` if `head` is not there.
    pub fn answer(chain: &Chain, head: Head, height: Height) -> Option<Self> {
        let (mut drafts, mut bytes) = (Vec::<Draft>::new(), 0);
        let mut at = head.digest;
        while let Some(draft) = chain.get(&at) {
            bytes += draft.batch.byte_len() + DRAFT_OVERHEAD;
            let full = drafts.len() == ANSWER_BLOCKS_MAX as usize || bytes > ANSWER_BYTES_MAX;
            if draft.height <= height || (full && !drafts.is_empty()) {
                break;
            }
            at = draft.parent;
            drafts.push(draft.clone());
        }
        (!drafts.is_empty()).then_some(Self::Drafts(drafts))
    }
}

/// What a draft takes in an answer beside its transactions, at most.
const DRAFT_OVERHEAD: usize = 128;

/// One replica's asking: one draft at a time.
#[derive(Clone, Debug)]
pub struct Fetch {
    me: ReplicaId,
    patience: Span,
    asked: Option<Head>,
    /// How often it asked: each time someone else, where there is a choice.
    turns: usize,
}

impl Fetch {
    /// Nothing asked for. An asked peer has `patience` to answer before another is asked.
    pub fn new(me: ReplicaId, patience: Span) -> Self {
        Self { me, patience, asked: None, turns: me.index() }
    }
    /// What is asked for and has not come.
    pub fn asked(&self) -> Option<Head> {
        self.asked
    }
    /// Asks one of `holders` for `missing`, and for what is below it down to the own ledger's `height`;
    /// nothing, if that is being asked for already. `timer` must come back through
    /// [`on_timer`](Self::on_timer), and this be called again.
    pub fn ask<P: Protocol>(
        &mut self,
        now: Time,
        missing: Head,
        height: Height,
        holders: impl Iterator<Item = ReplicaId>,
        timer: P::Timer,
        out: &mut Effects<P>,
    ) where
        P::Message: From<Wanted>,
    {
        if self.asked == Some(missing) {
            return;
        }
        let holders: Vec<ReplicaId> = holders.filter(|&peer| peer != self.me).collect();
        if holders.is_empty() {
            return;
        }
        self.asked = Some(missing);
        self.turns = self.turns.wrapping_add(1);
        out.send(holders[self.turns % holders.len()], Wanted::Ask(missing, height).into());
        out.arm(timer, now + self.patience);
    }
    /// The asked peer did not answer in time.
    pub fn on_timer(&mut self) {
        self.asked = None;
    }
    /// An answer came: whether it is to what was asked for.
    pub fn on_drafts<P: Protocol>(
        &mut self,
        drafts: &[Draft],
        timer: P::Timer,
        out: &mut Effects<P>,
    ) -> bool {
        let awaited = self.asked.is_some() && drafts.first().map(Draft::head) == self.asked;
        if awaited {
            self.asked = None;
            out.disarm(timer);
        }
        awaited
    }
}

#[cfg(test)]
mod tests {
    use byzlab_core::{Batch, Digest, PublicKey};

    use super::*;

    #[test]
    fn an_answer_goes_down_to_the_askers_ledger_and_is_a_chain() {
        let root = Head { height: Height(2), digest: Digest([2; 32]) };
        let (mut chain, mut heads, mut below) = (Chain::new(root), vec![root], root);
        for _ in 0..3 {
            let draft = Draft::on(below, ReplicaId(1), Batch::empty());
            below = draft.head();
            heads.push(below);
            chain.insert(draft, root);
        }
        let answer = |head: Head, height| match Wanted::answer(&chain, head, Height(height)) {
            Some(Wanted::Drafts(drafts)) => drafts.iter().map(|draft| draft.height.0).collect(),
            _ => Vec::new(),
        };
        assert_eq!(answer(heads[3], 2), [5, 4, 3]);
        assert_eq!(answer(heads[2], 3), [4]);
        assert_eq!(answer(root, 0), [0u64; 0], "it is in the ledger");

        let committee = Committee::new("test", vec![PublicKey::default(); 4], false);
        let Some(Wanted::Drafts(drafts)) = Wanted::answer(&chain, heads[3], Height(2)) else {
            panic!("as above");
        };
        let fine = |drafts: Vec<Draft>| Wanted::Drafts(drafts).claims(&committee).is_ok();
        assert!(fine(drafts.clone()) && !fine(Vec::new()));
        assert!(!fine(drafts.iter().rev().cloned().collect()), "no chain");
        assert!(!fine(vec![drafts[0].clone(), drafts[2].clone()]), "with a gap");
        assert!(!fine(vec![Draft { producer: ReplicaId(4), ..drafts[0].clone() }]));
    }
}
