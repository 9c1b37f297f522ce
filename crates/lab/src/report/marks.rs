//! How a series looks, everywhere in the report, and the small drawings that tables hold.
//!
//! A series is told by three things at once, so that neither colour-blind readers nor a
//! black-and-white printer lose one: a colour, a dash pattern, and a marker. The first seven colours are those
//! of Okabe & Ito (2008), the next eight others that stand apart from them, for the more protocols are
//! compared the less dashes tell. Colours are CSS variables (`--s0` …) with the light value as fall-back, so a
//! drawing follows the page into the dark and still stands alone when it is cut out of it.

use std::fmt::Write as _;

use kuva::plot::scatter::MarkerShape;

use super::html::escape_into;

/// The look of one series: its number in the order of first appearance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style(pub usize);

/// Okabe–Ito without its yellow, which white paper swallows, and eight more; the order keeps neighbours
/// apart.
const COLOURS: [&str; 15] = [
    "var(--s0, #0072b2)",
    "var(--s1, #d55e00)",
    "var(--s2, #009e73)",
    "var(--s3, #cc79a7)",
    "var(--s4, #e69f00)",
    "var(--s5, #56b4e9)",
    "var(--s6, #4d4d4d)",
    "var(--s7, #332288)",
    "var(--s8, #8c5a1e)",
    "var(--s9, #17803d)",
    "var(--s10, #b3123f)",
    "var(--s11, #8f8f1a)",
    "var(--s12, #0d7f92)",
    "var(--s13, #9440b8)",
    "var(--s14, #6f86a8)",
];
/// Eight patterns against fifteen colours: 120 series until a pair comes again.
const DASHES: [&str; 8] = ["", "7 3", "2 2", "9 3 2 3", "12 4", "5 2 1 2 1 2", "4 4", "1 4"];
const MARKERS: [MarkerShape; 8] = [
    MarkerShape::Circle,
    MarkerShape::Square,
    MarkerShape::Triangle,
    MarkerShape::Diamond,
    MarkerShape::TriangleDown,
    MarkerShape::Hexagon,
    MarkerShape::Star,
    MarkerShape::Pentagon,
];

impl Style {
    /// What stands behind the series that a figure is about.
    pub const QUIET: Self = Self(usize::MAX);

    /// The colour as SVG writes it.
    pub fn colour(self) -> &'static str {
        if self == Self::QUIET { "var(--quiet, #8a8a86)" } else { COLOURS[self.0 % COLOURS.len()] }
    }
    /// The dash pattern; empty for a solid line.
    pub fn dash(self) -> &'static str {
        if self == Self::QUIET { "" } else { DASHES[self.0 % DASHES.len()] }
    }
    /// The marker; none for the quiet one.
    pub fn marker(self) -> Option<MarkerShape> {
        (self != Self::QUIET).then(|| MARKERS[self.0 % MARKERS.len()])
    }
}

/// A piece of the series' line with its marker, for legends and tables.
pub(super) fn swatch(style: Style) -> String {
    let colour = style.colour();
    let dash = match style.dash() {
        "" => String::new(),
        dash => format!(" stroke-dasharray=\"{dash}\""),
    };
    let marker = style.marker().map_or(String::new(), |marker| marker_at(marker, 17.0, 6.0));
    format!(
        "<svg class=\"swatch\" viewBox=\"0 0 34 12\" width=\"34\" height=\"12\" \
         aria-hidden=\"true\">\
         <g fill=\"{colour}\" stroke=\"{colour}\"><line x1=\"1\" y1=\"6\" x2=\"33\" y2=\"6\" \
         stroke-width=\"2\"{dash}/>{marker}</g></svg>"
    )
}

pub(super) fn marker_at(marker: MarkerShape, x: f64, y: f64) -> String {
    let corners = match marker {
        MarkerShape::Square => 4,
        MarkerShape::Triangle | MarkerShape::TriangleDown => 3,
        MarkerShape::Diamond => 4,
        MarkerShape::Pentagon => 5,
        MarkerShape::Hexagon => 6,
        MarkerShape::Star => 10,
        _ => return format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"3.2\" stroke=\"none\"/>"),
    };
    // The angle of the first corner, in eighths of a turn, from straight up.
    let turn = match marker {
        MarkerShape::Square => 1.0,
        MarkerShape::TriangleDown => 4.0,
        _ => 0.0,
    };
    let mut points = String::new();
    for corner in 0..corners {
        let radius = if marker == MarkerShape::Star && corner % 2 == 1 { 1.9 } else { 4.2 };
        let angle = (turn / 8.0 + f64::from(corner) / f64::from(corners)) * std::f64::consts::TAU;
        let (px, py) = (x + radius * angle.sin(), y - radius * angle.cos());
        let _ = write!(points, "{px:.1},{py:.1} ");
    }
    format!("<polygon points=\"{}\" stroke=\"none\"/>", points.trim_end())
}

/// A bar of this share of the widest one.
pub(super) fn bar(share: f64, style: Style) -> String {
    let width = (share.clamp(0.0, 1.0) * 120.0).max(if share > 0.0 { 1.0 } else { 0.0 });
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 120 10\" width=\"120\" height=\"10\" \
         aria-hidden=\"true\">\
         <rect class=\"track\" width=\"120\" height=\"10\"/><rect width=\"{width:.1}\" \
         height=\"10\" fill=\"{}\"/></svg>",
        style.colour()
    )
}

/// One bar cut into the shares of all, named where there is room: who made how many blocks.
pub(super) fn shares(counts: &[u64], style: Style) -> String {
    const WIDTH: f64 = 360.0;
    let total: f64 = counts.iter().map(|&c| c as f64).sum();
    let mut out = format!(
        "<svg class=\"shares\" viewBox=\"0 0 {WIDTH} 20\" width=\"{WIDTH}\" height=\"20\" \
         role=\"img\" aria-label=\""
    );
    let named = counts.iter().enumerate().filter(|&(_, &c)| c > 0).take(32);
    let names: Vec<_> = named.map(|(i, c)| format!("r{i} {c}")).collect();
    escape_into(&mut out, &format!("blocks by producer: {}", names.join(", ")));
    let _ = write!(out, "\"><rect class=\"track\" width=\"{WIDTH}\" height=\"20\"/>");
    let mut x = 0.0;
    for (i, &count) in counts.iter().enumerate().filter(|&(_, &c)| c > 0 && total > 0.0) {
        let width = count as f64 / total * WIDTH;
        let gap = if width > 4.0 { 1.5 } else { 0.0 };
        let _ = write!(
            out,
            "<rect x=\"{x:.1}\" width=\"{:.1}\" height=\"20\" fill=\"{}\"/>",
            width - gap,
            style.colour()
        );
        if width > 26.0 {
            let middle = x + (width - gap) / 2.0;
            let _ = write!(out, "<text x=\"{middle:.1}\" y=\"14\">r{i}</text>");
        }
        x += width;
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_of_120_series_look_alike() {
        let looks: std::collections::BTreeSet<_> =
            (0..120).map(|i| (Style(i).colour(), Style(i).dash())).collect();
        assert_eq!(looks.len(), 120);
    }

    #[test]
    fn shares_without_blocks_are_an_empty_bar() {
        assert_eq!(shares(&[0, 0], Style(0)).matches("<rect").count(), 1);
        assert_eq!(shares(&[1, 3], Style(0)).matches("<rect").count(), 3);
    }
}
