//! The log thread: one write and one sync for all groups that wait.
//!
//! The loop hands over what one turn saved and committed; while the disk is busy, the groups of
//! further turns gather and go down together (group commit). What had to wait for them leaves when
//! [`Happening::Durable`] comes.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use byzlab_core::{Block, Height};

use crate::{
    happening::{Events, Happening},
    storage::{Figures, Op, StorageError, Store},
};

/// The most bytes of blocks in one answer to a protocol that reads its ledger: fits into a frame.
const READ_BYTES_MAX: usize = 4 << 20;

/// Something for the log thread.
#[derive(Debug)]
pub(crate) enum LogJob {
    /// Operations in order; `number` is told when they are durable.
    Append { ops: Vec<Op>, number: u64 },
    /// Blocks are asked for, behind what was appended before.
    Read { from: Height, count: u32, tag: u64 },
    /// Blocks above this height are taken back; they are the answer.
    Revert { to: Height, answer: Sender<Vec<Block>> },
}

/// The log thread's hands: kept by the seat.
#[derive(Debug)]
pub(crate) struct Log {
    pub jobs: Sender<LogJob>,
    pub figures: Arc<Mutex<Figures>>,
    pub thread: thread::JoinHandle<()>,
}

/// Starts the log thread over `store`. It ends when the sender is dropped, after the last append;
/// or before the next one once `killed` is set.
pub(crate) fn start(
    name: String,
    mut store: Store,
    killed: Arc<AtomicBool>,
    events: Events,
) -> std::io::Result<Log> {
    let (sender, jobs) = channel();
    let figures = Arc::<Mutex<Figures>>::default();
    let shared = figures.clone();
    let thread = thread::Builder::new().name(name).spawn(move || {
        while let Some(group) = gather(&jobs) {
            if killed.load(Ordering::SeqCst) {
                return;
            }
            let goes_on = serve(&mut store, group, &events);
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = store.figures();
            if !goes_on {
                return;
            }
        }
    })?;
    Ok(Log { jobs: sender, figures, thread })
}

/// What waits, joined: operations, the last number among them, and then one job of another kind.
#[derive(Default)]
struct Group {
    ops: Vec<Op>,
    number: u64,
    then: Option<LogJob>,
}

fn gather(jobs: &Receiver<LogJob>) -> Option<Group> {
    let mut group = Group::default();
    let mut next = Some(jobs.recv().ok()?);
    while let Some(job) = next {
        match job {
            LogJob::Append { ops, number } => {
                group.ops.extend(ops);
                group.number = number;
            }
            other => {
                group.then = Some(other);
                break;
            }
        }
        next = jobs.try_recv().ok();
    }
    Some(group)
}

/// Appends, and does the other job; false once there is no point in going on.
fn serve(store: &mut Store, group: Group, events: &Events) -> bool {
    let done = (|| {
        if !group.ops.is_empty() {
            store.append(&group.ops)?;
            let _ = events.send(Happening::Durable(group.number));
        }
        match group.then {
            Some(LogJob::Read { from, count, tag }) => {
                let blocks = store.reader().blocks(from, count, READ_BYTES_MAX)?;
                let _ = events.send(Happening::Blocks { tag, blocks });
            }
            Some(LogJob::Revert { to, answer }) => {
                let gone = store.reader().blocks(to.next(), u32::MAX, usize::MAX)?;
                store.append(&[Op::Revert(to)])?;
                let _ = answer.send(gone);
            }
            Some(LogJob::Append { .. }) | None => {}
        }
        Ok::<_, StorageError>(())
    })();
    if let Err(error) = &done {
        // A failed sync is never tried again: nobody knows what it left on the disk.
        let _ = events.send(Happening::Failed(error.to_string()));
    }
    done.is_ok() && !events.is_closed()
}
