//! Checks of a run from outside the replicas.
//!
//! | property | what it says |
//! |---|---|
//! | `agreement` | honest replicas commit no two blocks at one height |
//! | `prefix` | each honest replica's commits have no gaps, each on top of the one before |
//! | `validity` | blocks pass the protocol's audit, state their root, and hold what clients sent |
//! | `finality` | no honest replica takes a commit back |
//! | `durability` | what a client saw confirmed stands in the honest ledger at the end |
//! | `progress` | something is committed if anything was sent; where asked for, soon enough |
//! | `livelock` | no replica goes on for ever in one moment |
//!
//! A bound on progress counts from the last commit, the end of the last disturbance (partition,
//! slow replica, too many faulty ones, the time before stabilisation) or the first waiting
//! transaction, whichever is last. Replicas that are silent, twins, or under attack are Byzantine:
//! nothing is asked of them. Crashed ones are honest: what they committed counts.

use byzlab_core::{Block, Digest, Height, ReplicaId, Span, Time, block::Head, outcome::Violation};

/// The most violations that are kept; more are counted.
pub const VIOLATIONS_MAX: usize = 64;

/// The checkers' state.
#[derive(Debug)]
pub(crate) struct Checks {
    pub(crate) violations: Vec<Violation>,
    pub(crate) suppressed: u64,
    /// The distinct blocks that honest replicas committed at each height, and who did first.
    committed: Vec<Vec<(Digest, ReplicaId)>>,
    progress_within: Option<Span>,
    last_commit: Time,
    calm_since: Option<Time>,
    load_since: Option<Time>,
    stalled: bool,
}

impl Checks {
    pub(crate) fn new(progress_within: Option<Span>) -> Self {
        Self {
            violations: Vec::new(),
            suppressed: 0,
            committed: Vec::new(),
            progress_within,
            last_commit: Time::ZERO,
            calm_since: Some(Time::ZERO),
            load_since: None,
            stalled: false,
        }
    }
    pub(crate) fn violated(
        &mut self,
        property: &str,
        at: Time,
        replicas: Vec<ReplicaId>,
        what: String,
    ) {
        if self.violations.len() == VIOLATIONS_MAX {
            self.suppressed += 1;
            return;
        }
        self.violations.push(Violation { property: property.into(), at, replicas, what });
    }
    /// An honest replica whose head was `head` commits `block`.
    pub(crate) fn commit(&mut self, at: Time, by: ReplicaId, head: Head, block: &Block) {
        self.last_commit = at;
        self.stalled = false;
        if block.height != head.height.next() || block.parent != head.digest {
            let what = format!("commits block {} on top of {}", block.height, head.height);
            self.violated("prefix", at, vec![by], what);
            return;
        }
        let index = (block.height.0 - 1) as usize;
        if self.committed.len() <= index {
            self.committed.resize_with(index + 1, Vec::new);
        }
        let known = &mut self.committed[index];
        if known.iter().any(|(digest, _)| *digest == block.digest) {
            return;
        }
        known.push((block.digest, by));
        if let [(first, who), _, ..] = known[..] {
            let what = format!(
                "at height {} {who} committed {first:?} and {by} {:?}",
                block.height, block.digest
            );
            self.violated("agreement", at, vec![who, by], what);
        }
    }
    /// An honest replica takes back what is above `to`.
    pub(crate) fn revert(&mut self, at: Time, by: ReplicaId, to: Height, depth: u64) {
        let what = format!("takes back {depth} committed blocks, to height {}", to.0);
        self.violated("finality", at, vec![by], what);
    }
    /// Tells whether anything disturbs progress from now on.
    pub(crate) fn disturbed(&mut self, at: Time, disturbed: bool) {
        self.calm_since = match (disturbed, self.calm_since) {
            (true, _) => None,
            // A restart or a healing begins a new stretch.
            (false, _) => Some(at),
        };
    }
    /// Whether progress is due and has not come; true once a stall.
    pub(crate) fn stalls(&mut self, at: Time, outstanding: bool) -> bool {
        self.load_since = if outstanding { self.load_since.or(Some(at)) } else { None };
        let (Some(bound), Some(calm), Some(load)) =
            (self.progress_within, self.calm_since, self.load_since)
        else {
            return false;
        };
        let since = self.last_commit.max(calm).max(load);
        let stalls = at.since(since) > bound && !self.stalled;
        self.stalled |= stalls;
        stalls
    }
}
