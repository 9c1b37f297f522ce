//! Whether a spec makes sense: what TOML and types cannot say.

mod expectations;
mod faults;
mod load;
mod protocols;
mod world;

use byzlab_core::{Registry, Span};
use toml::{Table, Value};

use self::{
    expectations::check_expectations,
    faults::{check_downs, check_fault},
    load::check_load,
    protocols::protocols,
    world::{check_cluster, check_hosts, check_mining, check_model, check_network},
};
use super::sweep::points;
use crate::{
    process,
    spec::{Problem, Source, Spec},
};

pub(super) use protocols::Chosen;

/// The most runs of one experiment.
pub const RUNS_MAX: usize = 1_000_000;
/// The longest run, in years of 365 days.
pub const YEARS_MAX: u64 = 10;
/// The most intervals in one run's timeline.
pub const SAMPLES_MAX: u64 = 100_000;

/// The most ledger heights in one run's timeline: one a replica and interval.
pub const HEIGHTS_MAX: u64 = 20_000_000;

/// Something wrong at a key.
#[derive(Clone, Debug)]
pub(super) struct Wrong {
    /// The key's place in the file.
    pub(super) path: Vec<String>,
    pub(super) title: String,
    notes: Vec<String>,
}

impl Wrong {
    pub(super) fn new(path: &[&str], title: impl Into<String>) -> Self {
        let path = path.iter().map(|&step| step.to_owned()).collect();
        Self { path, title: title.into(), notes: Vec::new() }
    }
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
    pub(super) fn shown_in(self, source: &Source) -> Problem {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        self.notes.into_iter().fold(source.problem(&path, self.title), Problem::note)
    }
    pub(super) fn into_problem(self) -> Problem {
        self.notes.into_iter().fold(Problem::new(self.title), Problem::note)
    }
}

pub(super) type Checked = Result<(), Wrong>;

pub(super) fn ensure(holds: bool, path: &[&str], title: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Wrong::new(path, title())) }
}

/// The sections that are tables.
const TABLES: [&str; 9] =
    ["cluster", "network", "cpu", "check", "load", "mempool", "mining", "stop", "quic"];
/// The sections that are lists of tables.
const LISTS: [&str; 2] = ["fault", "expect"];

/// Serde would take a list for a table, its values in the order of the keys.
pub(super) fn check_shape(table: &Table) -> Checked {
    for key in TABLES {
        ensure(!table.get(key).is_some_and(Value::is_array), &[key], || {
            format!("`{key}` is a table, and no list")
        })?;
    }
    for key in LISTS {
        let entries = table.get(key).and_then(Value::as_array);
        let odd = entries.and_then(|entries| entries.iter().position(Value::is_array));
        ensure(odd.is_none(), &[key, &odd.unwrap_or_default().to_string()], || {
            format!("each `{key}` is a table, and no list")
        })?;
    }
    Ok(())
}

/// Checks everything; gives the protocols.
pub(super) fn check(spec: &Spec, registry: &Registry) -> Result<Vec<Chosen>, Wrong> {
    check_top(spec)?;
    check_cluster(spec)?;
    check_load(spec)?;
    check_network(spec)?;
    check_hosts(spec)?;
    check_model(spec)?;
    let chosen = protocols(spec, registry)?;
    check_mining(spec, &chosen)?;
    let programs = chosen.iter().any(|c| c.entry.name == process::ENTRY.name);
    ensure(!(spec.quic.processes && programs), &["quic", "processes"], || {
        "the replicas of a program are processes already; they need no other".into()
    })?;
    for (index, fault) in spec.fault.iter().enumerate() {
        check_fault(spec, fault, &chosen, registry, &index.to_string())?;
    }
    spec.host.0.iter().try_for_each(|&host| check_downs(spec, host))?;
    check_expectations(spec, &chosen)?;
    points(spec)?;
    Ok(chosen)
}

fn check_top(spec: &Spec) -> Checked {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let named = !spec.name.is_empty() && spec.name.len() <= 100 && spec.name.chars().all(plain);
    ensure(named, &["name"], || {
        format!("`{}` names no folder: letters, digits, `-` and `_` do, 1 to 100", spec.name)
    })?;
    let hosts = &spec.host.0;
    ensure(!hosts.is_empty() && repeated(hosts).is_none(), &["host"], || {
        "hosts must be distinct, and one at least".into()
    })?;
    ensure(!spec.sample.is_zero(), &["sample"], || "an interval must have a length".into())?;
    ensure(!spec.stop.after.is_zero(), &["stop", "after"], || "a run must have a length".into())?;
    let longest = Span::seconds(YEARS_MAX * 365 * 24 * 3600);
    ensure(spec.stop.after <= longest, &["stop", "after"], || {
        format!("a run lasts {YEARS_MAX} years at most")
    })?;
    for (key, count) in [("blocks", spec.stop.blocks), ("transactions", spec.stop.transactions)] {
        ensure(count != Some(0), &["stop", key], || {
            format!("a run with 0 {key} is over before it begins: 1 at least")
        })?;
    }
    let samples = spec.stop.after.0 / spec.sample.0;
    let most = SAMPLES_MAX.min(HEIGHTS_MAX / u64::from(spec.cluster.nodes.max(1)));
    ensure(samples <= most, &["sample"], || {
        format!(
            "{samples} intervals of {} in {}; {most} at most with {} replicas",
            spec.sample, spec.stop.after, spec.cluster.nodes
        )
    })
}

/// The first value of a list that stands in it before.
pub(super) fn repeated<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter().enumerate().find(|(i, value)| list[..*i].contains(value)).map(|(_, value)| value)
}

fn distinct(replicas: &[u16], path: &[&str]) -> Checked {
    repeated(replicas)
        .map_or(Ok(()), |twice| Err(Wrong::new(path, format!("replica {twice} is named twice"))))
}

fn in_range(spec: &Spec, replicas: &[u16], path: &[&str]) -> Checked {
    let nodes = spec.cluster.nodes;
    let stranger = replicas.iter().find(|&&replica| replica >= nodes);
    stranger.map_or(Ok(()), |replica| {
        let title = format!("there is no replica {replica}: they are 0 to {}", nodes - 1);
        Err(Wrong::new(path, title))
    })
}
