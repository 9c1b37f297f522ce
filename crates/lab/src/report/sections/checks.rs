//! What was checked: expectations of the experiment file, and violations that checkers saw.

use indexmap::IndexMap;

use super::super::{
    html::{Cell, Html},
    model::{Group, Model},
    page::Context,
    words,
};
use crate::record::Verdict;

/// The most violations that are listed; the records have all.
const LISTED_MAX: usize = 40;
/// A longer list of expectations is shortened by what holds everywhere.
const ROWS_MAX: usize = 24;

pub(super) fn section(context: &Context<'_>, html: &mut Html) {
    let model = context.model;
    let expectations = expectations(model);
    let violations: usize = model.records.iter().map(|r| r.summary.violations.len()).sum();
    if expectations.is_empty() && violations == 0 {
        return;
    }
    html.element("section", &[("id", "checks")], |html| {
        html.leaf("h2", &[], "Properties checked");
        if violations > 0 {
            violated(model, violations, html);
        }
        if !expectations.is_empty() {
            html.table("checks", "", &["", "Property", "Expected", "Run", "Seen"], &expectations);
        }
    });
}

/// What was seen of one property in the runs of one group.
struct Seen<'a> {
    property: &'a str,
    group: &'a Group,
    verdicts: Vec<&'a Verdict>,
}

impl Seen<'_> {
    fn held(&self) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.holds).count()
    }
    fn row(&self, held: usize, of: usize, runs: String) -> Vec<Cell> {
        let shown = self.verdicts.iter().find(|v| !v.holds).unwrap_or(&self.verdicts[0]);
        let mark = if held == of { "✓ holds" } else { "✗ fails" };
        let mark = if of == 1 { mark.to_owned() } else { format!("{mark} ({held} of {of})") };
        vec![
            Cell::Head(mark),
            Cell::Text(self.property.replace('_', " ")),
            Cell::Text(shown.expected.clone()),
            Cell::Text(runs),
            Cell::Text(shown.seen.clone()),
        ]
    }
}

/// One row a property and group; of a long list, a property that holds everywhere is one row.
fn expectations(model: &Model) -> Vec<Vec<Cell>> {
    let mut by_property: IndexMap<&str, Vec<Seen<'_>>> = IndexMap::new();
    for group in &model.groups {
        for verdict in group.runs.iter().flat_map(|run| &run.expectations) {
            let property = verdict.property.as_str();
            let seen = by_property.entry(property).or_default();
            match seen.last_mut().filter(|last| std::ptr::eq(last.group, group)) {
                Some(last) => last.verdicts.push(verdict),
                None => seen.push(Seen { property, group, verdicts: vec![verdict] }),
            }
        }
    }
    let long = by_property.values().map(Vec::len).sum::<usize>() > ROWS_MAX;
    let mut rows = Vec::new();
    for seen in by_property.values() {
        let of: usize = seen.iter().map(|s| s.verdicts.len()).sum();
        let held: usize = seen.iter().map(Seen::held).sum();
        if long && held == of {
            let runs = format!("all it was asked of; seen here: {}", seen[0].group.name());
            rows.push(seen[0].row(held, of, runs));
            continue;
        }
        rows.extend(seen.iter().map(|s| s.row(s.held(), s.verdicts.len(), s.group.name())));
    }
    rows
}

fn violated(model: &Model, total: usize, html: &mut Html) {
    let mut rows = Vec::new();
    for record in &model.records {
        for violation in &record.summary.violations {
            let replicas: Vec<_> = violation.replicas.iter().map(|id| format!("r{id}")).collect();
            rows.push(vec![
                Cell::Head(format!("✗ {}", violation.property)),
                Cell::Text(format!(
                    "run {}: {} {}, seed {}",
                    record.run,
                    record.label,
                    words::host(&record.summary.host),
                    record.summary.seed
                )),
                Cell::figure(words::seconds(violation.at_s)),
                Cell::Text(replicas.join(", ")),
                Cell::Text(violation.what.clone()),
            ]);
        }
    }
    rows.truncate(LISTED_MAX);
    html.table("checks", "Violations", &["Property", "Run", "At", "Replicas", "What"], &rows);
    if total > LISTED_MAX {
        let rest = words::many(total - LISTED_MAX, "further violation");
        html.leaf("p", &[("class", "small")], format!("{rest} in records.jsonl."));
    }
}
