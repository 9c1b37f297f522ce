//! How replicas sign: what proofs weigh, and what signing and proving cost.

use indexmap::{IndexMap, IndexSet};

use super::super::{
    html::{Cell, Html},
    model::{Group, plain},
    page::Context,
    tables::per_transaction,
    words,
};
use crate::record::Record;

/// The key of the sweep that chooses the scheme.
const KEY: &str = "cluster.scheme";
/// The scheme that costs nothing really, though its cost is charged.
const SIMULATED: &str = "simulated";

/// What is told, and how it is written.
type Measure = (&'static str, fn(&Record) -> Option<f64>, fn(f64) -> String);

/// A transaction is the same whoever proposes it; blocks differ, so each figure stands for either.
const MEASURES: [Measure; 10] = [
    ("Proof / tx", |run| a_transaction(run, figure(run, "proof_bytes")?), words::bytes),
    ("Bytes / tx", |run| per_transaction(run, run.summary.bytes), words::bytes),
    ("Checked / tx", |run| per_transaction(run, run.summary.signatures_checked), words::number),
    ("CPU µs / tx", |run| a_transaction(run, computing(run)?), words::number),
    ("Tx / block", |run| a_block(run, run.summary.committed_transactions as f64), words::number),
    ("Proof / block", |run| a_block(run, figure(run, "proof_bytes")?), words::bytes),
    ("Bytes / block", |run| a_block(run, run.summary.bytes as f64), words::bytes),
    ("Checked / block", |run| a_block(run, run.summary.signatures_checked as f64), words::number),
    ("CPU ms / block", |run| a_block(run, computing(run)? / 1e3), words::number),
    ("p50 ms", |run| run.summary.latency_ms.p50, words::number),
];

fn figure(run: &Record, name: &str) -> Option<f64> {
    run.figures.get(name).copied()
}

fn a_transaction(run: &Record, amount: f64) -> Option<f64> {
    Some(amount * per_transaction(run, 1)?)
}

fn a_block(run: &Record, amount: f64) -> Option<f64> {
    (run.summary.committed_blocks > 0).then(|| amount / run.summary.committed_blocks as f64)
}

/// What signing and proving cost all replicas, in microseconds.
fn computing(run: &Record) -> Option<f64> {
    Some(figure(run, "signing_us").unwrap_or(0.0) + figure(run, "checking_us")?)
}

pub(super) fn section(context: &Context<'_>, html: &mut Html) {
    let all = &context.model.groups;
    let of = |host: &str| -> IndexSet<&str> {
        all.iter().filter(|g| g.host == host).map(scheme).collect()
    };
    // Where nothing but tags was sent there is nothing to tell.
    let told = |group: &&Group| scheme(group) != SIMULATED || of(&group.host).len() > 1;
    let groups: Vec<&Group> = all.iter().filter(told).collect();
    if groups.is_empty() {
        return;
    }
    html.element("section", &[("id", "signatures")], |html| {
        html.leaf("h2", &[], "Signatures and certificates");
        html.leaf(
            "p",
            &[],
            "What the runs paid for how replicas sign. By Ed25519 a certificate is a list of signatures, \
             68 bytes each with the signer; by BLS it is their sum, 48 bytes and a bit a replica.",
        );
        let mut columns = vec!["Protocol", "Setting", "Scheme"];
        columns.extend(MEASURES.iter().map(|measure| measure.0));
        html.table("signatures", "", &columns, &rows(&groups));
        html.element("p", &[("class", "small")], |html| {
            html.text(
                "Means over seeds; tx: transactions that became final for their client. Proof: the bytes in \
                 the ledger by which blocks are known to be final. Bytes: between replicas, all together. \
                 Checked: signatures, and aggregates as one, those of clients included. CPU: what all \
                 replicas together are charged in simulation for signing and proving, adding up included; \
                 where replicas run for real, that is in the table of runs. Blocks differ in size from \
                 protocol to protocol; transactions do not. A dash: not measured, or nothing committed. ",
            );
            context.data(html, "runs.csv");
        });
    });
}

fn scheme(group: &Group) -> &str {
    group.runs[0].scheme.as_str()
}

/// One row a protocol, setting and scheme; schemes of one setting stand below each other.
fn rows(groups: &[&Group]) -> Vec<Vec<Cell>> {
    let mut together: IndexMap<(&str, String), Vec<&Group>> = IndexMap::new();
    for group in groups {
        let mut setting = vec![group.host.clone()];
        if !group.point.contains_key("cluster.nodes") {
            setting.push(format!("n = {}", group.nodes));
        }
        let others = group.point.iter().filter(|(key, _)| *key != KEY);
        setting.extend(others.map(|(key, value)| match key.as_str() {
            "cluster.nodes" => format!("n = {}", plain(value)),
            key => format!("{key} = {}", plain(value)),
        }));
        together.entry((&group.label, setting.join(", "))).or_default().push(group);
    }
    let mut rows = Vec::new();
    for ((label, setting), groups) in together {
        for group in groups {
            let mut row = vec![Cell::Series(group.style, label.to_owned())];
            row.extend([Cell::Text(setting.clone()), Cell::Text(scheme(group).to_owned())]);
            row.extend(MEASURES.iter().map(|(_, value, form)| {
                Cell::figure(group.mean(value).map_or("–".into(), |mean| form(mean.value)))
            }));
            rows.push(row);
        }
    }
    rows
}
