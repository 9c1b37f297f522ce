//! Many protocols in many settings: throughput against latency, one panel a setting.
//!
//! Drawn where a sweep has settings with names (`[sweep.network] lan = { … }`). Each panel is a
//! combination of those; in it, each protocol is a line through its committees by size. A point is
//! the highest throughput that was reached there under any load, and the lowest median latency: what
//! a protocol does when it is asked for much, and how soon it answers when it is asked for little.

use std::fmt::Write as _;

use byzlab_core::Span;
use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::{
    super::{
        html::Html,
        marks::Style,
        model::{Group, Model, why_nothing},
        page::Context,
        plot::{Axis, Chart, Line, Size},
        words,
    },
    legend,
};

/// The key of a sweep whose settings differ in how much clients send.
const LOAD: &str = "load";

/// What one protocol reached with one committee in one setting.
struct Reached<'a> {
    nodes: u16,
    /// Transactions a second, and milliseconds; none where nothing was committed.
    at: Option<(f64, f64)>,
    /// A run that committed nothing, if none committed anything.
    idle: Option<&'a Group>,
}

/// One protocol's committees in one setting.
struct Course<'a> {
    label: &'a str,
    style: Style,
    reached: Vec<Reached<'a>>,
}

/// One setting.
struct Setting<'a> {
    title: String,
    courses: Vec<Course<'a>>,
}

pub(super) fn section(context: &Context<'_>, html: &mut Html) {
    let keys = named(context.model);
    if keys.is_empty() || context.model.labels().len() < 2 {
        return;
    }
    let settings = settings(context.model, &keys);
    html.element("section", &[("id", "comparison")], |html| {
        html.leaf("h2", &[], "The comparison");
        figure(context, html, &settings);
        idle(html, &settings);
    });
}

/// Keys of the sweep whose values are names, but for the load's.
fn named(model: &Model) -> Vec<&str> {
    let number = |text: &str| text.parse::<f64>().is_ok() || text.parse::<Span>().is_ok();
    let name = |value: &Value| value.as_str().is_some_and(|text| !number(text));
    let mut keys: IndexMap<&str, IndexSet<&str>> = IndexMap::new();
    for (key, value) in model.groups.iter().flat_map(|group| &group.point) {
        if let (true, Some(text)) = (name(value) && key != LOAD, value.as_str()) {
            keys.entry(key).or_default().insert(text);
        }
    }
    keys.into_iter().filter(|(_, seen)| seen.len() > 1).map(|(key, _)| key).collect()
}

fn settings<'a>(model: &'a Model, keys: &[&str]) -> Vec<Setting<'a>> {
    let mut cells: IndexMap<String, IndexMap<&str, IndexMap<u16, Vec<&Group>>>> = IndexMap::new();
    for group in &model.groups {
        let values = keys.iter().filter_map(|&key| group.point.get(key)?.as_str());
        let mut title = values.collect::<Vec<_>>().join(", ");
        if model.hosts().len() > 1 {
            title = format!("{title} {}", words::host(&group.host));
        }
        let here = cells.entry(title).or_default().entry(&group.label).or_default();
        here.entry(group.nodes).or_default().push(group);
    }
    let course = |(label, committees): (&'a str, IndexMap<u16, Vec<&'a Group>>)| {
        let style = committees[0][0].style;
        let mut reached: Vec<_> =
            committees.into_iter().map(|(n, groups)| best(n, &groups)).collect();
        reached.sort_by_key(|reached| reached.nodes);
        Course { label, style, reached }
    };
    let setting = |(title, courses): (String, IndexMap<_, _>)| {
        let courses = courses.into_iter().map(course).collect();
        Setting { title: words::capital(&title), courses }
    };
    cells.into_iter().map(setting).collect()
}

