//! Delays between regions, read from tables.
//!
//! A table says in its first line what it is and where it comes from; it does *not* say in a form
//! that a program could trust whether its entries are round trips, so whoever reads a table says so
//! by name ([`Measure`]). Entries are decimal milliseconds and become whole nanoseconds without
//! rounding; half of a round trip of an odd number of nanoseconds is rounded down.

use byzlab_core::Span;

/// What the entries of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// There and back: halved.
    RoundTrip,
    /// There.
    OneWay,
}

/// One-way delays between named regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    names: Vec<String>,
    /// Row by row: from, to.
    delays: Vec<Span>,
}

/// Why a table was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    /// No built-in table has this name.
    #[error("unknown region matrix `{0}`; known are {known}", known = names())]
    Unknown(String),
    /// The header line is missing or does not begin with `from`.
    #[error("line {0}: want a header line `from,REGION,…`")]
    Header(usize),
    /// A row has the wrong name or the wrong number of entries.
    #[error("line {line}: want {want}")]
    Row {
        /// Which line, from 1.
        line: usize,
        /// What was expected there.
        want: String,
    },
    /// An entry is no decimal number of milliseconds with at most six places.
    #[error("line {line}, {to}: `{entry}` is no number of milliseconds with at most six places")]
    Entry {
        /// Which line, from 1.
        line: usize,
        /// Which column.
        to: String,
        /// What stands there.
        entry: String,
    },
}

/// A table that comes with the simulator.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name in experiment files.
    pub name: &'static str,
    /// What its entries are.
    pub measure: Measure,
    /// The table; its first line names the source.
    pub text: &'static str,
}

/// The tables that come with the simulator.
pub const TABLES: &[Table] = &[
    Table {
        name: "aws-2025-p50",
        measure: Measure::RoundTrip,
        text: include_str!("../data/aws_rtt_p50_ms_33x33.csv"),
    },
    Table {
        name: "aws-2025-p90",
        measure: Measure::RoundTrip,
        text: include_str!("../data/aws_rtt_p90_ms_33x33.csv"),
    },
    Table {
        name: "ibm-2024",
        measure: Measure::RoundTrip,
        text: include_str!("../data/ibmcloud_rtt_2024-07-13_2024-08-11_ms.csv"),
    },
    Table {
        name: "bitcoin-2015",
        measure: Measure::OneWay,
        text: include_str!("../data/regions6_latency_2015_gervais_ms.csv"),
    },
    Table {
        name: "bitcoin-2019",
        measure: Measure::OneWay,
        text: include_str!("../data/regions6_latency_2019_simblock_ms.csv"),
    },
];

fn names() -> String {
    TABLES.iter().map(|table| table.name).collect::<Vec<_>>().join(", ")
}

