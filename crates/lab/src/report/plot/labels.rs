//! Names of lines beside their ends: in a column at the right edge, apart from each other, each with its
//! marker and a thin line to the last point of its own.

use std::fmt::Write as _;

use super::{BOTTOM, Chart, LEFT, Line, Range, TOP, escape_into, marker_at, visible};

/// The least distance of two labels.
const GAP: f64 = 12.5;
/// Between the end of the axis and the labels.
const REACH: f64 = 16.0;

/// A label and the point that it names, in the chart's units.
struct Label<'a> {
    line: &'a Line,
    x: f64,
    y: f64,
}

impl Chart {
    /// The labels as SVG.
    pub(super) fn labels(&self, x: Range, y: Range) -> String {
        let (width, height) = (self.inner_width(), self.size.height() - TOP - BOTTOM);
        let label = |line| {
            let (at, level) = Line::points(line).last()?;
            let (x, y) = (LEFT + x.share(at) * width, TOP + (1.0 - y.share(level)) * height);
            (x.is_finite() && y.is_finite()).then_some(Label { line, x, y })
        };
        let named = self.lines.iter().filter(|line| !line.label.is_empty());
        let mut labels: Vec<Label<'_>> = named.filter_map(label).collect();
        labels.sort_by(|a, b| a.y.total_cmp(&b.y));
        let wanted: Vec<f64> = labels.iter().map(|label| label.y).collect();
        let edge = LEFT + width;
        let mut out = String::new();
        for (label, y) in labels.iter().zip(apart(&wanted, TOP, TOP + height)) {
            let (colour, Label { x, y: from, .. }) = (label.line.style.colour(), label);
            let (bend, end) = (edge + 4.0, edge + REACH);
            let marker = label.line.style.marker();
            let marker = marker.map_or(String::new(), |shape| marker_at(shape, end, y));
            let _ = write!(
                out,
                "<polyline points=\"{x:.1},{from:.1} {bend:.1},{y:.1} {end:.1},{y:.1}\" fill=\"none\" \
                 stroke=\"{colour}\" stroke-width=\"0.7\" opacity=\"0.6\"/>\
                 <g fill=\"{colour}\">{marker}</g>\
                 <text class=\"line-label\" x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" \
                 fill=\"var(--ink, #1f1e1b)\">",
                end + 7.0,
                y + 3.8,
            );
            let text: String = label.line.label.chars().map(visible).collect();
            escape_into(&mut out, &text);
            out.push_str("</text>");
        }
        out
    }
}

/// Places near the wanted ones, which rise: apart by [`GAP`], moved as little as that takes, and between
/// the ends as far as there is room.
fn apart(wanted: &[f64], from: f64, to: f64) -> Vec<f64> {
    // Without the gaps, places need but rise; what would fall moves together to its mean.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for (number, want) in wanted.iter().enumerate() {
        let mut block = (want - number as f64 * GAP, 1);
        while let Some(&(mean, count)) = blocks.last().filter(|last| last.0 > block.0) {
            let all = count + block.1;
            block = ((mean * count as f64 + block.0 * block.1 as f64) / all as f64, all);
            blocks.pop();
        }
        blocks.push(block);
    }
    let last = (to - wanted.len().saturating_sub(1) as f64 * GAP).max(from);
    let bases = blocks.iter().flat_map(|&(base, count)| vec![base.clamp(from, last); count]);
    bases.enumerate().map(|(number, base)| base + number as f64 * GAP).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_moved_apart_and_no_further() {
        assert_eq!(apart(&[10.0, 50.0], 0.0, 100.0), [10.0, 50.0], "these are");
        let moved = apart(&[50.0, 50.0, 50.0], 0.0, 100.0);
        assert_eq!(moved, [50.0 - GAP, 50.0, 50.0 + GAP]);
        let at_the_edge = apart(&[1.0, 1.0, 99.0, 99.0], 0.0, 100.0);
        assert_eq!(at_the_edge, [0.0, GAP, 100.0 - GAP, 100.0]);
        let crowd = apart(&[5.0; 20], 0.0, 100.0);
        assert!(crowd.windows(2).all(|pair| pair[1] - pair[0] > GAP - 1e-9), "room or not");
        assert!(apart(&[], 0.0, 100.0).is_empty());
    }
}
