//! Figures with axes. The one place that knows the plotting library (kuva).
//!
//! A [`Chart`] says what is to be seen; [`Chart::draw`] makes an SVG of it that scales with the
//! page, follows its colours, and shares no name with another SVG on it.

mod labels;
#[cfg(test)]
mod tests;
mod ticks;

use std::{fmt::Write as _, sync::Arc};

use kuva::{
    TickFormat,
    plot::{
        LinePlot, ScatterPlot,
        annotations::{ReferenceLine, ShadedRegion, TextAnnotation},
        band::BandPlot,
        line::LineStyle,
    },
    prelude::{Layout, Plot, Theme},
};

use super::{
    html::{escape_into, visible},
    marks::{Style, marker_at},
    words,
};

const LEFT: f64 = 68.0;
const RIGHT: f64 = 16.0;
/// The right margin where lines have labels.
const RIGHT_LABELLED: f64 = 110.0;
const BOTTOM: f64 = 46.0;
const TOP: f64 = 10.0;
/// The radius of a marker.
const MARKER: f64 = 3.3;
/// The mean width of a letter of fault labels.
const LETTER: f64 = 5.6;

/// How large a chart is in its own units, about the pixels of a page on a screen: a unit of type is
/// one size on all charts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Size {
    /// As wide as the page.
    #[default]
    Wide,
    /// Two beside each other.
    Half,
    /// Two beside each other, high enough for many lines.
    Tall,
}

impl Size {
    const fn width(self) -> f64 {
        match self {
            Self::Wide => 1000.0,
            Self::Half | Self::Tall => 490.0,
        }
    }
    const fn height(self) -> f64 {
        match self {
            Self::Wide => 260.0,
            Self::Half => 230.0,
            Self::Tall => 300.0,
        }
    }
}

/// How intervals and ranges are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ends {
    /// A bar with ends at each point.
    #[default]
    Bar,
    /// A band around the line.
    Band,
    /// A thin line through each point, of which many may stand at one place.
    Span,
}

/// Points of one line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its look.
    pub style: Style,
    /// Its points by rising x; a new piece begins after a gap.
    pub pieces: Vec<Vec<(f64, f64)>>,
    /// Lower and upper ends of an interval, or of a range, at each point of all pieces together; empty
    /// for none.
    pub intervals: Vec<(f64, f64)>,
    /// How these are drawn.
    pub ends: Ends,
    /// Whether values hold until the next point.
    pub step: bool,
    /// A marker at every point so far from the last; 1 for each.
    pub marker_every: usize,
    /// Whether markers grow from the first point to the last.
    pub growing: bool,
    /// What stands beside its last point; empty for nothing.
    pub label: String,
}

impl Line {
    /// A line without gaps.
    pub fn new(style: Style, points: Vec<(f64, f64)>) -> Self {
        Self::broken(style, vec![points])
    }
    /// A line in pieces.
    pub fn broken(style: Style, pieces: Vec<Vec<(f64, f64)>>) -> Self {
        Self {
            style,
            pieces,
            intervals: Vec::new(),
            ends: Ends::Bar,
            step: false,
            marker_every: 1,
            growing: false,
            label: String::new(),
        }
    }
    /// All points, those of all pieces.
    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.pieces.iter().flatten().copied()
    }
}

/// One axis.
#[derive(Clone, Debug, Default)]
pub(super) struct Axis {
    /// What it measures, with the unit.
    pub label: String,
    /// Whether it is logarithmic; if any value is 0 or less it stays linear.
    pub log: bool,
    /// The least range that it shows.
    pub show: Option<(f64, f64)>,
    /// Of a horizontal axis the values that were run: ticks stand there, if there is room.
    pub values: Vec<f64>,
}

impl Axis {
    /// A linear axis.
    pub fn linear(label: &str) -> Self {
        Self { label: label.to_owned(), ..Self::default() }
    }
    /// A logarithmic axis.
    pub fn log(label: &str) -> Self {
        Self { label: label.to_owned(), log: true, ..Self::default() }
    }
    /// Shows at least this range.
    pub fn showing(mut self, from: f64, to: f64) -> Self {
        self.show = Some((from, to));
        self
    }
    /// Has ticks at these values, if they are few and apart.
    pub fn at(mut self, values: impl IntoIterator<Item = f64>) -> Self {
        self.values = values.into_iter().collect();
        self
    }
}

