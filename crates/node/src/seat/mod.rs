//! One replica with everything around it.
//!
//! | thread | what it does |
//! |---|---|
//! | `r0` | network and the loop, on one runtime: no wake-up between a turn and its sending |
//! | `r0-proofs` | proves claims in batches |
//! | `r0-log` | writes and syncs groups |
//! | `r0-miner` | searches nonces, where there is hash power |
//!
//! The loop never waits for the disk or for a proof: it hands over, and goes on when the answer
//! comes.

mod desk;
mod driver;
mod gate;
mod intake;
mod parts;

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use byzlab_core::{Accelerator, Signer};
use tokio::sync::{Notify, mpsc::unbounded_channel};

use crate::{
    counters::Counters,
    gateway::Gateway,
    happening::{Events, Happening},
    links::Links,
    plan::{NodeError, SeatPlan},
    storage::{Figures, Reader, Recovered},
    tls::Guard,
    verifier::Proofs,
};
pub(crate) use parts::runtime;
use parts::{Parts, replay};

/// A replica that runs, seen from outside.
#[derive(Debug)]
pub(crate) struct Running {
    pub view: View,
    /// What was found on the disk.
    pub recovered: Recovered,
    events: Events,
    killed: Arc<AtomicBool>,
    kill: Arc<Notify>,
    thread: thread::JoinHandle<Result<(), NodeError>>,
}

/// What can be looked at while a replica runs, and after.
#[derive(Clone, Debug)]
pub(crate) struct View {
    counters: Arc<Mutex<Counters>>,
    proofs: Arc<Proofs>,
    figures: Arc<Mutex<Figures>>,
    links: Arc<Links>,
    guard: Arc<Guard>,
    gateway: Arc<Gateway>,
    accelerator: Arc<dyn Accelerator>,
    pub reader: Reader,
}

impl View {
    /// What proves claims, hashes and mines.
    pub fn accelerator(&self) -> String {
        self.accelerator.name()
    }
    /// Everything counted so far.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        counters.signatures_checked = self.proofs.signatures.load(Ordering::Relaxed);
        counters.remembered = self.proofs.remembered.load(Ordering::Relaxed);
        let Proofs { batches, claims, widths, jobs, waited_ns, .. } = &*self.proofs;
        counters.proof_batches = batches.load(Ordering::Relaxed);
        counters.proof_claims = claims.load(Ordering::Relaxed);
        counters.proof_widths = std::array::from_fn(|class| widths[class].load(Ordering::Relaxed));
        counters.proof_jobs = jobs.load(Ordering::Relaxed);
        counters.proof_wait_ns = waited_ns.load(Ordering::Relaxed);
        counters.accelerator = self.accelerator.usage();
        let figures = *self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        (counters.groups, counters.disk_bytes) = (figures.groups, figures.bytes);
        (counters.syncs, counters.syncing_ns) = (figures.syncs, figures.syncing.0);
        counters.peers = self.links.connected() as u64;
        counters.dropped = self.links.dropped();
        counters.queued_bytes = self.links.queued() as u64;
        let malformed = self.gateway.malformed.load(Ordering::Relaxed);
        counters.malformed = self.links.malformed() + malformed;
        counters.strangers = self.guard.refused();
        counters.connections = self.gateway.connections.load(Ordering::Relaxed);
        counters.packets_lost = self.links.packets_lost();
        counters
    }
}

impl Running {
    /// Ends the replica at once, without a word to anyone and without a flush: what `kill -9` does,
    /// as far as it can be done to a part of a process. Returns when its threads are gone.
    pub fn kill(self) {
        self.killed.store(true, Ordering::SeqCst);
        self.kill.notify_one();
        let _ = self.thread.join();
    }
    /// Ends the replica in order.
    pub fn stop(self) -> Result<(), NodeError> {
        let _ = self.events.send(Happening::Stop);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
    /// Whether it has ended by itself: then [`stop`](Self::stop) tells why.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Opens the folder, takes the seat, binds the sockets, and starts. Returns when the replica runs.
pub(crate) fn start(plan: &SeatPlan) -> Result<Running, NodeError> {
    let me = plan.me;
    if plan.committee.key(me) != Some(plan.secret.signer().public()) {
        return Err(NodeError::WrongKey(me));
    }
    if let Some(votes) = &plan.committee.votes
        && votes.pairs().get(me.index()).copied() != Signer::bls(plan.secret.0).vote_key()
    {
        return Err(NodeError::WrongKey(me));
    }
    if plan.addresses.len() != plan.committee.size() {
        return Err(NodeError::Plan("as many addresses as replicas are needed".into()));
    }
    let plan = plan.clone();
    let (killed, kill) = (Arc::<AtomicBool>::default(), Arc::<Notify>::default());
    let (ready, started) = mpsc::channel();
    let (killed_too, kill_too) = (killed.clone(), kill.clone());
    let body = move || {
        let (events, inbox) = unbounded_channel();
        match Parts::assemble(&plan, &killed_too, &events) {
            Ok((parts, view, recovered)) => {
                // Nobody waits any more: the caller is gone.
                if ready.send(Ok((view, recovered, events))).is_err() {
                    return Ok(());
                }
                parts.run(&plan, inbox, &kill_too)
            }
            Err(error) => {
                let _ = ready.send(Err(error));
                Ok(())
            }
        }
    };
    let thread = spawn(me.to_string(), body)?;
    match started.recv() {
        Ok(Ok((view, recovered, events))) => {
            Ok(Running { view, recovered, events, killed, kill, thread })
        }
        Ok(Err(error)) => {
            let _ = thread.join();
            Err(error)
        }
        Err(_) => Err(thread.join().map_or_else(
            |panic| std::panic::resume_unwind(panic),
            |_| NodeError::Stopped { replica: me, error: "it ended before it began".into() },
        )),
    }
}

fn spawn<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, NodeError> {
    thread::Builder::new().name(name).spawn(body).map_err(no_thread)
}

fn no_thread(error: io::Error) -> NodeError {
    NodeError::Io { doing: "start a thread".into(), error }
}
