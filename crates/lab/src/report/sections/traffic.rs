//! Messages and bytes between replicas by kind, and what replicas noted.

use std::collections::BTreeMap;

use byzlab_core::outcome::Traffic;

use super::super::{
    html::{Cell, Html},
    marks,
    model::Group,
    page::Context,
    words,
};

/// The most kinds and notes that are listed for one protocol; the CSV has all.
const LISTED_MAX: usize = 24;

/// Tables of kinds that are open, and that there are at all; the CSV has all.
const TABLES_OPEN: usize = 6;
const TABLES_MAX: usize = 32;

pub(super) fn section(context: &Context<'_>, html: &mut Html) {
    let model = context.model;
    html.element("section", &[("id", "traffic")], |html| {
        html.leaf("h2", &[], "Messages and bytes");
        let caption = "Messages between replicas by kind, one a receiver, and their encoded \
             bytes: means over seeds. Bars are shares of the protocol's bytes on that host.";
        context.figure(html, caption, "traffic.csv", |html, _| {
            let shown = model.groups.len().min(TABLES_MAX);
            let open = shown.min(TABLES_OPEN);
            model.groups[..open].iter().for_each(|group| kinds(group, html));
            if open < shown {
                html.element("details", &[], |html| {
                    let rest = shown - open;
                    html.leaf("summary", &[], words::many(rest, "more table"));
                    model.groups[open..shown].iter().for_each(|group| kinds(group, html));
                });
            }
        });
        notes(context, html);
    });
}

fn kinds(group: &Group, html: &mut Html) {
    let mut sums: BTreeMap<&str, Traffic> = BTreeMap::new();
    for (kind, traffic) in group.runs.iter().flat_map(|run| &run.traffic) {
        let sum = sums.entry(kind).or_default();
        sum.messages = sum.messages.saturating_add(traffic.messages);
        sum.bytes = sum.bytes.saturating_add(traffic.bytes);
    }
    let runs = group.runs.len() as f64;
    let all = sums.values().map(|t| t.bytes).fold(0, u64::saturating_add) as f64;
    let committed = group.committed() as f64;
    let mut kinds: Vec<_> = sums.into_iter().collect();
    kinds.sort_by_key(|(kind, traffic)| (std::cmp::Reverse(traffic.bytes), *kind));
    let dropped = kinds.len().saturating_sub(LISTED_MAX);
    kinds.truncate(LISTED_MAX);
    let each = |amount: u64, form: fn(f64) -> String| match committed > 0.0 {
        true => Cell::figure(form(amount as f64 / committed)),
        false => Cell::Figure("–".into(), "nothing confirmed".into()),
    };
    let row = |(kind, traffic): &(&str, Traffic)| {
        let share = if all > 0.0 { traffic.bytes as f64 / all } else { 0.0 };
        vec![
            Cell::Head((*kind).to_owned()),
            Cell::figure(words::count((traffic.messages as f64 / runs).round() as u64)),
            Cell::figure(words::bytes(traffic.bytes as f64 / runs)),
            each(traffic.messages, words::number),
            each(traffic.bytes, words::bytes),
            Cell::Drawing(marks::bar(share, group.style)),
            Cell::figure(words::percent(share)),
        ]
    };
    let rows: Vec<_> = kinds.iter().map(row).collect();
    html.element("h4", &[], |html| {
        html.svg(&marks::swatch(group.style));
        html.text(group.name());
    });
    if rows.is_empty() {
        let why =
            if group.nodes == 1 { "there is one replica alone" } else { "replicas sent none" };
        html.leaf("p", &[("class", "small")], format!("No messages between replicas: {why}."));
        return;
    }
    let columns =
        ["Kind", "Messages", "Bytes", "Messages per tx", "Bytes per tx", "Share of bytes", ""];
    html.table("traffic", "", &columns, &rows);
    if dropped > 0 {
        html.leaf(
            "p",
            &[("class", "small")],
            format!("{} in the CSV.", words::many(dropped, "more kind")),
        );
    }
}

fn notes(context: &Context<'_>, html: &mut Html) {
    let groups = &context.model.groups;
    if groups.iter().all(|g| g.runs.iter().all(|run| run.notes.is_empty())) {
        return;
    }
    html.element("details", &[], |html| {
        html.leaf("summary", &[], "What replicas noted");
        html.leaf(
            "p",
            &[("class", "small")],
            "A note is why a replica did nothing with something, or what it had to do apart from \
             the usual; counts are of all replicas and seeds together.",
        );
        let mut rows = Vec::new();
        for group in groups {
            let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
            for (label, times) in group.runs.iter().flat_map(|run| &run.notes) {
                let sum = sums.entry(label).or_default();
                *sum = sum.saturating_add(*times);
            }
            let mut sums: Vec<_> = sums.into_iter().collect();
            sums.sort_by_key(|&(label, times)| (std::cmp::Reverse(times), label));
            for (label, times) in sums.into_iter().take(LISTED_MAX) {
                rows.push(vec![
                    Cell::Series(group.style, group.name()),
                    Cell::Text(label.to_owned()),
                    Cell::figure(words::count(times)),
                ]);
            }
        }
        html.table("notes", "", &["Runs", "Note", "Times"], &rows);
    });
}
