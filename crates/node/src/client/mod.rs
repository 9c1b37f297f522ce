//! The clients' side: many clients in one thread, with one connection to each replica.
//!
//! What clients do is core's [`Client`]; here it gets a clock, sockets and a pen. Sending is
//! gathered: all that falls due within a millisecond, of all clients, leaves in one frame a
//! replica.
//!
//! Clients sign what they send by themselves, a third of the work each where several fall due at once. Where
//! the accelerator has a device that does it sooner, they leave it to the [`Desk`], which has what all of
//! them send in a turn signed in one call. The bytes are the same. That costs a copy of each transaction, and
//! the thread waits for the device, connections included.

mod link;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use byzlab_core::{
    Accelerator, PublicKey, ReplicaId, Scheme, Signer, Time, Transaction,
    host::{Client, Load, Reply, Submission},
    outcome::Latency,
};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::sleep_until,
};

use crate::{
    budget::Share,
    clock::Clock,
    frame::{Kind, encode_transactions},
    outbox::Outbox,
    plan::{Address, ClientPlan, NodeError, Secret},
    seat,
};

/// The least time between two sendings that no reply caused.
const GATHER: Duration = Duration::from_millis(1);
/// The most bytes of transactions that wait for one replica.
const OUT_MAX: usize = 64 << 20;
/// The most frames of replies taken in one turn.
const TURN_MAX: usize = 256;

/// What clients have seen so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Of all confirmed transactions.
    pub latency: Latency,
    /// Of those since the last look.
    pub interval: Latency,
    /// Transactions sent.
    pub submitted: u64,
    /// Transactions sent and not confirmed.
    pub outstanding: u64,
    /// The highest block in which a transaction was confirmed.
    pub height: byzlab_core::Height,
}

/// Clients that run, seen from outside.
#[derive(Debug)]
pub(crate) struct Crowd {
    shared: Arc<Shared>,
    go: watch::Sender<Option<Clock>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What the clients' thread and the outside share.
#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Seen>,
    connected: AtomicUsize,
    end: Notify,
}

/// One replica as clients see it.
#[derive(Debug)]
pub(crate) struct Replica {
    id: ReplicaId,
    address: Address,
    outbox: Outbox,
    up: AtomicBool,
}

/// Replies of one replica.
type Replies = (ReplicaId, Vec<Reply>, Share);

