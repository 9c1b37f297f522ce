//! Cases on a real cluster over QUIC, on this machine.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::SystemTime,
};

use anyhow::{Context, Result};
use byzlab_core::{
    Accelerator, Committee, ReplicaId, Scheme, Signer, Span, crypto::coin::Dealt, outcome::Outcome,
};
use byzlab_node::plan::{
    CHAIN_LABEL, Clients, ClusterPlan, Fault, FaultKind as Kind, MempoolBounds, Mining, Mode,
};

use super::{Progress, hash_power, load, moment};
use crate::{
    deployment::{CommitteeFile, Place},
    experiment::Case,
    spec::{self, FaultKind, Host},
};

/// The arguments that make this program one replica of a cluster in several processes.
fn supervised(spec: &spec::Accelerator) -> Vec<String> {
    let mut arguments = vec!["seat".to_owned(), "--supervised".to_owned()];
    arguments.push(format!("--accelerator={}", spec.kind.name()));
    arguments.extend(spec.threads.map(|threads| format!("--threads={threads}")));
    arguments
}

/// Runs a case; replicas keep their folders in `scratch`, which is removed afterwards.
///
/// # Errors
/// If the cluster cannot be set up, or a disk fails.
pub fn run(
    case: &Case,
    accelerator: Arc<dyn Accelerator>,
    scratch: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome> {
    fs::create_dir_all(scratch)
        .with_context(|| format!("cannot create the folder {}", scratch.display()))?;
    let plan = plan(case, accelerator, scratch)?;
    let mut tell = |p: byzlab_node::Progress| {
        let share = p.at.as_secs_f64() / p.duration.as_secs_f64().max(1e-9);
        progress(Progress { share, transactions: p.committed });
    };
    let outcome = byzlab_node::run_cluster(&plan, &mut tell);
    if case.spec.quic.keep_ledgers {
        let file = toml::to_string(&committee(case)).context("a committee is TOML")?;
        fs::write(scratch.join("committee.toml"), file).context("cannot write committee.toml")?;
    } else {
        // What cannot be removed only takes room; the run is good all the same.
        let _ = fs::remove_dir_all(scratch);
    }
    let mut outcome = outcome?;
    // Records travel; where the folder lay is nobody's business.
    let place = format!("{}/", scratch.display());
    outcome.marks.iter_mut().for_each(|mark| mark.what = mark.what.replace(&place, ""));
    Ok(outcome)
}

/// The committee of a run that is over, for `byzlab ledger verify`: its addresses are gone.
fn committee(case: &Case) -> CommitteeFile {
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let place = |i| {
        let signer = Signer::seeded(scheme(&case.spec), case.seed, &format!("replica/{i}"));
        let (vote_key, possession) = signer.vote_key().unzip();
        Place { key: signer.public(), vote_key, possession, peers: nowhere, clients: nowhere }
    };
    let mut protocol = toml::Table::new();
    protocol.insert("name".into(), case.entry.name.into());
    protocol.extend(case.params.clone());
    let replica: Vec<Place> = (0..case.spec.cluster.nodes).map(place).collect();
    CommitteeFile {
        label: CHAIN_LABEL.to_owned(),
        epoch: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        client_signatures: case.spec.cluster.client_signatures,
        protocol,
        coin: coin(case, &replica),
        replica,
    }
}

/// The coin that they tossed, if they did.
fn coin(case: &Case, replicas: &[Place]) -> Option<Dealt> {
    let keys = replicas.iter().map(|place| place.key).collect();
    let committee = Committee::new(CHAIN_LABEL, keys, false);
    let committee = case.entry.equip(committee, &case.params, scheme(&case.spec), case.seed);
    committee.ok()?.coin?.dealt().cloned()
}

/// The cluster that a case describes.
///
/// # Errors
/// If this program cannot find itself, which replicas in processes of their own need.
pub fn plan(case: &Case, accelerator: Arc<dyn Accelerator>, dir: &Path) -> Result<ClusterPlan> {
    let spec = &case.spec;
    let until = spec.load.until.unwrap_or(spec.stop.after);
    let mut plan = ClusterPlan::new(case.entry, spec.cluster.nodes, dir.to_owned(), accelerator);
    plan.params = case.params.clone();
    plan.seed = case.seed;
    plan.scheme = scheme(spec);
    plan.client_signatures = spec.cluster.client_signatures;
    plan.clients = Clients { count: spec.load.clients, load: load(spec) };
    plan.mining = Mining { hash_power: hash_power(spec) };
    plan.faults = spec.fault.iter().filter(|f| f.is_for(Host::Quic)).flat_map(faults).collect();
    plan.durability = spec.quic.durability;
    plan.duration = until;
    plan.drain = Span(spec.stop.after.0.saturating_sub(until.0));
    plan.sample = spec.sample;
    let spec::Mempool { transactions, bytes } = spec.mempool;
    plan.mempool = MempoolBounds { transactions, bytes };
    plan.udp_payload = spec.quic.udp_payload;
    if spec.quic.processes {
        let program = env::current_exe().context("this program cannot find itself")?;
        plan.mode = Mode::Processes { program, arguments: supervised(&spec.accelerator) };
    }
    Ok(plan)
}

/// How replicas sign on a real cluster: really.
pub(crate) fn scheme(spec: &spec::Spec) -> Scheme {
    match spec.cluster.scheme {
        Scheme::Bls => Scheme::Bls,
        Scheme::Ed25519 | Scheme::Simulated => Scheme::Ed25519,
    }
}

fn faults(fault: &spec::Fault) -> Vec<Fault> {
    let kind = match fault.kind {
        FaultKind::Crash => Kind::Kill,
        FaultKind::Restart => Kind::Restart,
        FaultKind::Tamper => Kind::Tamper,
        FaultKind::Silent
        | FaultKind::Partition
        | FaultKind::Slow
        | FaultKind::Hunt
        | FaultKind::Attack => {
            unreachable!("an experiment with such a fault here is refused")
        }
    };
    let at = moment(fault.at);
    fault.replicas().iter().map(|&id| Fault { at, replica: ReplicaId(id), kind }).collect()
}
