//! Whether a spec makes sense: what TOML and types cannot say.

use std::collections::BTreeMap;

use byzlab_accel::THREADS_MAX;
use byzlab_core::{
    BuildError, Committee, Entry, Registry, ReplicaId, Saved, Scheme, Seat, Signer, Span,
};
use toml::{Table, Value};

use super::sweep::points;
use crate::{
    process, profiles,
    spec::{Fault, FaultKind, Host, Latency, Problem, Source, Spec},
};

/// The most runs of one experiment.
pub const RUNS_MAX: usize = 1_000_000;
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

/// A protocol of the experiment, its parameters resolved.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) entry: Entry,
    pub(super) label: String,
    pub(super) params: Table,
}

impl Chosen {
    /// As a `[[protocol]]` table.
    pub(super) fn to_table(&self) -> Table {
        let mut table = Table::new();
        table.insert("name".into(), self.entry.name.into());
        table.insert("label".into(), self.label.clone().into());
        table.extend(self.params.clone());
        table
    }
}

pub(super) fn ensure(holds: bool, path: &[&str], title: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Wrong::new(path, title())) }
}

/// Checks everything; gives the protocols.
pub(super) fn check(spec: &Spec, registry: &Registry) -> Result<Vec<Chosen>, Wrong> {
    check_top(spec)?;
    check_cluster(spec)?;
    check_load(spec)?;
    check_latency(spec)?;
    check_hosts(spec)?;
    check_model(spec)?;
    let chosen = protocols(spec, registry)?;
    let programs = chosen.iter().any(|c| c.entry.name == process::ENTRY.name);
    ensure(!(spec.quic.processes && programs), &["quic", "processes"], || {
        "the replicas of a program are processes already; they need no other".into()
    })?;
    for (index, fault) in spec.fault.iter().enumerate() {
        check_fault(spec, fault, registry, &index.to_string())?;
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
    let distinct = spec.host.0.iter().enumerate().all(|(i, h)| !spec.host.0[..i].contains(h));
    ensure(!spec.host.0.is_empty() && distinct, &["host"], || {
        "hosts must be distinct, and one at least".into()
    })?;
    ensure(!spec.sample.is_zero(), &["sample"], || "an interval must have a length".into())?;
    ensure(!spec.stop.after.is_zero(), &["stop", "after"], || "a run must have a length".into())?;
    let samples = spec.stop.after.0 / spec.sample.0;
    let heights = samples * u64::from(spec.cluster.nodes);
    ensure(samples <= SAMPLES_MAX && heights <= HEIGHTS_MAX, &["sample"], || {
        format!(
            "{samples} intervals of {} in {}; {SAMPLES_MAX} at most",
            spec.sample, spec.stop.after
        )
    })
}

fn check_cluster(spec: &Spec) -> Checked {
    let cluster = &spec.cluster;
    ensure(cluster.nodes > 0, &["cluster", "nodes"], || "there must be a replica".into())?;
    for (key, replicas) in [("silent", &cluster.silent), ("twins", &cluster.twins)] {
        in_range(spec, replicas, &["cluster", key])?;
        ensure(
            replicas.is_empty() || !spec.host.0.contains(&Host::Quic),
            &["cluster", key],
            || format!("`{key}` is possible in simulation only"),
        )?;
    }
    if let Some(degree) = spec.network.peers {
        let (n, d) = (u32::from(cluster.nodes), u32::from(degree));
        ensure(d > 0 && d < n && n * d % 2 == 0, &["network", "peers"], || {
            format!(
                "no graph of {n} replicas gives each {d} peers: 1 to {}, and an even sum",
                n - 1
            )
        })?;
    }
    let powers = spec.mining.hash_power.0.len();
    ensure(powers == 1 || powers == usize::from(cluster.nodes), &["mining", "hash_power"], || {
        format!("{powers} hash powers for {} replicas: give one, or one each", cluster.nodes)
    })
}

fn in_range(spec: &Spec, replicas: &[u16], path: &[&str]) -> Checked {
    let nodes = spec.cluster.nodes;
    let stranger = replicas.iter().find(|&&replica| replica >= nodes);
    stranger.map_or(Ok(()), |replica| {
        let title = format!("there is no replica {replica}: they are 0 to {}", nodes - 1);
        Err(Wrong::new(path, title))
    })
}

fn check_load(spec: &Spec) -> Checked {
    let load = &spec.load;
    ensure(load.rate.is_none() || load.outstanding.is_none(), &["load", "outstanding"], || {
        "an open loop has a `rate`, a closed one `outstanding`; not both".into()
    })?;
    ensure(load.rate != Some(0), &["load", "rate"], || "no load is `clients = 0`".into())?;
    ensure(load.outstanding != Some(0), &["load", "outstanding"], || {
        "no load is `clients = 0`".into()
    })?;
    ensure(load.until.is_none_or(|until| load.from < until), &["load", "until"], || {
        "clients must begin before they stop".into()
    })?;
    ensure(load.until.is_none_or(|until| until <= spec.stop.after), &["load", "until"], || {
        format!("the run ends before, after {}", spec.stop.after)
    })?;
    ensure(!load.retry.is_zero(), &["load", "retry"], || "a retry at once would never end".into())?;
    let most = byzlab_core::transaction::BATCH_BYTES_MAX / 2;
    ensure(load.transaction_bytes as usize <= most, &["load", "transaction_bytes"], || {
        format!("a transaction has {most} bytes at most")
    })
}

fn check_latency(spec: &Spec) -> Checked {
    crate::host::sim::delay(&spec.network.latency)
        .map(|_| ())
        .map_err(|why| Wrong::new(&["network", "latency"], why))?;
    let jitter =
        matches!(spec.network.latency, Latency::Constant(_)) || spec.network.jitter.is_zero();
    ensure(jitter || spec.network.jitter < Span::seconds(3600), &["network", "jitter"], || {
        "jitter of an hour".into()
    })
}

fn check_hosts(spec: &Spec) -> Checked {
    if !spec.host.0.contains(&Host::Quic) {
        return Ok(());
    }
    let stop = &spec.stop;
    let only = |key: &str| format!("`{key}` ends a run in simulation only");
    ensure(stop.blocks.is_none(), &["stop", "blocks"], || only("blocks"))?;
    ensure(stop.transactions.is_none(), &["stop", "transactions"], || only("transactions"))?;
    let payload = spec.quic.udp_payload;
    ensure((1200..=6000).contains(&payload), &["quic", "udp_payload"], || {
        format!("a payload of {payload} bytes; 1200 to 6000 are possible")
    })
}

fn check_model(spec: &Spec) -> Checked {
    ensure(
        spec.accelerator.threads.is_none_or(|n| n.get() <= THREADS_MAX),
        &["accelerator", "threads"],
        || format!("an accelerator has {THREADS_MAX} threads at most"),
    )?;
    let Some(name) = &spec.accelerator.model else { return Ok(()) };
    let known = spec.accelerator.profiles.contains_key(name) || profiles::builtin(name).is_some();
    ensure(known, &["accelerator", "model"], || {
        format!("no machine is called `{name}`: there are {}", profiles::known())
    })
}

fn protocols(spec: &Spec, registry: &Registry) -> Result<Vec<Chosen>, Wrong> {
    let many = spec.protocol.0.len() > 1;
    let mut all: Vec<Chosen> = Vec::new();
    for (index, table) in spec.protocol.0.iter().enumerate() {
        let index = index.to_string();
        let path = if many { vec!["protocol", &index] } else { vec!["protocol"] };
        let chosen = choose(table, registry, &path)?;
        take_a_seat(spec, &chosen, &path)?;
        let double = all.iter().any(|other| other.label == chosen.label);
        ensure(!double, &[&path[..], &["label"]].concat(), || {
            format!("two protocols are labelled `{}`; give one another `label`", chosen.label)
        })?;
        all.push(chosen);
    }
    ensure(!all.is_empty(), &["protocol"], || "there must be a protocol".into())?;
    Ok(all)
}

/// One protocol of the file. Parameters are resolved one by one first, so that an error has a place.
fn choose(table: &Table, registry: &Registry, path: &[&str]) -> Result<Chosen, Wrong> {
    let at = |key: &str| -> Vec<String> {
        path.iter().map(|&step| step.to_owned()).chain([key.to_owned()]).collect()
    };
    let wrong = |key: &str, title: String| Wrong { path: at(key), title, notes: Vec::new() };
    let mut params = table.clone();
    process::name_it(&mut params);
    let name = match params.remove("name") {
        Some(Value::String(name)) => name,
        Some(other) => {
            return Err(wrong("name", format!("a name is a string, not {}", other.type_str())));
        }
        None => return Err(wrong("", "a protocol needs a `name`".into())),
    };
    let entry = registry.find(&name).map_err(|e| wrong("name", e.to_string()))?;
    let label = match params.remove("label") {
        Some(Value::String(label)) => label,
        Some(other) => {
            return Err(wrong("label", format!("a label is a string, not {}", other.type_str())));
        }
        None => name,
    };
    for (key, value) in &params {
        let alone = Table::from_iter([(key.clone(), value.clone())]);
        entry.resolve(&alone).map_err(|e| {
            let help = format!("`byzlab protocols {}` explains the parameters", entry.name);
            wrong(key, in_words(&e.to_string(), key)).note(help)
        })?;
    }
    let params = entry.resolve(&params).map_err(|e| wrong("", e.to_string()))?;
    Ok(Chosen { entry, label, params })
}

/// Serde's message about a value, with the key that it is about.
fn in_words(message: &str, key: &str) -> String {
    if message.starts_with("unknown") { message.to_owned() } else { format!("`{key}`: {message}") }
}

/// A protocol may refuse parameters that are each right alone, or a committee of this size.
fn take_a_seat(spec: &Spec, chosen: &Chosen, path: &[&str]) -> Checked {
    let signer = |i| Signer::seeded(Scheme::Simulated, 0, &format!("replica/{i}"));
    let keys = (0..spec.cluster.nodes).map(|i| signer(i).public()).collect();
    let committee = Committee::new("check", keys, spec.cluster.client_signatures);
    let wrong = |e: BuildError| Wrong::new(path, format!("`{}`: {e}", chosen.label));
    let committee = chosen.entry.equip(committee, &chosen.params, Scheme::Simulated, 0);
    let committee = committee.map_err(wrong)?;
    let seat = Seat::new(ReplicaId(0), committee.into());
    let nothing_saved = seat.committee.clone();
    let built = chosen.entry.build(seat, signer(0), &chosen.params, Saved::nothing(&nothing_saved));
    built.map(|_| ()).map_err(wrong)
}

fn check_fault(spec: &Spec, fault: &Fault, registry: &Registry, index: &str) -> Checked {
    let at = |key: &'static str| ["fault", index, key];
    let kind = format!("{:?}", fault.kind).to_lowercase();
    let takes = |key: &'static str, given: bool, wanted: bool| match (given, wanted) {
        (true, false) => Err(Wrong::new(&at(key), format!("a {kind} takes no `{key}`"))),
        (false, true) => Err(Wrong::new(&at("kind"), format!("a {kind} needs `{key}`"))),
        _ => Ok(()),
    };
    use FaultKind::{Attack, Hunt, Partition, Silent, Slow};
    let lot = fault.drawn.is_some();
    takes("drawn", lot, lot && matches!(fault.kind, FaultKind::Crash | Silent | Slow))?;
    takes("replica", fault.replica.is_some(), !matches!(fault.kind, Partition | Hunt) && !lot)?;
    takes("groups", fault.groups.is_some(), fault.kind == Partition)?;
    takes("factor", fault.factor.is_some(), fault.kind == Slow)?;
    takes("by", fault.by.is_some(), fault.kind == Hunt)?;
    takes("protocol", fault.protocol.is_some(), fault.kind == Attack)?;
    if !matches!(fault.kind, Silent | Partition | Slow | Hunt) {
        takes("until", fault.until.is_some(), false)?;
    }
    in_range(spec, fault.replicas(), &at("replica"))?;
    ensure(fault.drawn.is_none_or(|d| d.fits(spec.cluster.nodes)), &at("drawn"), || {
        format!("as many cannot be drawn from {} replicas", spec.cluster.nodes)
    })?;
    in_range(
        spec,
        &fault.groups.iter().flatten().flatten().copied().collect::<Vec<_>>(),
        &at("groups"),
    )?;
    ensure(fault.factor != Some(0), &at("factor"), || "a factor is at least 1".into())?;
    ensure(fault.by != Some(Span::ZERO), &at("by"), || {
        "a hunt holds back by more than 0 s".into()
    })?;
    ensure(fault.at < spec.stop.after, &at("at"), || {
        format!("the run is over then, after {}", spec.stop.after)
    })?;
    ensure(fault.until.is_none_or(|until| fault.at < until), &at("until"), || {
        "it must begin before it ends".into()
    })?;
    if let Some(table) = &fault.protocol {
        choose(table, registry, &at("protocol"))?;
    }
    let here = spec.host.0.iter().filter(|&&host| fault.is_for(host));
    for host in here {
        ensure(fault.kind.hosts().contains(host), &at("kind"), || {
            format!("a {kind} is not possible on `{}`", host.name())
        })
        .map_err(|wrong| {
            wrong.note(format!("limit it with host = \"{}\"", fault.kind.hosts()[0].name()))
        })?;
    }
    Ok(())
}