impl Crowd {
    /// Starts the thread and dials every replica; clients send nothing before [`go`](Self::go).
    pub fn start(plan: &ClientPlan) -> Result<Self, NodeError> {
        let runtime = seat::runtime(1)?;
        let shared = Arc::<Shared>::default();
        let (go, gone) = watch::channel(None);
        let (plan, shared_too) = (plan.clone(), shared.clone());
        let secret = Secret(Signer::seeded_secret(plan.seed, "clients"));
        let endpoint = {
            let _inside = runtime.enter();
            let any = match plan.addresses.first() {
                Some(Address { clients, .. }) if clients.is_ipv6() => "[::]:0",
                _ => "0.0.0.0:0",
            };
            let any = any.parse().expect("it is an address");
            crate::endpoint::bind(any, &secret, None, plan.udp_payload)?
        };
        if plan.committee.client_signatures && plan.accelerator.gathers_signing() {
            plan.accelerator.expect_signing();
        }
        let thread = thread::Builder::new().name("clients".into()).spawn(move || {
            runtime.block_on(async {
                let ended = shared_too.end.notified();
                tokio::select! {
                    () = run(&plan, &secret, &shared_too, &endpoint, gone) => {}
                    () = ended => {}
                }
                endpoint.close(0u32.into(), b"done");
                let _ =
                    tokio::time::timeout(Duration::from_millis(200), endpoint.wait_idle()).await;
            });
            runtime.shutdown_background();
        });
        let thread = thread
            .map_err(|error| NodeError::Io { doing: "start the clients' thread".into(), error })?;
        Ok(Self { shared, go, thread: Some(thread) })
    }
    /// Replicas that the clients are connected with.
    pub fn connected(&self) -> usize {
        self.shared.connected.load(Ordering::Relaxed)
    }
    /// Begins to send; `clock` tells the time from which loads count.
    pub fn go(&self, clock: Clock) {
        self.go.send_replace(Some(clock));
    }
    /// What the clients have seen; begins a new interval.
    pub fn look(&self) -> Seen {
        let mut seen = self.shared.seen();
        let look = seen.clone();
        seen.interval = Latency::default();
        look
    }
    /// Transactions sent and not confirmed.
    pub fn outstanding(&self) -> u64 {
        self.shared.seen().outstanding
    }
    /// Ends the clients, and gives what they saw.
    pub fn end(mut self) -> Seen {
        self.finish();
        self.shared.seen().clone()
    }
    fn finish(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.shared.end.notify_one();
            if let Err(panic) = thread.join()
                && !thread::panicking()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Shared {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(
    plan: &ClientPlan,
    secret: &Secret,
    shared: &Arc<Shared>,
    endpoint: &quinn::Endpoint,
    mut go: watch::Receiver<Option<Clock>>,
) {
    let signers: Vec<_> = (0..plan.clients.count)
        .map(|i| Signer::seeded(Scheme::Ed25519, plan.seed, &format!("client/{i}")))
        .collect();
    let (sender, replies) = mpsc::unbounded_channel();
    let replica = |(&address, id)| {
        let (outbox, up) = (Outbox::new(OUT_MAX), AtomicBool::new(false));
        Arc::new(Replica { id, address, outbox, up })
    };
    let replicas: Vec<_> = plan.addresses.iter().zip(plan.committee.ids()).map(replica).collect();
    let dialler = link::Dialler::new(plan, secret, &signers, endpoint.clone());
    for replica in &replicas {
        let (dialler, replica) = (dialler.clone(), replica.clone());
        let (shared, sender) = (shared.clone(), sender.clone());
        tokio::spawn(async move {
            let connected = |up: bool| {
                replica.up.store(up, Ordering::Relaxed);
                match up {
                    true => shared.connected.fetch_add(1, Ordering::Relaxed),
                    false => shared.connected.fetch_sub(1, Ordering::Relaxed),
                };
            };
            dialler.keep(&replica, sender, connected).await;
        });
    }
    let Ok(clock) = go.wait_for(Option::is_some).await.map(|clock| *clock) else { return };
    let clock = clock.expect("it was waited for");
    let load = Load {
        until: plan.clients.load.until.min(Time::ZERO + plan.duration),
        ..plan.clients.load.clone()
    };
    Desk::new(plan, load, signers, replicas, clock, shared.clone()).run(replies).await;
}

/// All clients, at work.
struct Desk {
    clients: Vec<Client>,
    by_key: BTreeMap<PublicKey, usize>,
    /// When each client next wants to be woken: at most one entry a client.
    deadlines: BTreeSet<(Time, usize)>,
    armed: Vec<Option<Time>>,
    replicas: Vec<Arc<Replica>>,
    clock: Clock,
    shared: Arc<Shared>,
    /// Signs, if the clients do not.
    signs: Option<Arc<dyn Accelerator>>,
    outgoing: BTreeMap<Option<ReplicaId>, Vec<Transaction>>,
}

impl Desk {
    fn new(
        plan: &ClientPlan,
        load: Load,
        signers: Vec<Signer>,
        replicas: Vec<Arc<Replica>>,
        clock: Clock,
        shared: Arc<Shared>,
    ) -> Self {
        let gathers = plan.committee.client_signatures && plan.accelerator.gathers_signing();
        let signs = gathers.then(|| plan.accelerator.clone());
        let client = |(i, signer)| {
            let (committee, name) = (plan.committee.clone(), format!("client/{i}"));
            let client =
                Client::new(signer, committee, load.clone(), plan.replies, plan.seed, &name)
                    .sending_to(plan.recipients);
            if gathers { client.unsigned() } else { client }
        };
        let clients: Vec<_> = signers.into_iter().enumerate().map(client).collect();
        let by_key = clients.iter().enumerate().map(|(i, c)| (c.public(), i)).collect();
        let (armed, deadlines) = (vec![None; clients.len()], BTreeSet::new());
        let outgoing = BTreeMap::new();
        let mut desk =
            Self { clients, by_key, deadlines, armed, replicas, clock, shared, signs, outgoing };
        (0..desk.clients.len()).for_each(|i| desk.arm(i));
        desk
    }

    async fn run(mut self, mut replies: mpsc::UnboundedReceiver<Replies>) {
        let mut inbox = Vec::with_capacity(TURN_MAX);
        let mut woken = self.clock.instant(Time::ZERO);
        loop {
            let next = self.deadlines.first().map_or(Time::NEVER, |&(at, _)| at);
            let next = self.clock.instant(next).max(woken + GATHER);
            tokio::select! {
                biased;
                count = replies.recv_many(&mut inbox, TURN_MAX) => if count == 0 { return },
                () = sleep_until(next.into()) => {
                    woken = next;
                    self.wake();
                }
            }
            for (from, replies, _share) in inbox.drain(..) {
                self.take(from, &replies);
            }
            self.send();
        }
    }

    fn arm(&mut self, i: usize) {
        let deadline = self.clients[i].deadline();
        if deadline == self.armed[i] {
            return;
        }
        if let Some(old) = self.armed[i] {
            self.deadlines.remove(&(old, i));
        }
        self.deadlines.extend(deadline.map(|at| (at, i)));
        self.armed[i] = deadline;
    }

    fn wake(&mut self) {
        let now = self.clock.now();
        while let Some(&(at, i)) = self.deadlines.first()
            && at <= now
        {
            let submissions = self.clients[i].wake(now);
            self.gather(submissions);
            self.arm(i);
        }
    }

    fn take(&mut self, from: ReplicaId, replies: &[Reply]) {
        let now = self.clock.now();
        for reply in replies {
            let Some(&i) = self.by_key.get(&reply.client) else { continue };
            let (confirmed, submissions) = self.clients[i].reply(now, from, reply);
            if !confirmed.is_empty() {
                let mut seen = self.shared.seen();
                for confirmed in &confirmed {
                    seen.latency.record(confirmed.latency);
                    seen.interval.record(confirmed.latency);
                    seen.height = seen.height.max(confirmed.height);
                }
            }
            self.gather(submissions);
        }
    }

    fn gather(&mut self, submissions: Vec<Submission>) {
        for Submission { to, transactions } in submissions {
            self.outgoing.entry(to).or_default().extend(transactions);
        }
    }

    /// Signs what leaves, if the clients did not.
    fn sign(&mut self) {
        let Some(accelerator) = &self.signs else { return };
        let (clients, by_key) = (&self.clients, &self.by_key);
        let signer = |transaction: &Transaction| clients[by_key[&transaction.client()]].signer();
        let all = self.outgoing.values_mut().flatten();
        let unsigned: Vec<_> = all.map(|one| (signer(one), one)).collect();
        if !unsigned.is_empty() {
            Transaction::sign_all(unsigned, &**accelerator);
        }
    }

    /// One frame a replica, mostly.
    fn send(&mut self) {
        self.sign();
        for (to, transactions) in std::mem::take(&mut self.outgoing) {
            let kind = if to.is_some() { Kind::Transactions } else { Kind::TransactionsToAll };
            for body in encode_transactions(&transactions) {
                let all = self.replicas.iter().filter(|r| to.is_none_or(|id| r.id == id));
                // One that is down gets nothing: the retry goes to all.
                for replica in all.filter(|replica| replica.up.load(Ordering::Relaxed)) {
                    replica.outbox.push(kind, body.clone());
                }
            }
        }
        let mut seen = self.shared.seen();
        seen.submitted = self.clients.iter().map(Client::submitted).sum();
        seen.outstanding = self.clients.iter().map(|client| client.outstanding() as u64).sum();
    }
}
