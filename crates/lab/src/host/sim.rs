//! Cases in simulation.

use std::sync::Arc;

use anyhow::{Context, Result};
use byzlab_core::{Accelerator, Profile, ReplicaId, Time, outcome::Outcome};
use byzlab_sim::{
    Bandwidth, Clients, Delay, Fault, Matrix, MempoolLimit, Mining, Network, Peers, Scenario,
    Stabilisation, Stop, Trace, TraceEvent,
};
use toml::Table;

use super::{Progress, hash_power, load, moment};
use crate::{
    experiment::Case,
    process, profiles,
    record::Checkpoint,
    spec::{self, FaultKind, Host, Latency, LatencyTable},
};

/// The most checkpoints of a trace that a record keeps.
pub const CHECKPOINTS_MAX: usize = 64;

/// Simulates a case.
///
/// # Errors
/// If the simulator refuses the scenario.
pub fn run(
    case: &Case,
    accelerator: Arc<dyn Accelerator>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Outcome, Trace)> {
    let scenario = scenario(case, accelerator)?;
    let mut tell = |p: byzlab_sim::Progress| {
        let share = p.now.as_secs_f64() / p.end.as_secs_f64().max(1e-9);
        progress(Progress { share, transactions: p.transactions });
    };
    Ok(byzlab_sim::run_traced(&scenario, &mut tell)?)
}

/// The checkpoints of a trace that a record keeps: evenly spread, the last one the run's end.
pub fn checkpoints(trace: &Trace) -> Vec<Checkpoint> {
    let stride = trace.points.len().div_ceil(CHECKPOINTS_MAX).max(1);
    let last = trace.points.len().saturating_sub(1);
    let kept = trace.points.iter().enumerate().filter(|(i, _)| i % stride == 0 || *i == last);
    kept.map(|(_, &point)| point.into()).collect()
}

/// Simulates a case again and gives its event number `number`, from 0; none if it ends before.
///
/// # Errors
/// As [`run`].
pub fn event(
    case: &Case,
    accelerator: Arc<dyn Accelerator>,
    number: u64,
) -> Result<Option<TraceEvent>> {
    let mut scenario = scenario(case, accelerator)?;
    scenario.window = Some(number..number + 1);
    let (_, trace) = byzlab_sim::run_traced(&scenario, &mut |_| {})?;
    Ok(trace.window.first().copied())
}

/// The scenario that a case describes.
///
/// # Errors
/// If a latency table cannot be read.
pub fn scenario(case: &Case, accelerator: Arc<dyn Accelerator>) -> Result<Scenario> {
    let spec = &case.spec;
    let mut scenario = Scenario::new(case.entry, spec.cluster.nodes, case.seed);
    scenario.params = case.params.clone();
    scenario.scheme = spec.cluster.scheme;
    scenario.client_signatures = spec.cluster.client_signatures;
    scenario.network = network(&spec.network)?;
    scenario.cpu = spec.cpu.model();
    scenario.proving = proving(&spec.accelerator)?;
    scenario.clients = Clients { count: spec.load.clients.into(), load: load(spec) };
    scenario.mining = Mining { hash_power: hash_power(spec) };
    scenario.faults = faults(case)?;
    let spec::Stop { after, blocks, transactions } = spec.stop;
    scenario.stop = Stop { after, blocks, transactions };
    scenario.sample = spec.sample;
    let spec::Mempool { transactions, bytes } = spec.mempool;
    scenario.mempool = MempoolLimit { transactions, bytes };
    scenario.progress_within = spec.check.progress_within;
    scenario.accelerator = accelerator;
    Ok(scenario)
}

/// The machine whose cost is charged for proving, if one is named.
fn proving(spec: &spec::Accelerator) -> Result<Option<Arc<Profile>>> {
    let Some(name) = &spec.model else { return Ok(None) };
    let profile = spec.profiles.get(name).cloned().or_else(|| profiles::builtin(name));
    Ok(Some(Arc::new(profile.with_context(|| format!("no machine is called `{name}`"))?)))
}

fn network(spec: &spec::Network) -> Result<Network> {
    let bandwidth = Bandwidth { up: spec.up_bits_per_second, down: spec.down_bits_per_second };
    Ok(Network {
        delay: delay(&spec.latency).map_err(anyhow::Error::msg).context("in [network]")?,
        jitter: spec.jitter,
        bandwidth,
        loss_ppm: spec.loss_ppm,
        stabilises: spec
            .stabilises
            .as_ref()
            .map(|gst| Stabilisation { at: moment(gst.at), delay: gst.latency }),
        peers: spec.peers.map_or(Peers::All, |degree| Peers::Regular { degree }),
    })
}

