//! Ticks at the values that were run, where a swept value is the axis: the library has none of its own
//! choosing, so these are drawn around what it draws.

use std::fmt::Write as _;

use super::{BOTTOM, Chart, LEFT, LETTER, Range, TOP, words};

/// More values than this are no ticks.
const TICKS_MAX: usize = 10;
/// Between two labels.
const GAP: f64 = 4.0;

/// Where ticks stand across a chart, in its units, and what is written below them.
pub(super) type Ticks = Vec<(f64, String)>;

impl Chart {
    /// The ticks at the values of the horizontal axis; nothing if it names none, or if they are so many or so near
    /// to each other that they could not be read.
    pub(super) fn ticks(&self, x: Range) -> Option<Ticks> {
        let mut values: Vec<f64> = self.x.values.clone();
        values.retain(|value| (x.from..=x.to).contains(value));
        values.sort_by(f64::total_cmp);
        values.dedup();
        if values.is_empty() || values.len() > TICKS_MAX {
            return None;
        }
        let place = |value: f64| LEFT + x.share(value) * self.inner_width();
        let ticks: Ticks = values.into_iter().map(|v| (place(v), words::tick(v))).collect();
        let half = |text: &str| text.chars().count() as f64 * LETTER / 2.0;
        let apart = |pair: &[(f64, String)]| {
            pair[1].0 - half(&pair[1].1) - pair[0].0 - half(&pair[0].1) >= GAP
        };
        ticks.windows(2).all(apart).then_some(ticks)
    }

    /// The lines of the grid that stand on the ticks: below all else.
    pub(super) fn grid(&self, ticks: &Ticks) -> String {
        let mut out = String::new();
        let bottom = self.size.height() - BOTTOM;
        for (x, _) in ticks.iter().filter(|tick| tick.0 > LEFT + 1.0) {
            let _ = write!(
                out,
                "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" \
                 stroke=\"var(--grid, #e7e5df)\" stroke-width=\"1\"/>"
            );
        }
        out
    }

    /// The ticks themselves and their labels, as the library makes those of the other axis.
    pub(super) fn marked(&self, ticks: &Ticks) -> String {
        let mut out = String::new();
        let bottom = self.size.height() - BOTTOM;
        for (x, label) in ticks {
            let _ = write!(
                out,
                "<line x1=\"{x:.1}\" y1=\"{bottom}\" x2=\"{x:.1}\" y2=\"{:.1}\" \
                 stroke=\"var(--axis, #8a8a86)\" stroke-width=\"1\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"11\" text-anchor=\"middle\">{label}</text>",
                bottom + 4.0,
                bottom + 14.2,
            );
        }
        out
    }
}
