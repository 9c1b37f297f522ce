//! Parameters.

use byzlab_core::{BatchLimit, BuildError, Committee, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Rules;
use crate::kit::{Leaders, batch_limit};

/// Parameters of the protocols that notarize. All replicas of a run must have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// The most transactions in a block.
    pub batch_transactions: u32,
    /// The most bytes of transactions in a block.
    pub batch_bytes: u32,
    /// How long a leader waits for a block to fill, counted from when it could propose one.
    pub batch_patience: Span,
    /// The bound Δ on a message's delay. Views are given up after a few of it: 3Δ in Simplex, 2Δ in
    /// Minimmit.
    pub delta: Span,
    /// Who leads which view.
    pub leaders: Leaders,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            batch_transactions: 1_000,
            batch_bytes: 1 << 20,
            batch_patience: Span::ms(5),
            delta: Span::ms(400),
            leaders: Leaders::RoundRobin,
        }
    }
}

/// Parameters as one committee runs them.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// How many votes notarize a block, and how many nullify a view.
    pub notarize: usize,
    /// How many votes make a block final.
    pub finalize: usize,
    pub batch: BatchLimit,
    /// After how long a view is given up.
    pub timeout: Span,
    /// How long a leader with nothing to propose leaves blocks that are not final alone.
    pub idle: Span,
}

impl Setup {
    pub fn new<R: Rules>(params: &Params, committee: &Committee) -> Result<Self, BuildError> {
        let batch =
            batch_limit(params.batch_transactions, params.batch_bytes, params.batch_patience)?;
        if params.delta.is_zero() {
            return Err(BuildError("`delta` must not be zero".into()));
        }
        Ok(Self {
            notarize: R::notarize(committee),
            finalize: R::finalize(committee),
            batch,
            timeout: params.delta.times(R::TIMEOUT),
            idle: params.delta,
        })
    }
}
