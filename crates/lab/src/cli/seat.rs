//! `byzlab seat` and `byzlab client`.

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    net::SocketAddr,
    num::{NonZeroU16, NonZeroU32, NonZeroUsize},
    path::PathBuf,
    sync::Arc,
    time::{Instant, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use byzlab_accel::choice::Picked;
use byzlab_core::{
    Reference, Registry, Scheme, Span, Time,
    host::{Arrivals, Load},
    transaction::TRANSACTION_MAX,
};
use byzlab_node::plan::{
    Address, ClientPlan, Clients, Durability, MempoolBounds, SeatPlan, UDP_PAYLOAD_ETHERNET,
};
use clap::{Args, ValueEnum};
use indexmap::IndexMap;

use super::{Found, say, table, threads};
use crate::{
    deployment::{Deployment, read_secret},
    host,
    record::{Identity, Record},
    spec::{self, AcceleratorKind},
};

/// The most transactions on the way at once, of all clients together: the memory of whoever sends them.
const OUTSTANDING_MAX: u64 = 1_000_000;

/// Runs one replica of a deployment until it is interrupted
#[derive(Debug, Args)]
pub(super) struct SeatArguments {
    /// Takes a plan from stdin: a replica of `byzlab run` in a process of its own
    #[arg(long, hide = true)]
    supervised: bool,
    /// The committee file, the same for all
    #[arg(long, value_name = "FILE", required_unless_present = "supervised")]
    committee: Option<PathBuf>,
    /// The replica's secret key, made by `byzlab keygen`; says which replica it is
    #[arg(long, value_name = "FILE", required_unless_present = "supervised")]
    key: Option<PathBuf>,
    /// The replica's folder: its ledger and its log; created if missing
    #[arg(long, value_name = "DIR", required_unless_present = "supervised")]
    dir: Option<PathBuf>,
    /// Where to listen for peers, if not at the committee's address
    #[arg(long, value_name = "ADDRESS", requires = "listen_clients")]
    listen_peers: Option<SocketAddr>,
    /// Where to listen for clients, if not at the committee's address
    #[arg(long, value_name = "ADDRESS", requires = "listen_peers")]
    listen_clients: Option<SocketAddr>,
    /// When something written counts as kept
    #[arg(long, value_enum, default_value_t = Durable::Fsync)]
    durability: Durable,
    /// Hashes a second to mine with, for proof of work
    #[arg(long, default_value_t = 0, value_name = "HASHES")]
    hash_power: u64,
    /// Serves Prometheus metrics at http://ADDRESS/metrics
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Threads for network and protocol
    #[arg(long, default_value = "2", value_name = "N")]
    workers: NonZeroU16,
    /// What proves signatures and hashes
    #[arg(long, value_enum, default_value = "cpu")]
    accelerator: AcceleratorKind,
    /// Its threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<NonZeroUsize>,
    /// Bytes of a UDP payload: 1452 suits Ethernet, 6000 loopback
    #[arg(long, default_value_t = UDP_PAYLOAD_ETHERNET, value_parser = clap::value_parser!(u16).range(1200..=6000))]
    udp_payload: u16,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Durable {
    /// On the disk: outlives a power failure
    Fsync,
    /// With the operating system: outlives kill -9
    Os,
    /// Nowhere: a restart finds nothing
    Memory,
}

pub(super) fn seat(arguments: &SeatArguments, registry: &Registry) -> Result<Found> {
    let (kind, threads) = (arguments.accelerator, arguments.threads);
    let asked = spec::Accelerator { kind, threads, ..spec::Accelerator::default() };
    let Picked { accelerator, said } = host::accelerator(&asked, None, &host::devices())?;
    if arguments.supervised {
        byzlab_node::run_supervised(registry, accelerator)?;
        return Ok(Found::Good);
    }
    // For whoever runs it; what is printed to stdout is for programs as well.
    said.iter().for_each(|line| drop(writeln!(io::stderr().lock(), "{line}")));
    let given = |path: &Option<PathBuf>| path.clone().context("clap sees to it that it is given");
    let path = given(&arguments.committee)?;
    let deployment = Deployment::read(&path, registry)?;
    let key = given(&arguments.key)?;
    let secret = read_secret(&key)?;
    let me = deployment.seat_of(secret.signer().public()).with_context(|| {
        format!("the key in {} belongs to no replica of {}", key.display(), path.display())
    })?;
    let dir = given(&arguments.dir)?;
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let listen = arguments.listen_peers.zip(arguments.listen_clients);
    let plan = SeatPlan {
        entry: deployment.entry,
        params: deployment.params,
        me,
        committee: deployment.committee,
        addresses: deployment.addresses,
        listen: listen.map(|(peers, clients)| Address { peers, clients }),
        secret,
        epoch: deployment.epoch,
        dir,
        durability: match arguments.durability {
            Durable::Fsync => Durability::Fsync,
            Durable::Os => Durability::Os,
            Durable::Memory => Durability::Memory,
        },
        hash_power: arguments.hash_power,
        mempool: MempoolBounds::default(),
        accelerator,
        metrics: arguments.metrics,
        workers: usize::from(arguments.workers.get()),
        udp_payload: arguments.udp_payload,
    };
    let (of, protocol) = (plan.addresses.len(), plan.entry.name);
    say(&format!("replica {} of {of}, {protocol}, {}\n", me.0, plan.accelerator.name()))?;
    byzlab_node::run_seat(plan)?;
    Ok(Found::Good)
}

/// Sends transactions to a deployment and measures what its clients see
#[derive(Debug, Args)]
pub(super) struct ClientArguments {
    /// The committee file
    #[arg(long, value_name = "FILE")]
    committee: PathBuf,
    /// How many clients, each with a key of its own
    #[arg(long, default_value = "4")]
    clients: NonZeroU16,
    /// Transactions a second of all clients together, whatever comes back (open loop)
    #[arg(long, default_value = "1000", value_name = "TPS")]
    rate: NonZeroU32,
    /// Transactions of each client on the way at once, in place of a rate (closed loop); a million
    /// of all together at most
    #[arg(long, value_name = "N", conflicts_with = "rate")]
    outstanding: Option<NonZeroU32>,
    /// The size of a whole transaction, signature included
    #[arg(long, default_value_t = 512, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(..=TRANSACTION_MAX as i64))]
    transaction_bytes: u32,
    /// How long to send, like 10s or 2m
    #[arg(long, default_value = "10s")]
    duration: Span,
    /// Clients' keys and payloads follow from it [default: another one each time]
    #[arg(long)]
    seed: Option<u64>,
    /// Bytes of a UDP payload
    #[arg(long, default_value_t = UDP_PAYLOAD_ETHERNET, value_parser = clap::value_parser!(u16).range(1200..=6000))]
    udp_payload: u16,
    /// Prints one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

impl ClientArguments {
    /// When each client sends.
    fn arrivals(&self) -> Result<Arrivals> {
        let count = u64::from(self.clients.get());
        let Some(each) = self.outstanding else {
            let gap = Span::ns(count * 1_000_000_000 / u64::from(self.rate.get()));
            return Ok(Arrivals::Open { gap, poisson: true });
        };
        let all = u64::from(each.get()) * count;
        ensure!(
            all <= OUTSTANDING_MAX,
            "--outstanding {each}: {all} transactions of {count} clients on the way at once; \
             {OUTSTANDING_MAX} are possible in all"
        );
        Ok(Arrivals::Closed { outstanding: each.get() })
    }
}

pub(super) fn client(arguments: &ClientArguments, registry: &Registry) -> Result<Found> {
    let deployment = Deployment::read(&arguments.committee, registry)?;
    let count = arguments.clients.get();
    // A client's numbers are never used twice, so a second visit needs other keys.
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seed = arguments.seed.unwrap_or(since_1970.as_nanos() as u64 >> 1);
    let load = Load {
        arrivals: arguments.arrivals()?,
        transaction_bytes: arguments.transaction_bytes,
        keys: 1000,
        from: Time::ZERO,
        until: Time::ZERO + arguments.duration,
        retry: Span::seconds(2),
    };
    let plan = ClientPlan {
        replies: deployment.entry.replies(&deployment.committee),
        recipients: deployment.entry.recipients(),
        committee: deployment.committee.clone(),
        addresses: deployment.addresses,
        accelerator: Arc::new(Reference),
        clients: Clients { count, load },
        seed,
        duration: arguments.duration,
        drain: Span::seconds(5),
        sample: Span::seconds(1),
        udp_payload: arguments.udp_payload,
    };
    let started = Instant::now();
    let shows = io::stderr().is_terminal() && !arguments.json;
    let mut tell = |p: byzlab_node::Progress| {
        if shows {
            eprintln!("{:5.1} s  {} transactions", p.at.as_secs_f64(), p.committed);
        }
    };
    let outcome = byzlab_node::run_client(&plan, &mut tell)?;
    let scheme = match deployment.committee.votes {
        Some(_) => Scheme::Bls,
        None => Scheme::Ed25519,
    };
    let identity = Identity {
        run: 0,
        label: deployment.entry.name.to_owned(),
        point: IndexMap::new(),
        protocol: deployment.entry.name.to_owned(),
        host: "quic".to_owned(),
        nodes: deployment.committee.size() as u16,
        seed,
        client_signatures: deployment.committee.client_signatures,
        scheme: scheme.name().to_owned(),
        durability: None,
        load: (Span::ZERO, arguments.duration),
    };
    let record = Record::of(identity, &outcome, started.elapsed().as_secs_f64());
    let text = match arguments.json {
        true => serde_json::to_string(&record.summary)? + "\n",
        false => table::of_records(std::slice::from_ref(&record)),
    };
    say(&text)?;
    Ok(Found::good_if(record.is_good()))
}