impl Matrix {
    /// The built-in table `name`.
    pub fn builtin(name: &str) -> Result<Self, MatrixError> {
        let table = TABLES.iter().find(|table| table.name == name);
        let table = table.ok_or_else(|| MatrixError::Unknown(name.to_owned()))?;
        Self::parse(table.text, table.measure)
    }
    /// Reads a table: lines beginning with `#` are remarks, then `from,A,B,…`, then one row a
    /// region, in the order of the header. An empty entry is no delay.
    pub fn parse(text: &str, measure: Measure) -> Result<Self, MatrixError> {
        let mut lines = text
            .lines()
            .enumerate()
            .map(|(i, line)| (i + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let (line, header) = lines.next().ok_or(MatrixError::Header(1))?;
        let names: Vec<String> = match header.split_once(',') {
            Some(("from", rest)) => rest.split(',').map(|name| name.trim().to_owned()).collect(),
            _ => return Err(MatrixError::Header(line)),
        };
        let mut delays = Vec::with_capacity(names.len() * names.len());
        for from in &names {
            let (line, row) = lines.next().ok_or_else(|| MatrixError::Row {
                line: text.lines().count() + 1,
                want: format!("the row of {from}"),
            })?;
            let mut entries = row.split(',').map(str::trim);
            let wrong = |want| MatrixError::Row { line, want };
            if entries.next() != Some(from) {
                return Err(wrong(format!("the row of {from}")));
            }
            let entries: Vec<&str> = entries.collect();
            if entries.len() != names.len() {
                return Err(wrong(format!("{} entries, not {}", names.len(), entries.len())));
            }
            for (to, entry) in names.iter().zip(entries) {
                let whole = nanoseconds(entry).ok_or_else(|| MatrixError::Entry {
                    line,
                    to: to.clone(),
                    entry: entry.to_owned(),
                })?;
                let there = if measure == Measure::RoundTrip { whole / 2 } else { whole };
                delays.push(Span::ns(there));
            }
        }
        match lines.next() {
            Some((line, _)) => Err(MatrixError::Row { line, want: "no further row".into() }),
            None => Ok(Self { names, delays }),
        }
    }
    /// The regions' names, in order.
    pub fn regions(&self) -> &[String] {
        &self.names
    }
    /// The index of the region called `name`.
    pub fn region(&self, name: &str) -> Option<u16> {
        self.names.iter().position(|known| known == name).and_then(|i| u16::try_from(i).ok())
    }
    /// The one-way delay between two regions by index.
    ///
    /// # Panics
    /// If there is no such region.
    pub fn delay(&self, from: u16, to: u16) -> Span {
        assert!(usize::from(to) < self.names.len(), "there are {} regions", self.names.len());
        self.delays[usize::from(from) * self.names.len() + usize::from(to)]
    }
}

/// A decimal number of milliseconds as nanoseconds, exactly; an empty one is zero.
fn nanoseconds(entry: &str) -> Option<u64> {
    if entry.is_empty() {
        return Some(0);
    }
    let (whole, places) = entry.split_once('.').unwrap_or((entry, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || places.len() > 6 || !digits(whole) || !digits(places) {
        return None;
    }
    let places = format!("{places:0<6}").parse::<u64>().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_become_nanoseconds_exactly() {
        assert_eq!(nanoseconds("347.552"), Some(347_552_000));
        assert_eq!(nanoseconds("34"), Some(34_000_000));
        assert_eq!(nanoseconds("0.000001"), Some(1));
        for bad in ["1e3", "-1", ".5", "1.0000001", "a", "99999999999999999999"] {
            assert_eq!(nanoseconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_table_reads_and_round_trips_are_halved() {
        for table in TABLES {
            let matrix = Matrix::builtin(table.name).expect("built-in tables are right");
            assert!(matrix.regions().len() >= 6);
            assert!(table.text.starts_with('#'), "{} names its source", table.name);
        }
        let aws = Matrix::builtin("aws-2025-p50").expect("built in");
        let region = |name| aws.region(name).expect("a region of that table");
        let there = aws.delay(region("af-south-1"), region("ap-east-1"));
        assert_eq!(there, Span::ns(347_552_000 / 2));
        let back = aws.delay(region("ap-east-1"), region("af-south-1"));
        assert_eq!(back, Span::ns(353_126_000 / 2));
        let bitcoin = Matrix::builtin("bitcoin-2015").expect("built in");
        assert_eq!(bitcoin.delay(0, 1), Span::ns(119_490_000));
    }

    #[test]
    fn errors_say_where() {
        let parse =
            |text| Matrix::parse(text, Measure::OneWay).expect_err("it is wrong").to_string();
        assert_eq!(parse("# x\nto,A\nA,1\n"), "line 2: want a header line `from,REGION,…`");
        assert_eq!(parse("from,A,B\nA,1,2\nC,1,2\n"), "line 3: want the row of B");
        assert_eq!(parse("from,A,B\nA,1,2\nB,1\n"), "line 3: want 2 entries, not 1");
        let message = parse("from,A,B\nA,1,x\nB,1,2\n");
        assert!(message.starts_with("line 2, B: `x` is no number"), "{message}");
        let unknown = Matrix::builtin("moon").expect_err("there is none").to_string();
        assert!(unknown.contains("aws-2025-p50"), "{unknown}");
    }
}
