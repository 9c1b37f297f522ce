//! The replicated log: entries above the ledger, and a few below its end for those who lack them.

use std::{collections::VecDeque, sync::Arc};

use byzlab_core::{Batch, Digest, Height, ReplicaId, View, block::Head};
use serde::{Deserialize, Serialize};

use super::message::{End, LogEntry};
use crate::kit::Draft;

/// How many committed entries are kept at hand for followers that lack them.
const TAIL_MAX: usize = 64;

/// A saved entry of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Saved {
    /// currentTerm and votedFor.
    Term { term: View, voted: Option<ReplicaId> },
    /// An entry of the log, the batch of which goes with it; those saved at its height and above
    /// before are gone.
    Log { term: View, height: Height, parent: Digest, producer: ReplicaId },
}

/// The log. What is at or below the ledger's end is committed.
#[derive(Debug)]
pub(super) struct Log {
    /// The ledger's end, and the term of the block there.
    ledger: Head,
    ledger_term: View,
    /// Entries without gaps, the last committed ones first.
    entries: VecDeque<Arc<LogEntry>>,
}

impl Log {
    pub fn new(ledger: Head, ledger_term: View) -> Self {
        Self { ledger, ledger_term, entries: VecDeque::new() }
    }
    /// The ledger's end.
    pub fn ledger(&self) -> Head {
        self.ledger
    }
    /// Where the log ends.
    pub fn end(&self) -> End {
        match self.entries.back() {
            Some(entry) => End { term: entry.term, height: entry.draft.height },
            None => End { term: self.ledger_term, height: self.ledger.height },
        }
    }
    /// The block at its end.
    pub fn head(&self) -> Head {
        self.entries.back().map_or(self.ledger, |entry| entry.draft.head())
    }
    fn index(&self, height: Height) -> Option<usize> {
        let first = self.entries.front()?.draft.height;
        usize::try_from(height.0.checked_sub(first.0)?).ok()
    }
    /// The entry at `height`, if it is at hand.
    pub fn get(&self, height: Height) -> Option<&Arc<LogEntry>> {
        self.entries.get(self.index(height)?)
    }
    /// The term of what stands at `height`; `None` where nothing does, or only the ledger knows.
    pub fn term_at(&self, height: Height) -> Option<View> {
        if height == self.ledger.height {
            return Some(self.ledger_term);
        }
        self.get(height).map(|entry| entry.term)
    }
    /// Whether the log holds what a leader says stands below its entries. The ledger is the same
    /// everywhere.
    pub fn matches(&self, prev: End) -> bool {
        prev.height <= self.ledger.height || self.term_at(prev.height) == Some(prev.term)
    }
    /// Entries from `height` on, if they are at hand.
    pub fn from(&self, height: Height) -> Option<impl Iterator<Item = &Arc<LogEntry>>> {
        let from = match self.index(height) {
            Some(index) => index,
            None if height == self.ledger.height.next() => 0,
            None => return None,
        };
        (from <= self.entries.len()).then(|| self.entries.range(from..))
    }
    /// The batches above the ledger.
    pub fn branch(&self) -> Vec<Batch> {
        let above = self.from(self.ledger.height.next()).into_iter().flatten();
        above.map(|entry| entry.draft.batch.clone()).filter(|batch| !batch.is_empty()).collect()
    }
    /// How many entries are above the ledger.
    pub fn uncommitted(&self) -> u64 {
        self.end().height.0 - self.ledger.height.0
    }
    /// Puts an entry where it belongs, in place of what stands there and above; whether it fits on what
    /// is below, and above the ledger.
    pub fn put(&mut self, entry: Arc<LogEntry>) -> bool {
        let Draft { height, parent, .. } = entry.draft;
        if height <= self.ledger.height {
            return false;
        }
        let below = Height(height.0 - 1);
        let digest = match below == self.ledger.height {
            true => Some(self.ledger.digest),
            false => self.get(below).map(|entry| entry.draft.head().digest),
        };
        let fits = digest == Some(parent);
        if fits {
            let index = self.index(height).unwrap_or(0);
            self.entries.truncate(index);
            self.entries.push_back(entry);
        }
        fits
    }
    /// The next entry is committed: gives it.
    pub fn commit(&mut self) -> Option<Arc<LogEntry>> {
        let entry = self.get(self.ledger.height.next())?.clone();
        (self.ledger, self.ledger_term) = (entry.draft.head(), entry.term);
        let committed = self.index(self.ledger.height).map_or(0, |index| index + 1);
        self.entries.drain(..committed.saturating_sub(TAIL_MAX));
        Some(entry)
    }
    /// The ledger has grown by state transfer: what does not stand on it goes.
    pub fn rebase(&mut self, ledger: Head, term: View) {
        let same = self.get(ledger.height).is_some_and(|entry| entry.draft.head() == ledger);
        (self.ledger, self.ledger_term) = (ledger, term);
        match self.index(ledger.height).filter(|_| same) {
            Some(index) => drop(self.entries.drain(..(index + 1).saturating_sub(TAIL_MAX))),
            None => self.entries.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Log {
        Log::new(Head { height: Height(5), digest: Digest([5; 32]) }, View(2))
    }
    fn entry(below: Head, term: u64) -> Arc<LogEntry> {
        let draft = Draft::on(below, ReplicaId(term as u16), Batch::empty());
        Arc::new(LogEntry { term: View(term), draft })
    }

    #[test]
    fn an_entry_takes_the_place_of_those_of_other_terms() {
        let mut log = log();
        for _ in 0..3 {
            assert!(log.put(entry(log.head(), 3)));
        }
        assert_eq!(log.end(), End { term: View(3), height: Height(8) });
        let six = log.get(Height(6)).expect("it was put").draft.head();
        assert!(log.put(entry(six, 4)));
        assert_eq!(log.end(), End { term: View(4), height: Height(7) });
        assert!(log.matches(End { term: View(3), height: Height(6) }));
        assert!(!log.matches(End { term: View(3), height: Height(7) }));
        assert!(!log.matches(End { term: View(4), height: Height(8) }));
        assert!(log.matches(End { term: View(1), height: Height(4) }), "the ledger is the same");
        let stranger = Head { height: Height(6), digest: Digest::default() };
        assert!(!log.put(entry(stranger, 5)), "it stands on something else");
        let old = Head { height: Height(4), digest: Digest::default() };
        assert!(!log.put(entry(old, 5)), "it is in the ledger");
        assert_eq!(log.end(), End { term: View(4), height: Height(7) });
    }

    #[test]
    fn committed_entries_stay_at_hand_for_a_while() {
        let mut log = log();
        for _ in 0..100 {
            log.put(entry(log.head(), 3));
        }
        for _ in 0..90 {
            assert!(log.commit().is_some());
        }
        assert_eq!((log.ledger().height, log.uncommitted()), (Height(95), 10));
        assert_eq!(log.from(Height(96)).map(Iterator::count), Some(10));
        assert_eq!(log.from(Height(32)).map(Iterator::count), Some(74));
        assert!(log.from(Height(31)).is_none(), "only in the ledger");
        assert_eq!(log.from(Height(106)).map(Iterator::count), Some(0));
        let ledger = Head { height: Height(100), digest: Digest([1; 32]) };
        log.rebase(ledger, View(9));
        assert_eq!((log.head(), log.uncommitted()), (ledger, 0), "another block stands there");
    }
}
