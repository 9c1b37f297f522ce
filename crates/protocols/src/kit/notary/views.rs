//! What a replica knows of the views above its ledger, and which blocks those allow.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_core::{View, block::Head};

use super::message::{Notarization, Nullification, Proposal};
use crate::kit::Ballot;

/// The most notarizations kept of one view. Two are possible only where fewer than half of the votes
/// notarize, and then no more than n / (f + 1) of them.
const NOTARIZATIONS_MAX: usize = 8;

/// What this replica itself has said in one view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mine {
    /// The block that it voted for.
    pub voted: Option<Head>,
    /// Whether it voted to go on without a block.
    pub nullified: bool,
    /// Whether it said that it saw a notarization and has not nullified.
    pub finalized: bool,
}

/// Why a block may not be voted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lacks {
    /// This view, since its parent's, is not nullified.
    Nullification(View),
    /// All views are, but its parent is in none of them notarized.
    Notarization,
}

/// What is known of one view.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The leader's first proposal.
    pub proposal: Option<(Head, Arc<Proposal>)>,
    pub votes: Ballot<Head>,
    pub nullifies: Ballot<()>,
    pub finalizes: Ballot<Head>,
    pub notarizations: Vec<Arc<Notarization>>,
    pub nullification: Option<Arc<Nullification>>,
    pub mine: Mine,
}

impl Slot {
    fn new(size: usize) -> Self {
        Self {
            proposal: None,
            votes: Ballot::new(size),
            nullifies: Ballot::new(size),
            finalizes: Ballot::new(size),
            notarizations: Vec::new(),
            nullification: None,
            mine: Mine::default(),
        }
    }
    /// Whether the view may be left: "proof(v)".
    pub fn is_over(&self) -> bool {
        self.nullification.is_some() || !self.notarizations.is_empty()
    }
    pub fn notarization(&self, head: Head) -> Option<&Arc<Notarization>> {
        self.notarizations.iter().find(|notarization| notarization.head == head)
    }
    /// Keeps a notarization; whether it is new.
    pub fn notarize(&mut self, notarization: Arc<Notarization>) -> bool {
        let new = self.notarization(notarization.head).is_none()
            && self.notarizations.len() < NOTARIZATIONS_MAX;
        if new {
            self.notarizations.push(notarization);
        }
        new
    }
    /// How many replicas voted to nullify, or for another block than `head`.
    pub fn against(&self, head: Head, size: usize) -> usize {
        let against = |id: &u16| {
            let id = byzlab_core::ReplicaId(*id);
            let other = self.votes.of(id).is_some_and(|(of, _)| of != head);
            other || self.nullifies.of(id).is_some()
        };
        (0..size as u16).filter(against).count()
    }
}

/// The views above the one in which the ledger's end was made final.
#[derive(Clone, Debug)]
pub(super) struct Views {
    size: usize,
    /// The view in which `head` was made final.
    base: View,
    head: Head,
    slots: BTreeMap<View, Slot>,
}

