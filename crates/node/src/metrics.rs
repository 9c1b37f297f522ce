//! A Prometheus text page: what a seat counts, at `/metrics`.

use std::{fmt::Write as _, net::SocketAddr};

use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use byzlab_core::ReplicaId;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{counters::Counters, plan::NodeError, seat::View};

/// Listens at `address`.
pub(crate) fn bind(runtime: &Runtime, address: SocketAddr) -> Result<TcpListener, NodeError> {
    runtime.block_on(TcpListener::bind(address)).map_err(|error| NodeError::Bind { address, error })
}

/// Serves the page for as long as the runtime lives.
pub(crate) async fn serve(listener: TcpListener, me: ReplicaId, view: View) {
    let answer = move || async move {
        ([(CONTENT_TYPE, "text/plain; version=0.0.4")], page(me, &view.counters()))
    };
    let router = Router::new().route("/metrics", get(answer));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%me, %error, "the metrics page is gone");
    }
}

/// The counters as text, in the exposition format of Prometheus.
pub fn page(me: ReplicaId, counters: &Counters) -> String {
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
        ("log_groups_total", "Groups written to the disk.", c.groups),
        ("log_bytes_total", "Bytes written to the disk.", c.disk_bytes),
        ("syncs_total", "Calls to sync a file.", c.syncs),
        ("dropped_messages_total", "Dropped: the peer was away or slow.", c.dropped),
        ("malformed_total", "Connections closed for senseless bytes.", c.malformed),
        ("strangers_total", "Handshakes refused for their key.", c.strangers),
        ("packets_lost_total", "Packets that QUIC sent again.", c.packets_lost),
    ];
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, lines: &[(String, String)]| {
        let _ = writeln!(text, "# HELP byzlab_{name} {help}\n# TYPE byzlab_{name} {kind}");
        for (labels, value) in lines {
            let _ = writeln!(text, "byzlab_{name}{{replica=\"{}\"{labels}}} {value}", me.0);
        }
    };
    for (name, help, value) in gauges {
        family(name, "gauge", help, &[(String::new(), value.to_string())]);
    }
    for (name, help, value) in counts {
        family(name, "counter", help, &[(String::new(), value.to_string())]);
    }
    let seconds = format!("{:.6}", c.syncing_ns as f64 / 1e9);
    family("sync_seconds_total", "counter", "Time spent syncing.", &[(String::new(), seconds)]);
    let traffic = |value: fn(&byzlab_core::outcome::Traffic) -> u64| -> Vec<_> {
        let line = |(kind, traffic)| (format!(",kind=\"{kind}\""), value(traffic).to_string());
        c.traffic.iter().map(line).collect()
    };
    family("messages_total", "counter", "Messages sent to peers.", &traffic(|t| t.messages));
    family("message_bytes_total", "counter", "Bytes of them.", &traffic(|t| t.bytes));
    let notes = c.notes.iter().map(|(label, count)| {
        (format!(",note=\"{}\"", label.replace(['"', '\\'], "'")), count.to_string())
    });
    family("notes_total", "counter", "Notes of the protocol.", &notes.collect::<Vec<_>>());
    text
}
