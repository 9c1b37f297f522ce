//! What can go wrong on the way to a GPU and back.

use std::time::Duration;

/// Why a GPU gave no answer. Whoever gets one computes on the CPU instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none of the kind that was asked for.
    #[error("no {wanted}; found: {found}")]
    NoAdapter {
        /// What was asked for.
        wanted: String,
        /// The adapters that there are, or that there are none.
        found: String,
    },
    /// The driver would not open the device.
    #[error("the device does not open: {0}")]
    Open(String),
    /// A kernel or its use breaks a rule of the interface: a bug in this crate, or the driver's refusal
    /// of what it should take.
    #[error("{0}")]
    Invalid(String),
    /// The device is gone, and all that was on it. No later batch will do better.
    #[error("the device is lost: {0}")]
    Lost(String),
    /// No answer in time. The batch is still on the device; until it is back, others are [`Busy`](Self::Busy).
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The device still has a batch that is late.
    #[error("the device still has a batch that is late")]
    Busy,
    /// A batch of this shape is beyond what the adapter can hold: the caller should have cut it up.
    #[error("{what} takes {bytes} bytes, and the adapter holds {most}")]
    TooLarge {
        /// Which buffer.
        what: &'static str,
        /// How much was wanted.
        bytes: u64,
        /// How much there can be.
        most: u64,
    },
    /// An answer was not the CPU's.
    #[error("the adapter gives wrong answers: {0}")]
    Wrong(String),
}
