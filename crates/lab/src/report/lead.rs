//! What a reader learns who reads no further: title, verdicts, and the results in a few sentences.

use std::collections::BTreeMap;

use indexmap::{IndexMap, IndexSet};

use super::{
    html::Html,
    model::{Group, Model, mark_label, silence, why_nothing},
    phases,
    sections::comparison,
    words,
};
use crate::record::{MarkAt, Record};

/// More panels than this are told as ranges, not one by one.
const TOLD_MAX: usize = 4;
/// More groups than this are left to the table of phases.
const TOLD_GROUPS_MAX: usize = 6;
/// More faults than this are counted, not listed.
const MARKS_MAX: usize = 6;

/// Title, verdicts, summary.
pub(super) fn header(model: &Model, html: &mut Html) {
    let manifest = &model.manifest;
    html.leaf("p", &[("class", "eyebrow")], "ByzLab report");
    html.leaf("h1", &[], &manifest.name);
    if !manifest.about.is_empty() {
        html.leaf("p", &[("class", "about")], &manifest.about);
    }
    html.element("ul", &[("class", "badges"), ("aria-label", "Verdicts")], |html| {
        for (kind, text) in badges(model) {
            html.element("li", &[("class", kind)], |html| {
                let sign = match kind {
                    "good" => "✓",
                    "bad" => "✗",
                    _ => "!",
                };
                html.leaf("span", &[("aria-hidden", "true")], sign);
                html.text(format!(" {text}"));
            });
        }
    });
    html.element("div", &[("class", "lead")], |html| {
        html.leaf("p", &[], [what(model), results(model)].join(" "));
        let rest = [faults(model), verdict(model)].join(" ");
        html.leaf("p", &[], rest.trim());
    });
    if !manifest.notes.is_empty() {
        html.element("aside", &[("class", "notes")], |html| {
            html.leaf("h2", &[], "Read the numbers with this in mind");
            html.element("ul", &[], |html| {
                manifest.notes.iter().for_each(|note| html.leaf("li", &[], note));
            });
        });
    }
}

/// Verdicts: class and text.
fn badges(model: &Model) -> Vec<(&'static str, String)> {
    let mut badges = Vec::new();
    let runs = words::many(model.records.len(), "run");
    let violations = violations(model);
    badges.push(match violations {
        0 => ("good", format!("no violation in {runs}")),
        n => ("bad", format!("{} in {runs}", words::many(n, "violation"))),
    });
    let expected: Vec<_> = model.records.iter().flat_map(|r| &r.expectations).collect();
    let held = expected.iter().filter(|verdict| verdict.holds).count();
    if held < expected.len() {
        badges.push((
            "bad",
            format!("{} of {} expectations fail", expected.len() - held, expected.len()),
        ));
    } else if held > 0 {
        badges.push(("good", format!("{} met", words::many(held, "expectation"))));
    }
    let idle = model.records.iter().filter(|r| r.summary.committed_transactions == 0).count();
    if idle > 0 {
        badges.push(("warn", format!("{} committed nothing", words::many(idle, "run"))));
    }
    if model.manifest.profile != "release" {
        badges.push(("warn", format!("{} build: not for speed", model.manifest.profile)));
    }
    let total = model.records.len();
    let mut warn = |text: &str, runs: usize| match runs {
        0 => {}
        n if n == total => badges.push(("warn", text.to_owned())),
        n => badges.push(("warn", format!("{text} in {n} of {total} runs"))),
    };
    let unsigned = model.records.iter().filter(|r| !r.client_signatures).count();
    warn("client signatures off", unsigned);
    let simulated = model.records.iter().filter(|r| r.scheme == "simulated").count();
    warn("signatures simulated", simulated);
    badges
}

fn violations(model: &Model) -> usize {
    model.records.iter().map(|r| r.summary.violations.len()).sum()
}

/// What was run.
fn what(model: &Model) -> String {
    let hosts: Vec<_> = model.hosts().into_iter().map(words::host).collect();
    let nodes: IndexSet<_> = model.groups.iter().map(|g| g.nodes).collect();
    let nodes: Vec<_> = nodes.iter().map(u16::to_string).collect();
    let replicas = if nodes == ["1"] { "replica" } else { "replicas" };
    let seeds = match model.groups.iter().map(|g| g.runs.len()).max() {
        None | Some(1) => "one seed each".to_owned(),
        Some(n) => {
            let medians =
                if comparison::is_drawn(model) { ", those of the comparison medians" } else { "" };
            format!("up to {n} seeds each, of which figures are means{medians}")
        }
    };
    format!(
        "{} of {} with {} {replicas}, {}; {seeds}.",
        words::capital(&words::many(model.records.len(), "run")),
        words::list(&model.labels()),
        words::list(&nodes),
        words::list(&hosts)
    )
}

