//! A Prometheus text page: what a seat counts, at `/metrics`.

use std::{fmt::Write as _, net::SocketAddr};

use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use byzlab_core::{ReplicaId, Task, Usage, usage::Done};
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{
    counters::{Counters, WIDTH_BOUNDS, WIDTHS},
    plan::NodeError,
    seat::View,
};

/// Listens at `address`.
pub(crate) fn bind(runtime: &Runtime, address: SocketAddr) -> Result<TcpListener, NodeError> {
    runtime.block_on(TcpListener::bind(address)).map_err(|error| NodeError::Bind { address, error })
}

/// Serves the page for as long as the runtime lives.
pub(crate) async fn serve(listener: TcpListener, me: ReplicaId, view: View) {
    let answer = move || async move {
        let page = page(me, &view.accelerator(), &view.counters());
        ([(CONTENT_TYPE, "text/plain; version=0.0.4")], page)
    };
    let router = Router::new().route("/metrics", get(answer));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%me, %error, "the metrics page is gone");
    }
}

/// The counters as text, in the exposition format of Prometheus; `accelerator` is what proves claims.
pub fn page(me: ReplicaId, accelerator: &str, counters: &Counters) -> String {
    let c = counters;
    let gauges = [
        ("height", "The ledger's height.", c.height.0),
        ("view", "The view, where the protocol has views.", c.view.0),
        ("mempool_transactions", "Transactions that wait.", c.waiting),
        ("mempool_bytes", "Bytes of transactions that wait.", c.waiting_bytes),
        ("queued_bytes", "Bytes that wait to be sent to peers.", c.queued_bytes),
        ("peers", "Peers whose link stands.", c.peers),
        ("client_connections", "Connections of clients.", c.connections),
    ];
    let counts = [
        ("executed_transactions_total", "Transactions executed.", c.executed),
        ("refused_transactions_total", "Bad signature, other chain, or no room.", c.refused),
        ("forwarded_transactions_total", "Transactions sent on to the leader.", c.forwarded),
        ("batches_total", "Batches made for proposals.", c.batches),
        ("batched_transactions_total", "Transactions in them.", c.batched),
        ("events_total", "Events that the replica handled.", c.events),
        ("view_changes_total", "Views given up.", c.view_changes),
        ("reverts_total", "Times that commits were taken back.", c.reverts.len() as u64),
        ("signatures_checked_total", "Signatures proven.", c.signatures_checked),
        ("claims_remembered_total", "Claims that had been proven before.", c.remembered),
        ("proof_batches_total", "Calls that proved claims.", c.proof_batches),
        ("proof_jobs_total", "Messages and frames whose claims were judged.", c.proof_jobs),
        ("log_groups_total", "Groups written to the disk.", c.groups),
        ("log_bytes_total", "Bytes written to the disk.", c.disk_bytes),
        ("syncs_total", "Calls to sync a file.", c.syncs),
        ("dropped_messages_total", "Dropped: the peer was away or slow.", c.dropped),
        ("malformed_total", "Connections closed for senseless bytes.", c.malformed),
        ("strangers_total", "Handshakes refused for their key.", c.strangers),
        ("packets_lost_total", "Packets that QUIC sent again.", c.packets_lost),
    ];
    let mut page = Page { text: String::new(), me };
    for (name, help, value) in gauges {
        page.family(name, "gauge", help, &[(String::new(), value.to_string())]);
    }
    for (name, help, value) in counts {
        page.family(name, "counter", help, &[(String::new(), value.to_string())]);
    }
    let seconds = |ns: u64| vec![(String::new(), format!("{:.6}", ns as f64 / 1e9))];
    page.family("sync_seconds_total", "counter", "Time spent syncing.", &seconds(c.syncing_ns));
    let waited = seconds(c.proof_wait_ns);
    page.family(
        "proof_wait_seconds_total",
        "counter",
        "Time that jobs waited for a verdict.",
        &waited,
    );
    proving(&mut page, accelerator, c);
    let traffic = |value: fn(&byzlab_core::outcome::Traffic) -> u64| -> Vec<_> {
        let line = |(kind, traffic)| (format!(",kind=\"{kind}\""), value(traffic).to_string());
        c.traffic.iter().map(line).collect()
    };
    page.family("messages_total", "counter", "Messages sent to peers.", &traffic(|t| t.messages));
    page.family("message_bytes_total", "counter", "Bytes of them.", &traffic(|t| t.bytes));
    let notes = c.notes.iter().map(|(label, count)| {
        (format!(",note=\"{}\"", label.replace(['"', '\\'], "'")), count.to_string())
    });
    page.family("notes_total", "counter", "Notes of the protocol.", &notes.collect::<Vec<_>>());
    page.text
}

