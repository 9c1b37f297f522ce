//! A replica in a process of its own, and the few words between it and its parent.
//!
//! The parent writes an [`Order`] on the child's stdin, one line of JSON, and keeps stdin open:
//! when it ends, for whatever reason, so does the child, in order. The child writes [`Report`]s on
//! stdout, one line each.

use std::{
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{self, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant, SystemTime},
};

use byzlab_core::{
    Accelerator, Coin, Committee, Possession, PublicKey, Registry, ReplicaId, Span, VoteKey,
    VoteKeys, crypto::coin::Dealt,
};
use serde::{Deserialize, Serialize};

use crate::{
    counters::Counters,
    cpu,
    plan::{Address, Durability, MempoolBounds, NodeError, SeatPlan, Secret},
    seat,
};

/// How often a child reports.
const REPORT_EVERY: Duration = Duration::from_millis(50);
/// How long a child may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A [`SeatPlan`] as it goes to a child.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    protocol: String,
    params: toml::Table,
    me: ReplicaId,
    label: String,
    keys: Vec<PublicKey>,
    client_signatures: bool,
    /// Empty where replicas do not sign by BLS.
    votes: Vec<(VoteKey, Possession)>,
    coin: Option<Dealt>,
    addresses: Vec<Address>,
    secret: Secret,
    epoch: SystemTime,
    dir: std::path::PathBuf,
    durability: Durability,
    hash_power: u64,
    mempool: MempoolBounds,
    udp_payload: u16,
}

/// What a child says.
#[derive(Debug, Serialize, Deserialize)]
enum Report {
    /// It runs; what it found damaged on the disk.
    Ready(Vec<String>),
    /// What it has counted so far.
    Counters(Box<Counters>),
    /// It cannot start, or cannot go on.
    Failed(String),
}

/// A child process, seen from its parent.
#[derive(Debug)]
pub(super) struct Child {
    replica: ReplicaId,
    process: process::Child,
    stdin: Option<ChildStdin>,
    heard: Arc<Mutex<Heard>>,
    listener: thread::JoinHandle<()>,
}

/// What a child has said so far.
#[derive(Debug, Default)]
struct Heard {
    ready: Option<Vec<String>>,
    counters: Option<Counters>,
    failed: Option<String>,
}

impl Child {
    /// Starts a child, and waits until it runs.
    pub fn start(seat: &SeatPlan, program: &Path, arguments: &[String]) -> Result<Self, NodeError> {
        let replica = seat.me;
        let failed = |what: String| NodeError::Child { replica, what };
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("{}: {error}", program.display())))?;
        let mut stdin = process.stdin.take().expect("it is piped");
        let stdout = process.stdout.take().expect("it is piped");
        let heard = Arc::<Mutex<Heard>>::default();
        let listener = listen(heard.clone(), stdout);
        let mut order = serde_json::to_vec(&Order::of(seat)).expect("orders can be encoded");
        order.push(b'\n');
        let written = stdin.write_all(&order).and_then(|()| stdin.flush());
        let mut child = Self { replica, process, stdin: Some(stdin), heard, listener };
        if let Err(error) = written {
            child.kill();
            return Err(failed(format!("it takes no order: {error}")));
        }
        let start = Instant::now();
        while child.heard().ready.is_none() {
            if let Err(error) = child.is_well() {
                child.kill();
                return Err(error);
            }
            if start.elapsed() > PATIENCE {
                child.kill();
                return Err(failed("it does not start".into()));
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(child)
    }
    /// What it found damaged when it started.
    pub fn damage(&self) -> Vec<String> {
        self.heard().ready.clone().unwrap_or_default()
    }
    /// What it last said to have counted.
    pub fn counters(&self) -> Option<Counters> {
        self.heard().counters.clone()
    }
    /// CPU time that it has used.
    pub fn cpu(&self) -> Span {
        cpu::used(self.process.id()).unwrap_or_default()
    }
    /// An error if it has ended by itself.
    pub fn is_well(&mut self) -> Result<(), NodeError> {
        let replica = self.replica;
        let ended = self.process.try_wait();
        if let Some(error) = self.heard().failed.clone() {
            return Err(NodeError::Child { replica, what: error });
        }
        match ended {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                Err(NodeError::Child { replica, what: format!("it ended by itself: {status}") })
            }
            Err(error) => Err(NodeError::Child { replica, what: error.to_string() }),
        }
    }
    /// SIGKILL; gives the CPU time that it had used.
    pub fn kill(mut self) -> Span {
        let used = self.cpu();
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = self.listener.join();
        used
    }
    /// Ends it in order; gives its last word.
    pub fn end(mut self) -> Result<Counters, NodeError> {
        drop(self.stdin.take());
        let start = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) {
            if start.elapsed() > PATIENCE {
                let replica = self.replica;
                self.kill();
                return Err(NodeError::Child { replica, what: "it does not end".into() });
            }
            thread::sleep(Duration::from_millis(2));
        }
        let _ = self.listener.join();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match heard.failed.take() {
            Some(what) => Err(NodeError::Child { replica: self.replica, what }),
            None => Ok(heard.counters.take().unwrap_or_default()),
        }
    }
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(heard: Arc<Mutex<Heard>>, stdout: process::ChildStdout) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            match serde_json::from_str(&line) {
                Ok(Report::Ready(damage)) => heard.ready = Some(damage),
                Ok(Report::Counters(counters)) => heard.counters = Some(*counters),
                Ok(Report::Failed(error)) => heard.failed = Some(error),
                Err(error) => heard.failed = Some(format!("it said `{line}`: {error}")),
            }
        }
    })
}

