//! Latency: the distribution, and its percentiles.

use std::collections::BTreeMap;

use super::{
    super::{
        html::{Cell, Html},
        model::Group,
        page::Context,
        plot::{Axis, Chart, Line},
        words,
    },
    PANELS_OPEN, legend, panels,
};
use crate::record::Percentiles;

/// Points of one distribution in a figure; between two of them it rises by less than a pixel.
const POINTS_MAX: u64 = 240;

pub(super) fn section(context: &Context<'_>, html: &mut Html) {
    let model = context.model;
    html.element("section", &[("id", "latency")], |html| {
        html.leaf("h2", &[], "Latency");
        if model.groups.iter().all(|group| group.runs.iter().all(no_latency)) {
            html.leaf(
                "p",
                &[],
                "No client saw a transaction confirmed, so there is no latency to \
                 show; the table of runs says why.",
            );
            return;
        }
        distribution(context, html);
        percentiles(context, html);
    });
}

fn no_latency(run: &crate::record::Record) -> bool {
    run.latency_histogram_ns.is_empty()
}

fn distribution(context: &Context<'_>, html: &mut Html) {
    let model = context.model;
    let edges = model.records.iter().flat_map(|run| &run.latency_histogram_ns).map(|row| row.0);
    let (least, most) = edges.fold((u64::MAX, 0), |(lo, hi), e| (lo.min(e.max(1)), hi.max(e)));
    let caption = "Latency as clients saw it: the share of transactions confirmed within a time, \
         which is logarithmic. Further left is faster, steeper is steadier; panels share one \
         scale.";
    context.figure(html, caption, "latency.csv", |html, id| {
        legend(html, &model.groups);
        panels(html, &model.panels(), PANELS_OPEN, |html, number, panel| {
            let mut chart = Chart {
                x: Axis::log("latency (ms)").showing(least as f64 / 1e6, most as f64 / 1e6),
                y: Axis::linear("transactions (%)").showing(0.0, 100.0),
                ..Chart::default()
            };
            chart.lines.extend(panel.groups.iter().map(|group| cumulated(group)));
            let names: Vec<_> = panel.groups.iter().map(|g| g.label.as_str()).collect();
            let alt = format!("latency distribution, {}: {}", panel.title, words::list(&names));
            html.svg(&chart.draw(&format!("{id}-{number}"), &alt));
        });
    });
}

/// The distribution of all runs of a group together.
fn cumulated(group: &Group) -> Line {
    let mut buckets: BTreeMap<u64, u64> = BTreeMap::new();
    for &(edge, count) in group.runs.iter().flat_map(|run| &run.latency_histogram_ns) {
        *buckets.entry(edge.max(1)).or_default() += count;
    }
    let total: u64 = buckets.values().sum();
    let (mut below, mut drawn) = (0, 0);
    let mut points = Vec::new();
    let last = buckets.keys().next_back().copied();
    for (&edge, &count) in &buckets {
        below += count;
        let level = below.saturating_mul(POINTS_MAX) / total.max(1);
        if points.is_empty() || level > drawn || Some(edge) == last {
            drawn = level;
            points.push((edge as f64 / 1e6, below as f64 / total.max(1) as f64 * 100.0));
        }
    }
    let every = (points.len() / 6).max(1);
    let mut line = Line::new(group.style, points);
    line.marker_every = every;
    line
}

/// A percentile, by name.
type Column = (&'static str, fn(&Percentiles) -> Option<f64>);

fn percentiles(context: &Context<'_>, html: &mut Html) {
    let model = context.model;
    let columns: [Column; 5] = [
        ("p50 ms", |l| l.p50),
        ("p90 ms", |l| l.p90),
        ("p99 ms", |l| l.p99),
        ("p99.9 ms", |l| l.p999),
        ("Longest ms", |l| l.max),
    ];
    let row = |group: &Group| {
        let mut row = vec![Cell::Series(group.style, group.label.clone())];
        row.push(Cell::Text(group.host.clone()));
        if model.is_sweep() {
            row.push(Cell::Text(group.point_label()));
        }
        row.push(match group.committed() {
            0 => Cell::Figure("0".into(), "see the table of runs".into()),
            n => Cell::figure(words::count(n)),
        });
        for (_, value) in columns {
            row.push(match group.mean(|r| value(&r.summary.latency_ms)) {
                Some(mean) => Cell::Figure(words::number(mean.value), words::interval(mean)),
                None => Cell::Figure("–".into(), "nothing confirmed".into()),
            });
        }
        row
    };
    let mut names = vec!["Protocol", "Host"];
    if model.is_sweep() {
        names.push("Point");
    }
    names.push("Transactions");
    names.extend(columns.iter().map(|(name, _)| *name));
    let rows: Vec<_> = model.groups.iter().map(row).collect();
    html.table("percentiles", "", &names, &rows);
}
