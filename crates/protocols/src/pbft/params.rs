//! Parameters, and what follows from them for a committee.

use byzlab_core::{
    BatchLimit, BuildError, Committee, Span,
    codec::FRAME_MAX,
    transaction::{BATCH_BYTES_MAX, BATCH_TRANSACTIONS_MAX},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::WINDOW_MAX;
use crate::kit::certificate::SIGNATURE_BYTES_MAX;

/// Parameters of PBFT. All replicas of a run must have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// The most transactions in a batch.
    pub batch_transactions: u32,
    /// The most bytes of transactions in a batch.
    pub batch_bytes: u32,
    /// How long the primary waits for a batch to fill, counted from when it could propose one.
    pub batch_patience: Span,
    /// How many heights may be under way at once (pipelining).
    pub in_flight: u32,
    /// A checkpoint is made at every multiple of this height (the paper's K). Smaller in large
    /// committees, where a view change would not fit in a frame otherwise.
    pub checkpoint_interval: u32,
    /// How far above the last stable checkpoint replicas vote (the paper's L); at least twice the
    /// checkpoint interval. Smaller in large committees, like the interval.
    pub watermark_window: u32,
    /// How long transactions may wait while nothing is executed before the primary is suspected. Doubles
    /// with each view change until something is executed again.
    pub view_timeout: Span,
    /// How many votes decide, instead of ⌈(n + f + 1)/2⌉. Only for experiments that show what breaks:
    /// with fewer, replicas can disagree, and no auditor (so no state transfer either) accepts the
    /// blocks; with more, f crashes stop the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<u16>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            batch_transactions: 1_000,
            batch_bytes: 1 << 20,
            batch_patience: Span::ms(5),
            in_flight: 8,
            checkpoint_interval: 64,
            watermark_window: 256,
            view_timeout: Span::seconds(1),
            quorum: None,
        }
    }
}

/// How often the timeout doubles at most.
const DOUBLINGS_MAX: u32 = 10;
/// How many times in a view timeout a stalled replica says where it stands.
const STATUS_PER_TIMEOUT: u64 = 4;
/// After how many view timeouts an idle replica asks a peer whether it missed something.
const IDLE_TIMEOUTS: u64 = 4;
/// What a NEW-VIEW has beside what grows with the window.
const NEW_VIEW_HEAD: usize = 1 << 20;

/// Parameters as one committee runs them.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// How many votes decide.
    pub quorum: usize,
    /// How many replicas include an honest one.
    pub one_honest: usize,
    /// The paper's K.
    pub interval: u64,
    /// The paper's L.
    pub window: u64,
    pub in_flight: u64,
    pub batch: BatchLimit,
    timeout: Span,
}

impl Setup {
    pub fn new(params: &Params, committee: &Committee) -> Result<Self, BuildError> {
        let n = committee.size();
        let wrong = |what: &str| Err(BuildError(what.to_owned()));
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
        let (interval, window) =
            (u64::from(params.checkpoint_interval), u64::from(params.watermark_window));
        if interval == 0 || window < 2 * interval || window > WINDOW_MAX {
            return wrong(
                "`checkpoint_interval` must be at least 1, and `watermark_window` at least twice that and \
                 at most 4096",
            );
        }
        if params.in_flight == 0 {
            return wrong("`in_flight` must be at least 1");
        }
        if params.view_timeout.is_zero() {
            return wrong("`view_timeout` must not be zero");
        }
        let window = window.min(window_that_fits(quorum, n));
        if window < 2 {
            return Err(BuildError(format!("with {n} replicas a view change fits in no frame")));
        }
        Ok(Self {
            quorum,
            one_honest: committee.one_honest(),
            interval: interval.min(window / 2),
            window,
            in_flight: u64::from(params.in_flight).min(window),
            batch: BatchLimit {
                transactions,
                bytes,
                patience: params.batch_patience,
                empty: false,
            },
            timeout: params.view_timeout,
        })
    }
    /// §4.5.2: T for the first view change, 2T for one right after it, and so on.
    pub fn timeout(&self, view_changes: u32) -> Span {
        self.timeout.times(1 << view_changes.saturating_sub(1).min(DOUBLINGS_MAX))
    }
    /// How long a replica with nothing to do waits before it asks a peer whether it missed something.
    pub fn idle_gap(&self) -> Span {
        self.timeout.times(IDLE_TIMEOUTS)
    }
    /// How many messages of views to come are kept a peer: two votes for each height that a new view may
    /// propose again.
    pub fn early_max(&self) -> usize {
        2 * (self.interval + self.in_flight) as usize
    }
    /// How long a replica that makes no progress waits before it says where it stands, and others' answers
    /// with it; doubles with each time in a row.
    pub fn status_gap(&self, times: u32) -> Span {
        let gap = Span((self.timeout.0 / STATUS_PER_TIMEOUT).max(1));
        gap.times(1 << times.min(DOUBLINGS_MAX))
    }
}

/// The widest window with which a NEW-VIEW, the largest message, fits in a frame: it has a claim a height
/// from each of a quorum, and a certificate a height.
fn window_that_fits(quorum: usize, n: usize) -> u64 {
    const CLAIM_MAX: usize = 10 + 10 + 33;
    const DEPARTED_MAX: usize = 3 + 10 + 43 + 65 + 3;
    let fixed = NEW_VIEW_HEAD + n * (DEPARTED_MAX + SIGNATURE_BYTES_MAX);
    let height = quorum * (CLAIM_MAX + SIGNATURE_BYTES_MAX) + 2 * SIGNATURE_BYTES_MAX + 33;
    (FRAME_MAX.saturating_sub(fixed) / height) as u64
}

#[cfg(test)]
mod tests {
    use byzlab_core::PublicKey;

    use super::*;

    fn setup(n: usize, change: impl Fn(&mut Params)) -> Result<Setup, BuildError> {
        let mut params = Params::default();
        change(&mut params);
        Setup::new(&params, &Committee::new("test", vec![PublicKey::default(); n], false))
    }

    #[test]
    fn defaults_serve_committees_of_every_size() {
        for n in [1, 2, 3, 4, 7, 100, 1_000, 10_000] {
            let setup = setup(n, |_| {}).expect("the defaults are good");
            assert!(setup.window >= 2 * setup.interval && setup.interval >= 1, "n = {n}");
        }
        let small = setup(4, |_| {}).expect("good");
        assert_eq!((small.interval, small.window), (64, 256));
    }

    #[test]
    fn bad_parameters_are_named() {
        let names = |change: fn(&mut Params), name: &str| {
            let error = setup(4, change).expect_err("bad");
            assert!(error.0.contains(name), "{error} should name {name}");
        };
        names(|p| p.quorum = Some(5), "quorum");
        names(|p| p.quorum = Some(0), "quorum");
        names(|p| p.in_flight = 0, "in_flight");
        names(|p| p.watermark_window = 100, "watermark_window");
        names(|p| p.view_timeout = Span::ZERO, "view_timeout");
        names(|p| p.batch_bytes = u32::MAX, "batch_bytes");
    }
}
