//! What an experiment file means: [`Experiment`], a list of [`Case`]s to run.
//!
//! A case is one run: one point of the sweep, one protocol, one host, one seed, every default filled in.

mod check;
mod edits;
mod stall;
mod sweep;

use std::sync::Arc;

use byzlab_core::{Entry, Registry};
use indexmap::IndexMap;
use serde::Deserialize;
use toml::{Table, Value};

pub use check::RUNS_MAX;
use check::{Chosen, Wrong, check, check_shape};
use edits::Edited;
pub use stall::Stall;

use crate::{
    host::quic,
    record::Identity,
    spec::{Edit, Host, OneOrMany, Problem, Source, Spec},
};

/// A resolved experiment.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The file with edits made and defaults filled in; the sweep still stands in it.
    pub spec: Spec,
    /// `spec` as a file: gives the same cases again.
    pub resolved: String,
    /// The runs, in order of number: by point, protocol, host, seed.
    pub cases: Vec<Case>,
    /// What was done for the sake of the command line's edits beside making them, a line each.
    pub said: Vec<String>,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its number.
    pub run: usize,
    /// What plots call its protocol.
    pub label: String,
    /// What the sweep sets here.
    pub point: IndexMap<String, serde_json::Value>,
    /// Where it runs.
    pub host: Host,
    /// Its seed.
    pub seed: u64,
    /// Its protocol.
    pub entry: Entry,
    /// The protocol's parameters, every default filled in.
    pub params: Table,
    /// Where the names of protocols are looked up.
    pub registry: Arc<Registry>,
    /// Everything else, the point's assignments made.
    pub spec: Arc<Spec>,
}

impl Case {
    /// What the run is, for its record.
    pub fn identity(&self) -> Identity {
        let spec = &self.spec;
        let (scheme, durability) = match self.host {
            Host::Sim => (spec.cluster.scheme, None),
            Host::Quic => (quic::scheme(spec), Some(spec.quic.durability.to_string())),
        };
        Identity {
            run: self.run,
            label: self.label.clone(),
            point: self.point.clone(),
            protocol: self.entry.name.to_owned(),
            host: self.host.name().to_owned(),
            nodes: spec.cluster.nodes,
            seed: self.seed,
            client_signatures: spec.cluster.client_signatures,
            scheme: scheme.name().to_owned(),
            durability,
            load: (spec.load.from, spec.load.until.unwrap_or(spec.stop.after)),
        }
    }
}

impl Experiment {
    /// Reads an experiment file, makes the edits of the command line, and resolves what comes out.
    pub fn load(source: &Source, edits: &[Edit], registry: &Registry) -> Result<Self, Problem> {
        let plain = source.table()?;
        let Edited { table, said } = edits::made(source, &plain, edits)?;
        let (mut spec, chosen) = interpret(&table, registry)
            .map_err(|wrong| edits::fault(wrong, source, &plain, edits, registry))?;
        let cases = cases_of(&table, &spec, registry, source)?;
        if !sweeps_protocols(&spec) {
            spec.protocol = OneOrMany(chosen.iter().map(Chosen::to_table).collect());
        }
        let resolved = toml::to_string(&spec)
            .map_err(|e| Problem::new(format!("cannot write the resolved file: {e}")))?;
        Ok(Self { spec, resolved, cases, said })
    }
}

/// A sweep over names has parameters that not every point knows; they are resolved at each point.
fn sweeps_protocols(spec: &Spec) -> bool {
    let names = |key: &String| key.starts_with("protocol") && key.ends_with("name");
    let inner = |value: &Value| {
        value.as_table().is_some_and(|t| {
            t.values()
                .any(|named| named.as_table().is_some_and(|settings| settings.keys().any(names)))
        })
    };
    spec.sweep.iter().any(|(key, value)| names(key) || inner(value))
}

fn interpret(table: &Table, registry: &Registry) -> Result<(Spec, Vec<Chosen>), Wrong> {
    check_shape(table)?;
    let spec = Spec::deserialize(Value::Table(table.clone()));
    let spec = spec.map_err(|e| Wrong::new(&[], e.message().to_owned()))?;
    let chosen = check(&spec, registry)?;
    Ok((spec, chosen))
}

fn cases_of(
    table: &Table,
    spec: &Spec,
    registry: &Registry,
    source: &Source,
) -> Result<Vec<Case>, Problem> {
    let mut cases = Vec::new();
    let known = Arc::new(registry.clone());
    for point in sweep::points(spec).map_err(|wrong| wrong.shown_in(source))? {
        let mut here = table.clone();
        let blame = |problem: Problem| {
            let alone = |(_, edit): &&(String, Edit)| {
                let mut alone = table.clone();
                edit.apply(&mut alone).is_err() || interpret(&alone, registry).is_err()
            };
            let guilty = point.edits.iter().find(alone).or(point.edits.first());
            let key = guilty.map_or("", |(key, _)| key.as_str());
            let set = point.edits.iter().map(|(_, e)| format!("{} = {}", e.key, e.value));
            let set = set.collect::<Vec<_>>().join(", ");
            problem.note(format!("in the sweep, at {set}")).at(source.problem(&["sweep", key], ""))
        };
        for (_, edit) in &point.edits {
            edit.apply(&mut here).map_err(blame)?;
        }
        let (spec, chosen) = interpret(&here, registry).map_err(|wrong| {
            match wrong.path.is_empty() || !point.edits.is_empty() {
                true => blame(wrong.into_problem()),
                false => wrong.shown_in(source),
            }
        })?;
        let spec = Arc::new(spec);
        for protocol in &chosen {
            for &host in &spec.host.0 {
                for &seed in &spec.seeds.0 {
                    cases.push(Case {
                        run: cases.len(),
                        label: protocol.label.clone(),
                        point: point.label.clone(),
                        host,
                        seed,
                        entry: protocol.entry,
                        params: protocol.params.clone(),
                        registry: known.clone(),
                        spec: sweep::drawn(&spec, protocol.entry, &protocol.params, seed),
                    });
                }
            }
        }
        if cases.len() > RUNS_MAX {
            return Err(Problem::new(format!("more than {RUNS_MAX} runs")));
        }
    }
    Ok(cases)
}

fn json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_else(|_| value.to_string().into())
}
