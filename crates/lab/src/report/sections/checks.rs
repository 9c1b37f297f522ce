//! What was checked: expectations of the experiment file, and violations that checkers saw.

use std::collections::BTreeMap;

use super::super::{
    html::{Cell, Html},
    model::Model,
    page::Context,
    words,
};

/// The most violations that are listed; the records have all.
const LISTED_MAX: usize = 40;

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

/// One row a property and group: held in how many seeds, and what was seen.
fn expectations(model: &Model) -> Vec<Vec<Cell>> {
    let mut rows: BTreeMap<(&str, usize), Vec<Cell>> = BTreeMap::new();
    for (number, group) in model.groups.iter().enumerate() {
        for verdict in group.runs.iter().flat_map(|run| &run.expectations) {
            let key = (verdict.property.as_str(), number);
            if rows.contains_key(&key) {
                continue;
            }
            let all: Vec<_> = group
                .runs
                .iter()
                .flat_map(|run| &run.expectations)
                .filter(|v| v.property == verdict.property)
                .collect();
            let held = all.iter().filter(|v| v.holds).count();
            let shown = all.iter().find(|v| !v.holds).unwrap_or(&all[0]);
            let mark = if held == all.len() { "✓ holds" } else { "✗ fails" };
            let mark = match all.len() {
                1 => mark.to_owned(),
                n => format!("{mark} ({held} of {n})"),
            };
            rows.insert(
                key,
                vec![
                    Cell::Head(mark),
                    Cell::Text(verdict.property.replace('_', " ")),
                    Cell::Text(verdict.expected.clone()),
                    Cell::Text(group.name()),
                    Cell::Text(shown.seen.clone()),
                ],
            );
        }
    }
    rows.into_values().collect()
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