/// The highest throughput and the lowest median of groups that differ in load.
fn best<'a>(nodes: u16, groups: &[&'a Group]) -> Reached<'a> {
    let rate = |group: &&Group| Some(group.mean(|run| Some(run.summary.throughput_tps))?.value);
    let median = |group: &&Group| Some(group.mean(|run| run.summary.latency_ms.p50)?.value);
    let (rates, medians) = (groups.iter().filter_map(rate), groups.iter().filter_map(median));
    let (rate, median) = (rates.fold(0.0, f64::max), medians.fold(f64::INFINITY, f64::min));
    let at = (rate > 0.0 && median.is_finite()).then_some((rate, median));
    Reached { nodes, at, idle: groups.first().copied().filter(|_| at.is_none()) }
}

fn figure(context: &Context<'_>, html: &mut Html, settings: &[Setting<'_>]) {
    let sizes: IndexSet<String> = settings
        .iter()
        .flat_map(|s| &s.courses)
        .flat_map(|c| &c.reached)
        .map(|r| r.nodes.to_string())
        .collect();
    let sizes: Vec<_> = sizes.iter().collect();
    let caption = format!(
        "Throughput against latency, one panel a setting, one line a protocol through its committees \
         of {} replicas; the largest marker is the largest committee. A point is the highest \
         throughput under any load and the lowest median latency. Down and to the right is better; \
         a line that runs to the left loses throughput as the committee grows.",
        words::list(&sizes)
    );
    let (xs, ys) = (extent(settings, |at| at.0), extent(settings, |at| at.1));
    context.figure(html, &caption, "means.csv", |html, id| {
        legend(html, &context.model.groups);
        html.element("div", &[("class", "panels-of-three")], |html| {
            for (number, setting) in settings.iter().enumerate() {
                html.element("div", &[("class", "panel")], |html| {
                    html.leaf("h4", &[], &setting.title);
                    let alt = format!("throughput against latency: {}", setting.title);
                    html.svg(&chart(setting, xs, ys).draw(&format!("{id}-{number}"), &alt));
                });
            }
        });
    });
}

/// The range of all panels, so that they can be compared.
fn extent(settings: &[Setting<'_>], value: fn((f64, f64)) -> f64) -> Option<(f64, f64)> {
    let all = settings.iter().flat_map(|s| &s.courses).flat_map(|c| &c.reached);
    let values: Vec<f64> = all.filter_map(|reached| reached.at.map(value)).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    (!values.is_empty()).then_some((least, most))
}

fn chart(setting: &Setting<'_>, xs: Option<(f64, f64)>, ys: Option<(f64, f64)>) -> Chart {
    let axis = |label: &str, range: Option<(f64, f64)>| match range {
        Some((from, to)) => Axis::log(label).showing(from, to),
        None => Axis::log(label),
    };
    let mut chart = Chart {
        x: axis("throughput (tx/s)", xs),
        y: axis("median latency (ms)", ys),
        size: Size::Third,
        ..Chart::default()
    };
    for course in &setting.courses {
        let points: Vec<_> = course.reached.iter().filter_map(|reached| reached.at).collect();
        if !points.is_empty() {
            let mut line = Line::new(course.style, points);
            line.growing = true;
            chart.lines.push(line);
        }
    }
    chart
}

/// What committed nothing, and why: in place of a point at zero.
fn idle(html: &mut Html, settings: &[Setting<'_>]) {
    let mut why: IndexMap<(String, String), Vec<String>> = IndexMap::new();
    for setting in settings {
        for course in &setting.courses {
            for reached in &course.reached {
                let Some(group) = reached.idle else { continue };
                let nodes = reached.nodes;
                let reason = why_nothing(&group.runs[0]);
                let place = format!("{} with {nodes}", setting.title);
                why.entry((course.label.to_owned(), reason)).or_default().push(place);
            }
        }
    }
    if why.is_empty() {
        return;
    }
    html.leaf("h3", &[], "Committed nothing");
    html.element("ul", &[("class", "idle")], |html| {
        for ((label, reason), places) in why {
            let mut text = String::new();
            let _ = write!(text, " ({} replicas): {reason}.", places.join("; "));
            html.element("li", &[], |html| {
                html.leaf("b", &[], &label);
                html.text(&text);
            });
        }
    });
}