impl Views {
    pub fn new(base: View, head: Head, size: usize) -> Self {
        Self { size, base, head, slots: BTreeMap::new() }
    }
    pub fn base(&self) -> (View, Head) {
        (self.base, self.head)
    }
    /// A block was made final in `view`: views below are of no more use.
    pub fn rebase(&mut self, view: View, head: Head) {
        assert!(view >= self.base, "later blocks are final in later views");
        (self.base, self.head) = (view, head);
        self.slots = self.slots.split_off(&view);
    }
    pub fn get(&self, view: View) -> Option<&Slot> {
        self.slots.get(&view)
    }
    pub fn slot(&mut self, view: View) -> &mut Slot {
        let size = self.size;
        self.slots.entry(view).or_insert_with(|| Slot::new(size))
    }
    pub fn from(&self, view: View) -> impl DoubleEndedIterator<Item = (View, &Slot)> {
        self.slots.range(view..).map(|(&view, slot)| (view, slot))
    }
    /// The first view above the base that is not known to be over.
    pub fn lacks(&self) -> View {
        let mut view = self.base.next();
        while self.get(view).is_some_and(Slot::is_over) {
            view = view.next();
        }
        view
    }
    /// The block that a leader of `view` builds on, and the view of its notarization: the last
    /// notarized one, if all views since are nullified.
    pub fn parent(&self, view: View) -> Option<(View, Head)> {
        let mut at = View(view.0 - 1);
        while at > self.base {
            let slot = self.get(at)?;
            if let Some(notarization) = slot.notarizations.first() {
                return Some((at, notarization.head));
            }
            slot.nullification.as_ref()?;
            at = View(at.0 - 1);
        }
        (at == self.base).then_some((self.base, self.head))
    }
    /// Whether a block on top of `parent` may be voted for in `view`: `parent` is notarized, and all
    /// views since are nullified. Gives the view of that notarization.
    ///
    /// # Errors
    /// What is lacking, as far as one may know. One view may have both ends, and this replica but one.
    pub fn allows(&self, view: View, parent: Head) -> Result<View, Lacks> {
        let mut at = View(view.0 - 1);
        while at > self.base {
            let slot = self.get(at).ok_or(Lacks::Nullification(at))?;
            if slot.notarization(parent).is_some() {
                return Ok(at);
            }
            slot.nullification.as_ref().ok_or(Lacks::Nullification(at))?;
            at = View(at.0 - 1);
        }
        match at == self.base && parent == self.head {
            true => Ok(self.base),
            false => Err(Lacks::Notarization),
        }
    }
}

#[cfg(test)]
mod tests {
    use byzlab_core::{Digest, Height};

    use super::*;
    use crate::kit::Certificate;

    fn head(height: u64, x: u8) -> Head {
        Head { height: Height(height), digest: Digest([x; 32]) }
    }
    fn notarize(views: &mut Views, view: u64, head: Head) {
        let (view, certificate) = (View(view), Certificate::default());
        assert!(views.slot(view).notarize(Arc::new(Notarization { view, head, certificate })));
    }
    fn nullify(views: &mut Views, view: u64) {
        let (view, certificate) = (View(view), Certificate::default());
        views.slot(view).nullification = Some(Arc::new(Nullification { view, certificate }));
    }

    #[test]
    fn a_parent_is_notarized_and_everything_since_nullified() {
        let (base, a, b) = (head(3, 0), head(4, 1), head(4, 2));
        let mut views = Views::new(View(10), base, 4);
        assert_eq!(views.parent(View(11)), Some((View(10), base)));
        assert_eq!((views.parent(View(12)), views.lacks()), (None, View(11)));
        notarize(&mut views, 11, a);
        nullify(&mut views, 13);
        assert_eq!((views.parent(View(14)), views.lacks()), (None, View(12)));
        nullify(&mut views, 12);
        assert_eq!((views.parent(View(14)), views.lacks()), (Some((View(11), a)), View(14)));
        assert_eq!(views.allows(View(14), a), Ok(View(11)));
        let not_nullified = Err(Lacks::Nullification(View(11)));
        assert_eq!(views.allows(View(14), base), not_nullified);
        // Both happen in one view when some saw the block and others gave up.
        nullify(&mut views, 11);
        assert_eq!(views.parent(View(14)), Some((View(11), a)));
        assert_eq!(views.allows(View(14), base), Ok(View(10)));
        assert_eq!(views.allows(View(14), b), Err(Lacks::Notarization), "not known here");
        notarize(&mut views, 11, b);
        assert_eq!(views.allows(View(14), b), Ok(View(11)));
        views.rebase(View(11), b);
        assert_eq!(views.allows(View(14), b), Ok(View(11)));
        assert_eq!(views.allows(View(14), a), Err(Lacks::Notarization));
    }
}
