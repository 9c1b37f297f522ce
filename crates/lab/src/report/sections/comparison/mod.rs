//! Many protocols in many settings: throughput over the committee, and throughput against latency.
//!
//! Drawn where a sweep has settings with names (`[sweep.network] lan = { … }`), one panel a setting.
//! Nothing is drawn that was not run: over sizes stands throughput under the most demanding load (or latency,
//! where throughput is the same for all), in the table latency under the least, and against each other stand
//! figures of the same runs, a mark for each load. With several seeds each is the median, for what is down or
//! slow is often drawn by lot from the seed, and a few bad draws would make a mean of nothing that ever happened;
//! beside it stands the range.

mod settings;
mod sizes;

use indexmap::IndexMap;

use super::{
    super::{
        html::{Cell, Html},
        model::Model,
        page::Context,
        plot::{Axis, Chart, Line, Size},
        stats::Median,
        words,
    },
    legend_of,
};
use settings::{Comparison, Course, Setting};

pub(super) fn section(context: &Context<'_>, html: &mut Html) {
    let Some(comparison) = Comparison::of(context.model) else { return };
    html.element("section", &[("id", "comparison")], |html| {
        html.leaf("h2", &[], "The comparison");
        let sizes = comparison.sizes().len() > 1;
        if sizes {
            sizes::figure(context, html, &comparison);
        }
        // With throughput the same everywhere that figure has said all.
        if !sizes || comparison.loads.len() > 1 || comparison.level().is_none() {
            latencies(context, html, &comparison);
        }
        table(context, html, &comparison);
        idle(html, &comparison);
    });
}

/// Whether there is a comparison.
pub(in super::super) fn is_drawn(model: &Model) -> bool {
    Comparison::of(model).is_some()
}

/// What the first setting shows, in a sentence: see [`sizes`].
pub(in super::super) fn told(model: &Model) -> Option<String> {
    sizes::told(model)
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
         in all panels; down and to the right is better.{}",
        words::list(&shown.iter().map(u16::to_string).collect::<Vec<_>>()),
        if several(context.model) { " Marks are medians over seeds." } else { "" },
    );
    let lines = |setting: &Setting<'_>, nodes: u16| -> Vec<Line> {
        let line = |course: &Course<'_>| {
            let committee = course.committees.iter().find(|c| c.nodes == nodes)?;
            let growing = comparison.loads.len() > 1;
            // Lines end anywhere; from there to its name each would cross the others.
            let label = if growing { String::new() } else { course.label.clone() };
            drawn(course, vec![committee.marks()]).map(|line| Line { growing, label, ..line })
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

/// The line of a course; none without points.
fn drawn(course: &Course<'_>, pieces: Vec<Vec<(f64, f64)>>) -> Option<Line> {
    let some = pieces.iter().any(|piece| !piece.is_empty());
    some.then(|| Line::broken(course.style, pieces))
}

/// Whether anything was run with more than one seed.
fn several(model: &Model) -> bool {
    model.groups.iter().any(|group| group.runs.len() > 1)
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
    // Ranges too, but for those down to nothing.
    let spans = panels.iter().flat_map(|(_, lines)| lines).flat_map(|line| &line.intervals);
    let spans = || spans.clone().flat_map(|&(least, most)| [least, most]).filter(|v| *v > 0.0);
    let (y_least, y_most) = (spans().fold(y_least, f64::min), spans().fold(y_most, f64::max));
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
        let cell = |value: Option<Median>| match value {
            Some(median) => Cell::Figure(words::number(median.value), words::range(median)),
            None => Cell::figure("–"),
        };
        let mut row = vec![Cell::Series(course.style, course.label.clone())];
        row.extend(sizes.iter().map(|&n| cell(of(n).and_then(|committee| committee.rate(most)))));
        row.extend(sizes.iter().map(|&n| cell(of(n).and_then(|committee| committee.latency(0)))));
        row
    };
    html.element("details", &[], |html| {
        html.leaf("summary", &[], "The figures as tables");
        for setting in &comparison.settings {
            let rows: Vec<_> = setting.courses.iter().map(row).collect();
            html.table("comparison", &setting.title, &columns, &rows);
        }
        html.element("p", &[("class", "small")], |html| {
            if several(context.model) {
                html.text(
                    "Medians over seeds, below them the range; of latencies, over the seeds that \
                     committed something. ",
                );
            }
            html.text("A dash: not run, or nothing was committed. ");
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
