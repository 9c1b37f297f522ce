//! What is compared: settings, in each the protocols, of each the committees, at each the loads.

use std::collections::BTreeSet;

use byzlab_core::Span;
use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::super::super::{
    marks::Style,
    model::{Group, Model, plain},
    stats::Median,
    words,
};

/// Keys of a sweep that say how much clients send: this one, and those below it.
const LOAD: &str = "load";
/// Keys of a sweep that say how large the committee is.
const NODES: [&str; 2] = ["nodes", "cluster.nodes"];

/// Throughputs less than this factor apart are level.
const LEVEL: f64 = 1.25;

/// All that is compared.
pub(super) struct Comparison<'a> {
    pub settings: Vec<Setting<'a>>,
    /// The loads' names, from the least that clients offered to the most; never empty.
    pub loads: Vec<String>,
}

/// One combination of the settings with names.
pub(super) struct Setting<'a> {
    pub title: String,
    pub courses: Vec<Course<'a>>,
}

/// One protocol's committees in one setting, by size.
pub(super) struct Course<'a> {
    pub label: String,
    pub style: Style,
    pub committees: Vec<Committee<'a>>,
}

/// What one protocol did with one committee in one setting: at most one group a load.
pub(super) struct Committee<'a> {
    pub nodes: u16,
    /// The load's place among all, and the runs under it.
    loads: Vec<(usize, &'a Group)>,
}

impl<'a> Comparison<'a> {
    /// Nothing if the sweep has no settings with names, or a single protocol.
    pub fn of(model: &'a Model) -> Option<Self> {
        let keys = named(model);
        if keys.is_empty() || model.labels().len() < 2 {
            return None;
        }
        let loads = loads(model);
        let settings = settings(model, &keys, &loads);
        Some(Self { settings, loads })
    }
    /// The sizes of committees, each once, in order.
    pub fn sizes(&self) -> Vec<u16> {
        let all = self.settings.iter().flat_map(|s| &s.courses).flat_map(|c| &c.committees);
        let sizes: BTreeSet<u16> = all.map(|committee| committee.nodes).collect();
        sizes.into_iter().collect()
    }
    /// The place of the most demanding load.
    pub fn most(&self) -> usize {
        self.loads.len() - 1
    }
    /// The least and the most transactions a second, if every committee did about as many as every other under
    /// the most demanding load, as where clients send less than any can do.
    pub fn level(&self) -> Option<(f64, f64)> {
        let committees = self.settings.iter().flat_map(|s| &s.courses).flat_map(|c| &c.committees);
        let rates = committees.filter_map(|committee| committee.rate(self.most()));
        let rates: Vec<f64> = rates.map(|rate| rate.value).collect();
        let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
        let most = rates.iter().copied().fold(0.0, f64::max);
        (rates.len() > 1 && most < least * LEVEL).then_some((least, most))
    }
    /// `" under `much`"`; nothing if there is but one load.
    pub fn under(&self, load: usize) -> String {
        let name = &self.loads[load];
        if self.loads.len() > 1 { format!(" under “{name}”") } else { String::new() }
    }
    /// Each protocol once.
    pub fn legend(&self) -> Vec<(Style, String)> {
        let courses = self.settings.iter().flat_map(|setting| &setting.courses);
        let all: IndexMap<_, _> = courses.map(|c| (c.label.clone(), c.style)).collect();
        all.into_iter().map(|(label, style)| (style, label)).collect()
    }
}

impl<'a> Committee<'a> {
    /// The runs under this load, if there were any.
    pub fn under(&self, load: usize) -> Option<&'a Group> {
        self.loads.iter().find(|(place, _)| *place == load).map(|(_, group)| *group)
    }
    /// Transactions a second under this load: the median over seeds, 0 included.
    pub fn rate(&self, load: usize) -> Option<Median> {
        self.under(load)?.median(|run| Some(run.summary.throughput_tps))
    }
    /// The median latency under this load in milliseconds: of the seeds that have one the median.
    pub fn latency(&self, load: usize) -> Option<Median> {
        self.under(load)?.median(|run| run.summary.latency_ms.p50)
    }
    /// A mark for each load that was run and under which something was committed, in order of load:
    /// throughput and median latency of the same runs.
    pub fn marks(&self) -> Vec<(f64, f64)> {
        let loads = self.loads.iter().map(|(load, _)| *load);
        let mark = |load| Some((self.rate(load)?.value, self.latency(load)?.value));
        loads.filter_map(mark).filter(|mark| mark.0 > 0.0).collect()
    }
}

