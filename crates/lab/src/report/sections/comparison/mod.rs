//! Many protocols in many settings: throughput over the committee, and throughput against latency.
//!
//! Drawn where a sweep has settings with names (`[sweep.network] lan = { … }`), one panel a setting.
//! Nothing is drawn that was not run: throughput is that under the most demanding load, latency in the
//! table that under the least, and against each other stand figures of the same runs, a mark for each
//! load. With several seeds each is the mean.

mod settings;

use indexmap::IndexMap;

use super::{
    super::{
        html::{Cell, Html},
        model::Model,
        page::Context,
        plot::{Axis, Chart, Line, Size},
        words,
    },
    legend_of,
};
use settings::{Committee, Comparison, Course, Setting};

pub(super) fn section(context: &Context<'_>, html: &mut Html) {
    let Some(comparison) = Comparison::of(context.model) else { return };
    html.element("section", &[("id", "comparison")], |html| {
        html.leaf("h2", &[], "The comparison");
        if comparison.sizes().len() > 1 {
            throughputs(context, html, &comparison);
        }
        latencies(context, html, &comparison);
        table(context, html, &comparison);
        idle(html, &comparison);
    });
}

/// What the first setting shows, in a sentence: what each protocol's throughput under the most
/// demanding load becomes from the smallest to the largest committee, those that keep most of it first.
pub(in super::super) fn told(model: &Model) -> Option<String> {
    let comparison = Comparison::of(model)?;
    let (setting, most) = (comparison.settings.first()?, comparison.most());
    let course = |course: &Course<'_>| {
        let [first, .., last] = &course.committees[..] else { return None };
        let (before, after) = (first.rate(most)?, last.rate(most)?);
        let (from, to) = (words::number(before), words::number(after));
        (before > 0.0).then(|| (after / before, format!("{} from {from} to {to}", course.label)))
    };
    let mut courses: Vec<_> = setting.courses.iter().filter_map(course).collect();
    courses.sort_by(|a, b| b.0.total_cmp(&a.0));
    let courses: Vec<_> = courses.into_iter().map(|(_, text)| text).collect();
    let (sizes, title) = (comparison.sizes(), &setting.title);
    let (least, most) = (sizes.first()?, sizes.last()?);
    (!courses.is_empty()).then(|| {
        format!(
            "{title}, from {least} to {most} replicas the throughput{} goes, in transactions/s: {}.",
            comparison.under(comparison.most()),
            words::list(&courses)
        )
    })
}

fn throughputs(context: &Context<'_>, html: &mut Html, comparison: &Comparison<'_>) {
    let most = comparison.most();
    let several = match comparison.loads.len() {
        1 => "",
        _ => ", of all loads the one of which clients sent the most",
    };
    let caption = format!(
        "Throughput over the size of the committee{}{several}; both axes logarithmic, and the same in \
         all panels. What one leader's uplink bounds falls as 1/(n − 1); a level line is a protocol that \
         loses nothing as the committee grows.",
        comparison.under(most),
    );
    let at = |committee: &Committee<'_>| {
        let rate = committee.rate(most).filter(|rate| *rate > 0.0)?;
        Some((f64::from(committee.nodes), rate))
    };
    let lines = |setting: &Setting<'_>| -> Vec<Line> {
        // A committee that committed nothing is a gap, and has its line below.
        let line = |course: &Course<'_>| {
            let places: Vec<_> = course.committees.iter().map(at).collect();
            let pieces = places.split(Option::is_none);
            let pieces = pieces.map(|piece| piece.iter().flatten().copied().collect());
            named(course, pieces.collect(), false)
        };
        setting.courses.iter().filter_map(line).collect()
    };
    let panels: Vec<_> = comparison.settings.iter().map(|s| (s.title.clone(), lines(s))).collect();
    let axes = (Axis::log("replicas"), Axis::log("throughput (tx/s)"));
    draw(context, html, comparison, &panels, &caption, ("throughput over replicas", axes));
}

fn latencies(context: &Context<'_>, html: &mut Html, comparison: &Comparison<'_>) {
    let sizes = comparison.sizes();
    // Between the smallest and the largest committee, panels would only repeat what lies between.
    let shown: Vec<u16> = match sizes[..] {
        [least, .., most] => vec![least, most],
        _ => sizes,
    };
    let loads = match &comparison.loads[..] {
        [least, .., most] => format!(
            "a line a protocol with a mark for each load that was run, the largest for “{most}”, of which \
             clients sent the most, the smallest for “{least}”; both figures of a mark are those of the \
             same runs"
        ),
        _ => "a mark a protocol".to_owned(),
    };
    let caption = format!(
        "Throughput against median latency with {} replicas: {loads}. Both axes logarithmic, and the same \
         in all panels; down and to the right is better.",
        words::list(&shown.iter().map(u16::to_string).collect::<Vec<_>>()),
    );
    let lines = |setting: &Setting<'_>, nodes: u16| -> Vec<Line> {
        let line = |course: &Course<'_>| {
            let committee = course.committees.iter().find(|c| c.nodes == nodes)?;
            named(course, vec![committee.marks()], comparison.loads.len() > 1)
        };
        setting.courses.iter().filter_map(line).collect()
    };
    let panel = |setting, nodes| (title(setting, nodes), lines(setting, nodes));
    let panels: Vec<_> = comparison
        .settings
        .iter()
        .flat_map(|setting| shown.iter().map(move |&nodes| (setting, nodes)))
        .map(|(setting, nodes)| panel(setting, nodes))
        .collect();
    let axes = (Axis::log("throughput (tx/s)"), Axis::log("median latency (ms)"));
    draw(context, html, comparison, &panels, &caption, ("throughput against latency", axes));
}

