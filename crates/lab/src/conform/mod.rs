//! What protocols promise against what they do: `byzlab conform`.
//!
//! Every entry of the table declares its [theory](byzlab_core::theory), whose conventions hold here.
//! A [`Sheet`] is one variant's promises, each beside its measurement in `sim`:
//!
//! - Latency, period and messages ([`good_case`]): constant δ, free computing, something always
//!   waits; counted over whole rounds of leaders, exactly.
//! - Responsiveness ([`responsive`]): the same with timeouts ten times as long, and with δ half as long;
//!   and how long it takes to commit again once a [crashed](crash) leader is given up.
//! - View change ([`view_change`]): the leader crashes; messages of the kinds that only a view change
//!   sends, for the last view given up, and all messages of the crashed one's turn.
//! - Resilience ([`faults`]): f crashed, f twins: safe and live; f + 1 crashed: a stall; f + 1 that
//!   lie: a violation, or a stall.
//! - Work ([`mined`]): intervals and forks by the odds, and private miners.
//!
//! What is exact is compared exactly. Where chance has a say, the row states the tolerance.
//!
//! A crate of one's own has the same as tests, [`keeps_promises`] and [`survives_swarms`]:
//!
//! ```no_run
//! # use byzlab::{conform::{self, Broken}, core::Entry};
//! # const ENTRY: Entry = byzlab::protocols::hotstuff::HOTSTUFF;
//! // #[test]
//! fn it_keeps_its_promises() -> Result<(), Broken> {
//!     conform::keeps_promises(ENTRY)
//! }
//! ```

pub mod crash;
mod document;
pub mod faults;
pub mod good_case;
pub mod mined;
pub mod responsive;
pub mod swarms;
mod verdict;
pub mod view_change;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use byzlab_core::{
    BuildError, Entry, Span, Theory,
    theory::{Delays, Timing},
};
use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use serde::Serialize;

pub use document::markdown;
pub use verdict::{Broken, keeps_promises, survives_swarms};

use crate::runner::said;

/// One promise, and what was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What is promised: `"messages a decision"`.
    pub promise: String,
    /// In which setting: `"n = 4, 7"`.
    pub setting: String,
    /// By theory.
    pub promised: String,
    /// By measurement.
    pub measured: String,
    /// Whether the two agree.
    pub holds: bool,
}

impl Row {
    fn new(promise: &str, setting: impl Into<String>) -> Self {
        let (promised, measured) = (String::new(), String::new());
        Self { promise: promise.into(), setting: setting.into(), promised, measured, holds: false }
    }
    fn promised(self, promised: impl Into<String>) -> Self {
        Self { promised: promised.into(), ..self }
    }
    fn measured(self, measured: impl Into<String>, holds: bool) -> Self {
        Self { measured: measured.into(), holds, ..self }
    }
    /// A measurement that could not be made.
    fn failed(self, error: &BuildError) -> Self {
        self.measured(format!("not measured: {error}"), false)
    }
}

/// The promises of one variant of a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sheet {
    /// The entry's name.
    pub protocol: String,
    /// What the entry says about itself.
    pub about: String,
    /// The variant's parameters; empty for the defaults.
    pub variant: String,
    /// Where the promises are proven.
    pub source: String,
    /// Conventions and remarks.
    pub remark: String,
    /// Promise by promise.
    pub rows: Vec<Row>,
}

impl Sheet {
    /// Whether every promise is kept.
    pub fn holds(&self) -> bool {
        self.rows.iter().all(|row| row.holds)
    }
    /// Protocol and variant.
    pub fn title(&self) -> String {
        named(&self.protocol, &self.variant)
    }
}

/// The longest line that is printed.
const COLUMNS: u16 = 120;
/// How tables stand on a terminal: a line below the header and none between rows, for there are many.
pub(crate) const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// As `byzlab conform` prints it.
impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table
            .load_style(STYLE)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(COLUMNS)
            .set_header(["promise", "setting", "promised", "measured", ""]);
        for row in &self.rows {
            let verdict = if row.holds { "holds" } else { "DIFFERS" };
            table.add_row([&row.promise, &row.setting, &row.promised, &row.measured, verdict]);
        }
        wrap(f, &format!("{}: {} ({})", self.title(), self.about, self.source))?;
        if !self.remark.is_empty() {
            wrap(f, &format!("convention: {}", self.remark))?;
        }
        writeln!(f, "{table}\n")
    }
}

/// A paragraph in lines of at most [`COLUMNS`] letters, but for longer words.
fn wrap(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > usize::from(COLUMNS) {
            f.write_str("\n")?;
            column = 0;
        }
        if column > 0 {
            f.write_str(" ")?;
            column += 1;
        }
        f.write_str(word)?;
        column += length;
    }
    f.write_str("\n")
}

/// Measures one variant of a protocol.
pub fn sheet(entry: Entry, theory: &Theory) -> Sheet {
    let kinds: &[fn(Entry, &Theory) -> Vec<Row>] = match theory.timing {
        Timing::Mined { .. } => &[mined::rows],
        Timing::Rounds { .. } => {
            &[good_case::rows, responsive::rows, view_change::rows, faults::rows]
        }
    };
    // A protocol under development may assert what does not hold; the rest is measured all the same.
    let measure = |rows: &fn(Entry, &Theory) -> Vec<Row>| {
        catch_unwind(AssertUnwindSafe(|| rows(entry, theory))).unwrap_or_else(|panic| {
            let row = Row::new("runs to the end", "").promised("yes");
            vec![row.measured(format!("it panicked: {}", said(&*panic)), false)]
        })
    };
    let rows = kinds.iter().flat_map(measure).collect();
    Sheet {
        protocol: entry.name.into(),
        about: entry.about.into(),
        variant: in_line(theory.variant),
        source: theory.source.into(),
        remark: remarks(theory),
        rows,
    }
}

/// The theory's remark, what of it is left to chance, and where the slowest block's latency is from.
fn remarks(theory: &Theory) -> String {
    let slowest = theory.slowest.map(|slowest| format!("the slowest block: {}", slowest.source));
    let remark = (!theory.remark.is_empty()).then(|| theory.remark.to_owned());
    let by_chance = theory.by_chance.map(|why| format!("by chance: {why}"));
    remark.into_iter().chain(by_chance).chain(slowest).collect::<Vec<_>>().join("; ")
}

/// Protocol and variant.
pub(crate) fn title(entry: Entry, theory: &Theory) -> String {
    named(entry.name, &in_line(theory.variant))
}

fn named(protocol: &str, variant: &str) -> String {
    if variant.is_empty() { protocol.into() } else { format!("{protocol}, {variant}") }
}

fn in_line(variant: &str) -> String {
    variant.replace('\n', ", ")
}

/// A measured span, in the units in which it was promised if it is just what was promised.
fn in_delays(measured: Span, promised: Delays, actual: Span, bound: Span) -> String {
    if measured == promised.span(actual, bound) {
        return promised.to_string();
    }
    let hundredths = (measured.0 * 100).div_ceil(actual.0.max(1));
    Delays::hundredths(u32::try_from(hundredths).unwrap_or(u32::MAX)).to_string()
}

/// Says a list once where all of it is alike.
fn alike(list: &[String]) -> String {
    match list {
        [first, rest @ ..] if rest.iter().all(|other| other == first) => first.clone(),
        _ => list.join(", "),
    }
}

/// `"n = 4, 7"`.
fn sizes(sizes: &[u16]) -> String {
    let sizes: Vec<_> = sizes.iter().map(ToString::to_string).collect();
    format!("n = {}", sizes.join(", "))
}
