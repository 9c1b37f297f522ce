//! What waits to be sent on one stream: bounded, and the oldest goes first when it overflows.
//!
//! Whoever fills an outbox never waits. A peer that reads too slowly loses messages, which
//! protocols tolerate, and is counted; it never costs more memory than the bound.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use quinn::{SendStream, WriteError};
use tokio::sync::Notify;

use crate::frame::{HEADER, Kind, header};

/// What a frame costs beside its body.
const OVERHEAD: usize = HEADER + 64;
/// The most bytes that are handed to quinn at once: its send buffer gets slow when it is long.
const HAND_OVER: usize = 256 << 10;
/// Bodies below this are copied together; a chunk in quinn's send buffer costs more than the copy.
const COALESCE_BELOW: usize = 4 << 10;

/// A bounded queue of frames.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    wake: Notify,
    bytes_max: usize,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<(Kind, Bytes)>,
    bytes: usize,
}

impl Outbox {
    /// An empty outbox for at most `bytes_max` bytes of frames.
    pub fn new(bytes_max: usize) -> Self {
        let (queue, wake, dropped) = Default::default();
        Self { queue, wake, bytes_max, dropped }
    }
    /// Queues a frame; drops the oldest ones if there is no room.
    pub fn push(&self, kind: Kind, body: Bytes) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.bytes += body.len() + OVERHEAD;
        queue.frames.push_back((kind, body));
        while queue.bytes > self.bytes_max {
            let Some((_, body)) = queue.frames.pop_front() else { break };
            queue.bytes -= body.len() + OVERHEAD;
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        drop(queue);
        self.wake.notify_one();
    }
    /// Frames dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }
    /// Forgets all but the newest frames that fit into `bytes_max`: what waited for a peer that was
    /// away.
    pub fn keep_newest(&self, bytes_max: usize) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        while queue.bytes > bytes_max {
            let Some((_, body)) = queue.frames.pop_front() else { break };
            queue.bytes -= body.len() + OVERHEAD;
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
    /// Writes frames to `stream` as they come, until the stream fails.
    pub async fn drain_into(&self, stream: &mut SendStream) -> WriteError {
        let mut chunks = Vec::new();
        loop {
            while !self.take(&mut chunks) {
                self.wake.notified().await;
            }
            if let Err(error) = stream.write_all_chunks(&mut chunks).await {
                return error;
            }
            chunks.clear();
        }
    }
    /// Moves some of what waits into `chunks`, small frames copied together; whether there was
    /// anything.
    fn take(&self, chunks: &mut Vec<Bytes>) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut together, mut taken) = (Vec::new(), 0);
        while taken < HAND_OVER
            && let Some((kind, body)) = queue.frames.pop_front()
        {
            queue.bytes -= body.len() + OVERHEAD;
            taken += body.len() + HEADER;
            together.extend_from_slice(&header(kind, body.len()));
            if body.len() < COALESCE_BELOW {
                together.extend_from_slice(&body);
            } else {
                chunks.push(Bytes::from(std::mem::take(&mut together)));
                chunks.push(body);
            }
        }
        if !together.is_empty() {
            chunks.push(together.into());
        }
        !chunks.is_empty()
    }
}
