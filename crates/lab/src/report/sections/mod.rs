//! The sections of the report, each in its room.

mod checks;
pub(super) mod comparison;
mod control;
mod course;
mod latency;
mod provenance;
mod runs;
mod signatures;
mod sweep;
mod traffic;

use super::{
    html::Html,
    marks,
    model::{Group, Panel},
    page::Context,
    words,
};

/// A section puts itself on the page, or nothing if it has nothing to say.
type Section = fn(&Context<'_>, &mut Html);

/// All sections in order.
pub(super) const ALL: [Section; 10] = [
    comparison::section,
    runs::section,
    checks::section,
    sweep::section,
    course::section,
    latency::section,
    traffic::section,
    signatures::section,
    control::section,
    provenance::section,
];

/// This many wide panels are open; further ones of a big sweep unfold.
const PANELS_OPEN: usize = 4;
/// So many panels are drawn at all; the CSV has the data of further ones.
const PANELS_MAX: usize = 32;

/// The legend of a figure: each protocol once.
fn legend<'a>(html: &mut Html, groups: impl IntoIterator<Item = &'a Group>) {
    let mut seen: Vec<&str> = Vec::new();
    let mut entries = Vec::new();
    for group in groups {
        if !seen.contains(&group.label.as_str()) {
            seen.push(&group.label);
            entries.push((group.style, group.label.clone()));
        }
    }
    legend_of(html, &entries);
}

fn legend_of(html: &mut Html, entries: &[(marks::Style, String)]) {
    html.element("ul", &[("class", "legend")], |html| {
        for (style, name) in entries {
            html.element("li", &[], |html| {
                html.svg(&marks::swatch(*style));
                html.text(name);
            });
        }
    });
}

/// One drawing a panel, the first `open` of them open.
fn panels(
    html: &mut Html,
    panels: &[Panel<'_>],
    open: usize,
    mut draw: impl FnMut(&mut Html, usize, &Panel<'_>),
) {
    let mut one = |html: &mut Html, number: usize, panel: &Panel<'_>| {
        html.element("div", &[("class", "panel")], |html| {
            html.leaf("h4", &[], &panel.title);
            draw(html, number, panel);
        });
    };
    let left_out = panels.len().saturating_sub(PANELS_MAX);
    let panels = &panels[..panels.len() - left_out];
    let open = panels.len().min(open);
    for (number, panel) in panels[..open].iter().enumerate() {
        one(html, number, panel);
    }
    if open < panels.len() {
        html.element("details", &[], |html| {
            html.leaf("summary", &[], format!("{} more panels", panels.len() - open));
            for (number, panel) in panels.iter().enumerate().skip(open) {
                one(html, number, panel);
            }
        });
    }
    if left_out > 0 {
        let text = format!("{} not drawn; the CSV has them.", words::many(left_out, "panel"));
        html.leaf("p", &[("class", "small")], text);
    }
}
