//! How many bytes of one peer or client may wait to be handled.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a frame costs beside its body, while it waits.
const OVERHEAD: usize = 256;

/// A bound on the bytes that came over one stream and wait to be proven and handled. When it is
/// used up, the stream is not read on; QUIC's flow control then stops the sender.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    bytes: Arc<Semaphore>,
    most: usize,
}

/// A share of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// A budget of `bytes`, all free.
    pub fn new(bytes: usize) -> Self {
        Self { bytes: Arc::new(Semaphore::new(bytes)), most: bytes }
    }
    /// Waits until there is room for a frame of `length` bytes.
    pub async fn take(&self, length: usize) -> Share {
        let cost = (length + OVERHEAD).min(self.most) as u32;
        let permit = self.bytes.clone().acquire_many_owned(cost).await;
        Share { _permit: permit.ok() }
    }
}
