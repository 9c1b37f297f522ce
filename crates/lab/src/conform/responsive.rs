//! Optimistic responsiveness: what follows δ and what follows Δ, while leaders are good and after a bad one.

use byzlab_core::{
    BuildError, Entry, Span, Theory,
    theory::{Delays, Responsive},
};

use super::{
    Row,
    crash::{Crash, standing},
    good_case::{LATE, Setting, committees},
    in_delays,
};

/// The rows of responsiveness.
pub fn rows(entry: Entry, theory: &Theory) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut after = [None; 2];
    if theory.by_chance.is_some() {
        after = [Some(Span::ZERO); 2]; // nobody is waited for, and so nobody given up
    } else if let Some(&size) = standing(theory).first() {
        let usual = Setting::of(size);
        for (setting, told) in [usual, usual.late()].into_iter().zip(&mut after) {
            let (row, recovery) = recovery(entry, theory, setting);
            rows.push(row);
            *told = recovery;
        }
    }
    rows.extend(committees(theory).first().map(|&size| verdict(entry, theory, size, after)));
    rows
}

/// From the crashed leader's timeout to the next commit.
fn recovery(entry: Entry, theory: &Theory, setting: Setting) -> (Row, Option<Span>) {
    let mut place = format!("n = {}", setting.size);
    if setting.stretch > 1 {
        place += &format!(", {LATE}");
    }
    let row = Row::new("from giving up a crashed leader to the next commit", place);
    let row = row.promised(match theory.recovery {
        Some(recovery) => recovery.to_string(),
        None => "a commit".into(),
    });
    let measure = || {
        let span = Crash::of(entry, theory, setting)?.recovery;
        let bound = setting.bound(entry, theory)?;
        let want = match theory.recovery {
            Some(promised) => {
                let waits = setting.waits(entry, theory, promised.waits)?;
                Some(promised.delays.span(setting.delta, bound) + waits)
            }
            None => None,
        };
        Ok((span, want))
    };
    match measure() {
        Err(error) => (row.failed(&error), None),
        Ok((None, _)) => (row.measured("no commit", false), None),
        Ok((Some(span), want)) => {
            let told = match theory.recovery.filter(|_| want == Some(span)) {
                Some(promised) => promised.to_string(),
                None => in_delays(span, Delays::ZERO, setting.delta, Span::ZERO),
            };
            (row.measured(told, want.is_none_or(|want| want == span)), Some(span))
        }
    }
}

/// What of it is the same however long timeouts are.
fn verdict(entry: Entry, theory: &Theory, size: u16, after: [Option<Span>; 2]) -> Row {
    let row = Row::new("optimistic responsiveness", LATE).promised(theory.responsive.to_string());
    let measure = |setting: Setting| {
        let steady = setting.measure(entry, theory)?;
        Ok((steady.first, steady.last))
    };
    let measured: Result<_, BuildError> =
        measure(Setting::of(size)).and_then(|a| Ok((a, measure(Setting::of(size).late())?)));
    let (usual, late) = match measured {
        Ok(spans) => spans,
        Err(error) => return row.failed(&error),
    };
    let [of_usual, of_late] = after;
    let is = match (usual == late, of_usual.is_some() && of_usual == of_late) {
        (false, _) => Responsive::No,
        (true, false) => Responsive::GoodCase,
        (true, true) => Responsive::Always,
    };
    row.measured(is.to_string(), is == theory.responsive)
}
