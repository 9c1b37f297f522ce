//! The four ways into this crate.

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use byzlab_core::{
    Accelerator, Height, Registry, Span, Time, View,
    outcome::{Outcome, Sample},
};

use crate::{
    client::Crowd,
    clock::Clock,
    cluster,
    plan::{ClientPlan, ClusterPlan, NodeError, Progress, SeatPlan},
    seat,
};

/// How long the first answer of a replica may take.
const ANSWER_MAX: Span = Span::seconds(10);
/// How often it is looked whether something has come to pass.
const LOOK: Duration = Duration::from_millis(10);

/// Runs a whole cluster with its clients; blocks until it is over. `progress` hears from it once a
/// sample.
///
/// # Errors
/// A plan that contradicts itself, an unusable folder, a failing disk. What the *cluster* does wrong
/// is no error but a violation in the outcome.
pub fn run_cluster(
    plan: &ClusterPlan,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, NodeError> {
    cluster::run(plan, progress)
}

/// Runs one replica until SIGINT or SIGTERM, and then ends it in order.
///
/// # Errors
/// A busy port, a missing folder, a wrong key, a failing disk.
pub fn run_seat(plan: SeatPlan) -> Result<(), NodeError> {
    let runtime = seat::runtime(1)?;
    let running = seat::start(&plan)?;
    tracing::info!(me = %plan.me, height = %running.recovered.head.height, "running");
    runtime.block_on(async {
        let signal = signal();
        tokio::pin!(signal);
        loop {
            tokio::select! {
                result = &mut signal => return result,
                () = tokio::time::sleep(LOOK * 10) => if running.has_ended() { return Ok(()) },
            }
        }
    })?;
    running.stop()?;
    tracing::info!(me = %plan.me, "ended");
    Ok(())
}

/// Comes back when the process is asked to end.
async fn signal() -> Result<(), NodeError> {
    let error = |error| NodeError::Io { doing: "listen for signals".into(), error };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(error)?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result.map_err(error),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(error)
}

/// Runs clients against a deployment; blocks until they are done. Of the outcome, only what clients
/// see is filled in.
///
/// # Errors
/// If no replica answers.
pub fn run_client(
    plan: &ClientPlan,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, NodeError> {
    let crowd = Crowd::start(plan)?;
    let start = Instant::now();
    while crowd.connected() < plan.committee.size() {
        // Those that are up must do, if there are any.
        if start.elapsed() > ANSWER_MAX.to_std() / 4 && crowd.connected() > 0 {
            break;
        }
        if start.elapsed() > ANSWER_MAX.to_std() {
            return Err(NodeError::NobodyAnswers(ANSWER_MAX));
        }
        thread::sleep(LOOK);
    }
    let clock = Clock::start();
    crowd.go(clock);
    let (end, last) = (Time::ZERO + plan.duration, Time::ZERO + plan.duration + plan.drain);
    let (mut timeline, mut committed) = (Vec::new(), 0);
    let mut at = Time::ZERO;
    while at < end || (at < last && crowd.outstanding() > 0) {
        at = (at + plan.sample).min(if at < end { end } else { last });
        thread::sleep(at.since(clock.now()).to_std());
        let seen = crowd.look();
        let (count, p50) = (seen.interval.0.len(), seen.interval.quantile(0.5));
        committed += count;
        timeline.push(Sample { at, committed: count, p50, heights: Vec::new() });
        progress(Progress { at, duration: plan.duration, committed, heights: Vec::new() });
    }
    let seen = crowd.end();
    let outstanding = ("transactions_outstanding".to_owned(), seen.outstanding as f64);
    Ok(Outcome {
        duration: clock.now().since(Time::ZERO),
        committed_blocks: seen.height.max(Height::GENESIS).0,
        submitted: seen.submitted,
        traffic: BTreeMap::new(),
        signatures_checked: 0,
        events: 0,
        view_changes: 0,
        highest_view: View(0),
        violations: Vec::new(),
        trace_digest: None,
        heads: Vec::new(),
        producers: BTreeMap::new(),
        marks: Vec::new(),
        timeline,
        notes: BTreeMap::new(),
        cpu: crate::cpu::used_here(),
        accelerator: String::new(),
        figures: BTreeMap::from([outstanding]),
        latency: seen.latency,
    })
}

/// Runs one replica of a cluster in [`Processes`](crate::plan::Mode::Processes) mode: takes its
/// plan from stdin, reports on stdout, and ends in order when stdin does. Nothing else may be
/// written to stdout.
///
/// # Errors
/// As [`run_seat`]; and an unknown protocol.
pub fn run_supervised(
    registry: &Registry,
    accelerator: Arc<dyn Accelerator>,
) -> Result<(), NodeError> {
    cluster::process::supervised(registry, accelerator)
}
