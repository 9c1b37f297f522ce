//! The mining thread: real nonces, searched at no more than the seat's hash power.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use byzlab_core::{Accelerator, Puzzle};

use crate::happening::{Events, Happening};

/// How long one slice of work and rest lasts: short, so that a new puzzle is taken soon and several
/// miners share a machine fairly; long enough that waking up costs little.
const SLICE: Duration = Duration::from_millis(20);

/// Where puzzles go; `None` stops.
pub(crate) type Puzzles = Sender<Option<Puzzle>>;

/// Starts a miner that tries `hash_power` nonces a second; it ends when the sender is dropped.
pub(crate) fn start(
    name: String,
    hash_power: u64,
    accelerator: Arc<dyn Accelerator>,
    events: Events,
) -> std::io::Result<(Puzzles, thread::JoinHandle<()>)> {
    let (sender, puzzles) = channel();
    let miner = Miner { hash_power, accelerator, events };
    let thread = thread::Builder::new().name(name).spawn(move || miner.run(&puzzles))?;
    Ok((sender, thread))
}

struct Miner {
    hash_power: u64,
    accelerator: Arc<dyn Accelerator>,
    events: Events,
}

impl Miner {
    fn run(self, puzzles: &Receiver<Option<Puzzle>>) {
        let (mut current, mut nonce, mut credit) = (None::<Puzzle>, 0u64, 0u64);
        let mut slice_ends = Instant::now();
        loop {
            // Between slices, and while there is nothing to do, wait for a word from the loop.
            let word = match &current {
                Some(_) => {
                    puzzles.recv_timeout(slice_ends.saturating_duration_since(Instant::now()))
                }
                None => puzzles.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match word {
                Ok(puzzle) => {
                    if current.is_none() {
                        slice_ends = Instant::now() + SLICE; // time spent idle earns nothing
                    }
                    (current, nonce) = (puzzle, 0);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let Some(puzzle) = &current else { continue };
            slice_ends = (slice_ends + SLICE).max(Instant::now());
            credit += self.hash_power * SLICE.as_millis() as u64;
            let tries = credit / 1000;
            credit %= 1000;
            let end = (nonce + tries).min(1 << 32);
            if let Some(seal) = self.accelerator.search(puzzle, nonce..end) {
                current = None;
                if self.events.send(Happening::Sealed(seal)).is_err() {
                    return;
                }
            } else if end == 1 << 32 {
                // Every nonce was tried; the protocol must hand out another header.
                tracing::debug!("a puzzle without solution");
                current = None;
            } else {
                nonce = end;
            }
        }
    }
}
