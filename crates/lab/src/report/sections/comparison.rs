//! Many protocols in many settings: throughput against latency, one panel a setting.
//!
//! Drawn where a sweep has settings with names (`[sweep.network] lan = { … }`). Each panel is a
//! combination of those; in it, each protocol is a line through its committees by size. A point is
//! the highest throughput that was reached there under any load, and the lowest median latency: what
//! a protocol does when it is asked for much, and how soon it answers when it is asked for little.
//! A second figure draws the same throughput over the size of the committee.

use std::{collections::BTreeSet, fmt::Write as _};

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
        latencies(context, html, &settings);
        if sizes(&settings).len() > 1 {
            throughputs(context, html, &settings);
        }
        idle(html, &settings);
    });
}

/// What the first setting shows, in a sentence: what each protocol's throughput becomes from the
/// smallest to the largest committee, those that keep most of it first.
pub(in super::super) fn told(model: &Model) -> Option<String> {
    let keys = named(model);
    let settings = settings(model, &keys);
    let setting = settings.first().filter(|_| !keys.is_empty() && model.labels().len() > 1)?;
    let rate = |reached: &Reached<'_>| reached.at.map_or(0.0, |at| at.0);
    let course = |course: &Course<'_>| {
        let [first, .., last] = &course.reached[..] else { return None };
        let (before, after) = (rate(first), rate(last));
        let (from, to) = (words::number(before), words::number(after));
        (before > 0.0).then(|| (after / before, format!("{} from {from} to {to}", course.label)))
    };
    let mut courses: Vec<_> = setting.courses.iter().filter_map(course).collect();
    courses.sort_by(|a, b| b.0.total_cmp(&a.0));
    let courses: Vec<_> = courses.into_iter().map(|(_, text)| text).collect();
    let (sizes, title) = (sizes(&settings), &setting.title);
    let (least, most) = (sizes.first()?, sizes.last()?);
    (!courses.is_empty()).then(|| {
        format!(
            "{title}, from {least} to {most} replicas the highest throughput goes, in transactions/s: {}.",
            words::list(&courses)
        )
    })
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

/// The sizes of committees, each once, in order.
fn sizes(settings: &[Setting<'_>]) -> BTreeSet<u16> {
    let all = settings.iter().flat_map(|s| &s.courses).flat_map(|c| &c.reached);
    all.map(|reached| reached.nodes).collect()
}

fn latencies(context: &Context<'_>, html: &mut Html, settings: &[Setting<'_>]) {
    let sizes: Vec<_> = sizes(settings).iter().map(u16::to_string).collect();
    let caption = format!(
        "Throughput against latency, one panel a setting, one line a protocol through its committees \
         of {} replicas; the largest marker is the largest committee. A point is the highest \
         throughput under any load and the lowest median latency. Down and to the right is better; \
         a line that runs to the left loses throughput as the committee grows.",
        words::list(&sizes)
    );
    let axes = |least: (f64, f64), most: (f64, f64)| {
        (
            Axis::log("throughput (tx/s)").showing(least.0, most.0),
            Axis::log("median latency (ms)").showing(least.1, most.1),
        )
    };
    let place = |reached: &Reached<'_>| reached.at;
    panels(context, html, settings, &caption, "throughput against latency", place, axes);
}

fn throughputs(context: &Context<'_>, html: &mut Html, settings: &[Setting<'_>]) {
    let caption = "The same throughput over the size of the committee, both axes logarithmic. What \
                   one leader's uplink bounds falls as 1/(n − 1); a level line is a protocol that loses \
                   nothing as the committee grows.";
    let axes = |least: (f64, f64), most: (f64, f64)| {
        (
            Axis::log("replicas").showing(least.0, most.0),
            Axis::log("throughput (tx/s)").showing(least.1, most.1),
        )
    };
    let place = |reached: &Reached<'_>| Some((f64::from(reached.nodes), reached.at?.0));
    panels(context, html, settings, caption, "throughput over replicas", place, axes);
}

/// The axes for the least and the greatest of all places.
type AxesFrom = fn((f64, f64), (f64, f64)) -> (Axis, Axis);

/// One panel a setting, all of them with the same axes, one line a protocol.
fn panels(
    context: &Context<'_>,
    html: &mut Html,
    settings: &[Setting<'_>],
    caption: &str,
    what: &str,
    place: fn(&Reached<'_>) -> Option<(f64, f64)>,
    axes: AxesFrom,
) {
    let all = settings.iter().flat_map(|s| &s.courses).flat_map(|c| &c.reached);
    let places: Vec<_> = all.filter_map(place).collect();
    let end = |start: f64, pick: fn(f64, f64) -> f64| {
        let ends = |end: (f64, f64), at: &(f64, f64)| (pick(end.0, at.0), pick(end.1, at.1));
        places.iter().fold((start, start), ends)
    };
    if places.is_empty() {
        return;
    }
    let (x, y) = axes(end(f64::INFINITY, f64::min), end(0.0, f64::max));
    context.figure(html, caption, "means.csv", |html, id| {
        legend(html, &context.model.groups);
        html.element("div", &[("class", "panels-of-three")], |html| {
            for (number, setting) in settings.iter().enumerate() {
                html.element("div", &[("class", "panel")], |html| {
                    html.leaf("h4", &[], &setting.title);
                    let (x, y, size) = (x.clone(), y.clone(), Size::Third);
                    let lines = setting.courses.iter().filter_map(|course| line(course, place));
                    let lines = lines.collect();
                    let chart = Chart { x, y, lines, size, ..Chart::default() };
                    let alt = format!("{what}: {}", setting.title);
                    html.svg(&chart.draw(&format!("{id}-{number}"), &alt));
                });
            }
        });
    });
}

fn line(course: &Course<'_>, place: fn(&Reached<'_>) -> Option<(f64, f64)>) -> Option<Line> {
    let points: Vec<_> = course.reached.iter().filter_map(place).collect();
    let growing = true;
    (!points.is_empty()).then(|| Line { growing, ..Line::new(course.style, points) })
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