/// A moment that a vertical line marks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    /// Where.
    pub x: f64,
    /// What happened.
    pub label: String,
}

/// A figure with axes.
#[derive(Clone, Debug, Default)]
pub(super) struct Chart {
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, the last on top.
    pub lines: Vec<Line>,
    /// Marked moments.
    pub faults: Vec<Fault>,
    /// Shaded spans of x.
    pub outages: Vec<(f64, f64)>,
    /// How large it is.
    pub size: Size,
}

impl Chart {
    /// The chart as SVG; `name` is used once on the page, `alt` says what is to be seen.
    pub fn draw(&self, name: &str, alt: &str) -> String {
        let (x, y) = (self.range(&self.x, |p| p.0), self.range(&self.y, |p| p.1));
        let mut plots = Vec::new();
        for line in &self.lines {
            line.plot(y.from, &mut plots);
        }
        if plots.is_empty() {
            // The library draws no axes without a plot.
            plots.push(LinePlot::new().with_data([(x.from, y.from)]).into());
        }
        let mut layout = Layout::auto_from_plots(&plots)
            .with_width(self.size.width())
            .with_height(self.size.height())
            .with_theme(theme())
            .with_x_label(plain(&self.x.label))
            .with_y_label(plain(&self.y.label))
            .with_tick_size(11)
            .with_label_size(12)
            .with_axis_line_width(1.0)
            .with_grid_line_width(1.0)
            .with_tick_length(4.0)
            .with_clamp_axis()
            .with_x_axis_min(x.from)
            .with_x_axis_max(x.to)
            .with_y_axis_min(y.from)
            .with_y_axis_max(y.to)
            .with_x_tick_format(ticks())
            .with_y_tick_format(ticks())
            .with_x_label_offset(0.0, -2.0)
            .with_force_margins(LEFT, self.right())
            .with_force_margins_y(TOP, BOTTOM);
        if x.log {
            layout = layout.with_log_x();
        }
        if y.log {
            layout = layout.with_log_y();
        }
        let ticks = self.ticks(x);
        if ticks.is_some() {
            // The library's own: none within the axis, and none written.
            layout = layout.with_x_tick_step(2.0 * x.to.abs().max(x.from.abs()));
            layout.suppress_x_ticks = true;
        }
        for &(from, to) in &self.outages {
            let region = ShadedRegion::vertical(from, to.min(x.to));
            layout = layout
                .with_shaded_region(region.with_color("var(--quiet, #8a8a86)").with_opacity(0.13));
        }
        let svg = kuva::render_to_svg(plots, self.mark_faults(layout, x, y));
        let ticks = ticks.unwrap_or_default();
        let around = (self.grid(&ticks), self.marked(&ticks) + &self.labels(x, y));
        self.adopt(&svg, &around, name, alt)
    }

    /// Vertical lines with labels in lanes, so that near moments stay readable.
    fn mark_faults(&self, mut layout: Layout, x: Range, y: Range) -> Layout {
        let mut lanes: Vec<f64> = Vec::new();
        for fault in self.faults.iter().filter(|f| f.x <= x.to) {
            let line = ReferenceLine::vertical(fault.x).with_color("var(--fault, #55534e)");
            layout = layout.with_reference_line(line.with_stroke_width(1.0).with_dasharray("3 3"));
            let across = (fault.x - x.from) / (x.to - x.from);
            let width = fault.label.chars().count() as f64 * LETTER / self.inner_width();
            // Near the right edge the label stands left of its line.
            let left = if across + width > 0.99 { across - width - 0.008 } else { across + 0.008 };
            let lane = lanes.iter().position(|&end| end < left).unwrap_or(lanes.len());
            if lane >= 3 {
                continue;
            }
            lanes.resize(lanes.len().max(lane + 1), 0.0);
            lanes[lane] = left + width + 0.01;
            let at = x.at(left + width / 2.0);
            let height = y.at(1.0 - 0.1 - 0.08 * lane as f64);
            let text = TextAnnotation::new(plain(&fault.label), at, height);
            layout =
                layout.with_annotation(text.with_color("var(--fault, #55534e)").with_font_size(11));
        }
        layout
    }

