//! The cluster, the simulated world around it, and the real one.

use byzlab_accel::THREADS_MAX;
use byzlab_core::{Span, theory::Timing};

use super::{Checked, Chosen, Wrong, distinct, ensure, in_range};
use crate::{
    profiles,
    spec::{Host, Latency, Network, Spec},
};

/// All messages of a million.
const MILLION: u32 = 1_000_000;

pub(super) fn check_cluster(spec: &Spec) -> Checked {
    let cluster = &spec.cluster;
    ensure(cluster.nodes > 0, &["cluster", "nodes"], || "there must be a replica".into())?;
    for (key, replicas) in [("silent", &cluster.silent), ("twins", &cluster.twins)] {
        in_range(spec, replicas, &["cluster", key])?;
        distinct(replicas, &["cluster", key])?;
        ensure(
            replicas.is_empty() || !spec.host.0.contains(&Host::Quic),
            &["cluster", key],
            || format!("`{key}` is possible in simulation only"),
        )?;
    }
    let both = cluster.twins.iter().find(|id| cluster.silent.contains(id));
    ensure(both.is_none(), &["cluster", "twins"], || {
        let id = both.copied().unwrap_or_default();
        format!("replica {id} is silent, so its twins would say nothing: choose one of the two")
    })?;
    ensure(cluster.twins_reshuffle != Some(Span::ZERO), &["cluster", "twins_reshuffle"], || {
        "the parts cannot be drawn anew every 0 s; without `twins_reshuffle` they never are".into()
    })?;
    let powers = spec.mining.hash_power.0.len();
    ensure(powers == 1 || powers == usize::from(cluster.nodes), &["mining", "hash_power"], || {
        format!("{powers} hash powers for {} replicas: give one, or one each", cluster.nodes)
    })
}

/// Where a protocol mines, somebody must.
pub(super) fn check_mining(spec: &Spec, chosen: &[Chosen]) -> Checked {
    let mines = |protocol: &&Chosen| {
        protocol.entry.theories.iter().any(|theory| matches!(theory.timing, Timing::Mined { .. }))
    };
    let Some(miner) = chosen.iter().find(mines) else { return Ok(()) };
    ensure(
        spec.mining.hash_power.0.iter().any(|&power| power > 0),
        &["mining", "hash_power"],
        || format!("`{}` mines, and at 0 hashes a second nobody finds a block", miner.label),
    )
}

pub(super) fn check_network(spec: &Spec) -> Checked {
    let network = &spec.network;
    crate::host::sim::delay(&network.latency)
        .map(|_| ())
        .map_err(|why| Wrong::new(&["network", "latency"], why))?;
    let jitter = matches!(network.latency, Latency::Constant(_)) || network.jitter.is_zero();
    ensure(jitter || network.jitter < Span::seconds(3600), &["network", "jitter"], || {
        "jitter of an hour".into()
    })?;
    let links = [
        ("up_bits_per_second", network.up_bits_per_second),
        ("down_bits_per_second", network.down_bits_per_second),
    ];
    for (key, bits) in links {
        ensure(bits != Some(0), &["network", key], || {
            format!("a link of 0 bits a second carries nothing; one without `{key}` has no limit")
        })?;
    }
    ensure(network.loss_ppm <= MILLION, &["network", "loss_ppm"], || {
        format!("of a million messages, {} cannot be lost", network.loss_ppm)
    })?;
    check_peers(network, spec.cluster.nodes)?;
    ensure(spec.check.progress_within != Some(Span::ZERO), &["check", "progress_within"], || {
        "nothing commits within 0 s; without `progress_within` a run may stall as it likes".into()
    })
}

/// A connected regular graph: of degree 1 there is but a pair.
fn check_peers(network: &Network, nodes: u16) -> Checked {
    let Some(degree) = network.peers else { return Ok(()) };
    let (n, d) = (u32::from(nodes), u32::from(degree));
    let least = if n == 2 { 1 } else { 2 };
    ensure(n >= 2, &["network", "peers"], || "one replica has no peers".into())?;
    ensure(d >= least && d < n && n * d % 2 == 0, &["network", "peers"], || {
        let even = if n % 2 == 0 { "" } else { ", if even" };
        format!("`peers = {d}` joins no {n} replicas in one graph: {least} to {} can{even}", n - 1)
    })
}

pub(super) fn check_hosts(spec: &Spec) -> Checked {
    if !spec.host.0.contains(&Host::Quic) {
        return Ok(());
    }
    let stop = &spec.stop;
    let only = |key: &str| format!("`{key}` ends a run in simulation only");
    ensure(stop.blocks.is_none(), &["stop", "blocks"], || only("blocks"))?;
    ensure(stop.transactions.is_none(), &["stop", "transactions"], || only("transactions"))?;
    let payload = spec.quic.udp_payload;
    ensure((1200..=6000).contains(&payload), &["quic", "udp_payload"], || {
        format!("a payload of {payload} bytes; 1200 to 6000 are possible")
    })
}

pub(super) fn check_model(spec: &Spec) -> Checked {
    let threads = spec.accelerator.threads;
    ensure(threads.is_none_or(|n| n.get() <= THREADS_MAX), &["accelerator", "threads"], || {
        format!("an accelerator has {THREADS_MAX} threads at most")
    })?;
    let Some(name) = &spec.accelerator.model else { return Ok(()) };
    let known = spec.accelerator.profiles.contains_key(name) || profiles::builtin(name).is_some();
    ensure(known, &["accelerator", "model"], || {
        format!("no machine is called `{name}`: there are {}", profiles::known())
    })
}