/// Throughput and latency: a sentence a host, or a range a protocol for a sweep.
fn results(model: &Model) -> String {
    let panels = model.panels();
    if panels.len() > TOLD_MAX {
        return comparison::told(model).unwrap_or_else(|| ranges(model));
    }
    let sentence = |panel: &super::model::Panel<'_>| {
        let mut groups = panel.groups.clone();
        groups.sort_by(|a, b| throughput(b).total_cmp(&throughput(a)));
        let some: Vec<_> = groups.iter().filter(|g| g.committed() > 0).enumerate().collect();
        let mut parts = Vec::new();
        if !some.is_empty() {
            parts.push(words::list(
                &some.iter().map(|(i, g)| result(g, *i == 0)).collect::<Vec<_>>(),
            ));
        }
        let none = groups.iter().filter(|g| g.committed() == 0);
        parts.extend(
            none.map(|g| format!("{} committed nothing ({})", g.label, why_nothing(&g.runs[0]))),
        );
        format!("{}, {}.", panel.title, parts.join("; "))
    };
    panels.iter().map(sentence).collect::<Vec<_>>().join(" ")
}

fn throughput(group: &Group) -> f64 {
    group.mean(|r| Some(r.summary.throughput_tps)).map_or(0.0, |mean| mean.value)
}

/// `pbft committed 948 transactions/s (median latency 6.4 ms)`; after the first one shorter.
fn result(group: &Group, first: bool) -> String {
    let rate = words::number(throughput(group));
    let median = group.mean(|r| r.summary.latency_ms.p50);
    let median = median.map_or("–".into(), |m| words::ms(m.value));
    if first {
        format!("{} committed {rate} transactions/s (median latency {median})", group.label)
    } else {
        format!("{} {rate} ({median})", group.label)
    }
}

fn ranges(model: &Model) -> String {
    let mut all: BTreeMap<(usize, &str), Vec<&Group>> = BTreeMap::new();
    for group in &model.groups {
        all.entry((group.style.0, &group.host)).or_default().push(group);
    }
    let sentence = |groups: &Vec<&Group>| {
        let rates: Vec<f64> = groups.iter().map(|group| throughput(group)).collect();
        let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
        let most = rates.iter().copied().fold(0.0, f64::max);
        format!(
            "Over {}, {} committed between {} and {} transactions/s {}.",
            words::many(groups.len(), "point"),
            groups[0].label,
            words::number(least),
            words::number(most),
            words::host(&groups[0].host)
        )
    };
    all.values().map(sentence).collect::<Vec<_>>().join(" ")
}

/// What was done to the cluster, and how each protocol took it: a sentence a host.
fn faults(model: &Model) -> String {
    let hit: Vec<&Group> = model.groups.iter().filter(|g| !g.marks().is_empty()).collect();
    if hit.is_empty() {
        return "Nothing was done to the cluster.".into();
    }
    let tell = |host: &str| {
        let here: Vec<_> = hit.iter().copied().filter(|group| group.host == host).collect();
        let runs = || here.iter().flat_map(|group| &group.runs);
        let kinds =
            |run: &Record| run.marks.iter().map(kind).map(str::to_owned).collect::<Vec<_>>();
        let alike = here.is_empty() || runs().all(|run| kinds(run) == kinds(&here[0].runs[0]));
        (!here.is_empty()).then(|| match alike {
            true => faults_on(host, &here),
            false => many_faults_on(model, host),
        })
    };
    model.hosts().into_iter().filter_map(tell).collect::<Vec<_>>().join(" ")
}

