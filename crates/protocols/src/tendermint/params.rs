//! Parameters.

use byzlab_core::{BatchLimit, BuildError, Committee, Span, View};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kit::batch_limit;

/// Parameters of Tendermint. All replicas of a run must have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// The most transactions in a block.
    pub batch_transactions: u32,
    /// The most bytes of transactions in a block.
    pub batch_bytes: u32,
    /// How long a proposer waits for a block to fill, counted from when it could propose one.
    pub batch_patience: Span,
    /// How long a replica waits in round 0 for the proposal (the paper's `timeoutPropose(0)`).
    pub propose_timeout: Span,
    /// How long a replica waits in round 0 for votes to agree once a quorum has voted (the paper's
    /// `timeoutPrevote(0)` and `timeoutPrecommit(0)`).
    pub vote_timeout: Span,
    /// By how much each timeout grows with each round of a height.
    pub timeout_increment: Span,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            batch_transactions: 1_000,
            batch_bytes: 1 << 20,
            batch_patience: Span::ms(5),
            propose_timeout: Span::seconds(1),
            vote_timeout: Span::ms(500),
            timeout_increment: Span::ms(500),
        }
    }
}

/// Parameters as one committee runs them.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// 2f + 1.
    pub quorum: usize,
    /// f + 1.
    pub one_honest: usize,
    pub batch: BatchLimit,
    propose_timeout: Span,
    vote_timeout: Span,
    increment: Span,
}

impl Setup {
    pub fn new(params: &Params, committee: &Committee) -> Result<Self, BuildError> {
        let batch =
            batch_limit(params.batch_transactions, params.batch_bytes, params.batch_patience)?;
        let timeouts = [
            (params.propose_timeout, "propose_timeout"),
            (params.vote_timeout, "vote_timeout"),
            (params.timeout_increment, "timeout_increment"),
        ];
        if let Some((_, name)) = timeouts.iter().find(|(span, _)| span.is_zero()) {
            return Err(BuildError(format!("`{name}` must not be zero")));
        }
        Ok(Self {
            quorum: committee.quorum(),
            one_honest: committee.one_honest(),
            batch,
            propose_timeout: params.propose_timeout,
            vote_timeout: params.vote_timeout,
            increment: params.timeout_increment,
        })
    }
    pub fn propose_timeout(&self, round: View) -> Span {
        self.propose_timeout + self.increment.times(round.0)
    }
    pub fn vote_timeout(&self, round: View) -> Span {
        self.vote_timeout + self.increment.times(round.0)
    }
    /// How long a replica that gets nowhere waits before it says where it stands.
    pub fn status_gap(&self) -> Span {
        Span(self.propose_timeout.0 / 2)
    }
}