    fn inner_width(&self) -> f64 {
        self.size.width() - LEFT - self.right()
    }
    fn right(&self) -> f64 {
        let labelled = self.lines.iter().any(|line| !line.label.is_empty());
        if labelled { RIGHT_LABELLED } else { RIGHT }
    }

    /// The range that an axis shows, a little wider than the values.
    fn range(&self, axis: &Axis, value: fn((f64, f64)) -> f64) -> Range {
        let vertical = value((0.0, 1.0)) > 0.0;
        let ends = self.lines.iter().flat_map(|l| &l.intervals).flat_map(|&(lo, hi)| [lo, hi]);
        let values: Vec<f64> = self
            .lines
            .iter()
            .flat_map(Line::points)
            .map(value)
            // A range that reaches down to nothing does not end a logarithmic axis.
            .chain(ends.filter(|&end| vertical && (!axis.log || end > 0.0)))
            .chain(axis.show.into_iter().flat_map(|(from, to)| [from, to]))
            .filter(|v| v.is_finite())
            .collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if values.is_empty() {
            return Range { from: 0.0, to: 1.0, log: false };
        }
        if axis.log && least > 0.0 {
            return self.decades(axis, least, most, vertical);
        }
        let head = if self.faults.is_empty() { 1.06 } else { 1.2 };
        let (from, to) = match (vertical, axis.show) {
            (true, _) => (least.min(0.0), least.min(0.0) + (most - least.min(0.0)) * head),
            // All of the last marker.
            (false, Some(_)) => (least, most + (most - least) * 0.005),
            // Room for the first and the last marker; not beyond 0 without need.
            (false, None) => {
                let room = if most > least { (most - least) * 0.04 } else { most.abs() * 0.1 };
                (if least >= 0.0 { (least - room).max(0.0) } else { least - room }, most + room)
            }
        };
        Range { from, to: if to > from { to } else { from + 1.0 }, log: false }
    }

    /// A logarithmic range: whole decades, so that there are ticks (at 1, 2 and 5), or a little more
    /// than the values where these span enough for two, or are the ticks.
    fn decades(&self, axis: &Axis, least: f64, most: f64, vertical: bool) -> Range {
        let head = if vertical && !self.faults.is_empty() { 5.0 } else { 1.3 };
        if most / least >= 4.0 || (!vertical && !axis.values.is_empty()) {
            return Range { from: least / 1.3, to: most * head, log: true };
        }
        let from = 10_f64.powf(least.log10().floor());
        let to = 10_f64.powf(most.log10().ceil()).max(from * 10.0);
        Range { from, to: if head > 2.0 { to.max(most * head) } else { to }, log: true }
    }

    /// Makes the library's SVG one of the page: it scales, has a name and a text, and ids of its
    /// own.
    ///
    /// `around` is what is drawn below all of it, and above.
    fn adopt(&self, svg: &str, around: &(String, String), name: &str, alt: &str) -> String {
        let body = svg.split_once("-->").map_or(svg, |(_, body)| body);
        let (width, height) = (self.size.width(), self.size.height());
        let mut out = format!(
            "<svg class=\"chart\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\""
        );
        escape_into(&mut out, alt);
        out.push_str("\">");
        let (body, end) = body.rsplit_once("</svg>").unwrap_or((body, ""));
        out.push_str(&around.0);
        out.push_str(&renamed(body, name));
        out.push_str(&around.1);
        out.push_str("</svg>");
        out.push_str(end);
        out
    }
}

/// `svg` with its clip paths named after `name` and numbered from 0; the library numbers them
/// through the life of the process, so that equal charts would differ.
fn renamed(svg: &str, name: &str) -> String {
    const MARK: &str = "kuva-clip-";
    let mut numbers: Vec<&str> = Vec::new();
    let mut parts = svg.split(MARK);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(end);
        let place = numbers.iter().position(|&known| known == number).unwrap_or_else(|| {
            numbers.push(number);
            numbers.len() - 1
        });
        let _ = write!(out, "{name}-clip-{place}{rest}");
    }
    out
}