fn faults_on(host: &str, groups: &[&Group]) -> String {
    let mut moments = moments(groups);
    if let Some(more @ 1..) = moments.len().checked_sub(MARKS_MAX) {
        moments.truncate(MARKS_MAX);
        moments.push(format!("{more} more"));
    }
    let place = words::capital(&words::host(host));
    let mut text = format!("{place}, the cluster saw {}", words::list(&moments));
    let mut shares: Vec<_> =
        groups.iter().filter_map(|group| Some((*group, phases::kept(group)?))).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    let told: Vec<_> =
        shares.iter().enumerate().map(|(i, (group, share))| kept(group, *share, i == 0)).collect();
    if let (Some(phase), 1..=TOLD_GROUPS_MAX) = (phases::of(&groups[0].runs[0]).get(1), told.len())
    {
        let (from, to) = (words::seconds(phase.from_s), words::seconds(phase.to_s));
        text.push_str(&format!("; from {from} to {to}, {}", words::list(&told)));
    }
    text + "."
}

/// What was done to all these runs, and when; to which replica, if it was the same one in all.
fn moments(groups: &[&Group]) -> Vec<String> {
    let labels = |run: &Record| run.marks.iter().map(mark_label).collect::<Vec<_>>();
    let first = &groups[0].runs[0];
    if groups.iter().flat_map(|group| &group.runs).all(|run| labels(run) == labels(first)) {
        let moment = |mark| format!("{} at {}", mark_label(mark), words::seconds(mark.at_s));
        return first.marks.iter().map(moment).collect();
    }
    let mut moments: IndexMap<(&str, String), usize> = IndexMap::new();
    for mark in &first.marks {
        *moments.entry((kind(mark), words::seconds(mark.at_s))).or_default() += 1;
    }
    let moment = |((kind, at), count): ((&str, String), usize)| {
        format!("{kind} of {} at {at}, others in each run", words::many(count, "replica"))
    };
    moments.into_iter().map(moment).collect()
}

/// What was done, in a word or two.
fn kind(mark: &MarkAt) -> &str {
    mark.what.split(':').next().unwrap_or_default().trim()
}

/// Where runs differ in what was done to them: in how many of them what was done.
fn many_faults_on(model: &Model, host: &str) -> String {
    let here = || model.records.iter().filter(|run| run.summary.host == host);
    let hit = here().filter(|run| !run.marks.is_empty()).count();
    let mut kinds: IndexMap<&str, usize> = IndexMap::new();
    for run in here() {
        let kinds_here: IndexSet<&str> = run.marks.iter().map(kind).collect();
        kinds_here.into_iter().for_each(|kind| *kinds.entry(kind).or_default() += 1);
    }
    let told: Vec<_> = kinds.iter().map(|(kind, runs)| format!("{kind} in {runs}")).collect();
    format!(
        "{}, {hit} of {} had faults: {}.",
        words::capital(&words::host(host)),
        words::many(here().count(), "run"),
        words::list(&told)
    )
}

/// `pbft ran at 94 % of its throughput before`; after the first one shorter.
fn kept(group: &Group, share: f64, first: bool) -> String {
    let name = match group.point.is_empty() {
        true => group.label.clone(),
        false => format!("{} ({})", group.label, group.point_label()),
    };
    if share < 0.005 {
        let why = silence(&group.runs[0]).map(|(_, why)| format!(" ({why})"));
        return format!("{name} stopped{}", why.unwrap_or_default());
    }
    let share = words::percent(share);
    let mut text = match first {
        true => format!("{name} ran at {share} of its throughput before"),
        false => format!("{name} at {share}"),
    };
    // A backlog worked off quickly would hide that nothing went on for a while.
    if let Some(pause) = group.mean(phases::longest_pause).filter(|pause| pause.value > 0.0) {
        text.push_str(&format!(" (longest pause {})", words::seconds(pause.value)));
    }
    text
}

/// Violations and expectations.
fn verdict(model: &Model) -> String {
    let mut by_property: BTreeMap<&str, usize> = BTreeMap::new();
    for violation in model.records.iter().flat_map(|r| &r.summary.violations) {
        *by_property.entry(&violation.property).or_default() += 1;
    }
    let seen = by_property.iter().map(|(name, n)| format!("{name} {}", words::times(*n)));
    let seen: Vec<_> = seen.collect();
    let mut text = if seen.is_empty() {
        "No checker saw a violation.".to_owned()
    } else {
        format!("Checkers saw violations: {}.", words::list(&seen))
    };
    let failed: IndexSet<_> = model
        .records
        .iter()
        .flat_map(|r| r.expectations.iter().filter(|v| !v.holds).map(|v| v.property.as_str()))
        .collect();
    if !failed.is_empty() {
        let failed: Vec<_> = failed.into_iter().collect();
        text.push_str(&format!(" Expected and not seen: {}.", words::list(&failed)));
    }
    text
}
