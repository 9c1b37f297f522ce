//! Schemes of signatures side by side: what proofs weigh, and what signing and proving cost.

use indexmap::{IndexMap, IndexSet};

use super::super::{
    html::{Cell, Html},
    model::{Group, plain},
    page::Context,
    words,
};
use crate::record::Record;

/// The key of the sweep that chooses the scheme.
const KEY: &str = "cluster.scheme";

/// What is compared, and how it is written.
type Measure = (&'static str, fn(&Record) -> Option<f64>, fn(f64) -> String);

const MEASURES: [Measure; 5] = [
    ("Proof of a block", |run| a_block(run, figure(run, "proof_bytes")?), words::bytes),
    ("Bytes a block", |run| a_block(run, run.summary.bytes as f64), words::bytes),
    ("Checked a block", |run| a_block(run, run.summary.signatures_checked as f64), words::number),
    ("CPU ms a block", |run| a_block(run, computing(run)? / 1e3), words::number),
    ("p50 ms", |run| run.summary.latency_ms.p50, words::number),
];

fn figure(run: &Record, name: &str) -> Option<f64> {
    run.figures.get(name).copied()
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
        all.iter().filter(|g| g.host == host).map(|g| g.runs[0].scheme.as_str()).collect()
    };
    let groups: Vec<&Group> = all.iter().filter(|group| of(&group.host).len() > 1).collect();
    let schemes: IndexSet<&str> = groups.iter().map(|g| g.runs[0].scheme.as_str()).collect();
    if groups.is_empty() {
        return;
    }
    html.element("section", &[("id", "signatures")], |html| {
        html.leaf("h2", &[], "Signatures and certificates");
        html.leaf(
            "p",
            &[],
            "The same runs, by how replicas sign. By Ed25519 a certificate is a list of signatures, 68 bytes \
             each with the signer; by BLS it is their sum, 48 bytes and a bit a replica.",
        );
        let schemes: Vec<&str> = schemes.into_iter().collect();
        let names: Vec<String> = MEASURES
            .iter()
            .flat_map(|measure| schemes.iter().map(|scheme| format!("{}, {scheme}", measure.0)))
            .collect();
        let mut columns = vec!["Protocol", "Setting"];
        columns.extend(names.iter().map(String::as_str));
        html.table("signatures", "", &columns, &rows(&groups, &schemes));
        html.element("p", &[("class", "small")], |html| {
            html.text(
                "Means over seeds. Proof of a block: the bytes in the ledger by which the block is known to be \
                 final. Bytes: between replicas, all together. Checked: signatures, and aggregates as one. \
                 CPU: what all replicas together are charged in simulation for signing and proving, adding \
                 up included; where replicas run for real, that is in the table of runs. A dash: not \
                 measured, or no block. ",
            );
            context.data(html, "runs.csv");
        });
    });
}

/// One row a protocol and setting, with a cell a scheme for each measure.
fn rows(groups: &[&Group], schemes: &[&str]) -> Vec<Vec<Cell>> {
    let mut together: IndexMap<(String, String), Vec<&Group>> = IndexMap::new();
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
        together.entry((group.label.clone(), setting.join(", "))).or_default().push(group);
    }
    let row = |((label, setting), groups): ((String, String), Vec<&Group>)| {
        let mut row = vec![Cell::Series(groups[0].style, label), Cell::Text(setting)];
        for (_, value, form) in MEASURES {
            row.extend(schemes.iter().map(|scheme| {
                let group = groups.iter().find(|group| group.runs[0].scheme == *scheme);
                let mean = group.and_then(|group| group.mean(value));
                Cell::figure(mean.map_or("–".into(), |mean| form(mean.value)))
            }));
        }
        row
    };
    together.into_iter().map(row).collect()
}
