//! Cases on a real cluster over QUIC, on this machine.

use std::{env, fs, path::Path, sync::Arc};

use anyhow::{Context, Result};
use byzlab_core::{Accelerator, ReplicaId, Span, outcome::Outcome};
use byzlab_node::plan::{
    Clients, ClusterPlan, Fault, FaultKind as Kind, MempoolBounds, Mining, Mode,
};

use super::{Progress, hash_power, load, moment};
use crate::{
    experiment::Case,
    spec::{self, FaultKind, Host},
};

/// The arguments that make this program one replica of a cluster in several processes.
pub const SUPERVISED: [&str; 2] = ["seat", "--supervised"];

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
    if !case.spec.quic.keep_ledgers {
        // What cannot be removed only takes room; the run is good all the same.
        let _ = fs::remove_dir_all(scratch);
    }
    Ok(outcome?)
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
        let arguments = SUPERVISED.map(str::to_owned).to_vec();
        plan.mode = Mode::Processes { program, arguments };
    }
    Ok(plan)
}

fn faults(fault: &spec::Fault) -> Vec<Fault> {
    let kind = match fault.kind {
        FaultKind::Crash => Kind::Kill,
        FaultKind::Restart => Kind::Restart,
        FaultKind::Tamper => Kind::Tamper,
        FaultKind::Silent | FaultKind::Partition | FaultKind::Slow | FaultKind::Attack => {
            unreachable!("an experiment with such a fault here is refused")
        }
    };
    let at = moment(fault.at);
    fault.replicas().iter().map(|&id| Fault { at, replica: ReplicaId(id), kind }).collect()
}
