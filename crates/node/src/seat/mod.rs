//! One replica with everything around it.
//!
//! | thread | what it does |
//! |---|---|
//! | `r0` | network and the loop, on one runtime: what a turn sends leaves together, without a wake-up between |
//! | `r0-proofs` | proves claims in batches |
//! | `r0-log` | writes and syncs groups |
//! | `r0-miner` | searches nonces, where there is hash power |
//!
//! The loop never waits for the disk or for a proof: it hands over, and goes on when the answer comes.

mod desk;
mod driver;
mod gate;
mod intake;

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use byzlab_core::{
    Accelerator, Height, Seat,
    host::{Executor, KvStore},
    protocol::Saved,
    random::Stream,
};
use quinn::Endpoint;
use tokio::{
    runtime::Runtime,
    sync::{
        Notify,
        mpsc::{UnboundedReceiver, unbounded_channel},
        watch,
    },
};

use crate::{
    clock::Clock,
    counters::Counters,
    endpoint,
    gateway::{self, Gateway},
    happening::{Events, Happening},
    links::{self, Links},
    log::{self, Log},
    miner,
    plan::{Address, NodeError, SeatPlan},
    storage::{Figures, Opening, Reader, Recovered, Store},
    tls::{Guard, Identity},
    verifier::{self, Proofs},
};
use desk::Desk;
use driver::{Driver, End};
use gate::Gate;
use intake::Intake;

/// How long the network may take to say goodbye.
const GOODBYE_MAX: Duration = Duration::from_millis(300);

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
    pub reader: Reader,
}

