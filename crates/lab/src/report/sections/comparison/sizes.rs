//! Over the size of the committee: throughput, or latency where throughput is the same for all.

use super::{
    super::super::{
        html::Html,
        model::Model,
        page::Context,
        plot::{Axis, Ends, Line},
        stats::Median,
        words,
    },
    draw, drawn,
    settings::{Committee, Comparison, Course, Setting},
    several,
};

/// How much of the least distance between two sizes the points of one size take, at most.
const SPREAD: f64 = 0.4;
/// And how much of it is between two of them, at most.
const STEP: f64 = 0.04;

/// What caption says of seeds.
const SEEDS: &str = " Points are medians over seeds, thin upright lines range from the least to the most of them; \
                     points of one size stand side by side.";
/// And of those that committed nothing, which have no latency.
const SILENT_SEEDS: &str =
    " A line that reaches the axis below is of a seed that committed nothing.";

/// What is looked at, under the most demanding load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Throughput,
    Latency,
}

impl Measure {
    fn of(comparison: &Comparison<'_>) -> Self {
        if comparison.level().is_some() { Self::Latency } else { Self::Throughput }
    }
    /// What `committee` came to; nothing if it committed nothing.
    fn value(self, comparison: &Comparison<'_>, committee: &Committee<'_>) -> Option<Median> {
        let most = comparison.most();
        match self {
            Self::Throughput => committee.rate(most),
            Self::Latency => committee.latency(most),
        }
        .filter(|median| median.value > 0.0)
    }
    fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Latency => "median latency",
        }
    }
    /// The unit: as axes and as sentences have it.
    fn units(self) -> (&'static str, &'static str) {
        match self {
            Self::Throughput => ("tx/s", "transactions/s"),
            Self::Latency => ("ms", "milliseconds"),
        }
    }
}

/// What the first setting shows, in a sentence: what each protocol comes to from the smallest to the largest
/// committee, those that lose least first.
pub(super) fn told(model: &Model) -> Option<String> {
    let comparison = Comparison::of(model)?;
    let (setting, measure) = (comparison.settings.first()?, Measure::of(&comparison));
    let course = |course: &Course<'_>| {
        let [first, .., last] = &course.committees[..] else { return None };
        let before = measure.value(&comparison, first)?.value;
        let after = measure.value(&comparison, last).map_or(0.0, |median| median.value);
        let (from, to) = (words::number(before), words::number(after));
        let loss = if measure == Measure::Throughput { before / after } else { after / before };
        Some((loss, format!("{} from {from} to {to}", course.label)))
    };
    let mut courses: Vec<_> = setting.courses.iter().filter_map(course).collect();
    courses.sort_by(|a, b| a.0.total_cmp(&b.0));
    let courses: Vec<_> = courses.into_iter().map(|(_, text)| text).collect();
    let (sizes, title) = (comparison.sizes(), &setting.title);
    let (least, most) = (sizes.first()?, sizes.last()?);
    (!courses.is_empty()).then(|| {
        format!(
            "{title}, from {least} to {most} replicas the {}{} goes, in {}: {}.",
            measure.name(),
            comparison.under(comparison.most()),
            measure.units().1,
            words::list(&courses)
        )
    })
}

pub(super) fn figure(context: &Context<'_>, html: &mut Html, comparison: &Comparison<'_>) {
    let measure = Measure::of(comparison);
    let sizes: Vec<f64> = comparison.sizes().into_iter().map(f64::from).collect();
    let lines = |setting: &Setting<'_>| -> Vec<Line> {
        let line = |of: &Course<'_>| line(context.model, comparison, measure, of);
        let mut lines: Vec<Line> = setting.courses.iter().filter_map(line).collect();
        if several(context.model) {
            side_by_side(&mut lines, &sizes);
        }
        lines
    };
    let panels: Vec<_> = comparison.settings.iter().map(|s| (s.title.clone(), lines(s))).collect();
    let label = format!("{} ({})", measure.name(), measure.units().0);
    let axes = (Axis::log("replicas").at(sizes.iter().copied()), Axis::log(&label));
    let caption = caption(context.model, comparison, measure);
    let what = format!("{} over replicas", measure.name());
    draw(context, html, comparison, &panels, &caption, (&what, axes));
}

fn caption(model: &Model, comparison: &Comparison<'_>, measure: Measure) -> String {
    let loads = match comparison.loads.len() {
        1 => "",
        _ => ", of all loads the one of which clients sent the most",
    };
    let mut caption = format!(
        "{} over the size of the committee{}{loads}; both axes logarithmic, and the same in all panels.",
        words::capital(measure.name()),
        comparison.under(comparison.most()),
    );
    match comparison.level() {
        None => caption.push_str(
            " What one leader's uplink bounds falls as 1/(n − 1); a level line is a protocol that loses nothing \
             as the committee grows.",
        ),
        Some((least, most)) => caption.push_str(&format!(
            " Throughput is about the same everywhere, {} to {} transactions/s, and does not tell the \
             protocols apart.",
            words::number(least),
            words::number(most)
        )),
    }
    if several(model) {
        caption.push_str(SEEDS);
        caption.push_str(if measure == Measure::Throughput { SILENT_SEEDS } else { "" });
    }
    caption
}

/// A protocol's line with its name at the end. A committee that committed nothing is a gap, and has its words
/// elsewhere.
fn line(
    model: &Model,
    comparison: &Comparison<'_>,
    measure: Measure,
    course: &Course<'_>,
) -> Option<Line> {
    let at = |committee: &Committee<'_>| {
        Some((f64::from(committee.nodes), measure.value(comparison, committee)?))
    };
    let places: Vec<_> = course.committees.iter().map(at).collect();
    let pieces = places.split(Option::is_none).map(|piece| {
        piece.iter().flatten().map(|(nodes, median)| (*nodes, median.value)).collect()
    });
    let mut line = drawn(course, pieces.collect())?;
    line.label.clone_from(&course.label);
    if several(model) {
        let medians = places.iter().flatten().map(|(_, median)| median);
        line.intervals = medians.map(|median| (median.least, median.most)).collect();
        line.ends = Ends::Span;
    }
    Some(line)
}

/// Moves lines a little to the sides, so that ranges at one size do not lie over each other.
fn side_by_side(lines: &mut [Line], sizes: &[f64]) {
    let nearest = sizes.windows(2).map(|pair| pair[1] / pair[0]).fold(f64::INFINITY, f64::min);
    let count = lines.len() as f64;
    let step = STEP.min(SPREAD / count);
    for (number, line) in lines.iter_mut().enumerate() {
        let factor = nearest.powf(step * (number as f64 - (count - 1.0) / 2.0));
        line.pieces.iter_mut().flatten().for_each(|point| point.0 *= factor);
    }
}
