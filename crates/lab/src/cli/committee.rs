//! `byzlab committee`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use byzlab_core::{Committee, PublicKey, Registry, crypto::coin::Dealt};
use clap::{Args, ValueEnum};
use toml::{Table, Value};

use super::{Found, say};
use crate::{
    deployment::{CommitteeFile, Deployment, Place, public_key, vote_key, write_new},
    process,
    spec::Edit,
    trial,
};

/// Makes the committee file of a deployment from public keys and addresses
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  byzlab committee --protocol pbft \\\n    \
    0.key.pub@127.0.0.1:7000 1.key.pub@127.0.0.1:7010 \\\n    \
    2.key.pub@127.0.0.1:7020 3.key.pub@127.0.0.1:7030 > committee.toml")]
pub(super) struct Arguments {
    /// KEY@ADDRESS[,ADDRESS]: a public key, or the file that holds it; where peers reach the replica by
    /// UDP; and where clients do [default: one port higher]. In order of replica
    #[arg(required = true, value_name = "REPLICA")]
    replicas: Vec<String>,
    /// The protocol
    #[arg(long)]
    protocol: String,
    /// Sets a parameter of the protocol
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// How replicas sign; by BLS, certificates are one signature, and keys are given as files
    #[arg(long, value_enum, default_value_t = Scheme::Ed25519)]
    scheme: Scheme,
    /// Names the chain
    #[arg(long, default_value = "byzlab")]
    label: String,
    /// Lets clients send transactions without signatures
    #[arg(long)]
    unsigned_clients: bool,
    /// Where to write; must not exist [default: to stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scheme {
    Ed25519,
    Bls,
}

pub(super) fn committee(arguments: &Arguments, registry: &Registry) -> Result<Found> {
    if let Some(out) = &arguments.out {
        let name = out.display();
        ensure!(
            !out.exists(),
            "{name} exists; a committee is never overwritten, its chain with it"
        );
    }
    let mut protocol = Table::new();
    let name = Value::from(arguments.protocol.clone());
    protocol.insert("name".into(), name.clone());
    for set in &arguments.set {
        Edit::parse(set)?.apply(&mut protocol)?;
        ensure!(
            protocol["name"] == name,
            "--set {set}: the protocol is {name}, by --protocol, which alone says so"
        );
    }
    let places: Result<Vec<Place>> =
        arguments.replicas.iter().map(|text| place(text, arguments.scheme)).collect();
    let places = places?;
    let mut file = CommitteeFile {
        label: arguments.label.clone(),
        epoch: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        client_signatures: !arguments.unsigned_clients,
        protocol,
        replica: places,
        coin: None,
    };
    file.coin = coin(&file, registry)?;
    let text = toml::to_string(&file).context("cannot write the committee as TOML")?;
    take_a_seat(&Deployment::of(file, registry)?)?;
    let Some(out) = &arguments.out else { return say(&text) };
    write_new(out, &text, false)?;
    Ok(Found::Good)
}

/// Sees to it that a replica can take its seat: a protocol may refuse parameters that are each right alone, or so
/// few replicas. Programs are started where their replicas are, and are not tried here.
fn take_a_seat(deployment: &Deployment) -> Result<()> {
    let Deployment { entry, params, committee, .. } = deployment;
    if entry.name == process::ENTRY.name {
        let program = params.get("process").and_then(Value::as_array);
        ensure!(
            program.is_some_and(|words| !words.is_empty()),
            "`{}` needs a program: --set 'process=[\"python3\", \"mine.py\"]'",
            entry.name
        );
        return Ok(());
    }
    let size = committee.size() as u16;
    trial::seat(entry, params, size, committee.client_signatures)
        .map_err(|e| anyhow!("`{}` cannot take its seats: {e}", entry.name))
}

/// The coin that the replicas of `file` toss, if its protocol does: dealt here, its secret written nowhere.
fn coin(file: &CommitteeFile, registry: &Registry) -> Result<Option<Dealt>> {
    let mut params = file.protocol.clone();
    let Some(Value::String(name)) = params.remove("name") else { return Ok(None) };
    // What is wrong with the rest is told when the file is read back.
    if !registry.find(&name).and_then(|entry| entry.tosses(&params)).unwrap_or(false) {
        return Ok(None);
    }
    let keys: Vec<PublicKey> = file.replica.iter().map(|place| place.key).collect();
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).context("the system gives no randomness")?;
    let threshold = Committee::new(&file.label, keys.clone(), false).one_honest();
    Ok(Some(Dealt::new(&secret, threshold, &keys)?))
}

fn place(text: &str, scheme: Scheme) -> Result<Place> {
    let (key, addresses) = text
        .rsplit_once('@')
        .with_context(|| format!("`{text}` is no KEY@ADDRESS, like 0.key.pub@127.0.0.1:7000"))?;
    let address = |text: &str| {
        let address: SocketAddr = text
            .parse()
            .with_context(|| format!("`{text}` is no address and port, like 127.0.0.1:7000"))?;
        let (ip, port) = (address.ip(), address.port());
        ensure!(
            port != 0 && !ip.is_unspecified() && !ip.is_multicast(),
            "`{text}` is no address that others can reach, like 192.0.2.1:7000; \
             a replica that listens elsewhere says so by `byzlab seat --listen-peers`"
        );
        Ok(address)
    };
    let (peers, clients) = match addresses.split_once(',') {
        Some((peers, clients)) => (address(peers)?, address(clients)?),
        None => {
            let peers = address(addresses)?;
            let mut clients = peers;
            ensure!(peers.port() < u16::MAX, "no port is higher than that of {peers}");
            clients.set_port(peers.port() + 1);
            (peers, clients)
        }
    };
    let name = public_key(key)?;
    let votes = match scheme {
        Scheme::Ed25519 => None,
        Scheme::Bls => Some(vote_key(Path::new(key))?),
    };
    let (vote_key, possession) = votes.unzip();
    Ok(Place { key: name, vote_key, possession, peers, clients })
}