impl View {
    /// Everything counted so far.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        counters.signatures_checked = self.proofs.signatures.load(Ordering::Relaxed);
        counters.remembered = self.proofs.remembered.load(Ordering::Relaxed);
        counters.proof_batches = self.proofs.batches.load(Ordering::Relaxed);
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
    /// Ends the replica at once, without a word to anyone and without a flush: what `kill -9` does, as far
    /// as it can be done to a part of a process. Returns when its threads are gone.
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
    if plan.addresses.len() != plan.committee.size() {
        return Err(NodeError::Plan("as many addresses as replicas are needed".into()));
    }
    let plan = plan.clone();
    let (killed, kill) = (Arc::<AtomicBool>::default(), Arc::<Notify>::default());
    let (ready, started) = mpsc::channel();
    let (killed_too, kill_too) = (killed.clone(), kill.clone());
    let body = move || {
        let (events, inbox) = unbounded_channel();
        match Parts::assemble(&plan, &killed_too, events.clone()) {
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

/// What runs on a seat's own thread.
struct Parts {
    runtime: Runtime,
    driver: Driver,
    links: Arc<Links>,
    gateway: Arc<Gateway>,
    identity: Identity,
    peers: Endpoint,
    clients: Endpoint,
    threads: Vec<thread::JoinHandle<()>>,
    metrics: Option<(tokio::net::TcpListener, View)>,
}

impl Parts {
    fn assemble(
        plan: &SeatPlan,
        killed: &Arc<AtomicBool>,
        events: Events,
    ) -> Result<(Self, View, Recovered), NodeError> {
        let (me, committee) = (plan.me, plan.committee.clone());
        let runtime = runtime(plan.workers)?;
        let identity = Identity::new(&plan.secret);
        let guard = identity.guard(&committee);
        let (peers, clients) = bind(plan, &runtime, &identity, &guard)?;
        let (store, recovered) = open(plan)?;
        let reader = store.reader();
        let clock = Clock::since(plan.epoch);
        let name = plan.entry.name;
        let links = Links::new(me, committee.clone(), name, guard.clone(), events.clone());
        links.set_height(recovered.head.height);
        let (full, is_full) = watch::channel(false);
        let gateway = Arc::new(Gateway {
            me,
            committee: committee.clone(),
            protocol: name.to_owned(),
            accelerator: plan.accelerator.clone(),
            events: events.clone(),
            full: is_full,
            connections: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            next: AtomicU64::new(0),
        });
        let seat = Seat::new(me, committee.clone());
        let saved = Saved { records: &recovered.records, head: recovered.head, ledger: &reader };
        let neighbours = seat.neighbours.clone();
        let replica = plan.entry.build(seat, plan.secret.signer(), &plan.params, saved)?;
        let mut executor = Executor::new(Box::<KvStore>::default());
        replay(&mut executor, &reader, recovered.head.height)?;
        let (verifier, proofs, proving) = start_verifier(plan, &events)?;
        let Log { jobs: log, figures, thread: logging } =
            log::start(format!("{me}-log"), store, killed.clone(), events.clone())
                .map_err(no_thread)?;
        let mut threads = vec![proving, logging];
        let miner = start_miner(plan, &events, &mut threads)?;
        let counters = Counters { height: recovered.head.height, ..Counters::default() };
        let counters = Arc::new(Mutex::new(counters));
        let driver = Driver {
            clock,
            me,
            committee,
            neighbours,
            replica,
            accelerator: plan.accelerator.clone(),
            links: links.clone(),
            verifier,
            log,
            reader: reader.clone(),
            miner,
            puzzle: None,
            intake: Intake::new(me, plan.mempool, full),
            executor,
            desk: Desk::default(),
            gate: Gate::default(),
            counters: counters.clone(),
            share: None,
            actions: Vec::new(),
        };
        let view = View {
            counters,
            proofs,
            figures,
            links: links.clone(),
            guard,
            gateway: gateway.clone(),
            reader,
        };
        let metrics = match plan.metrics {
            Some(address) => Some((crate::metrics::bind(&runtime, address)?, view.clone())),
            None => None,
        };
        let parts =
            Self { runtime, driver, links, gateway, identity, peers, clients, threads, metrics };
        Ok((parts, view, recovered))
    }

    /// Runs the loop, and everything around it, until it ends or is killed.
    fn run(
        self,
        plan: &SeatPlan,
        inbox: UnboundedReceiver<Happening>,
        kill: &Notify,
    ) -> Result<(), NodeError> {
        let Self { runtime, driver, links, gateway, identity, peers, clients, threads, metrics } =
            self;
        let end = runtime.block_on(async {
            tokio::spawn(links::answer(links.clone(), peers.clone()));
            tokio::spawn(gateway::answer(gateway, clients.clone()));
            dial_all(plan, &links, &peers, &identity);
            if let Some((listener, view)) = metrics {
                tokio::spawn(crate::metrics::serve(listener, plan.me, view));
            }
            let end = tokio::select! {
                end = tokio::spawn(driver.run(inbox)) => Some(end),
                () = kill.notified() => None,
            };
            if end.is_some() {
                peers.close(0u32.into(), b"shutting down");
                clients.close(0u32.into(), b"shutting down");
                let idle = async { tokio::join!(peers.wait_idle(), clients.wait_idle()) };
                let _ = tokio::time::timeout(GOODBYE_MAX, idle).await;
            }
            end
        });
        // Drops all tasks where they stand; sockets close without a word.
        runtime.shutdown_background();
        drop((links, peers, clients));
        threads.into_iter().for_each(|thread| drop(thread.join()));
        match end {
            None | Some(Ok(End::Stopped)) => Ok(()),
            Some(Ok(End::Failed(error))) => {
                tracing::error!(me = %plan.me, %error, "the storage failed: this replica ends");
                Err(NodeError::Stopped { replica: plan.me, error })
            }
            Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}

/// One worker: everything on the calling thread, which saves every wake-up between network and loop.
pub(crate) fn runtime(workers: usize) -> Result<Runtime, NodeError> {
    let built = match workers {
        0 | 1 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        many => {
            tokio::runtime::Builder::new_multi_thread().worker_threads(many).enable_all().build()
        }
    };
    built.map_err(|error| NodeError::Io { doing: "start a runtime".into(), error })
}

fn bind(
    plan: &SeatPlan,
    runtime: &Runtime,
    identity: &Identity,
    guard: &Arc<Guard>,
) -> Result<(Endpoint, Endpoint), NodeError> {
    let _inside = runtime.enter();
    let Address { peers, clients } = plan.listen.unwrap_or(plan.addresses[plan.me.index()]);
    let payload = plan.udp_payload;
    let config = endpoint::server_config(identity.answer_peers(guard.clone()), payload);
    let peers = endpoint::bind(peers, &plan.secret, Some(config), payload)?;
    let config = endpoint::server_config(identity.answer_clients(), payload);
    let clients = endpoint::bind(clients, &plan.secret, Some(config), payload)?;
    Ok((peers, clients))
}

fn open(plan: &SeatPlan) -> Result<(Store, Recovered), NodeError> {
    let opening = Opening {
        chain: plan.committee.chain,
        replica: plan.me,
        durability: plan.durability,
        accelerator: &*plan.accelerator,
    };
    let (store, recovered) = Store::open(&plan.dir, opening)?;
    for cut in &recovered.cut {
        tracing::info!(me = %plan.me, "{cut}");
    }
    for damage in &recovered.damage {
        tracing::error!(me = %plan.me, "damaged: {damage}");
    }
    Ok((store, recovered))
}

fn start_verifier(
    plan: &SeatPlan,
    events: &Events,
) -> Result<(mpsc::Sender<verifier::Job>, Arc<Proofs>, thread::JoinHandle<()>), NodeError> {
    let accelerator: Arc<dyn Accelerator> = plan.accelerator.clone();
    let name = format!("{}-proofs", plan.me);
    verifier::start(name, plan.committee.clone(), accelerator, events.clone()).map_err(no_thread)
}

fn start_miner(
    plan: &SeatPlan,
    events: &Events,
    threads: &mut Vec<thread::JoinHandle<()>>,
) -> Result<Option<miner::Puzzles>, NodeError> {
    if plan.hash_power == 0 {
        return Ok(None);
    }
    let (name, accelerator) = (format!("{}-miner", plan.me), plan.accelerator.clone());
    let (puzzles, thread) =
        miner::start(name, plan.hash_power, accelerator, events.clone()).map_err(no_thread)?;
    threads.push(thread);
    Ok(Some(puzzles))
}

/// Dials every replica with a larger id; those with a smaller one dial us.
fn dial_all(plan: &SeatPlan, links: &Arc<Links>, endpoint: &Endpoint, identity: &Identity) {
    let tls = identity.dial_peers(links.guard.clone());
    let config = endpoint::client_config(tls, plan.udp_payload);
    for id in plan.committee.ids().filter(|&id| id > plan.me) {
        let jitter = Stream::new(u64::from(id.0), &format!("redial/{}/{id}", plan.me));
        let (endpoint, config) = (endpoint.clone(), config.clone());
        let address = plan.addresses[id.index()].peers;
        tokio::spawn(links::dial(links.clone(), endpoint, config, id, address, jitter));
    }
}

/// Executes the ledger from where the executor stands up to `to`.
fn replay(
    executor: &mut Executor,
    reader: &Reader,
    to: Height,
) -> Result<(), crate::storage::StorageError> {
    while executor.height() < to {
        let Some(block) = reader.block(executor.height().next())? else { break };
        executor.apply(&block, None);
    }
    Ok(())
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