/// A page that is being written.
struct Page {
    text: String,
    me: ReplicaId,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP byzlab_{name} {help}\n# TYPE byzlab_{name} {kind}");
    }
    fn line(&mut self, name: &str, labels: &str, value: &str) {
        let _ = writeln!(self.text, "byzlab_{name}{{replica=\"{}\"{labels}}} {value}", self.me.0);
    }
    /// A metric: its lines' further labels, and their values.
    fn family(&mut self, name: &str, kind: &str, help: &str, lines: &[(String, String)]) {
        self.head(name, kind, help);
        lines.iter().for_each(|(labels, value)| self.line(name, labels, value));
    }
    /// A histogram with the bounds of [`WIDTH_BOUNDS`].
    fn histogram(&mut self, name: &str, help: &str, classes: &[u64; WIDTHS], sum: u64) {
        self.head(name, "histogram", help);
        let bounds = WIDTH_BOUNDS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        let mut below = 0;
        for (bound, count) in bounds.zip(classes) {
            below += count;
            let labels = format!(",le=\"{bound}\"");
            self.line(&format!("{name}_bucket"), &labels, &below.to_string());
        }
        self.line(&format!("{name}_sum"), "", &sum.to_string());
        self.line(&format!("{name}_count"), "", &below.to_string());
    }
}

/// What an accelerator is asked for, and what it has done. Replicas of one process share one.
fn proving(page: &mut Page, accelerator: &str, c: &Counters) {
    let name = accelerator.replace(['"', '\\', '\n'], "'");
    let info = [(format!(",name=\"{name}\""), "1".to_owned())];
    page.family("accelerator_info", "gauge", "What proves claims, hashes and mines.", &info);
    let help = "Claims of the calls that proved them.";
    page.histogram("proof_batch_claims", help, &c.proof_widths, c.proof_claims);
    let done = &c.accelerator;
    let help = "Calls by kind of work and by who did it.";
    page.family("accelerator_calls_total", "counter", help, &by_side(done, |d| d.calls));
    let help = "Signatures, aggregates, seals, messages, leaves, nonces, by who did them.";
    page.family("accelerator_items_total", "counter", help, &by_side(done, |d| d.items));
    if done.has_gpu {
        shares(page, done);
    }
    for (name, help, value) in [
        ("accelerator_rechecked_total", "Answers of the GPU compared.", done.rechecked),
        ("accelerator_mismatches_total", "Wrong answers of the GPU.", done.mismatches),
        ("accelerator_lost_total", "Times that the GPU was lost.", done.lost),
        ("accelerator_reopened_total", "Times that it was opened again.", done.reopened),
    ] {
        page.family(name, "counter", help, &[(String::new(), value.to_string())]);
    }
}

/// A line for each kind of work and each side that there is.
fn by_side(done: &Usage, of: fn(Done) -> u64) -> Vec<(String, String)> {
    let line = |task: Task, side: &str, count: u64| {
        (format!(",work=\"{}\",side=\"{side}\"", task.name()), count.to_string())
    };
    let mut lines = Vec::new();
    for task in Task::ALL {
        lines.push(line(task, "cpu", of(done.cpu.of(task))));
        if done.has_gpu {
            lines.push(line(task, "gpu", of(done.gpu.of(task))));
        }
    }
    lines
}