#[derive(Clone, Copy, Debug)]
struct Range {
    from: f64,
    to: f64,
    log: bool,
}

impl Range {
    /// The value at this share of the axis.
    fn at(self, share: f64) -> f64 {
        if self.log {
            return self.from * (self.to / self.from).powf(share);
        }
        self.from + share * (self.to - self.from)
    }
    /// The share of the axis at which this value lies.
    fn share(self, value: f64) -> f64 {
        if self.log {
            return (value / self.from).ln() / (self.to / self.from).ln();
        }
        (value - self.from) / (self.to - self.from)
    }
}

impl Line {
    /// The line on an axis that ends below at `floor`.
    fn plot(&self, floor: f64, plots: &mut Vec<Plot>) {
        let colour = self.style.colour();
        let mut offset = 0;
        for piece in self.pieces.iter().filter(|piece| !piece.is_empty()) {
            let intervals: &[(f64, f64)] =
                self.intervals.get(offset..offset + piece.len()).unwrap_or_default();
            offset += piece.len();
            let mut line = LinePlot::new()
                .with_data(piece.iter().copied())
                .with_color(colour)
                .with_stroke_width(if self.style == Style::QUIET { 1.4 } else { 1.9 });
            if !self.style.dash().is_empty() {
                line = line.with_line_style(LineStyle::Custom(self.style.dash().to_owned()));
            }
            if self.step {
                line = line.with_step();
            }
            if intervals.is_empty() {
                // Nothing but the line.
            } else if self.ends == Ends::Span {
                for (&(x, _), &(low, high)) in piece.iter().zip(intervals) {
                    let span = LinePlot::new().with_data([(x, low.max(floor)), (x, high)]);
                    plots.push(span.with_color(colour).with_stroke_width(1.0).into());
                }
            } else if self.ends == Ends::Band {
                let band = BandPlot::new(
                    piece.iter().map(|p| p.0),
                    intervals.iter().map(|i| i.0),
                    intervals.iter().map(|i| i.1),
                );
                plots.push(band.with_color(colour).with_opacity(0.16).into());
            } else {
                let ends = piece.iter().zip(intervals);
                line = line.with_y_err_asymmetric(
                    ends.map(|(p, i)| ((p.1 - i.0.max(floor)).max(0.0), (i.1 - p.1).max(0.0))),
                );
            }
            plots.push(line.into());
            self.mark(piece, plots);
        }
    }

    /// Markers, each series beginning elsewhere, so that equal lines show all their markers.
    fn mark(&self, piece: &[(f64, f64)], plots: &mut Vec<Plot>) {
        let Some(marker) = self.style.marker() else { return };
        let every = self.marker_every.max(1);
        let start = if every > 1 { (self.style.0 * 2 + 1) % every } else { 0 };
        let points: Vec<_> = piece.iter().copied().skip(start).step_by(every).collect();
        let draw = |points: Vec<(f64, f64)>, size: f64| {
            let scatter = ScatterPlot::new().with_data(points).with_color(self.style.colour());
            scatter.with_size(size).with_marker(marker).into()
        };
        if self.growing {
            let sizes = (0..).map(|place| 2.4 + 0.8 * f64::from(place));
            plots
                .extend(points.into_iter().zip(sizes).map(|(point, size)| draw(vec![point], size)));
        } else if !points.is_empty() {
            plots.push(draw(points, MARKER));
        }
    }
}

fn ticks() -> TickFormat {
    TickFormat::Custom(Arc::new(words::tick))
}

fn theme() -> Theme {
    Theme {
        background: "none".into(),
        axis_color: "var(--axis, #8a8a86)".into(),
        grid_color: "var(--grid, #e7e5df)".into(),
        tick_color: "var(--axis, #8a8a86)".into(),
        text_color: "var(--soft, #55534e)".into(),
        font_family: None,
        ..Theme::light()
    }
}

/// Text for the library, which takes `$…$` for formulas and escapes no more than XML needs.
fn plain(text: &str) -> String {
    text.chars().map(visible).collect::<String>().replace('$', "\\$")
}