impl Order {
    fn of(seat: &SeatPlan) -> Self {
        Self {
            protocol: seat.entry.name.to_owned(),
            params: seat.params.clone(),
            me: seat.me,
            label: crate::plan::CHAIN_LABEL.to_owned(),
            keys: seat.committee.keys.clone(),
            client_signatures: seat.committee.client_signatures,
            votes: seat.committee.votes.as_ref().map_or(Vec::new(), |v| v.pairs().to_vec()),
            coin: seat.committee.coin.as_ref().and_then(|coin| coin.dealt().cloned()),
            addresses: seat.addresses.clone(),
            secret: seat.secret.clone(),
            epoch: seat.epoch,
            dir: seat.dir.clone(),
            durability: seat.durability,
            hash_power: seat.hash_power,
            mempool: seat.mempool,
            udp_payload: seat.udp_payload,
        }
    }
    fn plan(
        self,
        registry: &Registry,
        accelerator: Arc<dyn Accelerator>,
    ) -> Result<SeatPlan, NodeError> {
        let mut committee = Committee::new(&self.label, self.keys, self.client_signatures);
        if !self.votes.is_empty() {
            let keys =
                VoteKeys::new(&self.votes).map_err(|bad| NodeError::Plan(bad.to_string()))?;
            committee = committee.voting_with(keys);
        }
        if let Some(dealt) = self.coin {
            let coin = Coin::new(dealt).map_err(|bad| NodeError::Plan(bad.to_string()))?;
            committee = committee.tossing(coin);
        }
        Ok(SeatPlan {
            entry: registry.find(&self.protocol)?,
            params: self.params,
            me: self.me,
            committee: Arc::new(committee),
            addresses: self.addresses,
            listen: None,
            secret: self.secret,
            epoch: self.epoch,
            dir: self.dir,
            durability: self.durability,
            hash_power: self.hash_power,
            mempool: self.mempool,
            accelerator,
            metrics: None,
            workers: 1,
            udp_payload: self.udp_payload,
        })
    }
}

/// The child's side; see [`run_supervised`](crate::run_supervised).
pub(crate) fn supervised(
    registry: &Registry,
    accelerator: Arc<dyn Accelerator>,
) -> Result<(), NodeError> {
    let result = obey(registry, accelerator);
    if let Err(error) = &result {
        say(&Report::Failed(error.to_string()));
    }
    result
}

fn obey(registry: &Registry, accelerator: Arc<dyn Accelerator>) -> Result<(), NodeError> {
    let doing = |error| NodeError::Io { doing: "read an order from stdin".into(), error };
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(doing)?;
    let order: Order = serde_json::from_str(&line)
        .map_err(|error| NodeError::Plan(format!("stdin holds no order: {error}")))?;
    let running = seat::start(&order.plan(registry, accelerator)?)?;
    say(&Report::Ready(running.recovered.damage.iter().map(ToString::to_string).collect()));
    let (ended, end) = mpsc::channel::<()>();
    thread::spawn(move || {
        // Nothing more is said on stdin; it ends with the parent.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        drop(ended);
    });
    let view = running.view.clone();
    while end.recv_timeout(REPORT_EVERY) == Err(mpsc::RecvTimeoutError::Timeout)
        && !running.has_ended()
        && say(&Report::Counters(Box::new(view.counters())))
    {}
    running.stop()?;
    say(&Report::Counters(Box::new(view.counters())));
    Ok(())
}

/// False when nobody listens any more.
fn say(report: &Report) -> bool {
    let mut line = serde_json::to_vec(report).expect("reports can be encoded");
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line).and_then(|()| stdout.flush()).is_ok()
}