/// The delays that a latency means.
pub(crate) fn delay(latency: &Latency) -> Result<Delay, String> {
    let table = match latency {
        Latency::Constant(span) => return Ok(Delay::Constant(*span)),
        Latency::Table(table) => table,
    };
    let LatencyTable { low, high, matrix, table, measure, replicas, clients } = &**table;
    let matrix = match (low, high, matrix, table, measure) {
        (Some(low), Some(high), None, None, None) if replicas.is_empty() && clients.is_empty() => {
            if low > high {
                return Err(format!("from {low} to {high} is no range"));
            }
            return Ok(Delay::Range { low: *low, high: *high });
        }
        (None, None, Some(name), None, None) => Matrix::builtin(name).map_err(|e| e.to_string())?,
        (None, None, None, Some(text), Some(measure)) => {
            Matrix::parse(text, (*measure).into()).map_err(|e| format!("in the table, {e}"))?
        }
        _ => {
            return Err("a latency that is not constant has `low` and `high`, or `matrix`, or \
                        `table` and `measure`"
                .into());
        }
    };
    let indices = |names: &[String]| -> Result<Vec<u16>, String> {
        names.iter().map(|name| region(&matrix, name)).collect()
    };
    let replicas = match &replicas[..] {
        [] => (0..matrix.regions().len() as u16).collect(),
        named => indices(named)?,
    };
    let clients = indices(clients)?;
    Ok(Delay::Regions { matrix: Arc::new(matrix), replicas, clients })
}

fn region(matrix: &Matrix, name: &str) -> Result<u16, String> {
    matrix.region(name).ok_or_else(|| {
        format!("there is no region `{name}`; there are {}", matrix.regions().join(", "))
    })
}

fn faults(case: &Case) -> Result<Vec<Fault>> {
    let (spec, cluster) = (&case.spec, &case.spec.cluster);
    let always = || Time::ZERO..Time::NEVER;
    let silent = |&id: &u16| Fault::Silent { replica: ReplicaId(id), during: always() };
    let reshuffle = cluster.twins_reshuffle;
    let twins = |&id: &u16| Fault::Twins { replica: ReplicaId(id), reshuffle };
    let standing = cluster.silent.iter().map(silent).chain(cluster.twins.iter().map(twins));
    let mut faults: Vec<Fault> = standing.collect();
    for fault in spec.fault.iter().filter(|fault| fault.is_for(Host::Sim)) {
        faults.extend(one_fault(case, fault)?);
    }
    Ok(faults)
}

fn one_fault(case: &Case, fault: &spec::Fault) -> Result<Vec<Fault>> {
    let at = moment(fault.at);
    let during = at..fault.until.map_or(Time::NEVER, moment);
    if fault.kind == FaultKind::Partition {
        let ids = |group: &Vec<u16>| group.iter().map(|&id| ReplicaId(id)).collect();
        let groups = fault.groups.iter().flatten().map(ids).collect();
        return Ok(vec![Fault::Partition { groups, during }]);
    }
    if fault.kind == FaultKind::Hunt {
        return Ok(vec![Fault::Hunt { during, by: fault.by.unwrap_or_default() }]);
    }
    let each = fault.replicas().iter().map(|&id| {
        let replica = ReplicaId(id);
        Ok(match fault.kind {
            FaultKind::Crash => Fault::Crash { replica, at },
            FaultKind::Restart => Fault::Restart { replica, at },
            FaultKind::Silent => Fault::Silent { replica, during: during.clone() },
            FaultKind::Slow => {
                let factor = fault.factor.unwrap_or(1);
                Fault::Slow { replica, during: during.clone(), factor }
            }
            FaultKind::Attack => attack(case, replica, fault)?,
            FaultKind::Tamper | FaultKind::Partition | FaultKind::Hunt => {
                anyhow::bail!("a fault that is impossible here")
            }
        })
    });
    each.collect()
}

fn attack(case: &Case, replica: ReplicaId, fault: &spec::Fault) -> Result<Fault> {
    let mut params: Table = fault.protocol.clone().unwrap_or_default();
    params.remove("label");
    process::name_it(&mut params);
    let name = params.remove("name");
    let name = name.as_ref().and_then(toml::Value::as_str).unwrap_or_default();
    let entry = case.registry.find(name)?;
    Ok(Fault::Attack { replica, entry, params })
}