/// Keys of the sweep whose values are names, but for the load's.
fn named(model: &Model) -> Vec<&str> {
    let number = |text: &str| text.parse::<f64>().is_ok() || text.parse::<Span>().is_ok();
    let mut keys: IndexMap<&str, IndexSet<&str>> = IndexMap::new();
    for (key, value) in model.groups.iter().flat_map(|group| &group.point) {
        match value.as_str().filter(|text| !number(text)) {
            Some(text) if !is_load(key) && !is_size(key) => {
                keys.entry(key).or_default().insert(text);
            }
            _ => {}
        }
    }
    keys.into_iter().filter(|(_, seen)| seen.len() > 1).map(|(key, _)| key).collect()
}

fn is_load(key: &str) -> bool {
    key.strip_prefix(LOAD).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn is_size(key: &str) -> bool {
    NODES.contains(&key)
}

/// What the sweep says of the load of a group.
fn load(group: &Group) -> String {
    let said = group.point.iter().filter(|(key, _)| is_load(key));
    let words = said.map(|(key, value)| match key.as_str() {
        LOAD => plain(value),
        key => format!("{key} = {}", plain(value)),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The loads by what clients offered a second, over all runs: the same order everywhere.
fn loads(model: &Model) -> Vec<String> {
    let mut offered: IndexMap<String, (u64, f64)> = IndexMap::new();
    for group in &model.groups {
        let sum = offered.entry(load(group)).or_default();
        for run in &group.runs {
            sum.0 += run.submitted_transactions;
            sum.1 += run.load_s.1 - run.load_s.0;
        }
    }
    let mut loads: Vec<(String, f64)> =
        offered.into_iter().map(|(name, (sent, s))| (name, sent as f64 / s.max(1e-9))).collect();
    loads.sort_by(|a, b| a.1.total_cmp(&b.1));
    loads.into_iter().map(|(name, _)| name).collect()
}

/// A setting in the making: the row that it stands in, and the courses by label.
type Cell<'a> = (usize, IndexMap<String, Course<'a>>);

fn settings<'a>(model: &'a Model, keys: &[&str], loads: &[String]) -> Vec<Setting<'a>> {
    let mut cells: IndexMap<String, Cell<'a>> = IndexMap::new();
    let mut rows: IndexSet<String> = IndexSet::new();
    let mut names: IndexSet<String> = IndexSet::new();
    let other = |key: &str| !keys.contains(&key) && !is_load(key) && !is_size(key);
    let several = varied(model);
    for group in &model.groups {
        let values = keys.iter().filter_map(|&key| group.point.get(key).and_then(Value::as_str));
        let values: Vec<_> = values.map(words::title).collect();
        let (mut title, row) =
            (values.join(", "), rows.insert_full(values.get(1..).unwrap_or_default().join(", ")).0);
        if model.hosts().len() > 1 {
            title = format!("{title} {}", words::host(&group.host));
        }
        let others = group.point.iter().filter(|(key, _)| other(key) && several.contains(*key));
        let others: String =
            others.map(|(key, value)| format!(", {key} = {}", plain(value))).collect();
        let label = format!("{}{others}", group.label);
        let number = names.insert_full(label.clone()).0;
        let style = if others.is_empty() { group.style } else { Style(number) };
        let cell = cells.entry(words::capital(&title)).or_insert((row, IndexMap::new()));
        let course = cell.1.entry(label.clone());
        let course = course.or_insert_with(|| Course { label, style, committees: Vec::new() });
        let place = loads.iter().position(|name| *name == load(group)).unwrap_or_default();
        let nodes = group.nodes;
        match course.committees.iter_mut().find(|committee| committee.nodes == nodes) {
            Some(committee) => committee.loads.push((place, group)),
            None => course.committees.push(Committee { nodes, loads: vec![(place, group)] }),
        }
    }
    // What differs in the first key alone stands side by side.
    cells.sort_by(|_, a, _, b| a.0.cmp(&b.0));
    let setting = |(title, (_, courses)): (String, Cell<'a>)| {
        let mut courses: Vec<_> = courses.into_values().collect();
        for course in &mut courses {
            course.committees.sort_by_key(|committee| committee.nodes);
            for committee in &mut course.committees {
                committee.loads.sort_by_key(|(load, _)| *load);
            }
        }
        Setting { title, courses }
    };
    cells.into_iter().map(setting).collect()
}

/// Keys of the sweep that take more than one value.
fn varied(model: &Model) -> IndexSet<String> {
    let mut values: IndexMap<&str, IndexSet<String>> = IndexMap::new();
    for (key, value) in model.groups.iter().flat_map(|group| &group.point) {
        values.entry(key).or_default().insert(value.to_string());
    }
    let varied = values.into_iter().filter(|(_, values)| values.len() > 1);
    varied.map(|(key, _)| key.to_owned()).collect()
}
