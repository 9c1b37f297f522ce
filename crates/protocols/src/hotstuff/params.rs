//! Parameters, and what follows from them for a committee.

use byzlab_core::{
    BatchLimit, BuildError, Committee, Span,
    transaction::{BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules::Rule;
use crate::kit::Leaders;

/// How a view that got nowhere is left.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ViewChange {
    /// Timeouts go to the next leader, whose proposal carries a quorum of them (HotStuff's and
    /// Fast-HotStuff's new-view messages); to all only when that did not help.
    #[default]
    Linear,
    /// Timeouts go to all, so that anyone's certificate of them moves everyone (DiemBFT, Jolteon).
    Quadratic,
}

/// Parameters of the HotStuff family. All replicas of a run must have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// How many certified blocks in consecutive views make the lowest of them final: 3 (HotStuff) or 2
    /// (Fast-HotStuff, Jolteon, HotStuff-2).
    pub chain: u8,
    /// Whether each view's votes do double duty for the views below. `false` is HotStuff-2 (with
    /// `chain = 2`): a view certifies its block, then the certificate, and so decides by itself.
    pub pipelined: bool,
    /// How a view that got nowhere is left: `"linear"` or `"quadratic"`.
    pub view_change: ViewChange,
    /// Who leads: `"round-robin"`, `"random"` (drawn from the view's number), or `"fixed"` (replica 0
    /// always; for measurements, as all stops with it).
    pub leaders: Leaders,
    /// How long a view may last before a replica gives up on it; doubles with every second failure in a
    /// row (every fourth from seven replicas on, where two leaders may be faulty), up to 16 times. Halfway,
    /// what was said in the view is said again.
    pub view_timeout: Span,
    /// HotStuff-2 alone: how long the leader of a view that was not entered by a decision waits to hear
    /// of the highest lock: Δ, the longest that a message takes.
    pub leader_wait: Span,
    /// The most transactions in a block.
    pub batch_transactions: u32,
    /// The most bytes of transactions in a block.
    pub batch_bytes: u32,
    /// How long a leader waits for a block to fill. Views are short and blocks fill while others are
    /// under way, so mostly no wait is best.
    pub batch_patience: Span,
    /// How many votes decide, instead of ⌈(n + f + 1)/2⌉. Only for experiments that show what breaks:
    /// with fewer, replicas can disagree, and no auditor (so no state transfer either) accepts the
    /// blocks; with more, f crashes stop the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<u16>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            chain: 3,
            pipelined: true,
            view_change: ViewChange::Linear,
            leaders: Leaders::RoundRobin,
            view_timeout: Span::seconds(1),
            leader_wait: Span::ms(250),
            batch_transactions: 1_000,
            batch_bytes: 1 << 20,
            batch_patience: Span::ZERO,
            quorum: None,
        }
    }
}

/// How often in a view timeout a missing block is asked for, and peers' questions are answered.
const ASKS_PER_TIMEOUT: u64 = 4;
/// After how many view timeouts an idle replica asks a peer whether it missed something.
const IDLE_TIMEOUTS: u64 = 4;

/// Parameters as one committee runs them.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub rule: Rule,
    pub quorum: usize,
    pub view_change: ViewChange,
    pub leaders: Leaders,
    pub timeout: Span,
    pub leader_wait: Span,
    pub batch: BatchLimit,
}

impl Setup {
    pub fn new(params: &Params, committee: &Committee) -> Result<Self, BuildError> {
        let wrong = |what: &str| Err(BuildError(what.to_owned()));
        let rule = match (params.chain, params.pipelined) {
            (3, true) => Rule::ThreeChain,
            (2, true) => Rule::TwoChain,
            (2, false) => Rule::Double,
            (3, false) => {
                return wrong("`pipelined = false` is HotStuff-2 and asks for `chain = 2`");
            }
            _ => return wrong("`chain` must be 3 or 2"),
        };
        let n = committee.size();
        let quorum = params.quorum.map_or(committee.quorum(), usize::from);
        if !(1..=n).contains(&quorum) {
            return Err(BuildError(format!("`quorum` must be 1 to {n}, and is {quorum}")));
        }
        let (transactions, bytes) = (params.batch_transactions, params.batch_bytes);
        if transactions == 0 || transactions as usize > BATCH_TRANSACTIONS_MAX {
            return wrong("`batch_transactions` must be 1 to 65536");
        }
        if bytes == 0 || bytes as usize > BATCH_BYTES_MAX {
            return wrong("`batch_bytes` must be 1 to 6291456");
        }
        if params.view_timeout.is_zero() {
            return wrong("`view_timeout` must not be zero");
        }
        let patience = params.batch_patience;
        Ok(Self {
            rule,
            quorum,
            view_change: params.view_change,
            leaders: params.leaders,
            timeout: params.view_timeout,
            leader_wait: params.leader_wait,
            batch: BatchLimit { transactions, bytes, patience, empty: false },
        })
    }
    /// How long an asked peer has to answer, and a peer to wait until it is answered again.
    pub fn patience(&self) -> Span {
        Span((self.timeout.0 / ASKS_PER_TIMEOUT).max(1))
    }
    /// How long a replica with nothing to do waits before it asks a peer whether it missed something.
    pub fn idle_gap(&self) -> Span {
        self.timeout.times(IDLE_TIMEOUTS)
    }
}

#[cfg(test)]
mod tests {
    use byzlab_core::PublicKey;

    use super::*;

    fn setup(change: impl Fn(&mut Params)) -> Result<Setup, BuildError> {
        let mut params = Params::default();
        change(&mut params);
        Setup::new(&params, &Committee::new("test", vec![PublicKey::default(); 4], false))
    }

    #[test]
    fn chain_and_pipelining_choose_the_rule() {
        let rule = |chain, pipelined| {
            setup(|p| (p.chain, p.pipelined) = (chain, pipelined)).map(|setup| setup.rule).ok()
        };
        assert_eq!(rule(3, true), Some(Rule::ThreeChain));
        assert_eq!(rule(2, true), Some(Rule::TwoChain));
        assert_eq!(rule(2, false), Some(Rule::Double));
        assert_eq!([rule(3, false), rule(1, true), rule(4, true)], [None; 3]);
    }

    #[test]
    fn bad_parameters_are_named() {
        let names = |change: fn(&mut Params), name: &str| {
            let error = setup(change).expect_err("bad");
            assert!(error.0.contains(name), "{error} should name {name}");
        };
        names(|p| p.chain = 4, "chain");
        names(|p| p.pipelined = false, "pipelined");
        names(|p| p.quorum = Some(5), "quorum");
        names(|p| p.view_timeout = Span::ZERO, "view_timeout");
        names(|p| p.batch_bytes = 0, "batch_bytes");
        names(|p| p.batch_transactions = 0, "batch_transactions");
    }
}
