//! What replicas say to each other: the paper's two calls and their answers.

use std::sync::Arc;

use byzlab_core::{
    Block, Claim, Committee, Digest, Height, Invalid, Proof, ReplicaId, View, block::Head, codec,
};
use serde::{Deserialize, Serialize};

use super::Raft;
use crate::kit::{Catchup, Draft};

/// Terms above this one no election could have reached.
const TERM_MAX: View = View(1 << 60);

/// One entry of the log: a block, and the term in which a leader received it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The term.
    pub term: View,
    /// The block; its height is the entry's index, its producer the leader.
    pub draft: Draft,
}

/// Where a log ends: what decides whose is more up to date (§5.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct End {
    /// The last entry's term.
    pub term: View,
    /// The last entry's index.
    pub height: Height,
}

/// AppendEntries; a heartbeat if it has no entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Append {
    /// The leader's term.
    pub term: View,
    /// prevLogIndex and prevLogTerm: the entry below the new ones.
    pub prev: End,
    /// The new entries, in order.
    pub entries: Vec<Arc<LogEntry>>,
    /// leaderCommit: the leader's ledger ends here.
    pub commit: Height,
}

/// The answer to AppendEntries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appended {
    /// The answerer's term.
    pub term: View,
    /// Whether its log has the entry at prevLogIndex, and all new ones now.
    pub success: bool,
    /// If so, up to where its log is the leader's; else a height below which both are the same.
    pub height: Height,
    /// Whether it answers a heartbeat.
    pub heartbeat: bool,
}

/// What Raft's replicas say to each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// RequestVote: the candidate's term, and where its log ends.
    RequestVote(View, End),
    /// The answer to it: the answerer's term, and whether the vote is granted.
    Vote(View, bool),
    /// AppendEntries
    Append(Arc<Append>),
    /// The answer to it.
    Appended(Appended),
    /// What was asked for is only in the ledger, which goes up to here: the place of InstallSnapshot.
    Ledger(Height),
    /// State transfer.
    Catchup(Catchup),
}

impl From<Catchup> for Message {
    fn from(catchup: Catchup) -> Self {
        Self::Catchup(catchup)
    }
}

impl Append {
    /// Whether the entries are a chain on top of the one before them.
    fn check(&self, committee: &Committee) -> Result<(), Invalid> {
        let mut below = self.prev;
        let mut digest: Option<Digest> = None;
        for entry in &self.entries {
            let Head { height, digest: own } = entry.draft.head();
            let next = height.0.checked_sub(1) == Some(below.height.0);
            if !next || digest.is_some_and(|digest| digest != entry.draft.parent) {
                return Err(Invalid("entries that are no chain"));
            }
            if entry.term < below.term || entry.term > self.term {
                return Err(Invalid("entries whose terms do not rise to the leader's"));
            }
            if !committee.contains(entry.draft.producer) {
                return Err(Invalid("an entry by nobody"));
            }
            (below, digest) = (End { term: entry.term, height }, Some(own));
        }
        Ok(())
    }
}

impl byzlab_core::Message for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::RequestVote(..) => "request-vote",
            Self::Vote(..) => "vote",
            Self::Append(append) if append.entries.is_empty() => "heartbeat",
            Self::Append(_) => "append",
            Self::Appended(Appended { heartbeat: true, .. }) => "heartbeat-ack",
            Self::Appended(_) => "appended",
            Self::Ledger(_) => "ledger",
            Self::Catchup(catchup) => catchup.kind(),
        }
    }

    /// Leaders are trusted: nothing is claimed but of blocks that come by state transfer.
    fn claims(&self, _: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let term = match self {
            Self::RequestVote(term, _) | Self::Vote(term, _) => *term,
            Self::Append(append) => append.term,
            Self::Appended(appended) => appended.term,
            Self::Ledger(_) | Self::Catchup(_) => View(0),
        };
        if term > TERM_MAX {
            return Err(Invalid("a term that no election could have reached"));
        }
        match self {
            Self::Append(append) => append.check(committee).map(|()| Vec::new()),
            Self::Catchup(catchup) => catchup.claims::<Raft>(committee),
            _ => Ok(Vec::new()),
        }
    }
}

/// The proof in a block: the term in which a leader received it. It shows nothing.
pub fn proof(term: View) -> Proof {
    Proof(codec::encode(&term))
}

/// The term in a block's proof.
///
/// # Errors
/// If the proof is none of this protocol's.
pub fn term_of(proof: &Proof) -> Result<View, Invalid> {
    codec::decode(&proof.0).map_err(|_| Invalid("a proof that is no term"))
}

/// See [`Protocol::audit`](byzlab_core::Protocol::audit). What can be checked without anyone's word: the
/// digest, the Merkle root, and that clients signed their transactions. That a majority had the block
/// is not in it.
pub fn audit(block: &Block, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
    if block.height == Height::GENESIS || !block.is_chained() {
        return Err(Invalid("a block whose digest is not its content's"));
    }
    if !committee.contains(block.producer) {
        return Err(Invalid("a block by nobody"));
    }
    term_of(&block.proof)?;
    let mut claims = Vec::new();
    block.batch.claims(committee, &mut claims)?;
    Ok(claims)
}