/// Of a GPU: what it did of everything, and what it did not do though it should have.
fn shares(page: &mut Page, done: &Usage) {
    let of = |task: Task, value: String| (format!(",work=\"{}\"", task.name()), value);
    let shares = Task::ALL
        .into_iter()
        .filter_map(|task| done.gpu_share(task).map(|share| of(task, format!("{share:.6}"))));
    let help = "The share of items that the GPU did.";
    page.family("accelerator_gpu_share", "gauge", help, &shares.collect::<Vec<_>>());
    let taken = Task::ALL.map(|task| of(task, done.taken_over.of(task).items.to_string()));
    let help = "Items that the CPU did for the GPU.";
    page.family("accelerator_taken_over_total", "counter", help, &taken);
    let seconds = [(String::new(), format!("{:.6}", done.gpu_ns as f64 / 1e9))];
    page.family("accelerator_gpu_seconds_total", "counter", "Time waited for the GPU.", &seconds);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::width_class;

    #[test]
    fn proving_is_told_by_width_and_side() {
        let mut counters = Counters { proof_claims: 1_106, proof_jobs: 9, ..Counters::default() };
        for claims in [1, 2, 4, 99, 1_000] {
            counters.proof_widths[width_class(claims)] += 1;
        }
        counters.proof_wait_ns = 1_500_000_000;
        let done = &mut counters.accelerator;
        (done.has_gpu, done.mismatches) = (true, 1);
        *done.cpu.of_mut(Task::Signatures) = Done { calls: 1, items: 3 };
        *done.gpu.of_mut(Task::Signatures) = Done { calls: 2, items: 9 };
        *done.cpu.of_mut(Task::Nonces) = Done { calls: 1, items: 1 << 20 };
        let text = page(ReplicaId(2), "a \"card\"", &counters);
        for line in [
            "byzlab_accelerator_info{replica=\"2\",name=\"a 'card'\"} 1",
            "byzlab_proof_batch_claims_bucket{replica=\"2\",le=\"1\"} 1",
            "byzlab_proof_batch_claims_bucket{replica=\"2\",le=\"4\"} 3",
            "byzlab_proof_batch_claims_bucket{replica=\"2\",le=\"64\"} 3",
            "byzlab_proof_batch_claims_bucket{replica=\"2\",le=\"+Inf\"} 5",
            "byzlab_proof_batch_claims_sum{replica=\"2\"} 1106",
            "byzlab_proof_batch_claims_count{replica=\"2\"} 5",
            "byzlab_proof_wait_seconds_total{replica=\"2\"} 1.500000",
            "byzlab_accelerator_calls_total{replica=\"2\",work=\"signatures\",side=\"gpu\"} 2",
            "byzlab_accelerator_items_total{replica=\"2\",work=\"signatures\",side=\"cpu\"} 3",
            "byzlab_accelerator_items_total{replica=\"2\",work=\"nonces\",side=\"cpu\"} 1048576",
            "byzlab_accelerator_gpu_share{replica=\"2\",work=\"signatures\"} 0.750000",
            "byzlab_accelerator_taken_over_total{replica=\"2\",work=\"merkle\"} 0",
            "byzlab_accelerator_mismatches_total{replica=\"2\"} 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
        }
        assert_eq!(width_class(1 << 20), WIDTHS - 1);
    }

    /// Without a GPU there is none to tell of, and what the CPU did is told.
    #[test]
    fn a_cpu_by_itself_is_told_too() {
        let mut counters = Counters::default();
        *counters.accelerator.cpu.of_mut(Task::Aggregates) = Done { calls: 4, items: 5 };
        let text = page(ReplicaId(0), "cpu", &counters);
        let line =
            "byzlab_accelerator_calls_total{replica=\"0\",work=\"aggregates\",side=\"cpu\"} 4";
        assert!(text.contains(line) && !text.contains("side=\"gpu\""), "{text}");
        assert!(text.contains("byzlab_accelerator_mismatches_total{replica=\"0\"} 0"), "{text}");
    }
}