/// A replica must be up to crash, and down to start again or to be tampered with.
fn check_downs(spec: &Spec, host: Host) -> Checked {
    let mut down: BTreeMap<u16, bool> = BTreeMap::new();
    let mut faults: Vec<_> =
        spec.fault.iter().enumerate().filter(|(_, f)| f.is_for(host)).collect();
    faults.sort_by_key(|(_, fault)| fault.at);
    for (index, fault) in faults {
        let index = index.to_string();
        for &replica in fault.replicas() {
            let is_down = down.entry(replica).or_default();
            let (fits, state) = match fault.kind {
                FaultKind::Crash => (!*is_down, "down already"),
                FaultKind::Restart | FaultKind::Tamper => (*is_down, "not down"),
                _ => continue,
            };
            ensure(fits, &["fault", &index, "at"], || {
                format!("replica {replica} is {state} at {}", fault.at)
            })?;
            match fault.kind {
                FaultKind::Crash => *is_down = true,
                FaultKind::Restart => *is_down = false,
                _ => {}
            }
        }
    }
    Ok(())
}

fn check_expectations(spec: &Spec, chosen: &[Chosen]) -> Checked {
    for (index, expectation) in spec.expect.iter().enumerate() {
        let index = index.to_string();
        let at = |key: &'static str| ["expect", &index, key];
        let property = expectation.property;
        let bounded = expectation.at_least.is_some() || expectation.at_most.is_some();
        ensure(bounded || !property.needs_bound(), &at("property"), || {
            format!("`{}` is a figure: give `at_least` or `at_most`", property.name())
        })?;
        ensure(expectation.replica.is_some() == property.needs_replica(), &at("property"), || {
            let word = if property.needs_replica() { "needs a" } else { "is about no one" };
            format!("`{}` {word} `replica`", property.name())
        })?;
        let replicas: Vec<u16> = expectation.replica.into_iter().collect();
        in_range(spec, &replicas, &at("replica"))?;
        for name in expectation.protocol.iter().flat_map(|names| &names.0) {
            let is_it = |c: &Chosen| c.label == *name || c.entry.name == name;
            ensure(chosen.iter().any(is_it) || !spec.sweep.is_empty(), &at("protocol"), || {
                let known: Vec<_> = chosen.iter().map(|c| c.label.as_str()).collect();
                format!("unknown protocol `{name}`; known are {}", known.join(", "))
            })?;
        }
        let (from, until) = (expectation.from.unwrap_or_default(), expectation.until);
        ensure(until.is_none_or(|until| from < until), &at("until"), || {
            "the stretch must begin before it ends".into()
        })?;
    }
    Ok(())
}
