//! What a seat consists of, put together; and its life from the first event to the last.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64},
    },
    thread,
    time::Duration,
};

use byzlab_core::{
    Height, Replica, ReplicaId, Seat,
    host::{Executor, KvStore},
    protocol::Saved,
    random::Stream,
};
use quinn::Endpoint;
use tokio::{
    runtime::Runtime,
    sync::{Notify, mpsc::UnboundedReceiver, watch},
};

use super::{
    View,
    desk::Desk,
    driver::{Driver, End},
    gate::Gate,
    intake::Intake,
    no_thread,
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
    storage::{Opening, Reader, Recovered, StorageError, Store},
    tls::{Guard, Identity},
    verifier::{self, Verifier},
};

/// How long the network may take to say goodbye.
const GOODBYE_MAX: Duration = Duration::from_millis(300);

/// What runs on a seat's own thread.
pub(super) struct Parts {
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
    pub fn assemble(
        plan: &SeatPlan,
        killed: &Arc<AtomicBool>,
        events: &Events,
    ) -> Result<(Self, View, Recovered), NodeError> {
        let me = plan.me;
        let runtime = runtime(plan.workers)?;
        plan.accelerator.expect_keys(&plan.committee.keys);
        let identity = Identity::new(&plan.secret);
        let guard = identity.guard(&plan.committee);
        let (peers, clients) = bind(plan, &runtime, &identity, &guard)?;
        let (store, recovered) = open(plan)?;
        let reader = store.reader();
        let (committee, name) = (plan.committee.clone(), plan.entry.name);
        let links = Links::new(me, committee, name, guard.clone(), events.clone());
        links.set_height(recovered.head.height);
        let (full, is_full) = watch::channel(false);
        let gateway = Arc::new(gateway(plan, events, is_full));
        let counters = Counters { height: recovered.head.height, ..Counters::default() };
        let counters = Arc::new(Mutex::new(counters));
        let mut threads = Vec::new();
        let Verifier { jobs: verifier, proofs, thread } = start_verifier(plan, events)?;
        threads.push(thread);
        let Log { jobs: log, figures, thread } =
            log::start(format!("{me}-log"), store, killed.clone(), events.clone())
                .map_err(no_thread)?;
        threads.push(thread);
        let view = View {
            counters: counters.clone(),
            proofs,
            figures,
            links: links.clone(),
            guard,
            gateway: gateway.clone(),
            accelerator: plan.accelerator.clone(),
            reader: reader.clone(),
        };
        let (replica, neighbours, executor) = take_seat(plan, &recovered, &reader)?;
        let driver = Driver {
            clock: Clock::since(plan.epoch),
            me,
            committee: plan.committee.clone(),
            neighbours,
            replica,
            accelerator: plan.accelerator.clone(),
            links: links.clone(),
            verifier,
            events: events.clone(),
            log,
            reader,
            miner: start_miner(plan, events, &mut threads)?,
            puzzle: None,
            intake: Intake::new(me, plan.committee.size(), plan.mempool, full),
            executor,
            desk: Desk::default(),
            gate: Gate::default(),
            counters,
            share: None,
            actions: Vec::new(),
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
    pub fn run(
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

/// One worker: everything on the calling thread, which saves every wake-up between network and
/// loop.
pub(crate) fn runtime(workers: usize) -> Result<Runtime, NodeError> {
    let built = match workers {
        0 | 1 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        many => {
            tokio::runtime::Builder::new_multi_thread().worker_threads(many).enable_all().build()
        }
    };
    built.map_err(|error| NodeError::Io { doing: "start a runtime".into(), error })
}

/// Lets the protocol take its seat, with what was saved, and executes the ledger.
#[expect(clippy::type_complexity, reason = "three things that one caller takes apart")]
fn take_seat(
    plan: &SeatPlan,
    recovered: &Recovered,
    reader: &Reader,
) -> Result<(Box<dyn Replica>, Arc<[ReplicaId]>, Executor), NodeError> {
    let seat = Seat::new(plan.me, plan.committee.clone());
    let neighbours = seat.neighbours.clone();
    let saved = Saved { records: &recovered.records, head: recovered.head, ledger: reader };
    let replica =
        plan.entry.build(seat, plan.secret.signer_in(&plan.committee), &plan.params, saved)?;
    let mut executor = Executor::new(Box::<KvStore>::default());
    replay(&mut executor, reader, recovered.head.height)?;
    Ok((replica, neighbours, executor))
}

fn gateway(plan: &SeatPlan, events: &Events, full: watch::Receiver<bool>) -> Gateway {
    Gateway {
        me: plan.me,
        committee: plan.committee.clone(),
        protocol: plan.entry.name.to_owned(),
        accelerator: plan.accelerator.clone(),
        events: events.clone(),
        full,
        connections: AtomicU64::new(0),
        malformed: AtomicU64::new(0),
        next: AtomicU64::new(0),
    }
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

fn start_verifier(plan: &SeatPlan, events: &Events) -> Result<Verifier, NodeError> {
    let (name, accelerator) = (format!("{}-proofs", plan.me), plan.accelerator.clone());
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
pub(super) fn replay(
    executor: &mut Executor,
    reader: &Reader,
    to: Height,
) -> Result<(), StorageError> {
    while executor.height() < to {
        let Some(block) = reader.block(executor.height().next())? else { break };
        executor.apply(&block, None);
    }
    Ok(())
}
