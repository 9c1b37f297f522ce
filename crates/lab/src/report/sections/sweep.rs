//! What a sweep shows: throughput against latency, and metrics against what was swept.

use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::{
    super::{
        html::Html,
        marks::Style,
        model::{Group, Model, plain},
        page::Context,
        plot::{Axis, Chart, Line, Size},
        stats::Mean,
        tables::{Metric, per_transaction},
        words,
    },
    legend_of,
};

// Named as axes are labelled.
const THROUGHPUT: Metric = ("throughput (tx/s)", |r| Some(r.summary.throughput_tps));
const MEDIAN: Metric = ("median latency (ms)", |r| r.summary.latency_ms.p50);
const TAIL: Metric = ("p99 latency (ms)", |r| r.summary.latency_ms.p99);
const MESSAGES: Metric = ("messages per transaction", |r| per_transaction(r, r.summary.messages));

/// Groups that one line joins: all but one swept key are the same.
struct Series<'a> {
    name: String,
    style: Style,
    points: Vec<(f64, &'a Group)>,
}

pub(super) fn section(context: &Context<'_>, html: &mut Html) {
    let model = context.model;
    let keys = swept(model);
    if keys.is_empty() {
        return;
    }
    html.element("section", &[("id", "sweep")], |html| {
        html.leaf("h2", &[], "The sweep");
        for key in keys {
            for host in model.hosts() {
                let series = series(model, key, host);
                if !series.is_empty() {
                    along(context, html, key, host, &series);
                }
            }
        }
    });
}

/// Numeric keys of the sweep with at least two values.
fn swept(model: &Model) -> Vec<&str> {
    let mut values: IndexMap<&str, IndexSet<String>> = IndexMap::new();
    for group in &model.groups {
        for (key, value) in &group.point {
            if number(value).is_some() {
                values.entry(key).or_default().insert(value.to_string());
            }
        }
    }
    values.into_iter().filter(|(_, seen)| seen.len() > 1).map(|(key, _)| key).collect()
}

/// A swept value as a number: itself, or a duration in milliseconds.
fn number(value: &Value) -> Option<f64> {
    let duration = |text: &str| text.parse().ok().map(byzlab_core::time::Span::as_ms_f64);
    value.as_f64().or_else(|| value.as_str().and_then(duration))
}

/// One line a protocol and setting of the other keys.
fn series<'a>(model: &'a Model, key: &str, host: &str) -> Vec<Series<'a>> {
    let mut lines: IndexMap<String, Vec<(f64, &Group)>> = IndexMap::new();
    for group in model.groups.iter().filter(|group| group.host == host) {
        let Some(x) = group.point.get(key).and_then(number) else { continue };
        let others = group.point.iter().filter(|(other, _)| *other != key);
        let mut name = group.label.clone();
        for (other, value) in others {
            name = format!("{name}, {other} = {}", plain(value));
        }
        lines.entry(name).or_default().push((x, group));
    }
    let as_protocols = lines.len() <= model.labels().len();
    let mut all = Vec::new();
    for (number, (name, mut points)) in lines.into_iter().enumerate() {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let style = if as_protocols { points[0].1.style } else { Style(number) };
        all.push(Series { name, style, points });
    }
    all
}

fn along(context: &Context<'_>, html: &mut Html, key: &str, host: &str, series: &[Series<'_>]) {
    let place = words::host(host);
    let entries: Vec<_> = series.iter().map(|s| (s.style, s.name.clone())).collect();
    let unit = series.iter().flat_map(|s| &s.points).find_map(|(_, g)| g.point.get(key)?.as_str());
    let label = match (key, unit) {
        ("cluster.nodes", _) => "replicas".to_owned(),
        (key, Some(_)) => format!("{key} (ms)"),
        (key, None) => key.to_owned(),
    };
    let several = series.iter().flat_map(|s| &s.points).any(|(_, group)| group.runs.len() > 1);
    let caption = format!(
        "Throughput, latency and messages against {key}, {place}.{}",
        if several { " Points are means over seeds, bars their 95 % intervals." } else { "" }
    );
    context.figure(html, &caption, "means.csv", |html, id| {
        legend_of(html, &entries);
        html.element("div", &[("class", "small-multiples")], |html| {
            for (number, metric) in [THROUGHPUT, MEDIAN, TAIL, MESSAGES].iter().enumerate() {
                let chart = against(&label, metric, series);
                html.svg(
                    &chart.draw(&format!("{id}-{number}"), &format!("{} against {key}", metric.0)),
                );
            }
        });
    });
    let caption = format!(
        "Latency against throughput, {place}: a point for each value of {key}, joined in its \
         order. Down and to the right is better; where a line turns up, the system is full."
    );
    context.figure(html, &caption, "means.csv", |html, id| {
        legend_of(html, &entries);
        let chart = trade_off(series);
        html.svg(&chart.draw(id, &format!("median latency against throughput along {key}")));
    });
}

fn against(label: &str, metric: &Metric, series: &[Series<'_>]) -> Chart {
    let xs: Vec<f64> = series.iter().flat_map(|s| &s.points).map(|point| point.0).collect();
    let least = xs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = xs.iter().copied().fold(0.0, f64::max);
    let wide = least > 0.0 && most / least >= 10.0;
    let axis = if wide { Axis::log(label) } else { Axis::linear(label) };
    let mut chart =
        Chart { x: axis.at(xs), y: Axis::linear(metric.0), size: Size::Half, ..Chart::default() };
    for one in series {
        let means = one.points.iter().filter_map(|(x, group)| Some((*x, group.mean(metric.1)?)));
        let means: Vec<(f64, Mean)> = means.collect();
        let mut line = Line::new(one.style, means.iter().map(|(x, m)| (*x, m.value)).collect());
        if means.iter().any(|(_, mean)| mean.runs > 1) {
            line.intervals = means.iter().map(|(_, mean)| mean.interval()).collect();
        }
        chart.lines.push(line);
    }
    chart
}

fn trade_off(series: &[Series<'_>]) -> Chart {
    let mut chart = Chart {
        x: Axis::linear("throughput (tx/s)"),
        y: Axis::log("median latency (ms)"),
        ..Chart::default()
    };
    for one in series {
        let point = |(_, group): &(f64, &Group)| {
            Some((group.mean(THROUGHPUT.1)?.value, group.mean(MEDIAN.1)?.value))
        };
        chart.lines.push(Line::new(one.style, one.points.iter().filter_map(point).collect()));
    }
    chart
}
