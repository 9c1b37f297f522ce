//! Parameters, and what follows from them.

use byzlab_core::{Batch, BatchLimit, BuildError, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kit::{batch_limit, dag::pace::Rhythm};

/// Who has the anchors, which order everything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Anchoring {
    /// One replica after another, whose vertices are waited for: partially synchronous, Bullshark.
    #[default]
    InTurn,
    /// Whomever a common coin draws once the votes are cast; nobody is waited for: asynchronous, Tusk.
    ByCoin,
}

/// Parameters of Bullshark and Tusk. All replicas of a run must have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// The most transactions in a header. Each replica makes one a round.
    pub batch_transactions: u32,
    /// The most bytes of transactions in a header.
    pub batch_bytes: u32,
    /// The shortest time between two headers of one replica: on fast networks, batches fill up meanwhile.
    pub round_gap: Span,
    /// How long a replica waits in an odd round for its anchor, and in an even one for votes on it. Doubles with
    /// each time in a row that it waited in vain, until an anchor is committed again. Where a coin draws the anchors
    /// nobody is waited for, and this says how soon what was lost is said again.
    pub leader_timeout: Span,
    /// How long after its last header a replica with nothing to do makes the next.
    pub idle_gap: Span,
    /// How many rounds below an anchor its history still enters the ledger, and how many rounds are kept
    /// for others (garbage collection).
    pub depth: u32,
    /// Who has the anchors: `"in-turn"` or `"by-coin"`.
    pub anchors: Anchoring,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            batch_transactions: 1_000,
            batch_bytes: 1 << 19,
            round_gap: Span::ms(2),
            leader_timeout: Span::ms(500),
            idle_gap: Span::ms(500),
            depth: 32,
            anchors: Anchoring::default(),
        }
    }
}

/// The fewest and the most rounds that may be kept.
const DEPTHS: std::ops::RangeInclusive<u32> = 8..=1024;

/// Parameters, checked.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub batch: BatchLimit,
    pub rhythm: Rhythm,
    pub depth: u64,
    pub anchoring: Anchoring,
}

impl Setup {
    pub fn new(params: &Params) -> Result<Self, BuildError> {
        let wrong = |what: String| Err(BuildError(what));
        if !DEPTHS.contains(&params.depth) {
            return wrong("`depth` must be 8 to 1024".into());
        }
        if params.leader_timeout.is_zero() || params.idle_gap.is_zero() {
            return wrong("`leader_timeout` and `idle_gap` must not be zero".into());
        }
        let batch = batch_limit(params.batch_transactions, params.batch_bytes, Span::ZERO)?;
        let batch = BatchLimit { empty: true, ..batch };
        Ok(Self {
            batch,
            rhythm: Rhythm {
                round_gap: params.round_gap,
                idle_gap: params.idle_gap,
                timeout: params.leader_timeout,
            },
            depth: u64::from(params.depth),
            anchoring: params.anchors,
        })
    }
    /// Whether a batch is larger than any replica of this run makes one.
    pub fn is_oversized(&self, batch: &Batch) -> bool {
        let BatchLimit { transactions, bytes, .. } = self.batch;
        batch.len() > transactions as usize || batch.byte_len() > bytes as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_parameters_are_named() {
        let names = |change: fn(&mut Params), name: &str| {
            let mut params = Params::default();
            assert!(Setup::new(&params).is_ok());
            change(&mut params);
            let error = Setup::new(&params).expect_err("bad");
            assert!(error.0.contains(name), "{error} should name {name}");
        };
        names(|p| p.depth = 7, "depth");
        names(|p| p.leader_timeout = Span::ZERO, "leader_timeout");
        names(|p| p.batch_bytes = u32::MAX, "batch_bytes");
        names(|p| p.batch_transactions = 0, "batch_transactions");
    }
}