fn title(setting: &Setting<'_>, nodes: u16) -> String {
    format!("{}, n = {nodes}", setting.title)
}

/// The line of a course, with its name at the end; none without points.
fn named(course: &Course<'_>, pieces: Vec<Vec<(f64, f64)>>, growing: bool) -> Option<Line> {
    let some = pieces.iter().any(|piece| !piece.is_empty());
    let label = course.label.clone();
    some.then(|| Line { growing, label, ..Line::broken(course.style, pieces) })
}

/// Panels with the same axes, which are wide enough for all.
fn draw(
    context: &Context<'_>,
    html: &mut Html,
    comparison: &Comparison<'_>,
    panels: &[(String, Vec<Line>)],
    caption: &str,
    (what, (x, y)): (&str, (Axis, Axis)),
) {
    let points = || panels.iter().flat_map(|(_, lines)| lines).flat_map(Line::points);
    let ends = |value: fn((f64, f64)) -> f64| {
        let values = || points().map(value);
        (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max))
    };
    if points().next().is_none() {
        return;
    }
    let ((x_least, x_most), (y_least, y_most)) = (ends(|at| at.0), ends(|at| at.1));
    let (x, y) = (x.showing(x_least, x_most), y.showing(y_least, y_most));
    context.figure(html, caption, "means.csv", |html, id| {
        legend_of(html, &comparison.legend());
        html.element("div", &[("class", "panels-of-two")], |html| {
            for (number, (title, lines)) in panels.iter().enumerate() {
                html.element("div", &[("class", "panel")], |html| {
                    html.leaf("h4", &[], title);
                    let (x, y, lines, size) = (x.clone(), y.clone(), lines.clone(), Size::Tall);
                    let chart = Chart { x, y, lines, size, ..Chart::default() };
                    let alt = format!("{what}: {title}");
                    html.svg(&chart.draw(&format!("{id}-{number}"), &alt));
                });
            }
        });
    });
}

/// The figures themselves: throughput under the most demanding load, latency under the least.
fn table(context: &Context<'_>, html: &mut Html, comparison: &Comparison<'_>) {
    let (sizes, most) = (comparison.sizes(), comparison.most());
    let mut columns = vec!["Protocol".to_owned()];
    columns.extend(sizes.iter().map(|n| format!("tx/s{}, n = {n}", comparison.under(most))));
    columns.extend(sizes.iter().map(|n| format!("p50 ms{}, n = {n}", comparison.under(0))));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let row = |course: &Course<'_>| {
        let of = |n: u16| course.committees.iter().find(|committee| committee.nodes == n);
        let cell = |value: Option<f64>| Cell::figure(value.map_or("–".into(), words::number));
        let mut row = vec![Cell::Series(course.style, course.label.clone())];
        row.extend(sizes.iter().map(|&n| cell(of(n).and_then(|committee| committee.rate(most)))));
        row.extend(sizes.iter().map(|&n| cell(of(n).and_then(|committee| committee.median(0)))));
        row
    };
    html.element("details", &[], |html| {
        html.leaf("summary", &[], "The figures as tables");
        for setting in &comparison.settings {
            let rows: Vec<_> = setting.courses.iter().map(row).collect();
            html.table("comparison", &setting.title, &columns, &rows);
        }
        html.element("p", &[("class", "small")], |html| {
            html.text("Means over seeds. A dash: not run, or nothing was committed. ");
            context.data(html, "means.csv");
        });
    });
}

/// What committed nothing under one load or another, and why: in place of a point at zero.
fn idle(html: &mut Html, comparison: &Comparison<'_>) {
    let mut why: IndexMap<(&str, String), Vec<String>> = IndexMap::new();
    for setting in &comparison.settings {
        for course in &setting.courses {
            for committee in &course.committees {
                for load in 0..comparison.loads.len() {
                    let Some(group) = committee.under(load) else { continue };
                    let under = comparison.under(load);
                    let place = format!("{}{under}", title(setting, committee.nodes));
                    for silence in group.silences() {
                        let place = format!("{place}{}", silence.extent(group));
                        why.entry((&course.label, silence.why)).or_default().push(place);
                    }
                }
            }
        }
    }
    if why.is_empty() {
        return;
    }
    html.leaf("h3", &[], "Committed nothing");
    html.element("ul", &[("class", "idle")], |html| {
        for ((label, reason), places) in why {
            html.element("li", &[], |html| {
                html.leaf("b", &[], label);
                html.text(format!(" ({}): {reason}.", places.join("; ")));
            });
        }
    });
}
